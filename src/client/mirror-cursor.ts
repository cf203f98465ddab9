import { utf8 } from "../bytes/bytes.js";
import { encodeHex, isHex } from "../bytes/hex.js";
import { encodeJson, isJsonObject, parseJson } from "../bytes/json.js";
import { sha256 } from "../crypto/hash.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Cache, Clock, StorageProvider } from "../ports.js";

/** Items between two times that the place is kept. */
const KEEP_EVERY = 256;

/** How far the objects of a profile were copied. */
export interface MirrorPlace {
  /** Index path up to which every object and node is at every target. */
  readonly path: string;
  /** The first and the last of them, by their hash: whoever goes on from here looks whether the targets have these. */
  readonly witnesses: readonly [string, string];
}

/** What the place of a mirror belongs to. */
export interface MirrorRun {
  readonly cache: Cache;
  readonly clock: Clock;
  readonly network: string;
  readonly name: string;
  readonly profileHash: string;
  readonly targets: readonly StorageProvider[];
}

/** Keeps the place of a mirror in the cache, so that one that was cut off need not begin anew. */
export class MirrorCursor {
  readonly #run: MirrorRun;
  readonly #key: string;
  #place: MirrorPlace | null = null;
  #first: string | null = null;
  #last: string | null = null;
  #blocked = false;
  #since = 0;

  constructor(run: MirrorRun) {
    this.#run = run;
    const targets = run.targets.map(({ label, publicBaseUrl }) => [label, publicBaseUrl]);
    const which = encodeHex(sha256(utf8(JSON.stringify(targets)))).slice(0, 32);
    this.#key = `mirror/${run.network}/${run.name}/${which}`;
  }

  /** Where an earlier mirror of this profile to these targets was cut off; null: nowhere, or too long ago. */
  async load(): Promise<MirrorPlace | null> {
    const { cache, clock, profileHash } = this.#run;
    const bytes = await cache.get(this.#key);
    if (bytes === null) return null;
    const kept = decode(bytes);
    if (kept?.profileHash !== profileHash) return null;
    const ageMs = clock.nowMs() - kept.atMs;
    return ageMs < 0 || ageMs > limits.mirrorResumeMs ? null : kept.place;
  }

  /** Goes on from a place of {@link load}. */
  resume(place: MirrorPlace): void {
    this.#place = place;
    [this.#first, this.#last] = place.witnesses;
  }

  /**
   * Takes note of the next item in the order of the index. After one that is not everywhere the place stays.
   *
   * @param hash - what of it lies at the targets
   * @param path - the entry's path; null for a node
   */
  async note(hash: string | null, path: string | null, isEverywhere: boolean): Promise<void> {
    if (!isEverywhere) this.#blocked = true;
    if (this.#blocked) return;
    this.#first ??= hash;
    this.#last = hash ?? this.#last;
    if (path === null || this.#first === null || this.#last === null) return;
    this.#place = { path, witnesses: [this.#first, this.#last] };
    if (++this.#since % KEEP_EVERY === 0) await this.keep();
  }

  /** Keeps the place durably. @throws CACHE_UNAVAILABLE */
  async keep(): Promise<void> {
    const place = this.#place;
    if (place === null || this.#since === 0) return;
    const { cache, clock, profileHash } = this.#run;
    const { path, witnesses } = place;
    const value = utf8(encodeJson({ profileHash, atMs: clock.nowMs(), path, witnesses }));
    await cache.update(this.#key, () => ({ value, result: undefined }));
  }

  /** Forgets the place: the mirror came to its end. @throws CACHE_UNAVAILABLE */
  async forget(): Promise<void> {
    await this.#run.cache.update(this.#key, (current) =>
      current === null ? { result: undefined } : { value: null, result: undefined },
    );
  }
}

/** What an entry says; null where it is damaged, which costs only time. */
function decode(
  bytes: Uint8Array,
): { readonly profileHash: string; readonly atMs: number; readonly place: MirrorPlace } | null {
  const fail = (): HawserError => new HawserError("CACHE_CORRUPT", "Damaged.", { key: "mirror", reason: "damaged" });
  try {
    const json = parseJson(bytes, { fail, maxDepth: 2 });
    if (!isJsonObject(json)) return null;
    const { profileHash, atMs, path, witnesses } = json;
    if (typeof profileHash !== "string" || typeof atMs !== "number" || !isHex(path, 32)) return null;
    if (!Array.isArray(witnesses)) return null;
    const [first, last] = witnesses as readonly unknown[];
    if (!isHex(first, 32) || !isHex(last, 32)) return null;
    return { profileHash, atMs, place: { path, witnesses: [first, last] } };
  } catch {
    return null;
  }
}
