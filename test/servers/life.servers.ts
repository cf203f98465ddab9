import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../src/bytes/bytes.js";
import { decodeHex } from "../../src/bytes/hex.js";
import { networks } from "../../src/chain/network.js";
import { bitcoinCore } from "../../src/chain/sources/bitcoin-core.js";
import { parseTransaction } from "../../src/chain/transaction.js";
import { beaconWitnessScript, parseName } from "../../src/name/name.js";
import { kindOf } from "../../src/name/pending.js";
import type { ChainSource } from "../../src/ports.js";
import { ALL_INDEXES, type Bitcoind, startBitcoind } from "./daemons/bitcoind.js";
import { RpcError } from "./daemons/rpc.js";
import { type EsploraMirror, startEsploraMirror } from "./esplora-mirror.js";
import { NodeWorld, type Person, unsignedSpend } from "./node-world.js";

/** What `testmempoolaccept` says of one transaction. */
interface Verdict {
  readonly allowed: boolean;
  readonly "reject-reason"?: string;
}

const NAME = "alice";
const network = networks.regtest;
/** A beacon holds no more than it costs to spend it: all of it is the fee. */
const SWEPT = { script: concatBytes(Uint8Array.of(0x6a, 5), utf8("swept")), valueSats: 0n };

/**
 * The whole life of a name through real mempool policies and real blocks, one step after the other. The blocks are
 * btcd's. One source is a double of an Esplora server over btcd, the other is Bitcoin Core, and a read needs both; what
 * the writers send, btcd takes or refuses, and Bitcoin Core is asked what it thinks of it.
 */
