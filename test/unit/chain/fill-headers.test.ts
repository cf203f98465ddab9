import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { type Filled, fillHeaders } from "../../../src/chain/fill-headers.js";
import type { HeaderChain } from "../../../src/chain/header-chain.js";
import { HeaderChain as Chain } from "../../../src/chain/header-chain.js";
import { networks } from "../../../src/chain/network.js";
import { askTips } from "../../../src/chain/sync-headers.js";
import { limits } from "../../../src/limits.js";
import type { ChainSource, HeaderSource, ProgressEvent } from "../../../src/ports.js";
import { never, unreachable } from "../name/chain-world.js";
import { expectCode } from "../storage/expect-code.js";
import { GENESIS_TIME_SEC, LATE_MS, mineHeader, mineRegtest, mineRun } from "./mining.js";
import { nothingHeld, panelOf, partialSource } from "./seats.js";

const LENGTH = 9_000;
const run = mineRegtest(LENGTH);
const chainOf = (headers: Uint8Array): HeaderChain => Chain.fromStored(networks.regtest, headers, LATE_MS);
const full = chainOf(run);
const first = (count: number): HeaderChain => chainOf(run.subarray(0, count * 80));
/** The first `shared` headers and then `count` of another branch. */
function forkAt(shared: number, count: number): Uint8Array {
  const previousHash = full.hashAt(shared) ?? "";
  const timeSec = GENESIS_TIME_SEC + 600 * (shared + 2);
  return concatBytes(run.subarray(0, shared * 80), mineRun({ previousHash, timeSec, count, version: 5 }));
}

interface Call {
  readonly label: string;
  readonly start: number;
  readonly count: number;
}
let calls: Call[] = [];
/** That of the filling under way. */
let clockOf: ReturnType<typeof panelOf>["clock"] | null = null;

/** What serves headers from height 1 on, at most `most` in a call. */
function headersOf(label: string, headers: Uint8Array, most = Number.POSITIVE_INFINITY): HeaderSource {
  return {
    label,
    headers: (start, count) => {
      calls.push({ label, start, count });
      const at = (start - 1) * 80;
      if (at >= headers.length) return Promise.reject(unreachable(label, `no header at ${start}`));
      return Promise.resolve(headers.slice(at, at + Math.min(count, most) * 80));
    },
  };
}

function sourceOf(label: string, headers: Uint8Array = run, most?: number, perRequest?: number): ChainSource {
  const height = headers.length / 80;
  const tip = { height, hash: (headers === run ? full : chainOf(headers)).tipHash, recentHeaders: new Uint8Array() };
  const methods = { ...headersOf(label, headers, most), tip: () => Promise.resolve(tip) };
  return { ...partialSource(label, methods), headersPerRequest: perRequest };
}

interface Outcome extends Filled {
  readonly saved: readonly number[];
  readonly events: readonly ProgressEvent[];
}

async function fill(
  headerSources: readonly HeaderSource[],
  sources: readonly ChainSource[],
  stored = nothingHeld(),
  during: (clock: ReturnType<typeof panelOf>["clock"]) => Promise<void> = () => Promise.resolve(),
): Promise<Outcome> {
  calls = [];
  const { panel, clock } = panelOf(sources);
  clockOf = clock;
  const tips = await askTips(panel);
  const saved: number[] = [];
  const events: ProgressEvent[] = [];
  const save = (chain: HeaderChain): Promise<void> => {
    saved.push(chain.tipHeight);
    return Promise.resolve();
  };
  const filling = fillHeaders(panel, tips, stored, { headerSources, save, onEvent: (event) => events.push(event) });
  await during(clock);
  const filled = await filling;
  expect(clock.pending).toBe(0);
  return { ...filled, saved, events };
}

const of = (label: string): readonly Call[] => calls.filter((call) => call.label === label);

