import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { copyFile, mkdir, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { esplora } from "../dist/chain/sources/esplora.js";
import { startDevnet } from "../dist/devnet/index.js";
import { createReader } from "../dist/index.js";
import { limits } from "../dist/limits.js";
import { diskStorage } from "../dist/storage/disk.js";
import { createWriter } from "../dist/writer.js";
import { mb, seconds, table } from "./report.mjs";

// A mirror of 1,024 objects of 1 MiB from disk to disk, beside a plain copy of the same files. Each in a process of its
// own, so that its memory is its own; the chain is served by this one. Fewer objects: `mirror:64`.
const now = () => performance.now() / 1000;
const mib = 1024 * 1024;

const [, , first, what, ...places] = process.argv;
if (what === undefined) await main(Number(first ?? 1_024));
else await run(what, places);

async function main(count) {
  const directory = mkdtempSync(join(tmpdir(), "hawser-bench-"));
  const devnet = await startDevnet({ sources: 1, stores: 0 });
  try {
    const source = join(directory, "source");
    await publish(devnet, diskStorage(source), count);
    const total = sizeOf(source);
    const inChild = (what, target) => measure(devnet, what, source, join(directory, target));
    const rows = [];
    const add = async (title, what, target) => {
      const { time, before, peak, note } = await inChild(what, target);
      const speed = `${(total / time / 1e6).toFixed(0)} MB/s`;
      rows.push([title, seconds(time), speed, mb(before), mb(peak), mb(peak - before), note]);
    };
    await add("fs.copyFile, 8 at once, left to the kernel", "copy", "copied");
    rmSync(join(directory, "copied"), { recursive: true, force: true });
    await add("fs.copyFile and fsync, 8 at once", "synced", "copied");
    rmSync(join(directory, "copied"), { recursive: true, force: true });
    await add("mirror into an empty directory", "mirror", "target");
    await add("mirror again: everything is held", "mirror", "target");
    table(
      `A mirror of ${count.toLocaleString("en")} objects of 1 MiB (${mb(total)} with the index) from disk to disk`,
      ["what", "time", "throughput", "RSS before", "peak RSS", "above", "outcome"],
      rows,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await devnet.close();
  }
  process.exit(0);
}

/** A name with so many objects, in batches that are not held in memory. */
async function publish(devnet, storage, count) {
  const { wallet, signer } = await devnet.fundedWriter();
  const reader = createReader({ ...devnet.readerOptions(), storage: [storage] });
  const writer = createWriter({ reader, storage: [storage], wallet, signer, pollIntervalMs: 20 });
  await writer.registerName("alice");
  const batch = writer.batch("alice");
  for (let i = 0; i < count; i++) batch.putImmutable(() => bodyOf(i));
  const handle = await (await batch.plan()).run();
  await devnet.mine(6);
  await handle.wait();
}

function bodyOf(i) {
  const block = createHash("sha256").update(String(i)).digest();
  const body = new Uint8Array(mib);
  for (let at = 0; at < mib; at += block.length) body.set(block, at);
  return body;
}

function sizeOf(directory) {
  return files(directory).reduce((sum, path) => sum + statSync(join(directory, path)).size, 0);
}

function files(directory) {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).filter(
    (path) => !path.startsWith("@") && statSync(join(directory, path)).isFile(),
  );
}

/** The child talks to the servers of this process, which must go on answering. */
async function measure(devnet, what, ...places) {
  const args = ["--expose-gc", fileURLToPath(import.meta.url), "0", what, ...places, devnet.sourceUrls[0]];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    said += chunk;
  });
  const status = await new Promise((resolve) => child.on("close", resolve));
  if (status !== 0) throw new Error(`${what} ended with ${status}`);
  return JSON.parse(said);
}

async function run(what, [source, target, url]) {
  const storage = diskStorage(source);
  const reader = createReader({ network: "regtest", sources: [esplora(url)], storage: [storage] });
  await reader.getName("alice");
  const paths = what === "mirror" ? [] : files(source);
  globalThis.gc();
  const before = process.memoryUsage().rss;
  const start = now();
  let note = `${paths.length} files`;
  if (what === "mirror") {
    const { providers, complete } = await reader.mirror("alice", { to: diskStorage(target) });
    if (!complete) throw new Error("not complete");
    note = providers.map(({ stored, held }) => `${stored} stored, ${held} held`).join();
  } else await copyAll(paths, source, target, what === "synced");
  const time = now() - start;
  const peak = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(JSON.stringify({ time, before, peak, note }));
  await reader.close();
  process.exit(0);
}

async function copyAll(paths, source, target, isSynced) {
  let next = 0;
  const work = async () => {
    for (let path = paths[next++]; path !== undefined; path = paths[next++]) {
      const to = join(target, path);
      await mkdir(dirname(to), { recursive: true });
      await copyFile(join(source, path), to);
      if (isSynced) await sync(to);
    }
  };
  await Promise.all(Array.from({ length: limits.auditMaxParallel }, work));
}

async function sync(path) {
  const file = await open(path, "r+");
  await file.sync();
  await file.close();
}
