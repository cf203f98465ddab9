import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EsploraOptions, esplora } from "../../../../src/chain/sources/esplora.js";
import type { ChainSource } from "../../../../src/ports.js";
import { FakeClock, settle } from "../../fake-clock.js";
import { HastyClock } from "../../hasty-clock.js";
import { expectCode } from "../../storage/expect-code.js";
import { reply, type SeenRequest, serve, type TestServer } from "../../storage/serve.js";

const TXID = "aa".repeat(32);
const RAW = Buffer.from("0200000000", "hex");
const random = { bytes: (length: number) => new Uint8Array(length) };

let server: TestServer;
let answer: (request: SeenRequest, response: ServerResponse) => void;
let clock: HastyClock;
let source: ChainSource;
beforeEach(async () => {
  answer = (_, response) => reply(response, 200, RAW);
  server = await serve((request, response) => answer(request, response));
  clock = new HastyClock();
  source = make();
});
afterEach(() => server.close());

function make(options: EsploraOptions = {}): ChainSource {
  return esplora(`${server.url}/api`, { clock, random, ...options });
}

/** Answers the first requests so, and all later ones with the transaction. */
function first(...statuses: readonly [status: number, headers?: Readonly<Record<string, string>>][]): void {
  const left = [...statuses];
  answer = (_, response) => {
    const [status = 200, headers = {}] = left.shift() ?? [];
    reply(response, status, status === 200 ? RAW : "no", headers);
  };
}

describe("a server that is asked too much", () => {
  it.each<[string, number, Readonly<Record<string, string>>, number]>([
    ["429 with seconds", 429, { "retry-after": "3" }, 3_000],
    ["429 with a date", 429, { "retry-after": new Date(1_700_000_005_000).toUTCString() }, 5_000],
    ["429 with a date that is over", 429, { "retry-after": new Date(1_600_000_000_000).toUTCString() }, 0],
    ["429 without a word", 429, {}, 1_000],
    ["429 with nonsense", 429, { "retry-after": "soon" }, 1_000],
    ["429 with a negative number", 429, { "retry-after": "-5" }, 1_000],
    ["503 with seconds", 503, { "retry-after": "1" }, 1_000],
  ])("is asked again when it says: %s", async (_, status, headers, waitMs) => {
    first([status, headers]);
    expect(Buffer.from((await source.transaction(TXID)) ?? [])).toEqual(RAW);
    expect(server.seen).toHaveLength(2);
    expect(clock.nowMs() - 1_700_000_000_000).toBe(waitMs);
  });

  it("is asked three times and no more", async () => {
    first([429], [429], [429]);
    expect(await expectCode("NETWORK_STATUS", () => source.transaction(TXID))).toMatchObject({
      details: { status: 429 },
    });
    expect(server.seen).toHaveLength(3);
  });

  it("is left alone for as long as it says, where that is longer than a call lasts", async () => {
    first([429, { "retry-after": "60" }]);
    const error = await expectCode("NETWORK_STATUS", () => source.transaction(TXID));
    expect(error.message).toContain("60 s");
    await expectCode("NETWORK_STATUS", () => source.outspend({ txid: TXID, vout: 0 }, new Uint8Array(0)));
    expect(server.seen).toHaveLength(1);
    await clock.delay(53_000);
    expect(await source.transaction(TXID)).not.toBeNull();
  });

  it("cannot keep the source from asking for good", async () => {
    first([429, { "retry-after": "999999999" }]);
    await expectCode("NETWORK_STATUS", () => source.transaction(TXID));
    await clock.delay(600_000);
    expect(await source.transaction(TXID)).not.toBeNull();
  });

  it("gets further requests more slowly, and in time as fast as before", async () => {
    first([429, { "retry-after": "0" }]);
    for (let i = 0; i < 60; i++) await source.transaction(TXID);
    const [before = 0, ...rest] = clock.delays;
    expect(before).toBeGreaterThan(80);
    expect(rest.length).toBeGreaterThan(10);
    expect(rest.every((ms, i) => ms < (rest[i - 1] ?? Number.POSITIVE_INFINITY))).toBe(true);
    const asked = clock.delays.length;
    await source.transaction(TXID);
    expect(clock.delays.length).toBe(asked);
  });

  it.each([500, 502, 503, 403])("is not asked again after status %i alone", async (status) => {
    first([status]);
    await expectCode("NETWORK_STATUS", () => source.transaction(TXID));
    expect(server.seen).toHaveLength(1);
  });

  it("stops waiting on abort", async () => {
    const waiting = new FakeClock();
    first([429, { "retry-after": "5" }]);
    const abort = new AbortController();
    const asking = make({ clock: waiting }).outspend({ txid: TXID, vout: 0 }, new Uint8Array(0), {
      signal: abort.signal,
    });
    const failing = expectCode("NETWORK_ABORTED", asking);
    while (waiting.pending === 0) await settle();
    abort.abort();
    await failing;
    expect(waiting.pending).toBe(0);
  });
});

