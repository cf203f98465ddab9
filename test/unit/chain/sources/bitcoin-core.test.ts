import { Transaction as BitcoinTransaction } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../../src/bytes/bytes.js";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { parseHeader } from "../../../../src/chain/header.js";
import { merkleRoot, verifyBlockInclusions } from "../../../../src/chain/merkle.js";
import { parseTransaction, type Transaction } from "../../../../src/chain/transaction.js";
import type { HistoryEntry } from "../../../../src/ports.js";
import { payment } from "../../devnet/wallet.js";
import { expectCode } from "../../storage/expect-code.js";
import { mineHeader } from "../mining.js";
import { CoreWorld, countOf, serveCore, servers, sourceOf } from "./core-world.js";

const sorted = (entries: readonly HistoryEntry[]): readonly HistoryEntry[] =>
  [...entries].sort((a, b) => (a.height ?? 1e9) - (b.height ?? 1e9));

// Nothing in the first part changes it.
const world = new CoreWorld();

describe.each(Object.entries(servers))("bitcoinCore with %s", (_, features) => {
  const { coin, mined, pending, script, other, minedHeight, coinHeight, chain } = world;

  it("gives the tip and the headers below it", async () => {
    const source = sourceOf(await serveCore(world, features));
    const tip = await source.tip();
    expect(tip).toMatchObject({ height: chain.height, hash: chain.tip.hash });
    const recent = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((depth) => chain.blockAt(chain.height - depth)?.header);
    expect(tip.recentHeaders).toEqual(concatBytes(...recent.flatMap((header) => header ?? [])));
    expect(await source.headers(0, 3)).toEqual(
      concatBytes(...[0, 1, 2].flatMap((height) => chain.blockAt(height)?.header ?? [])),
    );
    // The tip cuts the answer short.
    expect(await source.headers(chain.height, 2_016)).toEqual(chain.tip.header);
    await expectCode("CHAIN_SOURCE_UNABLE", source.headers(chain.height + 1, 5));
  });

  it("gives a script's whole history, mempool included", async () => {
    const source = sourceOf(await serveCore(world, features));
    expect(sorted(await source.history(script))).toEqual(world.entries);
    expect(await source.history(new Uint8Array(34).fill(7))).toEqual([]);
  });

  it("V8: gives what is up to a transaction of the history, and fails where that is not there", async () => {
    const source = sourceOf(await serveCore(world, features));
    expect(await source.history(script, { before: { txid: coin.txid, height: coinHeight } })).toEqual([
      { txid: coin.txid, height: coinHeight },
    ]);
    await expectCode("CHAIN_SOURCE_UNABLE", source.history(script, { before: { txid: mined, height: coinHeight } }));
    // Also of what it looked through before.
    await source.history(script);
    expect(await source.history(script, { before: { txid: coin.txid, height: coinHeight } })).toHaveLength(1);
  });

  it("gives raw transactions and proofs that verify, of what it reported and what that spends", async () => {
    const source = sourceOf(await serveCore(world, features));
    await source.history(script);
    for (const txid of [coin.txid, mined]) {
      const raw = await source.transaction(txid);
      const claim = await source.inclusion(txid, 0);
      if (raw === null || claim === null) expect.fail("nothing there");
      const { height, position, branch } = claim;
      const tx = parseTransaction(raw);
      expect(tx.txid).toBe(txid);
      const header = parseHeader(chain.blockAt(height)?.header ?? new Uint8Array(0));
      const judged = verifyBlockInclusions({ header, height, claims: [{ tx, position, branch }], coinbase: null });
      expect(judged.proven).toHaveLength(1);
    }
    expect(parseTransaction((await source.transaction(pending)) ?? new Uint8Array(0)).txid).toBe(pending);
    expect(await source.inclusion(pending, 0)).toBeNull();
  });

  it("finds a transaction near the height that another source named", async () => {
    const source = sourceOf(await serveCore(world, features));
    expect((await source.inclusion(mined, minedHeight))?.height).toBe(minedHeight);
    expect(encodeHex((await source.transaction(mined)) ?? new Uint8Array(0))).toBe(
      encodeHex(chain.transaction(mined)?.raw ?? new Uint8Array(0)),
    );
  });

  it("tells whether and by what an output is spent", async () => {
    const source = sourceOf(await serveCore(world, features));
    const spend = (txid: string, vout: number, of = script): Promise<unknown> => source.outspend({ txid, vout }, of);
    expect(await spend(coin.txid, coin.vout)).toEqual({ spent: true, txid: mined, height: minedHeight });
    expect(await spend(mined, 0)).toEqual({ spent: true, txid: pending, height: null });
    expect(await spend(mined, 1, other)).toEqual({ spent: false });
    expect(await spend(pending, 0)).toEqual({ spent: false });
  });

  it("V5: an output that the server does not know is not unspent", async () => {
    const source = sourceOf(await serveCore(world, features));
    await expectCode("CHAIN_SOURCE_UNABLE", source.outspend({ txid: "ab".repeat(32), vout: 0 }, script));
  });

  it("gives the unspent outputs, those of the mempool included and without what it spends", async () => {
    const source = sourceOf(await serveCore(world, features));
    expect(await source.unspent(script)).toEqual([{ txid: pending, vout: 0, valueSats: 50_000n, height: null }]);
    expect(await source.unspent(other)).toEqual([{ txid: mined, vout: 1, valueSats: 30_000n, height: minedHeight }]);
    // Its transaction is asked for next.
    expect(await source.transaction(mined)).not.toBeNull();
  });

  it("gives coinbases and fee rates", async () => {
    const source = sourceOf(await serveCore(world, features));
    expect(await source.coinbaseTxid(5)).toBe(chain.blockAt(5)?.transactions[0]?.txid);
    expect(await source.feeRate(2)).toBe(2.5);
    expect(await source.feeRate(100_000)).toBeLessThan(2.5);
  });
});

