import { equalBytes } from "../bytes/bytes.js";
import { unreachable } from "../bytes/guards.js";
import { encodeHex } from "../bytes/hex.js";
import type { Network } from "../chain/network.js";
import { sha256 } from "../crypto/hash.js";
import { contentKey } from "../immutable/key.js";
import { limits } from "../limits.js";
import type { Floor } from "../mutable/floor.js";
import { parseRecord, type RecordContext } from "../mutable/record.js";
import { floorOf, selectRecord } from "../mutable/select.js";
import type { Name } from "../name/name.js";
import type { ThreadState } from "../name/thread.js";
import type { Content, IndexEntry, Route } from "../profile/entry.js";
import { type IndexNode, isLeaf, parseNode } from "../profile/index-node.js";
import { getEntry, type LoadNode } from "../profile/index-tree.js";
import { type Profile, parseProfile } from "../profile/profile.js";
import { assertEpochReachable, requireEffectiveKey } from "../route/route.js";
import { type Bundle, bundleInvalid } from "./bundle-form.js";

/** What a bundle's data is verified against. */
export interface BundleDataInput {
  readonly network: Network;
  readonly name: Name;
  readonly state: ThreadState;
  /** The floor that the verifier has for an id of a tenure (M5), or null. */
  readonly knownFloor: (at: Omit<RecordContext, "epoch">) => Promise<Floor | null>;
  /** The verifier's clock; null where it has none, and M10 is then not applied. */
  readonly nowMs: number | null;
}

/** A record out of a bundle. */
export interface BundleRecord {
  readonly id: string;
  readonly data: Uint8Array;
  readonly ver: number;
  /** BIP340 signature, hex. */
  readonly sig: string;
  readonly route: Route;
}

/** Immutable data out of a bundle. */
export interface BundleObject {
  readonly key: string;
  readonly data: Uint8Array;
  /** What the owner says of the data; `type` and `name` are untrusted labels, never a path. */
  readonly content: Content;
}

/** What a bundle holds of the data that the chain anchors. */
export interface BundleData {
  readonly profile: Profile | null;
  readonly record: BundleRecord | null;
  readonly object: BundleObject | null;
}

/**
 * Verifies profile, nodes, record and object of a bundle down from the anchored hash (P1 to P6, M2 to M6, M9, M10, I2).
 *
 * @throws BUNDLE_INVALID, PROFILE_INVALID, PROFILE_UNSUPPORTED, INDEX_INVALID, ROUTE_NO_KEY, ROUTE_EPOCH_INVALID,
 *   RECORD_INVALID, RECORD_UNVERIFIED, RECORD_STALE, RECORD_FORKED, RECORD_EXPIRED, RECORD_FROM_FUTURE
 */
export async function verifyBundleData(bundle: Bundle, input: BundleDataInput): Promise<BundleData> {
  const { profile: bytes, nodes, record, object } = bundle;
  if (bytes === null) {
    if (nodes.length === 0 && record === null && object === null) return { profile: null, record, object };
    throw bundleInvalid("it has data without the profile that vouches for it");
  }
  // C10: an older or foreign profile must not stand for the anchored one.
  const { profileHash } = input.state;
  if (profileHash === null || !equalBytes(sha256(bytes), profileHash)) {
    throw bundleInvalid("its profile is not the one that the chain anchors");
  }
  const profile = parseProfile(bytes, input.name);
  const load = nodeLoader(profile.index, nodes);
  return {
    profile,
    record: record === null ? null : await verifyBundleRecord(record, profile, load, input),
    object: object === null ? null : await verifyBundleObject(object, profile, load),
  };
}

/** P3: the nodes by their hashes, each of which the profile leads to. */
function nodeLoader(root: IndexNode, nodes: readonly Uint8Array[]): LoadNode {
  const byHash = new Map(nodes.map((bytes) => [encodeHex(sha256(bytes)), bytes]));
  const reached = new Set<string>();
  const visit = (node: IndexNode, prefix: string): void => {
    if (isLeaf(node)) return;
    for (const [digit, hash] of node.children.entries()) {
      const bytes = hash === null ? undefined : byHash.get(hash);
      // A node that names one child sixteen times, level after level, would take for ever.
      if (hash === null || bytes === undefined || reached.has(hash)) continue;
      reached.add(hash);
      const path = `${prefix}${digit.toString(16)}`;
      visit(parseNode(bytes, path), path);
    }
  };
  visit(root, "");
  // Nobody vouches for any other.
  if (reached.size < nodes.length) throw bundleInvalid("it has a node twice, or one that its profile does not lead to");
  return (hash) => {
    const bytes = byHash.get(hash);
    if (bytes === undefined) return Promise.reject(bundleInvalid(`it does not hold the index node ${hash}`));
    return Promise.resolve(bytes);
  };
}

async function verifyBundleRecord(
  body: Uint8Array,
  profile: Profile,
  load: LoadNode,
  { network, name, state, knownFloor, nowMs }: BundleDataInput,
): Promise<BundleRecord> {
  const { id } = parseRecord(body);
  const entry = await indexed(profile, `m:${id}`, load);
  if (entry === null || !("route" in entry)) throw bundleInvalid("its record is not in the index");
  const { route } = entry;
  const { tenure, profileHeight, ownerKey } = state;
  if (tenure === null || profileHeight === null) unreachable("a profile of a name that nobody holds");
  // M6: else a stolen name could put its records above every honest epoch.
  assertEpochReachable(route, profileHeight);
  const context = { network, name, tenure, id, epoch: route.epoch };
  const cached = await knownFloor(context);
  const selected = selectRecord({
    context,
    // M10: without a clock nobody can tell how old a version is.
    route: nowMs === null ? { ...route, maxAgeMs: null } : route,
    publicKey: requireEffectiveKey(route, profile, ownerKey),
    replies: [{ label: "bundle", outcome: "bytes", bytes: body, tag: null }],
    cached,
    floor: floorOf(route, cached, undefined),
    nowMs: nowMs ?? 0,
  });
  const { data, ver, sig } = selected.record;
  return { id, data, ver, sig, route };
}

async function verifyBundleObject(data: Uint8Array, profile: Profile, load: LoadNode): Promise<BundleObject> {
  // I1: no key of the index stands for more.
  if (data.length > limits.objectMaxBytes)
    throw bundleInvalid(`its object has more than ${limits.objectMaxBytes} bytes`);
  const key = contentKey(data);
  const entry = await indexed(profile, `i:${key}`, load);
  // I2: that bytes have some hash says nothing; the owner vouches for those in the index.
  if (entry === null || !("content" in entry)) throw bundleInvalid("its object is not in the index");
  return { key, data, content: entry.content };
}

async function indexed(profile: Profile, key: string, load: LoadNode): Promise<IndexEntry | null> {
  const { entry } = await getEntry(profile.index, key, load);
  return entry;
}
