import fc from "fast-check";
import { describe, expect, it } from "vitest";
// Loaded by readers when a source fails first, for which no time may pass here.
import "../../src/chain/source-health.js";
import { encodeHex } from "../../src/bytes/hex.js";
import { memoryCache } from "../../src/cache/memory.js";
import type { ProvenTransaction } from "../../src/chain/merkle.js";
import { createReaderFrom } from "../../src/client/reader.js";
import { describeState } from "../../src/client/results.js";
import { mintVerified, type Verified } from "../../src/crypto/verified.js";
import { type ChainSource, type FoundName, isHawserError, type NotFound, type Reader } from "../../src/index.js";
import { runThread, type ThreadState } from "../../src/name/thread.js";
import { LATE_MS } from "../unit/chain/mining.js";
import { FakeClock } from "../unit/fake-clock.js";
import { MinedChain, sourceOf } from "../unit/name/chain-world.js";
import { type Deceit, deceiving, type Method, neverMined, type Truth } from "./liars.js";
import { story } from "./name-story.js";
import { hasty, Teller } from "./name-teller.js";
import { numRuns } from "./runs.js";

const method = fc.constantFrom<Method | "all">(
  "tip",
  "headers",
  "history",
  "transaction",
  "inclusion",
  "outspend",
  "all",
);
const deceit: fc.Arbitrary<Deceit> = fc.oneof(
  fc.record({ how: fc.constant("withhold" as const), hides: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }) }),
  fc.record({ how: fc.constant("lag" as const), blocks: fc.integer({ min: 1, max: 12 }) }),
  fc.record({
    how: fc.constant("lie" as const),
    way: fc.constantFrom(
      "forged-spend" as const,
      "wrong-bytes" as const,
      "wrong-place" as const,
      "mempool-as-mined" as const,
    ),
  }),
  fc.record({ how: fc.constant("fork" as const), depth: fc.integer({ min: 2, max: 8 }) }),
  fc.record({ how: fc.constantFrom("hang" as const, "fail" as const), method }),
  fc.constant<Deceit>({ how: "other-network" }),
);
/** Lies by omission: nothing that was mined is denied its proof, and nothing is said that was not. */
const omission: fc.Arbitrary<Deceit> = fc.oneof(
  fc.record({ how: fc.constant("withhold" as const), hides: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }) }),
  fc.record({ how: fc.constant("lag" as const), blocks: fc.integer({ min: 1, max: 12 }) }),
);

const scene = fc.record({
  happenings: story,
  above: fc.integer({ min: 0, max: 6 }),
  minConfirmations: fc.integer({ min: 1, max: 3 }),
});
type Scene = typeof scene extends fc.Arbitrary<infer T> ? T : never;

/** What happened, and what is true of it. */
function truthOf({ happenings, above }: Scene): Truth {
  const teller = new Teller(hasty, { mineable: true });
  const end = teller.tell(happenings);
  const { world } = teller;
  const tip = end + above;
  fc.pre(tip < 250);
  const chain = MinedChain.of(world, tip);
  const last = world.transactions.at(-1)?.tx;
  return { world, chain, unmined: last === undefined ? [] : neverMined(last, world) };
}

/** What the chain holds, as every reader should come to know it. */
function mined({ world, chain }: Truth): Verified<ProvenTransaction>[] {
  return world.transactions.flatMap((entry) => {
    const place = chain.placeOf(entry.tx.txid);
    return place === null ? [] : [mintVerified({ ...entry, ...place })];
  });
}

function stateAt(truth: Truth, height: number, transactions = mined(truth)): ThreadState {
  const { network, name, previous } = truth.world;
  return runThread({ network, name, transactions, previous }, height);
}

type Answer = FoundName | NotFound;

/** A reader with a cache that lasts from read to read. */
class Asked {
  readonly clock = new FakeClock(LATE_MS);
  readonly #cache = memoryCache();
  readonly #truth: Truth;
  readonly #minConfirmations: number;

  constructor(truth: Truth, minConfirmations: number) {
    this.#truth = truth;
    this.#minConfirmations = minConfirmations;
  }

