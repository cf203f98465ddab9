import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, open, rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { lmdbCache } from "../dist/cache/lmdb.js";
import { esplora } from "../dist/chain/sources/esplora.js";
import { signSchnorr, verifySchnorr } from "../dist/crypto/schnorr.js";
import { xOnlyPublicKeyOf } from "../dist/crypto/taproot.js";
import { startDevnet } from "../dist/devnet/index.js";
import { createReader, memoryCache } from "../dist/index.js";
import { limits } from "../dist/limits.js";
import { diskStorage } from "../dist/storage/disk.js";
import { memoryStorage } from "../dist/storage/memory.js";
import { createWriter } from "../dist/writer.js";
import { proxy } from "./proxy.mjs";
import { kb, mb, seconds, table } from "./report.mjs";

// A batch of new ids in one transaction, and then of their deletes. 100,000 take several minutes: `batch:100000`.
const kinds = ["memory", "disk"];

const idOf = (i) => `entry-${i}`;
const dataOf = (i) => new Uint8Array(100 + (i % 101)).fill(i);
const pathOf = (i) => {
  const hash = createHash("sha256").update(String(i)).digest("hex");
  return `${hash.slice(0, 2)}/${hash}`;
};
const now = () => performance.now() / 1000;
const maxRss = () => process.resourceUsage().maxRSS * 1024;
const memory = () => {
  globalThis.gc();
  return process.memoryUsage();
};

const [, , first, kind, directory] = process.argv;
if (kind === undefined) main(first === undefined ? [1_000, 10_000] : [Number(first)]);
else await run(Number(first), kind, directory);

