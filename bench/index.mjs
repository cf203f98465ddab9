import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeHex } from "../dist/bytes/hex.js";
import { sha256 } from "../dist/crypto/hash.js";
import { immutableEntry } from "../dist/profile/entry.js";
import { buildIndex, changeIndex, getEntry } from "../dist/profile/index-tree.js";
import { encodeProfile, parseProfile } from "../dist/profile/profile.js";
import { objectPath } from "../dist/route/layout.js";
import { diskStorage } from "../dist/storage/disk.js";
import { kb, mb, medianPair, medianSeconds, ms, table } from "./report.mjs";

const sizes = [1_000, 100_000, 1_000_000];
const keyOf = (i) => createHash("sha256").update(`object ${i}`).digest("hex");
const entryOf = (i) => immutableEntry(keyOf(i), { size: 1000 + i, type: "text/plain", name: null, urls: null });

const [, , step, countText, directory] = process.argv;
if (step === undefined) main();
else if (step === "build") await build(Number(countText), directory);
else await measure(Number(countText), directory);

function main() {
  const rows = [];
  for (const count of sizes) {
    const directory = mkdtempSync(join(tmpdir(), "hawser-bench-"));
    try {
      const run = (name) => {
        const args = ["--expose-gc", fileURLToPath(import.meta.url), name, String(count), directory];
        const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 1 << 24 });
        if (status !== 0) throw new Error(stderr);
        return JSON.parse(stdout);
      };
      const built = run("build");
      const used = run("measure");
      rows.push([count.toLocaleString("en"), ms(built.seconds), mb(built.maxRss), built.nodes, ...used]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  table(
    "Index on a disk store (budget at 1,000,000: get 5 objects and 8 kB, put 5 objects, profile included)",
    [
      "entries",
      "build",
      "build RSS",
      "nodes",
      "get objects",
      "get bytes",
      "get",
      "bare reads",
      "put objects",
      "put bytes",
      "put",
      "heap growth",
      "RSS",
    ],
    rows,
  );
}

async function build(count, directory) {
  let nodes = 0;
  const made = new Set();
  // Written without syncing: what is measured here is the tree, and 70,000 syncs measure the disk.
  const write = async (hash, bytes) => {
    const path = join(directory, objectPath(hash));
    if (!made.has(dirname(path))) mkdirSync(dirname(path), { recursive: true });
    made.add(dirname(path));
    writeFileSync(path, bytes);
    nodes++;
  };
  const start = process.hrtime.bigint();
  const root = await buildIndex(entries(count), write);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const profile = encodeProfile({ name: "alice", pubkey: null, storage: [], about: {}, index: root });
  const hash = encodeHex(sha256(profile));
  await write(hash, profile);
  writeFileSync(join(directory, "profile"), hash);
  process.stdout.write(JSON.stringify({ seconds, nodes, maxRss: process.resourceUsage().maxRSS * 1024 }));
}

function* entries(count) {
  for (let i = 0; i < count; i++) yield entryOf(i);
}

async function measure(count, directory) {
  const store = diskStorage(directory);
  const counted = { objects: 0, bytes: 0, paths: [] };
  const load = async (hash) => {
    const path = objectPath(hash);
    const stored = await store.read(path, { maxBytes: 1 << 20, kind: "object" });
    counted.objects++;
    counted.bytes += stored.bytes.length;
    counted.paths.push(path);
    return stored.bytes;
  };
  const profileHash = readFileSync(join(directory, "profile"), "utf8");
  const get = async (i) => {
    const profile = parseProfile(await load(profileHash), "alice");
    const { entry } = await getEntry(profile.index, `i:${keyOf(i)}`, load);
    if (entry === null) throw new Error("missing entry");
    return profile;
  };
  const put = async (i) => {
    const profile = parseProfile(await load(profileHash), "alice");
    const { root, written } = await changeIndex(profile.index, [{ key: `i:${keyOf(i)}`, entry: entryOf(i) }], load);
    const bytes = encodeProfile({ ...profile, index: root });
    return {
      objects: written.size + 1,
      bytes: [...written.values()].reduce((sum, node) => sum + node.length, bytes.length),
    };
  };
  // The profile and the path below it, averaged over keys that are spread over the tree.
  const samples = 200;
  for (let i = 0; i < samples; i++) await get(Math.floor((i * count) / samples));
  const objects = counted.objects / samples;
  const bytes = counted.bytes / samples;
  const paths = counted.paths.slice(-Math.round(objects));
  let i = 0;
  const [getSeconds, bareSeconds] = await medianPair(
    100,
    () => get((i++ * 7919) % count),
    async () => {
      for (const path of paths) await store.read(path, { maxBytes: 1 << 20, kind: "object" });
    },
  );
  const written = await put(count + 1);
  const putSeconds = await medianSeconds(50, () => put(count + i++));
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (let j = 0; j < 500; j++) await put(count + j);
  globalThis.gc();
  const growth = process.memoryUsage().heapUsed - before;
  const row = [
    objects.toFixed(1),
    kb(bytes),
    ms(getSeconds),
    ms(bareSeconds),
    written.objects,
    kb(written.bytes),
    ms(putSeconds),
    mb(growth),
    mb(process.resourceUsage().maxRSS * 1024),
  ];
  process.stdout.write(JSON.stringify(row));
}
