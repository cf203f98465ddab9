/**
 * Loaded into the program with `--import`: counts its step boundaries and kills it with SIGKILL at the one that
 * HAWSER_CRASH_AT names. HAWSER_CRASH_LOG gets a line of JSON for each boundary and for each transaction that is sent.
 *
 * A boundary is a point before, in or after an effect: a commit of the cache, a request that changes something at a
 * server, a signature, a document on stdout. Requests that only read change nothing: a death at one is a death after the
 * effect before it.
 */
import { appendFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const { HAWSER_CRASH_AT: wanted, HAWSER_CRASH_LOG: log } = process.env;
const READING = ["GET", "HEAD", "OPTIONS"];
const AUXILIARY_BYTES = 32;
let boundary = 0;

function note(line) {
  appendFileSync(log, `${JSON.stringify(line)}\n`);
}

function pass(when, effect) {
  boundary++;
  const dies = String(boundary) === wanted;
  note({ boundary, when, effect, dies });
  if (dies) process.kill(process.pid, "SIGKILL");
}

// The program loads the CommonJS build from its own module, so that this is the same one.
const require = createRequire(fileURLToPath(new URL("../../dist/cache/lmdb.js", import.meta.url)));
const lmdb = require("lmdb");
const openDatabase = lmdb.open;

function keyKind(key) {
  return key.toString("latin1").split("/", 1)[0];
}

lmdb.open = (options) => {
  pass("before", "cache open");
  const database = openDatabase(options);
  pass("after", "cache open");
  let kind = null;
  for (const method of ["put", "remove"]) {
    const original = database[method];
    database[method] = function (key, ...rest) {
      kind = `${method} ${keyKind(key)}`;
      return original.call(this, key, ...rest);
    };
  }
  const transaction = database.transaction;
  database.transaction = async function (run) {
    let written = null;
    const result = await transaction.call(this, () => {
      kind = null;
      const value = run();
      written = kind;
      // Written, and not committed.
      if (written !== null) pass("in", `cache ${written}`);
      return value;
    });
    // What changed nothing is no commit.
    if (written !== null) pass("after", `cache ${written}`);
    return result;
  };
  return database;
};

const fetchOriginal = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  if (READING.includes(request.method)) return fetchOriginal(request);
  const { pathname } = new URL(request.url);
  const effect = `${request.method} ${pathname.split("/").slice(0, 2).join("/")}`;
  if (pathname.endsWith("/tx")) {
    const raw = await request.clone().text();
    pass("before", effect);
    note({ raw });
  } else pass("before", effect);
  const response = await fetchOriginal(request);
  pass("after", effect);
  return response;
};

// Each signature draws as many random bytes as this; nothing else does.
const draw = crypto.getRandomValues.bind(crypto);
crypto.getRandomValues = (bytes) => {
  if (bytes.length === AUXILIARY_BYTES) pass("before", "signature");
  return draw(bytes);
};

const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (chunk, ...rest) => {
  pass("before", "document");
  const flushed = write(chunk, ...rest);
  pass("after", "document");
  return flushed;
};
