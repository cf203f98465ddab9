import { HawserError } from "../errors.js";

/** The error for a call that does not have its documented form. Unlike the library's, it may show what was typed. */
export function usageError(argument: string, expected: string, got: string): HawserError<"INPUT_INVALID"> {
  const message = `${argument}: expected ${expected}, got ${got}.`;
  return new HawserError("INPUT_INVALID", message, { argument, expected, got });
}

/** How the error for a wrong value is made; it depends on where the value stood. */
export type FailValue = (expected: string, got: string) => HawserError;

/** @throws what `fail` makes */
export function readInteger(text: string, fail: FailValue, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const value = /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw fail(`a whole number ${range}`, JSON.stringify(text.slice(0, 40)));
}

/** A number with or without decimals, above zero. @throws what `fail` makes */
export function readRate(text: string, fail: FailValue): number {
  const value = /^[0-9]{1,9}(?:\.[0-9]{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0) return value;
  throw fail("a number above 0, such as 2.5", JSON.stringify(text.slice(0, 40)));
}

/** @throws what `fail` makes */
export function readWord<Word extends string>(text: string, fail: FailValue, words: readonly Word[]): Word {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw fail(`one of ${words.join(", ")}`, JSON.stringify(text.slice(0, 40)));
}
