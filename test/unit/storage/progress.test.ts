import { describe, expect, it } from "vitest";
import { limits } from "../../../src/limits.js";
import { progressOf } from "../../../src/storage/progress.js";

describe("progressOf", () => {
  it("is less patient with records than with objects", () => {
    expect(progressOf("record", undefined)).toEqual({ firstByteMs: 5_000, idleMs: 10_000 });
    expect(progressOf("object", undefined)).toEqual({ firstByteMs: 10_000, idleMs: 30_000 });
  });

  it("is what the caller says, kind by kind", () => {
    const given = { record: { firstByteMs: 1, idleMs: 2 } };
    expect(progressOf("record", given)).toEqual({ firstByteMs: 1, idleMs: 2 });
    expect(progressOf("object", given)).toEqual({ firstByteMs: 10_000, idleMs: 30_000 });
  });

  it("gives an upload the time that its body takes", () => {
    expect(progressOf("record", undefined, limits.uploadMinBytesPerSecond * 2).firstByteMs).toBe(7_000);
    expect(progressOf("record", undefined, 1)).toEqual({ firstByteMs: 5_001, idleMs: 10_000 });
  });
});
