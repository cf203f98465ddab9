import { assertInteger } from "../bytes/guards.js";
import { decodeHex } from "../bytes/hex.js";
import { HawserError } from "../errors.js";
import type { Route } from "../profile/entry.js";
import type { Profile } from "../profile/profile.js";

/**
 * The key that must have signed the records of a route (M2): the route's, else the profile's, else the owner's (C11).
 * A key that is no point is still the one: it verifies nothing and there is no fallback to the next (P5).
 *
 * @returns the x-only key, or null when there is none, under which nothing may be returned
 */
export function effectiveKey(
  route: Pick<Route, "pubkey">,
  profile: Pick<Profile, "pubkey">,
  ownerKey: Uint8Array | null,
): Uint8Array | null {
  const hex = route.pubkey ?? profile.pubkey;
  return hex === null ? ownerKey : decodeHex(hex, 32, "pubkey");
}

/**
 * As {@link effectiveKey}, for reads and writes: without a key nothing is returned unverified (M2).
 *
 * @throws ROUTE_NO_KEY
 */
export function requireEffectiveKey(
  route: Pick<Route, "id" | "pubkey">,
  profile: Pick<Profile, "pubkey">,
  ownerKey: Uint8Array | null,
): Uint8Array {
  const key = effectiveKey(route, profile, ownerKey);
  if (key !== null) return key;
  throw new HawserError(
    "ROUTE_NO_KEY",
    `The route of ${JSON.stringify(route.id)} names no key, the profile neither, and the owner script shows none.`,
    { id: route.id },
  );
}

/**
 * M6: a route's epoch may not exceed the height of the operation whose profile holds it. Otherwise one profile of a
 * thief could claim the highest epoch, and no later honest epoch would be reachable.
 *
 * @throws ROUTE_EPOCH_INVALID
 */
export function assertEpochReachable(route: Pick<Route, "id" | "epoch">, profileHeight: number): void {
  if (route.epoch <= profileHeight) return;
  throw new HawserError(
    "ROUTE_EPOCH_INVALID",
    `The route of ${JSON.stringify(route.id)} has epoch ${route.epoch}, above height ${profileHeight} of its operation.`,
    { id: route.id, epoch: route.epoch, height: profileHeight },
  );
}

/** What {@link nextEpoch} needs. */
export interface NextEpochInput {
  readonly tipHeight: number;
  /** The table's value for the network (section 9), not a reader's own choice. */
  readonly minConfirmations: number;
  /**
   * Every epoch that the id has in the writer's cache and in the profiles of this thread's operations above
   * `tipHeight - minConfirmations`, pending ones included, refused routes left out.
   */
  readonly knownEpochs: readonly number[];
}

/** An epoch for a new life of an id. */
export interface NextEpoch {
  readonly epoch: number;
  /** The tip height that the writer must wait for before it sends the transaction, or null. */
  readonly waitForTip: number | null;
}

/**
 * M6: the epoch of a route that is created, or whose effective key or presence of `maxAgeMs` changes, or whose id is
 * kept in the first profile under a new owner.
 *
 * @throws INPUT_INVALID
 */
export function nextEpoch({ tipHeight, minConfirmations, knownEpochs }: NextEpochInput): NextEpoch {
  assertInteger("tipHeight", tipHeight);
  assertInteger("minConfirmations", minConfirmations, 1);
  const settledHeight = Math.max(tipHeight - minConfirmations, -1);
  const epoch = 1 + knownEpochs.reduce((greatest, known) => Math.max(greatest, known), settledHeight);
  return { epoch, waitForTip: epoch > tipHeight + 1 ? epoch - 1 : null };
}
