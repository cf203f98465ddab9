import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { isHawserError } from "../../../src/errors.js";
import { openProvider } from "../../../src/route/provider-writes.js";
import { type S3Storage, type S3StorageOptions, s3 } from "../../../src/storage/s3.js";
import { FakeClock, settle } from "../fake-clock.js";
import { RECORD_PATH } from "./contract.js";
import { expectCode } from "./expect-code.js";
import { at, s3Servers, write } from "./s3-opened.js";
import { CREDENTIALS, fault, type S3ServerOptions } from "./s3-server.js";
import { reply } from "./serve.js";

const { service, answering } = s3Servers();
const OTHER_PATH = "records/regtest/alice/other@5.json";
const START_MS = 1_700_000_000_000;

/** A double that says when it got which request, by a clock that stands still. */
async function timed(options: S3ServerOptions = {}) {
  const clock = new FakeClock(START_MS);
  const got: string[] = [];
  const server = await service({
    ...options,
    instead: (request, response) => {
      got.push(`${request.method} ${request.body.toString()} ${clock.nowMs() - START_MS}`);
      return options.instead?.(request, response) ?? false;
    },
  });
  return { clock, got, server };
}

/** Lets pass what is waited for between two writes, as soon as it is. */
function passing(clock: FakeClock): FakeClock {
  const delay = clock.delay.bind(clock);
  clock.delay = (ms, signal) => {
    const waited = delay(ms, signal);
    if (ms <= 1_000) void clock.advance(ms);
    return waited;
  };
  return clock;
}

const put = (storage: S3Storage, body: Uint8Array, path = RECORD_PATH, signal?: AbortSignal): Promise<unknown> =>
  storage.write(path, body, { kind: "record", signal });

/** Several requests: whatever does not wait its turn would have been sent meanwhile. */
async function elsewhere(storage: S3Storage): Promise<void> {
  for (let round = 0; round < 3; round++) await storage.read(OTHER_PATH, { kind: "record", maxBytes: 10 });
}

