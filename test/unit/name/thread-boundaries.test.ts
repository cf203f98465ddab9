import { describe, expect, it } from "vitest";
import { type NetworkId, networks } from "../../../src/chain/network.js";
import type { Transaction } from "../../../src/chain/transaction.js";
import type { ThreadState } from "../../../src/name/thread.js";
import { alice, bob, headed, outpoint, p2pkh, payloadOutput, profile, World } from "./builder.js";

/** Section 9, written out again: a constant that changes in the sources must fail here. */
const constants: readonly {
  readonly id: NetworkId;
  readonly start: number;
  readonly minAge: number;
  readonly maxAge: number;
  readonly term: number;
  readonly grace: number;
  readonly cooldown: number;
  readonly bond: bigint;
}[] = [
  {
    id: "mainnet",
    start: 953_568,
    minAge: 6,
    maxAge: 2_016,
    term: 105_120,
    grace: 8_640,
    cooldown: 1_008,
    bond: 10_000n,
  },
  {
    id: "testnet4",
    start: 110_880,
    minAge: 3,
    maxAge: 2_016,
    term: 52_560,
    grace: 4_320,
    cooldown: 144,
    bond: 1_000n,
  },
  { id: "signet", start: 290_304, minAge: 1, maxAge: 2_016, term: 52_560, grace: 4_320, cooldown: 144, bond: 1_000n },
  { id: "regtest", start: 0, minAge: 1, maxAge: 200, term: 200, grace: 20, cooldown: 5, bond: 1_000n },
];

