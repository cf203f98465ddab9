import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { type Attempt, HawserError } from "../../../src/errors.js";
import { limits } from "../../../src/limits.js";
import type { Random, StorageReader } from "../../../src/ports.js";
import { ReadBudget } from "../../../src/route/budget.js";
import { type FetchOptions, fetchAll } from "../../../src/route/fetch.js";
import { fetchFirstValid } from "../../../src/route/fetch-first.js";
import { StoragePolicy } from "../../../src/route/policy.js";
import type { StoragePolicyOptions } from "../../../src/route/policy-options.js";
import { objectReplicas, recordReplicas } from "../../../src/route/replicas.js";
import { FakeClock } from "../fake-clock.js";
import { IdleClock } from "../idle-clock.js";
import { fails, hangs, readerThat, serves, urlsWith } from "./places.js";

/** The largest jitter, all but a 65,536th part of it. */
const most: Random = { bytes: (length) => new Uint8Array(length).fill(255) };

const policyWith = (options: StoragePolicyOptions = {}, random = most) => new StoragePolicy(options, random);

const down = () => new HawserError("NETWORK_UNREACHABLE", "Down.", { url: "a", reason: "down" });
const status = (code: number, retryAfterMs?: number) =>
  new HawserError("NETWORK_STATUS", "No.", { url: "a", status: code, reason: "no", retryAfterMs });

/** A reader that fails so many times, or always, and then has bytes. */
function failing(label: string, error: () => unknown, times = Number.POSITIVE_INFINITY, bytes = "good") {
  const calls = { count: 0 };
  const reader = readerThat(label, async () => {
    calls.count++;
    if (calls.count <= times) throw error();
    return { bytes: utf8(bytes), tag: null };
  });
  return { reader, calls };
}

const path = "records/regtest/alice/settings@7.json";

function records(
  storage: readonly StorageReader[],
  clock: IdleClock | FakeClock,
  policy: StoragePolicy,
  changes: Partial<FetchOptions> = {},
) {
  const replicas = recordReplicas({ storage, urlReader: null, path, urls: [] });
  const budget = new ReadBudget({ clock });
  return fetchAll(replicas, { clock, budget, kind: "record", maxBytes: 100, policy, ...changes });
}

const codes = async (replies: ReturnType<typeof records>) =>
  (await replies).map((reply) => (reply.outcome === "unreachable" ? reply.attempt.code : reply.outcome));

