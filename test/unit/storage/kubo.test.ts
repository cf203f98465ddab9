import { afterEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeRawCid } from "../../../src/immutable/cid.js";
import { contentKey } from "../../../src/immutable/key.js";
import { limits } from "../../../src/limits.js";
import { objectPath } from "../../../src/route/layout.js";
import { type KuboOptions, type KuboStorage, kubo } from "../../../src/storage/kubo.js";
import { FakeClock } from "../fake-clock.js";
import { RECORD_PATH } from "./contract.js";
import { expectCode } from "./expect-code.js";
import { reply, serve, type TestServer } from "./serve.js";

const servers: TestServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const body = utf8("hello world");
const hash = contentKey(body);
const cid = encodeRawCid(hash);
const path = objectPath(hash);
const options = { kind: "object", maxBytes: 1_000 } as const;

interface Told {
  status: number;
  body: string | Uint8Array;
}
interface Double {
  readonly server: TestServer;
  readonly storage: KuboStorage;
  /** What each command answers. */
  readonly told: Record<string, Told>;
}

/** A double of a node's RPC: it answers with what a test puts into it. */
async function opened(given: KuboOptions = {}): Promise<Double> {
  const told: Record<string, Told> = {};
  const server = await serve(({ path: asked }, response) => {
    const command = asked.replace(/^\/api\/v0\/([^?]*).*$/, "$1");
    const { status, body: answer } = told[command] ?? { status: 404, body: "404 page not found" };
    reply(response, status, answer);
  });
  servers.push(server);
  return { server, storage: kubo(server.url, given), told };
}
const failure = (message: string): Told => ({
  status: 500,
  body: JSON.stringify({ Message: message, Code: 0, Type: "error" }),
});
const ok = (answer: unknown): Told => ({ status: 200, body: JSON.stringify(answer) });
const missing = `block was not found locally (offline): ipld: could not find ${cid}`;

