import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { esplora } from "../../../../src/chain/sources/esplora.js";
import type { ChainSource } from "../../../../src/ports.js";
import { HastyClock } from "../../hasty-clock.js";
import { expectCode } from "../../storage/expect-code.js";
import { reply, serve, type TestServer } from "../../storage/serve.js";
import { type EsploraBlock, headerOf, makeBlocks } from "./blocks.js";

const CHAIN = makeBlocks(1_000);
const TIP = CHAIN.length - 1;

// Mainnet's first blocks, as any Esplora server shows them.
const GENESIS = {
  id: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
  height: 0,
  version: 1,
  timestamp: 1231006505,
  tx_count: 1,
  size: 285,
  weight: 1140,
  merkle_root: "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b",
  previousblockhash: null,
  mediantime: 1231006505,
  nonce: 2083236893,
  bits: 486604799,
  difficulty: 1,
};
const BLOCK_1 = {
  id: "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048",
  height: 1,
  version: 1,
  timestamp: 1231469665,
  tx_count: 1,
  merkle_root: "0e3e2357e806b6cdb1f70b54c3a3a17b6714ee1f0e68bebb44a74b1efd512098",
  previousblockhash: GENESIS.id,
  nonce: 2573394689,
  bits: 486604799,
  difficulty: 1,
};

let server: TestServer;
let source: ChainSource;
let page: (top: number | null) => readonly object[] | number | string;
let running: number;
let mostRunning: number;

const pageOf = (chain: readonly EsploraBlock[], top: number | null, size = 10): readonly EsploraBlock[] | number => {
  const from = top ?? chain.length - 1;
  return from >= chain.length ? 404 : chain.slice(Math.max(0, from - size + 1), from + 1).reverse();
};
const bytesOf = (start: number, count: number): Buffer =>
  Buffer.concat(CHAIN.slice(start, start + count).map(headerOf));
const asked = (): readonly string[] => server.seen.map(({ path }) => path);

beforeEach(async () => {
  page = (top) => pageOf(CHAIN, top);
  running = 0;
  mostRunning = 0;
  server = await serve(({ path }, response) => {
    const match = /^\/blocks(?:\/([0-9]+))?$/.exec(path);
    running += 1;
    mostRunning = Math.max(mostRunning, running);
    setImmediate(() => {
      running -= 1;
      const answer = match === null ? 400 : page(match[1] === undefined ? null : Number(match[1]));
      if (typeof answer === "number") reply(response, answer);
      else reply(response, 200, typeof answer === "string" ? answer : JSON.stringify(answer));
    });
  });
  source = esplora(server.url, { clock: new HastyClock() });
});
afterEach(() => server.close());

describe("esplora.tip", () => {
  it("gives the newest block and those below it, oldest first, in one request", async () => {
    const tip = await source.tip();
    expect(tip.height).toBe(TIP);
    expect(tip.hash).toBe(CHAIN[TIP]?.id);
    expect(Buffer.from(tip.recentHeaders).equals(bytesOf(TIP - 9, 10))).toBe(true);
    expect(asked()).toEqual(["/blocks"]);
  });

  it("rebuilds mainnet's first headers", async () => {
    page = () => [BLOCK_1, GENESIS];
    const tip = await source.tip();
    expect(tip).toMatchObject({ height: 1, hash: BLOCK_1.id });
    expect(Buffer.from(tip.recentHeaders).toString("hex")).toBe(
      `01000000${"00".repeat(32)}3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c` +
        "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299",
    );
  });

  it("takes pages of 15, as forks of Esplora send them", async () => {
    page = (top) => pageOf(CHAIN, top, 15);
    expect((await source.tip()).recentHeaders.length).toBe(15 * 80);
    expect(Buffer.from(await source.headers(20, 40)).equals(bytesOf(20, 40))).toBe(true);
  });

  it.each<[string, object[] | string]>([
    ["no block", []],
    ["fields that do not hash to the id", [{ ...BLOCK_1, nonce: 1 }, GENESIS]],
    ["a gap", [{ ...BLOCK_1, height: 2 }, GENESIS]],
    ["the wrong order", [GENESIS, BLOCK_1]],
    ["blocks that are not linked", [BLOCK_1, { ...BLOCK_1, height: 0 }]],
    ["a nonce beyond 32 bits", [{ ...GENESIS, nonce: 2 ** 32 }]],
    ["a version beyond 32 bits", [{ ...GENESIS, version: 2 ** 32 + 1 }]],
    ["a fraction for a time", [{ ...GENESIS, timestamp: 1.5 }]],
    ["no merkle root", [{ ...GENESIS, merkle_root: undefined }]],
    ["a negative height", [{ ...GENESIS, height: -1 }]],
    ["101 blocks", new Array<object>(101).fill(GENESIS)],
    ["no JSON", "<html>"],
  ])("refuses %s", async (_, answer) => {
    page = () => answer;
    await expectCode("NETWORK_ANSWER_INVALID", () => source.tip());
  });

  it("fails where the server fails", async () => {
    page = () => 503;
    await expectCode("NETWORK_STATUS", () => source.tip());
  });
});

