import { assertInteger } from "../bytes/guards.js";
import { isHawserError } from "../errors.js";
import { parseContentKey } from "../immutable/key.js";
import { limits } from "../limits.js";
import { floorKey } from "../mutable/floor.js";
import { readFloor } from "../mutable/floor-cache.js";
import { recordBodyLimit } from "../mutable/record.js";
import { isFromFuture } from "../mutable/select.js";
import { type NewestRecord, selectNewest } from "../mutable/select-newest.js";
import { type CheckedReply, verifyReplies } from "../mutable/verify-replies.js";
import type { IndexEntry, Route } from "../profile/entry.js";
import { parseNode } from "../profile/index-node.js";
import { type IndexStep, type Visited, visitIndex } from "../profile/index-visit.js";
import { type Profile, parseProfile } from "../profile/profile.js";
import { fetchAll } from "../route/fetch.js";
import { joinBase, objectPath, recordPath } from "../route/layout.js";
import { providerReplica } from "../route/replicas.js";
import { assertEpochReachable, requireEffectiveKey } from "../route/route.js";
import { type AskedObject, askObject, isOversize } from "./audit-object.js";
import { type AuditPlace, auditPlaces } from "./audit-places.js";
import type { AuditedItem, AuditedReplica, AuditOptions, FoundAudit } from "./audited.js";
import { cachedObject } from "./documents.js";
import { contextOf } from "./early.js";
import { fetchOptions, type ItemReader } from "./item-fetch.js";
import { type OpenedName, openName } from "./open-name.js";
import type { ReaderCore } from "./reader-core.js";
import type { NotFound } from "./results.js";

/** What every replica holds of all that belongs to a name. See `Reader.audit`. */
export async function auditName(core: ReaderCore, name: string, options: AuditOptions): Promise<FoundAudit | NotFound> {
  const { maxParallel = limits.auditMaxParallel } = options;
  assertInteger("maxParallel", maxParallel, 1, 256);
  recordBodyLimit({ maxDataBytes: options.maxBytes });
  const opened = await openName(core, "The audit of", name, options);
  if (!opened.found) return opened;
  const { found, name: state, asOf, from } = opened;
  return { found, name: state, asOf, from, items: new Audit(core, opened, options).items(maxParallel) };
}

class Audit {
  readonly #core: ReaderCore;
  readonly #opened: OpenedName;
  readonly #options: AuditOptions;
  readonly #reading: ItemReader;

  constructor(core: ReaderCore, opened: OpenedName, options: AuditOptions) {
    this.#core = core;
    this.#opened = opened;
    this.#options = options;
    this.#reading = { core, timeoutMs: options.timeoutMs };
  }

  async *items(maxParallel: number): AsyncGenerator<AuditedItem, void, undefined> {
    const { prefix = "", signal, onEvent } = this.#options;
    const { parsed } = this.#opened;
    let done = 0;
    const tell = (): void => {
      done++;
      onEvent?.({ stage: "audit", message: `Audited ${done} items of ${parsed}`, done });
    };
    const { item, profile } = await this.#profile();
    yield item;
    tell();
    if (profile === null) return;
    const visited = visitIndex(profile.index, {
      maxParallel,
      signal,
      matches: ({ key }) => key.startsWith(prefix),
      visit: (step, inner) => this.#visit(step, profile, inner),
    });
    for await (const { value } of visited) {
      yield value;
      tell();
    }
  }

