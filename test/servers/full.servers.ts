import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HawserError } from "../../src/errors.js";
import type { StorageProvider } from "../../src/ports.js";
import { diskStorage } from "../../src/storage/disk.js";
import { ftp } from "../../src/storage/ftp.js";
import { http } from "../../src/storage/http.js";
import { kubo } from "../../src/storage/kubo.js";
import { s3 } from "../../src/storage/s3.js";
import { webdav } from "../../src/storage/webdav.js";
import { startApache } from "./daemons/apache.js";
import { startKubo } from "./daemons/kubo.js";
import { startNginx } from "./daemons/nginx.js";
import { startRcloneWebdav } from "./daemons/rclone.js";
import { canMountSmallDisk, mountSmallDisk, type SmallDisk } from "./daemons/small-disk.js";
import { startVersitygw } from "./daemons/versitygw.js";
import { startVsftpd } from "./daemons/vsftpd.js";
import { differing, filesBelow, newObject, RECORD_PATH, read, refusal, told, write } from "./full-place.js";
import { Opened } from "./opened.js";

const canMount = await canMountSmallDisk();
const OLD = new Uint8Array(3_000).fill(1);
const PAGE_BYTES = 4_096;
/** bytes - of objects, the last of which still take up a page where there is no room for more. */
const SIZES = [150_000, 20_000, 3_000];

/** A provider whose server keeps everything on one small disk. */
interface FullPlace {
  readonly storage: StorageProvider;
  /** As the file system has it: what lies below is the provider's. */
  readonly folder: string;
}

interface FullCase {
  readonly name: string;
  /** What a write comes to that does not fit, as {@link told} puts it. */
  readonly says: RegExp;
  readonly open: (disk: SmallDisk, opened: Opened) => Promise<FullPlace>;
  /** bytes - of the disk. */
  readonly bytes?: number;
  /** Whether a record stays whose replacement does not fit. Default true. */
  readonly keepsRecords?: boolean;
  /** Files that failed writes leave, and whether they take up space. Default: none. */
  readonly leaves?: { readonly name: RegExp; readonly bytes: boolean };
}

interface Refused {
  readonly path: string;
  readonly body: Uint8Array;
  readonly error: HawserError;
}

/** Stores objects until none fits, of any size. */
async function fill(storage: StorageProvider): Promise<{ stored: Map<string, Uint8Array>; refused: Refused[] }> {
  const stored = new Map<string, Uint8Array>();
  const refused: Refused[] = [];
  for (const bytes of SIZES) {
    for (;;) {
      const [path, body] = newObject(bytes);
      const error = await refusal(storage, path, body);
      if (error !== null) {
        refused.push({ path, body, error });
        break;
      }
      stored.set(path, body);
      if (stored.size > 500) expect.fail("the disk is never full");
    }
  }
  return { stored, refused };
}

const inFolder: readonly FullCase[] = [
  {
    name: "diskStorage",
    says: /^STORAGE_FULL ENOSPC$/,
    open: async (disk) => ({ storage: diskStorage(join(disk.folder, "data")), folder: join(disk.folder, "data") }),
  },
  {
    name: "nginx with its temporary files on the same disk",
    says: /^NETWORK_STATUS 500$/,
    open: async (disk, opened) => {
      const { url, folder } = opened.use(await startNginx({ parent: disk.folder, writable: true }));
      return { storage: http(url, { writable: true }), folder };
    },
  },
  {
    name: "nginx with its temporary files elsewhere",
    says: /^NETWORK_STATUS 500$/,
    // It copies what came, and leaves the copy where that fails.
    leaves: { name: /^[0-9a-z/@.]+\.[0-9]{10}$/, bytes: true },
    open: async (disk, opened) => {
      const { url, folder } = opened.use(await startNginx({ folder: join(disk.folder, "data"), writable: true }));
      return { storage: http(url, { writable: true }), folder };
    },
  },
  {
    name: "Apache's mod_dav",
    says: /^STORAGE_FULL status 507$/,
    open: async (disk, opened) => {
      const server = opened.use(await startApache({ parent: disk.folder }));
      return { storage: webdav(`${server.url}/x`, { credentials: server }), folder: join(server.folder, "x") };
    },
  },
  {
    name: "vsftpd",
    // It breaks the data connection, and says that it could not write, whatever the reason: one of them comes first.
    says: /^(?:NETWORK_STATUS 451|NETWORK_UNREACHABLE (?:ECONNRESET|EPIPE))$/,
    open: async (disk, opened) => {
      const server = opened.use(await startVsftpd({ parent: disk.folder }));
      const storage = ftp(`ftp://${server.host}/files/x`, { credentials: server });
      opened.use({ [Symbol.asyncDispose]: async () => storage.close?.() });
      return { storage, folder: join(server.folder, "x") };
    },
  },
  {
    name: "versitygw",
    says: /^STORAGE_FULL InsufficientStorage$/,
    open: async (disk, opened) => {
      const { folder, bucket, endpoint, credentials } = opened.use(await startVersitygw({ parent: disk.folder }));
      return { storage: s3({ bucket, endpoint, credentials, conditional: true }), folder };
    },
  },
  {
    name: "rclone's WebDAV",
    says: /^STORAGE_UNSUPPORTED $/,
    // It writes into the file itself.
    keepsRecords: false,
    leaves: { name: /^(?:objects\/[0-9a-f]{2}\/[0-9a-f]{64}|records\/.*@5\.json)$/, bytes: false },
    open: async (disk, opened) => {
      const server = opened.use(await startRcloneWebdav({ parent: disk.folder }));
      return { storage: webdav(`${server.url}/x`, { credentials: server }), folder: join(server.folder, "x") };
    },
  },
  {
    name: "rclone's WebDAV, staged",
    says: /^STORAGE_UNSUPPORTED $/,
    leaves: { name: /\/@[0-9a-f]{24}\.tmp$/, bytes: false },
    open: async (disk, opened) => {
      const server = opened.use(await startRcloneWebdav({ parent: disk.folder }));
      const storage = webdav(`${server.url}/x`, { credentials: server, staged: true });
      return { storage, folder: join(server.folder, "x") };
    },
  },
];

