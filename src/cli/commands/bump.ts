import type { Invocation } from "../command.js";
import { carryOut, operationJson, withWriter } from "../writing.js";

/** `hawser bump OPERATION`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const operation = args.argument("OPERATION");
  return withWriter(invocation, async (writing) => {
    const plan = await writing.writer.plan.bump(operation, writing.writeOptions);
    const carried = await carryOut(invocation, writing, plan);
    if (carried === null) return 0;
    const { bump, state } = carried.handle;
    if (output.json) await output.document({ bump, ...operationJson(carried) });
    else if (state === "done") await output.line("It is done");
    else await output.line(`Sent ${bump.txid}`);
    return 0;
  });
}
