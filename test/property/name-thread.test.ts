import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ProvenTransaction } from "../../src/chain/merkle.js";
import type { TransactionOutput } from "../../src/chain/transaction.js";
import type { Verified } from "../../src/crypto/verified.js";
import type { Outpoint } from "../../src/ports.js";
import {
  alice,
  anyOutpoint,
  bob,
  carol,
  headed,
  outpoint,
  p2pkh,
  payloadOutput,
  profile,
  rawPayloadOutput,
  World,
} from "../unit/name/builder.js";
import { numRuns } from "./runs.js";

const owners = [alice, bob, carol] as const;

/** One thing that happens on the chain, `gap` blocks after the one before. */
const happening = fc.record({
  gap: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 9 }) },
    fc.constantFrom(196, 200, 201, 220, 221, 230),
  ),
  what: fc.constantFrom(
    "register",
    "register",
    "update",
    "update",
    "transfer",
    "release",
    "pay",
    "recover",
    "recover",
    "later",
    "junk",
    "old",
    "mutated",
  ),
  owner: fc.integer({ min: 0, max: 2 }),
  flaw: fc.constantFrom("none", "none", "none", "bond", "script", "vin", "beacon"),
  bytes: fc.uint8Array({ minLength: 4, maxLength: 75 }),
});
const story = fc.array(happening, { minLength: 1, maxLength: 14 });
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** Plays a story; every transaction is one that could be mined. Gives the height of its end. */
function play(world: World, happenings: readonly Happening[]): number {
  let height = 100;
  for (const [index, { gap, what, owner: who, flaw, bytes }] of happenings.entries()) {
    height += gap;
    const state = world.state(height);
    const owner = owners[who] ?? alice;
    const present = state.ownerScript ?? owner;
    const value = flaw === "bond" ? 999n : 1_000n;
    const seal = world.seal(flaw === "script" ? p2pkh : what === "transfer" ? owner : present, value);
    const spend = (...outputs: readonly TransactionOutput[]): void => {
      const spent = state.seal?.outpoint ?? anyOutpoint();
      world.mine(height, { inputs: flaw === "vin" ? [anyOutpoint(), spent] : [spent], outputs });
    };
    const profileHash = profile(index % 5);
    switch (what) {
      case "register":
        world.register(height, {
          owner,
          profileHash,
          preorderAt: Math.max(0, height - 1 - ((bytes[0] ?? 0) % 3)),
          valueSats: value,
          ...(flaw === "beacon" ? { beacon: null } : {}),
        });
        break;
      case "update":
      case "transfer":
        spend(payloadOutput({ kind: what, profileHash }), seal);
        break;
      case "release":
        spend(payloadOutput({ kind: "release" }));
        break;
      case "pay":
        spend({ valueSats: 5n, script: p2pkh }, seal);
        break;
      case "later":
        spend(headed(2, 3), seal);
        break;
      case "mutated":
        spend(rawPayloadOutput(bytes), seal);
        break;
      case "recover":
        world.recover(height, {
          owner: present,
          profileHash,
          valueSats: value,
          spends: world.coinOf(flaw === "vin" ? p2pkh : present),
          ...(flaw === "beacon" ? { beacon: null } : {}),
        });
        break;
      case "junk":
        world.mine(height, { inputs: [anyOutpoint()], outputs: [rawPayloadOutput(bytes), seal, world.beacon()] });
        break;
      case "old": {
        // Outputs of former seals that nothing spent yet.
        const unspent = world.transactions
          .map(({ tx }) => outpoint(tx))
          .find((each) => spenders(world, each).length === 0);
        const inputs = [unspent ?? anyOutpoint()];
        world.mine(height, { inputs, outputs: [payloadOutput({ kind: "update", profileHash }), seal] });
      }
    }
  }
  return height + 1;
}

