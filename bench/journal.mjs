import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { lmdbCache } from "../dist/cache/lmdb.js";
import { getNetwork } from "../dist/chain/network.js";
import { startDevnet } from "../dist/devnet/index.js";
import { createReader } from "../dist/index.js";
import { putRecord } from "../dist/mutable/put.js";
import { systemClock } from "../dist/runtime/clock.js";
import { memoryStorage } from "../dist/storage/memory.js";
import { createPrivateKey, privateKeySigner } from "../dist/wallet/private-key.js";
import { createWriter } from "../dist/writer.js";
import { kb, medianPair, medianSeconds, ms, table } from "./report.mjs";

// What a write costs to be one that another run can finish: commits of a cache on disk. Storage is in memory, so that
// all files that are synced are the cache's.
const RUNS = 40;
const UPDATES = 15;

const directory = mkdtempSync(join(tmpdir(), "hawser-bench-"));
const random = { bytes: (length) => new Uint8Array(randomBytes(length)) };
const cache = counting(lmdbCache(join(directory, "cache")));
try {
  const commit = await bareCommit();
  const rows = [["one commit of 1 KiB by lmdb alone", 1, 0, "1.0 kB", ms(commit), "", ""]];
  rows.push(...(await records()));
  rows.push(...(await writes()));
  table(
    "Journal of a write, cache in LMDB on disk",
    ["write of 1 KiB", "commits", "of the journal", "their bytes", "time", "in journal commits", "share"],
    rows,
  );
} finally {
  await cache.close();
  rmSync(directory, { recursive: true, force: true });
}
process.exit(0);

/** A cache that counts what is committed, by what it is. */
function counting(inner) {
  const counted = { commits: 0, journal: 0, bytes: 0, journalSeconds: 0 };
  return {
    durable: inner.durable,
    counted,
    get: (key) => inner.get(key),
    keys: (prefix) => inner.keys(prefix),
    close: () => inner.close(),
    update: async (key, change) => {
      const isJournal = /^(journal|journal-part|writing|written)\//.test(key);
      let value;
      const start = performance.now();
      const result = await inner.update(key, (current) => {
        const made = change(current);
        value = made.value;
        return made;
      });
      if (value === undefined) return result;
      counted.commits++;
      counted.bytes += value?.length ?? 0;
      if (isJournal) {
        counted.journal++;
        counted.journalSeconds += (performance.now() - start) / 1000;
      }
      return result;
    },
  };
}

/** A row of the table: what `calls` calls counted, and how long one took. */
function rowOf(what, counted, calls, seconds) {
  const { commits, journal, bytes, journalSeconds } = counted;
  const each = journalSeconds / calls;
  return [
    what,
    (commits / calls).toFixed(1),
    (journal / calls).toFixed(1),
    kb(bytes / calls),
    ms(seconds),
    ms(each),
    `${((each / seconds) * 100).toFixed(0)} %`,
  ];
}

function reset() {
  Object.assign(cache.counted, { commits: 0, journal: 0, bytes: 0, journalSeconds: 0 });
}

/** Seconds of one durable commit without anything else. */
async function bareCommit() {
  const options = { encoding: "binary", keyEncoding: "binary", overlappingSync: false };
  const database = open({ path: join(directory, "bare"), ...options });
  const value = randomBytes(1024);
  const seconds = await medianSeconds(RUNS, async () => {
    await database.put(Buffer.from("key"), value);
    await database.flushed;
  });
  await database.close();
  return seconds;
}

/** The put of a record alone, without and with the entry by which another run can finish it. */
async function records() {
  const signer = privateKeySigner({ privateKey: createPrivateKey(random), random });
  const storage = [memoryStorage()];
  const put = (id, keepPending) =>
    putRecord({
      context: { network: getNetwork("regtest"), name: "alice", tenure: "11".repeat(32), id, epoch: 7 },
      route: { id, urls: [], pubkey: null, epoch: 7, minVer: null, maxAgeMs: null },
      publicKey: signer.publicKey,
      signer,
      data: random.bytes(1024),
      storage,
      urlReader: null,
      cache,
      clock: systemClock,
      keepPending,
    });
  const cases = [
    ["a record, nothing kept", "without", false],
    ["a record, kept until it is stored", "with", true],
  ];
  const times = await medianPair(
    RUNS,
    ...cases.map(
      ([, id, keep]) =>
        () =>
          put(id, keep),
    ),
  );
  const rows = [];
  for (const [at, [what, id, keep]] of cases.entries()) {
    reset();
    for (let i = 0; i < 10; i++) await put(id, keep);
    rows.push(rowOf(what, cache.counted, 10, times[at]));
  }
  return rows;
}

/** The same through a writer, with all that it asks of the chain; and a change that takes a transaction. */
async function writes() {
  const devnet = await startDevnet({ stores: 0 });
  const { wallet, signer } = await devnet.fundedWriter();
  const storage = [memoryStorage()];
  const reader = createReader({ ...devnet.readerOptions({ cache }), storage });
  const writer = createWriter({ reader, storage, wallet, signer, pollIntervalMs: 5 });
  await writer.registerName("alice");
  await writer.putMutable("alice", "settings", random.bytes(1024));
  let revision = 0;
  const cases = [
    ["putMutable of a known id", RUNS, () => writer.putMutable("alice", "settings", random.bytes(1024))],
    ["UPDATE, to depth", UPDATES, () => writer.updateProfile("alice", { about: { revision: revision++ } })],
    [
      "putMutable of a new id, to depth",
      UPDATES,
      () => writer.putMutable("alice", `id-${revision++}`, random.bytes(1024)),
    ],
  ];
  const rows = [];
  for (const [what, runs, call] of cases) {
    await call();
    reset();
    // The one that warms up counts as well.
    const seconds = await medianSeconds(runs, call);
    rows.push(rowOf(what, cache.counted, runs + 1, seconds));
  }
  await devnet.close();
  return rows;
}