describe("calls that are repeated", () => {
  it.each([[408], [429], [500], [503]])("status %d is asked again, 3 times in all", async (code) => {
    const { reader, calls } = failing("a", () => status(code));
    expect(await codes(records([reader], new IdleClock(), policyWith()))).toEqual(["NETWORK_STATUS"]);
    expect(calls.count).toBe(3);
  });

  it.each<[string, () => unknown]>([
    ["status 403", () => status(403)],
    ["status 404", () => status(404)],
    ["too many bytes", () => new HawserError("NETWORK_TOO_LARGE", "Large.", { url: "a", maxBytes: 1 })],
    ["missing rights", () => new HawserError("STORAGE_REFUSED", "No.", { label: "a", reason: "no" })],
    ["a defect", () => new TypeError("boom")],
  ])("%s is not", async (_, error) => {
    const { reader, calls } = failing("a", error);
    await records([reader], new IdleClock(), policyWith());
    expect(calls.count).toBe(1);
  });

  it("a connection that breaks off once costs one more request", async () => {
    const clock = new IdleClock();
    const budget = new ReadBudget({ clock, maxRequests: 64 });
    const { reader, calls } = failing("a", down, 1);
    expect(await codes(records([reader], clock, policyWith(), { budget }))).toEqual(["bytes"]);
    expect(calls.count).toBe(2);
    for (let i = 0; i < 62; i++) budget.spend("x");
    expect(() => budget.spend("x")).toThrow(expect.objectContaining({ code: "NETWORK_TIME_LIMIT" }));
  });

  it("U1: takes no more than half of a read's requests for calls that are repeated", async () => {
    const clock = new IdleClock();
    const budget = new ReadBudget({ clock, maxRequests: 4 });
    const { reader, calls } = failing("a", down);
    await records([reader], clock, policyWith({ attempts: 9 }), { budget });
    expect(calls.count).toBe(2);
  });

  it("waits a random part of 250 ms, then of twice that, and never more than 5 s", async () => {
    const delays = async (random: Random, attempts: number) => {
      const clock = new IdleClock();
      await records([failing("a", down).reader], clock, policyWith({ attempts, recordTimeoutMs: 3_600_000 }, random), {
        budget: new ReadBudget({ clock, timeoutMs: 3_600_000 }),
      });
      return clock.delays.filter((ms) => ms < 15_000);
    };
    expect(await delays(most, 8)).toEqual([249, 499, 999, 1_999, 3_999, 4_999, 4_999]);
    expect(await delays({ bytes: (length) => new Uint8Array(length) }, 4)).toEqual([0, 0, 0]);
    expect(await delays({ bytes: (length) => new Uint8Array(length).fill(128) }, 3)).toEqual([125, 250]);
  });

  it("waits as long as the server asks for, and gives up at once where that is too long", async () => {
    const clock = new IdleClock();
    const patient = policyWith({ recordTimeoutMs: 60_000 });
    const asked = async (ms: number) => {
      const { reader, calls } = failing(`a${ms}`, () => status(429, ms), 1);
      await records([reader], clock, patient);
      return calls.count;
    };
    expect(await asked(30_000)).toBe(2);
    expect(clock.delays).toContain(30_000);
    expect(await asked(30_001)).toBe(1);
  });

  it("stays within the time that the place has", async () => {
    const clock = new IdleClock();
    const { reader, calls } = failing("a", () => status(503, 15_000));
    await records([reader], clock, policyWith());
    expect(calls.count).toBe(1);
    const stuck = new FakeClock();
    let hung = 0;
    const replies = records(
      [
        readerThat("a", () => {
          hung++;
          return new Promise(() => undefined);
        }),
      ],
      stuck,
      policyWith(),
    );
    await stuck.advance(15_000);
    expect(await codes(replies)).toEqual(["NETWORK_TIMEOUT"]);
    expect(hung).toBe(1);
  });

  it("without a policy each call is made once", async () => {
    const clock = new IdleClock();
    const { reader, calls } = failing("a", down);
    await records([reader], clock, policyWith(), { policy: undefined });
    expect(calls.count).toBe(1);
  });
});

