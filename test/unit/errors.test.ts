import { describe, expect, it } from "vitest";
import { attemptOf, errorCodes, HawserError, isHawserError } from "../../src/errors.js";

const inner = new HawserError("NETWORK_TIMEOUT", "slow", { url: "https://h", timeoutMs: 5 });
const outer = new HawserError("RECORD_UNAVAILABLE", "none", { id: "a", attempts: [] }, { cause: inner });

describe("HawserError", () => {
  it("carries code, details, outcome and retry", () => {
    expect(inner).toBeInstanceOf(Error);
    expect(inner).toMatchObject({ name: "HawserError", code: "NETWORK_TIMEOUT", outcome: "unknown", retry: "yes" });
    expect(inner.details.timeoutMs).toBe(5);
    expect(outer.cause).toBe(inner);
  });

  it("becomes plain data with its causes", () => {
    expect(JSON.parse(JSON.stringify(outer))).toEqual({
      name: "HawserError",
      code: "RECORD_UNAVAILABLE",
      message: "none",
      details: { id: "a", attempts: [] },
      cause: {
        name: "HawserError",
        code: "NETWORK_TIMEOUT",
        message: "slow",
        details: { url: "https://h", timeoutMs: 5 },
      },
    });
    const foreign = new HawserError("INPUT_KEY_INVALID", "no", { reason: "no" }, { cause: new Error("secret") });
    expect(JSON.stringify(foreign)).not.toContain("secret");
  });

  it("is known across realms by its mark, and nothing else is", () => {
    expect(isHawserError(inner)).toBe(true);
    expect(isHawserError(inner, "NETWORK_TIMEOUT")).toBe(true);
    expect(isHawserError(inner, "NETWORK_ABORTED")).toBe(false);
    const otherRealm = { [Symbol.for("hawser.error")]: true, code: "NETWORK_TIMEOUT" };
    expect(isHawserError(otherRealm, "NETWORK_TIMEOUT")).toBe(true);
    for (const value of [null, undefined, 1, "a", {}, new Error("a"), { code: "NETWORK_TIMEOUT" }]) {
      expect(isHawserError(value)).toBe(false);
    }
  });

  it("its mark is not among its visible members", () => {
    expect(
      Object.getOwnPropertySymbols(inner).filter((symbol) => Object.prototype.propertyIsEnumerable.call(inner, symbol)),
    ).toEqual([]);
  });

  it("outcomes follow the codes' groups", () => {
    for (const [code, { outcome, retry }] of Object.entries(errorCodes)) {
      expect(["input", "unknown", "wrong", "conflict", "wallet", "bug"]).toContain(outcome);
      expect(["yes", "changed", "no"]).toContain(retry);
      if (/_UNAVAILABLE$|_TIMEOUT$|^CACHE_/.test(code)) expect(outcome).toBe("unknown");
      if (code.startsWith("INPUT_")) expect(outcome).toBe("input");
      if (code.startsWith("BUG_")) expect(outcome).toBe("bug");
    }
  });

  it("becomes an attempt", () => {
    expect(attemptOf("a", inner)).toEqual({ label: "a", code: "NETWORK_TIMEOUT", message: "slow" });
    expect(attemptOf("a", new TypeError("x"))).toEqual({ label: "a", code: "BUG_UNREACHABLE", message: "x" });
    expect(attemptOf("a", 1)).toEqual({ label: "a", code: "BUG_UNREACHABLE", message: "unknown failure" });
  });
});
