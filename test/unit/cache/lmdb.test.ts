import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { lmdbCache } from "../../../src/cache/lmdb.js";
import { lmdbFileDefect } from "../../../src/cache/lmdb-file.js";
import { checkedCache } from "../../../src/client/checked-cache.js";
import { expectCode } from "../storage/expect-code.js";

const worker = fileURLToPath(new URL("lmdb-worker.ts", import.meta.url));

function startWorker(...parameters: readonly string[]): {
  process: ChildProcessByStdio<Writable, Readable, null>;
  lines: AsyncIterable<string>;
} {
  const child = spawn(process.execPath, ["--import", "tsx", worker, ...parameters], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  return { process: child, lines: createInterface({ input: child.stdout }) };
}

async function collect(lines: AsyncIterable<string>): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

describe("lmdbCache", () => {
  let parent: string;
  let directory: string;
  const count = async (key: string): Promise<number> => {
    const cache = lmdbCache(directory);
    const value = await cache.get(key);
    await cache.close();
    return Number(new TextDecoder().decode(value ?? undefined));
  };

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "hawser-lmdb-"));
    directory = join(parent, "cache");
  });
  afterEach(async () => {
    await rm(parent, { recursive: true });
  });

  it("touches nothing before the first call", async () => {
    const cache = lmdbCache(directory);
    expect(await readdir(parent)).toEqual([]);
    await cache.close();
    expect(await readdir(parent)).toEqual([]);
  });

  it("is readable for its owner alone", async () => {
    const before = process.umask(0);
    try {
      const cache = lmdbCache(directory);
      await cache.update("a", () => ({ value: utf8("x"), result: undefined }));
      await cache.close();
    } finally {
      process.umask(before);
    }
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    for (const file of await readdir(directory)) {
      expect((await stat(join(directory, file))).mode & 0o777, file).toBe(0o600);
    }
  });

  it("M7: loses no update of several processes that write one key at the same time", async () => {
    const [processes, times] = [4, 150];
    const workers = Array.from({ length: processes }, () => startWorker(directory, "race", "floor", String(times)));
    expect(new Set(workers.map((one) => one.process.pid)).size).toBe(processes);
    let ready = 0;
    const seen = await Promise.all(
      workers.map(async ({ lines }) => {
        const own: number[] = [];
        for await (const line of lines) {
          if (line === "ready") {
            ready += 1;
            // Only when all have opened the cache does any of them begin.
            if (ready === processes) for (const one of workers) one.process.stdin.write("go\n");
            continue;
          }
          own.push(Number(line));
          // A file that others write to at this moment is not mistaken for a damaged one.
          expect(lmdbFileDefect(join(directory, "cache.mdb"))).toBeNull();
        }
        return own;
      }),
    );
    const total = processes * times;
    expect(seen.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, index) => index + 1));
    expect(await count("floor")).toBe(total);
    // They did run at once: each counted on from what another had written.
    for (const own of seen) expect((own.at(-1) ?? 0) - (own[0] ?? 0)).toBeGreaterThan(times - 1);
  });

  it("M7: shows at once what another process has written", async () => {
    const cache = lmdbCache(directory);
    expect(await cache.get("floor")).toBeNull();
    expect(await cache.keys("")).toEqual([]);
    // No turn of the event loop passes between these reads.
    spawnSync(process.execPath, ["--import", "tsx", worker, directory, "count", "floor", "1"]);
    expect(await cache.get("floor")).not.toBeNull();
    spawnSync(process.execPath, ["--import", "tsx", worker, directory, "count", "floor2", "1"]);
    expect(await cache.keys("")).toEqual(["floor", "floor2"]);
    await cache.close();
  });

  it("M7: keeps every acknowledged update of a process that is killed", async () => {
    for (let round = 0; round < 3; round++) {
      const { process: child, lines } = startWorker(directory, "count", "floor", "forever");
      let acknowledged = 0;
      let left = 40 + round * 17;
      for await (const line of lines) {
        acknowledged = Number(line);
        left -= 1;
        if (left === 0) child.kill("SIGKILL");
      }
      const kept = await count("floor");
      // The last update may have been committed without the process living to say so.
      expect(kept).toBeGreaterThanOrEqual(acknowledged);
      expect(kept).toBeLessThanOrEqual(acknowledged + 1);
    }
  });

  it("fails as unavailable where lmdb is not installed, and creates nothing", async () => {
    expect(await collect(startWorker(directory, "absent").lines)).toEqual(["CACHE_UNAVAILABLE"]);
    expect(await readdir(parent)).toEqual([]);
  });

  it("fails as unavailable where the directory cannot be made", async () => {
    await writeFile(directory, "a file in the way");
    await expectCode("CACHE_UNAVAILABLE", () => lmdbCache(directory).get("a"));
    expect(await readFile(directory, "utf8")).toBe("a file in the way");
  });

  describe("with a damaged file", () => {
    let file: string;
    let size: number;
    beforeEach(async () => {
      const cache = lmdbCache(directory);
      for (let i = 0; i < 60; i++) {
        await cache.update(`k${i}`, () => ({ value: new Uint8Array(3_000).fill(i), result: undefined }));
      }
      await cache.close();
      file = join(directory, "cache.mdb");
      ({ size } = await stat(file));
      await rm(`${file}-lock`);
    });

    const fill = async (start: number, end: number, byte: number): Promise<void> => {
      const bytes = await readFile(file);
      bytes.fill(byte, start, end);
      await writeFile(file, bytes);
    };

    it.each<[string, () => Promise<void>]>([
      ["cut to a few bytes", () => truncate(file, 10)],
      ["cut within the first page", () => truncate(file, 4_000)],
      ["cut to one page", () => truncate(file, 4_096)],
      ["cut to its meta pages", () => truncate(file, 8_192)],
      ["cut in the middle", () => truncate(file, size / 2)],
      ["of zeros", () => fill(0, size, 0)],
      ["of 0xff", () => fill(0, size, 0xff)],
      ["of text", () => writeFile(file, "this is no database\n".repeat(5_000))],
      ["with a lost first meta page", () => fill(0, 4_096, 0)],
      ["with a lost second meta page", () => fill(4_096, 8_192, 0)],
      ["with an impossible page size", () => fill(48, 52, 3)],
    ])("%s: a typed error, and the file stays as it is", async (_, damage) => {
      await damage();
      const before = createHash("sha256")
        .update(await readFile(file))
        .digest("hex");
      const cache = lmdbCache(directory);
      await expectCode("CACHE_UNAVAILABLE", () => cache.get("k1"));
      await expectCode("CACHE_UNAVAILABLE", () => cache.update("k1", () => ({ value: null, result: undefined })));
      await expectCode("CACHE_UNAVAILABLE", () => cache.keys(""));
      await cache.close();
      expect(
        createHash("sha256")
          .update(await readFile(file))
          .digest("hex"),
      ).toBe(before);
    });

    it.each<[string, () => Promise<void>]>([
      ["with nothing of its trees left", () => fill(8_192, size, 0x55)],
      ["with zeros for its trees", () => fill(8_192, size, 0)],
      [
        "with every other page lost",
        async () => {
          const bytes = await readFile(file);
          for (let at = 8_192; at < size; at += 8_192) bytes.fill(0xee, at, at + 4_096);
          await writeFile(file, bytes);
        },
      ],
      [
        "whose page headers are right and whose nodes are not",
        async () => {
          const bytes = await readFile(file);
          for (let at = 8_192; at < size; at += 4_096) bytes.fill(0xff, at + 24, at + 4_096);
          await writeFile(file, bytes);
        },
      ],
      [
        "whose pages all are one",
        async () => {
          const bytes = await readFile(file);
          for (let at = 8_192; at < size; at += 4_096) bytes.copy(bytes, at, 8_192, 12_288);
          await writeFile(file, bytes);
        },
      ],
    ])("%s: a typed error", async (_, damage) => {
      await damage();
      const before = createHash("sha256")
        .update(await readFile(file))
        .digest("hex");
      const cache = lmdbCache(directory);
      const error = await expectCode("CACHE_UNAVAILABLE", () => cache.get("k1"));
      // Found before LMDB maps the file: it would crash on some of these.
      expect(error.details.reason).toContain("damaged");
      await cache.close();
      expect(
        createHash("sha256")
          .update(await readFile(file))
          .digest("hex"),
      ).toBe(before);
    });

    it("in one page, wherever: a typed error, or a page that nothing leads to", async () => {
      const sound = await readFile(file);
      let found = 0;
      for (let at = 8_192; at < size; at += 4_096) {
        const bytes = Buffer.from(sound);
        bytes.fill(0xee, at, at + 24);
        await writeFile(file, bytes);
        if (lmdbFileDefect(file) !== null) found += 1;
      }
      // 60 large entries of a page each, and the pages of the two trees; the others are free.
      expect(found).toBeGreaterThan(60);
      await writeFile(file, sound);
      expect(lmdbFileDefect(file)).toBeNull();
    });

    it("in a bit of a meta page that lmdb crashes on: a typed error", async () => {
      const sound = await readFile(file);
      // Flags of the free tree, and the number of the last page, of both meta pages.
      for (const [at, mask] of [53, 148, 149, 150, 151].flatMap((byte) => [
        [byte, byte === 53 ? 0x20 : 0xff],
        [4_096 + byte, byte === 53 ? 0x20 : 0xff],
      ])) {
        const bytes = Buffer.from(sound);
        bytes[at ?? 0] = (bytes[at ?? 0] ?? 0) ^ (mask ?? 0);
        await writeFile(file, bytes);
        expect(lmdbFileDefect(file), String(at)).not.toBeNull();
      }
      await writeFile(file, sound);
      expect(lmdbFileDefect(file)).toBeNull();
    });

    it("in one bit, wherever: the right value or a typed error, never absent, and no process ends", async () => {
      await rm(file);
      const cache = checkedCache(lmdbCache(directory));
      const value = utf8("the floor");
      for (const key of ["floor/a", "floor/b", "name/a", "object/a"]) {
        await cache.update(key, () => ({ value, result: undefined }));
      }
      await cache.close();
      const { size: bytes } = await stat(file);
      const step = 53;
      const { process: child, lines } = startWorker(directory, "sweep", "floor/a", String(step));
      const ended = new Promise((resolve) => child.once("exit", resolve));
      const said = await collect(lines);
      expect(await ended).toBe(0);
      expect(said).toHaveLength(Math.ceil(bytes / step));
      const possible = [encodeHex(value), "CACHE_CORRUPT", "CACHE_UNAVAILABLE"];
      for (const line of said) expect(possible, line).toContain(line.replace(/^\d+ /, ""));
      expect(said.some((line) => line.endsWith("CACHE_UNAVAILABLE"))).toBe(true);
    });

    it("sound files pass, whatever was done to them", async () => {
      const cache = lmdbCache(directory);
      for (let i = 0; i < 300; i++) {
        const bytes = (i * 7_919) % 20_000;
        const value = i % 5 === 4 ? null : new Uint8Array(bytes).fill(i);
        await cache.update(`k${(i * 31) % 97}`, () => ({ value, result: undefined }));
        expect(lmdbFileDefect(file)).toBeNull();
      }
      await cache.close();
    });
  });
});