  /** The answer, or the code of the error, for which time passes as long as it takes. */
  async ask(sources: readonly ChainSource[], minSources = 1): Promise<Answer | string> {
    const { clock } = this;
    const reader = this.#readerOf(sources, minSources);
    const state = { done: false };
    const reading = reader.getName(this.#truth.world.name).then(
      (answer) => answer,
      (error: unknown) => {
        if (isHawserError(error)) return error.code;
        throw error;
      },
    );
    const end = (): void => {
      state.done = true;
    };
    reading.then(end, end);
    for (let i = 0; i < 400; i++) {
      for (let turn = 0; turn < 3 && !state.done; turn++) await clock.advance(0);
      if (state.done) break;
      await clock.advance(500);
    }
    return reading;
  }

  #readerOf(sources: readonly ChainSource[], minSources: number): Reader {
    return createReaderFrom({
      network: this.#truth.world.network,
      sources,
      storage: [],
      urlReader: { opens: () => false, readUrl: () => Promise.resolve(null) },
      cache: this.#cache,
      clock: this.clock,
      minSources,
      minConfirmations: this.#minConfirmations,
      maxTipAgeMs: null,
    });
  }
}

function shown(state: ThreadState): unknown {
  return describeState(state);
}

/** Only of an answer: its name without what is pending, of which nothing is proven. */
function toldBy({ name }: Answer): unknown {
  return Object.fromEntries(Object.entries(name).filter(([member]) => member !== "pending"));
}

describe("V4: n sources, of which n - 1 withhold, lag, lie, fork, hang or are of another network", () => {
  it("V4: the answer is right whatever they do together", async () => {
    const drawn = fc.tuple(scene, fc.array(deceit, { minLength: 1, maxLength: 3 }), fc.nat(3), fc.boolean());
    await fc.assert(
      fc.asyncProperty(drawn, async ([told, deceits, at, warm]) => {
        const truth = truthOf(told);
        const sources = deceits.map((each, i) => deceiving(`liar ${i}`, truth, each));
        const place = at % (sources.length + 1);
        sources.splice(place, 0, sourceOf("honest", truth.chain));
        const asked = new Asked(truth, told.minConfirmations);
        const height = Math.max(0, truth.chain.tipHeight - told.minConfirmations + 1);
        const state = stateAt(truth, height);
        for (let i = 0; i < (warm ? 2 : 1); i++) {
          const answer = await asked.ask(sources);
          if (state.unsupported !== null) expect(answer).toBe("CHAIN_UNSUPPORTED_OPERATION");
          else {
            if (typeof answer === "string") expect.fail(`${answer} with an honest source`);
            expect(toldBy(answer)).toEqual(shown(state));
            expect([answer.asOf.height, answer.asOf.hash]).toEqual([height, truth.chain.hashAt(height)]);
            const { sources: judged } = answer.asOf;
            expect(judged[place]).toEqual({ label: "honest", verdict: "agreed" });
            const liars = judged.filter((_, n) => n !== place);
            liars.forEach(({ verdict }, n) => {
              expect(verdictsOn(deceits[n], told.minConfirmations, i > 0)).toContain(verdict);
            });
          }
        }
      }),
      { numRuns },
    );
  });

  it("V5: without anybody who answers it is no answer, never an absence", async () => {
    const quiet = fc.record({
      how: fc.constantFrom("hang" as const, "fail" as const),
      method: fc.constantFrom<Method | "all">("tip", "history", "all"),
    });
    const nobody = fc.oneof(quiet, fc.constant<Deceit>({ how: "other-network" }));
    await fc.assert(
      fc.asyncProperty(fc.tuple(scene, fc.array(nobody, { minLength: 1, maxLength: 4 })), async ([told, deceits]) => {
        const truth = truthOf(told);
        const sources = deceits.map((each, i) => deceiving(`liar ${i}`, truth, each));
        const answer = await new Asked(truth, told.minConfirmations).ask(sources);
        const isForeign = deceits.every(({ how }) => how === "other-network");
        expect(answer).toBe(isForeign ? "CHAIN_NETWORK_MISMATCH" : "CHAIN_UNAVAILABLE");
      }),
      { numRuns: Math.ceil(numRuns / 2) },
    );
  });

  it("V4: with all lying by omission it is an older state or a later registration that was mined, never below what is stored", async () => {
    const drawn = fc.tuple(
      scene,
      fc.array(omission, { minLength: 2, maxLength: 4 }),
      fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    );
    await fc.assert(
      fc.asyncProperty(drawn, async ([told, deceits, earlier]) => {
        const truth = truthOf(told);
        const all = mined(truth);
        const asked = new Asked(truth, told.minConfirmations);
        // An honest read at an earlier time: what it proved stays known.
        const upTo = earlier === null ? 0 : Math.max(1, Math.round(earlier * truth.chain.tipHeight));
        let before: Answer | null = null;
        if (upTo > 0) {
          const past = MinedChain.of(truth.world, upTo, { onto: { chain: truth.chain, upTo } });
          const answer = await asked.ask([sourceOf("past", past)]);
          before = typeof answer === "string" ? null : answer;
        }
        const sources = deceits.map((each, i) => deceiving(`liar ${i}`, truth, each));
        const answer = await asked.ask(sources);
        if (typeof answer === "string") return;
        const { asOf } = answer;
        // Of the real chain, and never of an older block than what was stored.
        expect(asOf.hash).toBe(truth.chain.hashAt(asOf.height));
        if (before !== null) expect(asOf.height).toBeGreaterThanOrEqual(before.asOf.height);
        expect(asOf.sources.map(({ label }) => label)).toEqual(sources.map(({ label }) => label));
        expect(asOf.sources.filter(({ verdict }) => verdict === "lied" || verdict === "other-chain")).toEqual([]);
        // It follows from some of what was mined: of what is stored at least.
        const known = all.filter(({ height }) => height <= upTo);
        const { tenure, profileHash, ownerScript } = answer.name;
        expect(tenure === null || all.some(({ tx }) => tx.txid === tenure)).toBe(true);
        const carried = new Set(all.flatMap(({ tx }) => tx.outputs.map(({ script }) => encodeHex(script))));
        expect(profileHash === null || [...carried].some((script) => script.includes(profileHash))).toBe(true);
        expect(ownerScript === null || carried.has(ownerScript)).toBe(true);
        // Whatever they leave out, an operation that is stored and still valid at E is not undone.
        const least = stateAt(truth, asOf.height, known);
        if (before !== null && least.tenure !== null && least.tenure === tenure && answer.name.unsealed === null) {
          const operations = stateAt(truth, asOf.height).operations.filter(({ height }) => height <= upTo);
          const newest = operations.at(-1);
          if (newest !== undefined && least.tenure === stateAt(truth, asOf.height).tenure) {
            const allowed = laterProfiles(truth, asOf.height, newest.height);
            expect(allowed).toContain(profileHash);
          }
        }
      }),
      { numRuns },
    );
  });
});

