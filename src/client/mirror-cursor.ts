import { utf8 } from "../bytes/bytes.js";
import { encodeHex, isHex } from "../bytes/hex.js";
import { encodeJson, isJsonObject, parseJson } from "../bytes/json.js";
import { sha256 } from "../crypto/hash.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Cache, Clock, StorageProvider } from "../ports.js";
import { keyPath } from "../profile/entry.js";

/** Items between two times that the place is kept. */
const KEEP_EVERY = 256;

/** How far the objects of a profile were copied. */
export interface MirrorPlace {
  /**
   * The first and the last of what is at every target, by their hash: whoever goes on from here looks whether the targets
   * have these. The last is the key of an object.
   */
  readonly witnesses: readonly [string, string];
}

/** Index path up to which every object and node is at every target: that of the last of them, and nothing else's. */
export function pathOfPlace({ witnesses: [, last] }: MirrorPlace): string {
  return keyPath(`i:${last}`);
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
    const kept = decodeMirrorPlace(bytes);
    if (kept?.profileHash !== profileHash) return null;
    const ageMs = clock.nowMs() - kept.atMs;
    return ageMs < 0 || ageMs > limits.mirrorResumeMs ? null : kept.place;
  }

  /** Goes on from a place of {@link load}. */
  resume(place: MirrorPlace): void {
    this.#place = place;
    [this.#first] = place.witnesses;
  }

  /**
   * Takes note of the next item in the order of the index. After one that is not everywhere the place stays.
   *
   * @param hash - what of it lies at the targets: a node, or the object of an entry; null for what has none here
   */
  async note(hash: string | null, kind: "node" | "entry", isEverywhere: boolean): Promise<void> {
    if (!isEverywhere || hash === null) this.#blocked = true;
    if (this.#blocked || hash === null) return;
    this.#first ??= hash;
    if (kind === "node") return;
    this.#place = { witnesses: [this.#first, hash] };
    if (++this.#since % KEEP_EVERY === 0) await this.keep();
  }

  /** Keeps the place durably. @throws CACHE_UNAVAILABLE */
  async keep(): Promise<void> {
    const place = this.#place;
    if (place === null || this.#since === 0) return;
    const { cache, clock, profileHash } = this.#run;
    const value = encodeMirrorPlace({ profileHash, atMs: clock.nowMs(), place });
    await cache.update(this.#key, () => ({ value, result: undefined }));
  }

  /** Forgets the place: the mirror came to its end. @throws CACHE_UNAVAILABLE */
  async forget(): Promise<void> {
    await this.#run.cache.update(this.#key, (current) =>
      current === null ? { result: undefined } : { value: null, result: undefined },
    );
  }
}

/** A place as it is kept. */
export interface KeptPlace {
  readonly profileHash: string;
  readonly atMs: number;
  readonly place: MirrorPlace;
}

/** The bytes under which a place is kept. */
export function encodeMirrorPlace({ profileHash, atMs, place: { witnesses } }: KeptPlace): Uint8Array {
  return utf8(encodeJson({ profileHash, atMs, witnesses }));
}

/** What an entry says; null where it is damaged, which costs only time. */
export function decodeMirrorPlace(bytes: Uint8Array): KeptPlace | null {
  const fail = (): HawserError => new HawserError("CACHE_CORRUPT", "Damaged.", { key: "mirror", reason: "damaged" });
  try {
    const json = parseJson(bytes, { fail, maxDepth: 2 });
    if (!isJsonObject(json)) return null;
    const { profileHash, atMs, witnesses, ...rest } = json;
    if (!isHex(profileHash, 32) || typeof atMs !== "number" || Object.keys(rest).length > 0) return null;
    if (!Array.isArray(witnesses) || witnesses.length !== 2) return null;
    const [first, last] = witnesses as readonly unknown[];
    if (!isHex(first, 32) || !isHex(last, 32)) return null;
    return { profileHash, atMs, place: { witnesses: [first, last] } };
  } catch {
    return null;
  }
}
