import { utf8 } from "../bytes/bytes.js";
import { decodeHex, encodeHex, isHex } from "../bytes/hex.js";
import { encodeJson, isJsonObject, type Json, parseJson } from "../bytes/json.js";
import type { StoredEvidence, StoredTransaction } from "../chain/evidence.js";
import { HawserError } from "../errors.js";

/** The last read of a name that was complete (V5): up to its height nothing is missing from what is stored. */
export interface ReadMark {
  /** E of V6. */
  readonly height: number;
  /** Of the block at `height`, display order. */
  readonly hash: string;
  readonly tipHeight: number;
  /** How many sources gave complete answers. */
  readonly agreed: number;
}

/** What a reader keeps of a name between reads. It is proven again whenever it is loaded: a cache is no authority. */
export interface StoredName extends StoredEvidence {
  readonly readAt?: ReadMark | null | undefined;
  /**
   * txid of the REGISTER, or of the RECOVER after it, below which each source, by label, said at that time that the
   * beacon has nothing else (V5).
   */
  readonly beacon: { readonly register: string; readonly checkedAtMs: ReadonlyMap<string, number> } | null;
}

/** The empty state of a name that was never read. */
export const nothingStored: StoredName = { transactions: [], coinbases: [], previous: [], beacon: null };

/**
 * What to keep after a read that began with `loaded` and found `found`, where another read has meanwhile kept `kept`:
 * what that one found is not lost, and what this one found to be out of the chain does not come back by it.
 */
export function mergeStoredNames(loaded: StoredName, found: StoredName, kept: StoredName): StoredName {
  const merge = <T>(before: readonly T[], now: readonly T[], other: readonly T[], keyOf: (item: T) => string): T[] => {
    const known = new Set([...before, ...now].map(keyOf));
    return [...now, ...other.filter((item) => !known.has(keyOf(item)))];
  };
  const place = ({ raw, height, position }: StoredTransaction): string => `${height}/${position}/${encodeHex(raw)}`;
  const checkedAtMs = new Map(found.beacon?.checkedAtMs);
  if (kept.beacon !== null && kept.beacon.register === found.beacon?.register) {
    const judged = loaded.beacon?.register === kept.beacon.register ? loaded.beacon.checkedAtMs : null;
    for (const [label, ms] of kept.beacon.checkedAtMs) {
      if (judged?.get(label) !== ms) checkedAtMs.set(label, Math.max(ms, checkedAtMs.get(label) ?? 0));
    }
  }
  return {
    transactions: merge(loaded.transactions, found.transactions, kept.transactions, place),
    coinbases: merge(loaded.coinbases, found.coinbases, kept.coinbases, place),
    previous: merge(loaded.previous, found.previous, kept.previous, encodeHex),
    beacon: found.beacon === null ? null : { register: found.beacon.register, checkedAtMs },
    readAt: found.readAt ?? kept.readAt,
  };
}

/** The cache key of a name's operations. */
export function storedNameKey(network: string, name: string): string {
  return `name/${network}/${name}`;
}

export function encodeStoredName(stored: StoredName): Uint8Array {
  const transaction = ({ raw, height, position, branch }: StoredTransaction): Json => {
    return { raw: encodeHex(raw), height, position, branch: branch.map(encodeHex) };
  };
  return utf8(
    encodeJson({
      v: 1,
      transactions: stored.transactions.map(transaction),
      coinbases: stored.coinbases.map(transaction),
      previous: stored.previous.map(encodeHex),
      beacon:
        stored.beacon === null
          ? null
          : { register: stored.beacon.register, checkedAtMs: [...stored.beacon.checkedAtMs] },
      readAt: stored.readAt ? { ...stored.readAt } : null,
    }),
  );
}

/** @throws CACHE_CORRUPT */
export function decodeStoredName(bytes: Uint8Array, key: string): StoredName {
  const fail = (reason: string) =>
    new HawserError("CACHE_CORRUPT", `The cache entry ${key} does not decode: ${reason}.`, { key, reason });
  const json = parseJson(bytes, { fail });
  if (!isJsonObject(json) || json["v"] !== 1) throw fail("unknown version");

  const list = (value: Json | undefined): readonly Json[] => {
    if (!Array.isArray(value)) throw fail("expected a list");
    return value as readonly Json[];
  };
  const hex = (value: Json | undefined): Uint8Array => {
    if (!isHex(value)) throw fail("expected hex");
    return decodeHex(value);
  };
  const count = (value: Json | undefined): number => {
    if (typeof value !== "number" || value < 0) throw fail("expected a number");
    return value;
  };
  const text = (value: Json | undefined): string => {
    if (typeof value !== "string") throw fail("expected a string");
    return value;
  };
  const transaction = (value: Json): StoredTransaction => {
    if (!isJsonObject(value)) throw fail("expected a transaction");
    const branch = list(value["branch"]).map(hex);
    return { raw: hex(value["raw"]), height: count(value["height"]), position: count(value["position"]), branch };
  };
  const { beacon, readAt } = json;
  return {
    transactions: list(json["transactions"]).map(transaction),
    coinbases: list(json["coinbases"]).map(transaction),
    previous: list(json["previous"]).map(hex),
    beacon: !isJsonObject(beacon)
      ? null
      : {
          register: text(beacon["register"]),
          checkedAtMs: new Map(
            list(beacon["checkedAtMs"]).map((pair) => {
              const [label, ms] = list(pair);
              return [text(label), count(ms)] as const;
            }),
          ),
        },
    readAt: !isJsonObject(readAt)
      ? null
      : {
          height: count(readAt["height"]),
          hash: text(readAt["hash"]),
          tipHeight: count(readAt["tipHeight"]),
          agreed: count(readAt["agreed"]),
        },
  };
}
