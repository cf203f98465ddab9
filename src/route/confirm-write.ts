import { HawserError } from "../errors.js";
import type { StorageProvider } from "../ports.js";
import type { ProviderOutcome, WriteOptions } from "./provider-writes.js";

/**
 * The outcome of a write that a provider says it stored. Where the policy wants writes confirmed, it is read back: some
 * stores accept what they never show.
 *
 * @param look - the outcome as what lies there shows it, or null where that is not what was written
 * @throws STORAGE_LOST, NETWORK_ABORTED
 */
export async function confirmStored(
  { label }: StorageProvider,
  path: string,
  { policy, clock, signal }: WriteOptions,
  look: () => Promise<ProviderOutcome | null>,
): Promise<ProviderOutcome> {
  const stored: ProviderOutcome = { label, outcome: "stored", attempt: null };
  if (policy === undefined || !policy.settings.confirmWrites) return stored;
  const call = { place: label, operation: "write", clock } as const;
  let found = await look();
  if (found === null) {
    await clock.delay(policy.settings.confirmDelayMs, signal);
    found = await look();
  }
  if (found !== null) {
    if (found.outcome === "stored") policy.health?.forgive(call);
    return found;
  }
  const error = new HawserError("STORAGE_LOST", `${label} said that it stored ${path} and does not have it.`, {
    label,
    path,
  });
  (await policy.load())?.noteWrong(call, error, clock.nowMs());
  throw error;
}
