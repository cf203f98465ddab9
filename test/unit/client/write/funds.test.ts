import { Psbt } from "bitcoinjs-lib/src/psbt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeHex, reversed } from "../../../../src/bytes/hex.js";
import { networks } from "../../../../src/chain/network.js";
import { minerPrivateKey } from "../../../../src/devnet/miner.js";
import { checkSigned } from "../../../../src/plan/check-signed.js";
import { createCoin } from "../../../../src/plan/coin-selection.js";
import { createPsbt } from "../../../../src/plan/psbt.js";
import type { UnspentOutput, Wallet } from "../../../../src/ports.js";
import { systemRandom } from "../../../../src/runtime/random.js";
import { privateKeyWallet } from "../../../../src/wallet/private-key.js";
import { type Author, answering, type Gate, onlyFor, Recorder, through, WriteWorld } from "./world.js";

const { bondSats } = networks.regtest;

let world: WriteWorld;

beforeEach(async () => {
  world = await WriteWorld.start({ sources: 3, mine: "manual" });
  world.mineOnPoll();
});
afterEach(() => world.devnet.close());

/** The inputs of what an author sent, as `txid:vout`. */
async function spent(author: Author): Promise<readonly string[]> {
  const sent = await author.transactions();
  return sent.flatMap(({ tx }) => tx.inputs.map(({ outpoint }) => `${outpoint.txid}:${outpoint.vout}`));
}

describe("a plan's cost", () => {
  it("is what a registration takes from the wallet", async () => {
    const author = await world.author();
    const plan = await author.writer.plan.registerName("alice", { feeRateSatsPerVbyte: 3 });
    await (await plan.run()).wait();
    const sent = await author.transactions();
    let fees = 0n;
    for (const { tx } of sent) fees += await world.fee(tx);
    expect(plan.cost.feeSats).toBe(fees);
    const seal = sent.find(({ kind }) => kind === "register")?.tx.outputs ?? [];
    expect(plan.cost.bondSats + plan.cost.reserveSats).toBe(seal[1]?.valueSats);
    expect(plan.cost.beaconSats).toBe(seal[2]?.valueSats);
    expect(plan.transactions.map(({ txid }) => txid)).toEqual(sent.map(({ txid }) => txid));
  });

  it("is what an update takes, from the seal while its reserve lasts and then from coins", async () => {
    const author = await world.author();
    await author.writer.registerName("alice", { feeRateSatsPerVbyte: 1, reserveUpdates: 1 });
    const { writer } = author.start();
    for (const inputs of [1, 2]) {
      const plan = await writer.plan.updateProfile("alice", { about: { inputs } }, { feeRateSatsPerVbyte: 1 });
      const handle = await plan.run();
      await handle.wait();
      const tx = await world.transaction(handle.txids[0] ?? "");
      expect(tx.inputs).toHaveLength(inputs);
      expect(await world.fee(tx)).toBe(plan.cost.feeSats);
      expect(tx.outputs[1]?.valueSats).toBe(bondSats);
      expect(plan).toMatchObject({ approvals: 1, affectedIds: [], cost: { bondSats: 0n, reserveSats: 0n } });
    }
  });

  it.each(["updateProfile", "putMutable", "putImmutable"] as const)(
    "of %s is told without any effect",
    async (method) => {
      const author = await world.author();
      await author.writer.registerName("alice");
      const sent = await author.transactions();
      const recorder = new Recorder();
      const { plan } = author.start({ gate: recorder.gate }).writer;
      const data = new Uint8Array(3);
      if (method === "updateProfile") await plan.updateProfile("alice", { about: { n: 1 } });
      if (method === "putMutable") expect((await plan.putMutable("alice", "id", data)).affectedIds).toEqual(["m:id"]);
      if (method === "putImmutable")
        expect((await plan.putImmutable("alice", data)).affectedIds[0]).toMatch(/^i:[0-9a-f]{64}$/);
      expect(recorder.effects).toEqual([]);
      expect(await author.journal()).toEqual([]);
      expect(await author.transactions()).toEqual(sent);
    },
  );
});