describe.each(constants)("on $id", ({ id, start, minAge, maxAge, term, grace, cooldown, bond }) => {
  /** A row of a table, under the network's name. */
  const row = <Rest extends readonly unknown[]>(...rest: Rest) => [id, ...rest] as const;
  /** Well above PROTOCOL_START. */
  const at = start + 3_000;
  const activeTo = at + term;
  const graceTo = activeTo + grace;
  const freeFrom = graceTo + 1;

  function registered(how?: Parameters<World["register"]>[1]): { readonly world: World; readonly seal: Transaction } {
    const world = new World(networks[id]);
    return { world, seal: world.register(at, { preorderAt: at - minAge, ...how }).register };
  }

  /** What a REGISTER of another owner at `height` comes to. */
  function taken(world: World, height: number): ThreadState {
    world.register(height, { owner: bob, preorderAt: height - minAge });
    return world.state(height);
  }

  it.each([
    row("MIN_AGE - 1", minAge - 1, false),
    row("MIN_AGE", minAge, true),
    row("MIN_AGE + 1", minAge + 1, true),
    row("MAX_AGE - 1", maxAge - 1, true),
    row("MAX_AGE", maxAge, true),
    row("MAX_AGE + 1", maxAge + 1, false),
  ])("C5: %s: a REGISTER of age %s (%i blocks) is valid: %s", (_id, _what, age, valid) => {
    const { world } = registered({ preorderAt: at - age });
    expect(world.state(at).status).toBe(valid ? "active" : "free");
  });

  // Regtest has nothing below its start.
  const around = start === 0 ? [0, 1] : [-1, 0, 1];
  it.each(around.map((offset) => [id, offset, offset >= 0] as const))(
    "C5: %s: a PREORDER %i blocks above PROTOCOL_START counts: %s",
    (_id, offset, valid) => {
      for (const age of [minAge, maxAge]) {
        const world = new World(networks[id]);
        world.register(start + offset + age, { preorderAt: start + offset });
        expect(world.state(start + offset + age).status).toBe(valid ? "active" : "free");
      }
    },
  );

  it.each([row("BOND - 1", bond - 1n, false), row("BOND", bond, true), row("BOND + 1", bond + 1n, true)])(
    "C2: %s: a seal of %s (%i sat) is one: %s",
    (_id, _what, valueSats, valid) => {
      const unregistered = registered({ valueSats });
      expect(unregistered.world.state(at).status).toBe(valid ? "active" : "free");
      for (const kind of ["update", "transfer"] as const) {
        const { world, seal } = registered();
        world.spend(at + 1, seal, payloadOutput({ kind, profileHash: profile(2) }), world.seal(alice, valueSats));
        expect(world.state(at + 1).unsealed === null, kind).toBe(valid);
      }
      const lost = registered();
      lost.world.pay(at + 1, lost.seal);
      lost.world.recover(at + 2, { valueSats });
      expect(lost.world.state(at + 2).unsealed === null).toBe(valid);
      const later = registered();
      later.world.spend(at + 1, later.seal, headed(2, 3), later.world.seal(alice, valueSats));
      expect(later.world.state(at + 1).seal !== null).toBe(valid);
    },
  );

  it.each([
    row("the REGISTER - 1", at - 1, "free", null),
    row("the REGISTER", at, "active", activeTo + 1),
    row("TERM - 1", activeTo - 1, "active", activeTo + 1),
    row("TERM", activeTo, "active", activeTo + 1),
    row("TERM + 1", activeTo + 1, "grace", freeFrom),
    row("TERM + 2", activeTo + 2, "grace", freeFrom),
    row("TERM + GRACE - 1", graceTo - 1, "grace", freeFrom),
    row("TERM + GRACE", graceTo, "grace", freeFrom),
    row("TERM + GRACE + 1", freeFrom, "free", null),
    row("TERM + GRACE + 2", freeFrom + 1, "free", null),
  ] as const)("C9: %s: at %s (height %i) the name is %s", (_id, _what, height, status, changesAtHeight) => {
    expect(registered().world.state(height)).toMatchObject({ status, changesAtHeight });
  });

  it.each([
    row("TERM", activeTo, true),
    row("TERM + 1", activeTo + 1, true),
    row("TERM + GRACE", graceTo, true),
    row("TERM + GRACE + 1", freeFrom, false),
    row("TERM + GRACE + 2", freeFrom + 1, false),
  ])("C9: %s: at %s (height %i) operations of the tenure count: %s", (_id, _what, height, counts) => {
    const expected = counts ? { status: "active", changesAtHeight: height + term + 1 } : { status: "free" };
    for (const kind of ["update", "transfer"] as const) {
      const { world, seal } = registered();
      world.spend(height, seal, payloadOutput({ kind, profileHash: profile(2) }), world.seal(alice));
      expect(world.state(height), kind).toMatchObject(expected);
    }
    const given = registered();
    given.world.release(height, given.seal);
    expect(given.world.state(height).status).toBe(counts ? "released" : "free");
    const lost = registered();
    lost.world.pay(at, lost.seal);
    lost.world.recover(height);
    expect(lost.world.state(height)).toMatchObject(expected);
    const late = registered();
    late.world.pay(height, late.seal);
    expect(late.world.state(height).unsealed !== null).toBe(counts);
    const unknown = registered();
    unknown.world.spend(height, unknown.seal, headed(2, 3), unknown.world.seal(alice));
    expect(unknown.world.state(height)).toMatchObject(expected);
    expect(unknown.world.state(height).unsupported !== null).toBe(counts);
  });

  it.each([
    row("TERM + GRACE - 1", graceTo - 1, false),
    row("TERM + GRACE", graceTo, false),
    row("TERM + GRACE + 1", freeFrom, true),
    row("TERM + GRACE + 2", freeFrom + 1, true),
  ])("C5, C9: %s: at %s (height %i) another owner can register: %s", (_id, _what, height, free) => {
    const { world, seal } = registered();
    expect(taken(world, height).ownerScript).toEqual(free ? bob : alice);
    // As well where the name was unsealed meanwhile: what does not renew does not delay.
    const lost = registered();
    lost.world.spend(at + 1, lost.seal, { valueSats: 1n, script: p2pkh });
    expect(taken(lost.world, height).ownerScript).toEqual(free ? bob : alice);
    // An old seal that is spent in the block of the new REGISTER, or later, is nothing.
    const before = free ? world.state(height + 1) : null;
    world.mine(height, {
      inputs: [outpoint(seal)],
      outputs: [payloadOutput({ kind: "update", profileHash: profile(9) }), world.seal(alice)],
    });
    if (before !== null) expect(world.state(height + 1)).toEqual(before);
    else expect(world.state(height)).toMatchObject({ ownerScript: alice, profileHash: profile(9) });
  });

  it.each([
    row("the RELEASE - 1", -1, "active", false),
    row("the RELEASE", 0, "released", false),
    row("COOLDOWN - 1", cooldown - 1, "released", false),
    row("COOLDOWN", cooldown, "free", true),
    row("COOLDOWN + 1", cooldown + 1, "free", true),
  ] as const)("C9: %s: at %s (%i blocks after it) the name is %s", (_id, _what, blocks, status, free) => {
    const { world, seal } = registered();
    const releasedAt = at + 10;
    world.release(releasedAt, seal);
    const changesAtHeight = { active: activeTo + 1, released: releasedAt + cooldown, free: null }[status];
    expect(world.state(releasedAt + blocks)).toMatchObject({ status, changesAtHeight });
    const { status: after } = taken(world, releasedAt + blocks);
    expect(after).toBe(free ? "active" : status);
  });
});
