import { limits } from "../../limits.js";
import type { Invocation } from "../command.js";
import { readInput } from "../input.js";
import { integerFlag } from "../integer-flag.js";
import { carryOut, heldLine, operationJson, withWriter } from "../writing.js";

/** `hawser put NAME ID [FILE|-]`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const [name, id] = [args.argument("NAME"), args.argument("ID")];
  const data = await readInput(invocation, args.optionalArgument("FILE"), limits.recordDataMaxBytes);
  return withWriter(invocation, async (writing) => {
    const { writer, writeOptions } = writing;
    const plan = await writer.plan.putMutable(name, id, data, {
      ...writeOptions,
      delegate: args.isSet("delegate"),
      create: !args.isSet("no-create"),
      version: integerFlag(invocation, "version", 1),
      maxAgeMs: maxAge(invocation),
      rebase: integerFlag(invocation, "rebase", 0, 100),
      txid: args.text("txid"),
    });
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

/** "none" takes the limit away. */
function maxAge(invocation: Invocation): number | null | undefined {
  return invocation.args.text("max-age") === "none" ? null : integerFlag(invocation, "max-age", 1);
}
