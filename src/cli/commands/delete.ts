import type { RemovalOutcome } from "../../writer.js";
import type { Invocation } from "../command.js";
import type { Cell, Output } from "../output.js";
import { count } from "../text.js";
import { carryOut, operationJson, withWriter } from "../writing.js";

/** `hawser delete NAME KEY`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  const given = args.argument("KEY");
  const keepCopies = args.isSet("keep-copies");
  return withWriter(invocation, async (writing) => {
    const { writer, writeOptions } = writing;
    const options = { ...writeOptions, keepCopies };
    const plan = given.startsWith("i:")
      ? await writer.plan.deleteImmutable(name, given.slice(2), options)
      : await writer.plan.deleteMutable(name, given.replace(/^m:/, ""), options);
    const carried = await carryOut(invocation, writing, plan);
    if (carried === null) return 0;
    const { key, existed, removals, state } = carried.handle;
    if (output.json) await output.document({ name, key, existed, removals, ...operationJson(carried) });
    else if (!existed) await output.line(`${key} is not in the index of ${name}`);
    else {
      await output.line(state === "done" ? `${key} is deleted from ${name}` : `${key} is being deleted from ${name}`);
      if (state !== "done" && !keepCopies)
        await output.note(`Copies go once this is deep enough: hawser resume ${name}`);
    }
    await tellRemovals(output, removals);
    return 0;
  });
}

/** What stores made of the copies that they were to remove. */
export async function tellRemovals(output: Output, removals: readonly RemovalOutcome[]): Promise<void> {
  await output.notes(removals.map(removalRow));
  for (const { label, failed, attempt } of removals) {
    if (failed === 0) continue;
    const why = attempt === null ? "" : `: ${attempt.message}`;
    await output.warning(`hawser: warning: ${label} may still hold ${count(failed, "copy", "copies")}${why}`);
  }
}

function removalRow({ label, removed, kept, failed, attempt }: RemovalOutcome): readonly Cell[] {
  const parts = [
    removed > 0 ? `${removed} removed` : "",
    kept > 0 ? `${kept} kept` : "",
    failed > 0 ? `${failed} failed` : "",
  ];
  return [label, parts.filter((part) => part !== "").join(", "), attempt?.message ?? ""];
}
