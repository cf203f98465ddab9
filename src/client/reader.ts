import { invalidArgument } from "../bytes/guards.js";
import { HawserError } from "../errors.js";
import { parseContentKey } from "../immutable/key.js";
import { getCachedRecord, getRecord } from "../mutable/get.js";
import { beaconScript, type Name, parseName } from "../name/name.js";
import type { IndexEntry } from "../profile/entry.js";
import { parseId } from "../profile/id.js";
import { getEntry, listEntries } from "../profile/index-tree.js";
import type { Profile } from "../profile/profile.js";
import { assertEpochReachable, requireEffectiveKey } from "../route/route.js";
import type { AuditOptions, FoundAudit } from "./audited.js";
import { loadContent, loadProfile, nodeLoader } from "./documents.js";
import { askEarly, contextOf, placesOf } from "./early.js";
import { type ExportedBundle, type ExportOptions, exportBundle } from "./export-bundle.js";
import type { HeaderSync, HeaderSyncOptions } from "./header-sync.js";
import type { FoundMirror, MirrorOptions, RepairOptions } from "./mirrored.js";
import { readByPolicy } from "./policy.js";
import { assertBounds, type ListOptions, type MutableReadOptions, type ReadOptions } from "./read-options.js";
import { type Answer, ReaderCore, type ReaderParts, type Session } from "./reader-core.js";
import {
  describeName,
  type FoundImmutable,
  type FoundList,
  type FoundMutable,
  type FoundName,
  type FoundProfile,
  type NotFound,
} from "./results.js";
import type { ReplicaUpkeep } from "./upkeep.js";
import type { NameWatch, WatchOptions } from "./watch-events.js";