  async #profile(): Promise<{ readonly item: AuditedItem; readonly profile: Profile | null }> {
    const { signal } = this.#options;
    const { parsed, profileHash: hash } = this.#opened;
    const path = objectPath(hash);
    const places = this.#places("object", path, []);
    const asked = await this.#ask(places, hash, limits.profileMaxBytes, signal);
    const bytes = asked.bytes ?? (await this.#find(places, path, hash, limits.profileMaxBytes, signal));
    if (bytes === null) {
      const message = `Nobody has the profile of ${parsed}: what it leads to cannot be found.`;
      const skipped = { code: "PROFILE_UNAVAILABLE", message };
      return { item: { kind: "profile", hash, path, replicas: asked.replicas, skipped }, profile: null };
    }
    const profile = parseProfile(bytes, parsed);
    // Its own bases are known only now; what was asked before is not asked twice.
    const known = new Set(places.map(({ url }) => url));
    const more = this.#places("object", path, this.#bases(profile, path)).filter(({ url }) => !known.has(url));
    const others = await this.#ask(
      more.filter(({ replica }) => replica.provider === null),
      hash,
      limits.profileMaxBytes,
      signal,
    );
    const replicas = [...asked.replicas, ...others.replicas];
    return { item: { kind: "profile", hash, path, replicas, skipped: null }, profile };
  }

  async #visit(step: IndexStep, profile: Profile, signal: AbortSignal): Promise<Visited<AuditedItem>> {
    if (step.kind === "entry") return { value: await this.#entry(step.entry, profile, signal), node: null };
    const { hash, prefix } = step;
    const path = objectPath(hash);
    const places = this.#places("object", path, this.#bases(profile, path));
    const asked = await this.#ask(places, hash, limits.nodeMaxBytes, signal);
    const bytes = asked.bytes ?? (await this.#find(places, path, hash, limits.nodeMaxBytes, signal));
    const item = { kind: "node", hash, prefix, path, replicas: asked.replicas } as const;
    if (bytes !== null) return { value: { ...item, skipped: null }, node: parseNode(bytes, prefix) };
    const message = `Nobody has this node: what lies below ${prefix} in the index was not audited.`;
    return { value: { ...item, skipped: { code: "INDEX_UNAVAILABLE", message } }, node: null };
  }

  async #entry(entry: IndexEntry, profile: Profile, signal: AbortSignal): Promise<AuditedItem> {
    if (entry.kind === "mutable") return this.#record(entry.route, profile, signal);
    const { kind, key } = parseContentKey(entry.key.slice(2));
    if (kind === "unixfs") {
      const skipped = { code: "unsupported", message: "UnixFS roots cannot be read yet." };
      return { kind: "object", key, path: null, replicas: [], skipped };
    }
    const path = objectPath(key);
    const urls = [...(entry.content.urls ?? []), ...this.#bases(profile, path)];
    const { replicas } = await this.#ask(this.#places("object", path, urls), key, limits.objectMaxBytes, signal);
    return { kind: "object", key, path, replicas, skipped: null };
  }

  async #record(route: Route, profile: Profile, signal: AbortSignal): Promise<AuditedItem> {
    const { network, cache, clock } = this.#core.parts;
    const { parsed, state } = this.#opened;
    const { id, epoch } = route;
    const path = recordPath({ network: network.id, name: parsed, id, epoch });
    const item = { kind: "record", id, epoch, path } as const;
    let publicKey: Uint8Array;
    try {
      assertEpochReachable(route, state.profileHeight ?? -1);
      publicKey = requireEffectiveKey(route, profile, state.ownerKey);
    } catch (error) {
      if (!isHawserError(error)) throw error;
      const { code, message } = error;
      return { ...item, newestVer: null, replicas: [], skipped: { code, message } };
    }
    const context = contextOf(network, parsed, state, route);
    const places = this.#places("record", path, route.urls);
    const maxDataBytes = this.#options.maxBytes;
    const replies = await fetchAll(
      places.map(({ replica }) => replica),
      fetchOptions(this.#reading, "record", recordBodyLimit({ maxDataBytes }), signal, places.length),
    );
    const checked = verifyReplies({ context, publicKey, replies, maxDataBytes });
    const nowMs = clock.nowMs();
    const newest = selectNewest({ route, checked, cached: await readFloor(cache, floorKey(context)), nowMs });
    const replicas = places.flatMap((place, i): AuditedReplica[] => {
      const reply = checked[i];
      return reply === undefined ? [] : [recordVerdict(place, reply, newest, route, nowMs)];
    });
    return { ...item, newestVer: newest.ver, replicas, skipped: null };
  }

  /** A document that strangers do not get, for going on: from the cache, or as this reader itself gets it. */
  async #find(
    places: readonly AuditPlace[],
    path: string,
    hash: string,
    maxBytes: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | null> {
    const cached = await cachedObject(this.#core, hash);
    if (cached !== null) return cached;
    const providers = places.flatMap(({ isPublic, replica }) => (isPublic ? (replica.provider ?? []) : []));
    const own = providers.map((provider): AuditPlace => {
      return { replica: providerReplica(provider, path), url: null, isPublic: false };
    });
    return (await this.#ask(own, hash, maxBytes, signal)).bytes;
  }

  #places(kind: "record" | "object", path: string, urls: readonly string[]): readonly AuditPlace[] {
    const { storage, urlReader } = this.#core.parts;
    return auditPlaces({ storage, urlReader, kind, path, urls });
  }

  #bases({ storage }: Profile, path: string): readonly string[] {
    return storage.map((base) => joinBase(base, path));
  }

  #ask(
    places: readonly AuditPlace[],
    hash: string,
    maxBytes: number,
    signal: AbortSignal | undefined,
  ): Promise<AskedObject> {
    return askObject(places, hash, fetchOptions(this.#reading, "object", maxBytes, signal, places.length));
  }
}

function recordVerdict(
  { url, isPublic }: AuditPlace,
  reply: CheckedReply,
  newest: NewestRecord,
  route: Route,
  nowMs: number,
): AuditedReplica {
  const { label } = reply;
  const replica = { label, url, public: isPublic, ver: null, attempt: null };
  if (reply.kind !== "verified") {
    const { attempt } = reply;
    if (reply.kind === "absent") return { ...replica, verdict: "missing", attempt };
    const isWrong = reply.kind === "unverified" || isOversize(attempt);
    return { ...replica, verdict: isWrong ? "wrong" : "unknown", attempt };
  }
  const { ver } = reply.candidate.record;
  if (isFromFuture(route, ver, nowMs)) {
    // M10: no reader takes it, and it never gets old.
    const attempt = { label, code: "RECORD_FROM_FUTURE", message: `Version ${ver} is ahead of the clock.` };
    return { ...replica, verdict: "wrong", ver, attempt };
  }
  if (newest.forked && ver === newest.ver) return { ...replica, verdict: "forked", ver };
  return { ...replica, verdict: ver === newest.candidate?.record.ver ? "present" : "behind", ver };
}
