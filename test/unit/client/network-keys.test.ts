import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeHex } from "../../../src/bytes/hex.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { type NetworkId, networks } from "../../../src/chain/network.js";
import { type Devnet, startDevnet } from "../../../src/devnet/index.js";
import { createReader, type Reader } from "../../../src/index.js";
import { floorKey } from "../../../src/mutable/floor.js";
import { storedNameKey } from "../../../src/name/stored-name.js";
import type { Cache, StorageProvider } from "../../../src/ports.js";
import { systemRandom } from "../../../src/runtime/random.js";
import { memoryStorage } from "../../../src/storage/memory.js";
import { createPrivateKey, privateKeySigner, privateKeyWallet } from "../../../src/wallet/private-key.js";
import { createWriter, type Writer } from "../../../src/writer.js";
import { expectCode } from "../storage/expect-code.js";

/** A cache that notes every key and prefix it is asked for. */
function watched(cache: Cache, seen: Set<string>): Cache {
  const note = (key: string): string => {
    seen.add(key);
    return key;
  };
  return {
    durable: cache.durable,
    get: (key) => cache.get(note(key)),
    update: (key, change) => cache.update(note(key), change),
    keys: (prefix) => cache.keys(note(prefix)),
    close: () => cache.close(),
  };
}

/** A provider that notes every path it is asked for. */
function watchedStorage(storage: StorageProvider, seen: Set<string>): StorageProvider {
  const note = (path: string): string => {
    seen.add(path);
    return path;
  };
  return {
    label: storage.label,
    publicBaseUrl: storage.publicBaseUrl,
    conditional: storage.conditional,
    urlOf: (path) => storage.urlOf(path),
    read: (path, options) => storage.read(note(path), options),
    write: (path, body, options) => storage.write(note(path), body, options),
    remove: (path, options) => storage.remove(note(path), options),
  };
}

/** What names a network in its second part, and what its content names. */
const belongsTo = (network: NetworkId): RegExp =>
  new RegExp(`^(?:[a-z-]+/${network}(?:/.*)?|object/[0-9a-f]{64}|objects/[0-9a-f]{2}/[0-9a-f]{64})$`);

describe("what one network leaves behind", () => {
  const cache = memoryCache();
  const keys = new Set<string>();
  const paths = new Set<string>();
  const store = memoryStorage();
  let devnet: Devnet;
  let reader: Reader;
  let writer: Writer;
  const privateKey = createPrivateKey(systemRandom);
  const wallet = privateKeyWallet({ privateKey, network: "regtest", random: systemRandom });
  const signer = privateKeySigner({ privateKey, random: systemRandom });
  const storage = watchedStorage(store, paths);

  beforeAll(async () => {
    devnet = await startDevnet();
    const [account] = await wallet.accounts();
    await devnet.faucet(account?.script ?? new Uint8Array(), 1_000_000n);
    reader = createReader({ ...devnet.readerOptions(), storage: [storage], cache: watched(cache, keys) });
    writer = createWriter({ reader, storage: [storage], wallet, signer, pollIntervalMs: 20 });
    await writer.registerName("alice");
    await writer.putMutable("alice", "settings", new TextEncoder().encode("one"));
    await writer.putMutable("alice", "settings", new TextEncoder().encode("two"));
    await writer.putImmutable("alice", new TextEncoder().encode("a file"));
    await writer.updateProfile("alice", { about: { of: "alice" } });
    await reader.getMutable("alice", "settings");
    await reader.getProfile("alice");
    await reader.getName("nobody");
  });
  afterAll(() => devnet.close());

  it("M5: every key of the cache carries the network, or is the hash of what it holds", async () => {
    const held = await cache.keys("");
    const kinds = (list: Iterable<string>): ReadonlySet<string> =>
      new Set(Array.from(list, (key) => key.split("/", 1)[0] ?? ""));
    for (const kind of ["headers", "name", "floor", "signed", "journal", "object"]) expect(kinds(keys)).toContain(kind);
    for (const key of [...held, ...keys]) expect(key).toMatch(belongsTo("regtest"));
  });

  it("M4: every path at a provider carries the network, or is the hash of what it holds", () => {
    for (const folder of ["records/regtest/alice/", "objects/"]) {
      expect([...paths].some((path) => path.startsWith(folder))).toBe(true);
    }
    for (const path of paths) expect(path).toMatch(belongsTo("regtest"));
  });

  it.each(["mainnet", "testnet4", "signet"] as const)(
    "V1: a reader of %s looks at none of it, and leaves what is there alone",
    async (network) => {
      const before = new Map<string, string>();
      for (const key of await cache.keys("")) before.set(key, encodeHex((await cache.get(key)) ?? new Uint8Array()));
      const seen = new Set<string>();
      const places = new Set<string>();
      const other = createReader({
        ...devnet.readerOptions(),
        network,
        cache: watched(cache, seen),
        storage: [watchedStorage(store, places)],
      });
      await expectCode("CHAIN_NETWORK_MISMATCH", other.getMutable("alice", "settings"));
      expect(seen.size).toBeGreaterThan(0);
      for (const key of seen) expect(key).toMatch(new RegExp(`^[a-z]+/${network}/`));
      for (const path of places) expect(path).toMatch(new RegExp(`^records/${network}/`));
      for (const [key, value] of before) expect(encodeHex((await cache.get(key)) ?? new Uint8Array())).toBe(value);
    },
  );

  it("M5: the keys of one name differ from network to network", () => {
    const all = Object.values(networks);
    const floors = all.map((network) => floorKey({ network, name: "alice", tenure: "00".repeat(32), id: "settings" }));
    const names = all.map(({ id }) => storedNameKey(id, "alice"));
    expect(new Set([...floors, ...names]).size).toBe(2 * all.length);
    for (const [i, { id }] of all.entries()) {
      expect(floors[i]).toMatch(belongsTo(id));
      expect(names[i]).toMatch(belongsTo(id));
    }
  });

  it("a wallet of another network is INPUT_CONFIG_INVALID when the writer is built", async () => {
    for (const network of ["mainnet", "testnet4", "signet"] as const) {
      const foreign = privateKeyWallet({ privateKey, network, random: systemRandom });
      expect(foreign.network).toBe(network);
      const error = await expectCode("INPUT_CONFIG_INVALID", () =>
        createWriter({ reader, storage: [storage], wallet: foreign, signer }),
      );
      expect(error.details).toEqual({ setting: "wallet", reason: `it signs for ${network}, the reader reads regtest` });
    }
  });

  it("a wallet that names no network is taken, and so is a writer without one", () => {
    const { accounts, signPsbts } = wallet;
    for (const given of [{ accounts, signPsbts }, { accounts, signPsbts, network: undefined }, wallet, undefined]) {
      expect(() => createWriter({ reader, storage: [storage], wallet: given, signer })).not.toThrow();
    }
  });
});
