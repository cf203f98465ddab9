import { address, Block, crypto, networks, Transaction } from "bitcoinjs-lib";
import { beforeEach, describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { decodeHex, encodeHex, reversed } from "../../../src/bytes/hex.js";
import { sha256 } from "../../../src/crypto/hash.js";
import type { Devnet } from "../../../src/devnet/devnet.js";
import { ask, type Reply, start } from "./http.js";
import { beacon, beaconWitness, dataScript, payment, type TestCoin, TestKey, txidOf, unsigned } from "./wallet.js";

const key = new TestKey("esplora");
const genesisHash = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";
const hashOf = (script: Uint8Array): string => encodeHex(sha256(script));

let devnet: Devnet;
const get = (path: string): Promise<Reply> => ask(`${devnet.sourceUrls[0] ?? ""}${path}`);
const json = async (path: string): Promise<unknown> => {
  const reply = await get(path);
  expect(reply.status).toBe(200);
  expect(reply.headers.get("content-type")).toBe("application/json");
  return reply.json();
};
const fund = async (script: Uint8Array, valueSats = 100_000n): Promise<TestCoin> => ({
  ...(await devnet.faucet(script, valueSats)),
  valueSats,
  script,
});
const status = async (height: number): Promise<unknown> => {
  const hash = (await get(`/block-height/${height}`)).text;
  const { timestamp } = (await json(`/block/${hash}`)) as { timestamp: number };
  return { confirmed: true, block_height: height, block_hash: hash, block_time: timestamp };
};

beforeEach(async () => {
  devnet = await start({ mine: "manual", stores: 0 });
});

describe("blocks", () => {
  it("tells the tip, in display order, to any web page", async () => {
    const height = await get("/blocks/tip/height");
    expect(height.text).toBe("101");
    expect(height.headers.get("content-type")).toBe("text/plain");
    expect(height.headers.get("access-control-allow-origin")).toBe("*");
    const hash = (await get("/blocks/tip/hash")).text;
    expect((await get("/block-height/101")).text).toBe(hash);
    expect((await get("/block-height/0")).text).toBe(genesisHash);
    const header = (await get(`/block/${hash}/header`)).text;
    expect(header).toHaveLength(160);
    expect(encodeHex(reversed(crypto.hash256(decodeHex(header))))).toBe(hash);
  });

  it("shows a block's fields, from which its header can be built again", async () => {
    const hash = (await get("/blocks/tip/hash")).text;
    const raw = await get(`/block/${hash}/raw`);
    const parsed = Block.fromBuffer(raw.bytes);
    const previous = (await get("/block-height/100")).text;
    const shown = (await json(`/block/${hash}`)) as Record<string, unknown>;
    expect(Object.keys(shown)).toEqual(
      "id height version timestamp tx_count size weight merkle_root previousblockhash mediantime nonce bits difficulty".split(
        " ",
      ),
    );
    expect(shown).toMatchObject({
      id: hash,
      height: 101,
      version: 0x20000000,
      tx_count: 1,
      size: raw.bytes.length,
      weight: parsed.weight(),
      merkle_root: encodeHex(reversed(parsed.merkleRoot ?? new Uint8Array())),
      previousblockhash: previous,
      bits: 0x207fffff,
      nonce: parsed.nonce,
      timestamp: parsed.timestamp,
    });
    expect(shown["difficulty"]).toBeCloseTo(4.656542373906925e-10, 20);
    const rebuilt = new Block();
    rebuilt.version = Number(shown["version"]);
    rebuilt.prevHash = reversed(decodeHex(String(shown["previousblockhash"])));
    rebuilt.merkleRoot = reversed(decodeHex(String(shown["merkle_root"])));
    rebuilt.timestamp = Number(shown["timestamp"]);
    rebuilt.bits = Number(shown["bits"]);
    rebuilt.nonce = Number(shown["nonce"]);
    expect(rebuilt.toHex(true)).toBe((await get(`/block/${hash}/header`)).text);
  });

  it("takes the median time over the block and the ten before it", async () => {
    const blocks = (await json("/blocks")) as { timestamp: number; mediantime: number }[];
    const eleventh = (await json("/blocks/91")) as { timestamp: number }[];
    const times = [...blocks.map(({ timestamp }) => timestamp), eleventh[0]?.timestamp ?? 0].sort((a, b) => a - b);
    expect(blocks[0]?.mediantime).toBe(times[5]);
  });

  it("lists ten blocks newest-down, fewer at genesis", async () => {
    const heights = async (path: string): Promise<number[]> =>
      ((await json(path)) as { height: number }[]).map(({ height }) => height);
    expect(await heights("/blocks")).toEqual([101, 100, 99, 98, 97, 96, 95, 94, 93, 92]);
    expect(await heights("/blocks/3")).toEqual([3, 2, 1, 0]);
    expect((await get("/blocks/102")).status).toBe(404);
    const [genesis] = (await json("/blocks/0")) as Record<string, unknown>[];
    expect(genesis).toMatchObject({ previousblockhash: null, id: genesisHash });
  });

  it("tells a block's transactions and status", async () => {
    const coin = await fund(key.p2tr);
    const hash = (await get("/blocks/tip/hash")).text;
    const txids = (await json(`/block/${hash}/txids`)) as string[];
    expect(txids[1]).toBe(coin.txid);
    const parsed = Block.fromBuffer((await get(`/block/${hash}/raw`)).bytes);
    expect(txids).toEqual(parsed.transactions?.map((tx) => tx.getId()));
    expect((await get(`/block/${hash}/txid/0`)).text).toBe(txids[0]);
    expect((await get(`/block/${hash}/txid/2`)).status).toBe(404);
    const txs = (await json(`/block/${hash}/txs`)) as { txid: string; vin: { is_coinbase: boolean }[] }[];
    expect(txs.map(({ txid }) => txid)).toEqual(txids);
    expect(txs[0]).toMatchObject({ fee: 0, vin: [{ is_coinbase: true, prevout: null, txid: "00".repeat(32) }] });
    expect((await get(`/block/${hash}/txs/25`)).status).toBe(404);
    expect(await json(`/block/${hash}/status`)).toEqual({ in_best_chain: true, height: 102, next_best: null });
  });

  it("answers 404 for what it does not know and 400 for what is no hash", async () => {
    for (const path of ["/block-height/102", `/block/${"ab".repeat(32)}`, "/nothing", "/tx"]) {
      expect((await get(path)).status).toBe(404);
    }
    for (const path of ["/block/xyz", "/tx/12", "/scripthash/AB/txs", "/address/nobody/utxo"]) {
      expect((await get(path)).status).toBe(400);
    }
  });
});

describe("transactions", () => {
  it("shows a mined transaction in full", async () => {
    const coin = await fund(key.p2wpkh);
    const data = dataScript(decodeHex("68777315"));
    const raw = payment(
      key,
      [coin],
      [
        [data, 0n],
        [key.p2tr, 90_000n],
        [beacon, 5_000n],
      ],
    );
    const tx = Transaction.fromBuffer(raw);
    await devnet.submit(raw);
    await devnet.mine(1);
    const txid = txidOf(raw);
    expect(await json(`/tx/${txid}`)).toEqual({
      txid,
      version: 2,
      locktime: 0,
      vin: [
        {
          txid: coin.txid,
          vout: coin.vout,
          prevout: {
            scriptpubkey: encodeHex(key.p2wpkh),
            scriptpubkey_asm: `OP_0 OP_PUSHBYTES_20 ${encodeHex(key.p2wpkh.slice(2))}`,
            scriptpubkey_type: "v0_p2wpkh",
            scriptpubkey_address: address.toBech32(key.p2wpkh.slice(2), 0, "bcrt"),
            value: 100_000,
          },
          scriptsig: "",
          scriptsig_asm: "",
          witness: tx.ins[0]?.witness.map(encodeHex),
          is_coinbase: false,
          sequence: 0xfffffffd,
        },
      ],
      vout: [
        {
          scriptpubkey: encodeHex(data),
          scriptpubkey_asm: "OP_RETURN OP_PUSHBYTES_4 68777315",
          scriptpubkey_type: "op_return",
          value: 0,
        },
        {
          scriptpubkey: encodeHex(key.p2tr),
          scriptpubkey_asm: `OP_PUSHNUM_1 OP_PUSHBYTES_32 ${encodeHex(key.p2tr.slice(2))}`,
          scriptpubkey_type: "v1_p2tr",
          scriptpubkey_address: address.toBech32(key.p2tr.slice(2), 1, "bcrt"),
          value: 90_000,
        },
        {
          scriptpubkey: encodeHex(beacon),
          scriptpubkey_asm: `OP_0 OP_PUSHBYTES_32 ${encodeHex(beacon.slice(2))}`,
          scriptpubkey_type: "v0_p2wsh",
          scriptpubkey_address: address.toBech32(beacon.slice(2), 0, "bcrt"),
          value: 5_000,
        },
      ],
      size: raw.length,
      weight: tx.weight(),
      fee: 5_000,
      status: await status(103),
    });
    expect((await get(`/tx/${txid}/hex`)).text).toBe(encodeHex(raw));
    expect((await get(`/tx/${txid}/raw`)).bytes).toEqual(raw);
    expect(await json(`/tx/${txid}/status`)).toEqual(await status(103));
  });

  it("shows the script of a beacon's sweep", async () => {
    const coin = { ...(await fund(beacon)), sequence: 10 };
    await devnet.mine(9);
    const tx = unsigned([coin], [[key.p2tr, 90_000n]]);
    tx.setWitness(0, [beaconWitness]);
    await devnet.submit(tx.toBuffer());
    expect(await json(`/tx/${tx.getId()}`)).toMatchObject({
      status: { confirmed: false },
      vin: [
        {
          inner_witnessscript_asm: `OP_PUSHBYTES_32 ${encodeHex(beaconWitness.slice(1, 33))} OP_DROP OP_PUSHNUM_10 OP_CSV`,
        },
      ],
    });
  });

  it("tells where it is in its block, by a branch that folds to the header's root", async () => {
    for (const count of [1, 2, 4, 7]) {
      const coins: TestCoin[] = [];
      for (let i = 0; i < count; i++) coins.push(await fund(key.p2tr));
      const raws = coins.map((coin) => payment(key, [coin], [[key.p2tr, 99_000n]]));
      for (const raw of raws) await devnet.submit(raw);
      const height = await devnet.mine(1);
      const hash = (await get(`/block-height/${height}`)).text;
      const header = decodeHex((await get(`/block/${hash}/header`)).text);
      const coinbase = (await get(`/block/${hash}/txid/0`)).text;
      for (const [i, txid] of [coinbase, ...raws.map(txidOf)].entries()) {
        const proof = (await json(`/tx/${txid}/merkle-proof`)) as { merkle: string[]; pos: number };
        expect(proof).toEqual({ block_height: height, merkle: proof.merkle, pos: i });
        let node = reversed(decodeHex(txid));
        proof.merkle.forEach((sibling, level) => {
          const other = reversed(decodeHex(sibling));
          node = crypto.hash256((proof.pos >> level) % 2 === 1 ? concatBytes(other, node) : concatBytes(node, other));
        });
        expect(encodeHex(node)).toBe(encodeHex(header.slice(36, 68)));
      }
    }
  });

  it("answers for what is unconfirmed or unknown as the real servers do", async () => {
    const raw = payment(key, [await fund(key.p2tr)], [[key.p2tr, 99_000n]]);
    await devnet.submit(raw);
    const proof = await get(`/tx/${txidOf(raw)}/merkle-proof`);
    expect([proof.status, proof.text]).toEqual([404, "Transaction not found or is unconfirmed"]);
    expect(await json(`/tx/${txidOf(raw)}/status`)).toEqual({ confirmed: false });
    const unknown = "ab".repeat(32);
    expect(await json(`/tx/${unknown}/status`)).toEqual({ confirmed: false });
    expect(await json(`/tx/${unknown}/outspend/0`)).toEqual({ spent: false });
    for (const path of ["", "/hex", "/raw", "/outspends", "/merkle-proof"]) {
      expect((await get(`/tx/${unknown}${path}`)).status).toBe(404);
    }
  });

  it("tells what spends an output, in the mempool and in a block", async () => {
    const coin = await fund(key.p2tr);
    const path = `/tx/${coin.txid}/outspend/${coin.vout}`;
    expect(await json(path)).toEqual({ spent: false });
    const raw = payment(key, [coin], [[key.p2tr, 99_000n]]);
    await devnet.submit(raw);
    expect(await json(path)).toEqual({ spent: true, txid: txidOf(raw), vin: 0, status: { confirmed: false } });
    await devnet.mine(1);
    const spent = { spent: true, txid: txidOf(raw), vin: 0, status: await status(103) };
    expect(await json(path)).toEqual(spent);
    expect(await json(`/tx/${coin.txid}/outspends`)).toEqual([spent, { spent: false }]);
  });

  it("takes a raw transaction as text, or answers 400 with the node's error", async () => {
    const coin = await fund(key.p2tr);
    const raw = payment(key, [coin], [[key.p2tr, 99_000n]]);
    const send = (body: string): Promise<Reply> => ask(`${devnet.sourceUrls[0] ?? ""}/tx`, { method: "POST", body });
    const sent = await send(encodeHex(raw));
    expect([sent.status, sent.text]).toEqual([200, txidOf(raw)]);
    expect(sent.headers.get("access-control-allow-origin")).toBe("*");
    expect((await send(encodeHex(raw))).text).toBe(txidOf(raw));
    const poor = await send(encodeHex(payment(key, [await fund(key.p2tr)], [[key.p2tr, 100_000n]])));
    expect(poor.status).toBe(400);
    expect(poor.headers.get("access-control-allow-origin")).toBe("*");
    expect(poor.text).toMatch(
      /^sendrawtransaction RPC error: \{"code":-26,"message":"min relay fee not met, 0 < \d+"\}$/,
    );
    expect((await send("zz")).text).toMatch(/"code":-22,"message":"TX decode failed/);
  });
});

describe("scripts", () => {
  it("lists the mempool first, then blocks newest first, 25 a page", async () => {
    const hash = hashOf(beacon);
    const confirmed: string[][] = [];
    for (const count of [20, 10]) {
      const txids: string[] = [];
      const coin = await fund(key.p2tr, 1_000_000n);
      const outputs = Array.from({ length: count }, () => [key.p2tr, 10_000n] as const);
      const fan = payment(key, [coin], outputs);
      await devnet.submit(fan);
      await devnet.mine(1);
      for (let vout = 0; vout < count; vout++) {
        const part = { txid: txidOf(fan), vout, valueSats: 10_000n, script: key.p2tr };
        txids.push(await devnet.submit(payment(key, [part], [[beacon, 9_000n]])));
      }
      await devnet.mine(1);
      confirmed.push(txids.sort().reverse());
    }
    const pending = await devnet.submit(
      payment(
        key,
        [await fund(key.p2tr)],
        [
          [beacon, 9_000n],
          [key.p2tr, 80_000n],
        ],
      ),
    );
    const txids = async (path: string): Promise<string[]> =>
      ((await json(path)) as { txid: string }[]).map(({ txid }) => txid);
    const expected = [...(confirmed[1] ?? []), ...(confirmed[0] ?? [])];
    // The faucet mined the pending one's coin; the pending one itself waits.
    expect(await txids(`/scripthash/${hash}/txs`)).toEqual([pending, ...expected.slice(0, 25)]);
    expect(await txids(`/scripthash/${hash}/txs/chain/${expected[24] ?? ""}`)).toEqual(expected.slice(25));
    expect(await txids(`/scripthash/${hash}/txs/chain/${expected[29] ?? ""}`)).toEqual([]);
    expect(await txids(`/scripthash/${hash}/txs/chain/${"ab".repeat(32)}`)).toEqual([]);
    expect(await txids(`/scripthash/${hash}/txs/chain`)).toEqual(expected.slice(0, 25));
    expect(await txids(`/scripthash/${hash}/txs/mempool`)).toEqual([pending]);
    const bech32 = address.toBech32(beacon.slice(2), 0, networks.regtest.bech32);
    expect(await txids(`/address/${bech32}/txs`)).toEqual([pending, ...expected.slice(0, 25)]);
    expect(await json(`/scripthash/${hash}`)).toEqual({
      scripthash: hash,
      chain_stats: {
        funded_txo_count: 30,
        funded_txo_sum: 270_000,
        spent_txo_count: 0,
        spent_txo_sum: 0,
        tx_count: 30,
      },
      mempool_stats: { funded_txo_count: 1, funded_txo_sum: 9_000, spent_txo_count: 0, spent_txo_sum: 0, tx_count: 1 },
    });
  });

  it("does not index OP_RETURN outputs, as stock servers do not", async () => {
    const data = dataScript(decodeHex("68777315"));
    await devnet.submit(
      payment(
        key,
        [await fund(key.p2tr)],
        [
          [data, 0n],
          [key.p2tr, 90_000n],
        ],
      ),
    );
    await devnet.mine(1);
    expect(await json(`/scripthash/${hashOf(data)}/txs`)).toEqual([]);
  });

  it("lists unspent outputs, the mempool's too, and spends in histories", async () => {
    const coin = await fund(key.p2tr);
    const path = `/scripthash/${hashOf(key.p2tr)}/utxo`;
    expect(await json(path)).toEqual([{ txid: coin.txid, vout: 0, status: await status(102), value: 100_000 }]);
    const raw = payment(
      key,
      [coin],
      [
        [key.p2wpkh, 60_000n],
        [key.p2tr, 30_000n],
      ],
    );
    await devnet.submit(raw);
    expect(await json(path)).toEqual([{ txid: txidOf(raw), vout: 1, status: { confirmed: false }, value: 30_000 }]);
    const history = (await json(`/scripthash/${hashOf(key.p2tr)}/txs`)) as { txid: string }[];
    expect(history.map(({ txid }) => txid)).toEqual([txidOf(raw), coin.txid]);
    await devnet.mine(1);
    const bech32 = address.toBech32(key.p2wpkh.slice(2), 0, "bcrt");
    expect(await json(`/address/${bech32}/utxo`)).toEqual([
      { txid: txidOf(raw), vout: 0, status: await status(103), value: 60_000 },
    ]);
    expect(await json(`/address/${bech32}`)).toMatchObject({ address: bech32, chain_stats: { tx_count: 1 } });
  });

  it("refuses to list more than 500 unspent outputs", async () => {
    const outputs = Array.from({ length: 501 }, () => [beacon, 330n] as const);
    const txid = await devnet.submit(payment(key, [await fund(key.p2tr, 1_000_000n)], outputs));
    expect(txid).toHaveLength(64);
    expect((await get(`/scripthash/${hashOf(beacon)}/utxo`)).status).toBe(400);
  });
});

describe("the rest", () => {
  it("tells the mempool and fee rates", async () => {
    const raw = payment(key, [await fund(key.p2tr)], [[key.p2tr, 99_000n]]);
    await devnet.submit(raw);
    const vsize = Transaction.fromBuffer(raw).virtualSize();
    expect(await json("/mempool/txids")).toEqual([txidOf(raw)]);
    expect(await json("/mempool")).toEqual({
      count: 1,
      vsize,
      total_fee: 1_000,
      fee_histogram: [[1_000 / vsize, vsize]],
    });
    const fees = (await json("/fee-estimates")) as Record<string, number>;
    expect(Object.keys(fees)).toHaveLength(28);
    expect(fees).toMatchObject({ "1": 2.5, "6": 2.5, "25": 1.5, "144": 1.2, "1008": 1 });
  });

  it("answers a preflight", async () => {
    const reply = await ask(`${devnet.sourceUrls[0] ?? ""}/tx`, { method: "OPTIONS" });
    expect([reply.status, reply.headers.get("access-control-allow-methods")]).toEqual([204, "GET, POST"]);
  });
});
