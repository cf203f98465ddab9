import { createHash } from "node:crypto";
import { Transaction as BitcoinTransaction } from "bitcoinjs-lib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { concatBytes } from "../../../../src/bytes/bytes.js";
import { decodeHex, encodeHex } from "../../../../src/bytes/hex.js";
import { parseHeader } from "../../../../src/chain/header.js";
import { merkleRoot } from "../../../../src/chain/merkle.js";
import { esplora } from "../../../../src/chain/sources/esplora.js";
import { parseTransaction, type Transaction } from "../../../../src/chain/transaction.js";
import type { ChainSource, HistoryEntry } from "../../../../src/ports.js";
import { HastyClock } from "../../hasty-clock.js";
import { expectCode } from "../../storage/expect-code.js";
import { reply, serve, type TestServer } from "../../storage/serve.js";
import { GENESIS_TIME_SEC, mineHeader } from "../mining.js";
import { coinbase, payment } from "../transactions.js";

const TXID = "aa".repeat(32);
const OTHER = "bb".repeat(32);
const SCRIPT = decodeHex(`0014${"11".repeat(20)}`);
const SCRIPT_HASH = createHash("sha256").update(SCRIPT).digest("hex");
// The coinbase of mainnet's genesis block.
const GENESIS_TX =
  "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000";
const GENESIS_TXID = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";

let answers: Record<string, [status: number, body: string | Uint8Array]>;
let server: TestServer;
let source: ChainSource;
beforeEach(async () => {
  answers = {};
  server = await serve(({ method, path }, response) => {
    const [status, body] = answers[`${method} ${path}`] ?? [404, "not found"];
    reply(response, status, body);
  });
  source = esplora(`${server.url}/api`, { clock: new HastyClock() });
});
afterEach(() => server.close());

const get = (path: string, body: unknown, status = 200): void => {
  answers[`GET /api/${path}`] = [status, typeof body === "string" ? body : JSON.stringify(body)];
};
const entry = (txid: string, height: number | null): unknown => ({
  txid,
  version: 2,
  vin: [],
  status:
    height === null
      ? { confirmed: false }
      : { confirmed: true, block_height: height, block_hash: OTHER, block_time: 1_700_000_000 },
});
const id = (number: number): string => number.toString(16).padStart(64, "0");

