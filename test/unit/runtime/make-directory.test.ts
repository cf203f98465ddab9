import { mkdtempSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { lmdbCache } from "../../../src/cache/lmdb.js";
import { makeDirectory } from "../../../src/runtime/make-directory.js";
import { diskStorage } from "../../../src/storage/disk.js";

const root = mkdtempSync(join(tmpdir(), "hawser-mkdir-"));

it("makes what is missing, with the mode asked for, and leaves what is there", () => {
  const path = join(root, "a", "b", "c");
  makeDirectory(path, 0o700);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  makeDirectory(path, 0o755);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  symlinkSync(join(root, "a"), join(root, "link"));
  makeDirectory(join(root, "link", "d"));
  expect(statSync(join(root, "a", "d")).isDirectory()).toBe(true);
});

it("fails where a file is in the way", () => {
  writeFileSync(join(root, "file"), "");
  expect(() => {
    makeDirectory(join(root, "file"));
  }).toThrow("EEXIST");
  expect(() => {
    makeDirectory(join(root, "file", "under"));
  }).toThrow("ENOTDIR");
});

// Nothing can be made there, and the answer is not the usual one.
it.runIf(process.platform === "linux")("fails, instead of trying for ever, under /proc", async () => {
  expect(() => {
    makeDirectory("/proc/hawser");
  }).toThrow("ENOENT");
  await expect(lmdbCache("/proc/hawser").get("key")).rejects.toMatchObject({ code: "CACHE_UNAVAILABLE" });
  const write = diskStorage("/proc/hawser").write("objects/aa/bb", new Uint8Array(1), { kind: "object" });
  await expect(write).rejects.toMatchObject({ name: "HawserError" });
});
