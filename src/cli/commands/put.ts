import { limits } from "../../limits.js";
import type { Invocation } from "../command.js";
import { readInput } from "../input.js";
import { carryOut, heldLine, operationJson, withWriter } from "../writing.js";

/** `hawser put NAME ID [FILE|-]`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const [name, id] = [args.argument("NAME"), args.argument("ID")];
  const data = await readInput(invocation, args.optionalArgument("FILE"), limits.recordDataMaxBytes);
  return withWriter(invocation, async (writing) => {
    const { writer, writeOptions } = writing;
    const plan = await writer.plan.putMutable(name, id, data, { ...writeOptions, delegate: args.isSet("delegate") });
    const carried = await carryOut(invocation, writing, plan);
    if (carried === null) return 0;
    const { record, route } = carried.handle;
    const { ver } = record;
    if (output.json) {
      await output.document({ name, id, ver, epoch: route.epoch, bytes: data.length, ...operationJson(carried) });
    } else await output.line(`${id} of ${name} has version ${ver}, ${heldLine(carried.handle)}`);
    return 0;
  });
}
