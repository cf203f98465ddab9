/**
 * A process that works on one LMDB cache: `lmdb-worker.ts <directory> count <key> <times>` adds one `times` times and
 * says so after each; `... count <key> forever` goes on until it is killed; `... race <key> <times>` opens the cache,
 * says so, and counts when it is told to; `... absent` opens a cache without lmdb; `... sweep <key> <step>` reads the
 * key, under its checksum, from the database with a bit flipped in every `step`th byte, and says what came of each.
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

/** The database with one bit changed at a time, as a bad disk or a careless program might leave it. */
async function sweep(step: number): Promise<void> {
  const file = join(directory, "cache.mdb");
  const sound = readFileSync(file);
  for (let at = 0; at < sound.length; at += step) {
    const bytes = Buffer.from(sound);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
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

const cache = lmdbCache(directory);
try {
  if (command === "absent") await cache.get("x");
  if (command === "race") {
    await cache.get(key);
    process.stdout.write("ready\n");
    await new Promise((resolve) => process.stdin.once("data", resolve));
    process.stdin.destroy();
  }
  if (command === "sweep") await sweep(Number(times));
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