describe("M8: a replica that is left alone", () => {
  const once = { attempts: 1 };

  async function tired(policy: StoragePolicy, clock: IdleClock, storage: readonly StorageReader[], times = 3) {
    for (let i = 0; i < times; i++) await records(storage, clock, policy);
  }

  it("has failed 3 times in a row, and is asked again after 30 s, 2, 10 and 60 min", async () => {
    const clock = new IdleClock();
    const policy = policyWith(once);
    const { reader, calls } = failing("a", down);
    const storage = [reader, serves("b", null)];
    await tired(policy, clock, storage, 2);
    expect(await codes(records(storage, clock, policy))).toEqual(["NETWORK_UNREACHABLE", "absent"]);
    for (const pauseMs of [30_000, 120_000, 600_000, 3_600_000, 3_600_000]) {
      const before = calls.count;
      const endMs = clock.nowMs() + pauseMs;
      expect(await codes(records(storage, clock, policy))).toEqual(["STORAGE_PAUSED", "absent"]);
      const leftMs = endMs - clock.nowMs() - 1;
      await clock.delay(leftMs);
      expect(await codes(records(storage, clock, policy))).toEqual(["STORAGE_PAUSED", "absent"]);
      expect(calls.count).toBe(before);
      await clock.delay(1);
      expect(await codes(records(storage, clock, policy))).toEqual(["NETWORK_UNREACHABLE", "absent"]);
      expect(calls.count).toBe(before + 1);
    }
  });

  it("tells why, and costs no request", async () => {
    const clock = new IdleClock();
    const policy = policyWith(once);
    const storage = [fails("a", down()), serves("b", null)];
    await tired(policy, clock, storage);
    const budget = new ReadBudget({ clock, maxRequests: 1 });
    const [reply] = await records(storage, clock, policy, { budget });
    expect(reply).toMatchObject({ attempt: { label: "a", code: "STORAGE_PAUSED" } });
    expect(reply?.outcome === "unreachable" && reply.attempt.message).toMatch(/3 times.*NETWORK_UNREACHABLE/);
  });

  it("is forgiven by one answer, absence included", async () => {
    const clock = new IdleClock();
    const policy = policyWith(once);
    const { reader, calls } = failing("a", down, 2);
    const storage = [reader, serves("b", null)];
    await tired(policy, clock, storage, 3);
    calls.count = 0;
    await tired(policy, clock, storage, 3);
    expect(calls.count).toBe(3);
  });

  it("M8: is asked where no other is left: the one that failed least", async () => {
    const clock = new IdleClock();
    const policy = policyWith(once);
    await tired(policy, clock, [fails("a", down()), serves("ok", null)]);
    await clock.delay(30_000);
    // A failed once more than b.
    await tired(policy, clock, [fails("a", down()), fails("b", down()), serves("ok", null)]);
    const storage = [fails("a", down()), fails("b", down())];
    expect(await codes(records(storage, clock, policy))).toEqual(["STORAGE_PAUSED", "NETWORK_UNREACHABLE"]);
    expect(await codes(records(storage.slice(0, 1), clock, policy))).toEqual(["NETWORK_UNREACHABLE"]);
  });

  it("is tried by one call when its time is over; those beside it leave it alone", async () => {
    const clock = new FakeClock();
    const policy = policyWith({ ...once, failuresBeforePause: 1 });
    const { reader, calls } = failing("a", down, 1);
    const slow = readerThat("a", async (options) => {
      await clock.delay(calls.count === 0 ? 0 : 1_000);
      return reader.read(path, options);
    });
    const storage = [slow, serves("b", null)];
    const first = records(storage, clock, policy);
    await clock.advance(0);
    await first;
    await clock.advance(30_000);
    const trial = records(storage, clock, policy);
    expect(await codes(records(storage, clock, policy))).toEqual(["STORAGE_PAUSED", "absent"]);
    await clock.advance(1_000);
    expect(await codes(trial)).toEqual(["bytes", "absent"]);
    const after = records(storage, clock, policy);
    await clock.advance(1_000);
    expect(await codes(after)).toEqual(["bytes", "absent"]);
  });

  it("calls beside one another that meet one outage count it once", async () => {
    const clock = new FakeClock();
    const policy = policyWith(once);
    await policy.load();
    const late = readerThat("a", async () => {
      await clock.delay(100);
      throw down();
    });
    const all = Promise.all([1, 2, 3, 4].map(() => records([late, serves("b", null)], clock, policy)));
    await clock.advance(200);
    await all;
    const next = records([late, serves("b", null)], clock, policy);
    await clock.advance(200);
    expect(await codes(next)).toEqual(["NETWORK_UNREACHABLE", "absent"]);
  });

  it.each<[string, unknown]>([
    ["that it cannot be asked this", new HawserError("STORAGE_UNSUPPORTED", "No.", { label: "a", operation: "x" })],
    ["a caller's mistake", new HawserError("INPUT_INVALID", "No.", { argument: "a", expected: "b", got: "c" })],
    ["a large body, which others can put there", new HawserError("NETWORK_TOO_LARGE", "L.", { url: "a", maxBytes: 1 })],
    ["an abort", new HawserError("NETWORK_ABORTED", "No.", { operation: "a" })],
  ])("%s is no failure", async (_, error) => {
    const clock = new IdleClock();
    const policy = policyWith(once);
    const storage = [fails("a", error), serves("b", null)];
    await tired(policy, clock, storage, 4);
    expect((await codes(records(storage, clock, policy)))[0]).not.toBe("STORAGE_PAUSED");
  });

  it("a URL is never one: any profile may name it", async () => {
    const clock = new IdleClock();
    const policy = policyWith(once);
    const urlReader = { opens: () => true, readUrl: () => Promise.reject(down()) };
    const replicas = recordReplicas({ storage: [serves("b", null)], urlReader, path, urls: ["https://a.example/x"] });
    const ask = () =>
      fetchAll(replicas, { clock, budget: new ReadBudget({ clock }), kind: "record", maxBytes: 9, policy });
    for (let i = 0; i < 5; i++) await ask();
    expect((await ask())[1]).toMatchObject({ attempt: { code: "NETWORK_UNREACHABLE" } });
  });

  it("is asked where everybody is, as before a write", async () => {
    const clock = new IdleClock();
    const policy = policyWith(once);
    const storage = [fails("a", down()), serves("b", null)];
    await tired(policy, clock, storage);
    expect(await codes(records(storage, clock, policy, { everybody: true }))).toEqual([
      "NETWORK_UNREACHABLE",
      "absent",
    ]);
  });

  it("a clock that is set back does not prolong its rest", async () => {
    const clock = new FakeClock();
    const policy = policyWith({ ...once, failuresBeforePause: 1 });
    const storage = [fails("a", down()), serves("b", null)];
    await records(storage, clock, policy);
    clock.jumpTo(clock.nowMs() - 86_400_000);
    expect(await codes(records(storage, clock, policy))).toEqual(["NETWORK_UNREACHABLE", "absent"]);
  });
});

