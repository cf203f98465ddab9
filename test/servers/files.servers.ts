import { readdir, readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { startDevnet } from "../../src/devnet/index.js";
import { createReader } from "../../src/index.js";
import type { StorageProvider } from "../../src/ports.js";
import { diskStorage } from "../../src/storage/disk.js";
import { ftp } from "../../src/storage/ftp.js";
import { http } from "../../src/storage/http.js";
import { webdav } from "../../src/storage/webdav.js";
import { type StorageContractOptions, storageContract } from "../../src/testing/index.js";
import { createWriter } from "../../src/writer.js";
import { type Certificate, makeCertificate } from "../doubles/certificate.js";
import { expectCode } from "../unit/storage/expect-code.js";
import { type Apache, startApache } from "./daemons/apache.js";
import { type Nginx, startNginx } from "./daemons/nginx.js";
import { type RcloneWebdav, startRcloneWebdav } from "./daemons/rclone.js";
import { startVsftpd, type Vsftpd } from "./daemons/vsftpd.js";
import { Opened } from "./opened.js";

const RECORD_PATH = "records/regtest/alice/settings@5.json";
const record = { kind: "record", maxBytes: 1_000 } as const;
const WRONG = "no-such-password";

const opened = new Opened();
let apache: Apache;
let rclone: RcloneWebdav;
let nginx: Nginx;
let plain: Vsftpd;
let explicit: Vsftpd;
let implicit: Vsftpd;
let certificate: Certificate;

beforeAll(async () => {
  const made = makeCertificate();
  if (made === null) throw new Error("there is no openssl");
  certificate = made;
  apache = opened.use(await startApache());
  rclone = opened.use(await startRcloneWebdav());
  nginx = opened.use(await startNginx({ writable: true }));
  plain = opened.use(await startVsftpd());
  explicit = opened.use(await startVsftpd({ tls: { certificate, implicit: false } }));
  implicit = opened.use(await startVsftpd({ tls: { certificate, implicit: true } }));
});
afterAll(() => opened.close());

function describeContract(name: string, options: StorageContractOptions, fails: readonly string[] = []): void {
  describe(`storage contract over ${name}`, () => {
    for (const { name: what, run } of storageContract({ secrets: [WRONG], ...options })) {
      if (!fails.includes(what)) it(what, run);
    }
  });
}

const overApache = (place: string, password = apache.password, conditional = false): StorageProvider =>
  webdav(`${apache.url}/${place}`, { credentials: { username: apache.username, password }, conditional });

describeContract("Apache's mod_dav", {
  open: overApache,
  openRefused: () => overApache("x", WRONG),
  openStopped: () => webdav("http://127.0.0.1:1/x"),
});

// It writes a PUT into the file itself, and deletes the old file before it moves a new one to its place: a reader may see
// absence in between.
const RCLONE_FAILS = ["who reads while a record is replaced gets one body or another, never a part or a mixture"];
const overRclone = (place: string, password = rclone.password): StorageProvider =>
  webdav(`${rclone.url}/${place}`, { credentials: { username: rclone.username, password }, staged: true });

describeContract("rclone's WebDAV", { open: overRclone, openRefused: () => overRclone("x", WRONG) }, RCLONE_FAILS);

describeContract("nginx, by PUT and DELETE", {
  open: (place) => http(`${nginx.url}/${place}`, { writable: true }),
});

const overFtp = (server: Vsftpd, place: string, password = server.password): StorageProvider =>
  ftp(`ftp://${server.host}/files/${place}`, { credentials: { username: server.username, password } });
const overTls = (server: Vsftpd, place: string, password = server.password): StorageProvider => {
  const scheme = server === implicit ? "ftps" : "ftp";
  return ftp(`${scheme}://${server.host}/files/${place}`, {
    credentials: { username: server.username, password },
    secure: server === implicit ? undefined : "explicit",
    tls: { ca: certificate.cert },
  });
};

describeContract("vsftpd", {
  open: (place) => overFtp(plain, place),
  openRefused: () => overFtp(plain, "x", WRONG),
  openStopped: () => ftp("ftp://127.0.0.1:1/x"),
});
describeContract("vsftpd with TLS before the login", {
  open: (place) => overTls(explicit, place),
  openRefused: () => overTls(explicit, "x", WRONG),
});
describeContract("vsftpd with TLS from the first byte", { open: (place) => overTls(implicit, place) });

describe("Apache's mod_dav", () => {
  it("takes two conditional writes within a second, although its tag is weak then", async () => {
    const storage = overApache("weak-tag", undefined, true);
    expect(await storage.write(RECORD_PATH, utf8("one"), { kind: "record", condition: { ifAbsent: true } })).toBe(
      "stored",
    );
    const again = { kind: "record", condition: { ifAbsent: true } } as const;
    expect(await storage.write(RECORD_PATH, utf8("two"), again)).toBe("moved");
    const raw = await fetch(`${apache.url}/weak-tag/${RECORD_PATH}`, {
      headers: { authorization: `Basic ${Buffer.from(`${apache.username}:${apache.password}`).toString("base64")}` },
    });
    await raw.text();
    // Without this the test would show nothing.
    expect(raw.headers.get("etag")).toMatch(/^W\//);
    for (const [before, after] of [
      ["one", "two"],
      ["two", "three"],
    ] as const) {
      const stored = await storage.read(RECORD_PATH, record);
      expect(stored?.bytes).toEqual(utf8(before));
      const condition = { ifTag: stored?.tag ?? "" };
      expect(await storage.write(RECORD_PATH, utf8(after), { kind: "record", condition })).toBe("stored");
      expect(await storage.write(RECORD_PATH, utf8("late"), { kind: "record", condition })).toBe("moved");
    }
  });

  it("keeps the old bytes where a PUT breaks off", async () => {
    const storage = overApache("broken");
    await storage.write(RECORD_PATH, utf8("old"), { kind: "record" });
    const { hostname, port } = new URL(apache.url);
    const put = request({
      host: hostname,
      port,
      method: "PUT",
      path: `/broken/${RECORD_PATH}`,
      auth: undefined,
      headers: {
        authorization: `Basic ${Buffer.from(`${apache.username}:${apache.password}`).toString("base64")}`,
        "content-length": 100_000,
      },
    });
    put.on("error", () => undefined);
    await new Promise<void>((resolve) => {
      put.write("n".repeat(50_000), () => {
        resolve();
      });
    });
    put.destroy();
    expect((await storage.read(RECORD_PATH, record))?.bytes).toEqual(utf8("old"));
  });

  it("says that a base below a missing folder cannot be made", async () => {
    const write = () => overApache("no/base").write(RECORD_PATH, utf8("x"), { kind: "record" });
    await expectCode("STORAGE_GONE", write);
  });

  it("is written by plain PUT where the folder is there", async () => {
    const credentials = { username: apache.username, password: apache.password };
    const headers = { authorization: `Basic ${Buffer.from(Object.values(credentials).join(":")).toString("base64")}` };
    const storage = http(`${apache.url}/plain`, { writable: true, headers });
    await expectCode("NETWORK_STATUS", () => storage.write(RECORD_PATH, utf8("x"), { kind: "record" }));
    await overApache("plain").write("records/regtest/alice/other@5.json", utf8("x"), { kind: "record" });
    expect(await storage.write(RECORD_PATH, utf8("x"), { kind: "record" })).toBe("stored");
    expect((await storage.read(RECORD_PATH, record))?.bytes).toEqual(utf8("x"));
    expect(await storage.remove(RECORD_PATH)).toBe(true);
  });
});

describe("vsftpd", () => {
  it("is not trusted with a certificate that nobody vouches for", async () => {
    for (const [server, scheme] of [
      [explicit, "ftp"],
      [implicit, "ftps"],
    ] as const) {
      const storage = ftp(`${scheme}://${server.host}/files/x`, {
        credentials: { username: server.username, password: server.password },
        secure: scheme === "ftp" ? "explicit" : undefined,
      });
      const error = await expectCode("NETWORK_UNREACHABLE", () => storage.read(RECORD_PATH, record));
      expect(error.details.reason).toMatch(/CERT/);
      await storage.close?.();
    }
  });

  it("gets no password where it knows no TLS", async () => {
    const storage = ftp(`ftp://${plain.host}/files/x`, {
      credentials: { username: plain.username, password: plain.password },
      secure: "explicit",
    });
    await expectCode("STORAGE_REFUSED", () => storage.read(RECORD_PATH, record));
    await storage.close?.();
  });
});

/** Every file of the layout below a folder, with its bytes. */
async function tree(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => /^(?:objects|records)\//.test(path) && !path.includes("/.DAV/"));
  const files = await Promise.all(
    paths.map(async (path) => [path, await readFile(join(folder, path), "hex")] as const),
  );
  return Object.fromEntries(files.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe("a folder written by one provider", () => {
  it("is served by another unchanged", async () => {
    const devnet = await startDevnet({ stores: 0 });
    const host = opened.use(await startNginx());
    const stores = [
      diskStorage(host.folder, { publicBaseUrl: host.url }),
      overApache("whole"),
      overRclone("whole"),
      overFtp(plain, "whole"),
    ];
    const { wallet, signer } = await devnet.fundedWriter();
    const base = devnet.readerOptions();
    const own = createReader({ ...base, storage: stores });
    const writer = createWriter({ reader: own, storage: stores, wallet, signer, required: stores.length });
    await writer.registerName("alice");
    await writer.putMutable("alice", "settings", utf8("dark"));
    const picture = await writer.putImmutable("alice", utf8("for ever"));
    expect(picture.key).toMatch(/^[0-9a-f]{64}$/);

    // Its own objects and the record's URL in the route lie at nginx.
    const allowHosts = [...(base.allowHosts ?? []), new URL(host.url).host];
    const foreign = createReader({ ...base, storage: [http(host.url)], allowHosts });
    const byDisk = (folder: string) => createReader({ ...base, storage: [diskStorage(folder)] });
    const readers = [
      foreign,
      byDisk(join(apache.folder, "whole")),
      byDisk(join(rclone.folder, "whole")),
      byDisk(join(plain.folder, "whole")),
    ];
    for (const reader of readers) {
      const settings = await reader.getMutable("alice", "settings");
      expect(settings.found && settings.data).toEqual(utf8("dark"));
      const found = await reader.getImmutable("alice", picture.key);
      expect(found.found && found.data).toEqual(utf8("for ever"));
      await reader.close();
    }
    const written = await tree(host.folder);
    expect(Object.keys(written).length).toBeGreaterThan(3);
    for (const { folder } of [apache, rclone, plain]) expect(await tree(join(folder, "whole"))).toEqual(written);

    await own.close();
    for (const store of stores) await store.close?.();
    await devnet.close();
  });
});
