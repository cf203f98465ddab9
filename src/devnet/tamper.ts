import { assertInteger, assertString, invalidArgument } from "../bytes/guards.js";

/**
 * How a chain source misbehaves.
 * - `honest`: not at all.
 * - `hide-after:HEIGHT`: shows the same headers as all, but no transaction above HEIGHT and no mempool: histories end
 *   there and outputs spent later are "unspent".
 * - `lag:HEIGHT`: its chain ends at HEIGHT.
 * - `freeze`: shows for ever the chain and mempool of this moment, so that a reorganisation leaves it on the branch that
 *   lost. Transactions that it is sent reach the others all the same.
 * - `slow:MS`: answers after MS milliseconds.
 * - `down`: breaks every connection off.
 */
export type SourceTamper = "honest" | "down" | "freeze" | `hide-after:${number}` | `lag:${number}` | `slow:${number}`;

/**
 * How a store misbehaves. It keeps what is written all the while, so `honest` shows the newest bytes again.
 * - `honest`: not at all.
 * - `freeze`: shows for ever what it held at this moment, and takes writes as if they had worked.
 * - `stale`: shows at each path the bytes before the last write that changed them, where there were any.
 * - `forge`: shows records with other data under the same id, version and signature, and other bytes for all else.
 * - `slow:MS`: answers after MS milliseconds.
 * - `down`: breaks every connection off.
 */
export type StoreTamper = "honest" | "freeze" | "stale" | "forge" | "down" | `slow:${number}`;

/** Which server is to misbehave, by its place in `sourceUrls` or `storeUrls`, and how. */
export type Tamper =
  | { readonly source: number; readonly how: SourceTamper }
  | { readonly store: number; readonly how: StoreTamper };

/** A way to misbehave, taken apart; `amount` is a height or milliseconds, 0 where the mode has none. */
export interface TamperMode<Word extends string> {
  readonly word: Word;
  readonly amount: number;
}

export type SourceWord = "honest" | "down" | "freeze" | "hide-after" | "lag" | "slow";
export type StoreWord = "honest" | "freeze" | "stale" | "forge" | "down" | "slow";

const SOURCE_WORDS: ReadonlyMap<string, SourceWord> = wordMap("honest", "down", "freeze", "hide-after", "lag", "slow");
const STORE_WORDS: ReadonlyMap<string, StoreWord> = wordMap("honest", "freeze", "stale", "forge", "down", "slow");
const WITH_AMOUNT: readonly string[] = ["hide-after", "lag", "slow"];

/** @throws INPUT_INVALID */
export function parseSourceTamper(how: unknown): TamperMode<SourceWord> {
  return parseMode(how, SOURCE_WORDS);
}

/** @throws INPUT_INVALID */
export function parseStoreTamper(how: unknown): TamperMode<StoreWord> {
  return parseMode(how, STORE_WORDS);
}

function wordMap<Word extends string>(...words: readonly Word[]): ReadonlyMap<string, Word> {
  return new Map(words.map((word) => [word, word]));
}

function parseMode<Word extends string>(how: unknown, words: ReadonlyMap<string, Word>): TamperMode<Word> {
  assertString("how", how);
  const [, name = "", digits] = /^([a-z-]+)(?::(0|[1-9][0-9]{0,8}))?$/.exec(how) ?? [];
  const word = words.get(name);
  if (word === undefined || WITH_AMOUNT.includes(name) !== (digits !== undefined)) {
    const forms = [...words.keys()].map((one) => (WITH_AMOUNT.includes(one) ? `${one}:NUMBER` : one));
    throw invalidArgument("how", `one of ${forms.join(", ")}`, how);
  }
  return { word, amount: Number(digits ?? 0) };
}

/** The server at `index`. @throws INPUT_INVALID */
export function serverAt<Server>(argument: string, servers: readonly Server[], index: unknown): Server {
  assertInteger(argument, index, 0, servers.length - 1);
  const server = servers[index];
  if (server === undefined) throw invalidArgument(argument, "the number of a server", index);
  return server;
}
