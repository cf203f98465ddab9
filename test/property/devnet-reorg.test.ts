import { mkdtempSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Block } from "bitcoinjs-lib";
import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeHex } from "../../src/bytes/hex.js";
import { Chain, scriptHash } from "../../src/devnet/chain.js";
import { ChainKeeper } from "../../src/devnet/chain-keeper.js";
import type { KnownTransaction } from "../../src/devnet/known-transaction.js";
import { Mempool } from "../../src/devnet/mempool.js";
import { payment, type TestCoin, TestKey, txidOf } from "../unit/devnet/wallet.js";
import { World } from "../unit/devnet/world.js";
import { numRuns } from "./runs.js";

const key = new TestKey("any");

type Step =
  | { readonly kind: "fund" }
  | { readonly kind: "spend"; readonly which: number; readonly sequence: number; readonly mine: boolean }
  | { readonly kind: "mine"; readonly blocks: number }
  | {
      readonly kind: "reorg";
      readonly depth: number;
      readonly more: number;
      readonly drop: boolean | readonly number[];
      readonly remine: boolean;
      readonly rival: boolean;
    };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constant<Step>({ kind: "fund" }),
  fc.record({
    kind: fc.constant("spend" as const),
    which: fc.nat(20),
    sequence: fc.constantFrom(0xfffffffd, 1, 3),
    mine: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("mine" as const), blocks: fc.integer({ min: 1, max: 3 }) }),
  fc.record({
    kind: fc.constant("reorg" as const),
    depth: fc.integer({ min: 1, max: 8 }),
    more: fc.integer({ min: 1, max: 3 }),
    drop: fc.oneof(fc.boolean(), fc.array(fc.nat(20), { maxLength: 3 })),
    remine: fc.boolean(),
    rival: fc.boolean(),
  }),
);

/** Everything that a chain answers, asked for all that its blocks and `known` name. */
function answersOf(chain: Chain, known: readonly KnownTransaction[]): unknown {
  const keys = known.flatMap(({ txid, tx }) => tx.outs.map((_, vout) => `${txid}:${vout}`));
  const scripts = [...new Set(known.flatMap(({ tx }) => tx.outs.map(({ script }) => scriptHash(script))))];
  const blocks = Array.from({ length: chain.height + 1 }, (_, height) => chain.blockAt(height));
  return {
    blocks: blocks.map((block) => ({ ...block, block: null, at: chain.heightOf(block?.hash ?? "") })),
    coins: [...chain.coins()],
    transactions: known.map(({ txid }) => chain.transaction(txid)),
    coinOf: keys.map((one) => chain.coin(one)),
    spends: keys.map((one) => chain.spendOf(one)),
    histories: scripts.map((hash) => chain.historyOf(hash)),
  };
}

function coinsOfKey(world: World): readonly TestCoin[] {
  return [...world.chain.coins()].flatMap(({ txid, vout, valueSats, script }) =>
    scriptHash(script) === scriptHash(key.p2tr) && world.mempool.spendOf(`${txid}:${vout}`) === null
      ? [{ txid, vout, valueSats, script }]
      : [],
  );
}

function spendOf(coin: TestCoin | undefined, sequence: number, feeSats: bigint): Uint8Array | null {
  if (coin === undefined || coin.valueSats < 20_000n) return null;
  const outputs = [coin.valueSats / 2n - feeSats, coin.valueSats / 2n - feeSats];
  return payment(
    key,
    [{ ...coin, sequence }],
    outputs.map((value) => [key.p2tr, value] as const),
  );
}

