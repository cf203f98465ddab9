import { encodeHex } from "../../bytes/hex.js";
import { HawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { Route } from "../../profile/entry.js";
import { recordPath } from "../../route/layout.js";
import { keepersOf } from "../../route/replicas.js";
import { effectiveKey } from "../../route/route.js";
import type { NameBase } from "./position.js";
import type { WriterCore } from "./writer-core.js";

/** What the caller says of a route that is to be made. */
export interface NewRouteOptions {
  /**
   * Whether a missing route may be made under this signer's key although the profile names another. Else that is
   * ROUTE_KEY_MISMATCH: a key that was replaced must not come back by mistake. Default false.
   */
  readonly delegate?: boolean | undefined;
}

/**
 * The key that a new route has to name: null where the profile's or the owner's is this signer's already (M2).
 *
 * @throws ROUTE_KEY_MISMATCH, INPUT_CONFIG_INVALID
 */
export function newRouteKey(
  core: WriterCore,
  base: NameBase,
  id: string,
  { delegate }: NewRouteOptions,
): string | null {
  const signerKey = encodeHex(core.signer().publicKey);
  const inherited = effectiveKey({ pubkey: null }, base.profile, base.ownerKey);
  if (inherited !== null && encodeHex(inherited) === signerKey) return null;
  if (base.profile.pubkey !== null && delegate !== true) {
    const details = { id, expected: base.profile.pubkey, got: signerKey };
    const message = `The signer's key ${signerKey} is not the profile's; a route of its own must be asked for (delegate).`;
    throw new HawserError("ROUTE_KEY_MISMATCH", message, details);
  }
  return signerKey;
}

/** The public URLs of a record at this writer's providers (section 10), at most 16. */
export function recordUrls(core: WriterCore, { name }: NameBase, id: string, epoch: number): readonly string[] {
  const path = recordPath({ network: core.parts.core.parts.network.id, name, id, epoch });
  const urls = keepersOf(core.parts.storage, "record").flatMap((provider) => provider.urlOf(path) ?? []);
  return [...new Set(urls)].slice(0, limits.urlsMax);
}

/** A route to this writer's providers. @throws as {@link newRouteKey} */
export function createRoute(
  core: WriterCore,
  base: NameBase,
  id: string,
  epoch: number,
  options: NewRouteOptions,
): Route {
  const pubkey = newRouteKey(core, base, id, options);
  return { id, urls: recordUrls(core, base, id, epoch), pubkey, epoch, minVer: null, maxAgeMs: null };
}
