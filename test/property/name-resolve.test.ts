import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ProvenTransaction } from "../../src/chain/merkle.js";
import type { Transaction } from "../../src/chain/transaction.js";
import { mintVerified, type Verified } from "../../src/crypto/verified.js";
import { isHawserError } from "../../src/errors.js";
import type { ResolveOutcome } from "../../src/name/resolve.js";
import { runThread, type ThreadState } from "../../src/name/thread.js";
import { anyOutpoint, type World } from "../unit/name/builder.js";
import { hiding, MinedChain, sourceOf, type Twist } from "../unit/name/chain-world.js";
import { readOutcome } from "../unit/name/reading.js";
import { modelStates } from "./name-model.js";
import { story } from "./name-story.js";
import { hasty, Teller } from "./name-teller.js";
import { numRuns } from "./runs.js";

/** Two sources beside the honest one: what each hides is drawn anew for every transaction. */
const liar = fc.record({
  hides: fc.infiniteStream(fc.boolean()),
  /** Answers nothing about histories, as a server does that finds them too large. */
  mute: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
});

const flood = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), entries: fc.integer({ min: 0, max: 25 }) });

const scene = fc.record({
  happenings: story,
  floods: fc.array(flood, { maxLength: 2 }),
  liars: fc.tuple(liar, liar),
  honestAt: fc.integer({ min: 0, max: 2 }),
  /** blocks - above the last thing that happened. */
  above: fc.integer({ min: 0, max: 15 }),
  minConfirmations: fc.integer({ min: 1, max: 4 }),
  /** Where an earlier read by the same reader stood, as a part of the chain. */
  earlier: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  hint: fc.option(fc.nat(1_000)),
});
type Scene = typeof scene extends fc.Arbitrary<infer T> ? T : never;

/** Tells the story and pours junk into the beacon, before and after whatever happens there. */
function worldOf({ happenings, floods }: Scene): { readonly world: World; readonly end: number } {
  const teller = new Teller(hasty, { mineable: true });
  const end = teller.tell(happenings);
  const { world } = teller;
  for (const { at, entries } of floods) {
    const height = 1 + Math.round(at * (end - 1));
    for (let i = 0; i < entries; i++)
      world.mine(height, { inputs: [anyOutpoint()], outputs: [world.beacon(BigInt(i))] });
  }
  return { world, end };
}

/** What the chain really holds, each transaction at the place where it was mined. */
function mined(world: World, chain: MinedChain): Verified<ProvenTransaction>[] {
  return world.transactions.flatMap((entry) => {
    const place = chain.placeOf(entry.tx.txid);
    return place === null ? [] : [mintVerified({ ...entry, ...place })];
  });
}

function twist(world: World, { hides, mute }: Scene["liars"][0]): Twist {
  const hidden: Transaction[] = world.transactions.map(({ tx }) => tx).filter(() => hides.next().value === true);
  const hide = hiding(...hidden);
  if (!mute) return hide;
  return (honest) => ({ ...hide(honest), history: () => Promise.reject(new Error("history too large")) });
}

/** The outcome must be the state that everything together gives, or the failure that C7 demands of it. */
function check({ result }: ResolveOutcome, expected: ThreadState): void {
  if (isHawserError(result, "CHAIN_UNSUPPORTED_OPERATION")) {
    expect(expected.unsupported?.txid).toBe(result.details.txid);
    return;
  }
  if (result instanceof Error) throw result;
  expect(expected.unsupported).toBeNull();
  expect(result.state).toEqual(expected);
}

describe("a read through sources of which one is honest", () => {
  it("V4: gives the state that all transactions of the chain give, whatever the others hide", async () => {
    await fc.assert(
      fc.asyncProperty(scene, async (drawn) => {
        const { world, end } = worldOf(drawn);
        const { minConfirmations, earlier, honestAt, hint: at } = drawn;
        const tip = end + drawn.above;
        // The coinbases of that world are told apart by one byte.
        fc.pre(tip < 256);
        const past = earlier === null ? null : MinedChain.of(world, Math.max(1, Math.round(earlier * tip)));
        const chain = MinedChain.of(world, tip, past === null ? {} : { onto: { chain: past, upTo: past.tipHeight } });
        const hint = at === null ? undefined : world.transactions[at % world.transactions.length]?.tx.txid;
        const twists = drawn.liars.map((each) => twist(world, each));
        twists.splice(honestAt, 0, () => ({}));

        let after: ResolveOutcome | undefined;
        for (const held of past === null ? [chain] : [past, chain]) {
          const sources = twists.map((each, i) => sourceOf(`source ${i}`, held, each));
          const outcome = await readOutcome({
            world,
            sources,
            minSources: 1,
            minConfirmations,
            hint,
            ...(after === undefined ? {} : { after }),
          });
          const height = Math.max(0, held.tipHeight - minConfirmations + 1);
          const all = {
            network: world.network,
            name: world.name,
            transactions: mined(world, held),
            previous: world.previous,
          };
          const expected = runThread(all, height);
          expect(modelStates(all, [height]).get(height)).toEqual(expected);
          check(outcome, expected);
          after = outcome;
        }
      }),
      { numRuns },
    );
  });
});
