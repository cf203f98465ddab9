import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { HawserError } from "../../../src/errors.js";
import { createDht, dht } from "../../../src/storage/dht.js";
import { isDhtItem } from "../../../src/storage/dht-item.js";
import { loadDht } from "../../../src/storage/dht-node.js";
import { FakeClock } from "../fake-clock.js";
import { OBJECT_PATH, RECORD_PATH } from "./contract.js";
import { keys, kind, NodeDouble, open, options, put } from "./dht-world.js";
import { expectCode } from "./expect-code.js";

describe("dht", () => {
  it("says what it is, and opens nothing before it is used", async () => {
    const { storage, opened } = open({ port: 7, address: "127.0.0.1", queryTimeoutMs: 9 });
    const hex = encodeHex(keys.publicKey);
    expect(storage.label).toBe(`dht:${hex.slice(0, 8)}`);
    expect(open({ label: "mine" }).storage.label).toBe("mine");
    expect(storage.kinds).toEqual(["record"]);
    expect([storage.conditional, storage.publicBaseUrl]).toEqual([false, null]);
    expect(storage.urlOf(RECORD_PATH)).toBe(`dht:${hex}/${RECORD_PATH}`);
    expect(storage.urlOf(OBJECT_PATH)).toBeNull();
    // U1: 255 bytes are the most that a profile may hold.
    const fits = `records/testnet4/${"a".repeat(31)}/${"b".repeat(121)}@4294967295.json`;
    expect(storage.urlOf(fits)).toHaveLength(255);
    expect(storage.urlOf(fits.replace("@", "b@"))).toBeNull();
    await expectCode("INPUT_INVALID", () => storage.urlOf("records/../x"));
    expect(opened).toEqual([]);
    await Promise.all([storage.open?.(), storage.read(RECORD_PATH, options)]);
    expect(opened).toEqual([
      { bootstrap: [{ host: "a.example", port: 6881 }], port: 7, address: "127.0.0.1", queryTimeoutMs: 9 },
    ]);
  });

  it("begins in the public DHT where no nodes are named", async () => {
    const { storage, opened } = open({ bootstrap: undefined });
    await storage.open?.();
    expect(opened[0]?.bootstrap).toEqual([
      { host: "router.bittorrent.com", port: 6881 },
      { host: "dht.transmissionbt.com", port: 6881 },
    ]);
  });

  it.each([[[]], [["a.example"]], [["a.example:0"]], [["a.example:65536"]], [["a b:1"]], [["[::1]:1"]], [["x@a:1"]]])(
    "refuses the bootstrap nodes %j",
    async (bootstrap) => {
      await expectCode("INPUT_CONFIG_INVALID", () => open({ bootstrap }));
    },
  );

  it("BEP44: each write has a higher seq than what is there and what it used itself", async () => {
    const { node, storage } = open();
    await put(node, 41, utf8("of another device"));
    node.sent.length = 0;
    expect(await storage.write(RECORD_PATH, utf8("one"), { kind })).toBe("stored");
    node.items.clear();
    await storage.write(RECORD_PATH, utf8("two"), { kind });
    await Promise.all(["three", "four"].map((body) => storage.write(RECORD_PATH, utf8(body), { kind })));
    expect(node.sent.map(({ seq }) => seq)).toEqual([42, 43, 44, 45]);
    expect(node.sent.every(isDhtItem)).toBe(true);
    await put(node, Number.MAX_SAFE_INTEGER, utf8("the last one"));
    await expectCode("STORAGE_UNSUPPORTED", () => storage.write(RECORD_PATH, utf8("x"), { kind }));
  });

  it("looks again where another device was faster, and gives up after a few times", async () => {
    const { node, storage } = open();
    const outrun = { nodes: 0, isOutrun: true };
    node.told.push(outrun, outrun);
    expect(await storage.write(RECORD_PATH, utf8("x"), { kind })).toBe("stored");
    node.told.push(outrun, outrun, outrun);
    const { details } = await expectCode("NETWORK_STATUS", () => storage.write(RECORD_PATH, utf8("x"), { kind }));
    expect(details.status).toBe(302);
    expect(node.sent).toHaveLength(6);
    node.told.push({ nodes: 0, isOutrun: false });
    await expectCode("NETWORK_UNREACHABLE", () => storage.write(RECORD_PATH, utf8("x"), { kind }));
  });

  it("refuses what a DHT cannot do, before anything is sent", async () => {
    const { node, storage, opened } = open();
    const body = utf8("x");
    await expectCode("STORAGE_UNSUPPORTED", () => storage.read(OBJECT_PATH, options));
    await expectCode("STORAGE_UNSUPPORTED", () => storage.write(OBJECT_PATH, body, { kind: "object" }));
    await expectCode("STORAGE_UNSUPPORTED", () => storage.remove(OBJECT_PATH));
    await expectCode("STORAGE_UNSUPPORTED", () =>
      storage.write(RECORD_PATH, body, { kind, condition: { ifAbsent: true } }),
    );
    await expectCode("STORAGE_UNSUPPORTED", () =>
      storage.read(RECORD_PATH, { ...options, range: { start: 0, end: 1 } }),
    );
    await expectCode("STORAGE_UNSUPPORTED", () => storage.write(RECORD_PATH, new Uint8Array(996), { kind }));
    const readOnly = open({ secretKey: undefined }).storage;
    await expectCode("STORAGE_UNSUPPORTED", () => readOnly.write(RECORD_PATH, body, { kind }));
    const signal = AbortSignal.abort();
    await expectCode("NETWORK_ABORTED", () => storage.read(RECORD_PATH, { ...options, signal }));
    await expectCode("NETWORK_ABORTED", () => storage.write(RECORD_PATH, body, { kind, signal }));
    await expectCode("NETWORK_ABORTED", () => storage.remove(RECORD_PATH, { signal }));
    await expectCode("NETWORK_ABORTED", async () => storage.open?.({ signal }));
    expect([node.sent, opened]).toEqual([[], []]);
    expect(await storage.remove(RECORD_PATH)).toBe(false);
  });

  it("stores again what it stored and nobody replaced", async () => {
    const { node, storage } = open();
    const other = "records/regtest/alice/other@5.json";
    await storage.write(RECORD_PATH, utf8("one"), { kind });
    await storage.write(RECORD_PATH, utf8("two"), { kind });
    await storage.write(other, utf8("other"), { kind });
    node.told.push({ nodes: 0, isOutrun: false });
    await expectCode("NETWORK_UNREACHABLE", () =>
      storage.write("records/regtest/alice/failed@5.json", utf8("x"), { kind }),
    );
    node.items.clear();
    node.sent.length = 0;
    const stored = [
      { path: RECORD_PATH, outcome: "stored" },
      { path: other, outcome: "stored" },
    ];
    expect(await storage.republish()).toEqual(stored);
    expect(node.sent.map(({ seq, value }) => [seq, new TextDecoder().decode(value)])).toEqual([
      [2, "two"],
      [1, "other"],
    ]);
    expect(node.met).toBe(2);
    // Nodes that have it still refuse it as not newer.
    expect(await storage.republish()).toEqual(stored);
    await put(node, 3, utf8("of another device"));
    node.told.push({ nodes: 0, isOutrun: false });
    expect(await storage.republish()).toEqual([
      { path: RECORD_PATH, outcome: "newer" },
      { path: other, outcome: "failed" },
    ]);
    expect((await storage.read(RECORD_PATH, options))?.bytes).toEqual(utf8("of another device"));
    expect(await storage.republish()).toEqual([{ path: other, outcome: "stored" }]);
    await storage.remove(other);
    expect(await storage.republish()).toEqual([]);
    await storage.write(other, utf8("x"), { kind });
    await expectCode("NETWORK_ABORTED", () => storage.republish({ signal: AbortSignal.abort() }));
  });

  it("gives up after its time, and opens again what could not be opened", async () => {
    const clock = new FakeClock();
    const { node, storage } = open({ clock, timeoutMs: 500 });
    node.get = () => new Promise(() => undefined);
    const reading = expectCode("NETWORK_TIMEOUT", storage.read(RECORD_PATH, options));
    await clock.advance(500);
    expect((await reading).details.timeoutMs).toBe(500);
    let tries = 0;
    const failing = createDht({ ...keys, bootstrap: ["a.example:1"] }, async () => {
      if (tries++ === 0) throw new HawserError("INPUT_CONFIG_INVALID", "x", { setting: "port", reason: "x" });
      return new NodeDouble();
    });
    await expectCode("INPUT_CONFIG_INVALID", () => failing.read(RECORD_PATH, options));
    expect(await failing.read(RECORD_PATH, options)).toBeNull();
  });

  it("closes its node once, and is closed from then on", async () => {
    const { node, storage } = open();
    await storage.open?.();
    await storage.close();
    await storage.close();
    expect(node.closed).toBe(1);
    await expectCode("NETWORK_UNREACHABLE", () => storage.read(RECORD_PATH, options));
  });

  it("shows no key", () => {
    const { storage } = open();
    expect(`${JSON.stringify(storage)}${storage.label}`).not.toContain(encodeHex(keys.secretKey));
    expect(Object.values(storage)).not.toContain(keys.secretKey);
  });

  it("says what to install, and which port cannot be had", async () => {
    const { details } = await expectCode("INPUT_CONFIG_INVALID", () =>
      loadDht(() => Promise.reject(new Error("missing"))),
    );
    expect(details).toMatchObject({ setting: "dht" });
    expect(details.reason).toContain("npm install bittorrent-dht");
    const taken = createSocket("udp4").bind(0, "127.0.0.1");
    await once(taken, "listening");
    const given = { ...keys, bootstrap: ["127.0.0.1:1"], address: "127.0.0.1", port: taken.address().port };
    const storage = dht(given);
    expect((await expectCode("INPUT_CONFIG_INVALID", () => storage.open?.())).details.setting).toBe("port");
    taken.close();
    const nameless = dht({ ...keys, bootstrap: ["does-not-exist.invalid:1"], address: "127.0.0.1" });
    await expectCode("NETWORK_UNREACHABLE", () => nameless.open?.());
    await Promise.all([storage.close(), nameless.close()]);
  });
});
