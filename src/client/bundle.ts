import { assertBytes, assertInteger, invalidArgument } from "../bytes/guards.js";
import { isHex } from "../bytes/hex.js";
import { HeaderChain } from "../chain/header-chain.js";
import { getNetwork, type Network, type NetworkId } from "../chain/network.js";
import type { Verified } from "../crypto/verified.js";
import { compareVersion, type Floor, floorKey } from "../mutable/floor.js";
import { readFloor } from "../mutable/floor-cache.js";
import { parseName } from "../name/name.js";
import type { Cache, Clock } from "../ports.js";
import { parseBundle } from "./bundle-form.js";
import { checkedCache } from "./checked-cache.js";
import { coreOf, type Reader } from "./reader.js";
import { StoredHeaders } from "./stored-headers.js";
import { type BundleInput, type ProvenBundle, verifyParsedBundle } from "./verify-bundle.js";

/** What every caller may ask of a bundle. */
export interface BundleOptions {
  /** The name that the bundle has to be of. Default: any. */
  readonly name?: string | undefined;
  /** bytes - a longer bundle is refused before it is looked at. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
  /** txids, display order, of REGISTERs that the caller knows from elsewhere; see `registrationPinned`. */
  readonly pins?: readonly string[] | undefined;
  /** Blocks from an operation to the bundle's last header, its own included (V6). Default: the network's. */
  readonly minConfirmations?: number | undefined;
}

/** A version below which a verifier accepts no record of an id (M5). */
export interface BundleFloor {
  /** txid of the PREORDER, display order. */
  readonly tenure: string;
  readonly id: string;
  readonly epoch: number;
  readonly ver: number;
  /** SHA-256 of the data under that version, hex, where it is known: other data under it is a fork (M9). */
  readonly sha256?: string | undefined;
}

/** Options of {@link verifyBundle}. */
export interface VerifyBundleOptions extends BundleOptions {
  readonly network: NetworkId;
  /**
   * Headers that the verifier has, 80 bytes each, the first one above the checkpoint; they are verified too, up to the
   * first that breaks a rule. Needed for a bundle that does not begin at the checkpoint. Default: none.
   */
  readonly headers?: Uint8Array | undefined;
  /** Versions that the verifier has seen. Default: none, so that only the floor on the chain holds. */
  readonly floors?: readonly BundleFloor[] | undefined;
  /** ms - the time now. Without it no header is too far ahead, and `maxAgeMs` of a route is not applied (M10). */
  readonly nowMs?: number | undefined;
}

/**
 * What a proof bundle proves (section 11), without a network and without a cache. Whatever it is, it is not a read: see
 * {@link ProvenBundle}.
 *
 * @throws INPUT_INVALID, NAME_INVALID, INPUT_TOO_LARGE, BUNDLE_INVALID, BUNDLE_UNSUPPORTED, CHAIN_NETWORK_MISMATCH,
 *   CHAIN_HEADER_INVALID, CHAIN_WORK_INSUFFICIENT, CHAIN_PROOF_INVALID, CHAIN_TRANSACTION_INVALID,
 *   CHAIN_UNSUPPORTED_OPERATION, PROFILE_INVALID, PROFILE_UNSUPPORTED, INDEX_INVALID, ROUTE_NO_KEY,
 *   ROUTE_EPOCH_INVALID, RECORD_INVALID, RECORD_UNVERIFIED, RECORD_STALE, RECORD_FORKED, RECORD_EXPIRED,
 *   RECORD_FROM_FUTURE
 */
export async function verifyBundle(bytes: Uint8Array, options: VerifyBundleOptions): Promise<Verified<ProvenBundle>> {
  const network = getNetwork(options.network);
  const { headers = new Uint8Array(0), nowMs = null } = options;
  assertBytes("headers", headers);
  if (nowMs !== null) assertInteger("nowMs", nowMs);
  const floors = (options.floors ?? []).map(parseFloor);
  return verify(bytes, options, {
    network,
    held: HeaderChain.fromStored(network, headers, nowMs ?? Number.MAX_SAFE_INTEGER),
    nowMs,
    knownFloor: ({ tenure, id }) => Promise.resolve(greatestOf(floors, tenure, id)),
  });
}

