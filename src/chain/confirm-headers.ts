import { encodeHex, reversed } from "../bytes/hex.js";
import { hashHeader } from "./header.js";
import type { HeaderChain } from "./header-chain.js";
import { askHeaders } from "./source-calls.js";
import type { Tips } from "./sync-headers.js";
import { firstAnswer, type Panel } from "./union.js";

/**
 * The greatest height at which a chain source has the same block as `chain`; `from - 1` where none has from there on.
 * Looks at the tip first and then ever further down, so that a fork near the tip costs few questions and no more than
 * the headers above the place that is found.
 *
 * @throws NETWORK_ABORTED
 */
export async function confirmedHeight(panel: Panel, tips: Tips, chain: HeaderChain, from: number): Promise<number> {
  let height = chain.tipHeight;
  for (let step = 1; height >= from; step *= 2) {
    const at = height;
    const seats = panel.seats.filter((_, i) => (tips[i]?.height ?? -1) >= at);
    const confirmed = await firstAnswer(panel, seats, async (seat) => {
      const header = await askHeaders(panel, seat, at, 1);
      return header !== null && encodeHex(reversed(hashHeader(header))) === chain.hashAt(at) ? true : null;
    });
    if (confirmed === true) return at;
    height -= step;
  }
  return from - 1;
}
