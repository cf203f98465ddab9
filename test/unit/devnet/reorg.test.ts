import { describe, expect, it } from "vitest";
import { encodeHex } from "../../../src/bytes/hex.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { minerScript } from "../../../src/devnet/miner.js";
import { ask, post, start } from "./http.js";
import { payment, type TestCoin, TestKey, txidOf } from "./wallet.js";
import { World } from "./world.js";

const key = new TestKey("reorg");
const other = new TestKey("other");

function spend(coin: TestCoin, feeSats = 1_000n, to = key.p2tr): Uint8Array {
  return payment(key, [coin], [[to, coin.valueSats - feeSats]]);
}

function outputOf(raw: Uint8Array, valueSats: bigint, script = key.p2tr): TestCoin {
  return { txid: txidOf(raw), vout: 0, valueSats, script };
}

/** A chain with one coin of {@link key}, mined in block 102. */
function funded(): { readonly world: World; readonly coin: TestCoin } {
  const world = new World();
  return { world, coin: world.fund(key.p2tr) };
}

describe("a reorganisation", () => {
  it("takes the last blocks off and puts one more in their place, each another block", () => {
    const { world } = funded();
    world.mine(2);
    const before = [102, 103, 104].map((height) => world.chain.blockAt(height)?.hash ?? "");
    const done = world.reorg({ depth: 2 });
    expect(done).toMatchObject({ height: 105, forkHeight: 102, removedBlocks: before.slice(1) });
    expect(world.chain.height).toBe(105);
    expect(world.chain.blockAt(102)?.hash).toBe(before[0]);
    expect(done.newBlocks).toEqual([103, 104, 105].map((height) => world.chain.blockAt(height)?.hash));
    for (const hash of done.removedBlocks) {
      expect(done.newBlocks).not.toContain(hash);
      expect(world.chain.heightOf(hash)).toBeNull();
    }
  });

  it("makes blocks that never were before, however often it comes, and equal ones out of equal runs", () => {
    const run = (): readonly string[] => {
      const world = new World();
      const seen: string[] = [world.chain.tip.hash];
      for (let i = 0; i < 40; i++) seen.push(...world.reorg({ depth: 1 + (i % 2), blocks: 3 }).newBlocks);
      world.mine(1);
      seen.push(world.chain.tip.hash);
      return seen;
    };
    expect(new Set(run()).size).toBe(122);
    expect(run()).toEqual(run());
  });

  it("leaves coinbases and what spends them behind, for good", () => {
    const { world } = funded();
    world.mine(1);
    const coinbase = world.chain.tip.transactions[0]?.txid ?? "";
    world.reorg({ depth: 1 });
    expect(world.chain.transaction(coinbase)).toBeNull();
    expect(world.chain.coin(`${coinbase}:0`)).toBeNull();
  });

  it("drops what spends a coinbase that is gone, and waits for one that is not ripe yet", () => {
    const world = new World();
    const { txid } = world.fund(key.p2tr);
    // The payment spends the coinbase of block 1, which block 101 is the first to admit.
    expect(world.reorg({ depth: 3, remine: true })).toMatchObject({ forkHeight: 99, mined: [txid] });
    expect(world.chain.transaction(txid)?.height).toBe(101);
    const { height } = world.chain;
    expect(world.reorg({ depth: height, blocks: height + 1, remine: true }).gone).toEqual([txid]);
  });

  it("gives transactions back to the mempool, and leaves them there until the next block", () => {
    const { world, coin } = funded();
    const first = spend(coin);
    const second = spend(outputOf(first, 99_000n));
    world.mempool.accept(first);
    world.mine(1);
    world.mempool.accept(second);
    world.mine(1);
    const waiting = [txidOf(first), txidOf(second)];
    expect(world.reorg({ depth: 2 })).toMatchObject({ mined: [], waiting, gone: [] });
    expect(world.mempool.entries().map(({ known }) => known.txid)).toEqual(waiting);
    for (const height of [103, 104, 105]) expect(world.txidsAt(height)).toEqual([]);
    world.mine(1);
    expect(world.txidsAt(106)).toEqual(waiting);
    expect(world.chain.transaction(txidOf(second))).toMatchObject({ height: 106, position: 2 });
  });

  it("keeps what waited before, and children of what comes back behind their parents", () => {
    const { world, coin } = funded();
    const parent = spend(coin);
    world.mempool.accept(parent);
    world.mine(1);
    const child = spend(outputOf(parent, 99_000n));
    world.mempool.accept(child);
    expect(world.mempool.entry(txidOf(child))?.parents.size).toBe(0);
    expect(world.reorg({ depth: 1 }).waiting).toEqual([txidOf(parent), txidOf(child)]);
    expect([...(world.mempool.entry(txidOf(child))?.parents ?? [])]).toEqual([txidOf(parent)]);
    expect(world.mempool.entry(txidOf(child))?.known.spent[0]?.height).toBeNull();
  });

  it("lets no policy stand in the way of what was mined before", () => {
    const { world, coin } = funded();
    let raw = spend(coin);
    const txids: string[] = [];
    for (let i = 0; i < 40; i++) {
      if (i > 0) raw = spend(outputOf(raw, 100_000n - BigInt(i) * 1_000n));
      world.mempool.accept(raw);
      world.mine(1);
      txids.push(txidOf(raw));
    }
    // More than 25 in a row would not be relayed.
    expect(world.reorg({ depth: 40 }).waiting).toEqual(txids);
  });

  it("drops transactions with what spends them", () => {
    const { world, coin } = funded();
    const spare = world.fund(key.p2tr);
    const parent = spend(coin);
    const child = spend(outputOf(parent, 99_000n));
    const apart = spend(spare);
    for (const raw of [parent, child, apart]) world.mempool.accept(raw);
    world.mine(1);
    const done = world.reorg({ depth: 1, drop: [txidOf(parent)] });
    expect(done).toMatchObject({ gone: [txidOf(parent), txidOf(child)], waiting: [txidOf(apart)] });
    world.mine(1);
    const again = world.reorg({ depth: 1, drop: true });
    expect(again).toMatchObject({ gone: [txidOf(apart)], waiting: [], mined: [] });
    expect(world.mempool.entries()).toEqual([]);
  });

  it("drop: true spares what only waited, but for what spent from the removed blocks", () => {
    const { world, coin } = funded();
    const spare = world.fund(key.p2tr);
    const parent = spend(coin);
    world.mempool.accept(parent);
    world.mine(1);
    const child = spend(outputOf(parent, 99_000n));
    const apart = spend(spare);
    world.mempool.accept(child);
    world.mempool.accept(apart);
    expect(world.reorg({ depth: 1, drop: true })).toMatchObject({
      gone: [txidOf(parent), txidOf(child)],
      waiting: [txidOf(apart)],
    });
    expect(world.reorg({ depth: 1, drop: [txidOf(apart)] })).toMatchObject({ gone: [txidOf(apart)], waiting: [] });
  });

  it("mines given transactions first, in place of what conflicts with them", () => {
    const { world, coin } = funded();
    const mined = spend(coin, 5_000n);
    const child = spend(outputOf(mined, 95_000n));
    world.mempool.accept(mined);
    world.mine(1);
    world.mempool.accept(child);
    // It pays less than what it replaces.
    const rival = spend(coin, 1_000n, other.p2tr);
    const next = payment(other, [outputOf(rival, 99_000n, other.p2tr)], [[key.p2tr, 98_000n]]);
    const done = world.reorg({ depth: 1, transactions: [rival, next] });
    expect(done).toMatchObject({ gone: [txidOf(mined), txidOf(child)], waiting: [] });
    expect(world.txidsAt(103)).toEqual([txidOf(rival), txidOf(next)]);
    expect(world.chain.spendOf(`${coin.txid}:${coin.vout}`)).toEqual({ txid: txidOf(rival), vin: 0, height: 103 });
  });

  it("mines with a given transaction what it needs, and one that was mined before again", () => {
    const { world, coin } = funded();
    const parent = spend(coin);
    world.mempool.accept(parent);
    world.mine(1);
    const child = spend(outputOf(parent, 99_000n));
    const first = world.reorg({ depth: 1, transactions: [child] });
    expect(world.txidsAt(103)).toEqual([txidOf(parent), txidOf(child)]);
    expect(first).toMatchObject({ mined: [txidOf(parent)], waiting: [], gone: [] });
    const second = world.reorg({ depth: 2, transactions: [parent] });
    expect(world.txidsAt(103)).toEqual([txidOf(parent)]);
    expect(second).toMatchObject({ mined: [txidOf(parent)], waiting: [txidOf(child)], gone: [] });
  });

  it("changes nothing when a given transaction is refused", () => {
    const { world, coin } = funded();
    const mined = spend(coin);
    world.mempool.accept(mined);
    world.mine(1);
    const child = spend(outputOf(mined, 99_000n));
    world.mempool.accept(child);
    const before = [world.chain.tip.hash, [...world.chain.coins()], world.mempool.entries()];
    const bad = payment(other, [coin], [[key.p2tr, 90_000n]]);
    expect(() => world.reorg({ depth: 1, transactions: [bad] })).toThrow(/refused transaction/);
    expect(() => world.reorg({ depth: 1, transactions: [new Uint8Array(3)] })).toThrow(/TX decode failed/);
    expect([world.chain.tip.hash, [...world.chain.coins()], world.mempool.entries()]).toEqual(before);
    world.mine(1);
    expect(world.txidsAt(104)).toEqual([txidOf(child)]);
  });

  it("remine: puts all of it into the new branch, each as early as it is valid", () => {
    const { world, coin } = funded();
    const first = spend(coin);
    const locked = spend({ ...outputOf(first, 99_000n), sequence: 1 });
    world.mempool.accept(first);
    world.mine(1);
    world.mempool.accept(locked);
    world.mine(1);
    const waits = spend(outputOf(locked, 98_000n));
    world.mempool.accept(waits);
    const txids = [first, locked, waits].map(txidOf);
    expect(world.reorg({ depth: 2, remine: true })).toMatchObject({ mined: txids, waiting: [], gone: [] });
    expect(world.txidsAt(103)).toEqual(txids.slice(0, 1));
    expect(world.txidsAt(104)).toEqual(txids.slice(1));
    // BIP68: one block above a parent that now waits is not open, and a node forgets such a transaction.
    expect(world.reorg({ depth: 3 })).toMatchObject({ mined: [], waiting: txids.slice(0, 1), gone: txids.slice(1) });
  });

  it("remine: waits for the height that a transaction names", () => {
    const { world, coin } = funded();
    world.mine(1);
    const late = payment(key, [coin], [[key.p2tr, 99_000n]], { locktime: 103 });
    world.mempool.accept(late);
    world.mine(1);
    expect(world.reorg({ depth: 2, remine: true }).mined).toEqual([txidOf(late)]);
    expect(world.chain.transaction(txidOf(late))?.height).toBe(104);
  });

  it("gives nothing back that conflicts with what waits", () => {
    const { world, coin } = funded();
    const known = world.mempool.accept(spend(coin));
    world.mempool.clear();
    world.mempool.accept(spend(coin, 2_000n));
    expect(world.mempool.restore(known)).toBe(false);
    expect(world.mempool.entries()).toHaveLength(1);
  });

  it("lets the faucet pay while earlier payments wait", () => {
    const { world, coin } = funded();
    world.mine(20);
    world.reorg({ depth: 21 });
    const paid = world.fund(key.p2tr, 200_000n);
    expect(world.chain.transaction(coin.txid)?.height).toBe(world.chain.height);
    expect(world.chain.transaction(paid.txid)?.height).toBe(world.chain.height);
  });

  it("refuses what it is not told rightly", () => {
    const { world, coin } = funded();
    const raw = spend(coin);
    const tip = world.chain.tip.hash;
    const wrong = [
      {},
      { depth: 0 },
      { depth: world.chain.height + 1 },
      { depth: 1.5 },
      { depth: "1" },
      { depth: 1, blocks: 1 },
      { depth: 1, blocks: 10_001 },
      { depth: 1, drop: "all" },
      { depth: 1, drop: ["ab"] },
      { depth: 1, drop: [txidOf(raw)] },
      { depth: 1, drop: [world.chain.tip.transactions[0]?.txid] },
      { depth: 1, transactions: raw },
      { depth: 1, transactions: ["ab"] },
      { depth: 1, transactions: [raw, spend(coin, 2_000n)] },
      { depth: 1, remine: 1 },
    ];
    for (const options of wrong) expect(() => world.reorg(options), JSON.stringify(options)).toThrow(/expected/);
    expect(world.chain.tip.hash).toBe(tip);
    expect(world.reorg({ depth: 102, blocks: 103 })).toMatchObject({ height: 103, forkHeight: 0 });
  });
});

