import { beforeEach, describe, expect, it } from "vitest";
import { encodeHex } from "../../../src/bytes/hex.js";
import { sha256 } from "../../../src/crypto/hash.js";
import type { Devnet } from "../../../src/devnet/devnet.js";
import { ask, type Reply, start } from "./http.js";

const record = "/records/regtest/alice/settings@3.json";
const bytes = Uint8Array.of(0, 1, 2, 253, 254, 255);
const object = `/objects/${encodeHex(sha256(bytes)).slice(0, 2)}/${encodeHex(sha256(bytes))}`;
const bodyOf = (ver: number, data: string): string =>
  JSON.stringify({ id: "settings", data: Buffer.from(data).toString("base64"), ver, sig: "ab".repeat(64) });

let devnet: Devnet;
const url = (path: string, store = 0): string => `${devnet.storeUrls[store] ?? ""}${path}`;
const get = (path: string, init?: RequestInit): Promise<Reply> => ask(url(path), init);
const put = (
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Reply> => ask(url(path), { method: "PUT", body, headers });

beforeEach(async () => {
  devnet = await start({ stores: 2 });
});

describe("a store", () => {
  it("gives back the bytes that were put, with their tag", async () => {
    const created = await put(object, bytes);
    expect(created.status).toBe(201);
    const read = await get(object);
    expect([read.status, read.bytes]).toEqual([200, bytes]);
    expect(read.headers.get("etag")).toMatch(/^"[0-9a-f]{32}"$/);
    expect(created.headers.get("etag")).toBe(read.headers.get("etag"));
    expect(read.headers.get("content-type")).toBe("application/octet-stream");
    expect(read.headers.get("cache-control")).toContain("immutable");
    expect((await put(object, bytes)).status).toBe(200);
    const head = await get(object, { method: "HEAD" });
    expect([head.status, head.bytes.length, head.headers.get("content-length")]).toEqual([200, 0, "6"]);
  });

  it("serves records as JSON that is not to be cached", async () => {
    await put(record, bodyOf(1, "one"), { "content-type": "application/json" });
    const read = await get(record);
    expect(read.text).toBe(bodyOf(1, "one"));
    expect(read.headers.get("content-type")).toBe("application/json");
    expect(read.headers.get("cache-control")).toBe("no-cache");
    await put("/plain.json", bytes);
    expect((await get("/plain.json")).headers.get("content-type")).toBe("application/json");
  });

  it("says absent with 404, and nothing is shared between stores", async () => {
    expect((await get(record)).status).toBe(404);
    await put(record, "x");
    expect((await ask(url(record, 1))).status).toBe(404);
  });

  it("takes percent-encoded and plain paths for the same", async () => {
    await put("/records/regtest/a/x%40y@1.json", "x");
    expect((await get("/records/regtest/a/x@y%401.json?cache=no")).text).toBe("x");
    expect((await get("/%ff")).status).toBe(400);
  });

  it("deletes", async () => {
    await put(record, "x");
    expect((await get(record, { method: "DELETE", headers: { "if-match": '"other"' } })).status).toBe(412);
    expect((await get(record, { method: "DELETE" })).status).toBe(204);
    expect((await get(record)).status).toBe(404);
    expect((await get(record, { method: "DELETE" })).status).toBe(404);
  });

  it("honours If-None-Match: * as create only", async () => {
    expect((await put(record, "one", { "if-none-match": "*" })).status).toBe(201);
    expect((await put(record, "two", { "if-none-match": "*" })).status).toBe(412);
    expect((await get(record)).text).toBe("one");
  });

  it("honours If-Match as replace only what was read", async () => {
    expect((await put(record, "one", { "if-match": "*" })).status).toBe(412);
    const first = (await put(record, "one")).headers.get("etag") ?? "";
    expect((await put(record, "two", { "if-match": first })).status).toBe(200);
    expect((await put(record, "three", { "if-match": first })).status).toBe(412);
    expect((await put(record, "three", { "if-match": `"no", *` })).status).toBe(200);
    expect((await get(record)).text).toBe("three");
  });

  it("answers 304 to a tag that is still right", async () => {
    const etag = (await put(record, "one")).headers.get("etag") ?? "";
    const fresh = await get(record, { headers: { "if-none-match": etag } });
    expect([fresh.status, fresh.text, fresh.headers.get("etag")]).toEqual([304, "", etag]);
    await put(record, "two");
    expect((await get(record, { headers: { "if-none-match": etag } })).status).toBe(200);
  });

  it("can be used from any web page", async () => {
    await put(record, "one");
    for (const reply of [await get(record), await get("/absent"), await put(record, "two", { "if-match": '"x"' })]) {
      expect(reply.headers.get("access-control-allow-origin")).toBe("*");
      expect(reply.headers.get("access-control-expose-headers")).toBe("ETag");
    }
    const preflight = await get(record, { method: "OPTIONS" });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-methods")).toMatch(/PUT, DELETE/);
    expect(preflight.headers.get("access-control-allow-headers")).toMatch(/if-match, if-none-match/);
  });

  it("refuses other methods, directories and bodies that are too large", async () => {
    expect((await get(record, { method: "POST" })).status).toBe(405);
    expect((await put("/records/", "x")).status).toBe(400);
    expect((await put(record, new Uint8Array(8 * 1024 * 1024 + 1))).status).toBe(413);
    expect((await get(record)).status).toBe(404);
  });
});

describe("a store that misbehaves", () => {
  it("freeze: shows what it held, takes writes, and shows the newest when it is honest again", async () => {
    await put(record, "one");
    devnet.tamper({ store: 0, how: "freeze" });
    const written = await put(record, "two", { "if-match": (await get(record)).headers.get("etag") ?? "" });
    expect(written.status).toBe(200);
    expect((await put(object, bytes)).status).toBe(201);
    expect((await get(record)).text).toBe("one");
    expect((await get(object)).status).toBe(404);
    expect((await get(record, { method: "DELETE" })).status).toBe(204);
    expect((await get(record)).text).toBe("one");
    // A second freeze does not move the moment.
    await put(record, "three");
    devnet.tamper({ store: 0, how: "freeze" });
    expect((await get(record)).text).toBe("one");
    devnet.tamper({ store: 0, how: "honest" });
    expect((await get(record)).text).toBe("three");
  });

  it("stale: shows the bytes before the last write that changed them", async () => {
    await put(record, "one");
    devnet.tamper({ store: 0, how: "stale" });
    expect((await get(record)).text).toBe("one");
    await put(record, "two");
    expect((await get(record)).text).toBe("one");
    await put(record, "three");
    expect((await get(record)).text).toBe("two");
    await put(record, "three");
    expect((await get(record)).text).toBe("two");
    devnet.tamper({ store: 0, how: "honest" });
    expect((await get(record)).text).toBe("three");
  });

  it("forge: gives a record other data and keeps id, version and signature", async () => {
    await put(record, bodyOf(7, "the data"));
    const honest = (await get(record)).json() as Record<string, unknown>;
    devnet.tamper({ store: 0, how: "forge" });
    const forged = (await get(record)).json() as Record<string, unknown>;
    expect(Object.keys(forged)).toEqual(["id", "data", "ver", "sig"]);
    expect({ ...forged, data: honest["data"] }).toEqual(honest);
    const data = Buffer.from(String(forged["data"]), "base64");
    expect(data.toString("base64")).toBe(forged["data"]);
    expect(data.toString()).toBe("uhe data");
  });

  it("forge: gives objects, empty ones too, and what is no record other bytes", async () => {
    await put(object, bytes);
    await put("/objects/e3/empty", "");
    await put(record, "no record");
    await put("/records/list.json", "[]");
    devnet.tamper({ store: 0, how: "forge" });
    expect((await get(object)).bytes).toEqual(Uint8Array.of(1, 1, 2, 253, 254, 255));
    expect((await get("/objects/e3/empty")).bytes).toEqual(Uint8Array.of(1));
    expect((await get(record)).text).toBe("oo record");
    expect((await get("/records/list.json")).text).toBe("Z]");
    devnet.tamper({ store: 0, how: "honest" });
    expect((await get(object)).bytes).toEqual(bytes);
  });

  it("down: breaks off, stores nothing, and the others go on", async () => {
    devnet.tamper({ store: 0, how: "down" });
    await expect(get(record)).rejects.toThrow();
    await expect(put(record, "x")).rejects.toThrow();
    expect((await ask(url(record, 1))).status).toBe(404);
    devnet.tamper({ store: 0, how: "honest" });
    expect((await get(record)).status).toBe(404);
  });
});