describe("W9: coins", () => {
  it("that do not suffice are WALLET_FUNDS_INSUFFICIENT", async () => {
    const author = await world.author(2_000n);
    const recorder = new Recorder();
    await expect(author.start({ gate: recorder.gate }).writer.registerName("alice")).rejects.toMatchObject({
      code: "WALLET_FUNDS_INSUFFICIENT",
      details: { availableSats: "2000" },
    });
    expect(recorder.effects).toEqual([]);
  });

  it("do not count before they are mined", async () => {
    const author = await world.author(2_000n);
    const rich = await world.author(500_000n);
    // An unconfirmed output of ours, out of a transaction that its sender may still replace.
    expect((await replaceablePayment(rich, author)).height).toBeNull();
    await expect(author.writer.registerName("alice")).rejects.toMatchObject({
      code: "WALLET_FUNDS_INSUFFICIENT",
      details: { availableSats: "2000" },
    });
    await world.devnet.mine(1);
    await author.writer.registerName("alice");
  });

  it("count only where every source that answers calls them confirmed", async () => {
    const author = await world.author(2_000n);
    const rich = await world.author(500_000n);
    await replaceablePayment(rich, author);
    const lie = answering("source.unspent", async (run) =>
      ((await run()) as readonly UnspentOutput[]).map((coin) => ({ ...coin, height: coin.height ?? 5 })),
    );
    for (const source of world.sources) {
      const { writer } = author.start({ gate: onlyFor(source, lie) });
      await expect(writer.registerName("alice")).rejects.toMatchObject({ code: "WALLET_FUNDS_INSUFFICIENT" });
    }
  });

  it("have the value that their transaction says, whatever sources say (V3)", async () => {
    const author = await world.author(2_000n);
    const lie = answering("source.unspent", async (run) =>
      ((await run()) as readonly UnspentOutput[]).map((coin) => ({ ...coin, valueSats: 900_000n })),
    );
    await expect(author.start({ gate: lie }).writer.registerName("alice")).rejects.toMatchObject({
      code: "WALLET_FUNDS_INSUFFICIENT",
      details: { availableSats: "2000" },
    });
  });

  it("that pay another script, or that no transaction has, are left alone", async () => {
    const [author, other] = [await world.author(), await world.author()];
    const [foreign] = await world.source.unspent(other.account.script);
    if (foreign === undefined) throw new Error("no coin");
    const lie = answering("source.unspent", async (run) => [
      ...((await run()) as readonly UnspentOutput[]),
      { ...foreign, valueSats: 9_000_000n },
      { ...foreign, vout: 77, valueSats: 9_000_000n },
      { ...foreign, txid: "77".repeat(32), valueSats: 9_000_000n },
    ]);
    await author.start({ gate: lie }).writer.registerName("alice");
    expect(await spent(author)).not.toContain(`${foreign.txid}:${foreign.vout}`);
  });

  it.each([
    ["no list", { coins: [] }],
    ["entries of a wrong form", [{ txid: "x", vout: 0, valueSats: 1n, height: 1 }]],
    ["values that are no bigint", [{ txid: "00".repeat(32), vout: 0, valueSats: 1, height: 1 }]],
    ["an output number that is none", [{ txid: "00".repeat(32), vout: "0", valueSats: 1n, height: 1 }]],
    ["a height that is none", [{ txid: "00".repeat(32), vout: 0, valueSats: 1n, height: "1" }]],
    ["nothing in its list", [null]],
  ])("are not asked of a source that answers with %s", async (_, answer) => {
    const author = await world.author();
    const [first] = world.sources;
    const odd = answering("source.unspent", async () => answer);
    await author.start({ gate: onlyFor(first, odd) }).writer.plan.registerName("alice");
    await expect(author.start({ gate: odd }).writer.plan.registerName("alice")).rejects.toMatchObject({
      code: "CHAIN_UNAVAILABLE",
      details: { needed: 1, answered: 0, attempts: [{ code: "NETWORK_ANSWER_INVALID" }, {}, {}] },
    });
  });

  it("out of a coinbase count once they are ripe", async () => {
    const miner = { privateKey: minerPrivateKey, network: "regtest", random: systemRandom, kinds: ["p2wpkh"] } as const;
    const wallet: Wallet = privateKeyWallet(miner);
    const author = await world.author();
    const next = world.devnet.height() + 1;
    const mined = (height: number): Gate =>
      answering("source.unspent", async (run) =>
        ((await run()) as readonly UnspentOutput[]).filter((coin) => coin.height === height),
      );
    const unripe = author.start({ wallet, gate: mined(next - 99) }).writer.registerName("miner");
    await expect(unripe).rejects.toMatchObject({ details: { availableSats: "0" } });
    await author.start({ wallet, gate: mined(next - 100) }).writer.registerName("miner");
    // A server's word on the height counts for nothing: blocks refuse what is spent too early.
    const other = (height: number): Gate =>
      through(
        answering("source.unspent", async (run) =>
          ((await run()) as readonly UnspentOutput[]).map((coin) => ({ ...coin, height: 1 })),
        ),
        mined(height),
      );
    const young = author.start({ wallet, gate: other(world.devnet.height() - 3) }).writer.registerName("young");
    await expect(young).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
    expect(await author.journal()).toEqual([]);
  });

  it("are never seals, of this name or another, nor what a PREORDER made", async () => {
    const author = await world.author(60_000n, 9_000n);
    await author.writer.registerName("alice", { reserveUpdates: 200, feeRateSatsPerVbyte: 1 });
    // A journal that is gone, as with another device: nothing but the chain says what is a seal.
    const other = { cache: (await world.author(1_000n)).cache };
    const sent = await author.transactions();
    const seal = `${sent.find(({ kind }) => kind === "register")?.txid ?? ""}:1`;
    const [biggest] = [...(await world.source.unspent(author.account.script))].sort((a, b) =>
      Number(b.valueSats - a.valueSats),
    );
    expect(`${biggest?.txid ?? ""}:${biggest?.vout ?? 0}`).toBe(seal);
    const { writer } = author.start(other);
    const plan = await writer.plan.registerName("bob", { feeRateSatsPerVbyte: 1, reserveUpdates: 0 });
    expect(inputsOf(plan.transactions[0]?.psbt)).not.toContain(seal);

    world.clock.onPoll = () => undefined;
    const { tenure } = await writer.registerName("bob", {
      feeRateSatsPerVbyte: 1,
      reserveUpdates: 0,
      waitFor: "broadcast",
    });
    await world.devnet.mine(1);
    const third = author.start({ cache: (await world.author(1_000n)).cache }).writer;
    const inputs = await third.plan
      .registerName("carol", { feeRateSatsPerVbyte: 1, reserveUpdates: 0 })
      .then(({ transactions }) => inputsOf(transactions[0]?.psbt));
    expect(inputs).not.toContain(`${tenure}:1`);
    expect(inputs).not.toContain(seal);
  });

  it("that a pending write spends are left to it", async () => {
    const author = await world.author(400_000n, 300_000n);
    world.clock.onPoll = () => undefined;
    const { txids } = await author.writer.registerName("alice", { waitFor: "broadcast" });
    const first = (await world.transaction(txids[0] ?? "")).inputs.map(
      ({ outpoint }) => `${outpoint.txid}:${outpoint.vout}`,
    );
    // Sources that have not seen the PREORDER yet.
    const blind = answering("source.unspent", async (run) => [
      ...((await run()) as readonly UnspentOutput[]).filter(({ height }) => height !== null),
      ...first.map((key) => ({
        txid: key.slice(0, 64),
        vout: Number(key.slice(65)),
        valueSats: 400_000n,
        height: 102,
      })),
    ]);
    const plan = await author.start({ gate: blind }).writer.plan.registerName("bob");
    expect(first).toHaveLength(1);
    expect(inputsOf(plan.transactions[0]?.psbt)).not.toContain(first[0]);
  });
});