function accept(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes);
  if (text === "good") return text;
  throw new HawserError("CONTENT_UNVERIFIED", "Wrong.", { key: "k", attempts: [] });
}

function object(
  storage: readonly StorageReader[],
  clock: IdleClock | FakeClock,
  policy: StoragePolicy,
  urls: readonly string[] = [],
  budget = new ReadBudget({ clock }),
) {
  const urlReader = urlsWith({ "https://u.example/x": utf8("good") });
  const replicas = objectReplicas({ storage, urlReader, path: "objects/ab/cd", urls, bases: [] });
  const fail = (attempts: readonly Attempt[]) =>
    new HawserError("CONTENT_UNAVAILABLE", "Gone.", { key: "k", attempts });
  return fetchFirstValid(replicas, accept, { clock, budget, kind: "object", maxBytes: 10, fail, policy });
}

describe("I2: which replica is asked for an object", () => {
  it("the next one before a failed one is asked again", async () => {
    const { reader, calls } = failing("a", down);
    const found = await object(
      [reader, serves("b", utf8("good"))],
      new IdleClock(),
      policyWith({ hedgeMaxInFlight: 1 }),
    );
    expect(found).toMatchObject({ label: "b", attempts: [{ label: "a" }] });
    expect(calls.count).toBe(1);
  });

  it("where all fail, those whose failure may be over soon once more", async () => {
    const [a, b] = [failing("a", down, 2), failing("b", () => status(403))];
    const clock = new IdleClock();
    const found = await object([a.reader, b.reader], clock, policyWith({ hedgeMaxInFlight: 1 }));
    expect(found).toMatchObject({ label: "a", attempts: [{ label: "b" }] });
    expect([a.calls.count, b.calls.count]).toEqual([3, 1]);
    expect(clock.delays.filter((ms) => ms < 1_000)).toEqual([249, 499]);
  });

  it("and no more than 3 times in all", async () => {
    const { reader, calls } = failing("a", down);
    await expect(object([reader], new IdleClock(), policyWith())).rejects.toMatchObject({
      code: "CONTENT_UNAVAILABLE",
    });
    expect(calls.count).toBe(3);
  });

  it("one that used up its time is not asked again", async () => {
    const clock = new FakeClock();
    const policy = policyWith();
    await policy.load();
    let asked = 0;
    const stuck = readerThat("a", () => {
      asked++;
      return new Promise(() => undefined);
    });
    const found = object([stuck], clock, policy).catch((error: unknown) => error);
    await clock.advance(59_000);
    expect(await found).toMatchObject({ code: "CONTENT_UNAVAILABLE" });
    expect(asked).toBe(1);
  });

  it("one that served other bytes goes behind the others at once, URLs included, and is told of", async () => {
    const clock = new IdleClock();
    const policy = policyWith({ hedgeMaxInFlight: 1 });
    const storage = [serves("liar", utf8("bad")), serves("b", utf8("good"))];
    expect(await object(storage, clock, policy)).toMatchObject({ attempts: [{ code: "CONTENT_UNVERIFIED" }] });
    expect(await object(storage, clock, policy)).toMatchObject({ label: "b", attempts: [{ code: "STORAGE_PAUSED" }] });
    const urls = ["https://u.example/x"];
    expect(await object(storage.slice(0, 1), clock, policy, urls)).toMatchObject({ label: urls[0] });
    // An hour of lies is not needed: the second one costs 10 minutes.
    await clock.delay(30_000);
    await object(storage, clock, policy);
    await clock.delay(599_000);
    expect(await object(storage, clock, policy)).toMatchObject({ attempts: [{ code: "STORAGE_PAUSED" }] });
    await clock.delay(2_000);
    expect(await object(storage, clock, policy)).toMatchObject({ attempts: [{ code: "CONTENT_UNVERIFIED" }] });
  });

  it("one that is left alone is asked all the same where the others fail", async () => {
    const clock = new IdleClock();
    const policy = policyWith({ attempts: 1, hedgeMaxInFlight: 1, failuresBeforePause: 1 });
    const { reader } = failing("a", down, 1);
    await object([reader, serves("b", utf8("good"))], clock, policy);
    const found = await object([reader, serves("b", null)], clock, policy);
    expect(found).toMatchObject({ label: "a", attempts: [{ label: "b", code: "absent" }] });
  });

  it("lies about objects do not keep a provider from being asked for records", async () => {
    const clock = new IdleClock();
    const policy = policyWith();
    const storage = [serves("a", utf8("bad")), serves("b", utf8("good"))];
    await object(storage, clock, policy);
    expect(await codes(records(storage, clock, policy))).toEqual(["bytes", "bytes"]);
  });

  it("one that another overtook goes behind it for a while", async () => {
    const clock = new FakeClock();
    const policy = policyWith();
    await policy.load();
    const storage = [hangs("a"), serves("b", utf8("good"))];
    const first = object(storage, clock, policy);
    await clock.advance(1_500);
    expect(await first).toMatchObject({ label: "b" });
    expect(await object(storage, clock, policy)).toMatchObject({ label: "b" });
    await clock.advance(30_000);
    const again = object(storage, clock, policy);
    await clock.advance(1_499);
    let done = false;
    void again.then(() => {
      done = true;
    });
    await clock.advance(0);
    expect(done).toBe(false);
    await clock.advance(1_500);
    expect(await again).toMatchObject({ label: "b" });
  });

  it("a second one after what 9 of 10 answers took, at least 400 ms and at most 1.5 s", async () => {
    const policy = policyWith();
    const health = await policy.load();
    const after = (took: readonly number[]) => {
      const label = `place ${took.join()}`;
      for (const ms of took) health?.noteAnswer(label, ms);
      return health?.hedgeDelayMs(label);
    };
    expect(after([10, 10, 10, 10])).toBe(1_500);
    expect(after([10, 10, 10, 10, 11])).toBe(400);
    expect(after([100, 200, 300, 400, 500, 600, 700, 800, 900, 5_000])).toBe(900);
    expect(after([29_000, 29_000, 29_000, 29_000, 29_000])).toBe(1_500);
    expect(after([...new Array<number>(20).fill(1_400), ...new Array<number>(20).fill(1)])).toBe(400);
  });

  it("no second one where the caller wants none", async () => {
    const clock = new FakeClock();
    let asked = 0;
    const counted = readerThat("b", async () => {
      asked++;
      return { bytes: utf8("good"), tag: null };
    });
    const found = object([hangs("a"), counted], clock, policyWith({ hedgeMaxInFlight: 1 }));
    await clock.advance(29_999);
    expect(asked).toBe(0);
    await clock.advance(1);
    expect(await found).toMatchObject({ label: "b" });
  });
});

