import { isHex } from "../bytes/hex.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type {
  HistoryEntry,
  HistoryMark,
  InclusionClaim,
  Outpoint,
  Outspend,
  SourceTip,
  UnspentOutput,
} from "../ports.js";
import { HEADER_BYTES } from "./header.js";
import { ask, type Panel, type Seat } from "./union.js";

// Sources may be anybody's code: what they return is looked at member by member and copied before it is used, and a
// wrong shape is no answer. Null is "not answered" in all of these.

/** What a source names as its tip. */
export async function askTip(panel: Panel, seat: Seat): Promise<SourceTip | null> {
  const answer = await ask(panel, seat, async (source, signal): Promise<SourceTip> => {
    const { height, hash, recentHeaders } = object(seat, await source.tip({ signal }));
    check(seat, isHeight(height) && isHex(hash, 32) && isBytes(recentHeaders), "a tip");
    check(seat, recentHeaders.length <= limits.headersPerCall * HEADER_BYTES, "few recent headers");
    return { height, hash, recentHeaders };
  });
  return answer?.value ?? null;
}

/** Headers from `start` on, at most `count`. */
export async function askHeaders(panel: Panel, seat: Seat, start: number, count: number): Promise<Uint8Array | null> {
  const answer = await ask(panel, seat, async (source, signal): Promise<Uint8Array> => {
    const headers: unknown = await source.headers(start, count, { signal });
    check(seat, isBytes(headers) && headers.length >= HEADER_BYTES, "at least one header");
    return headers.subarray(0, count * HEADER_BYTES);
  });
  return answer?.value ?? null;
}

/**
 * The complete history of a script, or only what is not above `before`; one that is too long to be looked at is no
 * answer (V5, V8).
 */
export async function askHistory(
  panel: Panel,
  seat: Seat,
  script: Uint8Array,
  before?: HistoryMark,
): Promise<readonly HistoryEntry[] | null> {
  const answer = await ask(panel, seat, async (source, signal): Promise<readonly HistoryEntry[]> => {
    const entries: unknown = await source.history(script, before === undefined ? { signal } : { signal, before });
    check(seat, Array.isArray(entries), "a list");
    const most = limits.historyMaxEntries;
    check(seat, entries.length <= most, `at most ${most} entries of a history`);
    // Unlike `map`, this visits what an array leaves out, too.
    return Array.from(entries, (entry: unknown) => {
      const { txid, height } = object(seat, entry);
      check(seat, isHex(txid, 32) && isHeightOrNull(height), "an entry of a history");
      return { txid, height };
    });
  });
  return answer?.value ?? null;
}

/** A raw transaction, of which nothing is checked yet. */
export function askTransaction(
  panel: Panel,
  seat: Seat,
  txid: string,
): Promise<{ readonly value: Uint8Array | null } | null> {
  return ask(panel, seat, async (source, signal): Promise<Uint8Array | null> => {
    const raw: unknown = await source.transaction(txid, { signal });
    check(seat, raw === null || isBytes(raw), "a raw transaction");
    return raw;
  });
}

/** Where a source says a transaction is. */
export function askInclusion(
  panel: Panel,
  seat: Seat,
  txid: string,
  nearHeight: number,
): Promise<{ readonly value: InclusionClaim | null } | null> {
  return ask(panel, seat, async (source, signal): Promise<InclusionClaim | null> => {
    const claim: unknown = await source.inclusion(txid, nearHeight, { signal });
    if (claim === null) return null;
    const { height, position, branch } = object(seat, claim);
    check(seat, isHeight(height) && isHeight(position) && Array.isArray(branch), "a Merkle proof");
    check(seat, branch.length <= limits.merkleMaxLevels, "a Merkle branch");
    const hashes = Array.from(branch, (hash: unknown) => {
      check(seat, isBytes(hash), "hashes in a Merkle branch");
      return hash.slice();
    });
    return { height, position, branch: hashes };
  });
}

/** txid of the coinbase of the block at `height`. */
export async function askCoinbase(panel: Panel, seat: Seat, height: number): Promise<string | null> {
  const answer = await ask(panel, seat, async (source, signal): Promise<string> => {
    const txid: unknown = await source.coinbaseTxid(height, { signal });
    check(seat, isHex(txid, 32), "a txid");
    return txid;
  });
  return answer?.value ?? null;
}

/** Whether and by what an output is spent. */
export async function askOutspend(
  panel: Panel,
  seat: Seat,
  outpoint: Outpoint,
  script: Uint8Array,
): Promise<Outspend | null> {
  const answer = await ask(panel, seat, async (source, signal): Promise<Outspend> => {
    const { spent, txid, height } = object(seat, await source.outspend(outpoint, script, { signal }));
    // Only the word "no" is an absence; anything that looks like it is no answer.
    if (spent === false) return { spent };
    check(seat, spent === true && isHex(txid, 32) && isHeightOrNull(height), "an answer whether an output is spent");
    return { spent, txid, height };
  });
  return answer?.value ?? null;
}

/** Unspent outputs of a script. Values are read from the transactions, never from here (V3). */
export async function askUnspent(
  panel: Panel,
  seat: Seat,
  script: Uint8Array,
): Promise<readonly UnspentOutput[] | null> {
  const answer = await ask(panel, seat, async (source, signal): Promise<readonly UnspentOutput[]> => {
    const outputs: unknown = await source.unspent(script, { signal });
    check(seat, Array.isArray(outputs), "a list");
    return Array.from(outputs, (output: unknown) => {
      const { txid, vout, valueSats, height } = object(seat, output);
      const isOutput = isHex(txid, 32) && isHeight(vout) && typeof valueSats === "bigint" && isHeightOrNull(height);
      check(seat, isOutput, "an unspent output");
      return { txid, vout, valueSats, height };
    });
  });
  return answer?.value ?? null;
}

function check(seat: Seat, holds: boolean, expected: string): asserts holds {
  if (holds) return;
  const reason = `expected ${expected}`;
  const details = { url: seat.label, reason };
  throw new HawserError("NETWORK_ANSWER_INVALID", `The answer of ${seat.label} is wrong: ${reason}.`, details);
}

function object(seat: Seat, value: unknown): Readonly<Record<string, unknown>> {
  check(seat, typeof value === "object" && value !== null, "an object");
  return value as Readonly<Record<string, unknown>>;
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function isHeight(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHeightOrNull(value: unknown): value is number | null {
  return value === null || isHeight(value);
}