function run(world: World, one: Step, seen: Map<string, KnownTransaction>, removed: Set<string>): void {
  const note = (): void => {
    for (let height = 0; height <= world.chain.height; height++) {
      for (const known of world.chain.blockAt(height)?.transactions ?? []) seen.set(known.txid, known);
    }
  };
  switch (one.kind) {
    case "fund":
      world.fund(key.p2tr, 100_000n);
      break;
    case "mine":
      world.mine(one.blocks);
      break;
    case "spend": {
      const coins = coinsOfKey(world);
      const raw = spendOf(coins[one.which % Math.max(1, coins.length)], one.sequence, 1_000n);
      if (raw !== null) world.refusal(raw);
      if (one.mine) world.mine(1);
      break;
    }
    case "reorg": {
      const depth = Math.min(one.depth, world.chain.height);
      const top = Array.from({ length: depth }, (_, i) => world.txidsAt(world.chain.height - i)).flat();
      const drop = typeof one.drop === "boolean" ? one.drop : one.drop.flatMap((i) => top[i] ?? []);
      const before = top.map((txid) => world.chain.transaction(txid));
      // A rival of a transaction that only spends what stays.
      const fork = world.chain.height - depth;
      const prey = before.find((tx) =>
        tx?.spent.every(({ height, script }) => (height ?? 0) <= fork && scriptHash(script) === scriptHash(key.p2tr)),
      );
      const coin = prey?.spent[0];
      const rival = one.rival ? spendOf(coin, 0xfffffffd, 3_000n) : null;
      const transactions = rival === null ? [] : [rival];
      const done = world.reorg({ depth, blocks: depth + one.more, drop, remine: one.remine, transactions });
      for (const hash of done.removedBlocks) removed.add(hash);
      const placed = [...done.mined, ...done.waiting, ...done.gone];
      expect(new Set(placed).size).toBe(placed.length);
      for (const txid of top) expect(placed).toContain(txid);
      if (rival !== null) expect(world.txidsAt(fork + 1)).toContain(txidOf(rival));
      if (drop === true)
        expect(done.mined.filter((txid) => top.includes(txid) && txid !== (rival && txidOf(rival)))).toEqual([]);
      break;
    }
  }
  note();
}

/** As data that `toEqual` compares quickly. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, one: unknown) => {
      if (typeof one === "bigint") return String(one);
      if (one instanceof Uint8Array) return encodeHex(one);
      return one instanceof Set ? [...(one as ReadonlySet<unknown>)] : one;
    }),
  );
}

it("a chain after reorganisations answers as one that was built of the same blocks", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const world = new World();
      const seen = new Map<string, KnownTransaction>();
      const removed = new Set<string>();
      for (const one of steps) run(world, one, seen, removed);
      const fresh = new Chain();
      for (let height = 1; height <= world.chain.height; height++) {
        fresh.connect(Block.fromBuffer(world.chain.blockAt(height)?.raw ?? new Uint8Array()));
      }
      const known = [...seen.values()];
      expect(plain(answersOf(world.chain, known))).toEqual(plain(answersOf(fresh, known)));
      expect(plain(answersOf(world.chain.copy(), known))).toEqual(plain(answersOf(fresh, known)));
      for (const hash of removed) expect(world.chain.heightOf(hash)).toBeNull();
      // The mempool is one that the chain admits, in an order that can be mined.
      const mempool = new Mempool(fresh);
      for (const { known: waiting } of world.mempool.entries()) expect(mempool.restore(waiting)).toBe(true);
      expect(plain(mempool.entries())).toEqual(plain(world.mempool.entries()));
      world.mine(1);
      expect(world.mempool.entries()).toEqual([]);
    }),
    { numRuns },
  );
});

it("a chain that is kept on disk comes back as it was after a whole step, wherever a crash cut the file", () => {
  const directory = mkdtempSync(join(tmpdir(), "hawser-keeper-"));
  const file = join(directory, "chain.log");
  const stateOf = (chain: Chain, mempool: Mempool): unknown => ({
    tip: chain.tip.hash,
    waiting: mempool.entries().map(({ known }) => known.txid),
  });
  const open = (): { readonly state: unknown; readonly notices: number } => {
    const chain = new Chain();
    const mempool = new Mempool(chain);
    const { keeper, notices } = ChainKeeper.open(file, chain, mempool);
    keeper.close();
    return { state: stateOf(chain, mempool), notices: notices.length };
  };
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), fc.nat(), (steps, seed) => {
      const world = new World();
      const keeper = ChainKeeper.create(file, world.chain, world.mempool);
      const states = [{ size: statSync(file).size, state: stateOf(world.chain, world.mempool) }];
      for (const one of steps) {
        run(world, one, new Map(), new Set());
        keeper.save();
        const { size } = statSync(file);
        keeper.save();
        expect(statSync(file).size).toBe(size);
        states.push({ size, state: stateOf(world.chain, world.mempool) });
      }
      keeper.close();
      expect(open()).toEqual({ state: states.at(-1)?.state, notices: 0 });
      const first = states[0]?.size ?? 0;
      const cut = first + (seed % (statSync(file).size - first + 1));
      truncateSync(file, cut);
      const last = states.filter(({ size }) => size <= cut).at(-1);
      expect(open()).toEqual({ state: last?.state, notices: last?.size === cut ? 0 : 1 });
      expect(statSync(file).size).toBe(last?.size);
      expect(open().notices).toBe(0);
    }),
    { numRuns },
  );
  rmSync(directory, { recursive: true });
});
