import { afterEach, beforeEach, expect, it } from "vitest";
import { esplora } from "../../src/chain/sources/esplora.js";
import { type Devnet, startDevnet } from "../../src/devnet/index.js";
import type { ChainSource } from "../../src/ports.js";
import { type Author, WriteWorld } from "../unit/client/write/world.js";
import { FakeClock } from "../unit/fake-clock.js";

/** Two chains that are one up to the coins of the author, since equal runs of a devnet give equal blocks. */
let world: WriteWorld;
let other: Devnet;
let author: Author;

beforeEach(async () => {
  const clock = new FakeClock(Date.now() - 3_600_000);
  world = await WriteWorld.start({ mine: "manual", clock });
  other = await startDevnet({ mine: "manual", clock });
  author = await world.author();
  await other.faucet(author.account.script, 1_000_000n);
});
afterEach(async () => {
  await world.devnet.close();
  await other.close();
});

/** A server that follows one chain and, once it is told to, the other. */
function switching(): { readonly source: ChainSource; readonly reorganise: () => void } {
  const before = world.source;
  const after = esplora(other.sourceUrls[0] ?? "", { label: before.label });
  let current = before;
  const source = new Proxy(before, {
    get: (_, property) => {
      const value: unknown = Reflect.get(current, property, current);
      return typeof value === "function" ? (value.bind(current) as unknown) : value;
    },
  });
  return { source, reorganise: () => (current = after) };
}

it("V6: a reorganisation that drops PREORDER and REGISTER: both are sent again, in their order", async () => {
  const { source, reorganise } = switching();
  const before = await world.source.tip();
  expect((await esplora(other.sourceUrls[0] ?? "").tip()).hash).toBe(before.hash);
  let polls = 0;
  world.clock.onPoll = async () => {
    polls++;
    // The PREORDER is mined on the first chain and the REGISTER waits there; then a longer chain without either.
    if (polls === 1) await world.devnet.mine(1);
    if (polls === 2) await other.mine(4);
    if (polls === 2) reorganise();
    if (polls > 2) await other.mine(1);
  };
  const { tenure } = await author.start({ sources: [source] }).writer.registerName("alice");
  expect(polls).toBeGreaterThan(2);
  const reader = author.start({ sources: [esplora(other.sourceUrls[0] ?? "")] }).reader;
  expect(await reader.getName("alice")).toMatchObject({ found: true, name: { tenure } });
  expect(await author.journal()).toEqual([]);
});

it("V6: a reorganisation that drops an UPDATE before it is at depth: it is sent again", async () => {
  const { source, reorganise } = switching();
  const deep = { sources: [source], reader: { minConfirmations: 3 } };
  world.mineOnPoll();
  const registered = author.start({ sources: [source] });
  await registered.writer.registerName("alice");
  for (const { tx } of await author.transactions()) {
    await other.submit(tx.raw);
    await other.mine(1);
  }
  let polls = 0;
  world.clock.onPoll = async () => {
    polls++;
    if (polls === 1) await world.devnet.mine(1);
    if (polls === 2) await other.mine(6);
    if (polls === 2) reorganise();
    if (polls > 2) await other.mine(1);
  };
  await author.start(deep).writer.updateProfile("alice", { about: { n: 1 } });
  expect(polls).toBeGreaterThan(4);
  const reader = author.start({ sources: [esplora(other.sourceUrls[0] ?? "")] }).reader;
  expect(await reader.getProfile("alice")).toMatchObject({ profile: { about: { n: 1 } } });
});
