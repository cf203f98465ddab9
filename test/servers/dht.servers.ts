import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { equalBytes, utf8 } from "../../src/bytes/bytes.js";
import { encodeHex } from "../../src/bytes/hex.js";
import type { UrlReader } from "../../src/ports.js";
import { type DhtOptions, type DhtStorage, dht } from "../../src/storage/dht.js";
import { type DhtItem, dhtSalt, dhtSignedBytes, dhtTarget } from "../../src/storage/dht-item.js";
import { createDhtSign } from "../../src/storage/dht-key.js";
import { type DhtNode, openDhtNode } from "../../src/storage/dht-node.js";
import { memoryStorage } from "../../src/storage/memory.js";
import { storageContract } from "../../src/testing/index.js";
import { dhtKeys } from "../unit/storage/dht-keys.js";
import { expectCode } from "../unit/storage/expect-code.js";
import { type DhtNetwork, silentPort, startDht } from "./daemons/dht.js";

const PATH = "records/regtest/alice/settings@5.json";
const options = { kind: "record", maxBytes: 1_572_864 } as const;

let network: DhtNetwork;
const opened: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  network = await startDht(5);
});
afterAll(async () => {
  await Promise.all(opened.map((one) => one.close()));
  await network.stop();
});

function open(word: string, more: Partial<DhtOptions> = {}): DhtStorage {
  const given = { ...dhtKeys(word), bootstrap: network.bootstrap, address: "127.0.0.1", queryTimeoutMs: 400, ...more };
  const storage = dht(given);
  opened.push(storage);
  return storage;
}

/** A node of its own, for what the provider would not do. */
async function openNode(): Promise<DhtNode> {
  const bootstrap = network.bootstrap.map((place) => ({ host: "127.0.0.1", port: Number(place.split(":")[1]) }));
  const node = await openDhtNode({ bootstrap, port: 0, address: "127.0.0.1", queryTimeoutMs: 400 });
  opened.push(node);
  return node;
}

async function signed(word: string, seq: number, body: string): Promise<DhtItem> {
  const keys = dhtKeys(word);
  const unsigned = { publicKey: keys.publicKey, salt: dhtSalt(PATH), seq, value: utf8(body) };
  const sign = createDhtSign(keys);
  if (sign === null) expect.fail();
  return { ...unsigned, signature: await sign(dhtSignedBytes(unsigned)) };
}

describe("the contract of providers, on a DHT of bittorrent-dht nodes on loopback", () => {
  const cases = storageContract({
    open: (place) => open(place),
    kinds: ["record"],
    maxBytes: { record: 995 },
    openStopped: async () => open("stopped", { bootstrap: [`127.0.0.1:${await silentPort()}`] }),
    secrets: [encodeHex(dhtKeys("stopped").secretKey)],
  });
  it.each(cases)("$name", async ({ run }) => run());
});

