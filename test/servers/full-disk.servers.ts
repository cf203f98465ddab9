import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { startDevnet } from "../../src/devnet/index.js";
import { contentKey } from "../../src/immutable/key.js";
import { createReader } from "../../src/index.js";
import type { StorageProvider } from "../../src/ports.js";
import { diskStorage } from "../../src/storage/disk.js";
import { takeDiskLock } from "../../src/storage/disk-lock.js";
import { createWriter } from "../../src/writer.js";
import { canMountSmallDisk, mountSmallDisk } from "./daemons/small-disk.js";
import { filesBelow, newObject, RECORD_PATH, read, refusal, told, write } from "./full-place.js";
import { Opened } from "./opened.js";

const canMount = await canMountSmallDisk();
const OLD = new Uint8Array(3_000).fill(1);

describe.skipIf(!canMount)("a disk on which there may be no more files", () => {
  const opened = new Opened();
  afterAll(() => opened.close());
  const lockOptions = { timeoutMs: 0, pause: () => Promise.resolve(), nowMs: () => 0 };

  /** Takes every file that there may still be. */
  async function takeAll(folder: string): Promise<void> {
    for (let i = 0; ; i++) {
      try {
        await writeFile(join(folder, `filler-${i}`), "");
      } catch (error) {
        expect(error).toMatchObject({ code: "ENOSPC" });
        return;
      }
    }
  }

  it.each([true, false])("gets room by what is removed from it, with a folder of locks: %s", async (hasLocks) => {
    const disk = opened.use(mountSmallDisk({ inodes: 60 }));
    const folder = join(disk.folder, "data");
    const storage = diskStorage(folder);
    const [path, body] = newObject(10);
    await write(storage, path, body);
    await write(storage, RECORD_PATH, OLD);
    if (!hasLocks) await rm(join(folder, "@locks"), { recursive: true });
    await takeAll(disk.folder);
    for (const [next, bytes] of [newObject(10), [RECORD_PATH, body] as const]) {
      const error = await refusal(storage, next, bytes);
      expect(error === null ? null : told(error)).toBe("STORAGE_FULL ENOSPC");
    }
    expect(await read(storage, RECORD_PATH)).toEqual(OLD);
    expect(await storage.remove(path)).toBe(true);
    expect(await read(storage, path)).toBeNull();
    expect(await storage.remove(RECORD_PATH)).toBe(true);
    expect(await filesBelow(folder)).toEqual(new Map());
    await rm(join(disk.folder, "filler-0"));
    await write(storage, path, body);
    expect(await filesBelow(folder)).toEqual(new Map([[path, body.length]]));
  });

  it("W5: nothing is removed past a writer who holds the lock", async () => {
    const { folder } = opened.use(mountSmallDisk({ inodes: 60 }));
    const locks = join(folder, "@locks");
    await mkdir(locks);
    const held = await takeDiskLock(locks, "path", lockOptions);
    if ("heldBy" in held) expect.fail("nobody else has it");
    await takeAll(folder);
    await expect(takeDiskLock(locks, "other", lockOptions)).rejects.toMatchObject({ code: "ENOSPC" });
    // `remove` does without a lock where there is no room for one, which is told only where nobody holds it.
    expect(await takeDiskLock(locks, "path", lockOptions)).toHaveProperty("heldBy");
    await held.release();
    expect(await readdir(locks)).toEqual([]);
  });
});