describe("bitcoinCore", () => {
  it("follows new blocks and reorganisations without looking through the rest again", async () => {
    const world = new CoreWorld();
    const double = await serveCore(world);
    const source = sourceOf(double);
    await source.history(world.script);
    const scans = (): readonly unknown[] =>
      double.calls.filter(({ method }) => method === "scanblocks").map(({ params }) => params.slice(2, 4));
    expect(scans()).toEqual([[0, world.chain.height]]);
    await source.history(world.script);
    expect(scans()).toHaveLength(1);
    const before = world.chain.height;
    world.mine(1);
    expect(sorted(await source.history(world.script)).at(-1)).toEqual({ txid: world.pending, height: before + 1 });
    expect(scans().at(-1)).toEqual([before + 1, before + 1]);
    // The block that held the last one is replaced by empty ones; it goes back to the mempool.
    world.reorg({ depth: 1 });
    expect(sorted(await source.history(world.script)).map(({ txid }) => txid)).toEqual(
      world.entries.map(({ txid }) => txid),
    );
    const { history } = await truth(world);
    expect(sorted(await source.history(world.script))).toEqual(history);
    expect(
      Math.min(
        ...scans()
          .slice(2)
          .map((range) => Number((range as number[])[0])),
      ),
    ).toBeGreaterThan(before - 1);
  });

  it("forgets all that a deep reorganisation took", async () => {
    const world = new CoreWorld();
    const source = sourceOf(await serveCore(world));
    await source.history(world.script);
    expect(await source.outspend(world.coin, world.script)).toMatchObject({ height: world.minedHeight });
    world.reorg({ depth: 4 });
    const { history } = await truth(world);
    expect(sorted(await source.history(world.script))).toEqual(history);
    const at = history.find(({ txid }) => txid === world.mined)?.height ?? null;
    expect(await source.outspend(world.coin, world.script)).toEqual({ spent: true, txid: world.mined, height: at });
    const claim = await source.inclusion(world.mined, world.minedHeight);
    expect(claim?.height ?? null).toBe(at);
  });

  it("looks from scanFrom on, and reads the blocks that match alone", async () => {
    const world = new CoreWorld();
    const double = await serveCore(world);
    const source = sourceOf(double, { scanFrom: world.minedHeight - 1 });
    // The output was made below, so that its spend cannot be told from others.
    expect(await source.history(world.script)).toHaveLength(2);
    expect(double.rest.filter((path) => path.startsWith("/rest/block/"))).toHaveLength(1);
    expect(countOf(double, "getblock")).toBe(0);
    expect(double.calls.find(({ method }) => method === "scanblocks")?.params[2]).toBe(world.minedHeight - 1);
    const testnet = sourceOf(double, { network: "testnet4" });
    expect(await testnet.history(world.script)).toEqual([{ txid: world.pending, height: null }]);
  });

  it("drops blocks that only seem to match", async () => {
    const world = new CoreWorld();
    const double = await serveCore(world);
    const extra = world.chain.blockAt(50)?.hash;
    double.replaced["scanblocks"] = async (_, right) => {
      const scan = (await right()) as { readonly relevant_blocks: readonly string[] };
      return { ...scan, relevant_blocks: [extra, ...scan.relevant_blocks] };
    };
    expect(sorted(await sourceOf(double).history(world.script))).toEqual(world.entries);
  });

  it("waits for another client's scan", async () => {
    const world = new CoreWorld();
    const waits: number[] = [];
    const clock = { nowMs: () => 0, delay: async (ms: number) => void waits.push(ms) };
    const double = await serveCore(world, { busyScans: 2 });
    const source = sourceOf(double, { clock });
    expect(await source.history(world.script)).toHaveLength(3);
    expect(waits).toEqual([250, 250]);
    double.features.busyScans = 1;
    expect(await source.unspent(world.script)).toHaveLength(1);
    expect(waits).toHaveLength(3);
    double.features.busyScans = 1e9;
    const failing = sourceOf(double, { clock });
    await expectCode("CHAIN_SOURCE_UNABLE", failing.history(world.script));
  });

  it("runs one scan at a time", async () => {
    const world = new CoreWorld();
    const double = await serveCore(world);
    const refuse = { nowMs: () => 0, delay: () => Promise.reject(new Error("a second scan was refused")) };
    const source = sourceOf(double, { clock: refuse });
    const scripts = [world.script, world.other, new Uint8Array(22).fill(9)];
    const found = await Promise.all([...scripts, world.script].map((script) => source.history(script)));
    expect(found.map(({ length }) => length)).toEqual([3, 1, 0, 3]);
    // The same script twice is looked for once.
    expect(countOf(double, "scanblocks")).toBe(3);
  });

  it("keeps what was looked through when the caller gives up", async () => {
    const world = new CoreWorld();
    const double = await serveCore(world, { rest: false });
    const controller = new AbortController();
    let blocks = 0;
    double.instead = (_, body) => {
      if (!body.includes('"getblock"')) return null;
      if (++blocks < 2) return null;
      controller.abort();
      return "hang";
    };
    const source = sourceOf(double);
    await expectCode("NETWORK_ABORTED", source.history(world.script, { signal: controller.signal }));
    double.instead = null;
    expect(sorted(await source.history(world.script))).toEqual(world.entries);
    // The first block that matched was not read again.
    expect(countOf(double, "getblock")).toBe(3);
    expect(double.calls.filter(({ method }) => method === "scanblocks").at(-1)?.params[2]).toBe(world.coinHeight + 1);
  });

  it("ends the scan of the coins when the caller gives up", async () => {
    const world = new CoreWorld();
    const double = await serveCore(world);
    const controller = new AbortController();
    double.instead = (_, body) => {
      if (!body.includes('"start"')) return null;
      queueMicrotask(() => {
        controller.abort();
      });
      return "hang";
    };
    await expectCode("NETWORK_ABORTED", sourceOf(double).unspent(world.script, { signal: controller.signal }));
    await expect
      .poll(() => double.calls.filter(({ method }) => method === "scantxoutset").at(-1)?.params)
      .toEqual(["abort"]);
  });

  it("V8: a history that is too long is no answer, and what lies before it is", async () => {
    const double = await serveCore(world);
    // A block that nobody mined, of 2,000 payments to the script, above the others.
    const paying = Array.from({ length: 2_000 }, (_, i) => paymentTo(world.script, i));
    const txids = paying.map(({ txid }) => txid);
    const header = mineHeader({ previousHash: "00".repeat(32), timeSec: 1, merkleRoot: merkleRoot(txids) });
    const flood = concatBytes(header, Uint8Array.of(0xfd, 0xd0, 0x07), ...paying.map(({ raw }) => raw));
    const { hash } = parseHeader(header);
    double.replaced["scanblocks"] = async (_, right) => {
      const scan = (await right()) as { readonly relevant_blocks: readonly string[] };
      return { ...scan, relevant_blocks: [...scan.relevant_blocks, hash] };
    };
    double.replaced["getblockheader"] = async (params, right) => {
      return params[0] === hash ? { hash, height: world.chain.height, confirmations: 1 } : right();
    };
    double.instead = (path) => (path === `/rest/block/${hash}.bin` ? { body: flood } : null);
    const source = sourceOf(double);
    const error = await expectCode("NETWORK_TIME_LIMIT", source.history(world.script));
    expect(error.details).toEqual({ limit: "history entries", max: 2_000 });
    await expectCode("NETWORK_TIME_LIMIT", source.history(world.script));
    const before = { txid: world.mined, height: world.minedHeight };
    expect(await source.history(world.script, { before })).toHaveLength(2);
  });

  it("broadcasts; what the server has already is no failure, and a refusal is one", async () => {
    for (const features of [{}, { version: 27 }, { kind: "btcd" as const, rest: false }]) {
      const world = new CoreWorld();
      const double = await serveCore(world, features);
      const source = sourceOf(double);
      const raw = payment(world.key, [world.output(world.mined, 1, 30_000n, world.other)], [[world.script, 20_000n]]);
      await source.broadcast(raw);
      await source.broadcast(raw);
      world.mine(1);
      await source.broadcast(raw);
      const spent = payment(world.key, [world.coin], [[world.script, 1_000n]]);
      const error = await expectCode("CHAIN_BROADCAST_REFUSED", source.broadcast(spent));
      expect(error.details.attempts[0]?.label).toBe(double.host);
      await expectCode("CHAIN_TRANSACTION_INVALID", source.broadcast(raw.subarray(1)));
    }
  });
});

function paymentTo(script: Uint8Array, mark: number): Transaction {
  const tx = new BitcoinTransaction();
  tx.addInput(new Uint8Array(32).fill(1), mark);
  tx.addOutput(script, 1_000n);
  return parseTransaction(tx.toBuffer());
}

async function truth(world: CoreWorld): Promise<{ readonly history: readonly HistoryEntry[] }> {
  const view = await world.feed.read();
  return { history: sorted(view.history(world.script).map(({ txid, height }) => ({ txid, height }))) };
}
