import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeRawCid } from "../../../src/immutable/cid.js";
import { contentKey } from "../../../src/immutable/key.js";
import { limits } from "../../../src/limits.js";
import { objectPath } from "../../../src/route/layout.js";
import { ipfsGateway } from "../../../src/storage/ipfs-gateway.js";
import { FakeClock } from "../fake-clock.js";
import { RECORD_PATH } from "./contract.js";
import { expectCode } from "./expect-code.js";
import { reply, type SeenRequest, serve, type TestServer } from "./serve.js";

const servers: TestServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

type Answer = (request: SeenRequest, response: ServerResponse) => void;
async function gatewayThat(answer: Answer): Promise<TestServer> {
  const server = await serve(answer);
  servers.push(server);
  return server;
}

const body = utf8("hello world");
const hash = contentKey(body);
const cid = encodeRawCid(hash);
const path = objectPath(hash);
const options = { kind: "object", maxBytes: 1_000 } as const;

describe("ipfsGateway", () => {
  it("asks for the raw block in a way that causes no CORS preflight", async () => {
    const server = await gatewayThat((_, response) => reply(response, 200, body, { etag: `"${cid}.raw"` }));
    const gateway = ipfsGateway(`${server.url}/base`);
    expect(await gateway.read(path, options)).toEqual({ bytes: body, tag: null });
    const [{ method, path: asked, headers } = expect.fail()] = server.seen;
    expect([method, asked]).toEqual(["GET", `/base/ipfs/${cid}?format=raw`]);
    expect(headers.accept).toBe("application/vnd.ipld.raw");
    // Fetch: Accept is safelisted below 129 bytes and without these bytes.
    expect(headers.accept).not.toMatch(/["():<>?@[\\\]{}\x7f]|[\x00-\x08\x0a-\x1f]/);
    const own = Object.keys(headers).filter((name) =>
      /^(?:authorization|cookie|referer|origin|content-type|range|if-|x-)/.test(name),
    );
    expect(own).toEqual([]);
  });

  it("says what it is", () => {
    const gateway = ipfsGateway("https://a.example/x/");
    expect(gateway.label).toBe("a.example/x");
    expect(gateway.kinds).toEqual(["object"]);
    expect(gateway.publicBaseUrl).toBeNull();
    expect(gateway.urlOf(path)).toBe(`ipfs://${cid}`);
    expect(gateway.urlOf(RECORD_PATH)).toBeNull();
    expect(ipfsGateway("https://a.example", { label: "mine" }).label).toBe("mine");
  });

  it("opens URLs of one raw block, in their one form, and no other", async () => {
    const server = await gatewayThat((_, response) => reply(response, 200, body));
    const gateway = ipfsGateway(server.url);
    expect(gateway.opens(`ipfs://${cid}`)).toBe(true);
    expect(await gateway.readUrl(`ipfs://${cid}`, options)).toEqual(body);
    for (const url of [
      `ipfs:${cid}`,
      `IPFS://${cid}`,
      `ipfs://${cid}/`,
      `ipfs://${cid}?format=raw`,
      `ipfs://${cid.toUpperCase()}`,
      `ipns://${cid}`,
      `https://${cid}`,
      "ipfs://bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64",
      "ipfs://",
    ]) {
      expect(gateway.opens(url), url).toBe(false);
      await expectCode("INPUT_URL_INVALID", () => gateway.readUrl(url, options));
    }
    expect(server.seen).toHaveLength(1);
  });

  it("I2: what is not the block does not leave it", async () => {
    const answers: readonly Uint8Array[] = [
      utf8("<html>Not here</html>"),
      utf8("hello worlD"),
      body.subarray(1),
      new Uint8Array(0),
    ];
    let answer = body;
    const server = await gatewayThat((_, response) => reply(response, 200, answer, { "content-type": "text/html" }));
    const gateway = ipfsGateway(server.url);
    for (answer of answers) {
      await expectCode("NETWORK_ANSWER_INVALID", () => gateway.read(path, options));
      await expectCode("NETWORK_ANSWER_INVALID", () => gateway.readUrl(`ipfs://${cid}`, options));
    }
  });

  it("P6: 404 and 410 are absent; a search that was given up says nothing", async () => {
    let status = 0;
    const server = await gatewayThat((_, response) => reply(response, status, "x", { "retry-after": "7" }));
    const gateway = ipfsGateway(server.url);
    for (status of [404, 410]) {
      expect(await gateway.read(path, options)).toBeNull();
      expect(await gateway.readUrl(`ipfs://${cid}`, options)).toBeNull();
    }
    for (status of [206, 304, 400, 403, 406, 429, 500, 502, 504]) {
      const { details } = await expectCode("NETWORK_STATUS", () => gateway.read(path, options));
      expect(details).toMatchObject({ status, retryAfterMs: 7_000 });
    }
  });

  it("U1: follows redirects within its origin alone", async () => {
    const other = await gatewayThat((_, response) => reply(response, 200, body));
    let location = `${other.url}/ipfs/${cid}`;
    const server = await gatewayThat(({ path: asked }, response) => {
      if (asked === "/moved") reply(response, 200, body);
      else reply(response, 301, "", { location });
    });
    const gateway = ipfsGateway(server.url);
    await expectCode("NETWORK_HOST_REFUSED", () => gateway.read(path, options));
    expect(other.seen).toEqual([]);
    location = "/moved";
    expect((await gateway.read(path, options))?.bytes).toEqual(body);
  });

  it("I1: takes as much as the caller, and never more than an object has", async () => {
    const large = new Uint8Array(limits.objectMaxBytes + 1);
    const largePath = objectPath(contentKey(large));
    const server = await gatewayThat((request, response) =>
      reply(response, 200, request.path.includes(cid) ? body : large),
    );
    const gateway = ipfsGateway(server.url);
    expect((await gateway.read(path, { ...options, maxBytes: 11 }))?.bytes).toEqual(body);
    await expectCode("NETWORK_TOO_LARGE", () => gateway.read(path, { ...options, maxBytes: 10 }));
    const { details } = await expectCode("NETWORK_TOO_LARGE", () =>
      gateway.read(largePath, { ...options, maxBytes: 2 ** 30 }),
    );
    expect(details.maxBytes).toBe(limits.objectMaxBytes);
  });

  it("refuses records, ranges and paths of no layout, and asks nobody", async () => {
    const server = await gatewayThat((_, response) => reply(response, 200, body));
    const gateway = ipfsGateway(server.url);
    await expectCode("STORAGE_UNSUPPORTED", () => gateway.read(RECORD_PATH, { kind: "record", maxBytes: 10 }));
    await expectCode("STORAGE_UNSUPPORTED", () => gateway.read(path, { ...options, range: { start: 0, end: 1 } }));
    await expectCode("INPUT_INVALID", () => gateway.read("objects/../x", options));
    await expectCode("INPUT_INVALID", () => gateway.urlOf("objects/../x"));
    await expectCode("NETWORK_ABORTED", () => gateway.read(path, { ...options, signal: AbortSignal.abort() }));
    expect(server.seen).toEqual([]);
  });

  it.each(["ftp://a.example", "https://user:marker-secret@a.example", "https://a.example/?x", ""])(
    "refuses the base %j",
    async (base) => {
      const error = await expectCode("INPUT_URL_INVALID", () => ipfsGateway(base));
      expect(JSON.stringify(error)).not.toContain("marker-secret");
    },
  );

  it("gives up a gateway that is silent", async () => {
    const clock = new FakeClock();
    let asked = (): void => undefined;
    const arrived = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const server = await gatewayThat(() => asked());
    const gateway = ipfsGateway(server.url, { clock, progress: { object: { firstByteMs: 300, idleMs: 300 } } });
    const reading = expectCode("NETWORK_TIMEOUT", gateway.read(path, options));
    await arrived;
    await clock.advance(300);
    expect((await reading).details.timeoutMs).toBe(300);
    await expectCode("NETWORK_UNREACHABLE", () => ipfsGateway("http://127.0.0.1:1").read(path, options));
  });
});
