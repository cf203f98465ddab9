import { chown, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { StorageProvider, StoredKind } from "../../src/ports.js";
import { type DhtStorage, dht } from "../../src/storage/dht.js";
import { diskStorage } from "../../src/storage/disk.js";
import { ftp } from "../../src/storage/ftp.js";
import { http } from "../../src/storage/http.js";
import { kubo } from "../../src/storage/kubo.js";
import { s3 } from "../../src/storage/s3.js";
import { webdav } from "../../src/storage/webdav.js";
import { dhtKeys } from "../unit/storage/dht-keys.js";
import { startApache } from "./daemons/apache.js";
import { freePorts } from "./daemons/daemon.js";
import { debianUser } from "./daemons/debian-user.js";
import { silentPort, startDht } from "./daemons/dht.js";
import { type KuboNode, startKubo } from "./daemons/kubo.js";
import { startNginx } from "./daemons/nginx.js";
import { startVersitygw } from "./daemons/versitygw.js";
import { startVsftpd } from "./daemons/vsftpd.js";

/** What may become of a place. */
export const conditions = ["wrong", "empty", "stopped"] as const;
export type Condition = (typeof conditions)[number];

/** What a place of a kind gives: a provider, or one for records and one for objects. */
export type Place = readonly StorageProvider[];

/** One kind of storage over its real server, in every condition. */
export interface StorageKind {
  readonly name: string;
  readonly good: Place;
  /** The same kind of server in that condition. `wrong`: other bytes at every path that `copyTo` was given. */
  readonly bad: Readonly<Record<Condition, Place>>;
  /** Makes `bad.wrong` hold something else at these paths. */
  copyTo(paths: readonly string[]): Promise<void>;
  /** Puts other bytes at these paths of the good place, past hawser. */
  spoil(paths: readonly string[]): Promise<void>;
  /** Takes these paths out of the good place, past hawser. */
  wipe(paths: readonly string[]): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a damaged place serves: an error page, as a host does that answers everything with 200. */
const WRONG = new TextEncoder().encode("<html><body>Welcome to nginx!</body></html>\n");

const kindOf = (path: string): StoredKind => (path.startsWith("objects/") ? "object" : "record");

/** A kind of server that keeps a tree of files in a folder of this machine. */
function inFolder(
  name: string,
  folder: string,
  at: (place: string) => StorageProvider,
  stopped: StorageProvider,
  close: () => Promise<void>,
  owner: { readonly uid: number; readonly gid: number } | null = null,
): StorageKind {
  const [good, wrong, empty] = [[at("good")], [at("wrong")], [at("empty")]];
  return {
    name,
    good,
    bad: { wrong, empty, stopped: [stopped] },
    async copyTo(paths) {
      for (const path of paths) await wrong[0]?.write(path, WRONG, { kind: kindOf(path) });
    },
    async spoil(paths) {
      for (const path of paths) {
        const file = join(folder, "good", path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, WRONG);
        if (owner !== null) await chown(file, owner.uid, owner.gid);
      }
    },
    async wipe() {
      // The folder stays, as it does when somebody clears a bucket or a share.
      for (const entry of await readdir(join(folder, "good"))) {
        await rm(join(folder, "good", entry), { recursive: true });
      }
    },
    [Symbol.asyncDispose]: close,
  };
}

/** Starts a server of each kind: disk, nginx, S3 (versitygw), WebDAV (Apache), FTP (vsftpd), and IPFS with the DHT. */
export async function startSixKinds(): Promise<readonly StorageKind[]> {
  const [closed = 0] = await freePorts(1);
  const dir = await mkdtemp(join(tmpdir(), "hawser-six-"));
  const noDirectory = join(dir, "file");
  await writeFile(noDirectory, "no directory");
  const www = debianUser("www-data");
  const [nginx, gateway, apache, vsftpd] = await Promise.all([
    startNginx({ writable: true }),
    startVersitygw(),
    startApache(),
    startVsftpd(),
  ]);
  const { bucket, endpoint, credentials } = gateway;
  const inBucket = (prefix: string, url = endpoint): StorageProvider =>
    s3({ bucket, prefix, endpoint: url, credentials, label: `s3 ${prefix}` });
  const onDav = (place: string, host = apache.url): StorageProvider =>
    webdav(`${host}/${place}`, { credentials: apache, label: `webdav ${place}` });
  const onFtp = (place: string, host = vsftpd.host): StorageProvider =>
    ftp(`ftp://${host}/files/${place}`, { credentials: vsftpd, label: `ftp ${place}` });
  const onNginx = (place: string, url = nginx.url): StorageProvider =>
    http(`${url}/${place}`, { writable: true, label: `nginx ${place}` });
  const nowhere = `127.0.0.1:${closed}`;
  return [
    inFolder(
      "disk",
      dir,
      (place) => diskStorage(join(dir, place), { label: `disk ${place}` }),
      diskStorage(noDirectory, { label: "disk stopped" }),
      () => rm(dir, { recursive: true }),
    ),
    inFolder("nginx", nginx.folder, onNginx, onNginx("stopped", `http://${nowhere}`), async () =>
      nginx[Symbol.asyncDispose](),
    ),
    inFolder("s3", gateway.folder, inBucket, inBucket("stopped", `http://${nowhere}`), async () =>
      gateway[Symbol.asyncDispose](),
    ),
    inFolder(
      "webdav",
      apache.folder,
      onDav,
      onDav("stopped", `http://${nowhere}`),
      async () => apache[Symbol.asyncDispose](),
      www,
    ),
    inFolder(
      "ftp",
      vsftpd.folder,
      onFtp,
      onFtp("stopped", nowhere),
      async () => vsftpd[Symbol.asyncDispose](),
      debianUser("ftp"),
    ),
    await startIpfsAndDht(nowhere),
  ];
}

/** Kubo keeps the objects, the DHT the records. */
async function startIpfsAndDht(nowhere: string): Promise<StorageKind> {
  const [node, bare, network] = await Promise.all([startKubo(), startKubo(), startDht(4)]);
  const liar = await startLiar(node);
  const items: DhtStorage[] = [];
  // A place of its own is a key of its own: an item is found by key and path.
  const inDht = (place: string, bootstrap = network.bootstrap): DhtStorage => {
    const options = { ...dhtKeys(place), bootstrap, address: "127.0.0.1", queryTimeoutMs: 200, label: `dht ${place}` };
    const storage = dht(options);
    items.push(storage);
    return storage;
  };
  const good = [kubo(node.apiUrl, { label: "kubo good" }), inDht("good")];
  const wrong = [kubo(liar.url, { label: "kubo wrong" }), inDht("wrong")];
  return {
    name: "ipfs and dht",
    good,
    bad: {
      wrong,
      empty: [kubo(bare.apiUrl, { label: "kubo empty" }), inDht("empty")],
      stopped: [
        kubo(`http://${nowhere}`, { label: "kubo stopped" }),
        inDht("stopped", [`127.0.0.1:${await silentPort()}`]),
      ],
    },
    async copyTo(paths) {
      // A block cannot be other than its CID; that its node lies is done by what stands in front of it.
      for (const path of paths) if (kindOf(path) === "record") await wrong[1]?.write(path, WRONG, { kind: "record" });
    },
    async spoil(paths) {
      for (const path of paths) if (kindOf(path) === "record") await good[1]?.write(path, WRONG, { kind: "record" });
      await removeBlocks(node, paths);
    },
    async wipe(paths) {
      await removeBlocks(node, paths);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([node.stop(), bare.stop(), liar.close(), ...items.map((storage) => storage.close())]);
      await network.stop();
    },
  };
}

/** What a full disk or a garbage collection does. */
async function removeBlocks(node: KuboNode, paths: readonly string[]): Promise<void> {
  const provider = kubo(node.apiUrl);
  for (const path of paths) if (kindOf(path) === "object") await provider.remove(path);
}

/** An RPC server that passes everything on, and changes a byte of every block. */
async function startLiar(node: KuboNode): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((incoming, outgoing) => {
    const onward = request(
      `${node.apiUrl}${incoming.url ?? ""}`,
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.on("data", (chunk: Buffer) => {
          const isBlock = incoming.url?.includes("/block/get") === true && answer.statusCode === 200;
          if (isBlock) chunk[0] = (chunk[0] ?? 0) ^ 1;
          outgoing.write(chunk);
        });
        answer.on("end", () => outgoing.end());
      },
    );
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
