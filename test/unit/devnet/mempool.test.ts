import { Transaction } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { createBlock } from "../../../src/devnet/miner.js";
import { dustLimitSats } from "../../../src/devnet/standard.js";
import {
  beacon,
  beaconWitness,
  dataScript,
  payment,
  sign,
  type TestCoin,
  TestKey,
  txidOf,
  unsigned,
} from "./wallet.js";
import { World } from "./world.js";

const key = new TestKey("mempool");
const ok = null;

function reason(world: World, raw: Uint8Array): string | null {
  return world.refusal(raw)?.reason ?? null;
}

/** The first output of a transaction as a coin. */
function outputOf(raw: Uint8Array, vout = 0): TestCoin {
  const output = Transaction.fromBuffer(raw).outs[vout];
  if (output === undefined) throw new Error("no such output");
  return { txid: txidOf(raw), vout, valueSats: output.value, script: output.script };
}

describe("what a block could not hold", () => {
  it("refuses bytes that are not exactly one transaction", () => {
    const world = new World();
    const raw = payment(key, [world.fund(key.p2tr)], [[key.p2tr, 99_000n]]);
    const undecodable = { code: "-22", reason: "TX decode failed. Make sure the tx has at least one input." };
    expect(world.refusal(new Uint8Array(0))).toEqual(undecodable);
    expect(world.refusal(raw.slice(1))).toEqual(undecodable);
    expect(world.refusal(raw.slice(0, -1))).toEqual(undecodable);
    expect(world.refusal(concatBytes(raw, Uint8Array.of(0)))).toEqual(undecodable);
    // The number of inputs, 1, in three bytes instead of one.
    const long = concatBytes(raw.slice(0, 6), Uint8Array.of(0xfd, 1, 0), raw.slice(7));
    expect(world.refusal(long)).toEqual(undecodable);
    expect(world.refusal(raw)).toBe(ok);
  });

  it("refuses missing and spent inputs", () => {
    const world = new World();
    const coin = world.fund(key.p2tr);
    const missing = { code: "-25", reason: "bad-txns-inputs-missingorspent" };
    const unknown = payment(key, [{ ...coin, txid: "ab".repeat(32) }], [[key.p2tr, 99_000n]]);
    expect(world.refusal(unknown)).toEqual(missing);
    expect(world.refusal(payment(key, [{ ...coin, vout: 7 }], [[key.p2tr, 99_000n]]))).toEqual(missing);
    world.mempool.accept(payment(key, [coin], [[key.p2tr, 99_000n]]));
    world.mine(1);
    expect(world.refusal(payment(key, [coin], [[key.p2tr, 98_000n]]))).toEqual(missing);
  });

  it("answers a transaction that it has, and refuses one that is mined", () => {
    const world = new World();
    const raw = payment(key, [world.fund(key.p2tr)], [[key.p2tr, 99_000n]]);
    expect(world.mempool.accept(raw).txid).toBe(txidOf(raw));
    expect(world.mempool.accept(raw).txid).toBe(txidOf(raw));
    expect(world.mempool.entries()).toHaveLength(1);
    world.mine(1);
    expect(world.refusal(raw)).toEqual({ code: "-27", reason: "Transaction outputs already in utxo set" });
  });

  it("refuses amounts that do not add up", () => {
    const world = new World();
    const coin = world.fund(key.p2tr);
    expect(reason(world, payment(key, [coin], [[key.p2tr, 100_001n]]))).toBe(
      "bad-txns-in-belowout, value in (0.00100000) < value out (0.00100001)",
    );
    expect(reason(world, payment(key, [coin], [[key.p2tr, 2_100_000_000_000_001n]]))).toBe("bad-txns-vout-toolarge");
    const most = 2_100_000_000_000_000n;
    const twice = payment(
      key,
      [coin],
      [
        [key.p2tr, most],
        [key.p2tr, most],
      ],
    );
    expect(reason(world, twice)).toBe("bad-txns-txouttotal-toolarge");
    const negative = unsigned([coin], [[key.p2tr, 0n]]);
    const [output] = negative.outs;
    if (output !== undefined) output.value = -1n;
    expect(reason(world, negative.toBuffer())).toBe("bad-txns-vout-negative");
  });

  it("refuses no outputs, an input twice, a coinbase and a null outpoint", () => {
    const world = new World();
    const coin = world.fund(key.p2tr);
    expect(reason(world, unsigned([coin], []).toBuffer())).toBe("bad-txns-vout-empty");
    expect(reason(world, payment(key, [coin, coin], [[key.p2tr, 99_000n]]))).toBe("bad-txns-inputs-duplicate");
    expect(reason(world, world.chain.tip.transactions[0]?.raw ?? new Uint8Array())).toMatch(/already in utxo set/);
    const none = { ...coin, txid: "00".repeat(32), vout: 0xffffffff };
    expect(reason(world, unsigned([none], [[key.p2tr, 1_000n]]).toBuffer())).toBe("coinbase");
    expect(reason(world, unsigned([coin, none], [[key.p2tr, 1_000n]]).toBuffer())).toBe("bad-txns-prevout-null");
  });

  it("refuses a coinbase below 100 blocks", () => {
    const world = new World();
    const coinbase = (height: number): TestCoin => {
      const raw = world.chain.blockAt(height)?.transactions[0]?.raw ?? new Uint8Array();
      return outputOf(raw);
    };
    const spend = (height: number): Uint8Array => payment(key, [coinbase(height)], [[key.p2tr, 1_000_000n]]);
    expect(reason(world, spend(3))).toBe("bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 99");
    expect(reason(world, spend(2))).toMatch(/^mandatory-script-verify-flag-failed/);
  });

  it("refuses a wrong signature", () => {
    const world = new World();
    for (const script of [key.p2tr, key.p2wpkh]) {
      const coin = world.fund(script);
      const stranger = payment(new TestKey("stranger"), [coin], [[key.p2tr, 99_000n]]);
      expect(reason(world, stranger)).toMatch(/^mandatory-script-verify-flag-failed \(/);
      expect(world.mempool.entries()).toHaveLength(0);
      expect(reason(world, payment(key, [coin], [[key.p2tr, 99_000n]]))).toBe(ok);
      world.mine(1);
    }
  });

  it("checks every input's script, not the first alone", () => {
    const world = new World();
    const coins = [world.fund(key.p2tr), world.fund(key.p2wpkh)];
    const tx = sign(unsigned(coins, [[key.p2tr, 150_000n]]), coins, key);
    tx.setWitness(1, []);
    expect(reason(world, tx.toBuffer())).toMatch(/empty witness/);
  });
});

describe("time locks", () => {
  it("BIP68: a relative lock of n blocks holds until the n-th block after the coin's", () => {
    const world = new World();
    const coin = { ...world.fund(key.p2tr), sequence: 3 };
    const raw = payment(key, [coin], [[key.p2tr, 99_000n]]);
    expect(reason(world, raw)).toBe("non-BIP68-final");
    world.mine(1);
    expect(reason(world, raw)).toBe("non-BIP68-final");
    world.mine(1);
    expect(reason(world, raw)).toBe(ok);
  });

  it("BIP68: does not count for version 1, nor with the disable bit", () => {
    const world = new World();
    const coin = { ...world.fund(key.p2tr), sequence: 3 };
    const later = { ...world.fund(key.p2tr), sequence: 0x80000003 };
    expect(reason(world, payment(key, [coin], [[key.p2tr, 99_000n]], { version: 1 }))).toBe(ok);
    expect(reason(world, payment(key, [later], [[key.p2tr, 99_000n]]))).toBe(ok);
  });

  it("BIP68: an unconfirmed coin is as old as the next block", () => {
    const world = new World();
    const parent = payment(key, [world.fund(key.p2tr)], [[key.p2tr, 99_000n]]);
    world.mempool.accept(parent);
    const child = (sequence: number): Uint8Array =>
      payment(key, [{ ...outputOf(parent), sequence }], [[key.p2tr, 98_000n]]);
    expect(reason(world, child(1))).toBe("non-BIP68-final");
    expect(reason(world, child(0))).toBe(ok);
  });

  it("BIP68: counts units of 512 seconds of median time", () => {
    const world = new World();
    const coin = { ...world.fund(key.p2tr), sequence: 0x00400002 };
    const raw = payment(key, [coin], [[key.p2tr, 99_000n]]);
    const start = world.chain.blockAt(101)?.medianTimeSec ?? 0;
    const unlocked = start + 2 * 512;
    world.clock.ms = unlocked * 1000;
    while (world.chain.tip.medianTimeSec < unlocked) {
      expect(reason(world, raw)).toBe("non-BIP68-final");
      world.mine(1);
    }
    expect(world.chain.tip.medianTimeSec).toBe(unlocked);
    expect(reason(world, raw)).toBe(ok);
  });

  it("nLockTime holds until its height or median time is past", () => {
    const world = new World();
    const coin = world.fund(key.p2tr);
    const at = (locktime: number): Uint8Array => payment(key, [coin], [[key.p2tr, 99_000n]], { locktime });
    expect(reason(world, at(world.chain.height + 1))).toBe("non-final");
    expect(reason(world, at(world.chain.tip.medianTimeSec))).toBe("non-final");
    expect(reason(world, at(world.chain.height))).toBe(ok);
    const other = world.fund(key.p2tr);
    const byTime = payment(key, [other], [[key.p2tr, 99_000n]], { locktime: world.chain.tip.medianTimeSec - 1 });
    expect(reason(world, byTime)).toBe(ok);
    const third = { ...world.fund(key.p2tr), sequence: 0xffffffff };
    expect(reason(world, payment(key, [third], [[key.p2tr, 99_000n]], { locktime: 100_000 }))).toBe(ok);
  });

  it("N3: a beacon is swept after its delay, and has no child while it is unconfirmed", () => {
    const world = new World();
    const raw = payment(
      key,
      [world.fund(key.p2tr)],
      [
        [beacon, 5_000n],
        [key.p2tr, 90_000n],
      ],
    );
    const sweep = (sequence: number, version = 2): Uint8Array => {
      const coin = { ...outputOf(raw), sequence };
      const tx = unsigned([coin], [[key.p2tr, 4_000n]], { version });
      tx.setWitness(0, [beaconWitness]);
      return tx.toBuffer();
    };
    world.mempool.accept(raw);
    const locked = "mandatory-script-verify-flag-failed (Locktime requirement not satisfied)";
    expect(reason(world, sweep(10))).toBe("non-BIP68-final");
    expect(reason(world, sweep(0))).toBe(locked);
    expect(reason(world, sweep(0xfffffffd))).toBe(locked);
    expect(reason(world, sweep(10, 1))).toBe(locked);
    world.mine(1);
    world.mine(8);
    expect(reason(world, sweep(10))).toBe("non-BIP68-final");
    expect(reason(world, sweep(9))).toBe(locked);
    world.mine(1);
    expect(reason(world, sweep(10))).toBe(ok);
  });
});

describe("standardness", () => {
  const outputs = (...list: (readonly [Uint8Array, bigint])[]): ((world: World) => Uint8Array) => {
    return (world) => payment(key, [world.fund(key.p2tr)], [[key.p2tr, 50_000n], ...list]);
  };
  const p2sh = concatBytes(Uint8Array.of(0xa9, 20), new Uint8Array(20), Uint8Array.of(0x87));
  const p2pkh = concatBytes(Uint8Array.of(0x76, 0xa9, 20), new Uint8Array(20), Uint8Array.of(0x88, 0xac));

  it.each([
    ["P2WPKH", key.p2wpkh, 294n],
    ["P2TR", key.p2tr, 330n],
    ["P2WSH", beacon, 330n],
    ["P2PKH", p2pkh, 546n],
    ["P2SH", p2sh, 540n],
  ])("dust of %s", (_, script, limit) => {
    const world = new World();
    expect(dustLimitSats(script)).toBe(limit);
    expect(reason(world, outputs([script, limit - 1n])(world))).toBe("dust");
    expect(reason(world, outputs([script, limit])(world))).toBe(ok);
  });

  it("admits one OP_RETURN of at most 83 bytes, of any value", () => {
    const world = new World();
    expect(reason(world, outputs([dataScript(new Uint8Array(75)), 0n])(world))).toBe(ok);
    expect(reason(world, outputs([dataScript(new Uint8Array(80)), 0n])(world))).toBe(ok);
    expect(reason(world, outputs([dataScript(new Uint8Array(81)), 0n])(world))).toBe("datacarrier");
    const one = [dataScript(new Uint8Array(4)), 0n] as const;
    expect(reason(world, outputs(one, one)(world))).toBe("multi-op-return");
    expect(reason(world, outputs([Uint8Array.of(0x6a, 0x76), 0n])(world))).toBe("scriptpubkey");
    expect(reason(world, outputs([Uint8Array.of(0x6a, 0x05, 0x01), 0n])(world))).toBe("scriptpubkey");
  });

  it("refuses other scripts, versions, sizes", () => {
    const world = new World();
    expect(reason(world, outputs([Uint8Array.of(0x51), 1_000n])(world))).toBe("scriptpubkey");
    expect(reason(world, outputs([new Uint8Array(0), 1_000n])(world))).toBe("scriptpubkey");
    const coin = world.fund(key.p2tr);
    const version = (number: number): Uint8Array => payment(key, [coin], [[key.p2tr, 99_000n]], { version: number });
    for (const number of [0, 3, 0xffffffff]) expect(reason(world, version(number))).toBe("version");
    const many = Array.from({ length: 2_400 }, () => [key.p2tr, 330n] as const);
    expect(reason(world, unsigned([coin], many).toBuffer())).toBe("tx-size");
    // 10 + 41 + 9 + 4 bytes without witness: the size of an inner Merkle node.
    const small = payment(key, [coin], [[dataScript(Uint8Array.of(1, 2)), 0n]]);
    expect(Transaction.fromBuffer(small).byteLength(false)).toBe(64);
    expect(reason(world, small)).toBe("tx-size-small");
    expect(reason(world, payment(key, [coin], [[dataScript(Uint8Array.of(1, 2, 3)), 0n]]))).toBe(ok);
  });

  it("asks for 1 sat/vB", () => {
    const world = new World();
    const coin = world.fund(key.p2tr);
    const paying = (fee: bigint): Uint8Array => payment(key, [coin], [[key.p2tr, coin.valueSats - fee]]);
    const vsize = Transaction.fromBuffer(paying(1_000n)).virtualSize();
    expect(reason(world, paying(BigInt(vsize - 1)))).toBe(`min relay fee not met, ${vsize - 1} < ${vsize}`);
    expect(reason(world, paying(BigInt(vsize)))).toBe(ok);
  });

  it("refuses to spend scripts that it does not check", () => {
    const world = new World();
    const coin = world.fund(p2pkh);
    expect(reason(world, unsigned([coin], [[key.p2tr, 99_000n]]).toBuffer())).toMatch(/^bad-txns-nonstandard-inputs/);
  });
});

describe("chains of unconfirmed transactions", () => {
  it("admits 25 and refuses the next", () => {
    const world = new World();
    let coin: TestCoin = world.fund(key.p2tr);
    for (let i = 0; i < 25; i++) {
      const raw = payment(key, [coin], [[key.p2tr, coin.valueSats - 200n]]);
      expect(reason(world, raw)).toBe(ok);
      coin = outputOf(raw);
    }
    const next = payment(key, [coin], [[key.p2tr, coin.valueSats - 200n]]);
    expect(reason(world, next)).toBe("too-long-mempool-chain, too many unconfirmed ancestors [limit: 25]");
    world.mine(1);
    expect(reason(world, next)).toBe(ok);
  });

  it("admits 25 descendants, the parent included, and refuses the next", () => {
    const world = new World();
    const coin = world.fund(key.p2tr, 1_000_000n);
    const parent = payment(
      key,
      [coin],
      Array.from({ length: 26 }, () => [key.p2tr, 10_000n] as const),
    );
    world.mempool.accept(parent);
    const child = (vout: number): Uint8Array => payment(key, [outputOf(parent, vout)], [[key.p2tr, 9_000n]]);
    for (let i = 0; i < 24; i++) expect(reason(world, child(i))).toBe(ok);
    expect(reason(world, child(24))).toBe(
      `too-long-mempool-chain, too many descendants for tx ${txidOf(parent)} [limit: 25]`,
    );
    // What a replacement drops no longer counts.
    expect(reason(world, payment(key, [outputOf(parent, 0)], [[key.p2tr, 8_000n]]))).toBe(ok);
  });

  it("mines parents before children, all of them", () => {
    const world = new World();
    const first = payment(key, [world.fund(key.p2tr)], [[key.p2tr, 99_000n]]);
    const second = payment(key, [outputOf(first)], [[key.p2wpkh, 98_000n]]);
    const third = payment(key, [outputOf(second)], [[key.p2tr, 97_000n]]);
    for (const raw of [first, second, third]) world.mempool.accept(raw);
    world.mine(1);
    expect(world.chain.tip.transactions.slice(1).map(({ txid }) => txid)).toEqual([first, second, third].map(txidOf));
    expect(world.mempool.entries()).toEqual([]);
  });
});

describe("a full block", () => {
  it("leaves what does not fit, with its children, and takes what still fits", () => {
    const world = new World();
    const coins = Array.from({ length: 11 }, () => world.fund(key.p2tr, 1_000_000n));
    const outputs = Array.from({ length: 2_300 }, () => [key.p2tr, 330n] as const);
    const heavy = coins.map((coin) => payment(key, [coin], outputs));
    const small = payment(key, [world.fund(key.p2wpkh)], [[key.p2tr, 99_000n]]);
    for (const raw of heavy) expect(reason(world, raw)).toBe(ok);
    const last = heavy[10] ?? new Uint8Array();
    const parts = [0, 1, 2].map((vout) => outputOf(last, vout));
    const child = payment(key, parts, [[key.p2tr, 400n]]);
    for (const raw of [child, small]) expect(reason(world, raw)).toBe(ok);
    world.mine(1);
    const mined = world.chain.tip.transactions.slice(1).map(({ txid }) => txid);
    expect(mined).toEqual([...heavy.slice(0, 10), small].map(txidOf));
    expect(world.chain.tip.block.weight()).toBeLessThan(4_000_000);
    world.mine(1);
    expect(world.chain.tip.transactions.slice(1).map(({ txid }) => txid)).toEqual([last, child].map(txidOf));
  });
});

describe("double spends and replacement", () => {
  const pay = (coins: readonly TestCoin[], fee: bigint, sequence?: number): Uint8Array => {
    const sum = coins.reduce((total, { valueSats }) => total + valueSats, 0n);
    const spent = sequence === undefined ? coins : coins.map((coin) => ({ ...coin, sequence }));
    return payment(key, spent, [[key.p2tr, sum - fee]]);
  };

  it("refuses a second spend of what does not signal replacement", () => {
    const world = new World();
    const coin = world.fund(key.p2tr);
    world.mempool.accept(pay([coin], 200n, 0xfffffffe));
    expect(reason(world, pay([coin], 5_000n))).toBe("txn-mempool-conflict");
  });

  it("replaces for a higher fee, and drops what was replaced with its children", () => {
    const world = new World();
    const coin = world.fund(key.p2tr);
    const first = pay([coin], 200n);
    const child = pay([outputOf(first)], 200n);
    world.mempool.accept(first);
    world.mempool.accept(child);
    const replacement = pay([coin], 1_000n);
    expect(reason(world, replacement)).toBe(ok);
    expect(world.mempool.entries().map(({ known }) => known.txid)).toEqual([txidOf(replacement)]);
    expect(world.mempool.spendOf(`${txidOf(first)}:0`)).toBeNull();
    world.mine(1);
    expect(world.chain.spendOf(`${coin.txid}:${coin.vout}`)?.txid).toBe(txidOf(replacement));
  });

  it("lets a child be replaced whose parent signals", () => {
    const world = new World();
    const parent = pay([world.fund(key.p2tr)], 200n);
    world.mempool.accept(parent);
    world.mempool.accept(pay([outputOf(parent)], 200n, 0xffffffff));
    expect(reason(world, pay([outputOf(parent)], 1_000n))).toBe(ok);
  });

  it("refuses a fee that is too low, or does not pay for its own relay", () => {
    const world = new World();
    const coin = world.fund(key.p2tr);
    const first = pay([coin], 1_000n);
    world.mempool.accept(first);
    expect(reason(world, pay([coin], 999n))).toMatch(
      /^insufficient fee, rejecting replacement [0-9a-f]{64}; new feerate/,
    );
    expect(reason(world, pay([coin], 1_000n, 0))).toMatch(/^insufficient fee/);
    const vsize = BigInt(Transaction.fromBuffer(first).virtualSize());
    expect(reason(world, pay([coin], 999n + vsize))).toMatch(/not enough additional fees to relay/);
    expect(reason(world, pay([coin], 1_000n + vsize))).toBe(ok);
  });

  it("refuses less than the fees of all that it would drop", () => {
    const world = new World();
    const coin = world.fund(key.p2tr);
    const first = pay([coin], 200n);
    world.mempool.accept(first);
    world.mempool.accept(pay([outputOf(first)], 5_000n));
    expect(reason(world, pay([coin], 1_000n))).toMatch(/less fees than conflicting txs; 0\.00001000 < 0\.00005200$/);
  });

  it("refuses a replacement with another unconfirmed input, or of its own parent", () => {
    const world = new World();
    const coin = world.fund(key.p2tr);
    const other = pay([world.fund(key.p2tr)], 200n);
    const first = pay([coin], 200n);
    world.mempool.accept(other);
    world.mempool.accept(first);
    expect(reason(world, pay([coin, outputOf(other)], 5_000n))).toMatch(/^replacement-adds-unconfirmed.* idx 1$/);
    expect(reason(world, pay([coin, outputOf(first)], 5_000n))).toMatch(/^bad-txns-spends-conflicting-tx/);
  });

  it("refuses to drop more than 100", () => {
    const world = new World();
    const big = world.fund(key.p2tr, 10_000_000n);
    const fan = payment(
      key,
      [big],
      Array.from({ length: 101 }, () => [key.p2tr, 90_000n] as const),
    );
    world.mempool.accept(fan);
    world.mine(1);
    const coins = Array.from({ length: 101 }, (_, vout) => outputOf(fan, vout));
    for (const coin of coins) world.mempool.accept(pay([coin], 200n));
    expect(reason(world, pay(coins, 500_000n))).toMatch(/^too many potential replacements/);
  });

  it("keeps everything when a replacement's script is wrong", () => {
    const world = new World();
    const coin = world.fund(key.p2tr);
    const first = pay([coin], 200n);
    world.mempool.accept(first);
    const forged = payment(new TestKey("stranger"), [coin], [[key.p2tr, 50_000n]]);
    expect(reason(world, forged)).toMatch(/Schnorr/);
    expect(world.mempool.entries().map(({ known }) => known.txid)).toEqual([txidOf(first)]);
  });

  it("drops what a block made impossible, with its children, and nothing else", () => {
    const world = new World();
    const coin = world.fund(key.p2tr);
    const bystander = pay([world.fund(key.p2wpkh)], 200n);
    const mined = world.mempool.accept(pay([coin], 200n));
    const rival = pay([coin], 1_000n);
    for (const raw of [rival, pay([outputOf(rival)], 200n), bystander]) world.mempool.accept(raw);
    const block = createBlock(world.chain.tip, [mined], world.chain.tip.block.timestamp + 1);
    world.mempool.blockConnected(world.chain.connect(block));
    expect(world.mempool.entries().map(({ known }) => known.txid)).toEqual([txidOf(bystander)]);
  });

  it("knows after a block how old the coins of waiting transactions are", () => {
    const world = new World();
    const parent = pay([world.fund(key.p2tr)], 200n);
    const mined = world.mempool.accept(parent);
    world.mempool.accept(pay([outputOf(parent)], 200n));
    const block = createBlock(world.chain.tip, [mined], world.chain.tip.block.timestamp + 1);
    world.mempool.blockConnected(world.chain.connect(block));
    const [waiting] = world.mempool.entries();
    expect(waiting?.parents.size).toBe(0);
    expect(waiting?.known.spent[0]?.height).toBe(world.chain.height);
  });
});
