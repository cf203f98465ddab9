import { afterEach, beforeEach, expect, it } from "vitest";
import { type Author, WriteWorld } from "./world.js";

const BROADCAST = { waitFor: "broadcast" } as const;
let world: WriteWorld;
let alice: Author;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual" });
  alice = await world.author();
});
afterEach(() => world.devnet.close());

it("W9: PREORDER output, pending inputs and the coming seal from the moment that they are signed", async () => {
  expect(await alice.writer.reservedOutpoints()).toEqual([]);
  const [coin] = await world.source.unspent(alice.account.script);
  const { txids } = await alice.writer.registerName("anna", BROADCAST);
  const [preorder = "", register = ""] = txids;
  const reserved = await alice.writer.reservedOutpoints();
  expect([...reserved].sort((a, b) => (a.why < b.why ? -1 : 1))).toEqual([
    { txid: coin?.txid, vout: coin?.vout, name: "anna", why: "pending", valueSats: null },
    expect.objectContaining({ txid: preorder, vout: 1, name: "anna", why: "preorder" }) as object,
    expect.objectContaining({ txid: register, vout: 1, name: "anna", why: "seal" }) as object,
  ]);
  expect(reserved).toEqual([...reserved].sort((a, b) => (a.txid < b.txid ? -1 : 1)));
});

it("W9: the seals of the wallet's names that the cache knows, and of nobody else's", async () => {
  const bob = await world.author();
  world.mineOnPoll();
  await alice.writer.registerName("anna");
  await bob.writer.registerName("bert");
  await alice.start().reader.getName("bert");
  const seal = await alice.seal("anna");
  const valueSats = await world.value(seal);
  expect(await alice.writer.reservedOutpoints()).toEqual([{ ...seal, name: "anna", why: "seal", valueSats }]);
  // Without a wallet nobody can say whose they are.
  const { writer } = alice.start({ wallet: null });
  expect((await writer.reservedOutpoints()).map(({ name }) => name).sort()).toEqual(["anna", "bert"]);

  world.clock.onPoll = () => undefined;
  const { txids } = await alice.writer.renewName("anna", BROADCAST);
  expect((await alice.writer.reservedOutpoints()).map(({ txid, why }) => [txid, why])).toEqual(
    [
      [seal.txid, "pending"],
      [txids[0], "seal"],
    ].sort(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
  );
  world.mineOnPoll();
  await alice.writer.transferName("anna", bob.account.script);
  await expect(alice.writer.renewName("anna")).rejects.toMatchObject({ code: "WALLET_NOT_OWNER" });
  expect(await alice.writer.reservedOutpoints()).toEqual([]);
});
