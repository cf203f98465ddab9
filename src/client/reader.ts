import { assertInteger, invalidArgument } from "../bytes/guards.js";
import { HawserError } from "../errors.js";
import { getObject } from "../immutable/get.js";
import { parseContentKey } from "../immutable/key.js";
import { limits } from "../limits.js";
import { fetchRecordReplies, getRecord } from "../mutable/get.js";
import type { RecordContext } from "../mutable/record.js";
import { type Name, parseName } from "../name/name.js";
import type { Resolution } from "../name/resolution.js";
import { stateFromStored } from "../name/resolve.js";
import type { ThreadState } from "../name/thread.js";
import type { IndexEntry, Route } from "../profile/entry.js";
import { parseId } from "../profile/id.js";
import { getEntry, listEntries } from "../profile/index-tree.js";
import type { Profile } from "../profile/profile.js";
import type { ReplicaReply } from "../route/fetch.js";
import { assertEpochReachable, requireEffectiveKey } from "../route/route.js";
import { cachedNodeLoader, cachedProfile, loadProfile, nodeLoader, type Sourced } from "./documents.js";
import { meetsExpectation } from "./expectation.js";
import { type ExportedBundle, type ExportOptions, exportBundle } from "./export-bundle.js";
import { ReaderCore, type ReaderParts, type Session, type SessionOptions } from "./reader-core.js";
import {
  describeName,
  type FoundImmutable,
  type FoundList,
  type FoundMutable,
  type FoundName,
  type FoundProfile,
  type NotFound,
} from "./results.js";

/** Options of every read. */
export type ReadOptions = SessionOptions;

/** Options of {@link Reader.getMutable}. */
export interface MutableReadOptions extends SessionOptions {
  /** Refuse versions below; part of the floor (M5, M11). */
  readonly minVersion?: number | undefined;
  /** Ignore versions above (M11). */
  readonly maxVersion?: number | undefined;
  /** Ignore records for which this returns false (M11). */
  readonly checkVersion?: ((record: { readonly ver: number; readonly data: Uint8Array }) => boolean) | undefined;
  /** Ask only this many replicas. Default: all of them (M8). */
  readonly replicas?: number | undefined;
  /** bytes - raises the 1 MiB of data that a record may have (M3). A smaller value changes nothing. */
  readonly maxBytes?: number | undefined;
}

/** Options of {@link Reader.list}. */
export interface ListOptions extends SessionOptions {
  /** Only keys that begin with this, such as `m:settings/` or `i:`. */
  readonly prefix?: string | undefined;
}

/** A reader that verifies. It trusts no source and no provider; see `docs/protocol.md`. */
export interface Reader extends AsyncDisposable {
  /**
   * The state of a name.
   *
   * @throws NAME_INVALID, INPUT_INVALID, NAME_OWNER_CHANGED (where one is expected), CHAIN_UNAVAILABLE,
   *   CHAIN_NETWORK_MISMATCH, CHAIN_STALE, CHAIN_UNSUPPORTED_OPERATION, CACHE_UNAVAILABLE
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

/** A record that was asked for before the name was resolved, and what it was asked for. */
interface EarlyReplies {
  readonly key: string;
  readonly replies: Promise<readonly ReplicaReply[]>;
}

class VerifyingReader implements Reader {
  readonly #core: ReaderCore;

  constructor(core: ReaderCore) {
    this.#core = core;
    cores.set(this, core);
  }