function spenders(world: World, { txid, vout }: Outpoint): Verified<ProvenTransaction>[] {
  return world.transactions.filter(({ tx }) =>
    tx.inputs.some((input) => input.outpoint.txid === txid && input.outpoint.vout === vout),
  );
}

/** Heights at which something changes, and their neighbours. */
function heights(world: World, end: number): number[] {
  const around = world.transactions.flatMap(({ height }) => [
    height - 1,
    height,
    height + 200,
    height + 201,
    height + 221,
  ]);
  return [...new Set([...around, end, end + 199, end + 230])];
}

describe("the thread of any name", () => {
  it("C6: does not depend on the order in which transactions are delivered, nor on repeats", () => {
    fc.assert(
      fc.property(story, fc.infiniteStream(fc.nat(1_000)), (happenings, random) => {
        const world = new World();
        const end = play(world, happenings);
        const keyed = [...world.transactions, ...world.transactions.slice(0, 3)].map(
          (transaction) => [random.next().value ?? 0, transaction] as const,
        );
        const shuffled = keyed.sort(([a], [b]) => a - b).map(([, transaction]) => transaction);
        for (const height of heights(world, end)) {
          expect(world.state(height, shuffled)).toEqual(world.state(height));
          expect(world.frontier(height, shuffled)).toEqual(world.frontier(height));
        }
      }),
      { numRuns },
    );
  });

  it("V6: what is above the height that is read changes nothing", () => {
    fc.assert(
      fc.property(story, (happenings) => {
        const world = new World();
        const end = play(world, happenings);
        for (const height of heights(world, end)) {
          const mined = world.transactions.filter((transaction) => transaction.height <= height);
          expect(world.state(height, mined)).toEqual(world.state(height));
        }
      }),
      { numRuns },
    );
  });

  it("V5: is found whole from the beacon by asking for the frontier's spends alone", () => {
    fc.assert(
      fc.property(story, (happenings) => {
        const world = new World();
        const end = play(world, happenings);
        const beacon = world.beacon().script;
        const known = new Set(
          world.transactions.filter(({ tx }) => tx.outputs.some(({ script }) => equal(script, beacon))),
        );
        for (const { tx } of [...known]) {
          for (const each of world.transactions) if (each.tx.txid === tx.inputs[0]?.outpoint.txid) known.add(each);
        }
        for (;;) {
          const { seals } = world.frontier(end, [...known]);
          const found = seals.flatMap((seal) => spenders(world, seal.outpoint)).filter((each) => !known.has(each));
          if (found.length === 0) break;
          for (const each of found) known.add(each);
        }
        for (const height of heights(world, end)) {
          if (height <= end) expect(world.state(height, [...known])).toEqual(world.state(height));
        }
      }),
      { numRuns },
    );
  });

  it("C9: is in one of four states, which agree with what they show", () => {
    fc.assert(
      fc.property(story, (happenings) => {
        const world = new World();
        const end = play(world, happenings);
        for (const height of heights(world, end)) {
          const state = world.state(height);
          const held = state.status === "active" || state.status === "grace";
          expect(["free", "active", "grace", "released"]).toContain(state.status);
          expect(state.tenure !== null).toBe(held);
          expect(state.ownerScript !== null).toBe(held);
          expect(state.changesAtHeight === null).toBe(state.status === "free");
          if (!held) expect(state).toMatchObject({ seal: null, unsealed: null, unsupported: null, profileHash: null });
          if (held && state.unsupported === null) expect(state.seal === null).toBe(state.unsealed !== null);
          if (state.changesAtHeight !== null) {
            expect(state.changesAtHeight).toBeGreaterThan(height);
            const still = world.transactions.filter((transaction) => transaction.height <= height);
            expect(world.state(state.changesAtHeight - 1, still).status).toBe(state.status);
            expect(world.state(state.changesAtHeight, still).status).not.toBe(state.status);
          }
        }
      }),
      { numRuns },
    );
  });
});

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
