import type { Invocation } from "../command.js";
import { carryOut, operationJson, withWriter } from "../writing.js";

/** `hawser name renew NAME`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  return withWriter(invocation, async (writing) => {
    const { writer, reader, options, writeOptions } = writing;
    const plan = await writer.plan.renewName(name, writeOptions);
    if (plan.transactions.length === 0)
      await output.note(`Going on with the renewal of ${name} that was begun before.`);
    const carried = await carryOut(invocation, writing, plan);
    if (carried === null) return 0;
    const isDone = carried.handle.state === "done";
    const changesAtHeight = isDone ? (await reader.getName(name, options)).name.changesAtHeight : null;
    if (output.json) await output.document({ name, changesAtHeight, ...operationJson(carried) });
    else if (changesAtHeight === null) await output.line(`${name} is being renewed`);
    else await output.line(`${name} is renewed: it is active up to block ${changesAtHeight - 1}`);
    return 0;
  });
}
