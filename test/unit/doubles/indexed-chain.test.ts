import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { type Devnet, startDevnet } from "../../../src/devnet/index.js";
import { SubmitRefused } from "../../doubles/chain-view.js";
import { devnetFeed, partsFeed } from "../../doubles/devnet-feed.js";
import { IndexedChain } from "../../doubles/indexed-chain.js";
import { payment, TestKey } from "../devnet/wallet.js";
import { World } from "../devnet/world.js";

const key = new TestKey("viewed");
const other = new TestKey("other");
const hashOf = (script: Uint8Array): string => createHash("sha256").update(script).digest("hex");

let devnet: Devnet | undefined;
afterEach(() => devnet?.close());

describe("IndexedChain", () => {
  it("shows blocks, transactions, histories, spends and the mempool of a devnet", async () => {
    devnet = await startDevnet({ mine: "manual" });
    const chain = new IndexedChain(devnetFeed(devnet.sourceUrls[0]!));
    const coin = { ...(await devnet.faucet(key.p2tr, 100_000n)), valueSats: 100_000n, script: key.p2tr };
    const raw = payment(key, [coin], [[other.p2wpkh, 99_000n]]);
    const txid = await chain.submit(raw);
    const before = await chain.read();
    expect(before.mempool).toEqual([txid]);
    expect(before.spenderOf(coin.txid, coin.vout)).toEqual({ txid, vin: 0, height: null });
    expect(before.transaction(txid)).toMatchObject({ height: null, position: null, feeSats: 1_000n });
    expect(before.unspentOfHash(hashOf(other.p2wpkh))).toMatchObject([{ txid, vout: 0, height: null }]);

    await devnet.mine(1);
    const after = await chain.read();
    expect(after.tipHeight).toBe(devnet.height());
    expect(after.mempool).toEqual([]);
    expect(after.transaction(txid)).toMatchObject({ height: devnet.height(), position: 1, raw: Uint8Array.from(raw) });
    expect(after.history(key.p2tr).map((tx) => tx.txid)).toEqual([coin.txid, txid]);
    expect(after.blockAt(after.tipHeight)?.txids).toContain(txid);
    expect(after.heightOf(after.blockAt(3)?.hash ?? "")).toBe(3);
    // What was read before stays as it was.
    expect(before.tipHeight).toBe(after.tipHeight - 1);
  });

  it("passes the node's refusal on, with its code", async () => {
    devnet = await startDevnet();
    const chain = new IndexedChain(devnetFeed(devnet.sourceUrls[0]!));
    await expect(chain.submit(new Uint8Array(10))).rejects.toThrow(SubmitRefused);
    await expect(chain.submit(new Uint8Array(10))).rejects.toMatchObject({ code: -22 });
  });

  it("follows a reorganisation, also straight from the devnet's parts", async () => {
    const world = new World();
    const chain = new IndexedChain(partsFeed(world.chain, world.mempool));
    const coin = world.fund(key.p2tr);
    world.mine(2);
    expect((await chain.read()).transaction(coin.txid)?.height).toBe(world.chain.height - 2);
    world.reorg({ depth: 3 });
    const view = await chain.read();
    expect(view.tipHeight).toBe(world.chain.height);
    expect(view.blockAt(view.tipHeight)?.hash).toBe(world.chain.tip.hash);
    expect(view.transaction(coin.txid)?.height).toBe(world.chain.transaction(coin.txid)?.height ?? null);
  });
});
