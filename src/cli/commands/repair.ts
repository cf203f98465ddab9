import type { Invocation } from "../command.js";
import { tellCopied, tellItem } from "../copying.js";
import { integerFlag } from "../integer-flag.js";
import { withReader } from "../reading.js";
import { writableStores } from "./mirror.js";

/** `hawser repair NAME`. */
export async function run(invocation: Invocation): Promise<number> {
  const name = invocation.args.argument("NAME");
  const maxParallel = integerFlag(invocation, "parallel", 1, 256);
  return withReader(invocation, async (reading) => {
    const to = writableStores(reading);
    const onItem = tellItem(invocation);
    const result = await reading.reader.repair(name, { ...reading.options, to, maxParallel, onItem });
    return tellCopied(invocation, name, result);
  });
}