function main(counts) {
  const puts = [];
  const deletes = [];
  for (const count of counts) {
    for (const kind of kinds) {
      const directory = mkdtempSync(join(tmpdir(), "hawser-bench-"));
      try {
        const args = ["--expose-gc", fileURLToPath(import.meta.url), String(count), kind, directory];
        const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
        if (status !== 0) throw new Error(stderr);
        const measured = JSON.parse(stdout);
        const what = `${count.toLocaleString("en")}, ${kind}`;
        puts.push([what, ...measured.put]);
        deletes.push([what, ...measured.remove]);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }
  }
  table(
    "A batch of putMutable of new ids, 100 to 200 bytes each (memory: storage and cache in memory; disk: files and LMDB)",
    [
      "puts",
      "plan",
      "store",
      "send",
      "settle",
      "in all",
      "bare sign + check",
      "bare writes",
      "over bare",
      "objects",
      "bytes",
      "RSS before",
      "peak RSS",
      "heap an entry",
    ],
    puts,
  );
  table(
    "A batch of deleteMutable of the same ids",
    ["deletes", "plan", "store", "send", "settle and remove", "in all", "peak RSS"],
    deletes,
  );
}

async function run(count, kind, directory) {
  const devnet = await startDevnet({ stores: 0 });
  const { wallet, signer } = await devnet.fundedWriter();
  const inner = kind === "disk" ? diskStorage(join(directory, "store")) : memoryStorage();
  const written = { objects: 0, bytes: 0, paths: [] };
  const storage = {
    label: inner.label,
    publicBaseUrl: inner.publicBaseUrl,
    conditional: inner.conditional,
    read: (path, options) => inner.read(path, options),
    remove: (path, options) => inner.remove(path, options),
    urlOf: (path) => inner.urlOf(path),
    write: async (path, bytes, options) => {
      written.objects++;
      written.bytes += bytes.length;
      // As every provider outside memory does: otherwise no timer of this process runs until all is stored.
      await nextTurn();
      return inner.write(path, bytes, options);
    },
  };
  const cache = kind === "disk" ? lmdbCache(join(directory, "cache")) : memoryCache();
  // The server lives in this process: after a long computation it would close the connection that is used next.
  const source = await proxy(devnet.sourceUrls[0], 0);
  const reader = createReader({ network: "regtest", sources: [esplora(source.url)], storage: [storage], cache });
  const writer = createWriter({ reader, storage: [storage], wallet, signer, pollIntervalMs: 20 });
  await writer.registerName("alice");

  const before = memory();
  written.objects = 0;
  written.bytes = 0;
  const batch = writer.batch("alice");
  for (let i = 0; i < count; i++) batch.putMutable(idOf(i), () => dataOf(i));
  const put = await carryOut(devnet, batch, count);
  const { objects, bytes } = written;
  const peakRss = maxRss();

  const removal = writer.batch("alice");
  for (let i = 0; i < count; i++) removal.deleteMutable(idOf(i));
  const remove = await carryOut(devnet, removal, count);
  const deletePeakRss = maxRss();
  const bare = await bareTimes(objects, bytes, count, kind === "disk" ? join(directory, "bare") : null);
  const bareSeconds = bare.signing + bare.writing;
  process.stdout.write(
    JSON.stringify({
      put: [
        ...put.times.map(seconds),
        seconds(bare.signing),
        seconds(bare.writing),
        `${((put.times.at(-1) / bareSeconds) * 100).toFixed(0)} %`,
        objects.toLocaleString("en"),
        mb(bytes),
        mb(before.rss),
        mb(peakRss),
        kb((put.heap - before.heapUsed) / count),
      ],
      remove: [...remove.times.map(seconds), mb(deletePeakRss)],
    }),
  );
  await cache.close();
  source.close();
  await devnet.close();
  process.exit(0);
}

/** Seconds of each stage and of all, and the heap that is in use when everything is stored. */
async function carryOut(devnet, batch, count) {
  const marks = [now()];
  let heap = 0;
  const onEvent = ({ stage, done, total }) => {
    if (stage !== "store" || total === undefined || done !== total) return;
    marks[2] = now();
    heap = memory().heapUsed;
    marks[3] = now();
  };
  const plan = await batch.plan({ onEvent });
  marks[1] = now();
  const handle = await plan.run();
  marks[2] ??= marks[3] ??= marks[1];
  marks[4] = now();
  await devnet.mine(6);
  await handle.wait();
  marks[5] = now();
  if (handle.results.length !== count) throw new Error(`${handle.results.length} results`);
  const [start, planned, stored, looked, sent, settled] = marks;
  const stages = [planned - start, stored - planned, sent - looked, settled - sent];
  return { heap, times: [...stages, stages.reduce((sum, one) => sum + one, 0)] };
}

/**
 * What nobody can do without: a signature for each record and the check of what a signer returned, counted up from a
 * thousand of them; and as many files of the same size, each on disk when its write is over, or as many entries of a Map.
 */
async function bareTimes(objects, bytes, count, directory) {
  const privateKey = new Uint8Array(randomBytes(32));
  const publicKey = xOnlyPublicKeyOf(privateKey);
  const sample = Math.min(count, 1_000);
  let start = now();
  for (let i = 0; i < sample; i++) {
    const digest = new Uint8Array(randomBytes(32));
    if (!verifySchnorr(signSchnorr(digest, privateKey, digest), digest, publicKey)) throw new Error("wrong");
  }
  const signing = ((now() - start) * count) / sample;

  const body = new Uint8Array(Math.round(bytes / objects)).fill(1);
  start = now();
  if (directory === null) {
    const map = new Map();
    for (let i = 0; i < objects; i++) map.set(pathOf(i), body.slice());
  } else {
    const made = new Set();
    let next = 0;
    const work = async () => {
      for (let i = next++; i < objects; i = next++) await writeSynced(join(directory, pathOf(i)), body, made);
    };
    await Promise.all(Array.from({ length: limits.batchMaxParallel }, work));
  }
  return { signing, writing: now() - start };
}

async function writeSynced(path, body, made) {
  const parent = dirname(path);
  if (!made.has(parent)) await mkdir(parent, { recursive: true });
  made.add(parent);
  const file = await open(`${path}.tmp`, "wx");
  await file.writeFile(body);
  await file.sync();
  await file.close();
  await rename(`${path}.tmp`, path);
  const folder = await open(parent, "r");
  await folder.sync();
  await folder.close();
}