  getName(name: string, options: ReadOptions = {}): Promise<FoundName | NotFound> {
    return this.#read(name, options, async (parsed, session) => {
      const resolution = await this.#core.resolve(parsed, session);
      return notFound(resolution) ?? { found: true, ...stateOf(resolution) };
    });
  }

  getProfile(name: string, options: ReadOptions = {}): Promise<FoundProfile | NotFound> {
    return this.#read(name, options, async (parsed, session) => {
      const resolution = await this.#core.resolve(parsed, session);
      const profile = await this.#profile(parsed, session, resolution);
      if ("found" in profile) return profile;
      return { found: true, profile: profile.value, ...stateOf(resolution), from: profile.from };
    });
  }

  async getMutable(name: string, id: string, options: MutableReadOptions = {}): Promise<FoundMutable | NotFound> {
    assertBounds(options);
    const wanted = parseId(id);
    return this.#read(name, options, async (parsed, session) => {
      const early = await this.#askEarly(parsed, wanted, session, options);
      early?.replies.catch(() => undefined);
      const resolution = await this.#core.resolve(parsed, session);
      const entry = await this.#entry(parsed, session, resolution, `m:${wanted}`);
      if ("found" in entry) return entry;
      if (!("route" in entry.entry)) throw misplaced(entry.entry.key);
      const { route } = entry.entry;
      const { state } = resolution;
      // M6: else a stolen name could put its records above every honest epoch.
      assertEpochReachable(route, state.profileHeight ?? -1);
      const context = this.#context(parsed, state, route);
      const publicKey = requireEffectiveKey(route, entry.profile, state.ownerKey);
      const { storage, urlReader, cache, clock } = this.#core.parts;
      session.onEvent?.({ stage: "record", message: `Reading ${wanted} from its replicas` });
      const found = await getRecord({
        context,
        route,
        publicKey,
        storage,
        urlReader,
        cache,
        clock,
        budget: session.budget,
        signal: session.signal,
        minVersion: options.minVersion,
        maxVersion: options.maxVersion,
        accept: options.checkVersion,
        maxReplicas: options.replicas,
        maxDataBytes: options.maxBytes,
        given: session.hint.bundle?.reply(wanted, options.maxBytes),
        replies: early?.key === placesOf(route) ? early.replies : undefined,
      });
      const { record, replicas } = found;
      return {
        found: true,
        data: record.data,
        ver: record.ver,
        record,
        route,
        ...stateOf(resolution),
        replicas,
        from: "network",
      };
    });
  }

  async getImmutable(name: string, key: string, options: ReadOptions = {}): Promise<FoundImmutable | NotFound> {
    const wanted = parseContentKey(key);
    if (wanted.kind === "unixfs") {
      throw invalidArgument("key", "the SHA-256 of at most 1 MiB in hex; UnixFS roots cannot be read yet", key);
    }
    return this.#read(name, options, async (parsed, session) => {
      const resolution = await this.#core.resolve(parsed, session);
      // I2: the owner vouches for the key before any server is asked for the bytes.
      const entry = await this.#entry(parsed, session, resolution, `i:${wanted.key}`);
      if ("found" in entry) return entry;
      if (!("content" in entry.entry)) throw misplaced(entry.entry.key);
      const { content } = entry.entry;
      const { storage, urlReader, clock } = this.#core.parts;
      session.onEvent?.({ stage: "object", message: `Fetching ${wanted.key}` });
      const { bytes, attempts } = await getObject({
        key: wanted.key,
        content,
        storage,
        urlReader,
        bases: entry.profile.storage,
        clock,
        budget: session.budget,
        signal: session.signal,
        given: session.hint.bundle?.object(wanted.key, limits.objectMaxBytes),
      });
      return { found: true, data: bytes, key: wanted.key, content, ...stateOf(resolution), attempts, from: "network" };
    });
  }

  list(name: string, options: ListOptions = {}): Promise<FoundList | NotFound> {
    return this.#read(name, options, async (parsed, session) => {
      const resolution = await this.#core.resolve(parsed, session);
      const profile = await this.#profile(parsed, session, resolution);
      if ("found" in profile) return profile;
      const entries = this.#listNodes(parsed, profile.value, options);
      return { found: true, entries, ...stateOf(resolution) };
    });
  }

  exportBundle(name: string, options: ExportOptions = {}): Promise<ExportedBundle | NotFound> {
    return exportBundle(this.#core, name, options);
  }

  close(): Promise<void> {
    return this.#core.parts.cache.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #read<T>(
    name: string,
    options: SessionOptions,
    read: (name: Name, session: Session) => Promise<T>,
  ): Promise<T> {
    const parsed = parseName(name);
    return this.#core.run(`The read of ${parsed}`, options, (session) => read(parsed, session));
  }

  async #profile(name: Name, session: Session, resolution: Resolution): Promise<Sourced<Profile> | NotFound> {
    const absent = notFound(resolution);
    if (absent !== null) return absent;
    const { profileHash } = resolution.state;
    // C10: under no profile the absence of every id is proven.
    if (profileHash === null) return { found: false, why: "no-profile", ...stateOf(resolution) };
    return loadProfile(this.#core, session, name, profileHash);
  }

  async #entry(
    name: Name,
    session: Session,
    resolution: Resolution,
    key: string,
  ): Promise<{ readonly entry: IndexEntry; readonly profile: Profile } | NotFound> {
    const profile = await this.#profile(name, session, resolution);
    if ("found" in profile) return profile;
    const { entry } = await getEntry(profile.value.index, key, nodeLoader(this.#core, session, profile.value));
    if (entry === null) return { found: false, why: "not-in-index", ...stateOf(resolution) };
    return { entry, profile: profile.value };
  }

  #context(name: Name, state: ThreadState, route: Route): RecordContext {
    const { network } = this.#core.parts;
    if (state.tenure === null)
      throw new HawserError("BUG_UNREACHABLE", "A name without tenure has a profile.", { what: "tenure" });
    return { network, name, tenure: state.tenure, id: route.id, epoch: route.epoch };
  }

  /**
   * Asks for the record beside the chain, by the route that the cache still knows. The answer is used only if the
   * chain confirms that route: one round trip instead of two where nothing changed.
   */
  async #askEarly(name: Name, id: string, session: Session, options: MutableReadOptions): Promise<EarlyReplies | null> {
    const { network, minConfirmations, storage, urlReader, clock } = this.#core.parts;
    const [chain, stored] = await Promise.all([this.#core.chain(), this.#core.storedName(name)]);
    const state = stateFromStored({ network, name, chain, stored, clock }, minConfirmations);
    if (state === null || state.profileHash === null || state.tenure === null) return null;
    if (!meetsExpectation(state, session.expect)) return null;
    const profile = await cachedProfile(this.#core, name, state.profileHash);
    if (profile === null) return null;
    const found = await getEntry(profile.index, `m:${id}`, cachedNodeLoader(this.#core)).catch(() => null);
    const entry = found?.entry;
    if (entry === undefined || entry === null || !("route" in entry)) return null;
    // A guess must not use up what the read itself may ask for (U1).
    if (storage.length + entry.route.urls.length > limits.readMaxRequests / 4) return null;
    const context = this.#context(name, state, entry.route);
    const replies = fetchRecordReplies({
      context,
      route: entry.route,
      storage,
      urlReader,
      clock,
      budget: session.budget,
      signal: session.signal,
      maxReplicas: options.replicas,
      maxDataBytes: options.maxBytes,
      given: session.hint.bundle?.reply(id, options.maxBytes),
    });
    return { key: placesOf(entry.route), replies };
  }

  async *#listNodes(name: Name, profile: Profile, options: ListOptions): AsyncIterable<IndexEntry> {
    const core = this.#core;
    // Each node has the time and the requests of a read of its own: a large index is read for as long as it lasts.
    const own = { ...options, hint: undefined };
    const load = (hash: string): Promise<Uint8Array> =>
      core.run(`The listing of ${name}`, own, (session) => nodeLoader(core, session, profile)(hash));
    yield* listEntries(profile.index, load, { prefix: options.prefix, signal: options.signal });
  }
}

function stateOf(resolution: Resolution): Pick<FoundName, "name" | "asOf"> {
  return { name: describeName(resolution.state, resolution.pending), asOf: resolution.asOf };
}

function notFound(resolution: Resolution): NotFound | null {
  const { status } = resolution.state;
  if (status === "active" || status === "grace") return null;
  return { found: false, why: "no-name", ...stateOf(resolution) };
}

/** M11: a bound that is no number would let every record pass the floor. */
function assertBounds({ minVersion, maxVersion, maxBytes, replicas, checkVersion }: MutableReadOptions): void {
  for (const [option, value] of Object.entries({ minVersion, maxVersion, maxBytes })) {
    if (value !== undefined) assertInteger(option, value);
  }
  if (replicas !== undefined) assertInteger("replicas", replicas, 1);
  const check: unknown = checkVersion;
  if (check !== undefined && typeof check !== "function") throw invalidArgument("checkVersion", "function", check);
}

/** What decides where the records of an id are looked for, beside the name, the id and the reader's own storage. */
function placesOf({ epoch, urls }: Route): string {
  return JSON.stringify([epoch, urls]);
}

function misplaced(key: string): HawserError {
  return new HawserError("INDEX_INVALID", "The index holds an entry of the wrong kind.", { reason: `entry ${key}` });
}