describe("a connection that breaks", () => {
  it("is tried once more, some moments later", async () => {
    let left = 1;
    answer = (_, response) => {
      if (left-- > 0) response.destroy();
      else reply(response, 200, RAW);
    };
    expect(await source.transaction(TXID)).not.toBeNull();
    expect(clock.delays).toEqual([250]);
    left = 2;
    await expectCode("NETWORK_UNREACHABLE", () => source.transaction(TXID));
    expect(server.seen).toHaveLength(4);
  });

  it("waits a while that differs from reader to reader", async () => {
    answer = (_, response) => response.destroy();
    const late = make({ random: { bytes: (length) => new Uint8Array(length).fill(255) } });
    await expectCode("NETWORK_UNREACHABLE", () => late.transaction(TXID));
    expect(clock.delays[0]).toBeCloseTo(374.5, 0);
  });

  it("is not tried again where nobody listens", async () => {
    const gone = await serve(() => undefined);
    await gone.close();
    await expectCode("NETWORK_UNREACHABLE", () => esplora(gone.url, { clock, random }).transaction(TXID));
    expect(clock.delays).toEqual([]);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    [
      "shorter than its Content-Length",
      (response) => {
        response.writeHead(200, { "content-length": "10" });
        response.write(RAW);
        setImmediate(() => response.destroy());
      },
    ],
    [
      "cut among its chunks",
      (response) => {
        response.writeHead(200, { "transfer-encoding": "chunked" });
        response.write(RAW);
        setImmediate(() => response.destroy());
      },
    ],
  ])("gives no answer: a body %s", async (_, send) => {
    answer = (_request, response) => send(response);
    await expectCode("NETWORK_UNREACHABLE", () => source.transaction(TXID));
    expect(server.seen).toHaveLength(2);
  });
});

describe("what is no answer although it says 200", () => {
  it.each<[string, string]>([
    ["text/html; charset=utf-8", "<html>Log in to the network</html>"],
    ["application/json", '{"error":"not synced"}'],
    ["text/plain", "Transaction not found"],
  ])("for a raw transaction: %s", async (type, body) => {
    answer = (_, response) => reply(response, 200, body, { "content-type": type });
    await expectCode("NETWORK_ANSWER_INVALID", () => source.transaction(TXID));
  });

  it("a web page for anything", async () => {
    answer = (_, response) => reply(response, 200, '{"1":1}', { "content-type": "text/html" });
    await expectCode("NETWORK_ANSWER_INVALID", () => source.feeRate(1));
    await expectCode("NETWORK_ANSWER_INVALID", () => source.tip());
    answer = (_, response) => reply(response, 200, '{"1":1}', { "content-type": "text/plain" });
    expect(await source.feeRate(1)).toBe(1);
  });
});

