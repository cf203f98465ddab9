import fc from "fast-check";
import { expect, it } from "vitest";
import { isHawserError } from "../../src/errors.js";
import type { OperationHandle } from "../../src/writer.js";
import { type Author, WriteWorld } from "../unit/client/write/world.js";
import { numRuns } from "./runs.js";

const NAME = "alice";
const DEPTH = 3;
const reader = { minConfirmations: DEPTH };

type Step =
  | { readonly kind: "update" | "bump"; readonly rate: number; readonly of: number }
  | { readonly kind: "mine" }
  /** `forced`: which of all signed versions the new branch begins with, as far as it is valid there; null for none. */
  | { readonly kind: "reorg"; readonly depth: number; readonly forced: number | null };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("update" as const),
      rate: fc.integer({ min: 1, max: 6 }),
      of: fc.constant(0),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("bump" as const),
      rate: fc.integer({ min: 1, max: 20 }),
      of: fc.nat({ max: 9 }),
    }),
  },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: "mine" }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("reorg" as const),
      depth: fc.integer({ min: 1, max: DEPTH - 1 }),
      forced: fc.option(fc.nat({ max: 20 })),
    }),
  },
);

/** An owner who changes a name, raises fees and lives through what the chain does meanwhile. */
class Life {
  readonly changes: { readonly n: number; readonly handle: OperationHandle }[] = [];
  /** Whether a branch may have begun with a version that others do not build on. */
  wasForced = false;
  readonly #world: WriteWorld;
  readonly #author: Author;
  readonly #versions = new Map<string, Uint8Array>();

  constructor(world: WriteWorld, author: Author) {
    this.#world = world;
    this.#author = author;
  }

  async run(one: Step): Promise<void> {
    const { devnet } = this.#world;
    if (one.kind === "mine") await devnet.mine(1);
    else if (one.kind === "reorg") await this.#reorg(one.depth, one.forced);
    else if (one.kind === "update") await this.#update(one.rate);
    else await this.#bump(one.rate, one.of);
    for (const { transactions } of await this.#author.journal(NAME)) {
      for (const { txid, raw, earlier = [] } of transactions) {
        for (const version of [{ txid, raw }, ...earlier]) this.#versions.set(version.txid, version.raw);
      }
    }
  }

  async #update(feeRateSatsPerVbyte: number): Promise<void> {
    const n = this.changes.length + 1;
    await expecting(["CONFLICT_NAME_MOVED", "WALLET_FUNDS_INSUFFICIENT"], async () => {
      const { writer } = this.#author.start({ reader });
      const options = { waitFor: "broadcast", feeRateSatsPerVbyte } as const;
      const handle = await writer.updateProfile(NAME, { about: { n } }, options);
      this.changes.push({ n, handle });
    });
  }

  async #bump(feeRateSatsPerVbyte: number, of: number): Promise<void> {
    const { handle } = this.changes[of % Math.max(1, this.changes.length)] ?? {};
    const codes = ["INPUT_OPERATION_NOT_PENDING", "CONFLICT_NAME_MOVED", "WALLET_FUNDS_INSUFFICIENT"] as const;
    await expecting(codes, async () => {
      const { writer } = this.#author.start({ reader });
      await writer.bump(handle?.id ?? NAME, { waitFor: "broadcast", feeRateSatsPerVbyte });
    });
  }

  async #reorg(depth: number, forced: number | null): Promise<void> {
    const versions = [...this.#versions.values()];
    const raw = forced === null ? undefined : versions[forced % Math.max(1, versions.length)];
    await expecting(["CHAIN_BROADCAST_REFUSED"], async () => {
      await this.#world.devnet.reorg({ depth, transactions: raw === undefined ? [] : [raw] });
      this.wasForced ||= raw !== undefined;
    });
  }
}

async function expecting(codes: readonly string[], run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!isHawserError(error) || !codes.includes(error.code)) throw error;
  }
}

it("W3, W4: over any updates, bumps, blocks and reorganisations each change is made once, or reported as lost", {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 12 }), async (steps) => {
      await using world = await WriteWorld.start({ mine: "manual" });
      const author = await world.author(2_000_000n, 1_000_000n, 500_000n, 250_000n);
      world.mineOnPoll();
      await author.writer.registerName(NAME);
      await world.devnet.mine(DEPTH);
      world.clock.onPoll = () => undefined;
      const life = new Life(world, author);
      for (const one of steps) await life.run(one);

      world.mineOnPoll();
      const done: number[] = [];
      for (const { n, handle } of life.changes) {
        await expecting(["CONFLICT_NAME_MOVED"], async () => {
          await handle.wait();
          done.push(n);
        });
      }
      if (!life.wasForced) expect(done).toEqual(life.changes.map(({ n }) => n));
      const found = await world.reader(reader).getProfile(NAME);
      expect(found).toMatchObject({ found: true });
      expect(found.found ? (found.profile.about["n"] ?? null) : null).toBe(done.at(-1) ?? null);
      // One transaction for each change that was made, and none for one that was reported as lost.
      expect(await author.count("update")).toBe(done.length);
      expect(await author.journal()).toEqual([]);
    }),
    { numRuns: Math.ceil(numRuns / 4) },
  );
});
