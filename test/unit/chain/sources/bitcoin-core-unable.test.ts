import { beforeEach, describe, expect, it } from "vitest";
import { type CoreDouble, RpcError } from "../../../doubles/core-server.js";
import { expectCode } from "../../storage/expect-code.js";
import { CoreWorld, countOf, serveCore, sourceOf } from "./core-world.js";

const world = new CoreWorld();
const { coin, script, mined, minedHeight, chain } = world;
const unknown = "ab".repeat(32);
let double: CoreDouble;
beforeEach(async () => {
  double = await serveCore(world);
});

describe("V5: what bitcoinCore cannot answer is an error that names the setting", () => {
  it("without block filters", async () => {
    for (const features of [{ kind: "core" as const }, { version: 24 }, { kind: "btcd" as const }]) {
      const bare = await serveCore(world, { ...features, filterIndex: false, spenderIndex: false, rest: false });
      const source = sourceOf(bare);
      const error = await expectCode("CHAIN_SOURCE_UNABLE", source.history(script));
      expect(error.details).toMatchObject({ source: bare.host, setting: "blockfilterindex=1" });
      const spend = await expectCode("CHAIN_SOURCE_UNABLE", source.outspend(coin, script));
      expect(spend.details.setting).toBe("txospenderindex=1 (Bitcoin Core 31 and later) or blockfilterindex=1");
      // What is not spent, or only in the mempool, needs none.
      expect(await source.outspend({ txid: mined, vout: 0 }, script)).toMatchObject({ height: null });
      expect(await source.outspend({ txid: world.pending, vout: 0 }, script)).toEqual({ spent: false });
    }
  });

  it("while the filters do not reach the tip: `scanblocks` finds nothing there and calls that complete", async () => {
    double.features.filterIndex = minedHeight - 1;
    const source = sourceOf(double);
    const error = await expectCode("CHAIN_SOURCE_UNABLE", source.history(script));
    expect(error.message).toContain("do not reach the tip");
    // Below the place that they reach they tell.
    expect(await source.history(script, { before: { txid: coin.txid, height: world.coinHeight } })).toHaveLength(1);
    double.features.filterIndex = true;
    expect(await source.history(script)).toHaveLength(3);
  });

  it("of a scan that was broken off, or went over other blocks", async () => {
    const changes: readonly ((scan: Record<string, unknown>) => unknown)[] = [
      (scan) => ({ ...scan, completed: false }),
      (scan) => ({ ...scan, to_height: chain.height - 1 }),
      (scan) => ({ ...scan, from_height: 1 }),
    ];
    for (const change of changes) {
      double.replaced["scanblocks"] = async (_, right) => change((await right()) as Record<string, unknown>);
      await expectCode("CHAIN_SOURCE_UNABLE", sourceOf(double).history(script));
    }
    const { hash } = chain.tip;
    double.replaced["scanblocks"] = async (_, right) => {
      return { ...((await right()) as object), relevant_blocks: Array.from({ length: chain.height + 2 }, () => hash) };
    };
    await expectCode("NETWORK_ANSWER_INVALID", sourceOf(double).history(script));
    double.replaced["scantxoutset"] = async (_, right) => ({ ...((await right()) as object), success: false });
    await expectCode("CHAIN_SOURCE_UNABLE", sourceOf(double).unspent(script));
  });

  it("without a transaction index, of what it does not know", async () => {
    for (const features of [{}, { kind: "btcd" as const, rest: false }]) {
      const bare = await serveCore(world, { ...features, txIndex: false });
      for (const ask of ["transaction", "inclusion"] as const) {
        const error = await expectCode("CHAIN_SOURCE_UNABLE", sourceOf(bare)[ask](unknown, 3));
        expect(error.details.setting).toBe("txindex=1");
      }
    }
    // With one it can tell that there is none.
    for (const features of [{}, { kind: "btcd" as const, rest: false }]) {
      const source = sourceOf(await serveCore(world, features));
      expect(await source.transaction(unknown)).toBeNull();
      expect(await source.inclusion(unknown, 3)).toBeNull();
    }
  });

  it("while the transaction index is being built", async () => {
    double.replaced["getrawtransaction"] = () => {
      const words = "No such mempool transaction. Blockchain transactions are still in the process of being indexed";
      throw new RpcError(-5, `${words}. Use gettransaction for wallet transactions.`);
    };
    await expectCode("CHAIN_SOURCE_UNABLE", sourceOf(double).transaction(unknown));
    await expectCode("CHAIN_SOURCE_UNABLE", sourceOf(double).inclusion(unknown, 0));
  });

  it("of blocks that it has pruned, with the height from which on it has them", async () => {
    for (const rest of [true, false]) {
      const pruned = await serveCore(world, { prunedBelow: minedHeight, spenderIndex: false, txIndex: false, rest });
      const source = sourceOf(pruned);
      const error = await expectCode("CHAIN_SOURCE_UNABLE", source.history(script));
      expect(error.details.setting).toBe("prune=0");
      expect(error.message).toContain(`from height ${minedHeight} on`);
      await expectCode("CHAIN_SOURCE_UNABLE", source.coinbaseTxid(5));
      await expectCode("CHAIN_SOURCE_UNABLE", source.inclusion(coin.txid, world.coinHeight));
      expect(await source.outspend({ txid: mined, vout: 1 }, world.other)).toEqual({ spent: false });
      expect(await source.unspent(world.other)).toHaveLength(1);
      expect((await source.headers(0, 200)).length).toBe(80 * (chain.height + 1));
      // Above, it tells.
      expect(await sourceOf(pruned, { scanFrom: minedHeight }).history(world.other)).toHaveLength(1);
    }
  });

  it("without REST where the caller wants that", async () => {
    double.features.rest = false;
    const error = await expectCode("CHAIN_SOURCE_UNABLE", sourceOf(double, { rest: true }).headers(0, 1));
    expect(error.details.setting).toBe("rest=1");
    expect(await sourceOf(double).headers(0, 1)).toHaveLength(80);
    double.features.rest = true;
    double.rest.length = 0;
    expect(await sourceOf(double, { rest: false }).headers(0, 1)).toHaveLength(80);
    expect(double.rest).toEqual([]);
  });

  it("while REST is starting, and asks for it again afterwards", async () => {
    double.features.warmup = true;
    const source = sourceOf(double);
    await expectCode("CHAIN_SOURCE_UNABLE", source.headers(0, 1));
    double.features.warmup = false;
    double.instead = (path) => (path === "/rest/chaininfo.json" ? { status: 503, body: "starting" } : null);
    await expectCode("NETWORK_STATUS", source.headers(0, 1));
    double.instead = null;
    await source.headers(0, 1);
    expect(double.rest.some((path) => path.startsWith("/rest/headers/"))).toBe(true);
  });

  it("of fee rates without enough blocks", async () => {
    double.replaced["estimatesmartfee"] = () => ({ errors: ["Insufficient data or no feerate found"], blocks: 2 });
    await expectCode("CHAIN_SOURCE_UNABLE", sourceOf(double).feeRate(2));
    const btcd = await serveCore(world, { kind: "btcd", rest: false });
    btcd.replaced["estimatefee"] = () => -1;
    await expectCode("CHAIN_SOURCE_UNABLE", sourceOf(btcd).feeRate(2));
  });

  it("of a mempool that is too large to be read, mempool parts are left out", async () => {
    double.features.version = 28;
    double.replaced["getrawmempool"] = () => Array.from({ length: 5_001 }, (_, i) => i.toString(16).padStart(64, "0"));
    expect(await sourceOf(double).history(script)).toHaveLength(2);
    expect(countOf(double, "getrawtransaction")).toBe(0);
    double.replaced["getrawmempool"] = () => {
      throw new RpcError(-33, "Mempool disabled or instance not found");
    };
    expect(await sourceOf(double).history(script)).toHaveLength(2);
  });

  it("of a broadcast that failed for another reason than the transaction", async () => {
    double.replaced["sendrawtransaction"] = () => {
      throw new RpcError(-9, "Bitcoin is not connected");
    };
    const raw = chain.transaction(mined)?.raw ?? new Uint8Array(0);
    await expectCode("CHAIN_SOURCE_UNABLE", sourceOf(double).broadcast(raw));
    double.replaced["sendrawtransaction"] = () => unknown;
    await expectCode("NETWORK_ANSWER_INVALID", sourceOf(double).broadcast(raw));
  });
});

