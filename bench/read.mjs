import { createServer, request } from "node:http";
import { esplora } from "../dist/chain/sources/esplora.js";
import { startDevnet } from "../dist/devnet/index.js";
import { createReader, memoryCache } from "../dist/index.js";
import { http } from "../dist/storage/http.js";
import { kb, ms, table } from "./report.mjs";

// Every server sits behind a proxy that adds the same delay to each answer, so that requests which wait for one
// another do not overlap in time: the longest row of such requests is the number of sequential round trips.
const DELAY_MS = 40;
const log = [];

async function proxy(target) {
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const entry = { start: performance.now(), end: 0, bytes: 0 };
    log.push(entry);
    const forward = request(
      { hostname, port, path: incoming.url, method: incoming.method, headers: incoming.headers },
      (answer) => {
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("end", () => {
          const body = Buffer.concat(chunks);
          setTimeout(() => {
            entry.end = performance.now();
            entry.bytes = body.length;
            outgoing.writeHead(answer.statusCode, answer.headers).end(body);
          }, DELAY_MS);
        });
      },
    );
    incoming.pipe(forward);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => server.closeAllConnections() ?? server.close(),
  };
}

/** The longest row of requests that did not overlap. */
function roundTrips(entries) {
  let count = 0;
  let lastEnd = Number.NEGATIVE_INFINITY;
  for (const { start, end } of [...entries].sort((a, b) => a.end - b.end)) {
    if (start < lastEnd) continue;
    count++;
    lastEnd = end;
  }
  return count;
}

async function measured(call) {
  log.length = 0;
  const start = performance.now();
  await call();
  const seconds = (performance.now() - start) / 1000;
  return [log.length, roundTrips(log), kb(log.reduce((sum, { bytes }) => sum + bytes, 0)), ms(seconds)];
}

const devnet = await startDevnet({ sources: 2, stores: 2 });
const { writer } = await devnet.fundedWriter();
await writer.registerName("alice");
const { route } = await writer.putMutable("alice", "settings", new Uint8Array(1024).fill(1));
const sources = await Promise.all(devnet.sourceUrls.map(proxy));
const stores = await Promise.all(devnet.storeUrls.map(proxy));
const readerOf = (cache) =>
  createReader({
    network: "regtest",
    sources: sources.map(({ url }) => esplora(url)),
    storage: stores.map(({ url }, i) => http(url, { publicBaseUrl: devnet.storeUrls[i] })),
    cache,
  });

const found = async (read) => {
  if (!(await read).found) throw new Error("not found");
};
const rows = [];
const bareUrl = new URL(new URL(route.urls[0]).pathname, stores[0].url);
await (await fetch(bareUrl)).arrayBuffer();
rows.push([
  "bare fetch of the record, unverified",
  ...(await measured(async () => (await fetch(bareUrl)).arrayBuffer())),
]);
const cache = memoryCache();
rows.push([
  "cold getMutable, 2 operations",
  ...(await measured(() => found(readerOf(cache).getMutable("alice", "settings")))),
]);
const warm = readerOf(cache);
rows.push(["warm getMutable, new reader", ...(await measured(() => found(warm.getMutable("alice", "settings"))))]);
rows.push(["warm getMutable, same reader", ...(await measured(() => found(warm.getMutable("alice", "settings"))))]);
await devnet.mine(1);
rows.push([
  "warm getMutable after a new block",
  ...(await measured(() => found(warm.getMutable("alice", "settings")))),
]);
table(
  `getMutable over HTTP, 2 sources and 2 stores, ${DELAY_MS} ms added to every answer (budget: warm 1 round trip)`,
  ["read", "requests", "sequential", "bytes", "time"],
  rows,
);
for (const server of [...sources, ...stores]) server.close();
await devnet.close();
process.exit(0);
