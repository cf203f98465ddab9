import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { type Devnet, startDevnet } from "../../src/devnet/index.js";
import { contentKey } from "../../src/immutable/key.js";
import { createReader, type ErrorCode, type Reader, type StorageProvider } from "../../src/index.js";
import { http } from "../../src/storage/http.js";
import { memoryStorage } from "../../src/storage/memory.js";
import { createWriter, type Writer } from "../../src/writer.js";
import { rejectionOf } from "../unit/mutable/world.js";
import { reply, type SeenRequest, serve, type TestServer } from "../unit/storage/serve.js";

/** Attack: a store among others that fails in every way a server can, seen through whole reads and writes. */

type Answer = (request: SeenRequest, response: ServerResponse) => void;

const html = "<!doctype html><title>Welcome</title>".padEnd(4_096, " ");
const bomb = gzipSync(new Uint8Array(64 * 1024 * 1024));

/** Breaks the body off in the middle. */
const truncated: Answer = (_request, response) => {
  response.writeHead(200, { "content-length": 1_000 });
  response.write("{");
  setImmediate(() => response.destroy());
};

/** Pours until the connection is closed. */
const endless: Answer = (_request, response) => {
  response.writeHead(200);
  const more = (): void => {
    while (!response.destroyed && response.write(new Uint8Array(65_536)));
    if (!response.destroyed) response.once("drain", more);
  };
  more();
};

const compressed: Answer = (_request, response) => {
  response.writeHead(200, { "content-encoding": "gzip" });
  response.end(bomb);
};

const answers = (status: number, body = "", headers: Record<string, string> = {}): Answer => {
  return (_request, response) => {
    reply(response, status, body, headers);
  };
};

const fast = { retryDelayMs: 1, confirmDelayMs: 1 } as const;

