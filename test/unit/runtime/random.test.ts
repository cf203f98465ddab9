import { describe, expect, it } from "vitest";
import { systemRandom } from "../../../src/runtime/random.js";
import { expectCode } from "../storage/expect-code.js";

describe("systemRandom", () => {
  it("gives as many bytes as asked, filled to the end", () => {
    expect(systemRandom.bytes(0)).toEqual(new Uint8Array(0));
    const bytes = systemRandom.bytes(200_000);
    expect(bytes.length).toBe(200_000);
    for (let start = 0; start < bytes.length; start += 50_000) {
      expect(bytes.subarray(start, start + 64).some((byte) => byte !== 0)).toBe(true);
    }
    expect(bytes.subarray(-64).some((byte) => byte !== 0)).toBe(true);
  });

  it("does not repeat itself", () => {
    expect(systemRandom.bytes(32)).not.toEqual(systemRandom.bytes(32));
  });

  it("refuses what is no length", async () => {
    await expectCode("INPUT_INVALID", () => systemRandom.bytes(-1));
    await expectCode("INPUT_INVALID", () => systemRandom.bytes(1.5));
  });
});
