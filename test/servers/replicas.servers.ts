import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { memoryCache } from "../../src/cache/memory.js";
import { esplora } from "../../src/chain/sources/esplora.js";
import { type Devnet, startDevnet } from "../../src/devnet/index.js";
import { createReader, evictValues, isHawserError, type Reader } from "../../src/index.js";
import type { Cache, StorageProvider } from "../../src/ports.js";
import { systemRandom } from "../../src/runtime/random.js";
import { createPrivateKey, privateKeySigner, privateKeyWallet } from "../../src/wallet/private-key.js";
import { createWriter } from "../../src/writer.js";
import { type Condition, conditions, type Place, type StorageKind, startSixKinds } from "./six-kinds.js";

const NAME = "alice";
const ID = "settings";
const SETTINGS = utf8('{"theme":"dark"}');
const PICTURE = Uint8Array.from({ length: 5_000 }, (_, i) => (i * 7) % 251);
/** Fast failures: what is tested is whom a reader believes, not how long it waits. */
const HASTY = { attempts: 1, hedgeDelayMs: 400, pausesMs: [] };
const IN_PARALLEL = 6;

/**
 * One name's data on six kinds of storage at once. Chain: devnet. Every provider talks to its real server, the objects of
 * the sixth kind to Kubo and its records to a DHT of bittorrent-dht nodes.
 */
describe("six kinds of storage, five of them broken", () => {
  let devnet: Devnet;
  let kinds: readonly StorageKind[];
  let key: string;
  const cache = memoryCache();
  const paths = new Set<string>();

  const good = (): readonly StorageProvider[] => kinds.flatMap((kind) => kind.good);
  const openReader = (
    storage: readonly StorageProvider[],
    ownCache: Cache,
    allowHosts: readonly string[] = [],
  ): Reader =>
    createReader({
      network: "regtest",
      sources: devnet.sourceUrls.map((url) => esplora(url)),
      storage,
      cache: ownCache,
      storagePolicy: HASTY,
      allowHosts,
    });

  beforeAll(async () => {
    [devnet, kinds] = await Promise.all([startDevnet({ sources: 1, stores: 0 }), startSixKinds()]);
    const privateKey = createPrivateKey(systemRandom);
    const wallet = privateKeyWallet({ privateKey, network: "regtest", random: systemRandom });
    const [account = expect.fail()] = await wallet.accounts();
    for (let i = 0; i < 6; i++) await devnet.faucet(account.script, 1_000_000n);
    const reader = openReader(good(), cache);
    const storage = good().map((provider) => seen(provider, paths));
    // Everything has to be on each: a record on 6 providers, an object on 6.
    const signer = privateKeySigner({ privateKey, random: systemRandom });
    const writer = createWriter({ reader, storage, wallet, signer, required: 6, pollIntervalMs: 20 });
    await writer.registerName(NAME);
    const put = await writer.putMutable(NAME, ID, SETTINGS);
    expect(put.providers.map(({ outcome }) => outcome)).toEqual(new Array(6).fill("stored"));
    ({ key } = await writer.putImmutable(NAME, PICTURE, { type: "image/png" }));
    for (const kind of kinds) await kind.copyTo([...paths]);
  });
  afterAll(async () => {
    await Promise.all(kinds.map((kind) => kind[Symbol.asyncDispose]()));
    await devnet.close();
  });

  it("in every combination of damaged, empty and stopped the read is right, from the one that is left", async () => {
    const cases = combinations(kinds);
    expect(cases).toHaveLength(6 * 3 ** 5);
    const wrong: string[] = [];
    const readAll = async (own: Cache): Promise<void> => {
      for (let next = cases.pop(); next !== undefined; next = cases.pop()) {
        const { places, name, honest } = next;
        await evictValues(own);
        const reader = openReader(places.flat(), own);
        try {
          const [record, picture] = [await reader.getMutable(NAME, ID), await reader.getImmutable(NAME, key)];
          const fresh = record.found ? record.replicas.filter(({ verdict }) => verdict === "fresh") : [];
          const isRight =
            record.found &&
            picture.found &&
            Buffer.from(record.data).equals(SETTINGS) &&
            Buffer.from(picture.data).equals(PICTURE) &&
            fresh.map(({ label }) => label).join() === honest;
          if (!isRight) wrong.push(`${name}: ${fresh.map(({ label }) => label).join(", ")}`);
        } catch (error) {
          wrong.push(`${name}: ${isHawserError(error) ? error.code : String(error)}`);
        }
      }
    };
    await Promise.all(Array.from({ length: IN_PARALLEL }, async () => readAll(await copyOf(cache))));
    expect(wrong).toEqual([]);
  });

  it("where none holds it, the answer is an error that tells of each, and never absence or a wrong value", async () => {
    for (const condition of conditions) {
      const own = await copyOf(cache);
      await evictValues(own);
      const places = kinds.map((kind) => kind.bad[condition]);
      const error: unknown = await openReader(places.flat(), own)
        .getMutable(NAME, ID)
        .catch((thrown: unknown) => thrown);
      if (!isHawserError(error, "PROFILE_UNAVAILABLE")) expect.fail(`${condition}: ${String(error)}`);
      expect(error.details.attempts).toHaveLength(6);
    }
  });

  it("repair brings back what was damaged, wiped or out of reach, whichever place is left", async () => {
    for (const [survivor, kept] of kinds.entries()) {
      const others = kinds.filter((kind) => kind !== kept);
      const all = [...paths];
      for (const [i, kind] of others.entries()) await (i % 2 === survivor % 2 ? kind.spoil(all) : kind.wipe(all));
      // One of them is out of reach at first.
      const late = others[survivor % others.length] ?? kept;
      const now = kinds.map((kind) => (kind === late ? kind.bad.stopped : kind.good)).flat();
      const reader = openReader(now, await copyOf(cache, { values: false }));
      const first = await reader.repair(NAME, { to: now });
      if (!first.found) expect.fail("no such name");
      for (const count of first.providers) {
        const isLate = late.bad.stopped.some(({ label }) => label === count.label);
        expect([count.label, count.failed > 0, count.unavailable]).toEqual([count.label, isLate, 0]);
      }

      // What nginx publishes is looked at through its public URL, on loopback here.
      const hosts = good().flatMap(({ publicBaseUrl }) =>
        publicBaseUrl === null ? [] : [new URL(publicBaseUrl).host],
      );
      const again = openReader(good(), await copyOf(cache, { values: false }), hosts);
      const second = await again.repair(NAME, { to: good() });
      if (!second.found) expect.fail("no such name");
      expect(second.providers.filter(({ failed, unavailable }) => failed + unavailable > 0)).toEqual([]);
      const audit = await again.audit(NAME);
      if (!audit.found) expect.fail("no such name");
      for await (const item of audit.items) {
        const bad = item.replicas.filter(({ verdict }) => verdict !== "present");
        expect([kept.name, item.kind, bad]).toEqual([kept.name, item.kind, []]);
      }
    }
  });
});