/** A reader that verifies. It trusts no source and no provider; see `docs/protocol.md`. */
export interface Reader extends ReplicaUpkeep, AsyncDisposable {
  /**
   * The state of a name.
   *
   * @throws NAME_INVALID, INPUT_INVALID, NAME_OWNER_CHANGED (where one is expected), CHAIN_UNAVAILABLE,
   *   CHAIN_NETWORK_MISMATCH, CHAIN_STALE, CHAIN_UNSUPPORTED_OPERATION, CACHE_UNAVAILABLE; by the policy `cache-only`
   *   CACHE_MISS
   */
  getName(name: string, options?: ReadOptions): Promise<FoundName | NotFound>;
  /**
   * The profile that the chain anchors for a name.
   *
   * @throws as {@link Reader.getName}, and PROFILE_UNAVAILABLE, PROFILE_INVALID, PROFILE_UNSUPPORTED
   */
  getProfile(name: string, options?: ReadOptions): Promise<FoundProfile | NotFound>;
  /**
   * The newest record of an id over all replicas, never older than what is already known.
   *
   * @throws as {@link Reader.getProfile}, and INPUT_ID_INVALID, INDEX_UNAVAILABLE, INDEX_INVALID, ROUTE_NO_KEY,
   *   ROUTE_EPOCH_INVALID, RECORD_UNAVAILABLE, RECORD_UNVERIFIED, RECORD_STALE, RECORD_FORKED, RECORD_EXPIRED,
   *   RECORD_FROM_FUTURE
   */
  getMutable(name: string, id: string, options?: MutableReadOptions): Promise<FoundMutable | NotFound>;
  /**
   * Immutable data that the name's index holds, by its SHA-256 in hex.
   *
   * @throws as {@link Reader.getProfile}, and INPUT_INVALID, INDEX_UNAVAILABLE, INDEX_INVALID, CONTENT_UNAVAILABLE,
   *   CONTENT_UNVERIFIED
   */
  getImmutable(name: string, key: string, options?: ReadOptions): Promise<FoundImmutable | NotFound>;
  /**
   * The entries of a name's index. `timeoutMs` holds for reaching the index; iterating has the same time for each node.
   *
   * @throws as {@link Reader.getProfile}; while iterating also INDEX_UNAVAILABLE, INDEX_INVALID
   */
  list(name: string, options?: ListOptions): Promise<FoundList | NotFound>;
  /**
   * A proof bundle (section 11) of a name, made of a fresh read: its operations, headers and profile, and a record or
   * immutable data with the nodes that lead to it. Whoever has it can verify it without a network.
   *
   * @throws as {@link Reader.getMutable} with `id` and {@link Reader.getImmutable} with `key`
   */
  exportBundle(name: string, options?: ExportOptions): Promise<ExportedBundle | NotFound>;
  /**
   * The states that a name goes through, each verified as that of {@link Reader.getName} or, with `id`, of
   * {@link Reader.getMutable}: first the present one, then one for each change, of which whoever is slow gets the newest.
   * It reads again when a source tells of a change, and every `pollIntervalMs` in any case. Reads that fail are events too;
   * what the caller or the cache is the cause of ends it. Ends without an error when `signal` aborts.
   *
   * End it before this reader is closed.
   *
   * @throws NAME_INVALID; while iterating INPUT_INVALID, INPUT_ID_INVALID, CHAIN_NETWORK_MISMATCH, CACHE_UNAVAILABLE,
   *   CACHE_CORRUPT
   */
  watch(name: string, options: WatchOptions & { readonly id: string }): NameWatch<FoundMutable | NotFound>;
  watch(name: string, options?: WatchOptions & { readonly id?: undefined }): NameWatch<FoundName | NotFound>;
  watch(name: string, options?: WatchOptions): NameWatch;
  /**
   * Brings the stored headers up to the sources', without reading a name: from `headerSources` and in bulk where many are
   * missing. Verified and stored as they come, so that a sync that was cut off goes on from there.
   *
   * @throws INPUT_INVALID, CHAIN_UNAVAILABLE, CHAIN_NETWORK_MISMATCH, CHAIN_CLOCK_BEHIND, CHAIN_WORK_INSUFFICIENT,
   *   NETWORK_TIMEOUT, NETWORK_ABORTED, CACHE_UNAVAILABLE
   */
  syncHeaders(options?: HeaderSyncOptions): Promise<HeaderSync>;
  /**
   * The stored headers, 80 bytes each, in pieces of at most 2,016: what a header file holds. Asks nobody.
   *
   * @throws INPUT_INVALID for a `from` that is not above the checkpoint or beyond the last header; CACHE_UNAVAILABLE
   */
  exportHeaders(options?: { readonly from?: number | undefined }): AsyncIterable<Uint8Array>;
  /** Closes the cache. */
  close(): Promise<void>;
}

const cores = new WeakMap<Reader, ReaderCore>();

/** The shared part of a reader that `createReader` made. @throws INPUT_INVALID */
export function coreOf(reader: Reader): ReaderCore {
  const core = cores.get(reader);
  if (core === undefined) throw invalidArgument("reader", "a reader made by createReader", reader);
  return core;
}

/** Builds a reader from parts that are complete; `hawser` exports the one that fills in defaults. */
export function createReaderFrom(parts: ReaderParts): Reader {
  const reader = new VerifyingReader(new ReaderCore(parts));
  return reader;
}

class VerifyingReader implements Reader {
  readonly #core: ReaderCore;

  constructor(core: ReaderCore) {
    this.#core = core;
    cores.set(this, core);
  }

