import { assertInteger, invalidArgument } from "../bytes/guards.js";
import { throwIfAborted } from "../deadline.js";
import { HawserError, isHawserError } from "../errors.js";
import { parseContentKey } from "../immutable/key.js";
import { limits } from "../limits.js";
import { recordBodyLimit } from "../mutable/record.js";
import type { StorageProvider } from "../ports.js";
import type { IndexEntry } from "../profile/entry.js";
import { parseNode } from "../profile/index-node.js";
import { type IndexStep, type Visited, visitIndex } from "../profile/index-visit.js";
import { type Profile, parseProfile } from "../profile/profile.js";
import { objectPath, recordPath } from "../route/layout.js";
import { fetchOptions } from "./item-fetch.js";
import { MirrorCursor, pathOfPlace } from "./mirror-cursor.js";
import { copyObject, loadObject, type ObjectToCopy } from "./mirror-object.js";
import { type MirrorPlaces, targetsOf } from "./mirror-places.js";
import { copyRecord } from "./mirror-record.js";
import { MirrorTarget } from "./mirror-target.js";
import type { FoundMirror, MirroredItem, MirrorOptions, MirrorOutcome, RepairOptions } from "./mirrored.js";
import { type OpenedName, openName } from "./open-name.js";
import type { ReaderCore } from "./reader-core.js";
import type { NotFound } from "./results.js";

/** Brings all that belongs to a name to providers. See `Reader.mirror`. */
export async function mirrorName(
  core: ReaderCore,
  name: string,
  options: MirrorOptions,
): Promise<FoundMirror | NotFound> {
  const { maxParallel = limits.auditMaxParallel, maxBytes } = options;
  assertInteger("maxParallel", maxParallel, 1, 256);
  recordBodyLimit({ maxDataBytes: maxBytes });
  const providers = [...new Set([options.to].flat())] as readonly StorageProvider[];
  if (providers.length === 0) throw invalidArgument("to", "at least one provider", options.to);
  const opened = await openName(core, "The mirror of", name, options);
  if (!opened.found) return opened;
  const targets = providers.map((provider) => new MirrorTarget(provider, core.parts.clock));
  const { from = null, timeoutMs } = options;
  return new Mirror({ core, targets, from, timeoutMs, maxDataBytes: maxBytes }, opened, options, maxParallel).run();
}

/** Brings providers to the newest state of a name. See `Reader.repair`. */
export function repairName(core: ReaderCore, name: string, options: RepairOptions): Promise<FoundMirror | NotFound> {
  // What was there an hour ago may be damaged by now: finding that out is what a repair is for.
  return mirrorName(core, name, { ...options, from: undefined, resume: false });
}

/** An item, what of it lies at the targets, and its size in bytes. */
interface Copied {
  readonly item: MirroredItem;
  readonly hash: string | null;
  readonly size: number;
}

class Mirror {
  readonly #places: MirrorPlaces;
  readonly #opened: OpenedName;
  readonly #options: MirrorOptions;
  readonly #maxParallel: number;
  readonly #cursor: MirrorCursor;
  #items = 0;
  #complete = true;

