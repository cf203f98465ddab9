import { esplora } from "../dist/chain/sources/esplora.js";
import { startDevnet } from "../dist/devnet/index.js";
import { createReader, memoryCache } from "../dist/index.js";
import { http } from "../dist/storage/http.js";
import { DELAY_MS, measured, proxy } from "./proxy.mjs";
import { kb, ms, table } from "./report.mjs";

const cells = async (call) => {
  const { requests, sequential, bytes, seconds } = await measured(call);
  return [requests, sequential, kb(bytes), ms(seconds)];
};

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
rows.push(["bare fetch of the record, unverified", ...(await cells(async () => (await fetch(bareUrl)).arrayBuffer()))]);
const cache = memoryCache();
rows.push([
  "cold getMutable, 2 operations",
  ...(await cells(() => found(readerOf(cache).getMutable("alice", "settings")))),
]);
const warm = readerOf(cache);
rows.push(["warm getMutable, new reader", ...(await cells(() => found(warm.getMutable("alice", "settings"))))]);
rows.push(["warm getMutable, same reader", ...(await cells(() => found(warm.getMutable("alice", "settings"))))]);
await devnet.mine(1);
rows.push(["warm getMutable after a new block", ...(await cells(() => found(warm.getMutable("alice", "settings"))))]);
table(
  `getMutable over HTTP, 2 sources and 2 stores, ${DELAY_MS} ms added to every answer (budget: warm 1 round trip)`,
  ["read", "requests", "sequential", "bytes", "time"],
  rows,
);
for (const server of [...sources, ...stores]) server.close();
await devnet.close();
process.exit(0);
