/**
 * What runs in the browser: the published entry points, and the calls that tests make of them. Answers are plain data.
 * In a page tests find the calls as `hawserProgram`; a worker takes them as messages.
 */
import { createReader, isHawserError } from "hawser";
import { indexedDbCache } from "hawser/cache/indexed-db";
import { esplora } from "hawser/chain/esplora";
import { http } from "hawser/storage/http";
import { cacheContract } from "hawser/testing";

const text = (bytes) => new TextDecoder().decode(bytes);

/** The outcome of `run`, a HawserError included; anything else that is thrown is a failure of the test. */
async function outcomeOf(run) {
  try {
    return await run();
  } catch (error) {
    if (isHawserError(error)) return { code: error.code, message: error.message, reason: error.details.reason };
    throw error;
  }
}

function open({ sourceUrls, storeUrls, databaseName }) {
  const cache = indexedDbCache({ databaseName });
  return createReader({
    network: "regtest",
    sources: sourceUrls.map((url) => esplora(url)),
    storage: storeUrls.map((url) => http(url, { writable: true, conditional: true })),
    allowHosts: storeUrls.map((url) => new URL(url).host),
    cache,
  });
}

/** Caches that stay open from one call to the next. */
const caches = new Map();
function cacheOf(databaseName) {
  const cache = caches.get(databaseName) ?? indexedDbCache({ databaseName });
  caches.set(databaseName, cache);
  return cache;
}

const calls = {
  platform: () => ({ isWorker: typeof document === "undefined", hasProcess: "process" in globalThis }),

  /** Reads a record with a reader that lives for this read alone. */
  read: ({ id, ...options }) =>
    outcomeOf(async () => {
      const reader = open(options);
      try {
        const result = await reader.getMutable("alice", id);
        return result.found ? { text: text(result.data), ver: result.ver, from: result.from } : { why: result.why };
      } finally {
        await reader.close();
      }
    }),

  readImmutable: ({ key, ...options }) =>
    outcomeOf(async () => {
      const reader = open(options);
      try {
        const result = await reader.getImmutable("alice", key);
        return result.found ? { text: text(result.data) } : { why: result.why };
      } finally {
        await reader.close();
      }
    }),

  /** Puts a record `times` times: what each put ended with. */
  async put({ id, privateKey, times, label, ...options }) {
    const { createWriter } = await import("hawser/writer");
    const { privateKeySigner } = await import("hawser/wallet/private-key");
    const reader = open(options);
    const writer = createWriter({
      reader,
      storage: options.storeUrls.map((url) => http(url, { writable: true, conditional: true })),
      signer: privateKeySigner({
        privateKey: Uint8Array.from(privateKey),
        random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
      }),
    });
    const outcomes = [];
    for (let i = 0; i < times; i++) {
      const data = new TextEncoder().encode(`${label} ${i}`);
      outcomes.push(
        await outcomeOf(async () => {
          const { record } = await writer.putMutable("alice", id, data);
          return { ver: record.ver, text: `${label} ${i}` };
        }),
      );
    }
    await reader.close();
    return outcomes;
  },

  /** Counts a cache entry up; gives the numbers that it was brought to. */
  async count({ databaseName, key, times }) {
    const cache = cacheOf(databaseName);
    const seen = [];
    for (let i = 0; i < times; i++) {
      const next = await cache.update(key, (current) => {
        const number = Number(current === null ? "0" : text(current)) + 1;
        return { value: new TextEncoder().encode(String(number)), result: number };
      });
      seen.push(next);
    }
    return seen;
  },

  set: ({ databaseName, key, bytes }) =>
    outcomeOf(async () => {
      // Random, since a browser may compress what it stores.
      const value = new Uint8Array(bytes);
      for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(value.subarray(at, at + 65_536));
      await cacheOf(databaseName).update(key, () => ({ value, result: undefined }));
      return { stored: bytes };
    }),

  size: ({ databaseName, key }) =>
    outcomeOf(async () => ({ bytes: (await cacheOf(databaseName).get(key))?.length ?? null })),

  /** Runs the contract suite of caches against this browser's IndexedDB: the message of each case, null where it passes. */
  async contract() {
    const told = [];
    for (const { name, run } of cacheContract({ open: (databaseName) => indexedDbCache({ databaseName }) })) {
      const message = await run().then(
        () => null,
        (error) => error.message,
      );
      told.push({ name, message });
    }
    return told;
  },

  keys: ({ databaseName, prefix }) => outcomeOf(async () => cacheOf(databaseName).keys(prefix)),
};

if (typeof document === "undefined") {
  globalThis.onmessage = async ({ data: { call, parameters } }) => {
    try {
      globalThis.postMessage({ answer: await calls[call](parameters) });
    } catch (error) {
      globalThis.postMessage({ failure: String(error) });
    }
  };
} else {
  /** Runs a call in a worker of its own, from the same program. */
  const inWorker = ({ call, parameters }) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(import.meta.url, { type: "module" });
      worker.onmessage = ({ data: { answer, failure } }) => {
        worker.terminate();
        if (failure === undefined) resolve(answer);
        else reject(new Error(failure));
      };
      worker.onerror = ({ message }) => {
        reject(new Error(`the worker does not start: ${message}`));
      };
      worker.postMessage({ call, parameters });
    });
  globalThis.hawserProgram = { ...calls, inWorker };
}
