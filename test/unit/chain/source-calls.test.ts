import { describe, expect, it } from "vitest";
import {
  askCoinbase,
  askHeaders,
  askHistory,
  askInclusion,
  askOutspend,
  askTip,
  askTransaction,
  askUnspent,
} from "../../../src/chain/source-calls.js";
import type { Panel, Seat } from "../../../src/chain/union.js";
import { HawserError } from "../../../src/errors.js";
import { limits } from "../../../src/limits.js";
import type { ChainSource } from "../../../src/ports.js";
import { panelOf, partialSource } from "./seats.js";

const TXID = "ab".repeat(32);
const HEADER = new Uint8Array(80);
const script = Uint8Array.of(1);
const hole: unknown[] = [];
hole.length = 1;

interface Call {
  readonly method: keyof ChainSource;
  readonly ask: (panel: Panel, seat: Seat) => Promise<unknown>;
  /** Answers that are taken, with what becomes of them where that differs. */
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
}

const BAD_NUMBERS = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "7", 7n, undefined];
const BAD_TXIDS = ["", TXID.slice(2), TXID.toUpperCase(), `${TXID}ab`, "zz".repeat(32), 7, null, undefined];
const NO_OBJECTS = [null, undefined, "text", 7, true];
const NO_BYTES = ["00", [0], new ArrayBuffer(80), 7, undefined, {}];

const tip = { height: 7, hash: TXID, recentHeaders: HEADER };
const entry = { txid: TXID, height: 7 };
const claim = { height: 7, position: 1, branch: [new Uint8Array(32)] };
const output = { txid: TXID, vout: 1, valueSats: 5n, height: 7 };

const calls: readonly Call[] = [
  {
    method: "tip",
    ask: askTip,
    good: [tip, { ...tip, height: 0 }, { ...tip, recentHeaders: new Uint8Array(limits.headersPerCall * 80) }],
    bad: [
      ...NO_OBJECTS,
      ...[...BAD_NUMBERS, null].map((height) => ({ ...tip, height })),
      ...BAD_TXIDS.map((hash) => ({ ...tip, hash })),
      ...[...NO_BYTES, null].map((recentHeaders) => ({ ...tip, recentHeaders })),
      { ...tip, recentHeaders: new Uint8Array(limits.headersPerCall * 80 + 1) },
    ],
  },
  {
    method: "headers",
    ask: (panel, seat) => askHeaders(panel, seat, 1, 2),
    good: [HEADER, new Uint8Array(160)],
    bad: [...NO_BYTES, null, new Uint8Array(0), new Uint8Array(79)],
  },
  {
    method: "history",
    ask: (panel, seat) => askHistory(panel, seat, script),
    good: [
      [],
      [entry, { ...entry, height: null }, { ...entry, height: 0 }],
      Array.from({ length: limits.historyMaxEntries }, () => entry),
    ],
    bad: [
      ...NO_OBJECTS,
      { length: 0 },
      [null],
      hole,
      ...BAD_NUMBERS.map((height) => [{ ...entry, height }]),
      ...BAD_TXIDS.map((txid) => [entry, { ...entry, txid }]),
      Array.from({ length: limits.historyMaxEntries + 1 }, () => entry),
    ],
  },
  {
    method: "transaction",
    ask: async (panel, seat) => (await askTransaction(panel, seat, TXID))?.value,
    good: [HEADER, new Uint8Array(0), null],
    bad: [...NO_BYTES],
  },
  {
    method: "inclusion",
    ask: async (panel, seat) => (await askInclusion(panel, seat, TXID, 7))?.value,
    good: [
      claim,
      { ...claim, branch: [] },
      { ...claim, branch: Array.from({ length: limits.merkleMaxLevels }, () => new Uint8Array(32)) },
      null,
    ],
    bad: [
      undefined,
      "text",
      7,
      ...[...BAD_NUMBERS, null].map((height) => ({ ...claim, height })),
      ...[...BAD_NUMBERS, null].map((position) => ({ ...claim, position })),
      ...["text", null, undefined, HEADER].map((branch) => ({ ...claim, branch })),
      ...[...NO_BYTES, null].map((hash) => ({ ...claim, branch: [hash] })),
      { ...claim, branch: hole },
      { ...claim, branch: Array.from({ length: limits.merkleMaxLevels + 1 }, () => new Uint8Array(32)) },
    ],
  },
  {
    method: "coinbaseTxid",
    ask: (panel, seat) => askCoinbase(panel, seat, 7),
    good: [TXID],
    bad: BAD_TXIDS,
  },
  {
    method: "outspend",
    ask: (panel, seat) => askOutspend(panel, seat, { txid: TXID, vout: 1 }, script),
    good: [{ spent: false }, { spent: true, ...entry }, { spent: true, ...entry, height: null }],
    bad: [
      ...NO_OBJECTS,
      {},
      ...["no", "false", 0, null, "", undefined].map((spent) => ({ spent })),
      ...["yes", 1, {}].map((spent) => ({ spent, ...entry })),
      { spent: true },
      ...BAD_TXIDS.map((txid) => ({ spent: true, ...entry, txid })),
      ...BAD_NUMBERS.map((height) => ({ spent: true, ...entry, height })),
    ],
  },
  {
    method: "unspent",
    ask: (panel, seat) => askUnspent(panel, seat, script),
    good: [[], [output, { ...output, height: null, vout: 0 }]],
    bad: [
      ...NO_OBJECTS,
      [null],
      hole,
      ...BAD_TXIDS.map((txid) => [{ ...output, txid }]),
      ...[...BAD_NUMBERS, null].map((vout) => [{ ...output, vout }]),
      ...[5, "5", null, undefined].map((valueSats) => [{ ...output, valueSats }]),
      ...BAD_NUMBERS.map((height) => [{ ...output, height }]),
    ],
  },
];