const VERDICTS = ["agreed", "behind", "withheld", "lied", "other-chain", "other-network", "unreachable"] as const;

/** The verdicts that a deceit may get: what did not answer, or not of this chain up to E, never stands for an answer. */
function verdictsOn(deceit: Deceit | undefined, minConfirmations: number, warm: boolean): readonly string[] {
  switch (deceit?.how) {
    case "other-network":
      // Blocks without transactions are the same in both.
      return ["other-network", "other-chain", "behind"];
    case "hang":
    case "fail":
      if (deceit.method === "tip" || deceit.method === "all") return ["unreachable"];
      // What the beacon held is not asked again within a day.
      return deceit.method === "history" && !warm ? ["unreachable"] : VERDICTS;
    case "lag":
      return deceit.blocks >= minConfirmations ? ["behind"] : VERDICTS;
    case "fork":
      return minConfirmations === 1 ? ["other-chain", "behind"] : VERDICTS;
    default:
      return VERDICTS;
  }
}

/** Profiles that operations of the name anchored from `height` on, the one that held there included. */
function laterProfiles(truth: Truth, upTo: number, height: number): readonly (string | null)[] {
  const { operations } = stateAt(truth, upTo);
  return operations
    .filter((operation) => operation.height >= height && operation.height <= upTo)
    .map(({ profileHash }) => (profileHash === null ? null : encodeHex(profileHash)));
}
