import { limits } from "../../limits.js";

/**
 * Caps of an Electrum connection, beside those that all sources share. They are apart from `limits.ts` because every
 * reader loads that one.
 */
export const electrumLimits = {
  /** requests - under way on one connection; servers slow a client down that sends more at once. */
  maxInFlight: 16,
  /** requests - that callers gave up and the server has not answered yet, before the connection is closed. */
  maxAbandoned: 16,
  /** ms - without one byte since a request was sent, after which a caller's giving up closes the connection, too. */
  silenceMs: 5_000,
  /** ms - for which a connection that nobody uses stays open. */
  idleMs: 10_000,
  /** ms - between two signs of life of a connection that waits for changes; servers close silent ones after 10 minutes. */
  pingMs: 60_000,
  /** ms - after a question, and then after each nudge, before a server that keeps small answers back is nudged. */
  nudgeDelaysMs: [20, 60, 200],
  /** hex digits - of the answer to a nudge: what such a server sends at once is 1,024 bytes. */
  nudgeDigits: 1_120,
  /** ms - before the first new attempt after a lost connection; doubled for each further one. */
  backoffMs: 1_000,
  /** attempts - in a row to get a connection for changes back. */
  maxAttempts: 6,
  /** bytes - of an answer that holds no list, no headers and no transaction. */
  answerMaxBytes: 64 * 1024,
  /** bytes - of a list: a history or unspent outputs. */
  listMaxBytes: limits.sourceAnswerMaxBytes,
  /** bytes - of an answer with a transaction in hex. */
  transactionMaxBytes: 2 * limits.transactionMaxBytes + 1_024,
  /** bytes - of messages that nobody asked for, one after the other without an answer among them. */
  unaskedMaxBytes: 256 * 1024,
  /** levels - of objects and arrays in one message. */
  maxDepth: 16,
  /** characters - of a server's own words in an error. */
  reasonMaxCharacters: 300,
  /** bytes - of transactions whose hash was checked, kept so that they are not fetched twice. */
  keptTransactionBytes: 2 * 1024 * 1024,
  /** ms - for which a mined spend that a script's history showed is told again without asking. */
  keptSpendMs: 10_000,
  /** scripts - whose spends are kept. */
  keptScripts: 8,
  /** outputs - of a transaction by whose histories its height is looked for. */
  maxPlaceSearches: 4,
  /** headers - from which on a chunk is asked for with the proof that it belongs to the chain of the tip. */
  minProvenHeaders: 200,
} as const;