function answering(method: keyof ChainSource, answer: () => unknown): ChainSource {
  return partialSource("a", { [method]: answer });
}

describe.each(calls)("V5: what $method may answer", ({ method, ask, good, bad }) => {
  it(`V5: ${method}: the documented shape is taken as it is`, async () => {
    for (const value of good) {
      const { panel, seats } = panelOf([answering(method, () => Promise.resolve(value))]);
      expect(await ask(panel, seats[0])).toEqual(value);
      expect(seats[0].failure).toBeNull();
    }
  });

  it(`V5: ${method}: any other shape is no answer`, async () => {
    for (const value of bad) {
      const { panel, seats } = panelOf([answering(method, () => Promise.resolve(value))]);
      expect((await ask(panel, seats[0])) ?? null, JSON.stringify(value, hexOf)).toBeNull();
      expect(seats[0].failure).toMatchObject({ code: "NETWORK_ANSWER_INVALID", details: { url: "a" } });
      expect(seats[0].gone).toBe(false);
    }
  });

  it(`V5: ${method}: nor is what is thrown, at once or later, or an object that breaks when it is read`, async () => {
    const breaking = {
      get [method === "headers" || method === "coinbaseTxid" ? "length" : "height"](): never {
        throw new Error("read me not");
      },
    };
    // A source may be anybody's code and throw what is no error.
    const [text, nothing] = ["text", undefined] as unknown as [Error, Error];
    for (const answer of [
      () => {
        throw new Error("at once");
      },
      () => Promise.reject(new Error("later")),
      () => Promise.reject(text),
      () => Promise.reject(nothing),
      () => Promise.resolve(method === "history" || method === "unspent" ? [breaking] : breaking),
    ]) {
      const { panel, seats } = panelOf([answering(method, answer)]);
      expect((await ask(panel, seats[0])) ?? null).toBeNull();
      expect(seats[0].failure).toBeInstanceOf(HawserError);
    }
  });
});

const hexOf = (_: string, value: unknown): unknown => (typeof value === "bigint" ? `${value}n` : value);

describe("what is taken from an answer", () => {
  it("V8: a source is told the place up to which a history is asked, and nothing where it is asked whole", async () => {
    const asked: unknown[] = [];
    const source = partialSource("a", {
      history: (_, options) => {
        asked.push(Object.keys(options ?? {}), options?.before);
        return Promise.resolve([]);
      },
    });
    const { panel, seats } = panelOf([source]);
    const before = { txid: TXID, height: 7 };
    await askHistory(panel, seats[0], script, before);
    await askHistory(panel, seats[0], script);
    expect(asked).toEqual([["signal", "before"], before, ["signal"], undefined]);
  });

  it("V8: no more headers beside a tip than one call may bring", async () => {
    const tipWith = (headers: number): (() => unknown) => {
      const recentHeaders = new Uint8Array(80 * headers);
      return () => Promise.resolve({ height: 7, hash: TXID, recentHeaders });
    };
    const { panel, seats } = panelOf([answering("tip", tipWith(limits.headersPerCall))]);
    expect(await askTip(panel, seats[0])).toMatchObject({ height: 7 });
    const { panel: other, seats: otherSeats } = panelOf([answering("tip", tipWith(limits.headersPerCall + 1))]);
    expect(await askTip(other, otherSeats[0])).toBeNull();
  });

  it("V2: no branch of more than 30 levels", async () => {
    const claimWith = (levels: number): (() => unknown) => {
      const branch = Array.from({ length: levels }, () => new Uint8Array(32));
      return () => Promise.resolve({ height: 7, position: 1, branch });
    };
    const { panel, seats } = panelOf([answering("inclusion", claimWith(30))]);
    expect(await askInclusion(panel, seats[0], TXID, 7)).toMatchObject({ value: { height: 7 } });
    const { panel: other, seats: otherSeats } = panelOf([answering("inclusion", claimWith(31))]);
    expect(await askInclusion(other, otherSeats[0], TXID, 7)).toBeNull();
  });

  it("V8: no history that is too long to be looked at", async () => {
    const entries = (count: number): (() => unknown) => {
      const list = Array.from({ length: count }, () => entry);
      return () => Promise.resolve(list);
    };
    const { panel, seats } = panelOf([answering("history", entries(limits.historyMaxEntries))]);
    expect(await askHistory(panel, seats[0], script)).toHaveLength(limits.historyMaxEntries);
    const { panel: other, seats: otherSeats } = panelOf([answering("history", entries(limits.historyMaxEntries + 1))]);
    expect(await askHistory(other, otherSeats[0], script)).toBeNull();
  });

  it("V8: no more headers than were asked for", async () => {
    const { panel, seats } = panelOf([answering("headers", () => Promise.resolve(new Uint8Array(161)))]);
    expect(await askHeaders(panel, seats[0], 1, 2)).toHaveLength(160);
  });

  it("members of its own alone, none that can change afterwards", async () => {
    const hash = new Uint8Array(32);
    const given = { ...claim, branch: [hash], more: 1 };
    const { panel, seats } = panelOf([answering("inclusion", () => Promise.resolve(given))]);
    const answer = await askInclusion(panel, seats[0], TXID, 7);
    hash.fill(1);
    expect(answer).toEqual({ value: claim });
  });

  it("V5: what the source throws itself is told", async () => {
    const own = new HawserError("NETWORK_STATUS", "It said 503.", { url: "a", status: 503, reason: "busy" });
    const { panel, seats } = panelOf([answering("tip", () => Promise.reject(own))]);
    expect(await askTip(panel, seats[0])).toBeNull();
    expect(seats[0].failure).toBe(own);
  });
});