describe("one store of two that fails", () => {
  let devnet: Devnet;
  let honest: StorageProvider;
  let writer: Writer;
  let key = "";
  let server: TestServer | undefined;
  beforeAll(async () => {
    devnet = await startDevnet({ stores: 0 });
    honest = memoryStorage({ label: "honest" });
    const { wallet, signer } = await devnet.fundedWriter();
    const reader = createReader({ ...devnet.readerOptions(), storage: [honest], storagePolicy: fast });
    writer = createWriter({ reader, storage: [honest], wallet, signer });
    await writer.registerName("alice");
    await writer.putMutable("alice", "settings", utf8("dark"));
    ({ key } = await writer.putImmutable("alice", utf8("photo")));
  });
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });
  afterAll(() => devnet.close());

  const start = async (answer: Answer): Promise<TestServer> => {
    server = await serve(answer);
    return server;
  };
  /** The failing store comes first, so that it is asked whatever happens. */
  const readerOf = (at: TestServer): Reader => {
    const failing = http(at.url, { label: "failing" });
    return createReader({ ...devnet.readerOptions(), storage: [failing, honest], storagePolicy: fast });
  };

  const faults: readonly (readonly [string, Answer, "unreachable" | "unverified", ErrorCode])[] = [
    ["wrong credentials (401)", answers(401), "unreachable", "NETWORK_STATUS"],
    ["wrong credentials (403)", answers(403, html), "unreachable", "NETWORK_STATUS"],
    ["busy (503)", answers(503, "", { "retry-after": "0" }), "unreachable", "NETWORK_STATUS"],
    ["busy for an hour (429)", answers(429, "", { "retry-after": "3600" }), "unreachable", "NETWORK_STATUS"],
    ["a truncated body", truncated, "unreachable", "NETWORK_UNREACHABLE"],
    ["a body without end", endless, "unreachable", "NETWORK_TOO_LARGE"],
    ["a gzip bomb", compressed, "unreachable", "NETWORK_TOO_LARGE"],
    ["an HTML page with status 200", answers(200, html), "unverified", "CONTENT_UNVERIFIED"],
    [
      "a redirect into a private network",
      answers(302, "", { location: "http://192.168.0.1/x" }),
      "unreachable",
      "NETWORK_HOST_REFUSED",
    ],
    ["a broken connection", (_request, response) => response.destroy(), "unreachable", "NETWORK_UNREACHABLE"],
  ];

  it.each(faults)(
    "M8, I2: %s is told by place, and the data comes from the honest one",
    async (_, answer, verdict, code) => {
      const reader = readerOf(await start(answer));
      expect(await reader.getMutable("alice", "settings")).toMatchObject({
        data: utf8("dark"),
        replicas: [
          { label: "failing", verdict },
          { label: "honest", verdict: "fresh" },
        ],
      });
      const found = await readerOf(server ?? expect.fail("no server")).getImmutable("alice", key);
      expect(found).toMatchObject({ data: utf8("photo"), attempts: [{ label: "failing" }] });
      const [attempt] = found.found ? found.attempts : [];
      expect([code, "STORAGE_PAUSED"]).toContain(attempt?.code);
    },
  );

  it("a server that asks for an hour is asked once; one that is busy for a moment is asked again", async () => {
    const hour = await start(answers(429, "", { "retry-after": "3600" }));
    const records = (seen: readonly SeenRequest[]) => seen.filter(({ path }) => path.startsWith("/records/")).length;
    await readerOf(hour).getMutable("alice", "settings");
    expect(records(hour.seen)).toBe(1);
    await hour.close();
    const moment = await start(answers(503));
    await readerOf(moment).getMutable("alice", "settings");
    expect(records(moment.seen)).toBe(3);
  });

  it("a store that is down is left alone after some reads, and only then", async () => {
    const down = await start(answers(500));
    const reader = readerOf(down);
    const verdict = async () => {
      const found = await reader.getMutable("alice", "settings");
      return found.found ? found.replicas[0] : undefined;
    };
    for (let i = 0; i < 3; i++) expect((await verdict())?.reason).toMatch(/500/);
    const asked = down.seen.length;
    expect(await verdict()).toMatchObject({
      verdict: "unreachable",
      reason: expect.stringMatching(/left alone/) as string,
    });
    expect(down.seen).toHaveLength(asked);
  });

  it("U1: a URL of another scheme is opened by the reader that the caller gave for it, and file: by none", async () => {
    const opened: string[] = [];
    const urls = ["mem:settings", "file:///etc/passwd", "odd:settings"];
    const route = { label: "mem", opens: (url: string) => url.startsWith("mem:") || url.startsWith("file:") };
    const urlReader = {
      ...route,
      readUrl: async (url: string) => {
        opened.push(url);
        return (await honest.read(url, { kind: "record", maxBytes: 1 })) === null ? null : utf8("never");
      },
    };
    const reader = createReader({ ...devnet.readerOptions(), storage: [honest], urlReaders: [urlReader] });
    const { urlReader: joined } = (await import("../../src/client/reader.js")).coreOf(reader).parts;
    expect(urls.map((url) => joined.opens(url))).toEqual([true, false, false]);
    expect(opened).toEqual([]);
  });

  describe("that is written to", () => {
    const writerTo = async (answer: Answer, conditional: boolean, storagePolicy: object = fast) => {
      const at = await start(answer);
      const failing = http(at.url, { label: "failing", writable: true, conditional });
      const reader = createReader({ ...devnet.readerOptions(), storage: [honest], storagePolicy });
      const storage = [failing, honest];
      return { at, put: () => createWriter({ reader, storage, ...signers }).putImmutable("alice", utf8("photo")) };
    };
    let signers: { signer: NonNullable<Parameters<typeof createWriter>[0]["signer"]> };
    beforeAll(async () => {
      const { signer } = await devnet.fundedWriter();
      signers = { signer };
    });

    /** GET and PUT answered apart. */
    const by =
      (get: Answer, put: Answer): Answer =>
      (request, response) =>
        (request.method === "PUT" ? put : get)(request, response);

    it.each<[string, Answer, boolean, ErrorCode]>([
      ["wrong credentials", by(answers(404), answers(403)), false, "STORAGE_REFUSED"],
      ["501 on conditions", by(answers(404), answers(501)), true, "STORAGE_UNSUPPORTED"],
      ["no space", by(answers(404), answers(507)), false, "STORAGE_FULL"],
      ["a failure of its own", by(answers(404), answers(500)), true, "NETWORK_STATUS"],
      [
        "a broken connection",
        by(answers(404), (_request, response) => response.destroy()),
        true,
        "NETWORK_UNREACHABLE",
      ],
    ])("W7: %s is that store's outcome, and the other one has it", async (_, answer, conditional, code) => {
      const { put } = await writerTo(answer, conditional);
      expect((await put()).providers).toEqual([
        { label: "failing", outcome: "failed", attempt: expect.objectContaining({ label: "failing", code }) as object },
        { label: "honest", outcome: "held", attempt: null },
      ]);
    });

    it("W1: 412 after an answer that was lost: the bytes are there, so it is stored", async () => {
      const files = new Map<string, Buffer>();
      const { put, at } = await writerTo((request, response) => {
        const stored = files.get(request.path);
        if (request.method === "GET") {
          if (stored === undefined) reply(response, 404);
          else reply(response, 200, stored, { etag: '"1"' });
        } else if (stored !== undefined) reply(response, 412);
        else {
          files.set(request.path, request.body);
          response.destroy();
        }
      }, true);
      expect((await put()).providers[0]).toEqual({ label: "failing", outcome: "stored", attempt: null });
      expect(at.seen.filter(({ method }) => method === "PUT")).toHaveLength(1);
      expect([...files.values()].map((file) => contentKey(file))).toEqual([key]);
    });

    it("STORAGE_LOST: a store that says stored and did not is found out where writes are confirmed", async () => {
      const silent = by(answers(404), answers(200));
      expect((await (await writerTo(silent, false)).put()).providers[0]).toMatchObject({ outcome: "stored" });
      await server?.close();
      const { put } = await writerTo(silent, false, { ...fast, confirmWrites: true });
      expect((await put()).providers[0]).toMatchObject({ outcome: "failed", attempt: { code: "STORAGE_LOST" } });
    });

    it("STORAGE_LOST: it does not count as one that holds the data", async () => {
      const at = await start(by(answers(404), answers(201)));
      const reader = createReader({
        ...devnet.readerOptions(),
        storage: [honest],
        storagePolicy: { ...fast, confirmWrites: true },
      });
      const storage = [http(at.url, { writable: true })];
      const lying = createWriter({ reader, storage, ...signers });
      const error = await rejectionOf("STORAGE_UNAVAILABLE", lying.putImmutable("alice", utf8("photo")));
      expect(error.details.attempts).toMatchObject([{ code: "STORAGE_LOST" }]);
    });
  });

  it("I2: one slow store of three costs one delay, and then none", async () => {
    const slow = await start(() => undefined);
    const storagePolicy = { ...fast, hedgeDelayMs: 50, hedgeMinDelayMs: 1 };
    const [second, third] = [honest, honest].map(
      (inner, i): StorageProvider => ({
        ...inner,
        label: `honest ${i}`,
        conditional: true,
        publicBaseUrl: null,
        urlOf: () => null,
        read: (path, options) => inner.read(path, options),
        write: (path, body, options) => inner.write(path, body, options),
        remove: (path) => inner.remove(path),
      }),
    );
    if (second === undefined || third === undefined) expect.fail("no stores");
    const storage = [http(slow.url, { label: "slow" }), second, third];
    const reader = createReader({ ...devnet.readerOptions(), storage, storagePolicy });
    expect(await reader.getImmutable("alice", key)).toMatchObject({ data: utf8("photo") });
    const asked = slow.seen.length;
    expect(asked).toBeGreaterThan(0);
    expect(await reader.getImmutable("alice", key)).toMatchObject({ data: utf8("photo") });
    expect(slow.seen).toHaveLength(asked);
  });
});
