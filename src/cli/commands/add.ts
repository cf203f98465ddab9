import { limits } from "../../limits.js";
import type { Invocation } from "../command.js";
import { readInput } from "../input.js";
import { integerFlag } from "../integer-flag.js";
import { carryOut, heldLine, operationJson, withWriter } from "../writing.js";

/** `hawser add NAME FILE`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  const data = await readInput(invocation, args.argument("FILE"), limits.objectMaxBytes);
  return withWriter(invocation, async (writing) => {
    const plan = await writing.writer.plan.putImmutable(name, data, {
      ...writing.writeOptions,
      type: args.text("type"),
      fileName: args.text("file-name"),
      rebase: integerFlag(invocation, "rebase", 0, 100),
      txid: args.text("txid"),
    });
    const carried = await carryOut(invocation, writing, plan);
    if (carried === null) return 0;
    const { key, content } = carried.handle;
    if (output.json) await output.document({ name, key, content, ...operationJson(carried) });
    else {
      await output.line(key);
      await output.note(`${data.length} bytes of ${name}, ${heldLine(carried.handle)}`);
    }
    return 0;
  });
}
