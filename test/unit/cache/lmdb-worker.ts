/**
 * A process that works on one LMDB cache: `lmdb-worker.ts <directory> count <key> <times>` adds one `times` times and
 * says so after each; `... count <key> forever` goes on until it is killed; `... absent` opens a cache without lmdb.
 */
import Module from "node:module";
import { utf8 } from "../../../src/bytes/bytes.js";
import { lmdbCache } from "../../../src/cache/lmdb.js";
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

const cache = lmdbCache(directory);
try {
  if (command === "absent") await cache.get("x");
  const end = times === "forever" ? Number.POSITIVE_INFINITY : Number(times);
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
