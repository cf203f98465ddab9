import { getNetwork } from "../../chain/network.js";
import { verifyHeaders } from "../../chain/verify-header-bytes.js";
import { systemClock } from "../../runtime/clock.js";
import type { Invocation } from "../command.js";
import { loadNetwork } from "../config.js";
import { readFileAtMost } from "../files.js";
import { integerFlag } from "../integer-flag.js";

/** bytes - 80 years of headers. */
const MAX_BYTES = 512 * 1024 * 1024;

/** `hawser headers verify FILE`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, environment, output } = invocation;
  const network = await loadNetwork(args, environment);
  const start = integerFlag(invocation, "start", 0, getNetwork(network).checkpoint.height + 1);
  const bytes = await readFileAtMost(args.argument("FILE"), MAX_BYTES);
  const verified = verifyHeaders(bytes, { network, start, nowMs: systemClock.nowMs() });
  if (output.json) {
    await output.document(verified);
    return 0;
  }
  await output.table([
    ["network", network],
    ["headers", `${verified.start} to ${verified.height}`],
    ["hash", verified.hash],
    ["time", new Date(verified.time * 1000).toISOString()],
    ["work", verified.work],
  ]);
  if (verified.weakStart) await output.note("Weak start: work counts from the checkpoint, whose own is not known.");
  if (verified.signaturesUnchecked) await output.note("Block signatures are not in headers and were not checked.");
  return 0;
}