describe("bitcoinCore takes no answer that cannot be right", () => {
  const wrongResults: Readonly<Record<string, readonly unknown[]>> = {
    getblockchaininfo: [null, [], {}, { blocks: -1, bestblockhash: unknown }, { blocks: 1, bestblockhash: "AB" }],
    getblockheader: [null, 5, "zz", "00", { hash: unknown, height: 1, confirmations: 1 }],
    scanblocks: [null, {}, { from_height: 0, to_height: 1, relevant_blocks: [5], completed: true }],
    getdescriptoractivity: [null, {}, { activity: [{ type: "other" }] }, { activity: [{ type: "receive", vout: -1 }] }],
  };
  it.each(Object.entries(wrongResults))("to %s", async (method, results) => {
    for (const result of results) {
      double.replaced[method] = () => result;
      await expectCode("NETWORK_ANSWER_INVALID", sourceOf(double, { rest: false }).history(script));
    }
  });

  it("to getblockhash", async () => {
    for (const result of [null, 5, "ab", unknown.toUpperCase()]) {
      double.replaced["getblockhash"] = () => result;
      await expectCode("NETWORK_ANSWER_INVALID", sourceOf(double).coinbaseTxid(1));
      await expectCode("NETWORK_ANSWER_INVALID", sourceOf(double, { rest: false }).headers(0, 3));
      await expectCode("NETWORK_ANSWER_INVALID", sourceOf(double).history(script));
    }
  });

  it("to getblockheader without details", async () => {
    for (const result of [null, 5, "zz", "00", "00".repeat(81)]) {
      double.replaced["getblockheader"] = () => result;
      await expectCode("NETWORK_ANSWER_INVALID", sourceOf(double, { rest: false }).headers(0, 3));
    }
  });

  it("to getblock", async () => {
    const other = chain.blockAt(3);
    for (const result of [null, 5, "0", "zz", "00", Buffer.from(other?.raw ?? []).toString("hex")]) {
      double.replaced["getblock"] = () => result;
      await expectCode("NETWORK_ANSWER_INVALID", sourceOf(double, { rest: false }).history(script));
    }
    for (const result of [
      null,
      {},
      { hash: unknown, height: 1, tx: [unknown] },
      { hash: unknown, height: 1, tx: [] },
    ]) {
      double.replaced["getblock"] = () => result;
      await expectCode("NETWORK_ANSWER_INVALID", sourceOf(double).coinbaseTxid(1));
    }
    // By REST: another block, or a cut one.
    for (const body of [other?.raw ?? "", other?.raw.subarray(0, 100) ?? "", ""]) {
      double.instead = (path) => (path.startsWith("/rest/block/") ? { body } : null);
      await expectCode("NETWORK_ANSWER_INVALID", sourceOf(double).history(script));
    }
    double.instead = (path) => (path.startsWith("/rest/block/") ? { body: new Uint8Array(4_000_001) } : null);
    await expectCode("NETWORK_TOO_LARGE", sourceOf(double).history(script));
    double.instead = (path) => (path.startsWith("/rest/block/") ? { status: 500, body: "I/O error" } : null);
    await expectCode("NETWORK_STATUS", sourceOf(double).history(script));
  });

  it("to gettxoutproof", async () => {
    const source = sourceOf(double);
    const right = double.replaced;
    const proofs = [null, "zz", "00", "00".repeat(200)];
    for (const proof of proofs) {
      right["gettxoutproof"] = () => proof;
      await expectCode("NETWORK_ANSWER_INVALID", source.inclusion(mined, minedHeight));
    }
    // A true proof of another transaction, and of another block.
    const others = sourceOf(await serveCore(world));
    expect(await others.inclusion(mined, minedHeight)).not.toBeNull();
    const { buildMerkleBlock } = await import("../../../doubles/merkle-block.js");
    const proofOf = (height: number, wanted: (txid: string) => boolean): string => {
      const block = chain.blockAt(height);
      const txids = block?.transactions.map(({ txid }) => txid) ?? [];
      return Buffer.from(buildMerkleBlock(block?.header ?? new Uint8Array(80), txids, wanted)).toString("hex");
    };
    right["gettxoutproof"] = () => proofOf(minedHeight, (txid) => txid !== mined);
    await expectCode("NETWORK_ANSWER_INVALID", source.inclusion(mined, minedHeight));
    right["gettxoutproof"] = () => proofOf(minedHeight, (txid) => txid === mined);
    await expectCode("NETWORK_ANSWER_INVALID", source.inclusion(mined, minedHeight - 1));
  });

  it("to gettxspendingprevout and gettxout", async () => {
    const results: readonly unknown[] = [null, [], [{ txid: unknown, vout: 0 }], [{ txid: coin.txid, vout: 9_999 }]];
    for (const result of results) {
      double.replaced["gettxspendingprevout"] = () => result;
      await expectCode("NETWORK_ANSWER_INVALID", sourceOf(double).outspend(coin, script));
    }
    double.replaced["gettxspendingprevout"] = (params) => params[0];
    for (const result of [5, {}, { bestblock: 5, confirmations: 1 }]) {
      double.replaced["gettxout"] = () => result;
      await expectCode("NETWORK_ANSWER_INVALID", sourceOf(double).outspend(coin, script));
    }
  });

  it("of blocks outside of the scan, or not in the chain", async () => {
    const source = sourceOf(double, { scanFrom: minedHeight });
    double.replaced["scanblocks"] = async (_, right) => {
      return { ...((await right()) as object), relevant_blocks: [chain.blockAt(3)?.hash] };
    };
    await expectCode("NETWORK_ANSWER_INVALID", source.history(script));
    double.replaced["getblockheader"] = ([hash]) => ({ hash, height: minedHeight, confirmations: -1 });
    const error = await expectCode("CHAIN_SOURCE_UNABLE", source.history(script));
    expect(error.message).toContain("kept changing");
  });

  it("to arguments that are none", async () => {
    const source = sourceOf(double);
    const text = "00" as unknown as Uint8Array;
    await expectCode("INPUT_INVALID", source.history(text));
    await expectCode("INPUT_INVALID", source.history(script, { before: { txid: "x", height: 1 } }));
    await expectCode("INPUT_INVALID", source.history(script, { before: { txid: unknown, height: -1 } }));
    await expectCode("INPUT_INVALID", source.unspent(text));
    await expectCode("INPUT_INVALID", source.outspend(coin, text));
    await expectCode("INPUT_INVALID", source.outspend({ txid: "AB", vout: 0 }, script));
    await expectCode("INPUT_INVALID", source.outspend({ txid: unknown, vout: -1 }, script));
    await expectCode("INPUT_INVALID", source.transaction("../x"));
    await expectCode("INPUT_INVALID", source.inclusion("", 1));
    await expectCode("INPUT_INVALID", source.headers(-1, 1));
    await expectCode("INPUT_INVALID", source.headers(0, 0));
    await expectCode("INPUT_INVALID", source.coinbaseTxid(0.5));
    await expectCode("INPUT_INVALID", source.feeRate(0));
    expect(double.requests).toEqual([]);
  });
});
