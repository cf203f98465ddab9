/**
 * Many small objects through each kind of provider and through the bare client library or protocol beneath it, against
 * the same real server, in turn. `npm run bench -- providers[:N]`, by default 10,000 objects of 200 bytes.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable, Writable } from "node:stream";
import { AwsClient } from "aws4fetch";
import { Client } from "basic-ftp";
import type { StorageProvider } from "../src/ports.js";
import { diskStorage } from "../src/storage/disk.js";
import { ftp } from "../src/storage/ftp.js";
import { http } from "../src/storage/http.js";
import { kubo } from "../src/storage/kubo.js";
import { s3 } from "../src/storage/s3.js";
import { webdav } from "../src/storage/webdav.js";
import { startApache } from "../test/servers/daemons/apache.js";
import { startKubo } from "../test/servers/daemons/kubo.js";
import { startNginx } from "../test/servers/daemons/nginx.js";
import { startVersitygw } from "../test/servers/daemons/versitygw.js";
import { startVsftpd } from "../test/servers/daemons/vsftpd.js";
import { table } from "./report.mjs";

const COUNT = Number(process.argv[2] ?? 10_000);
const BYTES = 200;
const IN_PARALLEL = 16;
/** Objects that each side handles before it is the other's turn. */
const TURN = 250;

