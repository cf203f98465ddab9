import { Block, script as scripts, Transaction } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import { Chain, type ChainBlock } from "../../../src/devnet/chain.js";
import { Faucet } from "../../../src/devnet/faucet.js";
import type { KnownTransaction } from "../../../src/devnet/known-transaction.js";
import { Mempool } from "../../../src/devnet/mempool.js";
import { createBlock, Miner, minerScript } from "../../../src/devnet/miner.js";
import { payment, TestKey, txidOf } from "./wallet.js";
import { START_MS, TestClock, World } from "./world.js";

const key = new TestKey("chain");

function allBlocks(chain: Chain): readonly ChainBlock[] {
  return Array.from({ length: chain.height + 1 }, (_, height) => chain.blockAt(height)).filter((one) => one !== null);
}

describe("the chain", () => {
  it("starts at regtest's genesis block", () => {
    const chain = new Chain();
    expect(chain.height).toBe(0);
    expect(chain.tip.hash).toBe("0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206");
    expect([...chain.coins()]).toEqual([]);
  });

  it("has 101 blocks at the start, real ones, the last of them now", () => {
    const { chain } = new World();
    const blocks = allBlocks(chain);
    expect(blocks).toHaveLength(102);
    expect(chain.tip.block.timestamp).toBe(START_MS / 1000);
    for (const [i, { raw, header, height }] of blocks.entries()) {
      const parsed = Block.fromBuffer(raw);
      expect(height).toBe(i);
      expect(header).toHaveLength(80);
      expect(parsed.checkProofOfWork()).toBe(true);
      expect(parsed.checkTxRoots()).toBe(true);
      expect(parsed.bits).toBe(0x207fffff);
      if (i === 0) continue;
      expect(parsed.prevHash).toEqual(blocks[i - 1]?.block.getHash());
      const times = blocks.slice(Math.max(0, i - 11), i).map(({ block }) => block.timestamp);
      times.sort((a, b) => a - b);
      expect(parsed.timestamp).toBeGreaterThan(times[Math.floor(times.length / 2)] ?? 0);
      const coinbase = parsed.transactions?.[0];
      const pushed = scripts.decompile(coinbase?.ins[0]?.script ?? new Uint8Array())?.[0];
      expect(typeof pushed === "number" ? pushed - 0x50 : scripts.number.decode(pushed ?? new Uint8Array())).toBe(i);
    }
  });

  it("keeps time above the median when many blocks are mined in one second", () => {
    const world = new World();
    world.mine(30);
    const blocks = allBlocks(world.chain);
    for (const [i, { block }] of blocks.entries()) {
      if (i > 0) expect(block.timestamp).toBeGreaterThan(blocks[i - 1]?.medianTimeSec ?? 0);
    }
    expect(world.chain.tip.block.timestamp - START_MS / 1000).toBeLessThan(30);
  });

  it("pays the subsidy and the fees, and halves every 150 blocks", () => {
    const world = new World();
    const coin = world.fund(key.p2tr, 100_000n);
    world.mempool.accept(payment(key, [coin], [[key.p2tr, 99_000n]]));
    world.mine(1);
    expect(world.chain.tip.block.transactions?.[0]?.outs[0]).toEqual({ script: minerScript, value: 5_000_001_000n });
    world.mine(150 - world.chain.height);
    expect(world.chain.tip.block.transactions?.[0]?.outs[0]?.value).toBe(2_500_000_000n);
  });

  it("makes equal chains out of equal runs", () => {
    expect(new World().chain.tip.hash).toBe(new World().chain.tip.hash);
  });

  it("keeps the coins that each transaction spent", () => {
    const world = new World();
    const coin = world.fund(key.p2tr, 100_000n);
    const { txid } = world.mempool.accept(payment(key, [coin], [[key.p2tr, 99_000n]]));
    world.mine(1);
    const mined = world.chain.transaction(txid);
    expect(mined).toMatchObject({ height: 103, position: 1 });
    expect(mined?.spent).toEqual([
      { txid: coin.txid, vout: coin.vout, valueSats: 100_000n, script: key.p2tr, height: 102, coinbase: false },
    ]);
  });

  it("refuses a block that is not the tip's child, lacks work or has another root", () => {
    const world = new World();
    const good = (): Block => createBlock(world.chain.tip, [], world.chain.tip.block.timestamp + 1);
    const refused = (change: (block: Block) => void, expected: RegExp): void => {
      const block = good();
      change(block);
      expect(() => world.chain.connect(block)).toThrow(expected);
    };
    const prove = (block: Block): void => {
      while (!block.checkProofOfWork()) block.nonce++;
    };
    refused((block) => {
      block.prevHash = new Uint8Array(32);
      prove(block);
    }, /child of the tip/);
    refused((block) => {
      while (block.checkProofOfWork()) block.nonce++;
    }, /proof of work/);
    refused((block) => {
      block.bits = 0x2000ffff;
      prove(block);
    }, /proof of work/);
    refused((block) => {
      block.merkleRoot = new Uint8Array(32);
      prove(block);
    }, /Merkle root/);
    refused((block) => {
      block.timestamp = world.chain.tip.medianTimeSec;
      prove(block);
    }, /median/);
    expect(world.chain.connect(good()).height).toBe(102);
  });

  it("refuses a block that spends what is not unspent", () => {
    const world = new World();
    const coin = world.fund(key.p2tr);
    const known = world.mempool.accept(payment(key, [coin], [[key.p2tr, 99_000n]]));
    world.mine(1);
    const again = createBlock(world.chain.tip, [known], world.chain.tip.block.timestamp + 1);
    expect(() => world.chain.connect(again)).toThrow(/unspent/);
    const other = world.fund(key.p2tr);
    const spends = [99_000n, 98_000n].map((value): KnownTransaction => {
      const raw = payment(key, [other], [[key.p2tr, value]]);
      return { tx: Transaction.fromBuffer(raw), txid: txidOf(raw), raw, spent: [] };
    });
    const coins = spends.map((one) => ({ ...one, spent: [{ ...other, height: 104, coinbase: false }] }));
    const twice = createBlock(world.chain.tip, coins, world.chain.tip.block.timestamp + 1);
    expect(() => world.chain.connect(twice)).toThrow(/unspent/);
    const once = createBlock(world.chain.tip, coins.slice(1), world.chain.tip.block.timestamp + 1);
    expect(world.chain.connect(once).transactions).toHaveLength(2);
  });
});