/** What a reader, or a program without one, knows. */
export interface BundleKeeper {
  readonly network: Network;
  readonly held: HeaderChain;
  readonly cache: Cache;
  readonly clock: Clock;
}

/** What the cache of earlier readers holds, where there is no reader. @throws CACHE_UNAVAILABLE, CACHE_CORRUPT */
export async function loadBundleKeeper(network: Network, given: Cache, clock: Clock): Promise<BundleKeeper> {
  const cache = checkedCache(given);
  return { network, cache, clock, held: await new StoredHeaders(cache, network, clock).load() };
}

/**
 * As {@link verifyBundle}, with headers that were verified before, the floors of a cache, and a clock. The cache is not
 * changed: what is not a read must not raise a floor for those that are.
 *
 * @throws as {@link verifyBundle}, and CACHE_UNAVAILABLE, CACHE_CORRUPT
 */
export async function verifyBundleWithCache(
  bytes: Uint8Array,
  { network, held, cache, clock }: BundleKeeper,
  options: BundleOptions = {},
): Promise<Verified<ProvenBundle>> {
  return verify(bytes, options, {
    network,
    held,
    nowMs: clock.nowMs(),
    knownFloor: (at) => readFloor(cache, floorKey(at)),
  });
}

/**
 * As {@link verifyBundle}, with the headers, floors, clock and `minConfirmations` of a reader, whose network it is. Asks
 * nobody, and changes nothing of the reader.
 *
 * @throws as {@link verifyBundle}, and CACHE_UNAVAILABLE, CACHE_CORRUPT
 */
export async function verifyBundleWithReader(
  reader: Reader,
  bytes: Uint8Array,
  options: BundleOptions = {},
): Promise<Verified<ProvenBundle>> {
  const core = coreOf(reader);
  const { minConfirmations = core.parts.minConfirmations } = options;
  return verifyBundleWithCache(bytes, { ...core.parts, held: await core.chain() }, { ...options, minConfirmations });
}

async function verify(
  bytes: Uint8Array,
  options: BundleOptions,
  verifier: Omit<BundleInput, "name" | "pins" | "minConfirmations">,
): Promise<Verified<ProvenBundle>> {
  const { name, pins = [], minConfirmations = verifier.network.minConfirmations } = options;
  assertInteger("minConfirmations", minConfirmations, 1, 10_000);
  for (const pin of pins) if (!isHex(pin, 32)) throw invalidArgument("pins", "txids of 64 lower-case hex digits", pin);
  const wanted = name === undefined ? undefined : parseName(name);
  const bundle = parseBundle(bytes, options.maxBytes);
  return verifyParsedBundle(bundle, { ...verifier, name: wanted, pins, minConfirmations });
}

interface FloorAt extends Floor {
  readonly tenure: string;
  readonly id: string;
}

/** M5: a floor that is read as something else would let an old record pass. */
function parseFloor({ tenure, id, epoch, ver, sha256 }: BundleFloor): FloorAt {
  assertInteger("floors.epoch", epoch);
  assertInteger("floors.ver", ver);
  if (!isHex(tenure, 32)) throw invalidArgument("floors.tenure", "64 lower-case hex digits", tenure);
  if (sha256 !== undefined && !isHex(sha256, 32)) {
    throw invalidArgument("floors.sha256", "64 lower-case hex digits", sha256);
  }
  return { tenure, id, epoch, ver, sha256: sha256 ?? null };
}

function greatestOf(floors: readonly FloorAt[], tenure: string, id: string): Floor | null {
  const own = floors.filter((floor) => floor.tenure === tenure && floor.id === id);
  return own.sort(compareVersion).at(-1) ?? null;
}