describe("s3: the gap between writes of one key", () => {
  const gap = { minWriteGapMs: 1_000 } as const;

  it("is kept by writes and removals, which are sent as they were asked for, with patience only for the service", async () => {
    const { clock, got, server } = await timed();
    const asked: number[] = [];
    const storage = at(server, {
      ...gap,
      clock,
      progress: { record: { firstByteMs: 500, idleMs: 500 } },
      credentials: () => {
        asked.push(clock.nowMs() - START_MS);
        return CREDENTIALS;
      },
    });
    const body = utf8("1");
    const first = put(storage, body);
    body.set(utf8("2"));
    const second = put(storage, body);
    body.set(utf8("3"));
    const removal = storage.remove(RECORD_PATH);
    expect(await first).toBe("stored");
    await put(storage, utf8("x"), OTHER_PATH);
    await elsewhere(storage);
    expect(got.slice(0, 2)).toEqual(["PUT 1 0", "PUT x 0"]);
    expect(got.slice(2)).toEqual(Array.from({ length: 3 }, () => "GET  0"));
    await clock.advance(1_000);
    expect(await second).toBe("stored");
    await clock.advance(1_000);
    expect(await removal).toBe(true);
    expect(got.slice(5)).toEqual(["PUT 2 1000", "DELETE  2000"]);
    // Keys that were asked for before the wait might have expired in it.
    expect(asked).toEqual([0, 0, 0, 0, 0, 1_000, 2_000]);
  });

  it("an abort while waiting sends nothing, and the next one goes in its place", async () => {
    const { clock, got, server } = await timed();
    const storage = at(server, { ...gap, clock });
    const caller = new AbortController();
    const { signal } = caller;
    await put(storage, utf8("1"));
    const second = expectCode("NETWORK_ABORTED", put(storage, utf8("2"), RECORD_PATH, signal));
    const third = expectCode("NETWORK_ABORTED", storage.remove(RECORD_PATH, { signal }));
    const fourth = put(storage, utf8("4"));
    await settle();
    caller.abort();
    expect((await second).details.operation).toBe(storage.label);
    await third;
    await clock.advance(1_000);
    await fourth;
    expect(got).toEqual(["PUT 1 0", "PUT 4 1000"]);
  });

  it("a write that the service refuses counts", async () => {
    let isBusy = true;
    const { clock, got, server } = await timed({
      instead: (_, response) => {
        if (isBusy) reply(response, 429, fault("TooManyRequests"));
        return isBusy;
      },
    });
    const storage = at(server, { ...gap, clock });
    await expectCode("NETWORK_STATUS", put(storage, utf8("1")));
    isBusy = false;
    const again = put(storage, utf8("2"));
    await elsewhere(storage);
    await clock.advance(1_000);
    expect(await again).toBe("stored");
    expect(got.filter((request) => request.startsWith("PUT"))).toEqual(["PUT 1 0", "PUT 2 1000"]);
  });

  it("is kept as well by a write that is signed once more, but not by a read", async () => {
    const ahead = new Date(START_MS + 3_600_000).toISOString();
    const { clock, got, server } = await timed({
      instead: ({ headers }, response) => {
        const isSkewed = String(headers["x-amz-date"]) < ahead.replace(/[-:]|\.\d+/g, "");
        if (isSkewed) reply(response, 403, fault("RequestTimeTooSkewed", `<ServerTime>${ahead}</ServerTime>`));
        return isSkewed;
      },
    });
    const reading = at(server, { ...gap, clock });
    expect(await reading.read(RECORD_PATH, { kind: "record", maxBytes: 10 })).toBeNull();
    expect(got).toEqual(["GET  0", "GET  0"]);
    const storage = at(server, { ...gap, clock });
    const first = put(storage, utf8("1"));
    while (got.length < 3) await settle();
    await elsewhere(reading);
    await clock.advance(1_000);
    expect(await first).toBe("stored");
    expect(got.filter((request) => request.startsWith("PUT"))).toEqual(["PUT 1 0", "PUT 1 1000"]);
    // Nor where none is asked for.
    expect(await write(at(server, { clock }))).toBe("stored");
  });

  it("an abort before it is signed once more sends nothing", async () => {
    const ahead = new Date(START_MS + 3_600_000).toISOString();
    const server = await answering(403, fault("RequestTimeTooSkewed", `<ServerTime>${ahead}</ServerTime>`));
    const caller = new AbortController();
    const clock = new FakeClock(START_MS);
    const delay = clock.delay.bind(clock);
    clock.delay = (ms, signal) => {
      const waited = delay(ms, signal);
      if (ms === 1_000) caller.abort();
      return waited;
    };
    const writing = put(at(server, { ...gap, clock }), utf8("1"), RECORD_PATH, caller.signal);
    await expectCode("NETWORK_ABORTED", writing);
    expect(server.seen).toHaveLength(1);
  });

  it("is kept by a probe, which open() waits for within its time", async () => {
    const writtenMs = new Map<string, number>();
    // As R2 says that it does.
    const oncePerSecond: S3ServerOptions["instead"] = ({ method, path }, response) => {
      const lastMs = writtenMs.get(path) ?? 0;
      if (method === "GET") return false;
      writtenMs.set(path, clock.nowMs());
      if (clock.nowMs() - lastMs >= 1_000) return false;
      reply(response, 429, fault("TooManyRequests"));
      return true;
    };
    const { clock, got, server } = await timed({ instead: oncePerSecond });
    const hasty = at(server, { conditional: undefined, clock });
    const error = await expectCode("NETWORK_STATUS", openProvider(hasty, { clock }));
    expect(error.details.status).toBe(429);
    got.length = 0;
    const storage = at(server, { ...gap, conditional: undefined, clock: passing(clock) });
    await openProvider(storage, { clock });
    expect(storage.conditional).toBe(true);
    expect(got.map((request) => request.replace(/ hawser probe [0-9a-f]+\n/, ""))).toEqual([
      "PUT 0",
      "PUT 1000",
      "GET  1000",
      "PUT 2000",
      "PUT 3000",
      // At another key.
      "PUT 3000",
      "DELETE  4000",
    ]);
    expect(clock.pending).toBe(0);
  });

  it.each(["ignores", 501] as const)("is kept by a probe of a service that has none (%s)", async (conditions) => {
    const { clock, server } = await timed({ conditions });
    const storage = at(server, { ...gap, conditional: undefined, clock: passing(clock) });
    await storage.open?.();
    expect(storage.conditional).toBe(false);
    const bytes = utf8("1");
    expect(await put(storage, bytes)).toBe("stored");
  });

  it.each<[Partial<S3StorageOptions>, number]>([
    [{ endpoint: "https://account.r2.cloudflarestorage.com" }, 1_000],
    [{ endpoint: "https://account.eu.r2.cloudflarestorage.com" }, 1_000],
    [{ endpoint: "https://ACCOUNT.fedramp.r2.cloudflarestorage.com/" }, 1_000],
    [{ endpoint: "https://account.r2.cloudflarestorage.com", style: "virtual-hosted", region: "us-east-1" }, 1_000],
    [{ endpoint: "https://account.r2.cloudflarestorage.com", minWriteGapMs: 0 }, 0],
    [{ endpoint: "https://account.r2.cloudflarestorage.com", minWriteGapMs: 250 }, 250],
    [{ endpoint: "https://a.r2.cloudflarestorage.com.evil.example" }, 0],
    [{ endpoint: "https://notr2.cloudflarestorage.com" }, 0],
    [{ endpoint: "https://s3.example", minWriteGapMs: 60_000 }, 60_000],
    [{}, 0],
  ])("%j waits %d ms", async (options, gapMs) => {
    const clock = new FakeClock(START_MS);
    const asked: number[] = [];
    // Nothing is sent without credentials.
    const credentials = (): never => {
      asked.push(clock.nowMs() - START_MS);
      throw new Error("none");
    };
    const storage = s3({ bucket: "my-bucket", clock, credentials, ...options });
    const both = Promise.allSettled([write(storage), write(storage)]);
    // Digests are made outside of this thread.
    while (asked.length === 0) await settle();
    while (gapMs > 0 && clock.pending === 0) await settle();
    await clock.advance(gapMs);
    const codes = (await both).map((one) => one.status === "rejected" && isHawserError(one.reason) && one.reason.code);
    expect(codes).toEqual(["INPUT_CONFIG_INVALID", "INPUT_CONFIG_INVALID"]);
    expect(asked).toEqual([0, gapMs]);
  });

  it.each([-1, 1.5, 60_001, "1", null])("refuses %j", async (minWriteGapMs) => {
    const options = { bucket: "my-bucket", credentials: CREDENTIALS, minWriteGapMs: minWriteGapMs as number };
    const error = await expectCode("INPUT_INVALID", () => s3(options));
    expect(error.details.argument).toBe("minWriteGapMs");
  });
});
