import { assertInteger, invalidArgument, unreachable } from "../bytes/guards.js";
import type { StoredTransaction } from "../chain/evidence.js";
import { parseTransaction } from "../chain/transaction.js";
import { getObject } from "../immutable/get.js";
import { parseContentKey } from "../immutable/key.js";
import { limits } from "../limits.js";
import { getRecord } from "../mutable/get.js";
import { comparePlaces } from "../name/chain-order.js";
import { type Name, parseName } from "../name/name.js";
import type { Resolution } from "../name/resolution.js";
import { parseId } from "../profile/id.js";
import { getEntry } from "../profile/index-tree.js";
import { encodeProfile } from "../profile/profile.js";
import { assertEpochReachable, requireEffectiveKey } from "../route/route.js";
import { type Bundle, encodeBundle } from "./bundle-form.js";
import { loadProfile, nodeLoader } from "./documents.js";
import type { ReaderCore, Session, SessionOptions } from "./reader-core.js";
import { describeName, type FoundName, type NotFound } from "./results.js";

/** What a bundle is to hold beside the name's operations and its profile. */
export interface ExportOptions extends SessionOptions {
  /** Id of a record to put in. */
  readonly id?: string | undefined;
  /** SHA-256, hex, of immutable data to put in. */
  readonly key?: string | undefined;
  /**
   * Height of the first header in the bundle. Whoever verifies it has to have those below. Default: the first one above
   * the checkpoint, with which the bundle stands by itself.
   */
  readonly from?: number | undefined;
}

/** A bundle, and the read that it was made of. */
export interface ExportedBundle extends FoundName {
  /** The file (section 11). */
  readonly bundle: Uint8Array;
}

/** A bundle's data, as it is gathered. */
type Data = Pick<Bundle, "profile" | "nodes" | "record" | "object">;

/**
 * Reads a name anew and makes a proof bundle of what was found (section 11). Operations that are pending are left out.
 *
 * @throws as `getName`, `getMutable` and `getImmutable` of a reader
 */
export async function exportBundle(
  core: ReaderCore,
  nameText: string,
  options: ExportOptions,
): Promise<ExportedBundle | NotFound> {
  const name = parseName(nameText);
  const id = options.id === undefined ? undefined : parseId(options.id);
  const key = options.key === undefined ? undefined : parseKey(options.key);
  return core.run(`The export of ${name}`, options, async (session) => {
    const resolution = await core.resolve(name, session);
    const { state, asOf, chain } = resolution;
    const read = { name: describeName(state, resolution.pending), asOf, from: "network" } as const;
    if (state.status !== "active" && state.status !== "grace") return { found: false, why: "no-name", ...read };
    const data = await gatherData(core, session, name, resolution, { id, key });
    if ("why" in data) return { found: false, ...data, ...read };

    const first = chain.baseHeight + 1;
    const { from = first } = options;
    assertInteger("from", from, first, chain.tipHeight);
    const bundle = encodeBundle({
      network: core.parts.network.id,
      name,
      from,
      headers: chain.rawRange(from, chain.tipHeight - from + 1),
      ...gatherTransactions(resolution),
      ...data,
    });
    return { found: true, bundle, ...read };
  });
}

function parseKey(text: string): string {
  const { kind, key } = parseContentKey(text);
  if (kind === "unixfs") throw invalidArgument("key", "the SHA-256 of at most 1 MiB in hex", text);
  return key;
}

/** What was proven up to E, in chain order, with what V2 and V3 need beside it. */
function gatherTransactions({ stored, state, chain }: Resolution): Pick<Bundle, "txs" | "prev"> {
  const isApplied = ({ height }: StoredTransaction): boolean => {
    return height <= state.height && height > chain.baseHeight;
  };
  const applied = stored.transactions.filter(isApplied);
  const byPlace = new Map(applied.map((entry) => [`${entry.height}/${entry.position}`, entry]));
  const heights = new Set(applied.map(({ height }) => height));
  for (const coinbase of stored.coinbases) {
    // V2: a coinbase vouches for the transactions of its own block.
    if (heights.has(coinbase.height)) byPlace.set(`${coinbase.height}/${coinbase.position}`, coinbase);
  }
  const txs = [...byPlace.values()].sort(comparePlaces);
  const parsed = txs.map(({ raw }) => parseTransaction(raw));
  const held = new Set(parsed.map(({ txid }) => txid));
  const spent = new Set(parsed.flatMap(({ inputs }) => inputs[0]?.outpoint.txid ?? []));
  const prev = stored.previous.filter((raw) => {
    const { txid } = parseTransaction(raw);
    return spent.has(txid) && !held.has(txid);
  });
  return { txs, prev };
}

/** Profile, record and object, read and verified, with the nodes between them. */
async function gatherData(
  core: ReaderCore,
  session: Session,
  name: Name,
  resolution: Resolution,
  { id, key }: { readonly id: string | undefined; readonly key: string | undefined },
): Promise<Data | Pick<NotFound, "why">> {
  const { profileHash } = resolution.state;
  if (profileHash === null) {
    if (id !== undefined || key !== undefined) return { why: "no-profile" };
    return { profile: null, nodes: [], record: null, object: null };
  }
  const { value: profile } = await loadProfile(core, session, name, profileHash);
  const nodes = new Map<string, Uint8Array>();
  const load = nodeLoader(core, session, profile);
  const entryOf = async (indexKey: string) => {
    const { entry } = await getEntry(profile.index, indexKey, async (hash) => {
      const bytes = await load(hash);
      nodes.set(hash, bytes);
      return bytes;
    });
    return entry;
  };

  const mutable = id === undefined ? undefined : await entryOf(`m:${id}`);
  const immutable = key === undefined ? undefined : await entryOf(`i:${key}`);
  if (mutable === null || immutable === null) return { why: "not-in-index" };
  const { storage, urlReader, cache, clock, policy } = core.parts;
  const { budget, signal } = session;
  const places = { storage, urlReader, cache, clock, policy, budget, signal };
  let record: Uint8Array | null = null;
  if (mutable !== undefined && "route" in mutable) {
    const { route } = mutable;
    const { tenure, ownerKey, profileHeight } = resolution.state;
    if (tenure === null) unreachable("a profile of a name that nobody holds");
    assertEpochReachable(route, profileHeight ?? -1);
    const publicKey = requireEffectiveKey(route, profile, ownerKey);
    const context = { network: core.parts.network, name, tenure, id: route.id, epoch: route.epoch };
    const given = session.hint.bundle?.reply(route.id, undefined);
    record = (await getRecord({ ...places, context, route, publicKey, given })).body;
  }
  let object: Uint8Array | null = null;
  if (immutable !== undefined && "content" in immutable && key !== undefined) {
    const given = session.hint.bundle?.object(key, limits.objectMaxBytes);
    object = (await getObject({ ...places, key, content: immutable.content, bases: profile.storage, given })).bytes;
  }
  // P5: a profile has one byte form, so these are the bytes that are anchored.
  return { profile: encodeProfile(profile), nodes: [...nodes.values()], record, object };
}