describe("the faucet", () => {
  it("pays an amount that needs several coinbases, mining until they are ripe", () => {
    const world = new World();
    const paid = world.faucet.pay(key.p2wpkh, 12_000_000_000n);
    expect(world.chain.coin(`${paid.txid}:${paid.vout}`)).toMatchObject({ valueSats: 12_000_000_000n, height: 103 });
  });

  it("leaves dust change to the miner", () => {
    const world = new World();
    const paid = world.faucet.pay(key.p2wpkh, 4_999_999_600n);
    expect(world.chain.transaction(paid.txid)?.tx.outs).toHaveLength(1);
  });

  it("refuses wrong amounts, and lets relay refuse dust", () => {
    const world = new World();
    for (const value of [0n, -1n, 100_000_000_001n]) {
      expect(() => world.faucet.pay(key.p2wpkh, value)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    }
    expect(() => world.faucet.pay(key.p2wpkh, 293n)).toThrow(/dust/);
  });

  it("says so when the blocks that it mines do not pay enough", () => {
    const chain = new Chain();
    const mempool = new Mempool(chain);
    const faucet = new Faucet(chain, mempool, new Miner(chain, mempool, new TestClock()));
    expect(() => faucet.pay(key.p2wpkh, 100_000_000_000n)).toThrow(
      expect.objectContaining({ code: "WALLET_FUNDS_INSUFFICIENT" }),
    );
  });
});