interface Item {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What is used of a client. */
interface Store {
  write(item: Item): Promise<void>;
  read(item: Item): Promise<Uint8Array>;
  close?(): Promise<void>;
}

interface Contest {
  readonly kind: string;
  readonly bareName: string;
  readonly ours: StorageProvider;
  readonly bare: Store;
  stop(): Promise<void>;
}

function items(count: number): readonly Item[] {
  return Array.from({ length: count }, () => {
    const bytes = new Uint8Array(randomBytes(BYTES));
    const hash = createHash("sha256").update(bytes).digest("hex");
    return { bytes, path: `objects/${hash.slice(0, 2)}/${hash}` };
  });
}

function through(provider: StorageProvider): Store {
  return {
    write: async ({ path, bytes }) => {
      await provider.write(path, bytes, { kind: "object" });
    },
    read: async ({ path }) => {
      const stored = await provider.read(path, { kind: "object", maxBytes: 1_048_576 });
      if (stored === null) throw new Error(`${provider.label} lost ${path}`);
      return stored.bytes;
    },
  };
}

/** Plain fetch, with what `init` adds. */
function overHttp(base: string, init: RequestInit = {}, send: typeof fetch = fetch): Store {
  const url = ({ path }: Item): string => `${base}/${path}`;
  return {
    write: async (item) => {
      const response = await send(url(item), { ...init, method: "PUT", body: new Uint8Array(item.bytes) });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`PUT ${response.status}`);
    },
    read: async (item) => {
      const response = await send(url(item), init);
      if (!response.ok) throw new Error(`GET ${response.status}`);
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}

const contests: readonly (() => Promise<Contest>)[] = [
  async () => {
    const dir = await mkdtemp(join(tmpdir(), "hawser-bench-"));
    const bare = join(dir, "bare");
    return {
      kind: "disk",
      bareName: "writeFile, readFile (no sync)",
      ours: diskStorage(join(dir, "ours")),
      bare: {
        write: async ({ path, bytes }) => {
          await mkdir(dirname(join(bare, path)), { recursive: true });
          await writeFile(join(bare, path), bytes);
        },
        read: ({ path }) => readFile(join(bare, path)),
      },
      stop: () => rm(dir, { recursive: true }),
    };
  },
  async () => {
    const nginx = await startNginx({ writable: true });
    return {
      kind: "http (nginx)",
      bareName: "fetch",
      ours: http(`${nginx.url}/ours`, { writable: true }),
      bare: overHttp(`${nginx.url}/bare`),
      stop: async () => nginx[Symbol.asyncDispose](),
    };
  },
  async () => {
    const { bucket, endpoint, credentials, ...gateway } = await startVersitygw();
    const client = new AwsClient({
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey,
      service: "s3",
      region: "us-east-1",
      retries: 0,
    });
    const send = ((url: string, init: RequestInit) => client.fetch(url, init)) as typeof fetch;
    return {
      kind: "s3 (versitygw)",
      bareName: "aws4fetch",
      ours: s3({ bucket, prefix: "ours", endpoint, credentials, conditional: false }),
      bare: overHttp(`${endpoint}/${bucket}/bare`, {}, send),
      stop: async () => gateway[Symbol.asyncDispose](),
    };
  },
  async () => {
    const apache = await startApache();
    const authorization = `Basic ${Buffer.from(`${apache.username}:${apache.password}`).toString("base64")}`;
    const bare = overHttp(`${apache.url}/bare`, { headers: { authorization } });
    await fetch(`${apache.url}/bare`, { method: "MKCOL", headers: { authorization } });
    await fetch(`${apache.url}/bare/objects`, { method: "MKCOL", headers: { authorization } });
    for (let i = 0; i < 256; i++) {
      const folder = i.toString(16).padStart(2, "0");
      await fetch(`${apache.url}/bare/objects/${folder}`, { method: "MKCOL", headers: { authorization } });
    }
    return {
      kind: "webdav (Apache)",
      bareName: "fetch, folders made before",
      ours: webdav(`${apache.url}/ours`, { credentials: apache }),
      bare,
      stop: async () => apache[Symbol.asyncDispose](),
    };
  },
  async () => {
    const server = await startVsftpd();
    const [host = "", port = ""] = server.host.split(":");
    const free: Client[] = [];
    for (let i = 0; i < 3; i++) {
      const client = new Client(10_000);
      await client.access({ host, port: Number(port), user: server.username, password: server.password });
      free.push(client);
    }
    for (let i = 0; i < 256; i++) {
      await free[0]?.ensureDir(`/files/bare/objects/${i.toString(16).padStart(2, "0")}`);
    }
    const waiting: ((client: Client) => void)[] = [];
    const withClient = async <T>(run: (client: Client) => Promise<T>): Promise<T> => {
      const client = free.pop() ?? (await new Promise<Client>((resolve) => waiting.push(resolve)));
      try {
        return await run(client);
      } finally {
        const next = waiting.shift();
        if (next === undefined) free.push(client);
        else next(client);
      }
    };
    const ours = ftp(`ftp://${server.host}/files/ours`, { credentials: server });
    return {
      kind: "ftp (vsftpd)",
      bareName: "basic-ftp, 3 connections, no rename",
      ours,
      bare: {
        write: ({ path, bytes }) =>
          withClient(async (client) => {
            await client.uploadFrom(Readable.from([Buffer.from(bytes)]), `/files/bare/${path}`);
          }),
        read: ({ path }) =>
          withClient(async (client) => {
            const chunks: Buffer[] = [];
            const into = new Writable({
              write: (chunk: Buffer, _, done) => {
                chunks.push(chunk);
                done();
              },
            });
            await client.downloadTo(into, `/files/bare/${path}`);
            return Buffer.concat(chunks);
          }),
      },
      stop: async () => {
        for (const client of free) client.close();
        await ours.close?.();
        await server[Symbol.asyncDispose]();
      },
    };
  },
  async () => {
    const [node, other] = [await startKubo(), await startKubo()];
    const cids = new Map<string, string>();
    return {
      kind: "kubo",
      bareName: "fetch on a second node",
      ours: kubo(node.apiUrl),
      bare: {
        write: async ({ path, bytes }) => {
          const form = new FormData();
          form.set("data", new Blob([new Uint8Array(bytes)]));
          const query = "cid-codec=raw&mhtype=sha2-256&pin=true";
          const answer = await fetch(`${other.apiUrl}/api/v0/block/put?${query}`, { method: "POST", body: form });
          cids.set(path, ((await answer.json()) as { readonly Key: string }).Key);
        },
        read: async ({ path }) => {
          const query = `arg=${cids.get(path) ?? ""}&offline=true`;
          const answer = await fetch(`${other.apiUrl}/api/v0/block/get?${query}`, { method: "POST" });
          return new Uint8Array(await answer.arrayBuffer());
        },
      },
      stop: async () => {
        await Promise.all([node.stop(), other.stop()]);
      },
    };
  },
];

/** Runs `one` over a slice of the work, several at a time; gives the seconds. */
async function timed(work: readonly Item[], one: (item: Item) => Promise<unknown>): Promise<number> {
  const queue = [...work];
  const start = performance.now();
  await Promise.all(
    Array.from({ length: IN_PARALLEL }, async () => {
      for (let item = queue.pop(); item !== undefined; item = queue.pop()) await one(item);
    }),
  );
  return (performance.now() - start) / 1_000;
}

const rows: (readonly (string | number)[])[] = [];
for (const start of contests) {
  const { kind, bareName, ours, bare, stop } = await start();
  try {
    const sides = [through(ours), bare] as const;
    const work = items(COUNT);
    const totals: Record<"write" | "read", [number, number]> = { write: [0, 0], read: [0, 0] };
    for (const verb of ["write", "read"] as const) {
      for (let at = 0; at < work.length; at += TURN) {
        const slice = work.slice(at, at + TURN);
        // Whoever begins changes, so that neither always finds the other's caches warm.
        const order = (at / TURN) % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
        for (const side of order) totals[verb][side] += await timed(slice, (item) => sides[side][verb](item));
      }
    }
    const rate = (seconds = 0): string => Math.round(COUNT / seconds).toLocaleString("en-US");
    const ratio = ([own = 0, other = 1]: readonly number[]): string => (own / other).toFixed(2);
    rows.push([
      kind,
      rate(totals.write[0]),
      rate(totals.write[1]),
      ratio(totals.write),
      rate(totals.read[0]),
      rate(totals.read[1]),
      ratio(totals.read),
      bareName,
    ]);
  } finally {
    await stop();
  }
}
table(
  `${COUNT.toLocaleString("en-US")} objects of ${BYTES} bytes, ${IN_PARALLEL} at a time, objects/s (time: ours to bare)`,
  ["kind", "write", "bare", "time", "read", "bare", "time", "bare client"],
  rows,
);
