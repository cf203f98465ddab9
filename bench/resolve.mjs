import { esplora } from "../dist/chain/sources/esplora.js";
import { startDevnet } from "../dist/devnet/index.js";
import { createReader } from "../dist/index.js";
import { http } from "../dist/storage/http.js";
import { DELAY_MS, measured, proxy } from "./proxy.mjs";
import { kb, ms, table } from "./report.mjs";

const steps = [1, 10, 100];

const devnet = await startDevnet({ sources: 2, stores: 1 });
const { writer } = await devnet.fundedWriter({ valueSats: 10_000_000n });
const sources = await Promise.all(devnet.sourceUrls.map(proxy));
const registration = await writer.registerName("alice");

/** Resolves the name in a reader that knows nothing yet. */
async function resolve() {
  const reader = createReader({
    network: "regtest",
    sources: sources.map(({ url }) => esplora(url)),
    storage: devnet.storeUrls.map((url) => http(url)),
  });
  if (!(await reader.getName("alice")).found) throw new Error("not found");
}

/**
 * What nobody can do without who follows a thread: transaction and proof of each operation, and what spent its seal. One
 * server is asked and believed, no header is fetched, nothing is verified.
 */
async function follow() {
  const { url } = sources[0];
  const loads = [];
  const load = async (path) => (await fetch(`${url}/${path}`)).arrayBuffer();
  let txid = registration.txids.at(-1);
  for (let spent = true; spent; ) {
    loads.push(load(`tx/${txid}/raw`), load(`tx/${txid}/merkle-proof`));
    const spend = JSON.parse(Buffer.from(await load(`tx/${txid}/outspend/1`)).toString());
    spent = spend.spent;
    if (spent) txid = spend.txid;
  }
  await Promise.all(loads);
}

const rows = [];
let updates = 0;
for (const step of steps) {
  for (; updates < step; updates++) await writer.updateProfile("alice", { about: { revision: updates } });
  for (const [what, call] of [
    [`cold getName, ${step} update${step === 1 ? "" : "s"}`, resolve],
    ["  bare, one server, unverified", follow],
  ]) {
    await call();
    const { requests, sequential, bytes, seconds } = await measured(call);
    rows.push([what, requests, sequential, kb(bytes), ms(seconds)]);
  }
}
table(
  `Resolving a name from nothing, 2 sources, ${DELAY_MS} ms added to every answer`,
  ["read", "requests", "sequential", "bytes", "time"],
  rows,
);
for (const server of sources) server.close();
await devnet.close();
process.exit(0);
