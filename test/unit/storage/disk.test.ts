import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmod,
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { diskStorage } from "../../../src/storage/disk.js";
import { takeDiskLock } from "../../../src/storage/disk-lock.js";
import { diskName } from "../../../src/storage/disk-name.js";
import { OBJECT_PATH, RECORD_PATH } from "./contract.js";
import { expectCode } from "./expect-code.js";

const worker = fileURLToPath(new URL("disk-worker.ts", import.meta.url));
const record = { kind: "record", maxBytes: 100_000 } as const;

function startWorker(...parameters: readonly string[]): { process: ChildProcess; lines: AsyncIterable<string> } {
  const child = spawn(process.execPath, ["--import", "tsx", worker, ...parameters], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { process: child, lines: createInterface({ input: child.stdout }) };
}

describe("diskStorage", () => {
  let parent: string;
  let root: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "hawser-disk-"));
    root = join(parent, "tree");
  });
  afterEach(async () => {
    await rm(parent, { recursive: true });
  });

  const files = async (): Promise<readonly string[]> =>
    (await readdir(root, { recursive: true, withFileTypes: true }))
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
      .sort();

  it("section 10: leaves a plain tree, and nothing else in it", async () => {
    const storage = diskStorage(root);
    await storage.write(RECORD_PATH, utf8("one"), { kind: "record" });
    await storage.write(RECORD_PATH, utf8("two"), { kind: "record" });
    await storage.write(OBJECT_PATH, utf8("o"), { kind: "object", condition: { ifAbsent: true } });
    await storage.write("records/regtest/alice/a/b@0.json", utf8("x"), { kind: "record" });
    expect(await files()).toEqual([OBJECT_PATH, "records/regtest/alice/a/b@0.json", RECORD_PATH]);
    expect(await readFile(join(root, RECORD_PATH), "utf8")).toBe("two");
    expect((await storage.read(RECORD_PATH, record))?.tag).toBe(createHash("sha256").update("two").digest("hex"));
  });

  it("reads a missing directory as empty and does not create it", async () => {
    const storage = diskStorage(root);
    expect(await storage.read(RECORD_PATH, record)).toBeNull();
    expect(await storage.remove(RECORD_PATH)).toBe(true);
    expect(await readdir(parent)).toEqual([]);
  });

  it("publishes no URL unless told one", () => {
    expect(diskStorage(root).urlOf(RECORD_PATH)).toBeNull();
    expect(diskStorage(root).label).toBe("disk:tree");
    const served = diskStorage(root, { publicBaseUrl: "https://a.example", label: "mine" });
    expect(served.label).toBe("mine");
    expect(served.urlOf(RECORD_PATH)).toBe(`https://a.example/${RECORD_PATH}`);
    // What a web server finds in the tree.
    expect(served.urlOf("records/regtest/con/aux/x@5.json")).toBe(
      "https://a.example/records/regtest/!con/!aux/x@5.json",
    );
  });

  it("M1: no file or folder has the name of a Windows device", async () => {
    for (const name of ["con", "prn", "aux", "nul", "com1", "com9", "lpt1", "lpt9", "con.x", "nul.tar.gz"]) {
      expect(diskName(name)).toBe(`!${name}`);
    }
    for (const name of ["com0", "com10", "com", "console", "xcon", "nul@5.json", "-con", "a.con"]) {
      expect(diskName(name)).toBe(name);
    }
    const storage = diskStorage(root);
    await storage.write("records/regtest/con/nul/com1.txt@5.json", utf8("x"), { kind: "record" });
    expect(await files()).toEqual(["records/regtest/!con/!nul/!com1.txt@5.json"]);
  });

  it("refuses symbolic links that lead out, to read, to write and to remove", async () => {
    const outside = join(parent, "outside");
    await mkdir(join(outside, "alice"), { recursive: true });
    await writeFile(join(outside, "alice", "settings@5.json"), "secret");
    await mkdir(join(root, "records"), { recursive: true });
    await symlink(outside, join(root, "records", "regtest"));
    const storage = diskStorage(root);
    await expectCode("STORAGE_REFUSED", () => storage.read(RECORD_PATH, record));
    await expectCode("STORAGE_REFUSED", () => storage.write(RECORD_PATH, utf8("x"), { kind: "record" }));
    await expectCode("STORAGE_REFUSED", () =>
      storage.write("records/regtest/bob/x@5.json", utf8("x"), { kind: "record" }),
    );
    await expectCode("STORAGE_REFUSED", () => storage.remove(RECORD_PATH));
    expect(await readFile(join(outside, "alice", "settings@5.json"), "utf8")).toBe("secret");
    expect(await readdir(outside)).toEqual(["alice"]);
  });

  it("refuses a link in place of a file, a sibling whose name begins like the root, and a link for the locks", async () => {
    const sibling = `${root}-other`;
    await mkdir(sibling);
    await writeFile(join(sibling, "file"), "secret");
    const storage = diskStorage(root);
    await storage.write("records/regtest/alice/x@5.json", utf8("x"), { kind: "record" });
    await symlink(join(sibling, "file"), join(root, RECORD_PATH));
    await expectCode("STORAGE_REFUSED", () => storage.read(RECORD_PATH, record));
    // Writing replaces the link itself.
    expect(await storage.write(RECORD_PATH, utf8("mine"), { kind: "record" })).toBe("stored");
    expect(await readFile(join(sibling, "file"), "utf8")).toBe("secret");
    expect((await storage.read(RECORD_PATH, record))?.bytes).toEqual(utf8("mine"));
    await rm(join(root, "@locks"), { recursive: true });
    await symlink(sibling, join(root, "@locks"));
    await expectCode("STORAGE_REFUSED", () => storage.write(RECORD_PATH, utf8("x"), { kind: "record" }));
    expect(await readdir(sibling)).toEqual(["file"]);
  });

  it("follows links that stay inside, and takes a dangling one for absence", async () => {
    const storage = diskStorage(root);
    await storage.write("records/regtest/alice/x@5.json", utf8("x"), { kind: "record" });
    await symlink(join(root, "records/regtest/alice/x@5.json"), join(root, RECORD_PATH));
    expect((await storage.read(RECORD_PATH, record))?.bytes).toEqual(utf8("x"));
    await symlink(join(root, "nowhere"), join(root, "records/regtest/alice/y@5.json"));
    expect(await storage.read("records/regtest/alice/y@5.json", record)).toBeNull();
  });

  it("refuses what is no regular file, a named pipe that nobody writes to included", async () => {
    await mkdir(join(root, RECORD_PATH), { recursive: true });
    const storage = diskStorage(root);
    await expectCode("STORAGE_REFUSED", () => storage.read(RECORD_PATH, record));
    await expectCode("STORAGE_REFUSED", () => storage.write(RECORD_PATH, utf8("x"), { kind: "record" }));
    execFileSync("mkfifo", [join(root, "records/regtest/alice/pipe@5.json")]);
    const error = await expectCode("STORAGE_REFUSED", () => storage.read("records/regtest/alice/pipe@5.json", record));
    expect(error.details.reason).toBe("not a regular file");
    // A file where a folder should be holds nothing.
    await writeFile(join(root, "objects"), "");
    expect(await storage.read(OBJECT_PATH, { kind: "object", maxBytes: 10 })).toBeNull();
    // The attempts above left nothing behind.
    expect((await files()).filter((name) => name.includes("tmp") || name.startsWith("@"))).toEqual([]);
  });

  it.skipIf(process.getuid?.() === 0)("refuses where the file system does, and names the reason", async () => {
    const storage = diskStorage(root);
    await storage.write(RECORD_PATH, utf8("x"), { kind: "record" });
    await chmod(join(root, "records/regtest/alice"), 0o500);
    const error = await expectCode("STORAGE_REFUSED", () => storage.write(RECORD_PATH, utf8("y"), { kind: "record" }));
    expect(error.details.reason).toBe("EACCES");
    await chmod(join(root, "records/regtest/alice"), 0o700);
  });

  it("is no place where a file stands", async () => {
    await writeFile(root, "");
    const storage = diskStorage(root);
    for (const call of [
      () => storage.read(RECORD_PATH, record),
      () => storage.write(RECORD_PATH, utf8("x"), { kind: "record" }),
      () => storage.remove(RECORD_PATH),
    ]) {
      await expectCode("STORAGE_REFUSED", call);
    }
  });

  it.each(["ENOSPC", "EDQUOT"])("tells a full disk by %s, keeps the old file and leaves nothing", async (code) => {
    const storage = diskStorage(root);
    await storage.write(RECORD_PATH, utf8("old"), { kind: "record" });
    const probe = await open(root, "r");
    const prototype = Object.getPrototypeOf(probe) as typeof probe;
    await probe.close();
    const failing = vi.spyOn(prototype, "writeFile").mockRejectedValue(Object.assign(new Error("full"), { code }));
    const error = await expectCode("STORAGE_FULL", () => storage.write(RECORD_PATH, utf8("new"), { kind: "record" }));
    failing.mockRestore();
    expect(error.details.reason).toBe(code);
    expect((await storage.read(RECORD_PATH, record))?.bytes).toEqual(utf8("old"));
    expect(await files()).toEqual([RECORD_PATH]);
  });

  it("reads a part with the tag of the whole, and no file that is larger than anything in the layout", async () => {
    const storage = diskStorage(root);
    await storage.write(RECORD_PATH, utf8("0123456789"), { kind: "record" });
    const whole = await storage.read(RECORD_PATH, record);
    const part = await storage.read(RECORD_PATH, { kind: "record", maxBytes: 3, range: { start: 2, end: 5 } });
    expect(part).toEqual({ bytes: utf8("234"), tag: whole?.tag });
    await expectCode("NETWORK_TOO_LARGE", () =>
      storage.read(RECORD_PATH, { kind: "record", maxBytes: 2, range: { start: 2, end: 5 } }),
    );
    await expectCode("INPUT_INVALID", () => storage.read(RECORD_PATH, { ...record, range: { start: 2, end: 1 } }));
    await truncate(join(root, RECORD_PATH), 1.5 * 1024 * 1024 + 1);
    await expectCode("NETWORK_TOO_LARGE", () =>
      storage.read(RECORD_PATH, { kind: "record", maxBytes: 3, range: { start: 2, end: 5 } }),
    );
  });

  it("W5: loses no conditional write of many at once, in one process", async () => {
    const storage = diskStorage(root);
    const increment = async (): Promise<void> => {
      for (;;) {
        const current = await storage.read(RECORD_PATH, record);
        const next = Number(new TextDecoder().decode(current?.bytes ?? utf8("0"))) + 1;
        const condition = current === null ? ({ ifAbsent: true } as const) : { ifTag: current.tag ?? "" };
        if ((await storage.write(RECORD_PATH, utf8(String(next)), { kind: "record", condition })) === "stored") return;
      }
    };
    await Promise.all(Array.from({ length: 12 }, increment));
    expect((await storage.read(RECORD_PATH, record))?.bytes).toEqual(utf8("12"));
  });

  it("W5: loses no conditional write of several processes, and shows no half of one", async () => {
    const workers = Array.from({ length: 3 }, () => startWorker(root, RECORD_PATH, "25"));
    const seen: number[] = [];
    await Promise.all(
      workers.map(async ({ lines }) => {
        for await (const line of lines) seen.push(Number(line));
      }),
    );
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 75 }, (_, index) => index + 1));
    expect(await files()).toEqual([RECORD_PATH]);
  });

  it("syncs the new file before it takes the place of the old one, and the directory after", async () => {
    const storage = diskStorage(root);
    await storage.write(RECORD_PATH, utf8("one"), { kind: "record" });
    const probe = await open(root, "r");
    const prototype = Object.getPrototypeOf(probe) as typeof probe;
    await probe.close();
    const order: string[] = [];
    const sync = vi.spyOn(prototype, "sync").mockImplementation(async function (this: FileHandle) {
      const isFile = (await this.stat()).isFile();
      order.push(`${isFile ? "file" : "directory"} ${await readFile(join(root, RECORD_PATH), "utf8")}`);
    });
    await storage.write(RECORD_PATH, utf8("two"), { kind: "record" });
    expect(order).toEqual(["file one", "directory two"]);
    sync.mockRestore();
  });

  it("clears the temporary file of a writer that died", async () => {
    const storage = diskStorage(root);
    await storage.write(RECORD_PATH, utf8("one"), { kind: "record" });
    const locks = join(root, "@locks");
    const lock = await takeDiskLock(locks, RECORD_PATH, { timeoutMs: 0, pause: async () => undefined, nowMs: () => 0 });
    if ("heldBy" in lock) expect.fail(lock.heldBy);
    const [file = ""] = await readdir(locks);
    const parts = file.split(".");
    parts[2] = String(spawnSync(process.execPath, ["-e", ""]).pid);
    await rename(join(locks, file), join(locks, parts.join(".")));
    const left = join("records/regtest/alice", `@${lock.token}.tmp`);
    await writeFile(join(root, left), "half a rec");
    expect(await files()).toContain(left);
    expect(await storage.write(RECORD_PATH, utf8("two"), { kind: "record" })).toBe("stored");
    expect(await files()).toEqual([RECORD_PATH]);
  });

  it("goes on after a writer was killed, and clears what it left", async () => {
    for (let round = 0; round < 3; round++) {
      const { process: child, lines } = startWorker(root, RECORD_PATH, "forever");
      let acknowledged = 0;
      let left = 10 + round * 7;
      for await (const line of lines) {
        acknowledged = Number(line);
        left -= 1;
        if (left === 0) child.kill("SIGKILL");
      }
      const storage = diskStorage(root);
      const found = await storage.read(RECORD_PATH, record);
      const kept = Number(new TextDecoder().decode(found?.bytes));
      expect(kept).toBeGreaterThanOrEqual(acknowledged);
      expect(kept).toBeLessThanOrEqual(acknowledged + 1);
      expect(found?.bytes.length).toBe(50_000);
      expect(await storage.write(RECORD_PATH, utf8(String(kept)), { kind: "record" })).toBe("stored");
      expect(await files()).toEqual([RECORD_PATH]);
    }
  });
});
