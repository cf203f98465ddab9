import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { encodeRawCid, parseRawCid } from "../../src/immutable/cid.js";
import { contentKey } from "../../src/immutable/key.js";
import { limits } from "../../src/limits.js";
import type { StorageProvider } from "../../src/ports.js";
import { objectPath } from "../../src/route/layout.js";
import { ipfsGateway } from "../../src/storage/ipfs-gateway.js";
import { kubo } from "../../src/storage/kubo.js";
import { storageContract } from "../../src/testing/index.js";
import { expectCode } from "../unit/storage/expect-code.js";
import { reply, serve } from "../unit/storage/serve.js";
import { type KuboNode, startKubo } from "./daemons/kubo.js";

const TOKEN = "marker-secret";
const options = { kind: "object", maxBytes: limits.objectMaxBytes } as const;

let node: KuboNode;
beforeAll(async () => {
  node = await startKubo({ token: TOKEN });
});
afterAll(async () => {
  await node.stop();
});
const headers = { authorization: `Bearer ${TOKEN}` };
const rpc = (): StorageProvider => kubo(node.apiUrl, { headers });

/** A gateway reads; what it is to read is written by the node's RPC. */
function writtenByRpc(): StorageProvider {
  const gateway = ipfsGateway(node.gatewayUrl);
  const writer = rpc();
  return {
    label: gateway.label,
    kinds: ["object"],
    publicBaseUrl: gateway.publicBaseUrl,
    conditional: writer.conditional,
    read: (path, readOptions) => gateway.read(path, readOptions),
    urlOf: (path) => gateway.urlOf(path),
    write: (path, body, writeOptions) => writer.write(path, body, writeOptions),
    remove: (path, callOptions) => writer.remove(path, callOptions),
  };
}

describe("the contract of providers, on Kubo's RPC", () => {
  const cases = storageContract({
    open: rpc,
    kinds: ["object"],
    openRefused: () => kubo(node.apiUrl, { headers: { authorization: "Bearer wrong" } }),
    openStopped: () => kubo("http://127.0.0.1:1", { headers }),
    secrets: [TOKEN],
  });
  it.each(cases)("$name", async ({ run }) => run());
});

describe("the contract of providers, on Kubo's gateway", () => {
  const cases = storageContract({
    open: writtenByRpc,
    kinds: ["object"],
    openStopped: () => ({
      ...writtenByRpc(),
      ...{ read: (path, given) => ipfsGateway("http://127.0.0.1:1").read(path, given) },
      ...{ write: (path, body, given) => kubo("http://127.0.0.1:1").write(path, body, given) },
    }),
  });
  it.each(cases)("$name", async ({ run }) => run());
});

describe("Kubo and hawser", () => {
  it.each([0, 1, 11, 1_000, limits.objectMaxBytes])(
    "an object of %i bytes that hawser stored is fetched from the gateway by its CID",
    async (length) => {
      const body = new Uint8Array(length).fill(7);
      const hash = contentKey(body);
      expect(await rpc().write(objectPath(hash), body, { kind: "object" })).toBe("stored");
      const response = await fetch(`${node.gatewayUrl}/ipfs/${encodeRawCid(hash)}`);
      expect(response.status).toBe(200);
      expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
      const [pinned] = (await node.ipfs("pin", "ls", "--type=recursive", encodeRawCid(hash))).split(" ");
      expect(pinned).toBe(encodeRawCid(hash));
    },
  );

  it("what Kubo made a CID for is read by it, through RPC and gateway", async () => {
    const text = utf8("made by the node");
    const [small, block] = [await node.file("small", text), await node.file("block", utf8("put as a block"))];
    const cids = [
      await node.ipfs("add", "--quieter", "--cid-version=1", "--raw-leaves", small),
      await node.ipfs("block", "put", block),
    ];
    expect(cids[0]).toBe(encodeRawCid(contentKey(text)));
    for (const cid of cids) {
      const bytes = new Uint8Array(Buffer.from(await node.ipfs("cat", cid)));
      for (const reader of [ipfsGateway(node.gatewayUrl), kubo(node.apiUrl, { headers })]) {
        expect((await reader.read(objectPath(parseRawCid(cid)), options))?.bytes).toEqual(bytes);
        expect(await reader.readUrl(`ipfs://${cid}`, options)).toEqual(bytes);
      }
    }
  });

  it("profile unixfs-v1-2025: 1 MiB is one object, one byte more is a root of its own kind", async () => {
    const add = async (length: number): Promise<string> => {
      const path = await node.file(`f${length}`, new Uint8Array(length).fill(1));
      return node.ipfs("add", "--quieter", "--cid-version=1", "--raw-leaves", "--chunker=size-1048576", path);
    };
    const whole = await add(limits.objectMaxBytes);
    expect(parseRawCid(whole)).toBe(contentKey(new Uint8Array(limits.objectMaxBytes).fill(1)));
    const root = await add(limits.objectMaxBytes + 1);
    expect(root).toMatch(/^bafybei/);
    await expectCode("INPUT_INVALID", () => parseRawCid(root));
    expect(ipfsGateway(node.gatewayUrl).opens(`ipfs://${root}`)).toBe(false);
  });

  it("the URL under a public gateway is one that opens", async () => {
    const body = utf8("under a gateway");
    const path = objectPath(contentKey(body));
    const storage = kubo(node.apiUrl, { headers, gatewayUrl: node.gatewayUrl });
    await storage.write(path, body, { kind: "object" });
    const response = await fetch(storage.urlOf(path) ?? "");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(body);
  });

  it("removing an object leaves what a folder of the node still pins", async () => {
    const body = utf8("in a folder as well");
    const path = objectPath(contentKey(body));
    const storage = rpc();
    await storage.write(path, body, { kind: "object" });
    const file = await node.file("in-a-folder", body);
    await node.ipfs("add", "--quieter", "--cid-version=1", "--raw-leaves", "--wrap-with-directory", file);
    expect(await storage.remove(path)).toBe(false);
    expect((await storage.read(path, options))?.bytes).toEqual(body);
  });

  it("garbage collection takes what is not pinned, and nothing else", async () => {
    const [kept, loose] = [utf8("pinned"), utf8("not pinned")];
    await rpc().write(objectPath(contentKey(kept)), kept, { kind: "object" });
    await kubo(node.apiUrl, { headers, pin: false }).write(objectPath(contentKey(loose)), loose, { kind: "object" });
    await node.ipfs("repo", "gc", "--quiet");
    expect((await rpc().read(objectPath(contentKey(kept)), options))?.bytes).toEqual(kept);
    expect(await rpc().read(objectPath(contentKey(loose)), options)).toBeNull();
  });

  it("a gateway that changes what the node serves is refused (the liar is an HTTP double in front of the node)", async () => {
    const body = utf8("what the node serves");
    const path = objectPath(contentKey(body));
    await rpc().write(path, body, { kind: "object" });
    const liar = await serve(async (request, response) => {
      const honest = Buffer.from(await (await fetch(`${node.gatewayUrl}${request.path}`)).arrayBuffer());
      honest.writeUInt8(honest.readUInt8(0) ^ 1, 0);
      reply(response, 200, honest, { "content-type": "application/vnd.ipld.raw" });
    });
    try {
      expect((await ipfsGateway(node.gatewayUrl).read(path, options))?.bytes).toEqual(body);
      await expectCode("NETWORK_ANSWER_INVALID", () => ipfsGateway(liar.url).read(path, options));
    } finally {
      await liar.close();
    }
  });
});
