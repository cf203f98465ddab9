import { describe, expect, it } from "vitest";
import type { HeaderChain } from "../../../src/chain/header-chain.js";
import { selectStored } from "../../../src/name/select-stored.js";
import { nothingStored, type StoredName } from "../../../src/name/stored-name.js";
import { LATE_MS } from "../chain/mining.js";
import { FakeClock } from "../fake-clock.js";
import { errorOf } from "../mutable/world.js";
import { alice, headed, profile, World } from "./builder.js";
import { MinedChain, sourceOf } from "./chain-world.js";
import { readOutcome, resolutionOf } from "./reading.js";

const demands = { minConfirmations: 1, minSources: 2 };

/** A name registered at height 3 and updated at 5, read by two sources at the tip 6 of a chain. */
async function updatedAndRead(later: (world: World, update: ReturnType<World["update"]>) => void = () => undefined) {
  const world = new World();
  const { register } = world.register(3);
  const update = world.update(5, register, profile(2));
  const before = MinedChain.of(world, 6);
  const outcome = await readOutcome({ world, sources: [sourceOf("a", before), sourceOf("b", before)] });
  const { asOf } = resolutionOf(outcome);
  later(world, update);
  const chain = MinedChain.of(world, 8, { onto: { chain: before, upTo: 6 } });
  const after = await readOutcome({ world, sources: [sourceOf("a", chain)], after: outcome });
  const readAt = { height: asOf.height, hash: asOf.hash, tipHeight: asOf.tipHeight, agreed: 2 };
  const input = (stored: StoredName, on: HeaderChain = outcome.chain) => {
    return { network: world.network, name: world.name, chain: on, stored, clock: new FakeClock(LATE_MS) };
  };
  return { world, outcome, after, readAt, input };
}

describe("what is stored as an answer", () => {
  it("V7: is the state that was read, as of its block, and no source stands for it", async () => {
    const { outcome, readAt, input } = await updatedAndRead();
    const { state, asOf } = resolutionOf(outcome);
    const answer = selectStored(input({ ...outcome.stored, readAt }), demands);
    expect(answer).toEqual({ state, pending: [], asOf: { ...asOf, partial: true, sources: [] } });
  });

  it("V7: keeps the tip of its read when the chain has grown", async () => {
    const { outcome, after, readAt, input } = await updatedAndRead();
    const answer = selectStored(input({ ...outcome.stored, readAt }, after.chain), demands);
    expect(after.chain.tipHeight).toBe(8);
    expect(answer?.asOf).toMatchObject({ height: 6, tipHeight: 6, hash: readAt.hash });
    expect(answer?.asOf.tipAgeMs).toBe(resolutionOf(outcome).asOf.tipAgeMs);
  });

  it("V5: is none without a complete read, or with one of fewer sources than are needed", async () => {
    const { outcome, readAt, input } = await updatedAndRead();
    expect(selectStored(input(outcome.stored), demands)).toBeNull();
    expect(selectStored(input({ ...outcome.stored, readAt: null }), demands)).toBeNull();
    expect(selectStored(input(nothingStored), demands)).toBeNull();
    expect(selectStored(input({ ...outcome.stored, readAt }), { ...demands, minSources: 3 })).toBeNull();
  });

  it("V6: is none where its block is not in the chain", async () => {
    const { outcome, readAt, input } = await updatedAndRead();
    expect(
      selectStored(input({ ...outcome.stored, readAt: { ...readAt, hash: "00".repeat(32) } }), demands),
    ).toBeNull();
    expect(selectStored(input({ ...outcome.stored, readAt: { ...readAt, height: 7 } }), demands)).toBeNull();
  });

  it("V6: is read no higher than the depth that is wanted", async () => {
    const { outcome, readAt, input } = await updatedAndRead();
    const answer = selectStored(input({ ...outcome.stored, readAt }), { ...demands, minConfirmations: 3 });
    expect(answer?.state).toMatchObject({ height: 4, profileHash: profile(1) });
    expect(answer?.pending).toMatchObject([{ kind: "update", height: 5 }]);
  });

  it("C7: is none where an operation was proven since", async () => {
    const { after, readAt, input } = await updatedAndRead((world, update) => {
      world.update(7, update, profile(3));
    });
    expect(selectStored(input({ ...after.stored, readAt }, after.chain), demands)).toBeNull();
    // Above the depth that is wanted it does not count yet.
    const deep = selectStored(input({ ...after.stored, readAt }, after.chain), { ...demands, minConfirmations: 3 });
    expect(deep).toMatchObject({ state: { profileHash: profile(2) }, pending: [{ kind: "update", height: 7 }] });
  });

  it("C7: is none where the seal was spent since by what is no operation", async () => {
    const { after, readAt, input } = await updatedAndRead((world, update) => {
      world.pay(7, update);
    });
    expect(selectStored(input({ ...after.stored, readAt }, after.chain), demands)).toBeNull();
  });

  it("C7: is an error where an operation of a later version was proven since", async () => {
    const { after, readAt, input } = await updatedAndRead((world, update) => {
      world.spend(7, update, headed(2, 3), world.seal(alice));
    });
    const stored = input({ ...after.stored, readAt }, after.chain);
    errorOf("CHAIN_UNSUPPORTED_OPERATION", () => selectStored(stored, demands));
  });

  it("P6: a name that nobody holds is one only because it was asked for", async () => {
    const { outcome, readAt, input } = await updatedAndRead();
    const answer = selectStored(input({ ...nothingStored, readAt }), demands);
    expect(answer?.state).toMatchObject({ status: "free", tenure: null });
    expect(selectStored(input({ ...outcome.stored, transactions: [] }), demands)).toBeNull();
  });
});