describe.skipIf(!canMount).each(inFolder)("$name on a disk that is full", (one) => {
  const { says, open, bytes, keepsRecords = true, leaves = { name: /^(?!)/, bytes: false } } = one;
  const opened = new Opened();
  let place: FullPlace;
  let stored: Map<string, Uint8Array>;
  let refused: Refused[];

  beforeAll(async () => {
    const disk = opened.use(mountSmallDisk({ bytes }));
    place = await open(disk, opened);
    await write(place.storage, RECORD_PATH, OLD);
    ({ stored, refused } = await fill(place.storage));
  });
  afterAll(() => opened.close());

  it("says what it says", () => {
    expect(stored.size).toBeGreaterThan(10);
    for (const { error } of refused) expect(told(error)).toMatch(says);
  });

  it("gives what it stored before, and what did not fit is absent", async () => {
    expect(await differing(place.storage, stored)).toEqual([]);
    for (const { path } of refused) expect(await read(place.storage, path)).toBeNull();
  });

  it("leaves nothing that takes up space", async () => {
    const left = [...(await filesBelow(place.folder))].filter(([path]) => path !== RECORD_PATH && !stored.has(path));
    for (const [path] of left) expect(path).toMatch(leaves.name);
    expect(left.some(([, size]) => size > 0)).toBe(leaves.bytes);
  });

  it(`${keepsRecords ? "keeps" : "loses"} a record whose replacement does not fit`, async () => {
    const { storage, folder } = place;
    for (const size of [100_000, 3_000]) {
      const error = await refusal(storage, RECORD_PATH, new Uint8Array(size).fill(2));
      if (error === null) expect.fail(`${size} bytes fitted`);
      expect(told(error)).toMatch(says);
      if (keepsRecords) {
        expect(await read(storage, RECORD_PATH)).toEqual(OLD);
        continue;
      }
      await expect(read(storage, RECORD_PATH)).rejects.toMatchObject({ code: "NETWORK_UNREACHABLE" });
      expect((await filesBelow(folder)).get(RECORD_PATH)).toBe(0);
      break;
    }
  });

  it("takes everything again once something was removed", async () => {
    const { storage } = place;
    for (const path of [...stored.keys()].slice(0, 3)) {
      expect(await storage.remove(path)).toBe(true);
      expect(await read(storage, path)).toBeNull();
      stored.delete(path);
    }
    const fresh = new Uint8Array(3_000).fill(3);
    for (const [path, body] of [...refused.map(({ path, body }) => [path, body] as const), newObject(100_000)]) {
      await write(storage, path, body);
      stored.set(path, body);
    }
    await write(storage, RECORD_PATH, fresh);
    expect(await read(storage, RECORD_PATH)).toEqual(fresh);
    expect(await differing(storage, stored)).toEqual([]);
  });
});

describe.skipIf(!canMount)("Kubo on a disk that is full", () => {
  it("says so, has a block whole or not at all, and goes on saying so when there is room", async () => {
    const opened = new Opened();
    try {
      const disk = opened.use(mountSmallDisk({ bytes: 12 * 1024 * 1024 }));
      const node = opened.use(await startKubo({ parent: disk.folder }));
      const storage = kubo(node.apiUrl);
      const [path, body] = newObject(3_000);
      await write(storage, path, body);
      const filler = join(disk.folder, "filler");
      /** The first refusal of that kind where so many pages are free, and what its block is then. */
      const refusedAt = async (pages: number, reason: RegExp): Promise<Uint8Array | null> => {
        for (let i = 0; i < 200; i++) {
          await rm(filler, { force: true });
          await writeFile(filler, new Uint8Array(disk.freeBytes() - pages * PAGE_BYTES));
          const [next, bytes] = newObject(500);
          const error = await refusal(storage, next, bytes);
          if (error === null) continue;
          expect(told(error)).toMatch(/^STORAGE_FULL .*: no space left on device$/);
          expect(await read(storage, path)).toEqual(body);
          const found = await read(storage, next);
          if (found !== null) expect(found).toEqual(bytes);
          if (reason.test(told(error))) return found;
        }
        expect.fail("it is never full");
      };
      expect(await refusedAt(0, /blocks/)).toBeNull();
      await rm(filler);
      await write(storage, ...newObject(500));
      // Room for the block, and in the end none for its pin.
      expect(await refusedAt(1, /datastore/)).not.toBeNull();
      await rm(filler);
      const after = await refusal(storage, ...newObject(500));
      expect(after === null ? null : told(after)).toMatch(/^STORAGE_FULL .*datastore.*: no space left on device$/);
      expect(await read(storage, path)).toEqual(body);
      expect(await storage.remove(path).catch(told)).toMatch(/^STORAGE_FULL .*datastore/);
    } finally {
      await opened.close();
    }
  });
});
