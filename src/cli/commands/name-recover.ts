import type { Invocation } from "../command.js";
import { carryOut, operationJson, withWriter } from "../writing.js";

/** `hawser name recover NAME`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  return withWriter(invocation, async (writing) => {
    const plan = await writing.writer.plan.recoverName(name, writing.writeOptions);
    if (plan.transactions.length === 0)
      await output.note(`Going on with the recovery of ${name} that was begun before.`);
    const carried = await carryOut(invocation, writing, plan);
    if (carried === null) return 0;
    if (output.json) await output.document({ name, ...operationJson(carried) });
    else if (carried.handle.state === "done") await output.line(`${name} has its seal again and can be changed`);
    else await output.line(`${name} is being recovered`);
    return 0;
  });
}
