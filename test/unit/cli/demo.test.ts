import { crc32, inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createPicture } from "../../../src/cli/demo/picture.js";
import { Stage } from "../../../src/cli/demo/stage.js";
import { collectingOutput } from "./terminal.js";

describe("Stage", () => {
  const { signal } = new AbortController();

  it("numbers steps, counts what held, and stays within 80 columns", async () => {
    const { output, stdout } = collectingOutput();
    const stage = new Stage(output, signal);
    await stage.step("First");
    await stage.say("word ".repeat(30).trim());
    await stage.command(["cat", "alice", "0".repeat(64), "--out", "copy.png"]);
    await stage.table([
      ["a", "word ".repeat(30).trim()],
      ["long", "x"],
    ]);
    await stage.step("Second");
    await stage.expect(true, "word ".repeat(30).trim(), null);
    expect(stage.checks).toBe(1);
    const lines = stdout().split("\n");
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines).toContain("1. First");
    expect(lines).toContain("2. Second");
    expect(stdout()).toContain(`   $ hawser cat alice \\\n       ${"0".repeat(64)} \\\n       --out copy.png\n`);
    expect(stdout()).toMatch(/^ {5}a {5}word word .*\n {11}word/m);
    expect(stdout()).toMatch(/^ {3}ok {2}word .*\n {7}word/m);
  });

  it("stops at the first thing that is other than expected, and when it is interrupted", async () => {
    const { output, stdout } = collectingOutput();
    const stage = new Stage(output, signal);
    await expect(stage.expect(false, "it is so", { not: true })).rejects.toMatchObject({
      code: "BUG_UNREACHABLE",
      message: 'The demo expected: it is so. It got: {"not":true}',
    });
    expect([stage.checks, stdout()]).toEqual([0, ""]);
    const aborted = new Stage(output, AbortSignal.abort());
    await expect(aborted.step("x")).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
    await expect(aborted.expect(true, "x", null)).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
  });
});

describe("createPicture", () => {
  it("makes a PNG whose chunks and pixels are whole", () => {
    const picture = Buffer.from(createPicture());
    expect(picture.subarray(0, 8)).toEqual(Buffer.from("\x89PNG\r\n\x1a\n", "latin1"));
    const chunks = new Map<string, Buffer>();
    let offset = 8;
    while (offset < picture.length) {
      const length = picture.readUInt32BE(offset);
      const body = picture.subarray(offset + 4, offset + 8 + length);
      expect(picture.readUInt32BE(offset + 8 + length)).toBe(crc32(body));
      chunks.set(body.subarray(0, 4).toString("latin1"), body.subarray(4));
      offset += 12 + length;
    }
    expect([...chunks.keys()]).toEqual(["IHDR", "IDAT", "IEND"]);
    expect(chunks.get("IHDR")?.readUInt32BE(0)).toBe(64);
    expect(inflateSync(chunks.get("IDAT") ?? Buffer.alloc(0))).toHaveLength(64 * (1 + 64 * 3));
  });
});
