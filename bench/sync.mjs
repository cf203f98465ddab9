import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lmdbCache } from "../dist/cache/lmdb.js";
import { esplora } from "../dist/chain/sources/esplora.js";
import { headerFile } from "../dist/chain/sources/header-file.js";
import { hash256 } from "../dist/crypto/hash.js";
import { createReader } from "../dist/index.js";
import { mineRegtest } from "./mine-regtest.mjs";
import { mb, seconds, table } from "./report.mjs";

// A year of blocks, and more than mainnet has between now and 2035.
const sizes = [52_560, 500_000];
/** Runs of a size, of which the one that was disturbed least counts. */
const runsOf = (count) => (count > 100_000 ? 1 : 3);
const [, , given] = process.argv;

if (given === "serve") serve(process.argv[3]);
else await main(given === undefined ? sizes : [Number(given)]);

async function main(counts) {
  const rows = [];
  for (const count of counts) {
    const directory = mkdtempSync(join(tmpdir(), "hawser-bench-"));
    // The servers are a process of their own, so that their time is not counted.
    const path = join(directory, "headers.bin");
    const headers = mineRegtest(count);
    writeFileSync(path, headers);
    const server = fork(fileURLToPath(import.meta.url), ["serve", path]);
    try {
      const [url] = await once(server, "message");
      const bare = [];
      const synced = [];
      const loaded = [];
      for (let run = 0; run < runsOf(count); run++) {
        bare.push(await timed(() => hashAll(headers)));
        const cache = join(directory, `cache-${run}`);
        synced.push(
          await timed(() =>
            withReader(url, cache, async (reader) => {
              const { height, headerSources } = await reader.syncHeaders();
              const [{ headers: taken, failure }] = headerSources;
              if (height !== count || taken !== count || failure !== null) throw new Error(JSON.stringify(failure));
            }),
          ),
        );
        loaded.push(
          await timed(() =>
            withReader(url, cache, async (reader) => {
              let bytes = 0;
              for await (const piece of reader.exportHeaders()) bytes += piece.length;
              if (bytes !== headers.length) throw new Error(`${bytes} bytes are stored`);
            }),
          ),
        );
      }
      const [bareBest, syncBest, loadBest] = [bare, synced, loaded].map(fastest);
      rows.push([
        count.toLocaleString("en"),
        mb(headers.length),
        seconds(bareBest.cpu),
        seconds(syncBest.cpu),
        seconds(syncBest.wall),
        Math.round(count / syncBest.cpu).toLocaleString("en"),
        seconds(loadBest.cpu),
        mb(process.resourceUsage().maxRSS * 1024),
      ]);
    } finally {
      server.kill();
      rmSync(directory, { recursive: true, force: true });
    }
  }
  table(
    "Header sync from a file over HTTP into LMDB (budget: a year in under 1 s of CPU)",
    [
      "headers",
      "bytes",
      "bare double SHA-256",
      "sync, CPU",
      "sync, wall",
      "headers/s of CPU",
      "load again, CPU",
      "peak RSS",
    ],
    rows,
  );
}

async function withReader(url, cache, run) {
  const reader = createReader({
    network: "regtest",
    sources: [esplora(`${url}/esplora`)],
    headerSources: [headerFile(`${url}/headers.bin`, { network: "regtest" })],
    cache: lmdbCache(cache),
  });
  try {
    await run(reader);
  } finally {
    await reader.close();
  }
}

function hashAll(headers) {
  for (let at = 0; at < headers.length; at += 80) hash256(headers.subarray(at, at + 80));
}

async function timed(run) {
  const start = process.hrtime.bigint();
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return { cpu: (user + system) / 1e6, wall: Number(process.hrtime.bigint() - start) / 1e9 };
}

/** The run that was disturbed least. */
function fastest(times) {
  return times.reduce((best, one) => (one.cpu < best.cpu ? one : best));
}

/** A static host with the file, and as much of an Esplora server as a sync asks. */
function serve(path) {
  const file = readFileSync(path);
  const tip = file.length / 80;
  const server = createServer((request, response) => {
    const [, height] = /^\/esplora\/blocks(?:\/(\d+))?$/.exec(request.url) ?? [];
    if (request.url.startsWith("/esplora/")) {
      const top = height === undefined ? tip : Number(height);
      const blocks = Array.from({ length: Math.min(10, top) }, (_, i) => blockAt(file, top - i));
      response.end(JSON.stringify(blocks));
      return;
    }
    const [from, to] = request.headers.range.replace("bytes=", "").split("-").map(Number);
    const part = file.subarray(from, to + 1);
    response.writeHead(206, { "content-range": `bytes ${from}-${from + part.length - 1}/${file.length}` }).end(part);
  });
  // Not closed while the measuring process hashes and cannot notice.
  server.keepAliveTimeout = 120_000;
  server.listen(0, "127.0.0.1", () => process.send(`http://127.0.0.1:${server.address().port}`));
}

function blockAt(file, height) {
  const header = file.subarray(80 * (height - 1), 80 * height);
  const hex = (bytes) => Buffer.from(bytes).reverse().toString("hex");
  return {
    id: hex(hash256(header)),
    height,
    version: header.readInt32LE(0),
    timestamp: header.readUInt32LE(68),
    merkle_root: hex(header.subarray(36, 68)),
    previousblockhash: hex(header.subarray(4, 36)),
    nonce: header.readUInt32LE(76),
    bits: header.readUInt32LE(72),
  };
}