describe("filling in many missing headers", () => {
  it("V1: takes them from a header source, confirmed by one header of a source for each piece", async () => {
    const { chain, saved, supplies } = await fill([headersOf("file", run)], [sourceOf("a")]);
    expect(chain.tipHash).toBe(full.tipHash);
    expect(saved).toEqual([2_016, 6_048, LENGTH]);
    expect(of("file").map(({ start, count }) => [start, count])).toEqual([
      [1, 2_016],
      [2_017, 4_032],
      [6_049, 2_952],
    ]);
    expect(of("a").map(({ start, count }) => [start, count])).toEqual(saved.map((height) => [height, 1]));
    expect(supplies).toMatchObject([
      { label: "file", isHeaderSource: true, headers: LENGTH, failure: null },
      { label: "a", isHeaderSource: false, headers: 0, failure: null },
    ]);
  });

  it("asks nobody where few are missing", async () => {
    const stored = first(LENGTH - limits.headersBulkGap);
    const { chain, supplies } = await fill([headersOf("file", run)], [sourceOf("a")], stored);
    expect(chain).toBe(stored);
    expect([calls, supplies]).toEqual([[], []]);
    expect((await fill([headersOf("file", run)], [sourceOf("a")], first(LENGTH - 401))).chain.tipHeight).toBe(LENGTH);
  });

  it("tells its progress", async () => {
    const { events } = await fill([headersOf("file", run)], [sourceOf("a")], first(1_000));
    expect(events.map(({ done, total }) => [done, total])).toEqual([
      [0, 8_000],
      [2_000, 8_000],
      [6_032, 8_000],
      [8_000, 8_000],
    ]);
    expect(events[1]).toMatchObject({ stage: "headers", message: "Fetching headers: 3000 of 9000" });
  });

  it("V1: without header sources the chain sources give them, those first that give many in one request", async () => {
    const few = sourceOf("few", run, 400, 10);
    const { chain, supplies } = await fill([], [few, sourceOf("many", run)]);
    expect(chain.tipHeight).toBeGreaterThanOrEqual(LENGTH - limits.headersBulkGap);
    expect(of("few")).toEqual([]);
    expect(supplies.map(({ label, headers }) => [label, headers > 0])).toEqual([
      ["many", true],
      ["few", false],
    ]);
    // Alone it is asked on and on, down to what is not worth it.
    expect((await fill([], [few])).chain.tipHeight).toBe(8_800);
  });

  it("V1: a file that ends early is no failure; the next supplier goes on", async () => {
    const early = run.subarray(0, 2_500 * 80);
    const { chain, supplies } = await fill([headersOf("old", early), headersOf("new", run)], [sourceOf("a")]);
    expect(chain.tipHash).toBe(full.tipHash);
    expect(supplies).toMatchObject([
      { headers: 2_500, failure: null },
      { headers: LENGTH - 2_500, failure: null },
      { headers: 0 },
    ]);
  });

  it("V1: what a file has above the sources' tips is not taken", async () => {
    const { chain } = await fill([headersOf("file", run)], [sourceOf("a", run.subarray(0, 5_000 * 80))]);
    expect(chain.tipHeight).toBe(5_000);
  });

  it("V1: a file on a fork counts up to the last block that a source has", async () => {
    const forked = forkAt(3_000, 7_000);
    const { chain, saved, supplies } = await fill([headersOf("file", forked)], [sourceOf("a")]);
    expect(chain.hashAt(3_001)).toBe(full.hashAt(3_001));
    expect(saved.map((height) => height <= LENGTH)).not.toContain(false);
    expect(supplies[0]).toMatchObject({ label: "file", failure: { code: "NETWORK_ANSWER_INVALID" } });
    expect(supplies[0]?.headers).toBeGreaterThanOrEqual(2_016);
    expect(supplies[0]?.headers).toBeLessThanOrEqual(3_000);
    expect(of("a").filter(({ count }) => count === 1).length).toBeLessThan(20);
  });

  it("V1: a fork in its last blocks costs few questions and nearly nothing of the file", async () => {
    const source = sourceOf("a", run.subarray(0, 2_016 * 80));
    const { chain, supplies } = await fill([headersOf("file", forkAt(2_013, 100))], [source]);
    expect(chain.tipHash).toBe(full.hashAt(2_013));
    expect(supplies[0]).toMatchObject({ headers: 2_013 });
    expect(of("a").map(({ start }) => start)).toEqual([2_016, 2_015, 2_013]);
  });

  it("V1: headers that no source has are not taken, however much work they have", async () => {
    const { chain, saved, supplies } = await fill([headersOf("file", forkAt(0, LENGTH))], [sourceOf("a", run, 10)]);
    expect([chain.tipHash, saved]).toEqual([full.hashAt(10), [10]]);
    expect(supplies[0]).toMatchObject({ headers: 0, failure: { code: "NETWORK_ANSWER_INVALID" } });
  });

  it("V1: the valid part of a file counts, and then the next supplier goes on", async () => {
    const bad = mineHeader({ previousHash: full.hashAt(1_000) ?? "", timeSec: 1, miss: true });
    const damaged = concatBytes(run.subarray(0, 80_000), bad, run.subarray(80_080));
    const { chain, supplies } = await fill([headersOf("file", damaged), headersOf("good", run)], [sourceOf("a")]);
    expect(chain.tipHash).toBe(full.tipHash);
    expect(supplies[0]).toMatchObject({
      headers: 1_000,
      failure: { code: "CHAIN_HEADER_INVALID", details: { height: 1_001 } },
    });
  });

  it.each<[string, HeaderSource["headers"]]>([
    ["fails", () => Promise.reject(unreachable("file"))],
    ["throws what is no error of ours", () => Promise.reject(new TypeError("broken"))],
    [
      "throws at once",
      () => {
        throw new TypeError("broken");
      },
    ],
    ["gives nothing", () => Promise.resolve(new Uint8Array(0))],
    ["gives no bytes", () => Promise.resolve("headers" as unknown as Uint8Array)],
    [
      "gives a foreign chain",
      () => Promise.resolve(mineRun({ previousHash: "22".repeat(32), timeSec: GENESIS_TIME_SEC, count: 20 })),
    ],
    ["gives a part of a header", () => Promise.resolve(run.slice(0, 79))],
  ])("V1: one that %s is left for the next one", async (_, headers) => {
    const { chain, supplies } = await fill([{ label: "file", headers }, headersOf("good", run)], [sourceOf("a")]);
    expect(chain.tipHash).toBe(full.tipHash);
    expect(supplies[0]).toMatchObject({ headers: 0 });
    expect(supplies[0]?.failure).not.toBeNull();
    expect(supplies[1]).toMatchObject({ headers: LENGTH, failure: null });
  });

  it("V1: one that hangs costs some seconds once; the next one overtakes it", async () => {
    const hanging: HeaderSource = { label: "slow", headers: () => never() };
    const { chain, supplies } = await fill(
      [hanging, headersOf("file", run)],
      [sourceOf("a")],
      undefined,
      async (clock) => {
        await clock.advance(4_999);
        expect(calls).toEqual([]);
        await clock.advance(1);
      },
    );
    expect(chain.tipHash).toBe(full.tipHash);
    expect(supplies[0]).toMatchObject({ label: "slow", failure: { code: "NETWORK_TIMEOUT" } });
  });

  it("V1: one that drips single headers is left", async () => {
    const drips = sourceOf("drips", run, 99);
    const { supplies } = await fill([headersOf("file", run, 1)], [drips, sourceOf("good", run)]);
    expect(supplies.map(({ headers }) => headers)).toEqual([1, 99, expect.any(Number)]);
    expect([of("file").length, of("drips").filter(({ count }) => count > 1).length]).toEqual([1, 1]);
  });

  it("V1: a reorganisation near the stored tip is seen, since some stored headers are asked for again", async () => {
    const stored = chainOf(forkAt(2_990, 10));
    const { chain } = await fill([headersOf("file", run)], [sourceOf("a")], stored);
    expect(chain.tipHash).toBe(full.tipHash);
    expect(of("file")[0]).toMatchObject({ start: 2_985 });
  });

  it("V1: never gives up the stored chain for one with less work", async () => {
    const stored = chainOf(forkAt(0, 2_000));
    const { chain, saved } = await fill([], [sourceOf("a", run, 500)], stored);
    expect(chain).toBe(stored);
    expect(saved).toEqual([]);
  });

  it("V1: nor for a fork near its tip that is cut short", async () => {
    const stored = chainOf(forkAt(2_990, 10));
    const { chain, saved } = await fill([headersOf("file", run, 8)], [sourceOf("a", run, 8)], stored);
    expect(chain).toBe(stored);
    expect(saved).toEqual([]);
  });

  it("asks for more at a time only of one that is fast", async () => {
    const slow: HeaderSource = {
      label: "file",
      headers: async (start, count) => {
        await clockOf?.delay(2_000);
        return headersOf("file", run).headers(start, count);
      },
    };
    await fill([slow], [sourceOf("a")], undefined, async (clock) => {
      await clock.advance(20_000);
    });
    expect(of("file").map(({ count }) => count)).toEqual([2_016, 2_016, 2_016, 2_016, 936]);
  });

  it("ends when the caller aborts, and what was verified by then was saved", async () => {
    calls = [];
    const abort = new AbortController();
    const { panel, clock } = panelOf([sourceOf("a")], abort.signal);
    const saved: number[] = [];
    const save = (chain: HeaderChain): Promise<void> => {
      saved.push(chain.tipHeight);
      abort.abort();
      return Promise.resolve();
    };
    const tips = await askTips(panel);
    const options = { headerSources: [headersOf("file", run)], save };
    await expectCode("NETWORK_ABORTED", fillHeaders(panel, tips, nothingHeld(), options));
    expect(saved).toEqual([2_016]);
    expect(clock.pending).toBe(0);
  });

  it("fails where what was verified cannot be saved", async () => {
    const { panel } = panelOf([sourceOf("a")]);
    const save = (): Promise<void> => Promise.reject(unreachable("disk"));
    const tips = await askTips(panel);
    const options = { headerSources: [headersOf("file", run)], save };
    await expectCode("NETWORK_UNREACHABLE", fillHeaders(panel, tips, nothingHeld(), options));
  });
});
