import { type ErrorCode, isHawserError } from "../errors.js";

/** One demand of a contract, for any test runner. */
export interface ContractCase {
  /** What is demanded, in one line; no two cases of a contract have the same. */
  readonly name: string;
  /** Resolves where the demand is met, else rejects with an `Error` that says what was expected and what came. */
  run(): Promise<void>;
}

/** What a case says of the implementation under test; to a runner it is an `Error` like any other. */
class Failure extends Error {}

/** A case that fails with one sentence, whatever the implementation throws. */
export function contractCase(name: string, check: () => Promise<void>): ContractCase {
  return {
    name,
    run: async () => {
      try {
        await check();
      } catch (error) {
        if (error instanceof Failure) throw error;
        throw new Failure(`expected no error, got ${show(error)}.`, { cause: error });
      }
    },
  };
}

/** Fails with what was expected of `what`, and what came. */
export function fail(what: string, expected: string, got: unknown): never {
  throw new Failure(`${what}: expected ${expected}, got ${show(got)}.`);
}

const SHOWN_BYTES = 24;
const SHOWN_ITEMS = 12;

/** Fails unless `got` is `expected`: bytes and lists by what they hold, anything else by identity. */
export function expectSame(what: string, got: unknown, expected: unknown): void {
  if (isSame(got, expected)) return;
  throw new Failure(`${what}: expected ${show(expected)}, got ${show(got)}${placeOf(got, expected)}.`);
}

/** Fails unless `run` rejects with a `HawserError` of this code. */
export async function expectCode(what: string, code: ErrorCode, run: () => Promise<unknown>): Promise<void> {
  const { error } = await rejectionOf(what, `a HawserError ${code}`, run);
  if (!isHawserError(error, code)) fail(what, `a HawserError ${code}`, error);
}

/** What `run` rejects with; fails where it does not. */
export async function rejectionOf(
  what: string,
  expected: string,
  run: () => Promise<unknown>,
): Promise<{ readonly error: unknown }> {
  let got: unknown;
  try {
    got = await run();
  } catch (error) {
    return { error };
  }
  throw new Failure(`${what}: expected ${expected}, got the answer ${show(got)}.`);
}

/** What a promise came to. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/** Waits for all, whatever becomes of each. */
export async function settle<T>(promises: readonly Promise<T>[]): Promise<readonly Outcome<T>[]> {
  return Promise.all(
    promises.map((promise) =>
      promise.then(
        (value): Outcome<T> => ({ ok: true, value }),
        (error: unknown): Outcome<T> => ({ ok: false, error }),
      ),
    ),
  );
}

function isSame(got: unknown, expected: unknown): boolean {
  if (expected instanceof Uint8Array) {
    return got instanceof Uint8Array && got.length === expected.length && firstDifference(got, expected) === -1;
  }
  if (Array.isArray(expected)) {
    return (
      Array.isArray(got) &&
      got.length === expected.length &&
      expected.every((item, i) => isSame(got[i] as unknown, item))
    );
  }
  return Object.is(got, expected);
}

function firstDifference(got: ArrayLike<unknown>, expected: ArrayLike<unknown>): number {
  for (let i = 0; i < expected.length; i++) {
    if (got[i] !== expected[i] && !isSame(got[i], expected[i])) return i;
  }
  return -1;
}

/** Where two long values part, which their beginnings do not show. */
function placeOf(got: unknown, expected: unknown): string {
  const isBytes = got instanceof Uint8Array && expected instanceof Uint8Array && expected.length > SHOWN_BYTES;
  const isList = Array.isArray(got) && Array.isArray(expected) && expected.length > SHOWN_ITEMS;
  if (!isBytes && !isList) return "";
  const at = firstDifference(got, expected);
  return at === -1 ? "" : `; the first difference is at index ${at}`;
}

/** A value in one line. */
function show(value: unknown): string {
  if (value instanceof Uint8Array) {
    const shown = Array.from(value.subarray(0, SHOWN_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join("");
    return `${value.length} bytes${shown === "" ? "" : ` ${shown}`}${value.length > SHOWN_BYTES ? "..." : ""}`;
  }
  if (Array.isArray(value)) {
    const items = value.slice(0, SHOWN_ITEMS).map(show);
    return `[${items.join(", ")}${value.length > SHOWN_ITEMS ? `, ... ${value.length} in all` : ""}]`;
  }
  if (isHawserError(value)) return `HawserError ${value.code} (${value.message})`;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "object" && value !== null ? Object.prototype.toString.call(value) : String(value);
}
