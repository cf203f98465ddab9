import { equalBytes } from "../../bytes/bytes.js";
import { floorKey } from "../../mutable/floor.js";
import { raiseFloor, readFloor } from "../../mutable/floor-cache.js";
import type { PutRecord } from "../../mutable/put.js";
import { mutableKey, type Route } from "../../profile/entry.js";
import type { JournalEntry } from "./journal.js";
import type { NameBase } from "./position.js";
import type { WriterCore } from "./writer-core.js";

/**
 * Stores a record under a route that the index has, at depth or not yet. M7: under a route that readers do not see yet
 * the floor rises with the change that makes it.
 *
 * @param store - told whether to leave the floor alone
 */
export async function storeWithFloor(
  core: WriterCore,
  base: NameBase,
  route: Route,
  store: (deferFloor: boolean) => Promise<PutRecord>,
): Promise<PutRecord> {
  const touching = await lastTouching(core, base, [mutableKey(route.id)]);
  const isDeep = touching === null && isProfileDeep(base);
  const put = await store(!isDeep);
  if (isDeep) return put;
  if (touching !== null) await core.journal.setFloor(touching, { id: route.id, ...put.floor });
  const { cache, network } = core.parts.core.parts;
  const key = floorKey({ network, name: base.name, tenure: base.tenure, id: route.id });
  // An epoch that readers have seen is anchored, perhaps by a change that another run settled meanwhile, without this
  // floor. Of one that was given up there is no floor: its epoch must not stand above that of the route which readers see.
  if ((await readFloor(cache, key))?.epoch === put.floor.epoch) await raiseFloor(cache, key, put.floor);
  return put;
}

/** Whether readers see a route already as this writer does. */
export async function isRouteDeep(core: WriterCore, base: NameBase, { id }: Route): Promise<boolean> {
  return isProfileDeep(base) && (await lastTouching(core, base, [mutableKey(id)])) === null;
}

function isProfileDeep({ resolution: { state, tipState } }: NameBase): boolean {
  return sameHash(state.profileHash, tipState.profileHash);
}

/** The last journalled operation that changes one of these keys, or null. */
export async function lastTouching(
  core: WriterCore,
  { entries }: Pick<NameBase, "entries">,
  keys: readonly string[],
): Promise<JournalEntry | null> {
  for (const entry of [...entries].reverse()) {
    // What is not ready is no part of the base: the route is there without it.
    if (!entry.ready) continue;
    for (const key of keys) if (await core.journal.affects(entry, key)) return entry;
  }
  return null;
}

function sameHash(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b);
}