interface Case {
  readonly name: string;
  readonly places: readonly Place[];
  /** Label of the one provider of records that is honest. */
  readonly honest: string;
}

/** One place good, the other five in each of the three conditions. */
function combinations(kinds: readonly StorageKind[]): Case[] {
  return kinds.flatMap((honest) =>
    Array.from({ length: conditions.length ** (kinds.length - 1) }, (_, number) => {
      let rest = number;
      const chosen = kinds.map((kind): readonly [string, Place] => {
        if (kind === honest) return ["good", kind.good];
        const condition: Condition = conditions[rest % conditions.length] ?? "wrong";
        rest = Math.floor(rest / conditions.length);
        return [condition, kind.bad[condition]];
      });
      const record = honest.good.find((provider) => provider.kinds?.includes("record") !== false);
      return {
        name: kinds.map((kind, i) => `${kind.name} ${chosen[i]?.[0] ?? ""}`).join(", "),
        places: chosen.map(([, place]) => place),
        honest: record?.label ?? "",
      };
    }),
  );
}

/** Passes everything on, and keeps the paths that were written. */
function seen(provider: StorageProvider, paths: Set<string>): StorageProvider {
  return new Proxy(provider, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target);
      if (typeof value !== "function") return value;
      if (member !== "write") return value.bind(target) as unknown;
      return (...args: Parameters<StorageProvider["write"]>) => {
        paths.add(args[0]);
        return target.write(...args);
      };
    },
  });
}

/** A cache with the same entries; without `values` it has no profile, index, record or object. */
async function copyOf(cache: Cache, { values = true } = {}): Promise<Cache> {
  const copy = memoryCache();
  for (const key of await cache.keys("")) {
    const value = await cache.get(key);
    await copy.update(key, () => ({ value, result: undefined }));
  }
  if (!values) await evictValues(copy);
  return copy;
}