  getName(name: string, options: ReadOptions = {}, seen?: Session["onResolution"]): Promise<FoundName | NotFound> {
    return this.#read(name, options, seen, async (parsed, session) => {
      const answer = await this.#core.stateOf(parsed, session);
      return notFound(answer, session) ?? { found: true, ...stateOf(answer, session) };
    });
  }

  getProfile(name: string, options: ReadOptions = {}): Promise<FoundProfile | NotFound> {
    return this.#read(name, options, undefined, async (parsed, session) => {
      const answer = await this.#core.stateOf(parsed, session);
      const profile = await this.#profile(parsed, session, answer);
      if ("found" in profile) return profile;
      return { found: true, profile, ...stateOf(answer, session) };
    });
  }

  async getMutable(
    name: string,
    id: string,
    options: MutableReadOptions = {},
    seen?: Session["onResolution"],
  ): Promise<FoundMutable | NotFound> {
    assertBounds(options);
    const wanted = parseId(id);
    return this.#read(name, options, seen, async (parsed, session) => {
      const early = session.offline ? null : await askEarly(this.#core, parsed, wanted, session, options);
      early?.replies.catch(() => undefined);
      const answer = await this.#core.stateOf(parsed, session);
      const entry = await this.#entry(parsed, session, answer, `m:${wanted}`);
      if ("found" in entry) return entry;
      if (!("route" in entry.entry)) throw misplaced(entry.entry.key);
      const { route } = entry.entry;
      const { state } = answer;
      // M6: else a stolen name could put its records above every honest epoch.
      assertEpochReachable(route, state.profileHeight ?? -1);
      const { network, storage, urlReader, cache, clock, policy } = this.#core.parts;
      const judged = {
        context: contextOf(network, parsed, state, route),
        route,
        publicKey: requireEffectiveKey(route, entry.profile, state.ownerKey),
        cache,
        clock,
        minVersion: options.minVersion,
        maxVersion: options.maxVersion,
        accept: options.checkVersion,
        maxDataBytes: options.maxBytes,
        given: session.hint.bundle?.reply(wanted, options.maxBytes),
      };
      session.onEvent?.({ stage: "record", message: `Reading ${wanted}` });
      const { record, replicas } = session.offline
        ? await getCachedRecord(judged)
        : await getRecord({
            ...judged,
            storage,
            urlReader,
            budget: session.budget,
            policy,
            signal: session.signal,
            maxReplicas: options.replicas,
            replies: early?.key === placesOf(route) ? early.replies : undefined,
          });
      return { found: true, data: record.data, ver: record.ver, record, route, replicas, ...stateOf(answer, session) };
    });
  }

  async getImmutable(name: string, key: string, options: ReadOptions = {}): Promise<FoundImmutable | NotFound> {
    const wanted = parseContentKey(key);
    if (wanted.kind === "unixfs") {
      throw invalidArgument("key", "the SHA-256 of at most 1 MiB in hex; UnixFS roots cannot be read yet", key);
    }
    return this.#read(name, options, undefined, async (parsed, session) => {
      const answer = await this.#core.stateOf(parsed, session);
      // I2: the owner vouches for the key before any server is asked for the bytes.
      const entry = await this.#entry(parsed, session, answer, `i:${wanted.key}`);
      if ("found" in entry) return entry;
      if (!("content" in entry.entry)) throw misplaced(entry.entry.key);
      const { content } = entry.entry;
      session.onEvent?.({ stage: "object", message: `Fetching ${wanted.key}` });
      const { bytes, attempts } = await loadContent(this.#core, session, wanted.key, content, entry.profile);
      return { found: true, data: bytes, key: wanted.key, content, attempts, ...stateOf(answer, session) };
    });
  }

  list(name: string, options: ListOptions = {}): Promise<FoundList | NotFound> {
    return this.#read(name, options, undefined, async (parsed, session) => {
      const answer = await this.#core.stateOf(parsed, session);
      const profile = await this.#profile(parsed, session, answer);
      if ("found" in profile) return profile;
      const entries = this.#listNodes(parsed, profile, options);
      return { found: true, entries, ...stateOf(answer, session) };
    });
  }

  async audit(name: string, options: AuditOptions = {}): Promise<FoundAudit | NotFound> {
    return (await import("./audit.js")).auditName(this.#core, name, options);
  }

  async mirror(name: string, options: MirrorOptions): Promise<FoundMirror | NotFound> {
    return (await import("./mirror.js")).mirrorName(this.#core, name, options);
  }

  async repair(name: string, options: RepairOptions): Promise<FoundMirror | NotFound> {
    return (await import("./mirror.js")).repairName(this.#core, name, options);
  }

  exportBundle(name: string, options: ExportOptions = {}): Promise<ExportedBundle | NotFound> {
    return exportBundle(this.#core, name, options);
  }

  watch(name: string, options: WatchOptions & { readonly id: string }): NameWatch<FoundMutable | NotFound>;
  watch(name: string, options?: WatchOptions & { readonly id?: undefined }): NameWatch<FoundName | NotFound>;
  watch(name: string, given: WatchOptions = {}): NameWatch {
    const parsed = parseName(name);
    const { id } = given;
    let loading: Promise<NameWatch> | null = null;
    const load = (): Promise<NameWatch> => {
      loading ??= import("./watch.js").then(({ createWatch }) =>
        createWatch({
          parts: this.#core.parts,
          beacon: beaconScript(parsed, this.#core.parts.network),
          options: given,
          read: (options, seen) =>
            id === undefined ? this.getName(parsed, options, seen) : this.getMutable(parsed, id, options, seen),
        }),
      );
      return loading;
    };
    const end = async (): ReturnType<NameWatch["return"]> => (await load()).return();
    return {
      next: async () => (await load()).next(),
      return: end,
      [Symbol.asyncIterator]() {
        return this;
      },
      async [Symbol.asyncDispose]() {
        await end();
      },
    };
  }

  async syncHeaders(options: HeaderSyncOptions = {}): Promise<HeaderSync> {
    const { syncReaderHeaders } = await import("./header-sync.js");
    return syncReaderHeaders(this.#core, options);
  }

  async *exportHeaders(options: { readonly from?: number | undefined } = {}): AsyncIterable<Uint8Array> {
    const { exportChain } = await import("./header-sync.js");
    yield* exportChain(await this.#core.chain(), options.from);
  }

  close(): Promise<void> {
    return this.#core.parts.cache.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #read<T>(
    name: string,
    options: ReadOptions,
    onResolution: Session["onResolution"],
    read: (name: Name, session: Session) => Promise<T>,
  ): Promise<T> {
    const parsed = parseName(name);
    return readByPolicy(options.policy, (offline) =>
      this.#core.run(
        `The read of ${parsed}`,
        options,
        (session) => read(parsed, { ...session, onResolution }),
        offline,
      ),
    );
  }

  async #profile(name: Name, session: Session, answer: Answer): Promise<Profile | NotFound> {
    const absent = notFound(answer, session);
    if (absent !== null) return absent;
    const { profileHash } = answer.state;
    // C10: under no profile the absence of every id is proven.
    if (profileHash === null) return { found: false, why: "no-profile", ...stateOf(answer, session) };
    return (await loadProfile(this.#core, session, name, profileHash)).value;
  }

  async #entry(
    name: Name,
    session: Session,
    answer: Answer,
    key: string,
  ): Promise<{ readonly entry: IndexEntry; readonly profile: Profile } | NotFound> {
    const profile = await this.#profile(name, session, answer);
    if ("found" in profile) return profile;
    const { entry } = await getEntry(profile.index, key, nodeLoader(this.#core, session, profile));
    if (entry === null) return { found: false, why: "not-in-index", ...stateOf(answer, session) };
    return { entry, profile };
  }

  async *#listNodes(name: Name, profile: Profile, options: ListOptions): AsyncIterable<IndexEntry> {
    const core = this.#core;
    const offline = options.policy === "cache-only";
    // Each node has the time and the requests of a read of its own: a large index is read for as long as it lasts.
    const own = { ...options, hint: undefined };
    const load = (hash: string): Promise<Uint8Array> =>
      core.run(`The listing of ${name}`, own, (session) => nodeLoader(core, session, profile)(hash), offline);
    yield* listEntries(profile.index, load, { prefix: options.prefix, signal: options.signal });
  }
}

function stateOf({ state, pending, asOf }: Answer, { offline }: Session): Pick<FoundName, "name" | "asOf" | "from"> {
  return { name: describeName(state, pending), asOf, from: offline ? "cache" : "network" };
}

function notFound(answer: Answer, session: Session): NotFound | null {
  const { status } = answer.state;
  if (status === "active" || status === "grace") return null;
  return { found: false, why: "no-name", ...stateOf(answer, session) };
}

function misplaced(key: string): HawserError {
  return new HawserError("INDEX_INVALID", "The index holds an entry of the wrong kind.", { reason: `entry ${key}` });
}
