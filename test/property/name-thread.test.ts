import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { equalBytes } from "../../src/bytes/bytes.js";
import type { ProvenTransaction } from "../../src/chain/merkle.js";
import { type Network, networks } from "../../src/chain/network.js";
import type { Verified } from "../../src/crypto/verified.js";
import type { Outpoint } from "../../src/ports.js";
import type { World } from "../unit/name/builder.js";
import { modelStates } from "./name-model.js";
import { type Happening, story } from "./name-story.js";
import { hasty, Teller } from "./name-teller.js";
import { numRuns } from "./runs.js";

const anyNetwork = fc.oneof(
  { weight: 5, arbitrary: fc.constant(hasty) },
  { weight: 3, arbitrary: fc.constantFrom(...Object.values(networks)) },
);

function told(network: Network, happenings: readonly Happening[]): Teller {
  const teller = new Teller(network);
  teller.tell(happenings);
  return teller;
}

function spenders(world: World, { txid, vout }: Outpoint): Verified<ProvenTransaction>[] {
  return world.transactions.filter(({ tx }) =>
    tx.inputs.some((input) => input.outpoint.txid === txid && input.outpoint.vout === vout),
  );
}

describe("the thread of any name", () => {
  it("C7: agrees at every height with the model that was written from the protocol's text", () => {
    fc.assert(
      fc.property(anyNetwork, story, (network, happenings) => {
        const teller = told(network, happenings);
        const { world } = teller;
        for (const [height, state] of modelStates(world, teller.heights())) expect(world.state(height)).toEqual(state);
      }),
      { numRuns },
    );
  });

  it("C6: does not depend on the order in which transactions are delivered, nor on repeats", () => {
    fc.assert(
      fc.property(anyNetwork, story, fc.infiniteStream(fc.nat(1_000)), (network, happenings, random) => {
        const teller = told(network, happenings);
        const { world } = teller;
        const keyed = [...world.transactions, ...world.transactions.slice(0, 3)].map(
          (transaction) => [random.next().value ?? 0, transaction] as const,
        );
        const shuffled = keyed.sort(([a], [b]) => a - b).map(([, transaction]) => transaction);
        for (const height of teller.heights()) {
          expect(world.state(height, shuffled)).toEqual(world.state(height));
          expect(world.frontier(height, shuffled)).toEqual(world.frontier(height));
        }
      }),
      { numRuns },
    );
  });

  it("V6: what is above the height that is read changes nothing", () => {
    fc.assert(
      fc.property(anyNetwork, story, (network, happenings) => {
        const teller = told(network, happenings);
        const { world } = teller;
        for (const height of teller.heights()) {
          const mined = world.transactions.filter((transaction) => transaction.height <= height);
          expect(world.state(height, mined)).toEqual(world.state(height));
        }
      }),
      { numRuns },
    );
  });

  it("V5: is found whole from the beacon by asking for the frontier's spends alone", () => {
    fc.assert(
      fc.property(anyNetwork, story, (network, happenings) => {
        const teller = told(network, happenings);
        const { world } = teller;
        const beacon = world.beacon().script;
        const known = new Set(
          world.transactions.filter(({ tx }) => tx.outputs.some(({ script }) => equalBytes(script, beacon))),
        );
        for (const { tx } of [...known]) {
          for (const each of world.transactions) if (each.tx.txid === tx.inputs[0]?.outpoint.txid) known.add(each);
        }
        for (;;) {
          const { seals } = world.frontier(teller.height, [...known]);
          const found = seals.flatMap((seal) => spenders(world, seal.outpoint)).filter((each) => !known.has(each));
          if (found.length === 0) break;
          for (const each of found) known.add(each);
        }
        for (const height of teller.heights()) {
          if (height <= teller.height) expect(world.state(height, [...known])).toEqual(world.state(height));
        }
      }),
      { numRuns },
    );
  });

  it("C9: is in one of four states, which agree with what they show", () => {
    fc.assert(
      fc.property(anyNetwork, story, (network, happenings) => {
        const teller = told(network, happenings);
        const { world } = teller;
        for (const height of teller.heights()) {
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