describe("W9: fees", () => {
  it("are the median over the sources, where the caller names none", async () => {
    const author = await world.author();
    const rates = [9, 2, 400];
    const gate = ratesOf(rates);
    const chosen = await author.start({ gate }).writer.plan.registerName("alice");
    const asked = await author.writer.plan.registerName("alice", { feeRateSatsPerVbyte: 9 });
    expect(chosen.cost).toEqual(asked.cost);
  });

  it.each([[[Number.NaN, -1, 7]], [["5", 7, Number.POSITIVE_INFINITY]], [[0, undefined, 7]]])(
    "leave out what is no rate: %j",
    async (rates) => {
      const author = await world.author();
      const gate = ratesOf(rates);
      const chosen = await author.start({ gate }).writer.plan.registerName("alice");
      const asked = await author.writer.plan.registerName("alice", { feeRateSatsPerVbyte: 7 });
      expect(chosen.cost).toEqual(asked.cost);
    },
  );

  it("that no source names are CHAIN_UNAVAILABLE, with what each said", async () => {
    const author = await world.author();
    const gate = answering("source.feeRate", async () => Promise.reject(new Error("no estimate")));
    await expect(author.start({ gate }).writer.registerName("alice")).rejects.toMatchObject({
      code: "CHAIN_UNAVAILABLE",
      details: { needed: 1, answered: 0, attempts: [{ code: "NETWORK_UNREACHABLE" }, {}, {}] },
    });
    await expect(
      author.start({ gate }).writer.plan.registerName("alice", { feeRateSatsPerVbyte: 1 }),
    ).resolves.toBeDefined();
  });

  it.each([
    ["a rate above 500 sat/vB", { feeRateSatsPerVbyte: 501 }, "INPUT_FEE_TOO_HIGH"],
    ["a rate above the caller's guard", { feeRateSatsPerVbyte: 6, maxFeeRateSatsPerVbyte: 5 }, "INPUT_FEE_TOO_HIGH"],
    ["a fee above the caller's guard", { feeRateSatsPerVbyte: 5, maxFeeSats: 100n }, "INPUT_FEE_TOO_HIGH"],
    ["a rate of nothing", { feeRateSatsPerVbyte: 0 }, "INPUT_INVALID"],
    ["a rate that is no number", { feeRateSatsPerVbyte: Number.NaN }, "INPUT_INVALID"],
  ])("%s is refused before anything is signed", async (_, options, code) => {
    const author = await world.author(50_000_000n);
    await author.writer.registerName("alice");
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    await expect(writer.registerName("bob", options)).rejects.toMatchObject({ code });
    const before = recorder.count("source.unspent");
    await expect(writer.updateProfile("alice", {}, options)).rejects.toMatchObject({ code });
    expect(recorder.count("source.unspent")).toBe(before);
    expect(recorder.effects).toEqual([]);
  });

  it("that sources drive up is refused", async () => {
    const author = await world.author(50_000_000n);
    const gate = answering("source.feeRate", async () => 501);
    await expect(author.start({ gate }).writer.registerName("alice")).rejects.toMatchObject({
      code: "INPUT_FEE_TOO_HIGH",
    });
  });

  it("that no node relays is CHAIN_BROADCAST_REFUSED with its words, and does not stand in the way of a better one", async () => {
    const author = await world.author();
    const low = { feeRateSatsPerVbyte: 0.5 };
    const words = { code: "CHAIN_BROADCAST_REFUSED", message: expect.stringContaining("min relay fee") as string };
    await expect(author.writer.registerName("alice", low)).rejects.toMatchObject({
      code: "CHAIN_BROADCAST_REFUSED",
      details: { attempts: [words, words, words] },
    });
    expect(await author.journal()).toEqual([]);
    await author.writer.registerName("alice");
    await expect(author.writer.updateProfile("alice", {}, low)).rejects.toMatchObject({
      code: "CHAIN_BROADCAST_REFUSED",
    });
    expect(await author.journal()).toEqual([]);
    await author.writer.updateProfile("alice", { about: { n: 2 } });
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 2 } } });
  });
});

