/**
 * A process that puts one record again and again and reads in between, with the cache and the storage of other such
 * processes. `hammer-worker.ts <settings as JSON>`; it says each step in a line of JSON, begins when it is told "go" and
 * ends after `times` puts, or when it is told "stop".
 */
import { createInterface } from "node:readline";
import { lmdbCache } from "../../src/cache/lmdb.js";
import { esplora } from "../../src/chain/sources/esplora.js";
import { isHawserError } from "../../src/errors.js";
import { createReader, exportFloors } from "../../src/index.js";
import { systemRandom } from "../../src/runtime/random.js";
import { diskStorage } from "../../src/storage/disk.js";
import { http } from "../../src/storage/http.js";
import { privateKeySigner } from "../../src/wallet/private-key.js";
import { createWriter } from "../../src/writer.js";

/** Where a worker reads and writes. */
export interface HammerSettings {
  readonly label: string;
  readonly cache: string;
  readonly sourceUrls: readonly string[];
  /** URLs of stores that write conditionally, or directories. */
  readonly stores: readonly string[];
  readonly privateKey: string;
  readonly times: number;
}

/** What a worker says. */
export type HammerStep =
  | { readonly step: "ready" }
  | { readonly step: "putting"; readonly text: string }
  | { readonly step: "put"; readonly ver: number; readonly text: string }
  | { readonly step: "read"; readonly ver: number; readonly text: string }
  | { readonly step: "floor"; readonly ver: number }
  | { readonly step: "failed"; readonly what: string; readonly code: string; readonly message: string };

const settings = JSON.parse(process.argv[2] ?? "") as HammerSettings;
const say = (step: HammerStep): void => {
  process.stdout.write(`${JSON.stringify(step)}\n`);
};

const storage = settings.stores.map((store) =>
  store.startsWith("http:") ? http(store, { writable: true, conditional: true }) : diskStorage(store),
);
const reader = createReader({
  network: "regtest",
  sources: settings.sourceUrls.map((url) => esplora(url)),
  storage,
  cache: lmdbCache(settings.cache),
});
const signer = privateKeySigner({ privateKey: Buffer.from(settings.privateKey, "hex"), random: systemRandom });
const writer = createWriter({ reader, storage, signer });

async function attempt(what: string, run: () => Promise<HammerStep>): Promise<void> {
  try {
    say(await run());
  } catch (error) {
    const code = isHawserError(error) ? error.code : "no HawserError";
    say({ step: "failed", what, code, message: String(error) });
  }
}

async function floor(): Promise<HammerStep> {
  const text = new TextDecoder().decode(await exportFloors(reader));
  const [, ver = "-1"] = /"ver":(\d+)/.exec(text) ?? [];
  return { step: "floor", ver: Number(ver) };
}

async function read(): Promise<HammerStep> {
  const result = await reader.getMutable("alice", "duel");
  if (!result.found) throw new Error(`not found: ${result.why}`);
  return { step: "read", ver: result.ver, text: new TextDecoder().decode(result.data) };
}

let told = "";
const lines = createInterface({ input: process.stdin });
const begun = new Promise<void>((resolve) => {
  lines.on("line", (line) => {
    told = line;
    resolve();
  });
});
await attempt("first read", read);
say({ step: "ready" });
await begun;
for (let i = 0; i < settings.times && told !== "stop"; i++) {
  const text = `${settings.label} ${i}`;
  say({ step: "putting", text });
  await attempt("put", async () => {
    const { record } = await writer.putMutable("alice", "duel", new TextEncoder().encode(text));
    return { step: "put", ver: record.ver, text };
  });
  await attempt("floor", floor);
  await attempt("read", read);
  await attempt("floor", floor);
}
lines.close();
await reader.close();
