import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { headerFile } from "../../../../src/chain/sources/header-file.js";
import { readFileRange } from "../../../../src/chain/sources/header-file-web.js";
import type { HeaderSource } from "../../../../src/ports.js";
import { expectCode } from "../../storage/expect-code.js";
import { reply, type SeenRequest, serve, type TestServer } from "../../storage/serve.js";

const FILE = Buffer.alloc(80 * 100, 0).map((_, i) => (i * 7 + Math.floor(i / 80)) % 251);
const network = "regtest";

/** As a static host answers. */
function honest({ headers }: SeenRequest, response: ServerResponse, file: Uint8Array = FILE): void {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
  const [start, end] = [Number(from), Math.min(Number(to), file.length - 1)];
  if (start >= file.length) reply(response, 416, "", { "content-range": `bytes */${file.length}` });
  else reply(response, 206, file.subarray(start, end + 1), { "content-range": `bytes ${start}-${end}/${file.length}` });
}

describe("headerFile over HTTP", () => {
  let server: TestServer;
  let answer: (request: SeenRequest, response: ServerResponse) => void;
  let source: HeaderSource;
  const answers = (status: number, body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): void => {
    answer = (_, response) => reply(response, status, body, headers);
  };
  beforeEach(async () => {
    answer = honest;
    server = await serve((request, response) => answer(request, response));
    source = headerFile(`${server.url}/regtest.bin`, { network });
  });
  afterEach(() => server.close());

  it("reads the part that is asked for, and less at the end", async () => {
    expect(Buffer.from(await source.headers(1, 3))).toEqual(FILE.subarray(0, 240));
    expect(Buffer.from(await source.headers(11, 20))).toEqual(FILE.subarray(800, 2_400));
    expect(Buffer.from(await source.headers(99, 2_016))).toEqual(FILE.subarray(98 * 80));
    expect(server.seen.map(({ headers }) => headers.range)).toEqual([
      "bytes=0-239",
      "bytes=800-2399",
      "bytes=7840-169119",
    ]);
    expect(server.seen[0]?.headers["accept-encoding"]).toBe("identity");
    expect(source.label).toBe(`${server.host}/regtest.bin`);
  });

  it("has none above its end, below its start, and in an empty file", async () => {
    for (const start of [101, 5_000, 0]) await expectCode("NETWORK_ANSWER_INVALID", () => source.headers(start, 1));
    expect(server.seen).toHaveLength(2);
    answers(200, "");
    await expectCode("NETWORK_ANSWER_INVALID", () => source.headers(1, 1));
  });

  it("begins above the checkpoint unless it says where", async () => {
    const mainnet = headerFile(`${server.url}/mainnet.bin`, { network: "mainnet" });
    expect(Buffer.from(await mainnet.headers(953_569, 1))).toEqual(FILE.subarray(80, 160));
    const whole = headerFile(`${server.url}/mainnet.bin`, { network: "mainnet", start: 953_500 });
    expect(Buffer.from(await whole.headers(953_501, 1))).toEqual(FILE.subarray(80, 160));
    await expectCode("INPUT_INVALID", () => headerFile(server.url, { network: "mainnet", start: 953_569 }));
    await expectCode("INPUT_INVALID", () => headerFile(server.url, { network: "mainnet", start: -1 }));
  });

  it("takes a whole file where the server knows no parts, once", async () => {
    answers(200, FILE);
    expect(Buffer.from(await source.headers(11, 20))).toEqual(FILE.subarray(800, 2_400));
    expect(Buffer.from(await source.headers(1, 2_016))).toEqual(FILE);
    expect(server.seen).toHaveLength(1);
    // It may have become longer.
    await expectCode("NETWORK_ANSWER_INVALID", () => source.headers(101, 1));
    expect(server.seen).toHaveLength(2);
  });

  it("refuses a whole file above the cap", async () => {
    answers(200, FILE);
    const small = headerFile(server.url, { network, maxBytes: FILE.length });
    expect((await small.headers(1, 2)).length).toBe(160);
    const smaller = headerFile(server.url, { network, maxBytes: FILE.length - 1 });
    await expectCode("NETWORK_TOO_LARGE", () => smaller.headers(1, 2));
    await expectCode("INPUT_INVALID", () => headerFile(server.url, { network, maxBytes: 79 }));
  });

  it.each<[string, number, Uint8Array, Record<string, string>]>([
    ["another part", 206, FILE.subarray(80, 240), { "content-range": "bytes 80-239/8000" }],
    ["more than was asked for", 206, FILE.subarray(0, 240), { "content-range": "bytes 0-239/8000" }],
    ["less than it says", 206, FILE.subarray(0, 80), { "content-range": "bytes 0-159/8000" }],
    ["no sensible range", 206, FILE.subarray(0, 160), { "content-range": "bytes */8000" }],
    ["a file that is no multiple of 80", 206, FILE.subarray(0, 160), { "content-range": "bytes 0-159/8001" }],
    ["a part of a header and no range", 206, FILE.subarray(0, 100), {}],
    ["a whole file that is no multiple of 80", 200, FILE.subarray(0, 100), {}],
    ["a compressed body", 200, gzipSync(FILE), { "content-encoding": "gzip" }],
    [
      "a compressed part",
      206,
      gzipSync(FILE.subarray(0, 160)),
      { "content-encoding": "gzip", "content-range": "bytes 0-159/8000" },
    ],
    ["less than a header", 206, FILE.subarray(0, 79), { "content-range": "bytes 0-78/8000" }],
  ])("refuses %s", async (_, status, body, headers) => {
    answers(status, body, headers);
    await expectCode("NETWORK_ANSWER_INVALID", () => source.headers(1, 2));
  });

  it("takes a part without range, as browsers see it, and one of a file of unknown length", async () => {
    answers(206, FILE.subarray(0, 160));
    expect(Buffer.from(await source.headers(1, 2))).toEqual(FILE.subarray(0, 160));
    answers(206, FILE.subarray(0, 80));
    expect(Buffer.from(await source.headers(1, 2))).toEqual(FILE.subarray(0, 80));
    answers(206, FILE.subarray(0, 160), { "content-range": "bytes 0-159/*" });
    expect(Buffer.from(await source.headers(1, 2))).toEqual(FILE.subarray(0, 160));
    // A server may send less; only whole headers are of use.
    answers(206, FILE.subarray(0, 150), { "content-range": "bytes 0-149/8000" });
    expect(Buffer.from(await source.headers(1, 2))).toEqual(FILE.subarray(0, 80));
  });

  it.each([301, 401, 403, 404, 429, 500, 204])("fails on status %i", async (status) => {
    answers(status, "");
    await expectCode("NETWORK_STATUS", () => source.headers(1, 2));
  });

  it("follows redirects within its origin only", async () => {
    const elsewhere = await serve((request, response) => honest(request, response));
    answer = (request, response) => {
      if (request.path === "/moved.bin") honest(request, response);
      else reply(response, 302, "", { location: "/moved.bin" });
    };
    expect((await source.headers(1, 2)).length).toBe(160);
    answers(302, "", { location: `${elsewhere.url}/regtest.bin` });
    await expectCode("NETWORK_HOST_REFUSED", () => source.headers(1, 2));
    expect(elsewhere.seen).toEqual([]);
    await elsewhere.close();
  });

  it("fails on a body that breaks off", async () => {
    answer = (_, response) => {
      response.writeHead(206, { "content-range": "bytes 0-159/8000", "content-length": "160" });
      response.write(FILE.subarray(0, 80));
      setImmediate(() => response.destroy());
    };
    await expectCode("NETWORK_UNREACHABLE", () => source.headers(1, 2));
  });

  it("ends on abort, sends the headers that it was given, and has the name that it was given", async () => {
    await expectCode("NETWORK_ABORTED", () => source.headers(1, 2, { signal: AbortSignal.abort() }));
    expect(server.seen).toEqual([]);
    const named = headerFile(server.url, { network, label: "mine", headers: { authorization: "Bearer token" } });
    await named.headers(1, 2);
    expect([named.label, server.seen[0]?.headers.authorization]).toEqual(["mine", "Bearer token"]);
  });

  it.each(["http://user:secret@host/f", "https://host/f?token=secret", "https://", "http://host/f#x"])(
    "refuses %s and does not show it",
    async (url) => {
      const error = await expectCode("INPUT_URL_INVALID", () => headerFile(url, { network }));
      expect(error.message).not.toContain("secret");
    },
  );

  it("refuses other arguments", async () => {
    await expectCode("INPUT_INVALID", () => headerFile("", { network }));
    await expectCode("INPUT_INVALID", () => headerFile("f", { network: "bitcoin" as "mainnet" }));
    await expectCode("INPUT_INVALID", () => source.headers(-1, 1));
    await expectCode("INPUT_INVALID", () => source.headers(1, 0));
  });
});