describe.skipIf(!canMount)("a writer with one of two stores on a disk that is full", () => {
  const opened = new Opened();
  afterAll(() => opened.close());

  it("W7: is told of each store, is refused where both are required, and finishes once there is room", async () => {
    const disk = opened.use(mountSmallDisk());
    const elsewhere = await mkdtemp(join(tmpdir(), "hawser-good-"));
    opened.use({ [Symbol.asyncDispose]: () => rm(elsewhere, { recursive: true }) });
    const full = diskStorage(join(disk.folder, "data"), { label: "full" });
    const stores = [full, diskStorage(elsewhere, { label: "good" })];
    const devnet = opened.use(await startDevnet({ stores: 0 }));
    const { wallet, signer } = await devnet.fundedWriter();
    const reader = createReader({ ...devnet.readerOptions(), storage: stores });
    const writer = createWriter({ reader, storage: stores, wallet, signer, pollIntervalMs: 20 });
    await writer.registerName("alice", { required: 2 });
    await writer.putMutable("alice", "settings", utf8("one"), { required: 2 });

    const filler = join(disk.folder, "filler");
    await writeFile(filler, new Uint8Array(disk.freeBytes()));
    const attempt = { label: "full", code: "STORAGE_FULL" };
    const outcomes = [
      { label: "full", outcome: "failed", attempt },
      { label: "good", outcome: "stored", attempt: null },
    ];
    const one = { required: 1 };
    const both = { required: 2 };
    expect((await writer.putMutable("alice", "settings", utf8("two"), one)).providers).toMatchObject(outcomes);
    expect((await writer.putImmutable("alice", utf8("first"), one)).providers).toMatchObject(outcomes);

    const failed = { code: "STORAGE_UNAVAILABLE", details: { required: 2, stored: 1, attempts: [attempt] } };
    await expect(writer.putMutable("alice", "settings", utf8("three"), both)).rejects.toMatchObject(failed);
    await expect(writer.putImmutable("alice", utf8("second"), both)).rejects.toMatchObject(failed);
    const refused = { outcome: "failed", error: failed };
    expect(await writer.resume(both)).toMatchObject([refused, refused]);

    await rm(filler);
    const done = { outcome: "done", error: null };
    expect(await writer.resume(both)).toMatchObject([done, done]);
    expect(await writer.pending()).toEqual([]);
    const readBy = (storage: StorageProvider) => createReader({ ...devnet.readerOptions(), storage: [storage] });
    for (const store of stores) {
      const settings = await readBy(store).getMutable("alice", "settings");
      expect(settings.found && settings.data).toEqual(utf8("three"));
      const second = await readBy(store).getImmutable("alice", contentKey(utf8("second")));
      expect(second.found && second.data).toEqual(utf8("second"));
    }
    // What was acknowledged without the full one is copied to it like anything else that it lacks.
    await reader.repair("alice", { to: [full] });
    const first = await readBy(full).getImmutable("alice", contentKey(utf8("first")));
    expect(first.found && first.data).toEqual(utf8("first"));
  });
});

describe.skipIf(!canMount)("a cache on a disk that is full", () => {
  const worker = fileURLToPath(new URL("../unit/cache/lmdb-worker.ts", import.meta.url));

  it("M7: refuses updates, gives what it kept, goes on once there is room, and no process ends", async () => {
    const disk = mountSmallDisk();
    try {
      // lmdb maps its files, and a page that does not fit would end this process with SIGBUS.
      const run = (...args: readonly string[]): readonly string[] => {
        const all = ["--import", "tsx", worker, join(disk.folder, "cache"), ...args];
        const { status, signal, stdout } = spawnSync(process.execPath, all, { encoding: "utf8" });
        expect({ status, signal }).toEqual({ status: 0, signal: null });
        return stdout.trim().split("\n");
      };
      const filler = join(disk.folder, "filler");
      const leave = (bytes: number): Promise<void> => writeFile(filler, new Uint8Array(disk.freeBytes() - bytes));
      expect(run("count", "floor/a", "3")).toEqual(["1", "2", "3"]);
      await leave(0);
      expect(run("count", "floor/a", "1")).toEqual(["CACHE_UNAVAILABLE"]);
      await rm(filler);
      await leave(200_000);
      const said = run("fill", "floor/b");
      const kept = said.filter((line) => /^floor\/b\d+ 8000 kept$/.test(line));
      // A write of which a part fitted is an input/output error to lmdb.
      const refusal = /^floor\/b\d+ absent CACHE_UNAVAILABLE (?:No space left on device|Input\/output error)/;
      const refused = said.filter((line) => refusal.test(line));
      expect([kept.length + refused.length, kept.length > 3, refused.length > 3]).toEqual([60, true, true]);
      await rm(filler);
      expect(run("count", "floor/a", "1")).toEqual(["4"]);
      expect(run("fill", "floor/b").filter((line) => line.endsWith(" 8000 kept"))).toHaveLength(60);
    } finally {
      await disk[Symbol.asyncDispose]();
    }
  });
});
