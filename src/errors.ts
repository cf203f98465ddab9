/**
 * The one error class of hawser and the closed list of its codes.
 *
 * `docs/errors.md` is generated from this file and from `error-details.ts`, where a code's meaning is the doc comment of
 * its member in {@link ErrorDetails}.
 */

import type { ErrorDetails } from "./error-details.js";
import type { Attempt, Outcome, Retry } from "./error-evidence.js";

export type { ErrorDetails } from "./error-details.js";
export type { Attempt, ForkProof, NameNow, Outcome, Retry } from "./error-evidence.js";

export type ErrorCode = keyof ErrorDetails;

const spec = (outcome: Outcome, retry: Retry): { readonly outcome: Outcome; readonly retry: Retry } => ({
  outcome,
  retry,
});

/** Outcome and retry advice of every code. */
export const errorCodes: { readonly [Code in ErrorCode]: { readonly outcome: Outcome; readonly retry: Retry } } = {
  INPUT_INVALID: spec("input", "changed"),
  INPUT_URL_INVALID: spec("input", "changed"),
  INPUT_ID_INVALID: spec("input", "changed"),
  INPUT_KEY_INVALID: spec("input", "changed"),
  INPUT_CONFIG_INVALID: spec("input", "changed"),
  INPUT_TOO_LARGE: spec("input", "changed"),
  INPUT_FEE_TOO_HIGH: spec("input", "changed"),
  INPUT_FLOORS_INVALID: spec("input", "changed"),
  INPUT_JSON_INVALID: spec("input", "changed"),
  INPUT_TXID_UNKNOWN: spec("input", "changed"),
  INPUT_TXID_MISMATCH: spec("input", "changed"),
  INPUT_OPERATION_NOT_PENDING: spec("input", "changed"),
  INPUT_FILE_UNUSABLE: spec("input", "changed"),
  NAME_INVALID: spec("input", "changed"),
  NAME_NOT_REGISTERED: spec("input", "changed"),
  NAME_BEACON_FLOODED: spec("input", "changed"),
  NAME_OWNER_CHANGED: spec("wrong", "changed"),
  NAME_PREORDER_EXPIRED: spec("conflict", "changed"),
  NAME_SEALED: spec("input", "changed"),
  NAME_UNSEALED: spec("conflict", "changed"),
  CHAIN_UNAVAILABLE: spec("unknown", "yes"),
  CHAIN_STALE: spec("unknown", "yes"),
  CHAIN_UNSUPPORTED_OPERATION: spec("unknown", "changed"),
  CHAIN_CLOCK_BEHIND: spec("unknown", "changed"),
  CHAIN_HEADER_INVALID: spec("wrong", "yes"),
  CHAIN_WORK_INSUFFICIENT: spec("wrong", "yes"),
  CHAIN_NETWORK_MISMATCH: spec("input", "changed"),
  CHAIN_SOURCE_BEHIND: spec("unknown", "yes"),
  CHAIN_SOURCE_UNABLE: spec("unknown", "yes"),
  CHAIN_PROOF_INVALID: spec("wrong", "yes"),
  CHAIN_TRANSACTION_INVALID: spec("wrong", "yes"),
  CHAIN_BROADCAST_REFUSED: spec("conflict", "changed"),
  CHAIN_TIMEOUT: spec("unknown", "yes"),
  PROFILE_UNAVAILABLE: spec("unknown", "yes"),
  PROFILE_INVALID: spec("wrong", "changed"),
  PROFILE_UNSUPPORTED: spec("unknown", "changed"),
  INDEX_UNAVAILABLE: spec("unknown", "yes"),
  INDEX_INVALID: spec("wrong", "changed"),
  ROUTE_MISSING: spec("input", "changed"),
  ROUTE_NO_KEY: spec("wrong", "changed"),
  ROUTE_EPOCH_INVALID: spec("wrong", "changed"),
  ROUTE_KEY_MISMATCH: spec("input", "changed"),
  RECORD_INVALID: spec("wrong", "yes"),
  RECORD_SIGNATURE_INVALID: spec("wrong", "yes"),
  RECORD_UNAVAILABLE: spec("unknown", "yes"),
  RECORD_UNVERIFIED: spec("wrong", "yes"),
  RECORD_STALE: spec("wrong", "yes"),
  RECORD_FORKED: spec("wrong", "changed"),
  RECORD_EXPIRED: spec("wrong", "yes"),
  RECORD_FROM_FUTURE: spec("wrong", "yes"),
  CONTENT_UNAVAILABLE: spec("unknown", "yes"),
  CONTENT_UNVERIFIED: spec("wrong", "yes"),
  BUNDLE_INVALID: spec("wrong", "changed"),
  BUNDLE_UNSUPPORTED: spec("unknown", "changed"),
  STORAGE_UNAVAILABLE: spec("unknown", "yes"),
  STORAGE_UNSUPPORTED: spec("input", "changed"),
  STORAGE_REFUSED: spec("unknown", "changed"),
  STORAGE_GONE: spec("unknown", "changed"),
  STORAGE_FULL: spec("unknown", "changed"),
  STORAGE_CLOCK_SKEW: spec("unknown", "changed"),
  STORAGE_PAUSED: spec("unknown", "yes"),
  STORAGE_LOST: spec("wrong", "yes"),
  NETWORK_UNREACHABLE: spec("unknown", "yes"),
  NETWORK_TIMEOUT: spec("unknown", "yes"),
  NETWORK_STATUS: spec("unknown", "yes"),
  NETWORK_TOO_LARGE: spec("wrong", "yes"),
  NETWORK_ANSWER_INVALID: spec("wrong", "yes"),
  NETWORK_HOST_REFUSED: spec("wrong", "changed"),
  NETWORK_ABORTED: spec("unknown", "yes"),
  NETWORK_TIME_LIMIT: spec("unknown", "yes"),
  CACHE_UNAVAILABLE: spec("unknown", "changed"),
  CACHE_MISS: spec("unknown", "yes"),
  CACHE_CORRUPT: spec("unknown", "changed"),
  CONFLICT_NAME_MOVED: spec("conflict", "changed"),
  CONFLICT_RECORD_MOVED: spec("conflict", "changed"),
  CONFLICT_NAME_TAKEN: spec("conflict", "changed"),
  CONFLICT_PENDING: spec("conflict", "changed"),
  WALLET_REFUSED: spec("wallet", "changed"),
  WALLET_ANSWER_INVALID: spec("wallet", "changed"),
  WALLET_FUNDS_INSUFFICIENT: spec("wallet", "changed"),
  WALLET_NOT_OWNER: spec("wallet", "changed"),
  BUG_UNREACHABLE: spec("bug", "no"),
};