describe("headerFile on disk", () => {
  const directory = mkdtempSync(join(tmpdir(), "hawser-header-file-"));
  const path = join(directory, "regtest.bin");
  beforeEach(() => writeFileSync(path, FILE));
  afterAll(() => rmSync(directory, { recursive: true }));

  it("reads the part that is asked for, and less at the end", async () => {
    for (const place of [path, pathToFileURL(path).href]) {
      const source = headerFile(place, { network });
      expect(source.label).toBe(place);
      expect(Buffer.from(await source.headers(11, 20))).toEqual(FILE.subarray(800, 2_400));
      expect(Buffer.from(await source.headers(99, 2_016))).toEqual(FILE.subarray(98 * 80));
      await expectCode("NETWORK_ANSWER_INVALID", () => source.headers(101, 1));
      await expectCode("NETWORK_ANSWER_INVALID", () => source.headers(5_000, 1));
    }
  });

  it("sees a file that was replaced by a longer one", async () => {
    const source = headerFile(path, { network });
    truncateSync(path, 80);
    expect((await source.headers(1, 10)).length).toBe(80);
    writeFileSync(path, FILE);
    expect((await source.headers(1, 10)).length).toBe(800);
  });

  it("refuses what is no header file", async () => {
    truncateSync(path, 100);
    await expectCode("NETWORK_ANSWER_INVALID", () => headerFile(path, { network }).headers(1, 1));
    await expectCode("NETWORK_ANSWER_INVALID", () => headerFile(directory, { network }).headers(1, 1));
    const missing = headerFile(join(directory, "none"), { network });
    expect(await expectCode("INPUT_FILE_UNUSABLE", () => missing.headers(1, 1))).toMatchObject({
      details: { reason: "ENOENT" },
    });
    await expectCode("INPUT_FILE_UNUSABLE", () => headerFile("file://host/f", { network }).headers(1, 1));
    await expectCode("NETWORK_ABORTED", () =>
      headerFile(path, { network }).headers(1, 1, { signal: AbortSignal.abort() }),
    );
  });

  it("is refused where there are no files", async () => {
    await expectCode("INPUT_FILE_UNUSABLE", readFileRange(path));
  });
});