/** An answer of its own of each source to `feeRate`. */
function ratesOf(rates: readonly unknown[]): Gate {
  return through(
    ...world.sources.map((source, i) =>
      onlyFor(
        source,
        answering("source.feeRate", async () => rates[i]),
      ),
    ),
  );
}

function inputsOf(psbt: Uint8Array | undefined): readonly string[] {
  return Psbt.fromBuffer(psbt ?? new Uint8Array()).txInputs.map(
    ({ hash, index }) => `${encodeHex(reversed(hash))}:${index}`,
  );
}

/** Pays a coin to an author without mining it; gives the coin as a source shows it. */
async function replaceablePayment(from: Author, to: Author): Promise<UnspentOutput> {
  const [coin] = await world.source.unspent(from.account.script);
  if (coin === undefined) throw new Error("no coin");
  const input = createCoin(await world.transaction(coin.txid), coin.vout, from.account);
  const { psbt } = createPsbt([input], [{ script: to.account.script, valueSats: coin.valueSats - 1_000n }]);
  const [signed] = await from.wallet.signPsbts([{ psbt, inputs: [0], description: "" }]);
  const { raw, txid } = checkSigned({ psbt }, signed ?? new Uint8Array());
  await world.devnet.submit(raw);
  const found = (await world.source.unspent(to.account.script)).find((one) => one.txid === txid);
  if (found === undefined) throw new Error("the payment is not seen");
  return found;
}