describe("a name's life on btcd and Bitcoin Core", () => {
  let world: NodeWorld;
  let mirror: EsploraMirror;
  let core: Bitcoind;
  let sources: readonly ChainSource[];
  let alice: Person;
  let bob: Person;
  const accepted: { readonly kind: string | null; readonly vbytes: number }[] = [];

  beforeAll(async () => {
    world = await NodeWorld.start();
    mirror = await startEsploraMirror(world.rpc);
    core = await startBitcoind({ args: ALL_INDEXES, peer: world.btcd.peerAddress });
    world.followers.push(core.rpc);
    const source = bitcoinCore(core.rpc.url, { cookieFile: core.cookieFile, network: "regtest" });
    sources = [mirror.source, source];
    alice = await world.person();
    bob = await world.person();
    world.beforeMining = async (raws) => {
      for (const raw of raws) {
        const tx = parseTransaction(decodeHex(raw));
        const { vsize } = await world.rpc.call<{ vsize: number }>("getrawtransaction", tx.txid, 1);
        accepted.push({ kind: kindOf(tx), vbytes: vsize });
        if (kindOf(tx) === null) continue;
        const [verdict] = await core.rpc.call<readonly Verdict[]>("testmempoolaccept", [raw]);
        const isTaken = verdict?.allowed === true || verdict?.["reject-reason"] === "txn-already-in-mempool";
        expect(isTaken, `Bitcoin Core on ${kindOf(tx) ?? ""}: ${JSON.stringify(verdict)}`).toBe(true);
      }
    };
  });

  afterAll(async () => {
    await core.stop();
    await mirror[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  const stateOf = async () => {
    const read = await world.reader(sources).getName(NAME);
    return read.found ? read.name : null;
  };
  const seal = async () => {
    const entries = await mirror.source.history(alice.account.script);
    const unspent = await mirror.source.unspent(alice.account.script);
    for (const { txid } of entries) {
      const kind = kindOf(await world.transaction(txid));
      const isSeal = kind !== null && kind !== "preorder";
      if (isSeal && unspent.some((output) => output.txid === txid && output.vout === 1)) return { txid, vout: 1 };
    }
    throw new Error("no seal");
  };

  it("C5: is registered by PREORDER and REGISTER", async () => {
    const { txids } = await world.writer(alice, sources).registerName(NAME);
    expect(txids).toHaveLength(2);
    expect(await stateOf()).toMatchObject({ status: "active", unsealed: null });
  });

  it("W6: gets data by one UPDATE, and more without a transaction", async () => {
    const writer = world.writer(alice, sources);
    const { txids } = await writer
      .batch(NAME)
      .putMutable("settings", utf8("first"))
      .putImmutable(utf8("for ever"))
      .commit();
    expect(txids).toHaveLength(1);
    expect((await writer.putMutable(NAME, "settings", utf8("second"))).txids).toEqual([]);
    const read = await world.reader(sources).getMutable(NAME, "settings");
    expect(read.found && new TextDecoder().decode(read.data)).toBe("second");
  });

  it("C9: is renewed", async () => {
    const before = await world.height();
    await world.writer(alice, sources).renewName(NAME);
    const { changesAtHeight } = (await stateOf()) ?? {};
    expect(changesAtHeight).toBeGreaterThan(before + network.termBlocks);
  });

  it("N3: lets its beacon be swept after the delay, and not before", async () => {
    const register = (
      await Promise.all((await mirror.source.history(alice.account.script)).map(({ txid }) => world.transaction(txid)))
    ).find((tx) => kindOf(tx) === "register");
    if (register === undefined) throw new Error("no REGISTER");
    const sweep = unsignedSpend(
      { txid: register.txid, vout: 2 },
      network.beaconDelayBlocks,
      [beaconWitnessScript(parseName(NAME), network)],
      SWEPT,
    );
    const other = await world.person();
    await world.writer(other, sources).registerName("other");
    const [fresh] = (
      await Promise.all((await mirror.source.history(other.account.script)).map(({ txid }) => world.transaction(txid)))
    ).filter((tx) => kindOf(tx) === "register");
    const early = unsignedSpend(
      { txid: fresh?.txid ?? "", vout: 2 },
      network.beaconDelayBlocks,
      [beaconWitnessScript(parseName("other"), network)],
      SWEPT,
    );
    await expect(world.submit(early)).rejects.toThrow(RpcError);
    await world.mine(network.beaconDelayBlocks);
    expect(await world.submit(early)).toBe(parseTransaction(early).txid);
    expect(await world.submit(sweep)).toBe(parseTransaction(sweep).txid);
    await world.mine(1);
    expect(await stateOf()).toMatchObject({ status: "active", unsealed: null });
  });

  it("C7, C8: loses its seal by accident and is recovered", async () => {
    const spent = await seal();
    const tx = await world.transaction(spent.txid);
    const value = tx.outputs[1]?.valueSats ?? 0n;
    const raw = await alice.sign([{ tx, vout: 1 }], [{ script: alice.account.script, valueSats: value - 500n }]);
    await world.submit(raw);
    await world.mine(1);
    expect(await stateOf()).toMatchObject({ status: "active", unsealed: { txid: parseTransaction(raw).txid } });
    await world.writer(alice, sources).recoverName(NAME);
    expect(await stateOf()).toMatchObject({ status: "active", unsealed: null });
  });

  it("C2: goes to another owner, who publishes and releases it", async () => {
    await world.writer(alice, sources).transferName(NAME, bob.account.script);
    const writer = world.writer(bob, sources);
    await writer.updateProfile(NAME, { about: { by: "bob" } });
    const read = await world.reader(sources).getProfile(NAME);
    expect(read.found && read.profile.about).toEqual({ by: "bob" });
    await writer.releaseName(NAME);
    expect(await world.reader(sources).getName(NAME)).toMatchObject({ found: false, why: "no-name" });
  });

  it("C9: is free again after the cooldown", async () => {
    await world.mine(network.cooldownBlocks);
    await world.writer(bob, sources).registerName(NAME);
    expect(await stateOf()).toMatchObject({ status: "active" });
  });

  it("needs no more virtual bytes than the budget says", () => {
    const least = (kind: string): number =>
      Math.min(...accepted.filter((one) => one.kind === kind).map(({ vbytes }) => vbytes));
    const sizes = Object.fromEntries(["update", "transfer", "release"].map((kind) => [kind, least(kind)]));
    // With one input, the seal, of a P2TR owner; TRANSFER and RELEASE change no more than the payload.
    expect(sizes).toEqual({ update: 158, transfer: 158, release: 126 });
  });

  it("used every operation, all of them standard for both nodes", () => {
    const kinds = new Set(accepted.flatMap(({ kind }) => kind ?? []));
    expect([...kinds].sort()).toEqual(["preorder", "recover", "register", "release", "transfer", "update"]);
  });
});
