import { afterEach, beforeEach, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import type { Signer } from "../../src/ports.js";
import { systemRandom } from "../../src/runtime/random.js";
import { createPrivateKey, privateKeySigner } from "../../src/wallet/private-key.js";
import { type Author, WriteWorld } from "../unit/client/write/world.js";

const rotatedKey = createPrivateKey(systemRandom);
const otherSigner = (): Signer => privateKeySigner({ privateKey: rotatedKey, random: systemRandom });
const BROADCAST = { waitFor: "broadcast" } as const;
let world: WriteWorld;
let alice: Author;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual" });
  alice = await world.author(1_000_000n, 400_000n);
  world.mineOnPoll();
  await alice.writer.registerName("anna");
  world.clock.onPoll = () => undefined;
});
afterEach(() => world.devnet.close());

it("V6: what a reorganisation puts back into the mempool is waited for, and what builds on it too", async () => {
  const first = await alice.writer.updateProfile("anna", { about: { n: 1 } }, BROADCAST);
  await world.devnet.mine(1);
  await first.wait();
  const second = await alice.writer.updateProfile("anna", { storage: [] }, BROADCAST);
  const { waiting } = await world.devnet.reorg({ depth: 1 });
  expect(waiting).toEqual(expect.arrayContaining([first.txids[0], second.txids[0]]));
  let polls = 0;
  world.clock.onPoll = () => (++polls < 3 ? undefined : world.devnet.mine(1));
  await second.wait();
  expect(polls).toBeGreaterThan(2);
  expect(await world.reader().getProfile("anna")).toMatchObject({ profile: { about: { n: 1 }, storage: [] } });
  expect(await alice.journal()).toEqual([]);
});

it("W4: a pending write whose parent vanished says so, leaves the journal, and can be made again", async () => {
  const first = await alice.writer.updateProfile("anna", { about: { n: 1 } }, BROADCAST);
  await world.devnet.mine(1);
  await first.wait();
  const second = await alice.writer.putMutable("anna", "note", utf8("one"), BROADCAST);
  const { gone } = await world.devnet.reorg({ depth: 1, drop: true });
  expect(gone).toEqual(expect.arrayContaining([first.txids[0], second.txids[0]]));
  await expect(second.wait()).rejects.toMatchObject({
    code: "CONFLICT_NAME_MOVED",
    details: { name: "anna", expected: `${first.txids[0]}:1` },
    message: expect.stringMatching(
      new RegExp(`${first.txids[0]}, which this change of anna builds on, is not in the chain any more`),
    ) as string,
  });
  expect(await alice.journal()).toEqual([]);
  world.mineOnPoll();
  await alice.writer.putMutable("anna", "note", utf8("again"));
  expect(await world.reader().getMutable("anna", "note")).toMatchObject({ data: utf8("again") });
});

it("W4: a child of an own pending write that another device's replaced says so", async () => {
  const parent = await alice.writer.updateProfile("anna", { about: { n: 1 } }, BROADCAST);
  const child = await alice.writer.updateProfile("anna", { about: { n: 2 } }, BROADCAST);
  const tip = world.devnet.height();
  const device = alice.onAnotherDevice();
  // Another device of the same owner, whose nodes never saw these two.
  await world.devnet.mine(1);
  await world.devnet.reorg({ depth: world.devnet.height() - tip, drop: true });
  const rival = await device.writer.updateProfile("anna", { about: { n: 3 } }, BROADCAST);
  await world.devnet.mine(1);
  await expect(child.wait()).rejects.toMatchObject({
    code: "CONFLICT_NAME_MOVED",
    details: { got: `${rival.txids[0]}:1`, expected: `${parent.txids[0]}:1` },
    message: expect.stringContaining(`${parent.txids[0]}, which this change`) as string,
  });
  await expect(parent.wait()).rejects.toMatchObject({
    code: "CONFLICT_NAME_MOVED",
    message: expect.stringContaining("Another operation changed anna first") as string,
  });
  expect(await alice.journal()).toEqual([]);
});

it("M5: a record put under a route that is mined but not at depth locks no reader of this cache out", async () => {
  world.mineOnPoll();
  const { route } = await alice.writer.putMutable("anna", "note", utf8("one"));
  world.clock.onPoll = () => undefined;
  const deep = alice.start({ reader: { minConfirmations: 3 } });
  await world.devnet.mine(3);
  const rotated = await deep.writer.rotateKey("anna", otherSigner(), BROADCAST);
  await world.devnet.mine(1);
  const author = alice.start({ signer: otherSigner(), reader: { minConfirmations: 3 } });
  await author.writer.putMutable("anna", "note", utf8("two"), BROADCAST);
  // The chain has the new route one block deep; readers that want three are still served by the old one.
  expect(await author.reader.getMutable("anna", "note")).toMatchObject({ data: utf8("one"), route });
  await world.devnet.mine(2);
  expect(await author.reader.getMutable("anna", "note")).toMatchObject({ data: utf8("two"), ver: 2 });
  await rotated.wait();
  expect(await alice.journal()).toEqual([]);
});

it("M5: nor does one under a route that another device made", async () => {
  world.mineOnPoll();
  await alice.writer.putMutable("anna", "note", utf8("one"));
  await world.devnet.mine(3);
  world.clock.onPoll = () => undefined;
  const device = alice.onAnotherDevice().start({ signer: otherSigner(), reader: { minConfirmations: 3 } });
  expect(await device.reader.getMutable("anna", "note")).toMatchObject({ data: utf8("one") });
  await alice.writer.rotateKey("anna", otherSigner(), BROADCAST);
  await world.devnet.mine(1);
  await device.writer.putMutable("anna", "note", utf8("two"));
  expect(await device.reader.getMutable("anna", "note")).toMatchObject({ data: utf8("one") });
  await world.devnet.mine(2);
  expect(await device.reader.getMutable("anna", "note")).toMatchObject({ data: utf8("two") });
});