describe("the policy's options", () => {
  it("have the defaults of the table of limits", () => {
    expect(policyWith().settings).toEqual({
      attempts: 3,
      retryDelayMs: 250,
      retryMaxDelayMs: 5_000,
      retryAfterMaxMs: 30_000,
      hedgeDelayMs: 1_500,
      hedgeMinDelayMs: 400,
      hedgeMaxInFlight: 3,
      failuresBeforePause: 3,
      pausesMs: [30_000, 120_000, 600_000, 3_600_000],
      recordTimeoutMs: limits.recordTimeoutMs,
      objectTimeoutMs: limits.objectTimeoutMs,
      confirmWrites: false,
      confirmDelayMs: 1_000,
    });
  });

  it.each<[keyof StoragePolicyOptions, unknown]>([
    ["attempts", 0],
    ["attempts", 1.5],
    ["retryDelayMs", -1],
    ["hedgeMaxInFlight", 0],
    ["failuresBeforePause", 0],
    ["pausesMs", 5],
    ["pausesMs", [1, Number.NaN]],
    ["recordTimeoutMs", 0],
    ["objectTimeoutMs", 86_400_001],
    ["confirmWrites", 1],
    ["confirmDelayMs", true],
  ])("%s of %j is INPUT_INVALID", (name, value) => {
    expect(() => policyWith({ [name]: value })).toThrow(
      expect.objectContaining({
        code: "INPUT_INVALID",
        details: expect.objectContaining({ argument: `storagePolicy.${name}` }),
      }),
    );
  });

  it("an empty list of pauses leaves nobody alone", async () => {
    const clock = new IdleClock();
    const policy = policyWith({ attempts: 1, pausesMs: [] });
    const storage = [fails("a", down()), serves("b", null)];
    for (let i = 0; i < 5; i++) {
      expect(await codes(records(storage, clock, policy))).toEqual(["NETWORK_UNREACHABLE", "absent"]);
    }
  });
});
