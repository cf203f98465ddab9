import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { HEADER_BYTES } from "../../../../src/chain/header.js";
import { merkleRoot } from "../../../../src/chain/merkle.js";
import { type ElectrumSource, electrum } from "../../../../src/chain/sources/electrum.js";
import { ElectrumError, type ElectrumProtocol } from "../../../doubles/electrum-methods.js";
import { type ElectrumDouble, SILENCE } from "../../../doubles/electrum-server.js";
import { payment, type TestCoin, type TestKey } from "../../devnet/wallet.js";
import { expectCode } from "../../storage/expect-code.js";
import { ElectrumWorld } from "./electrum-world.js";

const UNKNOWN_TXID = "ab".repeat(32);

const world = new ElectrumWorld();
let key: TestKey;
let other: TestKey;
let double: ElectrumDouble;
let source: ElectrumSource;
beforeEach(() => {
  [key, other] = [world.key(), world.key()];
});
afterEach(async () => {
  await world.close();
  world.chain.mine(1);
});

async function start(protocol: ElectrumProtocol = "1.6", options: { spendIndex?: boolean } = {}): Promise<void> {
  double = await world.double({ protocol, ...options });
  source = world.source(double);
}

/** Answers one method otherwise. */
const answer = (method: string, result: unknown): void => {
  double.misbehave = (request, honest) => {
    if (request.method !== method) return honest();
    if (result instanceof Error) throw result;
    return result;
  };
};
const fund = (): TestCoin => world.chain.fund(key.p2tr);
const spend = (coin: TestCoin, to: Uint8Array = other.p2wpkh): Uint8Array =>
  payment(key, [coin], [[to, coin.valueSats - 1_000n]]);
const mined = (raw: Uint8Array): string => {
  const { txid } = world.chain.mempool.accept(raw);
  world.chain.mine(1);
  return txid;
};
const height = (): number => world.chain.chain.height;