describe("kubo", () => {
  it("says what it is", () => {
    const storage = kubo("http://127.0.0.1:5001/");
    expect(storage.label).toBe("127.0.0.1:5001");
    expect(storage.kinds).toEqual(["object"]);
    expect(storage.conditional).toBe(false);
    expect(storage.publicBaseUrl).toBeNull();
    expect(storage.urlOf(path)).toBe(`ipfs://${cid}`);
    expect(storage.urlOf(RECORD_PATH)).toBeNull();
    const shown = kubo("http://127.0.0.1:5001", { gatewayUrl: "https://g.example", label: "mine" });
    expect(shown.label).toBe("mine");
    expect(shown.urlOf(path)).toBe(`https://g.example/ipfs/${cid}?format=raw`);
    expect(shown.urlOf(RECORD_PATH)).toBeNull();
    // U1: 255 bytes are the most that a profile may hold.
    const fits = `https://g.example/${"x".repeat(255 - 18 - 1 - 5 - cid.length - 11)}`;
    expect(kubo("http://a.example", { gatewayUrl: fits }).urlOf(path)?.length).toBe(255);
    expect(kubo("http://a.example", { gatewayUrl: `${fits}x` }).urlOf(path)).toBeNull();
  });

  it.each(["ftp://a.example", "https://user:marker-secret@a.example", "https://a.example/?x", ""])(
    "refuses the base %j",
    async (base) => {
      const error = await expectCode("INPUT_URL_INVALID", () => kubo(base));
      expect(JSON.stringify(error)).not.toContain("marker-secret");
      await expectCode("INPUT_URL_INVALID", () => kubo("http://a.example", { gatewayUrl: base }));
    },
  );

  it("puts one raw block, pinned, as the one file of a form", async () => {
    const { server, storage, told } = await opened();
    told["block/put"] = ok({ Key: cid, Size: 11 });
    expect(await storage.write(path, body, { kind: "object" })).toBe("stored");
    const [request = expect.fail()] = server.seen;
    expect([request.method, request.path]).toEqual([
      "POST",
      "/api/v0/block/put?cid-codec=raw&mhtype=sha2-256&pin=true&offline=true",
    ]);
    const sent = new Request("http://x.example", {
      method: "POST",
      headers: { "content-type": request.headers["content-type"] ?? "" },
      body: new Uint8Array(request.body),
    });
    const form = await sent.formData();
    const file = form.get("data");
    expect([...form.keys()]).toEqual(["data"]);
    expect(file instanceof Blob && new Uint8Array(await file.arrayBuffer())).toEqual(body);
    const unpinned = await opened({ pin: false });
    unpinned.told["block/put"] = ok({ Key: cid });
    await unpinned.storage.write(path, body, { kind: "object" });
    expect(unpinned.server.seen[0]?.path).toContain("pin=false");
  });

  it("I1: what is not the object of the path is not put, and a node that put something else did not store it", async () => {
    const { server, storage, told } = await opened();
    await expectCode("INPUT_INVALID", () => storage.write(path, utf8("other"), { kind: "object" }));
    const large = new Uint8Array(limits.objectMaxBytes + 1);
    await expectCode("INPUT_TOO_LARGE", () => storage.write(objectPath(contentKey(large)), large, { kind: "object" }));
    await expectCode("STORAGE_UNSUPPORTED", () => storage.write(RECORD_PATH, body, { kind: "record" }));
    await expectCode("STORAGE_UNSUPPORTED", () =>
      storage.write(path, body, { kind: "object", condition: { ifAbsent: true } }),
    );
    await expectCode("NETWORK_ABORTED", () =>
      storage.write(path, body, { kind: "object", signal: AbortSignal.abort() }),
    );
    expect(server.seen).toEqual([]);
    for (const answer of [
      ok({ Key: encodeRawCid("00".repeat(32)) }),
      ok({}),
      ok(null),
      ok("x"),
      { status: 200, body: "<html>" },
    ]) {
      told["block/put"] = answer;
      await expectCode("NETWORK_ANSWER_INVALID", () => storage.write(path, body, { kind: "object" }));
    }
  });

  it("P6: reads what the node holds itself; its word for a miss is absence, every other error is not", async () => {
    const { server, storage, told } = await opened();
    told["block/get"] = { status: 200, body };
    expect(await storage.read(path, options)).toEqual({ bytes: body, tag: null });
    expect(await storage.readUrl(`ipfs://${cid}`, options)).toEqual(body);
    expect(server.seen[0]).toMatchObject({ method: "POST", path: `/api/v0/block/get?arg=${cid}&offline=true` });
    told["block/get"] = failure(missing);
    expect(await storage.read(path, { ...options, maxBytes: 1 })).toBeNull();
    expect(await storage.readUrl(`ipfs://${cid}`, options)).toBeNull();
    for (const message of ["context canceled", `ipld: could not find ${encodeRawCid("00".repeat(32))}`]) {
      told["block/get"] = failure(message);
      const { details } = await expectCode("NETWORK_STATUS", () => storage.read(path, options));
      expect(details).toMatchObject({ status: 500, reason: message });
    }
  });

  it("I2: what is not the block does not leave it", async () => {
    const { storage, told } = await opened();
    for (const answer of ["<html>Not here</html>", "hello worl", ""]) {
      told["block/get"] = { status: 200, body: answer };
      await expectCode("NETWORK_ANSWER_INVALID", () => storage.read(path, options));
    }
  });

  it("U1: takes as much as the caller, and never more than an object has", async () => {
    const { storage, told } = await opened();
    told["block/get"] = { status: 200, body };
    expect((await storage.read(path, { ...options, maxBytes: 11 }))?.bytes).toEqual(body);
    const { details } = await expectCode("NETWORK_TOO_LARGE", () => storage.read(path, { ...options, maxBytes: 10 }));
    expect(details.maxBytes).toBe(10);
    const large = new Uint8Array(limits.objectMaxBytes + 1);
    told["block/get"] = { status: 200, body: large };
    const most = { ...options, maxBytes: 2 ** 30 };
    await expectCode("NETWORK_TOO_LARGE", () => storage.read(objectPath(contentKey(large)), most));
  });

  it("opens URLs of one raw block and no other; refuses records and ranges", async () => {
    const { server, storage } = await opened();
    expect(storage.opens(`ipfs://${cid}`)).toBe(true);
    for (const url of [`ipfs://${cid}/x`, `https://g.example/ipfs/${cid}`, "ipfs://bafkqaaa"]) {
      expect(storage.opens(url)).toBe(false);
      await expectCode("INPUT_URL_INVALID", () => storage.readUrl(url, options));
    }
    await expectCode("STORAGE_UNSUPPORTED", () => storage.read(RECORD_PATH, { kind: "record", maxBytes: 10 }));
    await expectCode("STORAGE_UNSUPPORTED", () => storage.remove(RECORD_PATH));
    await expectCode("STORAGE_UNSUPPORTED", () => storage.read(path, { ...options, range: { start: 0, end: 1 } }));
    expect(server.seen).toEqual([]);
  });

  it("unpins and deletes, and says whether the block is gone", async () => {
    const { server, storage, told } = await opened();
    told["pin/rm"] = ok({ Pins: [cid] });
    told["block/rm"] = ok({ Hash: cid });
    expect(await storage.remove(path)).toBe(true);
    expect(server.seen.map((request) => request.path)).toEqual([
      `/api/v0/pin/rm?arg=${cid}&offline=true`,
      `/api/v0/block/rm?arg=${cid}&offline=true`,
    ]);
    told["pin/rm"] = failure("not pinned or pinned indirectly");
    told["block/rm"] = ok({ Hash: cid, Error: `ipld: could not find ${cid}` });
    expect(await storage.remove(path)).toBe(true);
    told["block/rm"] = ok({ Hash: cid, Error: "pinned via QmFolder" });
    expect(await storage.remove(path)).toBe(false);
    for (const error of ["disk on fire", 7]) {
      told["block/rm"] = ok({ Hash: cid, Error: error });
      await expectCode("NETWORK_STATUS", () => storage.remove(path));
    }
    told["block/rm"] = failure("context canceled");
    await expectCode("NETWORK_STATUS", () => storage.remove(path));
    told["block/rm"] = ok({ Hash: cid });
    told["pin/rm"] = failure("context canceled");
    await expectCode("NETWORK_STATUS", () => storage.remove(path));
    await expectCode("NETWORK_ABORTED", () => storage.remove(path, { signal: AbortSignal.abort() }));
  });

  it("leaves pins alone that it does not make", async () => {
    const { server, storage, told } = await opened({ pin: false });
    told["block/rm"] = ok({ Hash: cid, Error: "pinned: recursive" });
    expect(await storage.remove(path)).toBe(false);
    expect(server.seen).toHaveLength(1);
  });

  it("says what a refusal means", async () => {
    const { storage, told } = await opened();
    const write = (): Promise<unknown> => storage.write(path, body, { kind: "object" });
    for (const status of [401, 403]) {
      for (const command of ["block/put", "block/get", "pin/rm"]) told[command] = { status, body: "403 - Forbidden" };
      await expectCode("STORAGE_REFUSED", write);
      await expectCode("STORAGE_REFUSED", () => storage.read(path, options));
      await expectCode("STORAGE_REFUSED", () => storage.remove(path));
    }
    // 404 is no absence: it is not the address of an RPC.
    for (const status of [202, 301, 400, 404, 429, 502]) {
      told["block/put"] = told["block/get"] = { status, body: "x" };
      await expectCode("NETWORK_STATUS", write);
      await expectCode("NETWORK_STATUS", () => storage.read(path, options));
    }
    told["block/put"] = failure("put block: write /data: no space left on device");
    await expectCode("STORAGE_FULL", write);
    told["block/put"] = failure(`a\nb${"x".repeat(1_000)}`);
    const { details } = await expectCode("NETWORK_STATUS", write);
    expect(details.reason).toMatch(/^a bx{297}$/);
    for (const answer of ["<html>", "{}", "[1]", "null", '{"Message":7}']) {
      told["block/put"] = { status: 500, body: answer };
      await expectCode("NETWORK_STATUS", write);
    }
    await expectCode("NETWORK_UNREACHABLE", () => kubo("http://127.0.0.1:1").read(path, options));
  });

  it("U1: sends credentials with each request, refreshed by a function, and shows them nowhere", async () => {
    let token = 0;
    const headers = (): Record<string, string> => ({ authorization: `Bearer marker-secret-${++token}` });
    const { server, storage, told } = await opened({ headers });
    told["block/get"] = failure("marker");
    const error = await expectCode("NETWORK_STATUS", () => storage.read(path, options));
    await expectCode("NETWORK_STATUS", () => storage.read(path, options));
    expect(server.seen.map((request) => request.headers.authorization)).toEqual([
      "Bearer marker-secret-1",
      "Bearer marker-secret-2",
    ]);
    expect(`${JSON.stringify(error)}${JSON.stringify(storage)}${storage.label}`).not.toContain("secret");
  });

  it("gives up a node that is silent", async () => {
    const clock = new FakeClock();
    let asked = (): void => undefined;
    const arrived = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const server = await serve(() => asked());
    servers.push(server);
    const storage = kubo(server.url, { clock, progress: { object: { firstByteMs: 300, idleMs: 300 } } });
    const reading = expectCode("NETWORK_TIMEOUT", storage.read(path, options));
    await arrived;
    await clock.advance(300);
    await reading;
  });
});
