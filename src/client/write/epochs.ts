import { HawserError, isHawserError } from "../../errors.js";
import { cachedEpochs } from "../../mutable/reserve.js";
import { mutableKey } from "../../profile/entry.js";
import { getEntries } from "../../profile/index-tree.js";
import { type Profile, parseProfile } from "../../profile/profile.js";
import { nextEpoch } from "../../route/route.js";
import { loadProfile } from "../documents.js";
import type { Session } from "../reader-core.js";
import type { WriteOptions } from "./plan.js";
import { loaderOf, type NamePosition } from "./position.js";
import type { WriterCore } from "./writer-core.js";

/**
 * M6: for each id an epoch above every life that it can have had, so that no earlier record can be shown under it. Waits
 * for a block where the last life is too recent.
 *
 * @throws CHAIN_TIMEOUT, NETWORK_ABORTED and what resolving throws
 */
export async function newEpochs(
  core: WriterCore,
  position: NamePosition,
  ids: readonly string[],
  options: WriteOptions,
): Promise<ReadonlyMap<string, number>> {
  const { network, cache, clock } = core.parts.core.parts;
  const { name, tenure, resolution } = position;
  const { tipHeight } = resolution.asOf;
  const recent = await recentEpochs(core, position, ids, options);
  const cached = await cachedEpochs(cache, { network, name, tenure }, ids);
  const epochs = new Map<string, number>();
  let waitFor = -1;
  for (const id of ids) {
    const knownEpochs = [...(recent.get(id) ?? []), ...(cached.get(id) ?? [])];
    const next = nextEpoch({ tipHeight, minConfirmations: network.minConfirmations, knownEpochs });
    epochs.set(id, next.epoch);
    waitFor = Math.max(waitFor, next.waitForTip ?? -1);
  }
  if (waitFor < 0) return epochs;
  const startedMs = clock.nowMs();
  for (;;) {
    const { asOf } = await core.session("The tip", options, (session) => core.parts.core.resolve(name, session));
    if (asOf.tipHeight >= waitFor) return epochs;
    const message = `Waiting for block ${waitFor}: the last life of what changes is too recent (tip ${asOf.tipHeight})`;
    options.onEvent?.({ stage: "wait", message });
    const waitedMs = clock.nowMs() - startedMs;
    if (options.timeoutMs !== undefined && waitedMs >= options.timeoutMs) {
      throw new HawserError("CHAIN_TIMEOUT", `Block ${waitFor} was not mined in time.`, { operation: name, waitedMs });
    }
    await clock.delay(core.parts.pollIntervalMs, options.signal);
  }
}

/** The epochs of the ids in the profiles of this thread's operations above b, pending ones included. */
async function recentEpochs(
  core: WriterCore,
  { name, resolution, stack }: NamePosition,
  ids: readonly string[],
  options: WriteOptions,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const found = new Map<string, number[]>(ids.map((id) => [id, []]));
  const add = (id: string, epoch: number): void => void found.get(id)?.push(epoch);
  const mined = resolution.recentOperations.flatMap(({ height, profileHash }) =>
    profileHash === null ? [] : [{ height, profileHash, bytes: null }],
  );
  const pending = stack.flatMap(({ profileHash, objects }) => {
    const bytes = objects.at(-1);
    return bytes === undefined ? [] : [{ height: resolution.asOf.tipHeight + 1, profileHash, bytes }];
  });
  for (const { height, profileHash, bytes } of [...mined, ...pending]) {
    const load = async (session: Session) =>
      bytes === null
        ? (await loadProfile(core.parts.core, session, name, profileHash)).value
        : parseProfile(bytes, name);
    const profile = await tolerant(() => core.session(`Earlier lives in ${name}`, options, load));
    if (profile === "refused") continue;
    for (const [id, epoch] of await epochsIn(core, profile, ids, options)) {
      // What nobody serves any more: a route in it has an epoch of at most its height, or is refused.
      if (epoch === "unknown") add(id, height);
      else if (epoch !== "refused" && epoch <= height) add(id, epoch);
    }
  }
  return found;
}

type Found = number | "unknown" | "refused";

/** The epochs that ids have in a profile; those that it does not hold are left out. */
async function epochsIn(
  core: WriterCore,
  profile: Profile | "unknown",
  ids: readonly string[],
  options: WriteOptions,
): Promise<ReadonlyMap<string, Found>> {
  if (profile === "unknown") return new Map(ids.map((id) => [id, "unknown"]));
  const look = (some: readonly string[]) =>
    tolerant(() => getEntries(profile.index, some.map(mutableKey), loaderOf(core, profile, options)));
  const all = await look(ids);
  const found = new Map<string, Found>();
  for (const id of ids) {
    // One node that cannot be had says nothing about the ids whose paths do not meet it.
    const entries = typeof all === "string" ? await look([id]) : all;
    if (typeof entries === "string") found.set(id, entries);
    else {
      const entry = entries.get(mutableKey(id));
      if (entry?.kind === "mutable") found.set(id, entry.route.epoch);
    }
  }
  return found;
}

/**
 * What readers refuse is `refused`: no record can be shown under it (M6). What could not be found out is `unknown`.
 *
 * @throws what is no answer of the world, such as NETWORK_ABORTED
 */
async function tolerant<T>(run: () => Promise<T>): Promise<T | "unknown" | "refused"> {
  try {
    return await run();
  } catch (error) {
    if (isHawserError(error, "PROFILE_INVALID") || isHawserError(error, "INDEX_INVALID")) return "refused";
    const isUnknown = isHawserError(error) && error.outcome === "unknown" && error.code !== "NETWORK_ABORTED";
    if (isUnknown) return "unknown";
    throw error;
  }
}
