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
const stores = await Promise.all(devnet.storeUrls.map(proxy));
const registration = await writer.registerName("alice");
// The first UPDATE.
await writer.putMutable("alice", "settings", new Uint8Array(1024).fill(1));

/** A reader that knows nothing yet. */
const newReader = () =>
  createReader({
    network: "regtest",
    sources: sources.map(({ url }) => esplora(url)),
    storage: stores.map(({ url }, i) => http(url, { publicBaseUrl: devnet.storeUrls[i] })),
  });

const found = async (read) => {
  if (!(await read).found) throw new Error("not found");
};

async function makeBundle() {
  const exported = await newReader().exportBundle("alice", { id: "settings" });
  if (!exported.found) throw new Error("not found");
  return { bundle: exported.bundle };
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
let updates = 1;
for (const step of steps) {
  for (; updates < step; updates++) await writer.updateProfile("alice", { about: { revision: updates } });
  const hint = await makeBundle();
  for (const [what, call] of [
    [`cold getName, ${step} update${step === 1 ? "" : "s"}`, () => found(newReader().getName("alice"))],
    ["  bare, one server, unverified", follow],
    ["  cold getMutable", () => found(newReader().getMutable("alice", "settings"))],
    [
      `  the same, hint of ${kb(hint.bundle.length)}`,
      () => found(newReader().getMutable("alice", "settings", { hint })),
    ],
  ]) {
    await call();
    const { requests, sequential, bytes, seconds } = await measured(call);
    rows.push([what, requests, sequential, kb(bytes), ms(seconds)]);
  }
}
table(
  `Resolving a name from nothing, 2 sources, 1 store, ${DELAY_MS} ms added to every answer (budget with a hint: 3 round trips)`,
  ["read", "requests", "sequential", "bytes", "time"],
  rows,
);
for (const server of [...sources, ...stores]) server.close();
await devnet.close();
process.exit(0);
