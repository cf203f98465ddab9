import { describe, expect, it } from "vitest";
import { HawserError, isHawserError } from "../../../../src/errors.js";
import { decodeError, encodeError } from "../../../../src/json.js";
import { expectCode } from "../../storage/expect-code.js";

const throughText = (json: unknown): unknown => JSON.parse(JSON.stringify(json));
const again = (error: HawserError): HawserError => decodeError(throughText(encodeError(error)));

const timeout = (cause?: unknown): HawserError =>
  new HawserError("NETWORK_TIMEOUT", "Too slow.", { url: "https://a.example", timeoutMs: Number.NaN }, { cause });

describe("errors as JSON", () => {
  it("keep code, message, details and every cause", () => {
    const error = timeout(
      new HawserError("CACHE_UNAVAILABLE", "Full.", { reason: "quota" }, { cause: new TypeError("x") }),
    );
    const decoded = again(error);
    if (!isHawserError(decoded, "NETWORK_TIMEOUT")) expect.fail("another code");
    expect(decoded).toBeInstanceOf(HawserError);
    expect(decoded.details).toEqual({ url: "https://a.example", timeoutMs: Number.NaN });
    expect(decoded).toMatchObject({ message: "Too slow.", outcome: "unknown", retry: "yes" });
    if (!isHawserError(decoded.cause, "CACHE_UNAVAILABLE")) expect.fail("another cause");
    expect(decoded.cause.cause).toMatchObject({ name: "TypeError", message: "x" });
    expect(decoded.cause.cause).toBeInstanceOf(Error);
    expect(JSON.stringify(encodeError(error))).not.toContain("errors.test");
  });

  it("keep causes that are no errors, and leave out those that JSON cannot carry", () => {
    for (const cause of ["text", 7n, { code: 1, bytes: Uint8Array.of(1) }, null]) {
      expect(again(timeout(cause)).cause).toEqual(cause);
    }
    for (const cause of [undefined, () => 1, new Map()]) expect("cause" in encodeError(timeout(cause))).toBe(false);
    let deep = timeout();
    for (let i = 0; i < 100; i++) deep = timeout(deep);
    let length = 0;
    for (let error: unknown = again(deep); isHawserError(error); error = error.cause) length++;
    expect(length).toBe(17);
  });

  it("refuse what is none of hawser's", async () => {
    for (const wrong of [null, undefined, "text", new Error("a"), { code: "BUG_UNREACHABLE" }]) {
      await expectCode("INPUT_INVALID", () => encodeError(wrong as HawserError));
    }
    const odd = new HawserError("RECORD_INVALID", "Odd.", { reason: (() => 1) as unknown as string });
    await expectCode("INPUT_INVALID", () => encodeError(odd));
  });

  it("refuse any other JSON", async () => {
    const json = encodeError(new HawserError("RECORD_INVALID", "Not one.", { reason: "a" }));
    const caused = (cause: unknown): unknown => ({ ...json, cause });
    let deep: unknown = json;
    for (let i = 0; i < 17; i++) deep = caused(deep);
    for (const wrong of [
      null,
      "RECORD_INVALID",
      [],
      {},
      { ...json, hawserError: 2 },
      { ...json, code: "RECORD_ODD" },
      { ...json, code: "toString" },
      { ...json, code: 7 },
      { ...json, message: null },
      { ...json, details: null },
      { ...json, details: {} },
      { ...json, details: { reason: 7 } },
      { ...json, details: { reason: "a", more: 1 } },
      { ...json, more: 1 },
      caused(null),
      caused({}),
      caused({ value: 1, error: { name: "a", message: "b" } }),
      caused({ error: { name: "a" } }),
      caused({ error: { name: "a", message: "b", stack: "c" } }),
      caused({ error: null }),
      caused({ ...json, code: "RECORD_ODD" }),
      deep,
    ]) {
      await expectCode("INPUT_JSON_INVALID", () => decodeError(wrong));
    }
  });
});