describe("esplora.headers", () => {
  it.each([
    [0, 1],
    [0, 10],
    [1, 9],
    [5, 10],
    [7, 25],
    [100, 200],
    [TIP, 1],
    [TIP - 30, 31],
  ])("from %i, %i of them, and no page more than needed", async (start, count) => {
    expect(Buffer.from(await source.headers(start, count)).equals(bytesOf(start, count))).toBe(true);
    expect(asked()).toHaveLength(Math.ceil(count / 10));
    expect(asked()).toContain(`/blocks/${start + count - 1}`);
  });

  it("reads pages in parallel, at most six at once, and at most 400 headers a call", async () => {
    expect(Buffer.from(await source.headers(3, 2_016)).equals(bytesOf(3, 400))).toBe(true);
    expect(mostRunning).toBeLessThanOrEqual(6);
    expect(mostRunning).toBeGreaterThan(1);
  });

  it("ends at the server's tip", async () => {
    expect(Buffer.from(await source.headers(TIP - 4, 50)).equals(bytesOf(TIP - 4, 5))).toBe(true);
    expect(Buffer.from(await source.headers(TIP - 19, 50)).equals(bytesOf(TIP - 19, 20))).toBe(true);
    expect(Buffer.from(await source.headers(TIP, 2)).equals(bytesOf(TIP, 1))).toBe(true);
    // A server that answers with its newest blocks instead of 404.
    page = (top) => pageOf(CHAIN, top === null ? null : Math.min(top, TIP));
    expect(Buffer.from(await source.headers(TIP - 4, 50)).equals(bytesOf(TIP - 4, 5))).toBe(true);
  });

  it("fails where the server has no header at the start", async () => {
    await expectCode("NETWORK_ANSWER_INVALID", () => source.headers(TIP + 1, 10));
    await expectCode("NETWORK_ANSWER_INVALID", () => source.headers(TIP + 1, 1));
    page = (top) => pageOf(CHAIN, top, 3);
    await expectCode("NETWORK_ANSWER_INVALID", () => source.headers(100, 10));
  });

  it("gives what lies before a page that fails, and fails when that is nothing", async () => {
    page = (top) => (top === 139 ? 429 : pageOf(CHAIN, top));
    expect(Buffer.from(await source.headers(100, 200)).equals(bytesOf(100, 30))).toBe(true);
    // Pages behind one that lacks its middle are not joined to what lies before it.
    page = (top) => (top === 119 ? pageOf(CHAIN, 114) : pageOf(CHAIN, top));
    expect(Buffer.from(await source.headers(100, 200)).equals(bytesOf(100, 15))).toBe(true);
    page = (top) => (top === 109 ? 429 : pageOf(CHAIN, top));
    await expectCode("NETWORK_STATUS", () => source.headers(100, 200));
    page = (top) => (top === 109 ? [{ ...BLOCK_1, nonce: 0 }] : pageOf(CHAIN, top));
    await expectCode("NETWORK_ANSWER_INVALID", () => source.headers(100, 200));
    // A page that lies wholly elsewhere.
    page = (top) => (top === 109 ? pageOf(CHAIN, 9) : pageOf(CHAIN, top));
    await expectCode("NETWORK_ANSWER_INVALID", () => source.headers(100, 200));
  });

  it("ends with the caller's abort", async () => {
    const controller = new AbortController();
    page = (top) => {
      if (top === 129) controller.abort();
      return pageOf(CHAIN, top);
    };
    await expectCode("NETWORK_ABORTED", () => source.headers(100, 200, { signal: controller.signal }));
  });

  it("refuses what is no range", async () => {
    await expectCode("INPUT_INVALID", () => source.headers(-1, 10));
    await expectCode("INPUT_INVALID", () => source.headers(0, 0));
    expect(server.seen).toEqual([]);
  });
});
