import { beforeAll, describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { headerFile } from "../../../src/chain/sources/header-file.js";
import { HawserError } from "../../../src/errors.js";
import { createReader, type Reader, type ReaderOptions } from "../../../src/index.js";
import { limits } from "../../../src/limits.js";
import type { Cache, ProgressEvent } from "../../../src/ports.js";
import { LATE_MS } from "../chain/mining.js";
import { FakeClock } from "../fake-clock.js";
import { World } from "../name/builder.js";
import { type CountingSource, MinedChain, never, sourceOf, type Twist, unreachable } from "../name/chain-world.js";
import { expectCode } from "../storage/expect-code.js";
import { serve } from "../storage/serve.js";

const LENGTH = 4_600;
const world = new World();
let chain: MinedChain;
let file: Uint8Array;

beforeAll(() => {
  chain = MinedChain.of(world, LENGTH);
  file = chain.headers(1, LENGTH);
});

/** Gives 40 headers in a call, so that it is no help where many are missing. */
const sparing: Twist = (honest) => ({ headers: (start, count) => honest.headers(start, Math.min(count, 40)) });

interface Setup extends Partial<ReaderOptions> {
  readonly cache?: Cache;
}

function reader(options: Setup = {}): Reader & { readonly clock: FakeClock } {
  const clock = new FakeClock(LATE_MS);
  const sources = [sourceOf("a", chain, sparing), sourceOf("b", chain, sparing)];
  const made = createReader({ network: "regtest", sources, clock, ...options });
  return Object.assign(made, { clock });
}

const headersFrom = (
  label: string,
  bytes = file,
): { label: string; starts: number[]; headers: (start: number, count: number) => Promise<Uint8Array> } => {
  const starts: number[] = [];
  return {
    label,
    starts,
    headers: (start, count) => {
      starts.push(start);
      const part = bytes.slice((start - 1) * 80, (start - 1 + count) * 80);
      return part.length > 0 ? Promise.resolve(part) : Promise.reject(unreachable(label));
    },
  };
};

/** A cache that dies after so many writes. */
function dying(cache: Cache, writes: number): Cache {
  let left = writes;
  return {
    ...cache,
    durable: true,
    get: (key) => cache.get(key),
    keys: (prefix) => cache.keys(prefix),
    close: () => cache.close(),
    update: (key, change) => {
      if (left-- > 0) return cache.update(key, change);
      return Promise.reject(new HawserError("CACHE_UNAVAILABLE", "The process died.", { reason: "died" }));
    },
  };
}

const countOf = (source: CountingSource): number => source.calls.filter((call) => call === "headers").length;

describe("syncHeaders of a reader", () => {
  it("V1: takes a header file over HTTP, follows the sources, and says who gave what", async () => {
    const server = await serve(({ headers }, response) => {
      const [from = 0, to = 0] = (headers.range ?? "").replace("bytes=", "").split("-").map(Number);
      const part = file.subarray(from, to + 1);
      response.writeHead(206, { "content-range": `bytes ${from}-${from + part.length - 1}/${file.length}` }).end(part);
    });
    const events: ProgressEvent[] = [];
    const own = reader({ headerSources: [headerFile(`${server.url}/h.bin`, { network: "regtest", label: "file" })] });
    const result = await own.syncHeaders({ onEvent: (event) => events.push(event) });
    expect(result).toEqual({
      height: LENGTH,
      hash: chain.hashAt(LENGTH),
      time: chain.headerChain().tipTimeSec,
      tipAgeMs: LATE_MS - (chain.headerChain().tipTimeSec ?? 0) * 1000,
      weakStart: false,
      signaturesUnchecked: false,
      work: chain.headerChain().work.toString(16),
      from: 0,
      added: LENGTH,
      sources: [
        { label: "a", verdict: "agreed", headers: 0 },
        { label: "b", verdict: "agreed", headers: 0 },
      ],
      headerSources: [{ label: "file", headers: LENGTH, failure: null }],
    });
    expect(events).toContainEqual(expect.objectContaining({ stage: "headers", done: LENGTH, total: LENGTH }));
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    expect(concatBytes(...(await collect(own.exportHeaders())))).toEqual(file);
    await server.close();
  });

  it("V1: goes on where a sync that died had stored", async () => {
    const cache = memoryCache();
    const died = headersFrom("file");
    // Work and headers of the first piece, and the work of the second.
    await expectCode("CACHE_UNAVAILABLE", reader({ cache: dying(cache, 3), headerSources: [died] }).syncHeaders());
    expect(await cache.keys("headers/regtest/0")).toEqual(["headers/regtest/000000"]);
    const next = headersFrom("file");
    const result = await reader({ cache, headerSources: [next] }).syncHeaders();
    expect([result.height, result.from, next.starts[0]]).toEqual([LENGTH, 2_016, 2_001]);
  });

  it("V1: an abort leaves what was verified by then", async () => {
    const cache = memoryCache();
    const abort = new AbortController();
    const onEvent = ({ done }: ProgressEvent): void => {
      if (done === 2_016) abort.abort();
    };
    const options = { cache, headerSources: [headersFrom("file")] };
    await expectCode("NETWORK_ABORTED", reader(options).syncHeaders({ signal: abort.signal, onEvent }));
    expect((await collect(reader({ cache }).exportHeaders())).length).toBe(1);
  });

  it("V1: with no header source the chain sources give all", async () => {
    const many = sourceOf("many", chain);
    const result = await reader({ sources: [sourceOf("a", chain, sparing), many] }).syncHeaders();
    expect(result).toMatchObject({ height: LENGTH, headerSources: [] });
    expect(countOf(many)).toBeLessThan(10);
    expect((await reader({ sources: [sourceOf("a", chain, sparing)] }).syncHeaders()).height).toBe(LENGTH);
  });

  it("V1: a second one has nothing to do and asks no header source", async () => {
    const headerSource = headersFrom("file");
    const own = reader({ headerSources: [headerSource] });
    await own.syncHeaders();
    const asked = headerSource.starts.length;
    expect(await own.syncHeaders()).toMatchObject({
      from: LENGTH,
      added: 0,
      headerSources: [{ headers: 0, failure: null }],
    });
    expect(headerSource.starts.length).toBe(asked);
  });

  it("V1: says what a header source was left for", async () => {
    const result = await reader({
      headerSources: [headersFrom("bad", file.subarray(80)), headersFrom("good")],
    }).syncHeaders();
    expect(result).toMatchObject({
      height: LENGTH,
      headerSources: [
        { label: "bad", headers: 0, failure: { label: "bad", code: "CHAIN_WORK_INSUFFICIENT" } },
        { headers: LENGTH, failure: null },
      ],
    });
  });

  it("V1: header files alone are nothing: without a source the chain is not known", async () => {
    const silent: Twist = () => ({ tip: () => Promise.reject(unreachable("a")) });
    const cache = memoryCache();
    const own = reader({ cache, sources: [sourceOf("a", chain, silent)], headerSources: [headersFrom("file")] });
    const error = await expectCode("CHAIN_UNAVAILABLE", own.syncHeaders());
    expect(error.details).toMatchObject({
      needed: 1,
      answered: 0,
      attempts: [{ label: "a", code: "NETWORK_UNREACHABLE" }],
    });
    expect(await cache.keys("headers/")).toEqual([]);
  });

  it("has an hour, not a read's minute, and less where the caller says so", async () => {
    const hanging = (): Reader & { clock: FakeClock } =>
      reader({ sources: [sourceOf("a", chain, () => ({ tip: () => never() }))] });
    const own = hanging();
    const failing = expectCode("NETWORK_TIMEOUT", own.syncHeaders({ timeoutMs: 1_000 }));
    await own.clock.advance(1_000);
    expect((await failing).details).toMatchObject({ timeoutMs: 1_000 });
    expect(limits.headerSyncTimeoutMs).toBe(3_600_000);
    const slow = reader({
      headerSources: [
        {
          label: "slow",
          headers: async (start, count) => {
            await slow.clock.delay(14_000);
            return headersFrom("slow").headers(start, Math.min(count, 400));
          },
        },
      ],
      sources: [sourceOf("a", chain)],
    });
    const synced = slow.syncHeaders();
    await slow.clock.advance(120_000);
    expect((await synced).height).toBe(LENGTH);
    await expectCode("INPUT_INVALID", slow.syncHeaders({ timeoutMs: 0 }));
  });
});

describe("exportHeaders of a reader", () => {
  it("gives what is stored, in pieces, and asks nobody", async () => {
    const cache = memoryCache();
    await reader({ cache, headerSources: [headersFrom("file")] }).syncHeaders();
    const silent = sourceOf("a", chain, () => ({ tip: () => never() }));
    const own = reader({ cache, sources: [silent] });
    const pieces = await collect(own.exportHeaders());
    expect(pieces.map(({ length }) => length / 80)).toEqual([2_016, 2_016, LENGTH - 4_032]);
    expect(concatBytes(...(await collect(own.exportHeaders({ from: 4_000 }))))).toEqual(file.slice(3_999 * 80));
    expect(await collect(own.exportHeaders({ from: LENGTH + 1 }))).toEqual([]);
    for (const from of [0, LENGTH + 2]) await expectCode("INPUT_INVALID", collect(own.exportHeaders({ from })));
    expect(silent.calls).toEqual([]);
    expect(await collect(reader().exportHeaders())).toEqual([]);
  });
});

describe("a read with header sources", () => {
  it("V1: takes many missing headers from them", async () => {
    const headerSource = headersFrom("file");
    const sources = [sourceOf("a", chain, sparing), sourceOf("b", chain, sparing)];
    const found = await reader({ headerSources: [headerSource], sources }).getName("alice");
    expect(found).toMatchObject({ found: false, why: "no-name", asOf: { tipHeight: LENGTH } });
    expect(headerSource.starts.length).toBeGreaterThan(0);
    for (const source of sources) expect(countOf(source)).toBeLessThan(5);
  });

  it("V1: gets the right answer also where they lie, hang or end", async () => {
    const other = MinedChain.of(world, 3_000, { onto: { chain, upTo: 1_000 }, version: 5 });
    for (const headerSource of [
      headersFrom("fork", other.headers(1, 3_000)),
      headersFrom("short", file.subarray(0, 800)),
      headersFrom("bad", file.subarray(80)),
    ]) {
      const sources = [sourceOf("a", chain), sourceOf("b", chain)];
      const found = await reader({ headerSources: [headerSource], sources }).getName("alice");
      expect(found.asOf).toMatchObject({ tipHeight: LENGTH, hash: chain.hashAt(LENGTH), partial: false });
    }
  });

  it("works as ever where none is configured", async () => {
    const source = sourceOf("a", chain);
    const found = await reader({ sources: [source] }).getName("alice");
    expect(found.asOf.tipHeight).toBe(LENGTH);
    expect(countOf(source)).toBe(Math.ceil(LENGTH / limits.headersPerCall));
  });
});

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}
