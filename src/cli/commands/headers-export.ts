import { concatBytes } from "../../bytes/bytes.js";
import { getNetwork } from "../../chain/network.js";
import { checkedCache } from "../../client/checked-cache.js";
import { exportChain } from "../../client/header-sync.js";
import { StoredHeaders } from "../../client/stored-headers.js";
import { cacheMiss } from "../../errors.js";
import { systemClock } from "../../runtime/clock.js";
import type { Invocation } from "../command.js";
import { loadSettings } from "../config.js";
import { writeFileAtomically } from "../files.js";
import { integerFlag } from "../integer-flag.js";
import { createCache } from "../reading.js";
import { count } from "../text.js";

/** `hawser headers export FILE`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, environment, output } = invocation;
  const file = args.argument("FILE");
  const settings = await loadSettings(args, environment);
  const cache = createCache(settings.cache);
  try {
    const chain = await new StoredHeaders(checkedCache(cache), getNetwork(settings.network), systemClock).load();
    const first = chain.baseHeight + 1;
    if (chain.tipHeight < first) {
      output.hint("hawser headers sync gets them.");
      throw cacheMiss("headers", `of ${settings.network}`);
    }
    const from = integerFlag(invocation, "from", first, chain.tipHeight) ?? first;
    const bytes = concatBytes(...exportChain(chain, from));
    await writeFileAtomically(file, bytes);
    const { tipHeight: height, tipHash: hash } = chain;
    if (output.json) await output.document({ file, from, height, hash, bytes: bytes.length });
    else await output.line(`${file} holds ${count(height - from + 1, "header")}, ${from} to ${height} ${hash}`);
    return 0;
  } finally {
    await cache.close();
  }
}