describe("servers after a reorganisation", () => {
  it("show the new branch and have never heard of the old one", async () => {
    const devnet = await start({ sources: 2 });
    const coin = { ...(await devnet.faucet(key.p2tr, 100_000n)), valueSats: 100_000n, script: key.p2tr };
    const raw = spend(coin);
    const txid = await devnet.submit(raw);
    const url = (path: string): string => `${devnet.sourceUrls[1] ?? ""}${path}`;
    const old = (await ask(url("/block-height/103"))).text;
    const done = await devnet.reorg({ depth: 1, drop: true });
    expect(done).toEqual({
      height: 104,
      forkHeight: 102,
      removedBlocks: [old],
      newBlocks: [(await ask(url("/block-height/103"))).text, (await ask(url("/blocks/tip/hash"))).text],
      mined: [],
      waiting: [],
      gone: [txid],
    });
    for (const path of ["", "/header", "/raw", "/txids", "/txid/0", "/txs"]) {
      expect((await ask(url(`/block/${old}${path}`))).status, path).toBe(404);
    }
    expect((await ask(url(`/block/${old}/status`))).json()).toEqual({
      in_best_chain: false,
      height: null,
      next_best: null,
    });
    for (const path of ["", "/hex", "/raw", "/merkle-proof", "/outspends"]) {
      expect((await ask(url(`/tx/${txid}${path}`))).status, path).toBe(404);
    }
    expect((await ask(url(`/tx/${coin.txid}/outspend/${coin.vout}`))).json()).toEqual({ spent: false });
    const history = `/scripthash/${encodeHex(sha256(key.p2tr))}/txs`;
    expect((await ask(url(history))).json()).toMatchObject([{ txid: coin.txid }]);
    expect((await ask(url(`${history}/chain/${txid}`))).json()).toEqual([]);
    const block = await ask(url(`/block/${done.newBlocks[0] ?? ""}/raw`));
    expect(block.headers.get("content-type")).toBe("application/octet-stream");
    expect(block.bytes.length).toBeGreaterThan(80);
    expect(await devnet.submit(raw)).toBe(txid);
  });

  it("let it wait in every policy of mining", async () => {
    for (const mine of ["on-transaction", "manual"] as const) {
      const devnet = await start({ mine });
      const { txid } = await devnet.faucet(key.p2tr, 100_000n);
      expect((await devnet.reorg({ depth: 1 })).waiting).toEqual([txid]);
      expect((await ask(`${devnet.sourceUrls[0] ?? ""}/mempool/txids`)).json()).toEqual([txid]);
      await devnet.mine(1);
      expect((await ask(`${devnet.sourceUrls[0] ?? ""}/mempool/txids`)).json()).toEqual([]);
    }
  });

  it("take it by HTTP too, from any web page", async () => {
    const devnet = await start();
    const url = `${devnet.sourceUrls[0] ?? ""}/devnet/reorg`;
    const coin = { ...(await devnet.faucet(key.p2tr, 100_000n)), valueSats: 100_000n, script: key.p2tr };
    const txid = await devnet.submit(spend(coin));
    const rival = spend(coin, 2_000n);
    const reply = await post(url, { depth: 1, blocks: 3, transactions: [encodeHex(rival)] });
    expect(reply.status).toBe(200);
    expect(reply.headers.get("access-control-allow-origin")).toBe("*");
    expect(reply.json()).toMatchObject({ height: 105, forkHeight: 102, gone: [txid], waiting: [] });
    expect((await post(url, { depth: 3, drop: [txidOf(rival)], remine: true })).json()).toMatchObject({
      height: 106,
      gone: [txidOf(rival)],
    });
    expect((await ask(url, { method: "OPTIONS" })).status).toBe(204);
    expect((await ask(url)).status).toBe(405);
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [{}, /depth: expected integer from 1 to 106/],
      [{ depth: 107 }, /depth/],
      [{ depth: 1, keep: false }, /members out of depth, blocks, drop, transactions, remine/],
      [{ depth: 1, transactions: "00" }, /transactions: expected array of hex/],
      [{ depth: 1, transactions: ["0"] }, /transactions: expected lower-case hex/],
      [{ depth: 1, transactions: [1] }, /transactions: expected string/],
      [{ depth: 1, transactions: ["00"] }, /TX decode failed/],
      [{ depth: 1, drop: null }, /drop: expected/],
    ];
    for (const [body, message] of wrong) {
      const refused = await post(url, body);
      expect(refused.status, JSON.stringify(body)).toBe(400);
      expect((refused.json() as { error: string }).error).toMatch(message);
    }
    expect(devnet.height()).toBe(106);
  });

  it("freeze: a source stays on the branch that lost, until it is honest again", async () => {
    const devnet = await start({ sources: 2, mine: "manual" });
    const coin = { ...(await devnet.faucet(key.p2tr, 100_000n)), valueSats: 100_000n, script: key.p2tr };
    const raw = spend(coin);
    const txid = await devnet.submit(raw);
    const text = async (source: number, path: string): Promise<string> =>
      (await ask(`${devnet.sourceUrls[source] ?? ""}${path}`)).text;
    const old = await text(1, "/blocks/tip/hash");
    devnet.tamper({ source: 1, how: "freeze" });
    await devnet.reorg({ depth: 1, drop: true });
    devnet.tamper({ source: 1, how: "freeze" });
    expect(await text(1, "/blocks/tip/hash")).toBe(old);
    expect(await text(1, "/blocks/tip/height")).toBe("102");
    expect(await text(1, "/mempool/txids")).toBe(JSON.stringify([txid]));
    expect(await text(1, `/tx/${coin.txid}/hex`)).not.toBe("Transaction not found");
    expect(await text(0, `/tx/${coin.txid}/hex`)).toBe("Transaction not found");
    const { txid: paid } = await devnet.faucet(key.p2tr, 200_000n);
    expect(await text(1, `/tx/${paid}/hex`)).toBe("Transaction not found");
    devnet.tamper({ source: 1, how: "honest" });
    expect(await text(1, "/blocks/tip/hash")).toBe(await text(0, "/blocks/tip/hash"));
  });

  it("lag and hide-after speak of heights of the chain that there is", async () => {
    const devnet = await start({ sources: 2 });
    await devnet.mine(3);
    devnet.tamper({ source: 1, how: "lag:103" });
    const hash = async (source: number, height: number): Promise<string> =>
      (await ask(`${devnet.sourceUrls[source] ?? ""}/block-height/${height}`)).text;
    const before = await hash(1, 103);
    await devnet.reorg({ depth: 2 });
    expect(await hash(1, 103)).not.toBe(before);
    expect(await hash(1, 103)).toBe(await hash(0, 103));
    expect(await hash(1, 104)).toBe("Block not found");
    const { txid } = await devnet.faucet(minerScript, 100_000n);
    devnet.tamper({ source: 1, how: "hide-after:105" });
    await devnet.reorg({ depth: 1, remine: true });
    expect((await ask(`${devnet.sourceUrls[0] ?? ""}/tx/${txid}`)).status).toBe(200);
    expect((await ask(`${devnet.sourceUrls[1] ?? ""}/tx/${txid}`)).status).toBe(404);
  });
});