describe("a DHT", () => {
  it("BEP44: what other software put under the key and salt is read, and the other way round", async () => {
    const storage = open("other");
    const [node = expect.fail()] = network.nodes;
    const item = await signed("other", 7, '{"of":"other software"}');
    const raw = { k: Buffer.from(item.publicKey), salt: Buffer.from(item.salt), sig: Buffer.from(item.signature) };
    const nodes = await new Promise((resolve) =>
      node.put({ ...raw, seq: 7, v: Buffer.from(item.value) }, (_, __, count) => resolve(count)),
    );
    expect(nodes).toBeGreaterThan(0);
    expect((await storage.read(PATH, options))?.bytes).toEqual(item.value);
    expect(await storage.write(PATH, utf8('{"of":"hawser"}'), { kind: "record" })).toBe("stored");
    const target = dhtTarget(item.publicKey, item.salt);
    const found = await new Promise<Record<string, unknown> | null>((resolve) =>
      node.get(Buffer.from(target), { cache: false, salt: raw.salt }, (_, value) => resolve(value)),
    );
    expect(found?.["seq"]).toBe(8);
    expect(Buffer.from(found?.["v"] as Uint8Array).toString()).toBe('{"of":"hawser"}');
  });

  it("BEP44: an older seq is refused by the nodes, and a write goes above what is there", async () => {
    const [node, storage] = [await openNode(), open("seq")];
    const { publicKey, salt } = await signed("seq", 1, "x");
    await node.get(publicKey, salt);
    expect(await node.put(await signed("seq", 50, "fifty"))).toMatchObject({ isOutrun: false });
    for (const seq of [49, 50]) {
      expect(await node.put(await signed("seq", seq, "older"))).toEqual({ nodes: 0, isOutrun: true });
    }
    expect((await storage.read(PATH, options))?.bytes).toEqual(utf8("fifty"));
    await storage.write(PATH, utf8("newest"), { kind: "record" });
    expect((await node.get(publicKey, salt)).item).toMatchObject({ seq: 51, value: utf8("newest") });
  });

  it("BEP44: a forged value is taken by no node and given by none", async () => {
    let [node, storage] = [await openNode(), open("forged")];
    const honest = await signed("forged", 1, "honest");
    const forged = { ...honest, seq: 2, value: utf8("forged") };
    await node.get(honest.publicKey, honest.salt);
    expect((await node.put(forged)).nodes).toBe(0);
    expect(await storage.read(PATH, options)).toBeNull();
    await storage.write(PATH, utf8("honest"), { kind: "record" });
    // A node that holds it all the same: it believes every signature.
    const liar = await network.join();
    Object.assign(liar, { _verify: () => true });
    [node, storage] = [await openNode(), open("forged")];
    await node.get(honest.publicKey, honest.salt);
    expect((await node.put({ ...forged, seq: 99 })).nodes).toBe(1);
    expect((await storage.read(PATH, options))?.bytes).toEqual(utf8("honest"));
    await network.leave(liar);
  });

  it("two devices of one key: whoever writes last is read by both", async () => {
    const [one, other] = [open("devices"), open("devices")];
    for (let round = 0; round < 3; round++) {
      for (const device of [one, other]) {
        const body = utf8(`round ${round} of ${device === one ? "one" : "other"}`);
        await device.write(PATH, body, { kind: "record" });
        for (const reader of [one, other]) expect((await reader.read(PATH, options))?.bytes).toEqual(body);
      }
    }
  });

  it("a long record is pointed to, and what the URL gives must be what was signed for", async () => {
    const place = memoryStorage({ publicBaseUrl: "https://m.example" });
    const follow: UrlReader = {
      opens: (url) => url.startsWith("https://m.example/"),
      readUrl: async (url, given) => (await place.read(url.slice("https://m.example/".length), given))?.bytes ?? null,
    };
    const body = new Uint8Array(100_000).fill(0x61);
    const storage = open("long", { pointTo: [place], follow });
    expect(await storage.write(PATH, body, { kind: "record" })).toBe("stored");
    await expectCode("NETWORK_ANSWER_INVALID", () => storage.read(PATH, options));
    await place.write(PATH, body, { kind: "record" });
    const read = await storage.read(PATH, options);
    expect(read !== null && equalBytes(read.bytes, body)).toBe(true);
    await place.write(PATH, body.fill(0x62), { kind: "record" });
    await expectCode("NETWORK_ANSWER_INVALID", () => storage.read(PATH, options));
    await expectCode("STORAGE_UNSUPPORTED", () => open("long").read(PATH, options));
    await expectCode("STORAGE_UNSUPPORTED", () => open("long").write(PATH, body, { kind: "record" }));
  });

  it("a dht: URL is read under any key", async () => {
    const writer = open("url");
    await writer.write(PATH, utf8("by URL"), { kind: "record" });
    const url = writer.urlOf(PATH) ?? "";
    expect(url).toBe(`dht:${encodeHex(dhtKeys("url").publicKey)}/${PATH}`);
    expect(await open("somebody else").readUrl(url, options)).toEqual(utf8("by URL"));
  });

  it("what is stored again outlives the nodes that it was stored at first", async () => {
    const storage = open("republish");
    await storage.write(PATH, utf8("kept"), { kind: "record" });
    expect(await storage.republish()).toEqual([{ path: PATH, outcome: "stored" }]);
    // All nodes are replaced, while this one knows who is there only from a time when both were.
    const old = [...network.nodes];
    for (let i = 0; i < old.length; i++) await network.join();
    expect(await storage.republish()).toEqual([{ path: PATH, outcome: "stored" }]);
    for (const node of old) await network.leave(node);
    const reader = open("republish");
    expect(await reader.republish()).toEqual([]);
    expect((await reader.read(PATH, options))?.bytes).toEqual(utf8("kept"));
    // Another device has written since.
    await reader.write(PATH, utf8("newer"), { kind: "record" });
    expect(await storage.republish()).toEqual([{ path: PATH, outcome: "newer" }]);
    expect(await storage.republish()).toEqual([]);
    expect((await reader.read(PATH, options))?.bytes).toEqual(utf8("newer"));
  });
});
