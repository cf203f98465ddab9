import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { HawserError } from "../../../src/errors.js";
import type { UrlReader } from "../../../src/ports.js";
import { dhtSalt } from "../../../src/storage/dht-item.js";
import { OBJECT_PATH, RECORD_PATH } from "./contract.js";
import { dhtKeys } from "./dht-keys.js";
import { foreign, keys, kind, open, options, place, put } from "./dht-world.js";
import { expectCode } from "./expect-code.js";

describe("dht", () => {
  it("P6: silence of all nodes is not absence, and not a place to write to", async () => {
    const { node, storage } = open();
    expect(await storage.read(RECORD_PATH, options)).toBeNull();
    node.answers = 0;
    await expectCode("NETWORK_UNREACHABLE", () => storage.read(RECORD_PATH, options));
    await expectCode("NETWORK_UNREACHABLE", () => storage.write(RECORD_PATH, utf8("x"), { kind }));
    expect(node.sent).toEqual([]);
  });

  it("M8: an item of a node that lies about it (BEP44) does not leave it", async () => {
    const { node, storage } = open();
    await put(node, 1, utf8("honest"));
    const [[key, item] = expect.fail()] = [...node.items];
    for (const lie of [
      { ...item, value: utf8("forged") },
      { ...item, seq: 2 },
      { ...item, signature: new Uint8Array(64) },
      // Rightly signed, but by another key or for another path.
      await foreign(dhtKeys("other"), dhtSalt(RECORD_PATH)),
      await foreign(keys, dhtSalt("records/regtest/alice/x@5.json")),
    ]) {
      node.items.set(key, lie);
      await expectCode("NETWORK_ANSWER_INVALID", () => storage.read(RECORD_PATH, options));
      await expectCode("NETWORK_ANSWER_INVALID", () => storage.write(RECORD_PATH, utf8("x"), { kind }));
    }
    node.items.set(key, item);
    expect((await storage.read(RECORD_PATH, options))?.bytes).toEqual(utf8("honest"));
    await put(node, 3, Uint8Array.of(0, 9));
    await expectCode("NETWORK_ANSWER_INVALID", () => storage.read(RECORD_PATH, options));
  });

  it("U1: a body or a pointer to one above maxBytes is not fetched", async () => {
    const follow: UrlReader = { opens: () => true, readUrl: () => expect.fail() };
    const { storage } = open({ pointTo: [place("https://p.example/x")], follow });
    await storage.write(RECORD_PATH, utf8("12345"), { kind });
    expect((await storage.read(RECORD_PATH, { kind, maxBytes: 5 }))?.bytes).toEqual(utf8("12345"));
    await expectCode("NETWORK_TOO_LARGE", () => storage.read(RECORD_PATH, { kind, maxBytes: 4 }));
    await storage.write(RECORD_PATH, new Uint8Array(5_000), { kind });
    const { details } = await expectCode("NETWORK_TOO_LARGE", () =>
      storage.read(RECORD_PATH, { kind, maxBytes: 4_999 }),
    );
    expect(details.maxBytes).toBe(4_999);
  });

  it("M8: follows a pointer to the first URL that gives the bytes with the hash", async () => {
    const body = new Uint8Array(5_000).fill(1);
    const given = new Map<string, Uint8Array | null>();
    const asked: string[] = [];
    const follow: UrlReader = {
      opens: (url) => !url.startsWith("ftp:"),
      readUrl: async (url, { maxBytes }) => {
        asked.push(url);
        expect(maxBytes).toBe(5_000);
        const bytes = given.get(url);
        if (bytes === undefined) throw new HawserError("NETWORK_UNREACHABLE", "x", { url, reason: "x" });
        return bytes;
      },
    };
    const urls = ["https://1.example", "ftp://2.example", "https://3.example", "https://4.example"];
    const places = [place(null), ...urls.map(place)];
    const { storage } = open({ pointTo: places, follow });
    await storage.write(RECORD_PATH, body, { kind });
    given.set("https://3.example", body.slice().fill(2));
    given.set("https://4.example", body);
    expect((await storage.read(RECORD_PATH, options))?.bytes).toEqual(body);
    expect(asked).toEqual(["https://1.example", "https://3.example", "https://4.example"]);
    given.set("https://4.example", null);
    const error = await expectCode("NETWORK_ANSWER_INVALID", () => storage.read(RECORD_PATH, options));
    expect(error.cause).toMatchObject({ code: "NETWORK_UNREACHABLE" });
    const caller = new AbortController();
    given.delete("https://1.example");
    const aborting: UrlReader = {
      opens: () => true,
      readUrl: () => {
        caller.abort();
        return Promise.reject(new Error("aborted"));
      },
    };
    const { storage: other, node } = open({ pointTo: places, follow: aborting });
    await other.write(RECORD_PATH, body, { kind });
    await expectCode("NETWORK_ABORTED", () => other.read(RECORD_PATH, { ...options, signal: caller.signal }));
    await expectCode("STORAGE_UNSUPPORTED", () => open({}, node).storage.read(RECORD_PATH, options));
  });

  it("opens URLs of records under any key, in their one form, and no other", async () => {
    const { node, storage } = open();
    await storage.write(RECORD_PATH, utf8("by URL"), { kind });
    const url = storage.urlOf(RECORD_PATH) ?? "";
    const reader = open({ ...dhtKeys("other") }, node).storage;
    expect(reader.opens(url)).toBe(true);
    expect(await reader.readUrl(url, options)).toEqual(utf8("by URL"));
    const hex = encodeHex(keys.publicKey);
    for (const wrong of [
      `dht:${hex}/${OBJECT_PATH}`,
      `dht:${hex}/records/../x`,
      `dht:${hex}/`,
      `dht:${hex}`,
      `dht:${hex.toUpperCase()}/${RECORD_PATH}`,
      `dht://${hex}/${RECORD_PATH}`,
      `DHT:${hex}/${RECORD_PATH}`,
      `dht:${hex}/${RECORD_PATH}\n`,
      "https://a.example",
    ]) {
      expect(reader.opens(wrong), wrong).toBe(false);
      await expectCode("INPUT_URL_INVALID", () => reader.readUrl(wrong, options));
    }
  });
});