describe("esplora", () => {
  it("is named after its server, never with credentials", async () => {
    expect(source.label).toBe(`${server.host}/api`);
    expect(esplora("https://a.example/", { label: "mine" }).label).toBe("mine");
    expect(esplora("https://a.example/testnet4/api/").label).toBe("a.example/testnet4/api");
    const error = await expectCode("INPUT_URL_INVALID", () => esplora("https://user:marker-secret@a.example/api"));
    expect(JSON.stringify(error)).not.toContain("marker-secret");
  });

  it("asks with plain requests that need no CORS preflight", async () => {
    get("fee-estimates", { "1": 2 });
    await source.feeRate(1);
    const [request] = server.seen;
    expect(
      Object.keys(request?.headers ?? {}).filter((name) =>
        /^(?:authorization|cookie|referer|origin|content-type|x-)/.test(name),
      ),
    ).toEqual([]);
  });

  it("sends the caller's headers, and only to its own origin", async () => {
    const other = await serve((_, response) => {
      reply(response, 200, '{"1":2}');
    });
    const leading = await serve((_, response) => {
      reply(response, 302, "", { location: `${other.url}/fee-estimates` });
    });
    const keyed = esplora(leading.url, { headers: { authorization: "marker-secret" } });
    const error = await expectCode("NETWORK_HOST_REFUSED", () => keyed.feeRate(1));
    expect(JSON.stringify(error)).not.toContain("marker-secret");
    expect(leading.seen[0]?.headers.authorization).toBe("marker-secret");
    expect(other.seen).toEqual([]);
    await other.close();
    await leading.close();
  });

  describe("history", () => {
    const first = `scripthash/${SCRIPT_HASH}/txs`;
    const after = (txid: string): string => `${first}/chain/${txid}`;

    it("of an unused script is empty, in one request", async () => {
      get(first, []);
      expect(await source.history(SCRIPT)).toEqual([]);
      expect(server.seen).toHaveLength(1);
    });

    it("holds mempool and chain, without duplicates, over all pages to the empty one", async () => {
      get(first, [entry(id(1), null), entry(id(2), null), entry(id(3), 103), entry(id(4), 102)]);
      get(after(id(4)), [entry(id(4), 102), entry(id(2), 101), entry(id(5), 5)]);
      get(after(id(5)), [entry(id(6), 0)]);
      get(after(id(6)), []);
      expect(await source.history(SCRIPT)).toEqual([
        { txid: id(1), height: null },
        { txid: id(2), height: 101 },
        { txid: id(3), height: 103 },
        { txid: id(4), height: 102 },
        { txid: id(5), height: 5 },
        { txid: id(6), height: 0 },
      ]);
    });

    it("V5: fails when any page fails", async () => {
      get(first, [entry(id(1), 100)]);
      get(after(id(1)), "Too many history entries", 500);
      await expectCode("NETWORK_STATUS", () => source.history(SCRIPT));
      get(after(id(1)), "not found", 404);
      await expectCode("NETWORK_STATUS", () => source.history(SCRIPT));
    });

    it("V5: more than 2,000 entries are no answer", async () => {
      const page = (start: number, count: number): unknown[] =>
        Array.from({ length: count }, (_, index) => entry(id(start + index), 100));
      get(first, page(1, 1_000));
      get(after(id(1_000)), page(1_001, 1_000));
      get(after(id(2_000)), []);
      get(`tx/${id(2_000)}/merkle-proof`, { block_height: 100, merkle: [], pos: 0 });
      expect(await source.history(SCRIPT)).toHaveLength(2_000);
      get(after(id(2_000)), page(2_001, 1));
      await expectCode("NETWORK_TIME_LIMIT", () => source.history(SCRIPT));
    });

    it("V5: fifty in the mempool do not hide what is mined, as servers of mempool/electrs list them", async () => {
      get(
        first,
        Array.from({ length: 50 }, (_, i) => entry(id(100 + i), null)),
      );
      get(`${first}/chain`, [entry(id(1), 103), entry(id(2), 102)]);
      get(after(id(2)), [entry(id(3), 5)]);
      get(after(id(3)), []);
      const entries = await source.history(SCRIPT);
      expect(entries.filter(({ height }) => height !== null).map(({ txid }) => txid)).toEqual([id(1), id(2), id(3)]);
      expect(entries).toHaveLength(53);
      // A mempool page alone proves nothing: without the second one there is no answer.
      get(`${first}/chain`, "gone", 404);
      await expectCode("NETWORK_STATUS", () => source.history(SCRIPT));
    });

    it("V5: where a reorganisation takes the last one of a full page there is no answer", async () => {
      const page = Array.from({ length: 25 }, (_, i) => entry(id(i + 1), 100 - i));
      get(first, page);
      get(after(id(25)), []);
      await expectCode("NETWORK_ANSWER_INVALID", () => source.history(SCRIPT));
      get(`tx/${id(25)}/merkle-proof`, { block_height: 76, merkle: [], pos: 0 });
      expect(await source.history(SCRIPT)).toHaveLength(25);
      // A page that is not full was the last one in any case.
      get(first, page.slice(0, 9));
      get(after(id(9)), []);
      expect(await source.history(SCRIPT)).toHaveLength(9);
    });

    it("holds what a block brings between two pages once, with its place", async () => {
      get(first, [entry(id(1), null), entry(id(2), 101)]);
      get(after(id(2)), [entry(id(1), 102), entry(id(2), 101), entry(id(3), 100)]);
      get(after(id(3)), []);
      expect(await source.history(SCRIPT)).toEqual([
        { txid: id(1), height: 102 },
        { txid: id(2), height: 101 },
        { txid: id(3), height: 100 },
      ]);
    });

    it("V8: a server that repeats a page does not keep the reader paging", async () => {
      get(first, [entry(id(1), 100)]);
      get(after(id(1)), [entry(id(1), 100)]);
      await expectCode("NETWORK_ANSWER_INVALID", () => source.history(SCRIPT));
      expect(server.seen).toHaveLength(2);
    });

    it.each<[string, unknown]>([
      ["no list", {}],
      ["a list with nulls", [null]],
      ["an error that it calls a success", { error: "try again" }],
      ["no txid", [{ status: { confirmed: false } }]],
      ["an upper-case txid", [entry("AA".repeat(32), 5)]],
      ["a path for a txid", [entry(`../${"a".repeat(61)}`, 5)]],
      ["no status", [{ txid: TXID }]],
      ["confirmed without a height", [{ txid: TXID, status: { confirmed: true } }]],
      ["a negative height", [entry(TXID, -1)]],
      ["a height that is no integer", [entry(TXID, 1.5)]],
      ["a height beyond any block", [entry(TXID, 2 ** 40)]],
    ])("refuses %s", async (_, body) => {
      get(first, body);
      await expectCode("NETWORK_ANSWER_INVALID", () => source.history(SCRIPT));
    });
  });

  describe("history before a transaction", () => {
    const first = `scripthash/${SCRIPT_HASH}/txs`;
    const after = (txid: string): string => `${first}/chain/${txid}`;
    const pays = (mark: number): Transaction => {
      const tx = new BitcoinTransaction();
      tx.addInput(new Uint8Array(32).fill(mark), mark);
      tx.addOutput(SCRIPT, 330n);
      return parseTransaction(tx.toBuffer());
    };
    const [mark, beside] = [pays(1), pays(2)];
    const before = { txid: mark.txid, height: 50 };
    const ask = (): Promise<readonly HistoryEntry[]> => source.history(SCRIPT, { before });
    const newer = Array.from({ length: 25 }, (_, i) => entry(id(100 + i), 60));
    const paths = (): string[] => server.seen.map(({ path }) => path.replace("/api/", ""));

    /** The block at height 50, and the hash that the server gives for that height. */
    const block = (txs: readonly Transaction[], headed = txs, hash?: string): void => {
      const header = mineHeader({
        previousHash: OTHER,
        timeSec: GENESIS_TIME_SEC,
        merkleRoot: merkleRoot(headed.map(({ txid }) => txid)),
      });
      const at = hash ?? parseHeader(header).hash;
      get("block-height/50", at);
      answers[`GET /api/block/${at}/raw`] = [
        200,
        concatBytes(header, Uint8Array.of(txs.length), ...txs.map(({ raw }) => raw)),
      ];
    };

    it("V8: goes on from it at once, and takes the rest of its block from the block itself", async () => {
      get(first, newer);
      get(after(mark.txid), [entry(id(1), 49)]);
      get(after(id(1)), []);
      // Servers sort a block by txid, so what is earlier in the block may be listed before the mark.
      block([coinbase(50), beside, mark, payment(7)]);
      expect(await ask()).toEqual([
        { txid: id(1), height: 49 },
        { txid: beside.txid, height: 50 },
        { txid: mark.txid, height: 50 },
      ]);
      expect(paths().filter((path) => path.startsWith("block"))).toHaveLength(2);
    });

    it("V8: reads all of a short history instead, without the block", async () => {
      get(first, [entry(id(9), null), entry(id(8), 60), entry(mark.txid, 50), entry(id(1), 49)]);
      get(after(id(1)), []);
      expect((await ask()).map(({ txid }) => txid)).toEqual([id(9), id(8), mark.txid, id(1)]);
      expect(paths()).toEqual([first, after(id(1))]);
    });

    it("V5: a mempool's word of it is no place", async () => {
      get(first, [entry(mark.txid, null), ...newer]);
      get(after(id(124)), []);
      get(after(mark.txid), []);
      await expectCode("NETWORK_STATUS", ask);
    });

    it("V5: a script without confirmed transactions has no older ones either, on that server's chain", async () => {
      get(first, []);
      expect(await ask()).toEqual([]);
      get(first, [entry(mark.txid, null)]);
      get(`${first}/chain`, []);
      expect(await ask()).toEqual([{ txid: mark.txid, height: null }]);
      expect(paths()).toEqual([first, first, `${first}/chain`]);
    });

    it("V8: goes on from it also where the newest entries are refused", async () => {
      get(first, "Too many history entries", 400);
      get(after(mark.txid), []);
      block([coinbase(50), mark]);
      expect(await ask()).toEqual([{ txid: mark.txid, height: 50 }]);
      answers[`GET /api/${first}`] = [200, "nonsense"];
      await expectCode("NETWORK_ANSWER_INVALID", ask);
    });

    it("V5: a server that has it not in that block lists nothing below it, and has not answered", async () => {
      get(first, newer);
      get(after(mark.txid), []);
      block([coinbase(50), beside]);
      await expectCode("NETWORK_ANSWER_INVALID", ask);
      get("block-height/50", "Block not found", 404);
      await expectCode("NETWORK_STATUS", ask);
    });

    it("V5: so has one where it does not pay the script", async () => {
      get(first, newer);
      const other = payment(3);
      get(after(other.txid), []);
      block([coinbase(50), other]);
      const strange = { txid: other.txid, height: 50 };
      await expectCode("NETWORK_ANSWER_INVALID", () => source.history(SCRIPT, { before: strange }));
    });

    it("V8: a block that is cut, or another one, is no answer", async () => {
      get(first, newer);
      get(after(mark.txid), []);
      block([coinbase(50), mark], [coinbase(50), beside, mark]);
      await expectCode("NETWORK_ANSWER_INVALID", ask);
      block([coinbase(50), mark], undefined, OTHER);
      await expectCode("NETWORK_ANSWER_INVALID", ask);
      block([coinbase(50), mark]);
      expect(await ask()).toHaveLength(1);
    });

    it("V5: a page or block that fails, or too many entries, are no answer", async () => {
      get(first, newer);
      get(after(mark.txid), "busy", 503);
      block([coinbase(50), mark]);
      await expectCode("NETWORK_STATUS", ask);
      const older = (start: number): unknown[] => Array.from({ length: 1_000 }, (_, i) => entry(id(start + i), 40));
      get(after(mark.txid), older(1_000));
      get(after(id(1_999)), older(2_000));
      get(after(id(2_999)), []);
      get(`tx/${id(2_999)}/merkle-proof`, { block_height: 40, merkle: [], pos: 0 });
      // With the mark itself there is one too many.
      await expectCode("NETWORK_TIME_LIMIT", ask);
      get(after(id(1_999)), older(2_000).slice(1));
      expect(await ask()).toHaveLength(2_000);
    });

    it("V8: a block may have 4,000,000 bytes and no more", async () => {
      get(first, newer);
      get(after(mark.txid), []);
      get("block-height/50", OTHER);
      answers[`GET /api/block/${OTHER}/raw`] = [200, new Uint8Array(4_000_000)];
      await expectCode("NETWORK_ANSWER_INVALID", ask);
      answers[`GET /api/block/${OTHER}/raw`] = [200, new Uint8Array(4_000_001)];
      await expectCode("NETWORK_TOO_LARGE", ask);
    });

    it("refuses what is no place before asking", async () => {
      for (const wrong of [
        { ...before, txid: `../${"a".repeat(61)}` },
        { ...before, height: -1 },
      ]) {
        await expectCode("INPUT_INVALID", () => source.history(SCRIPT, { before: wrong }));
      }
      expect(server.seen).toEqual([]);
    });
  });

  describe("transaction", () => {
    it("is the raw bytes, or null when the server does not know it", async () => {
      answers[`GET /api/tx/${TXID}/raw`] = [200, new Uint8Array([2, 0, 0, 0, 255])];
      expect(await source.transaction(TXID)).toEqual(new Uint8Array([2, 0, 0, 0, 255]));
      expect(await source.transaction(OTHER)).toBeNull();
    });

    it("may be as large as a block and no larger", async () => {
      answers[`GET /api/tx/${TXID}/raw`] = [200, new Uint8Array(4_000_000)];
      expect((await source.transaction(TXID))?.length).toBe(4_000_000);
      answers[`GET /api/tx/${TXID}/raw`] = [200, new Uint8Array(4_000_001)];
      await expectCode("NETWORK_TOO_LARGE", () => source.transaction(TXID));
    });

    it.each(["", "aa", `${"aa".repeat(31)}a/`, "AA".repeat(32), `../${"a".repeat(61)}`])(
      "refuses the txid %j before asking",
      async (txid) => {
        await expectCode("INPUT_INVALID", () => source.transaction(txid));
        await expectCode("INPUT_INVALID", () => source.inclusion(txid, 5));
        await expectCode("INPUT_INVALID", () => source.outspend({ txid, vout: 0 }, SCRIPT));
        expect(server.seen).toEqual([]);
      },
    );
  });

  describe("inclusion", () => {
    const path = `tx/${TXID}/merkle-proof`;
    it("turns the branch into internal order", async () => {
      get(path, { block_height: 7, merkle: [`01${"00".repeat(31)}`, `${"00".repeat(31)}02`], pos: 3 });
      const claim = await source.inclusion(TXID, 7);
      expect(claim).toMatchObject({ height: 7, position: 3 });
      expect(claim?.branch.map(encodeHex)).toEqual([`${"00".repeat(31)}01`, `02${"00".repeat(31)}`]);
    });
    it("is null when the server sees it in no block", async () => {
      expect(await source.inclusion(TXID, 7)).toBeNull();
    });
    it.each<[string, unknown]>([
      ["31 levels", { block_height: 7, merkle: new Array(31).fill(TXID), pos: 0 }],
      ["a short hash", { block_height: 7, merkle: ["aa"], pos: 0 }],
      ["no position", { block_height: 7, merkle: [] }],
      ["a negative position", { block_height: 7, merkle: [], pos: -1 }],
      ["a position beyond 32 bits", { block_height: 7, merkle: [], pos: 2 ** 32 }],
      ["null", null],
    ])("refuses %s", async (_, body) => {
      get(path, body);
      await expectCode("NETWORK_ANSWER_INVALID", () => source.inclusion(TXID, 7));
    });
  });

  describe("coinbaseTxid", () => {
    it("asks for the block at the height, then for its first transaction", async () => {
      get("block-height/7", OTHER);
      get(`block/${OTHER}/txid/0`, `${TXID}\n`);
      expect(await source.coinbaseTxid(7)).toBe(TXID);
    });
    it("fails where the server has no such block, or answers nonsense", async () => {
      await expectCode("NETWORK_STATUS", () => source.coinbaseTxid(7));
      get("block-height/7", "../../etc");
      await expectCode("NETWORK_ANSWER_INVALID", () => source.coinbaseTxid(7));
      get("block-height/7", OTHER);
      get(`block/${OTHER}/txid/0`, "<html>");
      await expectCode("NETWORK_ANSWER_INVALID", () => source.coinbaseTxid(7));
      await expectCode("INPUT_INVALID", () => source.coinbaseTxid(-1));
    });
  });

  describe("outspend", () => {
    const path = `tx/${TXID}/outspend/1`;
    const outspend = (): Promise<unknown> => source.outspend({ txid: TXID, vout: 1 }, SCRIPT);
    it("tells unspent, spent in a block and spent in the mempool apart", async () => {
      get(path, { spent: false });
      expect(await outspend()).toEqual({ spent: false });
      get(path, { spent: true, txid: OTHER, vin: 0, status: { confirmed: true, block_height: 9 } });
      expect(await outspend()).toEqual({ spent: true, txid: OTHER, height: 9 });
      get(path, { spent: true, txid: OTHER, vin: 0, status: { confirmed: false, block_height: null } });
      expect(await outspend()).toEqual({ spent: true, txid: OTHER, height: null });
    });
    it("V5: not knowing the transaction is no answer, above all not unspent", async () => {
      await expectCode("NETWORK_STATUS", outspend);
    });
    it.each<[string, unknown]>([
      ["spent by nobody", { spent: true }],
      ["spent without a status", { spent: true, txid: OTHER }],
      ["spent by what is no txid", { spent: true, txid: "x", status: { confirmed: false } }],
      ["neither", {}],
      ["a word", { spent: "false" }],
      ["a list", []],
    ])("refuses %s", async (_, body) => {
      get(path, body);
      await expectCode("NETWORK_ANSWER_INVALID", outspend);
    });
    it("refuses what is no output number", async () => {
      await expectCode("INPUT_INVALID", () => source.outspend({ txid: TXID, vout: -1 }, SCRIPT));
    });
  });

  it("unspent outputs have values in satoshis", async () => {
    const path = `scripthash/${SCRIPT_HASH}/utxo`;
    get(path, [
      { txid: TXID, vout: 0, status: { confirmed: true, block_height: 3 }, value: 2_100_000_000_000_000 },
      { txid: OTHER, vout: 1, status: { confirmed: false }, value: 0 },
    ]);
    expect(await source.unspent(SCRIPT)).toEqual([
      { txid: TXID, vout: 0, valueSats: 2_100_000_000_000_000n, height: 3 },
      { txid: OTHER, vout: 1, valueSats: 0n, height: null },
    ]);
    for (const value of [-1, 0.5, 2 ** 53, "1"]) {
      get(path, [{ txid: TXID, vout: 0, status: { confirmed: false }, value }]);
      await expectCode("NETWORK_ANSWER_INVALID", () => source.unspent(SCRIPT));
    }
  });

  describe("feeRate", () => {
    it("of a server without estimates is one of those that mempool/mempool recommends", async () => {
      get("v1/fees/recommended", { fastestFee: 9, halfHourFee: 5, hourFee: 2.5, economyFee: 1, minimumFee: 1 });
      expect(await Promise.all([1, 2, 3, 5, 6, 1_000].map((target) => source.feeRate(target)))).toEqual([
        9, 9, 5, 5, 2.5, 2.5,
      ]);
      for (const body of [{}, { fastestFee: 0 }, { fastestFee: "9" }, []]) {
        get("v1/fees/recommended", body);
        await expectCode("NETWORK_ANSWER_INVALID", () => source.feeRate(1));
      }
      get("v1/fees/recommended", "none", 404);
      await expectCode("NETWORK_STATUS", () => source.feeRate(1));
    });

    it("takes the smallest target that is not sooner than asked, else the latest", async () => {
      get("fee-estimates", { "144": 1.5, "2": 30.25, "1008": 1, "6": 12 });
      expect(await source.feeRate(1)).toBe(30.25);
      expect(await source.feeRate(2)).toBe(30.25);
      expect(await source.feeRate(3)).toBe(12);
      expect(await source.feeRate(7)).toBe(1.5);
      expect(await source.feeRate(2_000)).toBe(1);
      await expectCode("INPUT_INVALID", () => source.feeRate(0));
    });
    it("ignores what is no estimate, and fails when nothing is left", async () => {
      get("fee-estimates", { "1": 0, "2": -5, x: 7, "-3": 7, "4": 9 });
      expect(await source.feeRate(1)).toBe(9);
      for (const body of [{}, { "1": 0 }, { "1": "5" }, { "1": null }, [], [0, 9], 5, '{"1":1e999}']) {
        get("fee-estimates", body);
        await expectCode("NETWORK_ANSWER_INVALID", () => source.feeRate(1));
      }
    });
  });

  describe("broadcast", () => {
    const raw = decodeHex(GENESIS_TX);
    const post = (status: number, body: string): void => {
      answers["POST /api/tx"] = [status, body];
    };
    it("sends hex as plain text and takes the txid for success", async () => {
      post(200, GENESIS_TXID);
      await source.broadcast(raw);
      expect(server.seen[0]?.body.toString()).toBe(GENESIS_TX);
      expect(server.seen[0]?.headers["content-type"]).toBe("text/plain");
    });
    it.each([
      'sendrawtransaction RPC error: {"code":-27,"message":"Transaction already in block chain"}',
      'sendrawtransaction RPC error: {"code":-27,"message":"Transaction outputs already in utxo set"}',
      "sendrawtransaction RPC error -26: txn-already-in-mempool",
      'sendrawtransaction RPC error: {"code":-26,"message":"txn-already-known"}',
    ])("takes %j for success", async (reason) => {
      post(400, reason);
      await source.broadcast(raw);
    });
    it.each([
      'sendrawtransaction RPC error: {"code":-26,"message":"min relay fee not met, 100 < 191"}',
      'sendrawtransaction RPC error: {"code":-26,"message":"txn-mempool-conflict"}',
      'sendrawtransaction RPC error: {"code":-25,"message":"bad-txns-inputs-missingorspent"}',
      "",
    ])("refuses with the node's reason %j", async (reason) => {
      post(400, reason);
      const error = await expectCode("CHAIN_BROADCAST_REFUSED", () => source.broadcast(raw));
      expect(error.details.txid).toBe(GENESIS_TXID);
      expect(error.details.attempts).toMatchObject([
        { label: source.label, message: reason === "" ? "no reason given" : reason },
      ]);
    });
    it("shows a long or odd reason only in part", async () => {
      post(400, `\u001b[31m${"x".repeat(5_000)}`);
      const error = await expectCode("CHAIN_BROADCAST_REFUSED", () => source.broadcast(raw));
      expect(error.message.length).toBeLessThan(500);
      expect(error.message).not.toContain("\u001b");
    });
    it("leaves it unknown for other answers", async () => {
      for (const status of [404, 413, 429, 500, 503]) {
        post(status, "txn-already-known");
        await expectCode("NETWORK_STATUS", () => source.broadcast(raw));
      }
      post(200, OTHER);
      await expectCode("NETWORK_ANSWER_INVALID", () => source.broadcast(raw));
      post(200, "ok");
      await expectCode("NETWORK_ANSWER_INVALID", () => source.broadcast(raw));
    });
    it("refuses what is no transaction before sending", async () => {
      await expectCode("CHAIN_TRANSACTION_INVALID", () => source.broadcast(new Uint8Array(10)));
      expect(server.seen).toEqual([]);
    });
  });

  describe("bad answers to any question", () => {
    it.each([429, 500, 502, 503, 301, 204, 403])("status %i is no answer", async (status) => {
      get("fee-estimates", { "1": 1 }, status);
      const error = await expectCode("NETWORK_STATUS", () => source.feeRate(1));
      expect(error.details.status).toBe(status);
    });
    it.each(["", "<html>", "{", "undefined", '{"1":1}x', "\ufeff[]", "null"])("refuses the text %j", async (body) => {
      get("fee-estimates", body);
      await expectCode("NETWORK_ANSWER_INVALID", () => source.feeRate(1));
    });
    it("refuses invalid UTF-8 and endless nesting", async () => {
      answers["GET /api/fee-estimates"] = [200, new Uint8Array([0x7b, 0xff, 0x7d])];
      await expectCode("NETWORK_ANSWER_INVALID", () => source.feeRate(1));
      get("fee-estimates", "[".repeat(1_000_000));
      await expectCode("NETWORK_ANSWER_INVALID", () => source.feeRate(1));
    });
    it("stops at 4 MiB", async () => {
      get("fee-estimates", `{"1":1${" ".repeat(4 * 1024 * 1024)}}`);
      await expectCode("NETWORK_TOO_LARGE", () => source.feeRate(1));
    });
    it("tells an unreachable server and an abort apart", async () => {
      const gone = await serve(() => undefined);
      await gone.close();
      await expectCode("NETWORK_UNREACHABLE", () => esplora(gone.url).feeRate(1));
      const controller = new AbortController();
      const silent = await serve(() => {
        controller.abort();
      });
      await expectCode("NETWORK_ABORTED", () => esplora(silent.url).feeRate(1, { signal: controller.signal }));
      await expectCode("NETWORK_ABORTED", () => esplora(silent.url).tip({ signal: controller.signal }));
      await silent.close();
    });
  });
});
