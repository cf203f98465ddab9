import { unreachable } from "../bytes/guards.js";
import type { Network } from "../chain/network.js";
import { limits } from "../limits.js";
import { fetchRecordReplies } from "../mutable/get.js";
import type { RecordContext } from "../mutable/record.js";
import type { Name } from "../name/name.js";
import { stateFromStored } from "../name/select-stored.js";
import type { ThreadState } from "../name/thread.js";
import type { Route } from "../profile/entry.js";
import { getEntry } from "../profile/index-tree.js";
import type { ReplicaReply } from "../route/fetch.js";
import { cachedNodeLoader, cachedProfile } from "./documents.js";
import { meetsExpectation } from "./expectation.js";
import type { MutableReadOptions } from "./read-options.js";
import type { ReaderCore, Session } from "./reader-core.js";

/** A record that was asked for before the name was resolved, and what it was asked for. */
export interface EarlyReplies {
  readonly key: string;
  readonly replies: Promise<readonly ReplicaReply[]>;
}

/**
 * Asks for the record beside the chain, by the route that the cache still knows. The answer is used only if the chain
 * confirms that route: one round trip instead of two where nothing changed.
 */
export async function askEarly(
  core: ReaderCore,
  name: Name,
  id: string,
  session: Session,
  options: MutableReadOptions,
): Promise<EarlyReplies | null> {
  const { network, minConfirmations, storage, urlReader, clock, policy } = core.parts;
  const [chain, stored] = await Promise.all([core.chain(), core.storedName(name)]);
  const state = stateFromStored({ network, name, chain, stored, clock }, minConfirmations);
  if (state === null || state.profileHash === null || state.tenure === null) return null;
  if (!meetsExpectation(state, session.expect)) return null;
  const profile = await cachedProfile(core, name, state.profileHash);
  if (profile === null) return null;
  const found = await getEntry(profile.index, `m:${id}`, cachedNodeLoader(core)).catch(() => null);
  const entry = found?.entry;
  if (entry === undefined || entry === null || !("route" in entry)) return null;
  // A guess must not use up what the read itself may ask for (U1).
  if (storage.length + entry.route.urls.length > limits.readMaxRequests / 4) return null;
  const replies = fetchRecordReplies({
    context: contextOf(network, name, state, entry.route),
    route: entry.route,
    storage,
    urlReader,
    clock,
    budget: session.budget,
    policy,
    signal: session.signal,
    maxReplicas: options.replicas,
    maxDataBytes: options.maxBytes,
    given: session.hint.bundle?.reply(id, options.maxBytes),
  });
  return { key: placesOf(entry.route), replies };
}

/** What the records of a route are signed for (M4). */
export function contextOf(network: Network, name: Name, { tenure }: ThreadState, { id, epoch }: Route): RecordContext {
  return { network, name, tenure: tenure ?? unreachable("a profile of a name that nobody holds"), id, epoch };
}

/** What decides where the records of an id are looked for, beside the name, the id and the reader's own storage. */
export function placesOf({ epoch, urls }: Route): string {
  return JSON.stringify([epoch, urls]);
}