describe("requests at the same time", () => {
  let open: ServerResponse[];
  beforeEach(() => {
    open = [];
    answer = (_, response) => open.push(response);
  });
  const arrived = async (count: number): Promise<void> => {
    // One that never comes fails the test long before its time is over.
    for (let turn = 0; open.length < count && turn < 50_000; turn++) await settle();
    for (let i = 0; i < 20; i++) await settle();
    expect(open).toHaveLength(count);
  };
  const answerAll = (): void => {
    for (const response of open.splice(0)) reply(response, 200, RAW);
  };
  const spends = (count: number, of: ChainSource): Promise<unknown>[] =>
    Array.from({ length: count }, (_, vout) => of.outspend({ txid: TXID, vout }, new Uint8Array(0)).catch(() => null));

  it("are eight, and the others wait for their turn", async () => {
    const asking = spends(20, source);
    await arrived(8);
    answerAll();
    await arrived(8);
    answerAll();
    await arrived(4);
    answerAll();
    await Promise.all(asking);
  });

  it("are as many as the caller says", async () => {
    const asking = spends(3, make({ maxConcurrentRequests: 2 }));
    await arrived(2);
    answerAll();
    await arrived(1);
    answerAll();
    await Promise.all(asking);
    await expectCode("INPUT_INVALID", () => make({ maxConcurrentRequests: 0 }));
  });

  it("one that is given up while it waits takes nobody's turn", async () => {
    const narrow = make({ maxConcurrentRequests: 1 });
    const [asking] = spends(1, narrow);
    const abort = new AbortController();
    const outpoint = { txid: TXID, vout: 7 };
    const given = expectCode("NETWORK_ABORTED", narrow.outspend(outpoint, new Uint8Array(0), { signal: abort.signal }));
    const [next] = spends(1, narrow);
    await arrived(1);
    abort.abort();
    await given;
    answerAll();
    await arrived(1);
    answerAll();
    await Promise.all([asking, next]);
    expect(server.seen.map(({ path }) => path.at(-1))).toEqual(["0", "0"]);
  });

  it("come as often as the caller says", async () => {
    answer = (_, response) => reply(response, 200, RAW);
    const slow = make({ requestsPerSecond: 4 });
    for (let i = 0; i < 4; i++) await slow.transaction(TXID);
    expect(clock.delays).toEqual([250, 250, 250]);
    for (const requestsPerSecond of [0, -1, Number.NaN])
      await expectCode("INPUT_INVALID", () => make({ requestsPerSecond }));
  });

  it("for the same transaction are one, and each caller has the answer", async () => {
    const asking = [source.transaction(TXID), source.transaction(TXID), source.transaction("bb".repeat(32))];
    await arrived(2);
    answerAll();
    expect(await Promise.all(asking)).toEqual([RAW, RAW, RAW].map((raw) => new Uint8Array(raw)));
    const again = source.transaction(TXID);
    await arrived(1);
    answerAll();
    await again;
  });

  it("the abort of one caller is not that of another; that of all ends the request", async () => {
    const aborts = [new AbortController(), new AbortController()];
    const asking = aborts.map(({ signal }) => source.transaction(TXID, { signal }));
    const outcomes = Promise.allSettled(asking);
    await arrived(1);
    aborts[0]?.abort();
    await expectCode("NETWORK_ABORTED", asking[0] ?? Promise.resolve());
    const closed = new Promise((resolve) => open[0]?.once("close", resolve));
    const third = source.transaction(TXID);
    answerAll();
    expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect(await third).not.toBeNull();
    await closed;
    const last = new AbortController();
    const given = expectCode("NETWORK_ABORTED", source.transaction(TXID, { signal: last.signal }));
    await arrived(1);
    const ended = new Promise((resolve) => open[0]?.once("close", resolve));
    last.abort();
    await Promise.all([given, ended]);
  });

  it("V4: what tells an absence is asked anew each time", async () => {
    const script = new Uint8Array([1]);
    const asking = [
      ...[0, 0].map((vout) => source.outspend({ txid: TXID, vout }, script)),
      source.history(script),
      source.history(script),
      source.unspent(script),
      source.unspent(script),
    ].map((one) => one.catch(() => null));
    await arrived(6);
    answerAll();
    await Promise.all(asking);
  });

  it("V4: that the server did not know it before is asked again, too", async () => {
    const asking = [source.transaction(TXID), source.transaction(TXID)];
    await arrived(1);
    for (const response of open.splice(0)) reply(response, 404, "no");
    await arrived(1);
    answerAll();
    expect((await Promise.all(asking)).map((raw) => raw === null)).toEqual([true, false]);
  });
});

describe("the base URL", () => {
  it.each(["", "/", "//", "/api", "/api/", "/signet/api///"])("may end in %j", async (path) => {
    const own = esplora(`${server.url}${path}`, { clock });
    await own.transaction(TXID);
    expect(server.seen[0]?.path).toBe(`${path.replace(/\/+$/, "")}/tx/${TXID}/raw`);
  });
});