describe.each<ElectrumProtocol>(["1.4", "1.6", "1.7"])("electrum, protocol %s", (protocol) => {
  beforeEach(() => start(protocol));

  it("agrees on the version first, in one connection for all calls at once", async () => {
    await Promise.all([source.tip(), source.feeRate(2), source.unspent(key.p2tr)]);
    expect(double.seen[0]).toMatchObject({ method: "server.version", params: ["hawser", ["1.4", "1.7"]] });
    expect(double.methods().filter((method) => method === "server.version")).toHaveLength(1);
    expect(double.connections).toBe(1);
  });

  it("tells the tip and headers", async () => {
    const { chain } = world.chain;
    const tip = await source.tip();
    expect(tip).toEqual({ height: chain.height, hash: chain.tip.hash, recentHeaders: chain.tip.header });
    const headers = await source.headers(5, 3);
    expect(headers).toHaveLength(3 * HEADER_BYTES);
    expect(encodeHex(headers.subarray(HEADER_BYTES, 2 * HEADER_BYTES))).toBe(encodeHex(chain.blockAt(6)!.header));
    expect(await source.headers(chain.height, 10)).toHaveLength(HEADER_BYTES);
    await expectCode("NETWORK_ANSWER_INVALID", source.headers(chain.height + 1, 1));
  });

  it("tells histories, mempool included, and what is unspent", async () => {
    const coin = fund();
    const at = height();
    expect(await source.history(key.p2tr)).toEqual([{ txid: coin.txid, height: at }]);
    const { txid } = world.chain.mempool.accept(spend(coin));
    expect(await source.history(key.p2tr)).toEqual([
      { txid: coin.txid, height: at },
      { txid, height: null },
    ]);
    expect(await source.unspent(key.p2tr)).toEqual([]);
    expect(await source.unspent(other.p2wpkh)).toEqual([{ txid, vout: 0, valueSats: 99_000n, height: null }]);
    // A child of a transaction in the mempool has height -1 there.
    const child = payment(
      other,
      [{ txid, vout: 0, valueSats: 99_000n, script: other.p2wpkh }],
      [[key.p2wpkh, 98_000n]],
    );
    const next = world.chain.mempool.accept(child).txid;
    expect(await source.history(key.p2wpkh)).toEqual([{ txid: next, height: null }]);
    expect(await source.history(world.key().p2tr)).toEqual([]);
  });

  it("V8: of a history before a transaction, only what is not above it", async () => {
    const coin = fund();
    const at = height();
    mined(spend(coin, key.p2tr));
    world.chain.mempool.accept(payment(key, [fund()], [[key.p2tr, 5_000n]]));
    const before = { txid: coin.txid, height: at };
    expect(await source.history(key.p2tr, { before })).toEqual([{ txid: coin.txid, height: at }]);
    await expectCode("NETWORK_ANSWER_INVALID", source.history(key.p2tr, { before: { ...before, height: at - 1 } }));
    await expectCode(
      "NETWORK_ANSWER_INVALID",
      source.history(key.p2tr, { before: { txid: UNKNOWN_TXID, height: at } }),
    );
  });

  it("sends raw transactions, and null for one that it does not know", async () => {
    const { txid, raw } = world.chain.chain.blockAt(3)!.transactions[0]!;
    expect(await source.transaction(txid)).toEqual(Uint8Array.from(raw));
    expect(await source.transaction(UNKNOWN_TXID)).toBeNull();
    answer("blockchain.transaction.get", new ElectrumError(2, "daemon error: the node is warming up"));
    await expectCode("NETWORK_STATUS", source.transaction(UNKNOWN_TXID));
  });

  it("proves where a transaction is, in internal byte order", async () => {
    const txid = mined(spend(fund()));
    const claim = await source.inclusion(txid, height());
    const { transactions, header } = world.chain.chain.tip;
    expect(claim).toMatchObject({ height: height(), position: transactions.findIndex((tx) => tx.txid === txid) });
    expect(claim?.branch).toHaveLength(1);
    expect(encodeHex(merkleRoot(transactions.map((tx) => tx.txid)))).toBe(encodeHex(header.slice(36, 68)));
    expect(await source.coinbaseTxid(height())).toBe(transactions[0]?.txid);
  });

  it("finds a transaction whose height is not known, or another", async () => {
    const txid = mined(spend(fund()));
    const at = height();
    expect((await source.inclusion(txid, 0))?.height).toBe(at);
    expect((await source.inclusion(txid, at - 1))?.height).toBe(at);
    expect((await source.inclusion(txid, at + 99))?.height).toBe(at);
    expect(await source.inclusion(UNKNOWN_TXID, at)).toBeNull();
    const pending = world.chain.mempool.accept(spend(fund())).txid;
    expect(await source.inclusion(pending, 0)).toBeNull();
    // One that pays nobody is found by what it spends.
    const nobody = mined(payment(key, [fund()], [[Uint8Array.of(0x6a, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 0n]]));
    expect((await source.inclusion(nobody, 0))?.height).toBe(height());
  });

  it("tells what spends an output", async () => {
    const coin = fund();
    expect(await source.outspend(coin, coin.script)).toEqual({ spent: false });
    const { txid } = world.chain.mempool.accept(spend(coin));
    expect(await source.outspend(coin, coin.script)).toEqual({ spent: true, txid, height: null });
    world.chain.mine(1);
    expect(await source.outspend(coin, coin.script)).toEqual({ spent: true, txid, height: height() });
  });

  it("V5: an output that it does not know is no unspent one", async () => {
    fund();
    await expectCode("NETWORK_ANSWER_INVALID", source.outspend({ txid: UNKNOWN_TXID, vout: 0 }, key.p2tr));
  });

  it("V5: a history that is too large is a failure", async () => {
    const coin = fund();
    const kind = protocol === "1.7" ? "scriptpubkey" : "scripthash";
    answer(`blockchain.${kind}.get_history`, new ElectrumError(-32600, "history too large"));
    const error = await expectCode("NETWORK_STATUS", source.history(coin.script));
    expect(error.details).toMatchObject({ status: -32600, reason: "history too large" });
  });

  it("gives fee rates in sat/vB, and fails without an estimate", async () => {
    expect(await source.feeRate(3)).toBe(2.5);
    expect(await source.feeRate(20)).toBe(1.5);
    const asked = double.seen.find(({ method }) => method === "blockchain.estimatefee")?.params;
    expect(asked).toEqual(protocol === "1.4" ? [3] : [3, "CONSERVATIVE"]);
    answer("blockchain.estimatefee", 0.00000123);
    expect(await source.feeRate(3)).toBe(0.123);
    for (const wrong of [-1, 0, "1", null]) {
      answer("blockchain.estimatefee", wrong);
      await expectCode("NETWORK_ANSWER_INVALID", source.feeRate(3));
    }
  });

  it("broadcasts, also what is there already, and tells why not", async () => {
    const coin = fund();
    const raw = spend(coin);
    await source.broadcast(raw);
    expect(world.chain.mempool.entries()).toHaveLength(1);
    await source.broadcast(raw);
    world.chain.mine(1);
    await source.broadcast(raw);
    const twice = payment(key, [coin], [[other.p2tr, 90_000n]]);
    const error = await expectCode("CHAIN_BROADCAST_REFUSED", source.broadcast(twice));
    expect(error.details.attempts[0]?.message).toMatch(
      /^the transaction was rejected by network rules. bad-txns-inputs/,
    );
    expect(error.message).not.toContain(encodeHex(twice).slice(0, 64));
    answer("blockchain.transaction.broadcast", UNKNOWN_TXID);
    await expectCode("NETWORK_ANSWER_INVALID", source.broadcast(raw));
    // Whether these took it is not known.
    answer("blockchain.transaction.broadcast", new ElectrumError(-101, "excessive resource usage"));
    await expectCode("NETWORK_STATUS", source.broadcast(twice));
    answer("blockchain.transaction.broadcast", new ElectrumError(-32603, "internal server error"));
    await expectCode("NETWORK_STATUS", source.broadcast(twice));
  });
});

describe("electrum, what spends an output by its script's history", () => {
  beforeEach(() => start("1.6"));

  it("learns a whole thread from one history", async () => {
    const coins = [fund()];
    const at: number[] = [];
    for (let i = 0; i < 12; i++) {
      const last = coins.at(-1)!;
      const txid = mined(spend(last, key.p2tr));
      at.push(height());
      coins.push({ txid, vout: 0, valueSats: last.valueSats - 1_000n, script: key.p2tr });
    }
    for (const [i, coin] of coins.slice(0, -1).entries()) {
      expect(await source.outspend(coin, coin.script)).toEqual({
        spent: true,
        txid: coins[i + 1]?.txid,
        height: at[i],
      });
    }
    expect(await source.outspend(coins.at(-1)!, key.p2tr)).toEqual({ spent: false });
    const asked = double.methods();
    expect(asked.filter((method) => method.endsWith("get_history")).length).toBeLessThanOrEqual(3);
    expect(asked.filter((method) => method.endsWith("transaction.get"))).toHaveLength(12);
    // And the bytes are there for the proof.
    await source.transaction(coins[1]!.txid);
    expect(double.methods().filter((method) => method.endsWith("transaction.get"))).toHaveLength(12);
  });

  it("asks again for what was in the mempool, which may have been replaced", async () => {
    const coin = fund();
    world.chain.mempool.accept(spend(coin));
    await source.outspend(coin, coin.script);
    const raised = payment(key, [coin], [[other.p2wpkh, coin.valueSats - 9_000n]]);
    const { txid } = world.chain.mempool.accept(raised);
    expect(await source.outspend(coin, coin.script)).toEqual({ spent: true, txid, height: null });
  });

  it("V5: what is neither unspent nor spent in the history is no answer", async () => {
    const coin = fund();
    const txid = mined(spend(coin));
    answer("blockchain.scripthash.get_history", [{ tx_hash: coin.txid, height: height() - 1 }]);
    await expectCode("NETWORK_ANSWER_INVALID", source.outspend(coin, coin.script));
    answer("blockchain.scripthash.get_history", [{ tx_hash: txid, height: height() }]);
    await expectCode("NETWORK_ANSWER_INVALID", source.outspend(coin, coin.script));
    answer("blockchain.scripthash.get_history", new ElectrumError(1, "history too large"));
    await expectCode("NETWORK_STATUS", source.outspend(coin, coin.script));
    answer("blockchain.scripthash.listunspent", new ElectrumError(1, "history too large"));
    await expectCode("NETWORK_STATUS", source.outspend(coin, coin.script));
    answer("blockchain.transaction.get", new ElectrumError(2, "'code': -5"));
    await expectCode("NETWORK_ANSWER_INVALID", source.outspend(coin, coin.script));
    // Other bytes than those asked for could hide the spend.
    answer("blockchain.transaction.get", encodeHex(world.chain.chain.blockAt(1)!.transactions[0]!.raw));
    await expectCode("NETWORK_ANSWER_INVALID", source.outspend(coin, coin.script));
    answer("blockchain.transaction.get", "00");
    await expectCode("NETWORK_ANSWER_INVALID", source.outspend(coin, coin.script));
    double.misbehave = null;
    expect(await source.outspend(coin, coin.script)).toMatchObject({ spent: true, txid });
  });

  it("V8: more than 2,000 later transactions are no answer", async () => {
    const coin = fund();
    mined(spend(coin));
    const later = Array.from({ length: 2_001 }, (_, i) => ({ tx_hash: i.toString(16).padStart(64, "0"), height: 999 }));
    answer("blockchain.scripthash.get_history", [{ tx_hash: coin.txid, height: height() - 1 }, ...later]);
    await expectCode("NETWORK_TIME_LIMIT", source.outspend(coin, coin.script));
  });
});

describe("electrum, protocol 1.7", () => {
  it("falls back to the script where the node has no index of spends, and remembers that", async () => {
    await start("1.7", { spendIndex: false });
    const coin = fund();
    const txid = mined(spend(coin));
    expect(await source.outspend(coin, coin.script)).toMatchObject({ spent: true, txid });
    expect(await source.outspend({ txid, vout: 0 }, other.p2wpkh)).toEqual({ spent: false });
    expect(double.methods().filter((method) => method.endsWith("get_status"))).toHaveLength(1);
  });

  it("asks for an output's status alone where the node has one", async () => {
    await start("1.7");
    const coin = fund();
    await source.outspend(coin, coin.script);
    expect(double.methods()).toEqual(["server.version", "blockchain.outpoint.get_status"]);
    answer("blockchain.outpoint.get_status", { funder_height: 5, spender_height: 6 });
    await expectCode("NETWORK_ANSWER_INVALID", source.outspend(coin, coin.script));
  });
});

describe("electrum, wrong answers", () => {
  beforeEach(() => start("1.6"));

  it.each<[string, string, unknown, () => Promise<unknown>]>([
    ["a tip without a header", "blockchain.headers.subscribe", { height: 5 }, () => source.tip()],
    [
      "a tip with a giant header",
      "blockchain.headers.subscribe",
      { height: 5, hex: "00".repeat(9_000) },
      () => source.tip(),
    ],
    [
      "a tip at a height that is none",
      "blockchain.headers.subscribe",
      { height: -1, hex: "00".repeat(80) },
      () => source.tip(),
    ],
    [
      "more headers than it counts",
      "blockchain.block.headers",
      { count: 1, max: 2016, headers: ["00".repeat(80), "00".repeat(80)] },
      () => source.headers(1, 2),
    ],
    [
      "more headers than were asked for",
      "blockchain.block.headers",
      { count: 2, max: 2016, headers: ["00".repeat(80), "00".repeat(80)] },
      () => source.headers(1, 1),
    ],
    ["no headers", "blockchain.block.headers", { count: 0, max: 2016, headers: [] }, () => source.headers(1, 1)],
    [
      "headers of another size",
      "blockchain.block.headers",
      { count: 1, max: 2016, headers: ["00".repeat(81)] },
      () => source.headers(1, 1),
    ],
    [
      "a maximum of none",
      "blockchain.block.headers",
      { count: 1, max: 0, headers: ["00".repeat(80)] },
      () => source.headers(1, 1),
    ],
    ["a history that is no list", "blockchain.scripthash.get_history", {}, () => source.history(key.p2tr)],
    ["a history of null", "blockchain.scripthash.get_history", null, () => source.history(key.p2tr)],
    [
      "a txid that is none",
      "blockchain.scripthash.get_history",
      [{ tx_hash: "AB".repeat(32), height: 1 }],
      () => source.history(key.p2tr),
    ],
    [
      "a height that is none",
      "blockchain.scripthash.get_history",
      [{ tx_hash: UNKNOWN_TXID, height: 1.5 }],
      () => source.history(key.p2tr),
    ],
    [
      "a height below -1",
      "blockchain.scripthash.get_history",
      [{ tx_hash: UNKNOWN_TXID, height: -2 }],
      () => source.history(key.p2tr),
    ],
    [
      "an amount that is none",
      "blockchain.scripthash.listunspent",
      [{ tx_hash: UNKNOWN_TXID, tx_pos: 0, height: 1, value: -1 }],
      () => source.unspent(key.p2tr),
    ],
    ["a transaction that is not hex", "blockchain.transaction.get", "zz", () => source.transaction(UNKNOWN_TXID)],
    ["an empty transaction", "blockchain.transaction.get", "", () => source.transaction(UNKNOWN_TXID)],
    [
      "a proof for another block",
      "blockchain.transaction.get_merkle",
      { block_height: 8, merkle: [], pos: 0 },
      () => source.inclusion(UNKNOWN_TXID, 7),
    ],
    [
      "a proof with 31 levels",
      "blockchain.transaction.get_merkle",
      { block_height: 7, merkle: new Array(31).fill(UNKNOWN_TXID), pos: 0 },
      () => source.inclusion(UNKNOWN_TXID, 7),
    ],
    [
      "a coinbase that is none",
      "blockchain.transaction.id_from_pos",
      { tx_hash: UNKNOWN_TXID },
      () => source.coinbaseTxid(7),
    ],
  ])("%s", async (_, method, result, call) => {
    answer(method, result);
    await expectCode("NETWORK_ANSWER_INVALID", call);
    // A wrong result says nothing about the connection.
    expect(double.connections).toBe(1);
  });

  it("V5: a transaction that is left out of its script's history is not called unmined", async () => {
    const txid = mined(spend(fund()));
    answer("blockchain.scripthash.get_history", []);
    await expectCode("NETWORK_ANSWER_INVALID", source.inclusion(txid, 0));
    answer("blockchain.transaction.get_merkle", new ElectrumError(1, "not now"));
    await expectCode("NETWORK_STATUS", source.inclusion(txid, height()));
    // A proof that was refused is not asked for again at the same height.
    const proofs = (): number => double.methods().filter((method) => method.endsWith("get_merkle")).length;
    const before = proofs();
    await expectCode("NETWORK_STATUS", source.inclusion(txid, height()));
    expect(proofs()).toBe(before + 1);
    answer("blockchain.transaction.get_merkle", new ElectrumError(-102, "server busy"));
    await expectCode("NETWORK_STATUS", source.inclusion(txid, height()));
  });

  it("looks for a height in the next script where one is flooded", async () => {
    const txid = mined(
      payment(
        key,
        [fund()],
        [
          [key.p2wpkh, 1_000n],
          [other.p2wpkh, 90_000n],
        ],
      ),
    );
    let asked = 0;
    double.misbehave = (request, honest) => {
      if (request.method === "blockchain.scripthash.get_history" && asked++ === 0) {
        throw new ElectrumError(1, "history too large");
      }
      return honest();
    };
    expect((await source.inclusion(txid, 0))?.height).toBe(height());
    expect(asked).toBe(2);
  });

  it("shows a server's words cut short and in plain characters", async () => {
    answer("blockchain.estimatefee", new ElectrumError(7, `bad\u0000\n\u001b[31m${"x".repeat(5_000)}`));
    const error = await expectCode("NETWORK_STATUS", source.feeRate(1));
    expect(error.details.reason).toMatch(/^bad \[31mx+$/);
    expect(error.details.reason.length).toBeLessThanOrEqual(300);
  });

  it("reads the words of a server that gives no code", async () => {
    double.misbehave = (request, honest, peer) => {
      if (request.method !== "blockchain.estimatefee") return honest();
      peer.send(JSON.stringify({ jsonrpc: "2.0", id: request.id, error: "too popular" }));
      return SILENCE;
    };
    const error = await expectCode("NETWORK_STATUS", source.feeRate(1));
    expect(error.details).toMatchObject({ status: 0, reason: "too popular" });
  });
});

describe("electrum, its arguments", () => {
  it("are checked before anything is asked", async () => {
    await start();
    const wrong: (() => Promise<unknown>)[] = [
      () => source.headers(-1, 1),
      () => source.headers(0, 0),
      () => source.history("00" as unknown as Uint8Array),
      () => source.history(key.p2tr, { before: { txid: "x", height: 1 } }),
      () => source.history(key.p2tr, { before: { txid: UNKNOWN_TXID, height: -1 } }),
      () => source.transaction("x"),
      () => source.inclusion("x", 1),
      () => source.inclusion(UNKNOWN_TXID, -1),
      () => source.coinbaseTxid(-1),
      () => source.outspend({ txid: "x", vout: 0 }, key.p2tr),
      () => source.outspend({ txid: UNKNOWN_TXID, vout: -1 }, key.p2tr),
      () => source.outspend({ txid: UNKNOWN_TXID, vout: 0 }, "00" as unknown as Uint8Array),
      () => source.unspent("00" as unknown as Uint8Array),
      () => source.feeRate(0),
      () => source.watch(["00" as unknown as Uint8Array], () => undefined),
    ];
    for (const call of wrong) await expectCode("INPUT_INVALID", call);
    await expectCode("CHAIN_TRANSACTION_INVALID", source.broadcast(new Uint8Array(3)));
    expect(double.connections).toBe(0);
  });

  it("name it", () => {
    expect(electrum("tcp://a.example:50001").label).toBe("a.example:50001");
    expect(electrum("wss://a.example/electrum/").label).toBe("a.example/electrum");
    expect(electrum("tcp://a.example:50001", { label: "mine" }).label).toBe("mine");
  });
});
