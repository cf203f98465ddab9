import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { takeDiskLock } from "../../../src/storage/disk-lock.js";

describe("takeDiskLock", () => {
  let directory: string;
  let nowMs: number;
  const options = {
    timeoutMs: 1_000,
    pause: async (ms: number) => {
      nowMs += ms;
    },
    nowMs: () => nowMs,
  };
  const take = async (what = "a"): Promise<Exclude<Awaited<ReturnType<typeof takeDiskLock>>, { heldBy: string }>> => {
    const lock = await takeDiskLock(directory, what, options);
    if ("heldBy" in lock) expect.fail(`held by ${lock.heldBy}`);
    return lock;
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "hawser-lock-"));
    nowMs = 0;
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  it("is held by one at a time, and leaves nothing when released", async () => {
    const first = await take();
    expect(await readdir(directory)).toHaveLength(1);
    const [file] = await readdir(directory);
    expect(await takeDiskLock(directory, "a", options)).toEqual({ heldBy: file });
    // Something else has a lock of its own.
    await (await take("b")).release();
    await first.release();
    expect(await readdir(directory)).toEqual([]);
    await (await take()).release();
  });

  it("gives up after the time that it was given", async () => {
    await take();
    await takeDiskLock(directory, "a", options);
    expect(nowMs).toBeGreaterThanOrEqual(1_000);
    expect(nowMs).toBeLessThan(1_200);
  });

  /** Leaves the lock file that another process would have left; returns its name. */
  const leave = async (change: (parts: string[]) => void): Promise<string> => {
    const own = await take();
    const [file = ""] = await readdir(directory);
    const parts = file.split(".");
    change(parts);
    await rename(join(directory, file), join(directory, parts.join(".")));
    await own.release();
    return parts.join(".");
  };
  const deadPid = (): string => String(spawnSync(process.execPath, ["-e", ""]).pid);

  it("clears the lock of a process that died, and names what it may have left", async () => {
    await leave((parts) => {
      parts[2] = deadPid();
      parts[4] = "token";
    });
    const lock = await take();
    expect(lock.abandoned).toEqual(["token"]);
    expect(await readdir(directory)).toHaveLength(1);
    expect(nowMs).toBe(0);
  });

  it.skipIf(process.platform !== "linux")("clears the lock of a dead process whose id lives again", async () => {
    await leave((parts) => {
      parts[3] = "1";
    });
    expect((await take()).abandoned).toHaveLength(1);
  });

  it("never clears the lock of another machine, container or boot", async () => {
    const file = await leave((parts) => {
      parts[1] = "0123456789abcdef";
      parts[2] = deadPid();
    });
    expect(await takeDiskLock(directory, "a", options)).toEqual({ heldBy: file });
    expect(await readdir(directory)).toEqual([file]);
  });

  it("never clears a lock that it cannot read", async () => {
    const own = await take();
    const [file = ""] = await readdir(directory);
    await own.release();
    const odd = `${file.split(".")[0] ?? ""}.odd`;
    await writeFile(join(directory, odd), "");
    expect(await takeDiskLock(directory, "a", options)).toEqual({ heldBy: odd });
  });
});
