import { afterAll, beforeAll, expect, it } from "vitest";
import { type Author, atEveryCall, WriteWorld } from "./world.js";

let world: WriteWorld;

beforeAll(async () => {
  world = await WriteWorld.start({ mine: "manual" });
});
afterAll(() => world.devnet.close());

const LONG = { timeout: 300_000 };
const at = (feeRateSatsPerVbyte: number) => ({ waitFor: "broadcast", feeRateSatsPerVbyte }) as const;

async function owner(name: string): Promise<Author> {
  const author = await world.author(2_000_000n, 500_000n);
  await world.showHeaders(author);
  world.mineOnPoll();
  await author.writer.registerName(name);
  world.clock.onPoll = () => undefined;
  return author;
}

/** What is under way of a name is mined and leaves the journal. */
async function finish(author: Author, name: string): Promise<void> {
  world.mineOnPoll();
  await author.writer.renewName(name);
  await author.writer.renewName(name);
  world.clock.onPoll = () => undefined;
  expect(await author.journal()).toEqual([]);
}

it.each(["before", "after", "lost"] as const)(
  "W3: a bump that is disturbed (%s) at any call leaves one change, and the next bump succeeds",
  LONG,
  async (mode) => {
    const struck = await atEveryCall(mode, async (fault, at_) => {
      const name = `u-${mode}-${at_}`;
      const author = await owner(name);
      const first = await author.writer.updateProfile(name, { about: { n: at_ } }, at(1));
      await author
        .start({ gate: fault.gate })
        .writer.bump(first.id, at(5))
        .catch(() => undefined);
      const { bump } = await author.writer.bump(first.id, at(9));
      const tx = await world.transaction(bump.txid);
      expect(await world.fee(tx)).toBeGreaterThanOrEqual(9n * 158n);
      expect((await author.journal(name)).flatMap(({ transactions }) => transactions)).toHaveLength(1);
      await world.devnet.mine(1);
      expect(await world.reader().getProfile(name)).toMatchObject({ profile: { about: { n: at_ } } });
      expect(await author.count("update")).toBe(1);
      await first.wait();
      expect(await author.journal()).toEqual([]);
    });
    expect(struck.length).toBeGreaterThan(2);
  },
);

it.each(["before", "after"] as const)(
  "W3: a bump that dies (%s) is finished by the next change, whichever version is mined",
  LONG,
  async (mode) => {
    await atEveryCall(mode, async (fault, at_) => {
      const name = `v-${mode}-${at_}`;
      const author = await owner(name);
      const first = await author.writer.updateProfile(name, { about: { n: 1 } }, at(1));
      await author
        .start({ gate: fault.gate })
        .writer.bump(first.id, at(5))
        .catch(() => undefined);
      if (at_ % 2 === 0) await world.devnet.mine(1);
      await author.writer.updateProfile(name, { about: { n: 2 } }, at(5));
      await world.devnet.mine(1);
      await first.wait();
      expect(await world.reader().getProfile(name)).toMatchObject({ profile: { about: { n: 2 } } });
      expect(await author.count("update")).toBe(2);
      await finish(author, name);
    });
  },
);

it.each(["before", "after"] as const)(
  "W9: the bump of a PREORDER that dies (%s) at any effect voids no registration",
  LONG,
  async (mode) => {
    await atEveryCall(mode, async (fault, at_) => {
      const name = `p-${mode}-${at_}`;
      const author = await world.author(2_000_000n);
      const { tenure } = await author.writer.registerName(name, at(1));
      await author
        .start({ gate: fault.gate })
        .writer.bump(name, at(5))
        .catch(() => undefined);
      await author.writer.bump(name, at(9));
      world.mineOnPoll();
      await author.writer.registerName(name);
      world.clock.onPoll = () => undefined;
      expect(await world.reader().getName(name)).toMatchObject({ name: { tenure } });
      expect(await author.count("preorder")).toBe(1);
      expect(await author.journal()).toEqual([]);
    });
  },
);
