import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { lmdbCache } from "../../../src/cache/lmdb.js";
import { lmdbFileDefect } from "../../../src/cache/lmdb-file.js";
import { checkedCache } from "../../../src/client/checked-cache.js";
import type { Cache } from "../../../src/ports.js";
import { expectCode } from "../storage/expect-code.js";

const worker = fileURLToPath(new URL("lmdb-worker.ts", import.meta.url));

/** What lmdb itself offers, for databases that this cache did not make. */
interface Lmdb {
  open(options: object): RawDatabase;
}
interface RawDatabase {
  put(key: unknown, value: unknown): Promise<boolean>;
  openDB(options: object): RawDatabase;
  close(): Promise<void>;
}

const KEY = "floor/regtest/zanzibar";
const VALUE = utf8("the value");

describe("an LMDB file that is not as it should be", () => {
  let parent: string;
  let directory: string;
  let file: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), "hawser-damage-"));
    directory = join(parent, "cache");
    file = join(directory, "cache.mdb");
  });
  afterEach(() => {
    rmSync(parent, { recursive: true });
  });

  const set = (cache: Cache, key: string, value: Uint8Array | null): Promise<void> =>
    cache.update(key, () => ({ value, result: undefined }));

  async function make(keys: readonly string[]): Promise<void> {
    const cache = checkedCache(lmdbCache(directory));
    await Promise.all(keys.map((key) => set(cache, key, VALUE)));
    await cache.close();
    rmSync(`${file}-lock`);
  }

  async function openRaw(run: (database: RawDatabase) => Promise<unknown>): Promise<void> {
    mkdirSync(directory, { recursive: true });
    const { open } = createRequire(import.meta.url)("lmdb") as Lmdb;
    const database = open({ path: file, noSubdir: true, encoding: "binary", keyEncoding: "binary" });
    await run(database);
    await database.close();
  }

  /** Every call fails with these words, and the file stays as it is. */
  async function expectRefused(words: string): Promise<void> {
    const before = readFileSync(file);
    const cache = lmdbCache(directory);
    const calls = [() => cache.get(KEY), () => set(cache, KEY, utf8("new")), () => cache.keys("")];
    for (const call of calls) expect((await expectCode("CACHE_UNAVAILABLE", call)).details.reason).toContain(words);
    await cache.close();
    expect(readFileSync(file).equals(before)).toBe(true);
  }

  function run(command: readonly string[], shell?: readonly string[]): SpawnSyncReturns<string> {
    const node = [process.execPath, "--import", "tsx", worker, directory, ...command];
    const [program = "", ...parameters] = [...(shell ?? []), ...node];
    return spawnSync(program, parameters, { encoding: "utf8", maxBuffer: 2 ** 26 });
  }

  it("M7: cut at any length: a typed error, and no process ends", async () => {
    await make([KEY, ...Array.from({ length: 150 }, (_, i) => `floor/${i}`)]);
    const { size } = statSync(file);
    const { status, signal, stdout } = run(["cut", KEY, "331"]);
    expect({ status, signal }).toEqual({ status: 0, signal: null });
    const said = stdout.trim().split("\n");
    expect(said).toHaveLength(Math.ceil(size / 331));
    const value = encodeHex(VALUE);
    // Free pages at the end may be missing.
    for (const line of said) expect(["CACHE_UNAVAILABLE", value]).toContain(line.replace(/^\d+ /, ""));
    expect(said.filter((line) => line.endsWith("CACHE_UNAVAILABLE")).length).toBeGreaterThan(said.length / 2);
  });

  it("M7: empty: a typed error, and no new database takes its place", async () => {
    await make([KEY]);
    writeFileSync(file, "");
    await expectRefused("it is empty");
    expect(statSync(file).size).toBe(0);
  });

  it("a directory in its place, or a pipe: a typed error that does not wait", async () => {
    mkdirSync(file, { recursive: true });
    expect((await expectCode("CACHE_UNAVAILABLE", () => lmdbCache(directory).get(KEY))).details.reason).toContain(
      "not a regular file",
    );
    rmSync(file, { recursive: true });
    expect(spawnSync("mkfifo", [file]).status).toBe(0);
    expect((await expectCode("CACHE_UNAVAILABLE", () => lmdbCache(directory).get(KEY))).details.reason).toContain(
      "not a regular file",
    );
  });

  it.each<[string, (database: RawDatabase) => Promise<unknown>, string]>([
    ["with entries of its own", (raw) => raw.put(Buffer.from("user:1"), Buffer.from("{}")), "something else"],
    ["with large entries", (raw) => raw.put(Buffer.from("user:1"), Buffer.alloc(9_000)), "something else"],
    ["with keys that are no text", (raw) => raw.put(Buffer.from([1, 2, 3]), Buffer.from("floor/a")), "something else"],
    ["with databases in it", (raw) => raw.openDB({ name: "floor/a" }).put("a", "b"), "wrong form"],
  ])("a database of something else, %s: a typed error, and nothing is written to it", async (_, fill, words) => {
    await openRaw(fill);
    await expectRefused(words);
  });

  it("M7: a changed key is found when the file is opened, and the entry is not taken for absent", async () => {
    await make([KEY, "floor/a", "floor/b"]);
    const bytes = readFileSync(file);
    let changed = 0;
    for (let at = bytes.indexOf("zanzibar"); at !== -1; at = bytes.indexOf("zanzibar", at)) {
      // Still in order, and a name like another; pages that nothing leads to have it too.
      changed += bytes.write("zanzibaz", at);
    }
    expect(changed).toBeGreaterThan(0);
    writeFileSync(file, bytes);
    await expectRefused("a key has changed");
  });

  it("M7: an entry under a key that is not its own is corrupt, and stays when it is updated", async () => {
    await make([KEY, "floor/a"]);
    const cache = lmdbCache(directory);
    // While the cache is open: nothing looks at the whole file any more.
    expect(await cache.get(KEY)).not.toBeNull();
    await openRaw(async (raw) => raw.put(Buffer.from(KEY), Buffer.from([0x9d, 0x68, 0x77, 1, 9, 9, 9, 9, 65])));
    const error = await expectCode("CACHE_CORRUPT", () => cache.get(KEY));
    expect(error.details).toEqual({ key: KEY, reason: "it belongs to another key" });
    await expectCode("CACHE_CORRUPT", () => set(cache, KEY, utf8("new")));
    await expectCode("CACHE_CORRUPT", () => cache.get(KEY));
    await cache.close();
  });

  it("M7: keys out of order, which a search would miss, are found in leaves and in branches", async () => {
    await make(Array.from({ length: 300 }, (_, i) => `floor/${String(i).padStart(4, "0")}`));
    const sound = readFileSync(file);
    const places: number[] = [];
    for (let at = sound.indexOf("floor/"); at !== -1; at = sound.indexOf("floor/", at + 1)) places.push(at);
    expect(places.length).toBeGreaterThanOrEqual(300);
    let outOfOrder = 0;
    for (const at of places.filter((_, i) => i % 3 === 0)) {
      const bytes = Buffer.from(sound);
      bytes.write("x", at);
      writeFileSync(file, bytes);
      if (lmdbFileDefect(file) === "keys are out of order") outOfOrder += 1;
      else if (lmdbFileDefect(file) === null) {
        // In a page that nothing leads to.
        const cache = lmdbCache(directory);
        expect(await cache.keys("floor/")).toHaveLength(300);
        await cache.close();
        rmSync(`${file}-lock`);
      }
    }
    expect(outOfOrder).toBeGreaterThan(80);
  });

  it("M7: a tree with fewer entries than its meta page says is found", async () => {
    await make([KEY, "floor/a"]);
    const bytes = readFileSync(file);
    const newest = bytes.readBigUInt64LE(152) > bytes.readBigUInt64LE(4_096 + 152) ? 0 : 4_096;
    // Entries of the main tree.
    bytes.writeBigUInt64LE(bytes.readBigUInt64LE(newest + 128) + 1n, newest + 128);
    writeFileSync(file, bytes);
    await expectRefused("entries are missing");
  });

  it("M7: entries of the first form are read, and get the new one when they are updated", async () => {
    const old = ["floor/regtest/a", "signed/regtest/a@1", "journal/regtest/a/b", "name/regtest/a", "object/ab"];
    await openRaw(async (raw) => {
      for (const key of old) await raw.put(Buffer.from(key), Buffer.from(`old ${key}`));
    });
    for (let round = 0; round < 2; round++) {
      const cache = lmdbCache(directory);
      expect(await cache.keys("")).toEqual([...old].sort());
      for (const key of old) expect(await cache.get(key)).toEqual(utf8(`old ${key}`));
      await cache.update("floor/regtest/a", (current) => ({ value: current, result: undefined }));
      await cache.close();
    }
    expect(readFileSync(file).includes(Buffer.from([0x9d, 0x68, 0x77, 1]))).toBe(true);
  });

  describe("and a disk that is full", () => {
    it("M7: updates fail with the reason, what was acknowledged stays, no process ends, and it goes on with space", async () => {
      await make([KEY]);
      const { status, signal, stdout } = run(["fill", "floor/"], ["sh", "-c", 'ulimit -f 300; exec "$@"', "sh"]);
      expect({ status, signal }).toEqual({ status: 0, signal: null });
      const said = stdout
        .trim()
        .split("\n")
        .map((line) => /^(\S+) (\S+) (.*)$/.exec(line)?.slice(1) ?? []);
      expect(said).toHaveLength(60);
      const kept = said.filter(([, , outcome]) => outcome === "kept");
      const failed = said.filter(([, , outcome]) => outcome !== "kept");
      expect(kept.length).toBeGreaterThan(3);
      expect(failed.length).toBeGreaterThan(3);
      for (const [, , outcome] of failed) expect(outcome).toMatch(/^CACHE_UNAVAILABLE /);
      for (const [, , outcome] of failed) expect(outcome).not.toContain("commitError");
      for (const [, found] of kept) expect(found).toBe("8000");
      const cache = checkedCache(lmdbCache(directory));
      expect(await cache.get(KEY)).toEqual(VALUE);
      await cache.close();
      const plain = lmdbCache(directory);
      for (const [key = ""] of kept) expect((await plain.get(key))?.length, key).toBe(8_000);
      for (const [key = ""] of failed) await set(plain, key, utf8("now"));
      for (const [key = ""] of failed) expect(await plain.get(key)).toEqual(utf8("now"));
      await plain.close();
    });

    const mounts = [[], ["-r"]].map((extra) => ["unshare", "-m", ...extra]);
    const mount = mounts.find(([program = "", ...parameters]) => {
      const { status } = spawnSync(program, [...parameters, "mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/mnt"]);
      return status === 0;
    });
    it.skipIf(mount === undefined)("that has no space for a new cache: a typed error, and no process ends", () => {
      mkdirSync(directory);
      for (const size of ["4k", "8k", "12k"]) {
        const script = `mount -t tmpfs -o size=${size} tmpfs "$0"; exec "$@"`;
        const { status, signal, stdout } = run(["fill", "floor/"], [...(mount ?? []), "sh", "-c", script, directory]);
        expect({ size, status, signal }).toEqual({ size, status: 0, signal: null });
        const lines = stdout.trim().split("\n");
        expect(lines).toHaveLength(60);
        for (const line of lines) expect(line).toMatch(/CACHE_UNAVAILABLE no space is left for .*cache\.mdb$/);
      }
    });
  });

  it("in a directory without rights: a typed error", async () => {
    await make([KEY]);
    const before = readFileSync(file);
    chmodSync(parent, 0o755);
    chmodSync(file, 0o444);
    chmodSync(directory, 0o555);
    try {
      const { status, stdout } = run(["denied", KEY]);
      expect(status).toBe(0);
      const lines = stdout.trim().split("\n");
      expect(lines).toHaveLength(3);
      for (const line of lines) expect(line).toMatch(/^CACHE_UNAVAILABLE /);
    } finally {
      chmodSync(directory, 0o700);
    }
    expect(readFileSync(file).equals(before)).toBe(true);
  });
});