/** An error as plain data, for messages between contexts. */
export interface HawserErrorJson {
  readonly name: "HawserError";
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: unknown;
  readonly cause?: HawserErrorJson;
}

const mark = Symbol.for("hawser.error");

/** The only error class that hawser throws. Switch on `code`; never parse `message`. */
export class HawserError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = "HawserError" as const;
  readonly code: Code;
  readonly details: ErrorDetails[Code];
  readonly outcome: Outcome;
  readonly retry: Retry;

  constructor(code: Code, message: string, details: ErrorDetails[Code], options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.details = details;
    this.outcome = errorCodes[code].outcome;
    this.retry = errorCodes[code].retry;
    Object.defineProperty(this, mark, { value: true });
  }

  toJSON(): HawserErrorJson {
    const json: HawserErrorJson = { name: this.name, code: this.code, message: this.message, details: this.details };
    return isHawserError(this.cause) ? { ...json, cause: this.cause.toJSON() } : json;
  }
}

/** Whether `error` is a {@link HawserError} (of `code`, when given); works across realms and duplicate installs. */
export function isHawserError<Code extends ErrorCode = ErrorCode>(
  error: unknown,
  code?: Code,
): error is HawserError<Code> {
  if (typeof error !== "object" || error === null || !(mark in error)) return false;
  return code === undefined || (error as { code?: unknown }).code === code;
}

/** The error for what the cache does not hold where nobody else may be asked. */
export function cacheMiss(
  what: ErrorDetails["CACHE_MISS"]["what"],
  which: string,
  cause?: unknown,
): HawserError<"CACHE_MISS"> {
  return new HawserError("CACHE_MISS", `The cache does not hold the ${what} ${which}.`, { what, which }, { cause });
}

/** The entry for `attempts` that an error of one source or provider becomes. */
export function attemptOf(label: string, error: unknown): Attempt {
  if (isHawserError(error)) return { label, code: error.code, message: error.message };
  return { label, code: "BUG_UNREACHABLE", message: error instanceof Error ? error.message : "unknown failure" };
}
