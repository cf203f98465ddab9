import { readBatch } from "../batch-file.js";
import type { Invocation } from "../command.js";
import { count } from "../text.js";
import { carryOut, heldLine, operationJson, withWriter } from "../writing.js";
import { tellRemovals } from "./delete.js";

/** `hawser batch NAME FILE`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  const changes = await readBatch(invocation, args.argument("FILE"));
  return withWriter(invocation, async (writing) => {
    const batch = writing.writer.batch(name);
    for (const add of changes) add(batch);
    const plan = await batch.plan(writing.writeOptions);
    const carried = await carryOut(invocation, writing, plan);
    if (carried === null) return 0;
    const { results, removals } = carried.handle;
    if (output.json) await output.document({ name, results, removals, ...operationJson(carried) });
    else {
      for (const { key, ver } of results) await output.line(ver === null ? key : `${key}  version ${ver}`);
      await output.note(`${count(results.length, "change")} of ${name}, ${heldLine(carried.handle)}`);
    }
    await tellRemovals(output, removals);
    return 0;
  });
}
