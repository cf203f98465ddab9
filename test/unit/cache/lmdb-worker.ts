/**
 * A process that works on one LMDB cache: `lmdb-worker.ts <directory> count <key> <times>` adds one `times` times and
 * says so after each; `... count <key> forever` goes on until it is killed; `... race <key> <times>` opens the cache,
 * says so, and counts when it is told to; `... absent` opens a cache without lmdb; `... sweep <key> <step>` reads the
 * key, under its checksum, from the database with a bit flipped in every `step`th byte, and says what came of each;
 * `... cut <key> <step>` does so with the database cut at every `step`th byte. `... fill <key>` writes entries until it
 * fails, several at once, and says which were acknowledged and what came of the others; `... denied <key>` reads and
 * writes as somebody without rights.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import Module from "node:module";
import { join } from "node:path";
import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { lmdbCache } from "../../../src/cache/lmdb.js";
import { checkedCache } from "../../../src/client/checked-cache.js";
import { isHawserError } from "../../../src/errors.js";

const [directory = "", command = "", key = "", times = "0"] = process.argv.slice(2);

if (command === "absent") {
  const loader = Module as unknown as { _resolveFilename: (request: string, ...rest: unknown[]) => string };
  const resolve = loader._resolveFilename.bind(loader);
  loader._resolveFilename = (request, ...rest) => {
    if (request === "lmdb") throw Object.assign(new Error("Cannot find module 'lmdb'"), { code: "MODULE_NOT_FOUND" });
    return resolve(request, ...rest);
  };
}

/** The database damaged at one place at a time, as a bad disk or a careless program might leave it. */
async function sweep(step: number, damage: (sound: Buffer, at: number) => Buffer): Promise<void> {
  const file = join(directory, "cache.mdb");
  const sound = readFileSync(file);
  for (let at = 0; at < sound.length; at += step) {
    const bytes = damage(sound, at);
    rmSync(`${file}-lock`, { force: true });
    writeFileSync(file, bytes);
    const damaged = checkedCache(lmdbCache(directory));
    const said = await damaged.get(key).then(
      (value) => (value === null ? "absent" : encodeHex(value)),
      (error: unknown) => (isHawserError(error) ? error.code : `unexpected ${String(error)}`),
    );
    await damaged.close();
    process.stdout.write(`${at} ${said}\n`);
  }
}

function flipped(sound: Buffer, at: number): Buffer {
  const bytes = Buffer.from(sound);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
  return bytes;
}

const codeOf = (error: unknown): string =>
  isHawserError(error, "CACHE_UNAVAILABLE") ? `${error.code} ${error.details.reason}` : `unexpected ${String(error)}`;

async function fill(): Promise<void> {
  const said = new Map<string, string>();
  for (let i = 0; i < 60; i += 3) {
    await Promise.all(
      [i, i + 1, i + 2].map(async (number) => {
        const entry = `${key}${number}`;
        const value = new Uint8Array(8_000).fill(number);
        const outcome = await cache.update(entry, () => ({ value, result: "kept" })).catch(codeOf);
        said.set(entry, outcome);
      }),
    );
  }
  for (const [entry, outcome] of said) {
    const found = await cache.get(entry).then((value) => (value === null ? "absent" : String(value.length)), codeOf);
    process.stdout.write(`${entry} ${found} ${outcome}\n`);
  }
}

async function denied(): Promise<void> {
  // Loaded while it can be.
  Module.createRequire(import.meta.url)("lmdb");
  if (process.getuid?.() === 0) {
    process.setgid?.(65_534);
    process.setuid?.(65_534);
  }
  const calls = [
    () => cache.get(key),
    () => cache.update(key, () => ({ value: null, result: null })),
    () => cache.keys(""),
  ];
  for (const call of calls) {
    const said = await call().then((answer: unknown) => `answer ${JSON.stringify(answer)}`, codeOf);
    process.stdout.write(`${said}\n`);
  }
}

const cache = lmdbCache(directory);
try {
  if (command === "absent") await cache.get("x");
  if (command === "race") {
    await cache.get(key);
    process.stdout.write("ready\n");
    await new Promise((resolve) => process.stdin.once("data", resolve));
    process.stdin.destroy();
  }
  if (command === "sweep") await sweep(Number(times), flipped);
  if (command === "cut") await sweep(Number(times), (sound, at) => sound.subarray(0, at));
  if (command === "fill") await fill();
  if (command === "denied") await denied();
  const counts = command === "count" || command === "race";
  const end = !counts ? 0 : times === "forever" ? Number.POSITIVE_INFINITY : Number(times);
  for (let done = 0; done < end; done++) {
    const count = await cache.update(key, (current) => {
      const next = Number(new TextDecoder().decode(current ?? utf8("0"))) + 1;
      // A value that grows makes the file grow while others have it mapped.
      return { value: utf8(String(next).padStart(200 + (next % 40) * 100, " ")), result: next };
    });
    process.stdout.write(`${count}\n`);
  }
  await cache.close();
} catch (error) {
  process.stdout.write(isHawserError(error) ? `${error.code}\n` : `unexpected ${String(error)}\n`);
}
