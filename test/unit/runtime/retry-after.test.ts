import { describe, expect, it } from "vitest";
import { parseRetryAfter } from "../../../src/runtime/retry-after.js";

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

describe("parseRetryAfter", () => {
  it("takes seconds", () => {
    expect(parseRetryAfter("0", NOW_MS)).toBe(0);
    expect(parseRetryAfter("120", NOW_MS)).toBe(120_000);
    expect(parseRetryAfter("999999999", NOW_MS)).toBe(999_999_999_000);
  });

  it("takes a date, and does not wait for one that is past", () => {
    expect(parseRetryAfter("Fri, 02 Jan 2026 03:04:35 GMT", NOW_MS)).toBe(30_000);
    expect(parseRetryAfter("Fri, 02 Jan 2026 03:04:04 GMT", NOW_MS)).toBe(0);
  });

  it.each([null, "", "-1", "1.5", "0x10", " 5", "1e3", "1234567890", "soon", "2027-01-01", "Fri, 99 Nix 2026"])(
    "takes nothing else: %j",
    (value) => {
      expect(parseRetryAfter(value, NOW_MS)).toBeNull();
    },
  );
});