  constructor(places: MirrorPlaces, opened: OpenedName, options: MirrorOptions, maxParallel: number) {
    const { core, targets } = places;
    const { cache, clock, network } = core.parts;
    this.#places = places;
    this.#opened = opened;
    this.#options = options;
    this.#maxParallel = maxParallel;
    this.#cursor = new MirrorCursor({
      cache,
      clock,
      network: network.id,
      name: opened.parsed,
      profileHash: opened.profileHash,
      targets: targets.map(({ provider }) => provider),
    });
  }

  async run(): Promise<FoundMirror> {
    const { signal } = this.#options;
    const { parsed, profileHash } = this.#opened;
    await Promise.all(this.#places.targets.map((target) => target.open(signal)));
    this.#assertAnyTarget();
    const profile = parseProfile(await this.#loadProfile(), parsed);
    const after = await this.#placeToResume();
    // W1: data first, then what points to it. A record may speak of objects, and nobody finds anything without a profile.
    const mayHaveRecords = await this.#copyObjects(profile, after);
    if (mayHaveRecords && targetsOf(this.#places, "record").length > 0) await this.#copyRecords(profile);
    await this.#copyProfile(profile);
    await this.#cursor.forget();
    const { found, name, asOf, from } = this.#opened;
    const providers = this.#places.targets.map(({ counts }) => counts);
    return { found, name, asOf, from, profileHash, complete: this.#complete, resumed: after !== undefined, providers };
  }

  /** P6: without the anchored profile nothing is known of the name. @throws PROFILE_UNAVAILABLE, NETWORK_ABORTED */
  async #loadProfile(): Promise<Uint8Array> {
    const { parsed, profileHash } = this.#opened;
    const { signal, onEvent } = this.#options;
    onEvent?.({ stage: "profile", message: `Fetching the profile of ${parsed}` });
    const wanted = { hash: profileHash, maxBytes: limits.profileMaxBytes, urls: [], bases: [] };
    return loadObject(this.#places, wanted, signal, true).catch((error: unknown) => {
      if (!isHawserError(error) || !("attempts" in error.details)) throw error;
      const { attempts } = error.details;
      const message = `The anchored profile ${profileHash} of ${parsed} could not be had from any provider.`;
      throw new HawserError("PROFILE_UNAVAILABLE", message, { profileHash, attempts }, { cause: error });
    });
  }

  /** Where an earlier run was cut off, if what it left there is still at every target. */
  async #placeToResume(): Promise<string | undefined> {
    const { signal, resume } = this.#options;
    const place = resume === false ? null : await this.#cursor.load();
    const fetch = fetchOptions(this.#places, "object", limits.objectMaxBytes, signal);
    const looked = await Promise.all(
      targetsOf(this.#places, "object").flatMap((target) =>
        (place?.witnesses ?? []).map((hash) => target.look(objectPath(hash), hash, fetch)),
      ),
    );
    throwIfAborted(signal, "The mirror");
    if (place !== null && looked.length > 0 && looked.every(({ verdict }) => verdict === "present")) {
      this.#cursor.resume(place);
      return pathOfPlace(place);
    }
    // Another place with the same label, or one that was emptied in between, has to be filled from the start. Were this run
    // cut off before it has a place of its own, the next one would go on from the old one, over gaps. An outage proves none.
    if (looked.every(({ verdict }) => verdict !== "unknown")) await this.#cursor.forget();
    return undefined;
  }

  /** Nodes and objects. @returns whether there may be records */
  async #copyObjects(profile: Profile, after: string | undefined): Promise<boolean> {
    if (targetsOf(this.#places, "object").length === 0) return true;
    let mayHaveRecords = after !== undefined;
    const matches = (entry: IndexEntry): boolean => {
      mayHaveRecords ||= entry.kind === "mutable";
      return entry.kind === "immutable";
    };
    const visit = async (step: IndexStep, signal: AbortSignal): Promise<Visited<Copied>> =>
      step.kind === "node" ? this.#copyNode(step, profile, signal) : this.#copyEntry(step.entry, profile, signal);
    const options = { maxParallel: this.#maxParallel, after, signal: this.#options.signal, matches, visit };
    try {
      for await (const { step, value } of visitIndex(profile.index, options)) {
        await this.#tell(value);
        const { outcomes } = value.item;
        const isEverywhere = outcomes.every(({ outcome }) => outcome === "stored" || outcome === "held");
        await this.#cursor.note(value.hash, step.kind, isEverywhere);
      }
      await this.#cursor.keep();
    } catch (error) {
      // Why it ended matters more than that its place could not be kept.
      await this.#cursor.keep().catch(() => undefined);
      throw error;
    }
    return mayHaveRecords;
  }

  async #copyNode(
    { hash, prefix }: IndexStep & { readonly kind: "node" },
    profile: Profile,
    signal: AbortSignal,
  ): Promise<Visited<Copied>> {
    const wanted = this.#wanted(hash, limits.nodeMaxBytes, profile);
    const { outcomes, bytes } = await copyObject(this.#places, wanted, signal);
    // Also where no target could be asked: what is below it can be copied all the same.
    const node = bytes ?? (await this.#loadNode(wanted, signal, false));
    if (node === null) this.#complete = false;
    const item = { kind: "node", hash, prefix, path: objectPath(hash), outcomes } as const;
    const value = { item, hash, size: bytes?.length ?? 0 };
    return { value, node: node === null ? null : parseNode(node, prefix) };
  }

  async #copyEntry(entry: IndexEntry, profile: Profile, signal: AbortSignal): Promise<Visited<Copied>> {
    const { kind, key } = parseContentKey(entry.key.slice(2));
    if (kind === "unixfs" || entry.kind !== "immutable") {
      const attempt = { label: key, code: "unsupported", message: "UnixFS roots cannot be read yet." };
      const outcomes = targetsOf(this.#places, "object").map(({ label }): MirrorOutcome => {
        return { label, outcome: "unavailable", attempt };
      });
      return { value: { item: { kind: "object", key, path: null, outcomes }, hash: null, size: 0 }, node: null };
    }
    const wanted = { ...this.#wanted(key, limits.objectMaxBytes, profile), urls: entry.content.urls ?? [] };
    const { outcomes, bytes } = await copyObject(this.#places, wanted, signal);
    const item = { kind: "object", key, path: objectPath(key), outcomes } as const;
    return { value: { item, hash: key, size: bytes?.length ?? 0 }, node: null };
  }

  /** Records are looked at in every run: they change without the profile. */
  async #copyRecords(profile: Profile): Promise<void> {
    const { network } = this.#places.core.parts;
    const { parsed: name, state } = this.#opened;
    const visit = async (step: IndexStep, signal: AbortSignal): Promise<Visited<Copied | null>> => {
      if (step.kind === "node") {
        const bytes = await this.#loadNode(this.#wanted(step.hash, limits.nodeMaxBytes, profile), signal);
        if (bytes === null) this.#complete = false;
        return { value: null, node: bytes === null ? null : parseNode(bytes, step.prefix) };
      }
      if (step.entry.kind !== "mutable") return { value: null, node: null };
      const { route } = step.entry;
      const { id, epoch } = route;
      const { outcomes, ver, size } = await copyRecord(this.#places, route, { name, state, profile }, signal);
      const path = recordPath({ network: network.id, name, id, epoch });
      return { value: { item: { kind: "record", id, epoch, ver, path, outcomes }, hash: null, size }, node: null };
    };
    const matches = ({ kind }: IndexEntry): boolean => kind === "mutable";
    const options = { maxParallel: this.#maxParallel, signal: this.#options.signal, matches, visit };
    for await (const { value } of visitIndex(profile.index, options)) if (value !== null) await this.#tell(value);
  }

  async #copyProfile(profile: Profile): Promise<void> {
    if (targetsOf(this.#places, "object").length === 0) return;
    const { profileHash: hash } = this.#opened;
    const wanted = this.#wanted(hash, limits.profileMaxBytes, profile);
    const { outcomes, bytes } = await copyObject(this.#places, wanted, this.#options.signal);
    const item = { kind: "profile", hash, path: objectPath(hash), outcomes } as const;
    await this.#tell({ item, hash, size: bytes?.length ?? 0 });
  }

  /** A node for finding what is below it; null where nobody has it. @throws NETWORK_ABORTED */
  async #loadNode(wanted: ObjectToCopy, signal: AbortSignal, alsoTargets = true): Promise<Uint8Array | null> {
    try {
      return await loadObject(this.#places, wanted, signal, alsoTargets);
    } catch (error) {
      throwIfAborted(signal, "The mirror");
      if (isHawserError(error, "CACHE_UNAVAILABLE")) throw error;
      return null;
    }
  }

  #wanted(hash: string, maxBytes: number, { storage: bases }: Profile): ObjectToCopy {
    return { hash, maxBytes, urls: [], bases };
  }

  async #tell({ item, size }: Copied): Promise<void> {
    const { onItem, onEvent } = this.#options;
    const targets = targetsOf(this.#places, item.kind === "record" ? "record" : "object");
    for (const [i, outcome] of item.outcomes.entries()) {
      targets[i]?.count(outcome, size);
      if (outcome.outcome === "failed" || outcome.outcome === "unavailable") this.#complete = false;
    }
    this.#items++;
    const message = `Looked after ${this.#items} items of ${this.#opened.parsed}`;
    onEvent?.({ stage: "mirror", message, done: this.#items });
    await onItem?.(item);
    this.#assertAnyTarget();
  }

  /** @throws STORAGE_UNAVAILABLE where every target failed again and again */
  #assertAnyTarget(): void {
    const { targets } = this.#places;
    const attempts = targets.flatMap(({ lost }) => (lost === null ? [] : [lost]));
    if (attempts.length < targets.length) return;
    const message = "No provider that was to hold the data can be written to.";
    throw new HawserError("STORAGE_UNAVAILABLE", message, { required: 1, stored: 0, attempts });
  }
}
