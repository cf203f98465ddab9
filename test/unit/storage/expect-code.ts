import { expect } from "vitest";
import { type ErrorCode, type HawserError, isHawserError } from "../../../src/errors.js";

/** Runs `run`, expects a HawserError of `code`, and returns it. */
export async function expectCode<Code extends ErrorCode>(
  code: Code,
  run: Promise<unknown> | (() => unknown),
): Promise<HawserError<Code>> {
  let error: unknown;
  try {
    await (typeof run === "function" ? run() : run);
  } catch (thrown) {
    error = thrown;
  }
  if (!isHawserError(error)) expect.fail(`expected ${code}, got ${String(error)}`);
  expect(error.code, error.message).toBe(code);
  return error as HawserError<Code>;
}
