import { execFile } from "node:child_process";
import { request } from "node:http";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { address, Block } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import { encodeHex } from "../../../src/bytes/hex.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { type Devnet, startDevnet } from "../../../src/devnet/devnet.js";
import type { Tamper } from "../../../src/devnet/tamper.js";
import { ask, post, start } from "./http.js";
import { beacon, payment, type TestCoin, TestKey, txidOf } from "./wallet.js";
import { TestClock } from "./world.js";

const run = promisify(execFile);
const key = new TestKey("devnet");
const hash = encodeHex(sha256(key.p2tr));
const text = async (devnet: Devnet, source: number, path: string): Promise<string> =>
  (await ask(`${devnet.sourceUrls[source] ?? ""}${path}`)).text;
const fund = async (devnet: Devnet, script = key.p2tr): Promise<TestCoin> => ({
  ...(await devnet.faucet(script, 100_000n)),
  valueSats: 100_000n,
  script,
});
const spend = (coin: TestCoin, fee = 1_000n): Uint8Array => payment(key, [coin], [[key.p2tr, coin.valueSats - fee]]);

describe("startDevnet", () => {
  it("has one source and one store by default, and what a reader needs", async () => {
    const devnet = await start();
    expect(devnet.network).toBe("regtest");
    expect(devnet.height()).toBe(101);
    expect(devnet.controlUrl).toBeNull();
    expect([devnet.sourceUrls.length, devnet.storeUrls.length]).toEqual([1, 1]);
    const store = new URL(devnet.storeUrls[0] ?? "");
    expect(store.hostname).toBe("127.0.0.1");
    expect(devnet.readerOptions()).toEqual({
      network: "regtest",
      sourceUrls: devnet.sourceUrls,
      storeUrls: devnet.storeUrls,
      allowHosts: [store.host],
    });
  });

  it("shows one chain through many sources", async () => {
    const devnet = await start({ sources: 3, stores: 2 });
    const raw = spend(await fund(devnet));
    const sent = await ask(`${devnet.sourceUrls[2] ?? ""}/tx`, { method: "POST", body: encodeHex(raw) });
    expect(sent.text).toBe(txidOf(raw));
    for (const source of [0, 1, 2]) {
      expect(await text(devnet, source, `/tx/${txidOf(raw)}/hex`)).toBe(encodeHex(raw));
      expect(await text(devnet, source, "/blocks/tip/height")).toBe("103");
    }
    expect(new Set([...devnet.sourceUrls, ...devnet.storeUrls]).size).toBe(5);
  });

  it("refuses options out of range", async () => {
    const wrong = [
      { sources: 0 },
      { sources: 17 },
      { stores: -1 },
      { port: 70_000 },
      { mine: { intervalMs: 0 } },
      { control: true, host: "0.0.0.0" },
    ];
    for (const options of wrong) {
      await expect(startDevnet(options)).rejects.toMatchObject({ code: "INPUT_INVALID" });
    }
  });

  it("numbers ports from the one that it is given, and says when one is taken", async () => {
    const probe = await start({ stores: 0 });
    const port = Number(new URL(probe.sourceUrls[0] ?? "").port);
    await expect(startDevnet({ port })).rejects.toMatchObject({ code: "INPUT_CONFIG_INVALID" });
    await probe.close();
    const devnet = await start({ port, sources: 2, stores: 1 }).catch(() => null);
    // Another process may have taken one of the next ports meanwhile.
    const ports =
      devnet === null ? [] : [...devnet.sourceUrls, ...devnet.storeUrls].map((url) => Number(new URL(url).port));
    expect(devnet === null || ports.every((one, i) => one === port + i)).toBe(true);
  });

  it("leaves nothing open after close, so that a process ends, whatever was under way", async () => {
    const program = `
      import { startDevnet } from "./src/devnet/devnet.js";
      const devnet = await startDevnet({ sources: 2, stores: 2, mine: { intervalMs: 3600000 } });
      const port = Number(new URL(devnet.sourceUrls[1]).port);
      const taken = await startDevnet({ port: port - 1, sources: 2 }).catch((error) => error.code);
      devnet.tamper({ source: 0, how: "slow:3600000" });
      const slow = fetch(devnet.sourceUrls[0] + "/blocks/tip/height").then(() => "answered", () => "broken off");
      const quick = await (await fetch(devnet.sourceUrls[1] + "/blocks/tip/height")).text();
      await Promise.all([devnet.close(), devnet.close()]);
      console.log(taken, quick, await slow);
    `;
    const root = fileURLToPath(new URL("../../../", import.meta.url));
    const options = { cwd: root, timeout: 50_000 };
    const { stdout } = await run(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], options);
    expect(stdout.trim()).toBe("INPUT_CONFIG_INVALID 101 broken off");
  });

  it("does not wait at close for a client that has not finished its request", async () => {
    const devnet = await startDevnet();
    const { hostname, port } = new URL(devnet.storeUrls[0] ?? "");
    const socket = connect(Number(port), hostname);
    const ended = new Promise((resolve) => socket.on("close", resolve));
    socket.on("error", () => undefined);
    socket.write("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    await ask(devnet.storeUrls[0]);
    await devnet.close();
    await ended;
  });

  it("disposes of itself", async () => {
    const devnet = await startDevnet();
    await devnet[Symbol.asyncDispose]();
    await expect(ask(devnet.sourceUrls[0])).rejects.toThrow();
  });
});

describe("mining", () => {
  it("mines a block for each accepted transaction by default, and none for a refused one", async () => {
    const devnet = await start();
    const coin = await fund(devnet);
    expect(devnet.height()).toBe(102);
    await devnet.submit(spend(coin));
    expect(devnet.height()).toBe(103);
    await expect(devnet.submit(spend(coin))).rejects.toMatchObject({
      code: "CHAIN_BROADCAST_REFUSED",
      details: { attempts: [{ label: "devnet", code: "-27" }] },
    });
    expect(devnet.height()).toBe(103);
  });

  it("mines on demand, all that waits", async () => {
    const devnet = await start({ mine: "manual" });
    const first = await fund(devnet);
    const second = await fund(devnet, key.p2wpkh);
    const txids = [await devnet.submit(spend(first)), await devnet.submit(spend(second))];
    expect(devnet.height()).toBe(103);
    expect(await devnet.mine(2)).toBe(105);
    const mined = JSON.parse(
      await text(devnet, 0, `/block/${await text(devnet, 0, "/block-height/104")}/txids`),
    ) as string[];
    expect(mined.slice(1)).toEqual(txids);
    expect(await devnet.advance(3)).toBe(108);
    await expect(devnet.mine(-1)).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await expect(devnet.mine(10_001)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it("mines at an interval", async () => {
    const clock = new TestClock();
    const devnet = await start({ mine: { intervalMs: 5_000 }, clock });
    await devnet.submit(spend(await fund(devnet)));
    expect(devnet.height()).toBe(102);
    expect(clock.waiting.map(({ ms }) => ms)).toEqual([5_000]);
    clock.waiting[0]?.release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(devnet.height()).toBe(103);
    expect(clock.waiting).toHaveLength(2);
  });

  it("makes blocks at the clock's time", async () => {
    const clock = new TestClock();
    const devnet = await start({ clock });
    clock.ms += 7_200_000;
    await devnet.mine(1);
    const header = await text(devnet, 0, `/block/${await text(devnet, 0, "/blocks/tip/hash")}/header`);
    expect(Block.fromHex(header).timestamp).toBe(clock.ms / 1000);
  });

  it("mines and pays by HTTP, for any web page", async () => {
    const devnet = await start();
    const base = devnet.sourceUrls[0] ?? "";
    const mined = await post(`${base}/devnet/mine`, { blocks: 3 });
    expect([mined.status, mined.json()]).toEqual([200, { height: 104 }]);
    expect(mined.headers.get("access-control-allow-origin")).toBe("*");
    expect((await ask(`${base}/devnet/mine`, { method: "OPTIONS" })).status).toBe(204);
    const bech32 = address.toBech32(key.p2tr.slice(2), 1, "bcrt");
    const paid = (await post(`${base}/devnet/faucet`, { address: bech32, sats: 5_000 })).json() as { txid: string };
    expect(paid).toEqual({ txid: paid.txid, vout: 0, height: 105 });
    await post(`${base}/devnet/faucet`, { script: encodeHex(key.p2tr), sats: 6_000 });
    const coins = JSON.parse(await text(devnet, 0, `/scripthash/${hash}/utxo`)) as { value: number }[];
    expect(coins.map(({ value }) => value)).toEqual([6_000, 5_000]);
  });

  it("pays to every kind of address", async () => {
    const devnet = await start();
    const p2pkh = address.toBase58Check(new Uint8Array(20), 0x6f);
    const p2sh = address.toBase58Check(new Uint8Array(20), 0xc4);
    for (const to of [p2pkh, p2sh, address.toBech32(beacon.slice(2), 0, "bcrt")]) {
      await devnet.faucet(to, 10_000n);
      expect(JSON.parse(await text(devnet, 0, `/address/${to}/utxo`))).toHaveLength(1);
    }
    const mainnet = address.toBech32(key.p2tr.slice(2), 1, "bc");
    const longer = address.toBech32(new Uint8Array(20), 1, "bcrt");
    for (const to of [mainnet, longer, address.toBase58Check(new Uint8Array(20), 0), "nobody", ""]) {
      await expect(devnet.faucet(to, 10_000n)).rejects.toMatchObject({ code: "INPUT_INVALID" });
    }
  });

  it("says by HTTP what is wrong with a request", async () => {
    const devnet = await start({ control: true });
    const base = devnet.sourceUrls[0] ?? "";
    const wrong: [string, unknown, RegExp][] = [
      ["/devnet/mine", { blocks: 0 }, /blocks: expected integer from 1/],
      ["/devnet/mine", {}, /blocks: expected integer/],
      ["/devnet/mine", { blocks: 1, more: 1 }, /members out of blocks/],
      ["/devnet/mine", [], /body: expected a JSON object, got array/],
      ["/devnet/faucet", { sats: 1 }, /exactly one of address and script/],
      ["/devnet/faucet", { address: "a", script: "00", sats: 1 }, /exactly one/],
      ["/devnet/faucet", { address: "a", sats: 1 }, /regtest address/],
      ["/devnet/faucet", { address: 1, sats: 1 }, /address: expected string/],
      ["/devnet/faucet", { script: "0", sats: 1 }, /script: expected lower-case hex/],
      ["/devnet/faucet", { script: encodeHex(key.p2tr), sats: 0 }, /sats: expected integer from 1/],
      ["/devnet/faucet", { script: encodeHex(key.p2tr), sats: 100 }, /refused.*dust/],
      ["/control", { how: "down" }, /exactly one of source and store/],
      ["/control", { source: 0, store: 0, how: "down" }, /exactly one/],
      ["/control", { source: 1, how: "down" }, /source: expected integer from 0 to 0/],
      ["/control", { source: 0, how: "stale" }, /one of honest, down, freeze, hide-after:NUMBER/],
      ["/control", { source: 0, how: "slow" }, /slow:NUMBER/],
      ["/control", { source: 0, how: "down:3" }, /how: expected one of/],
      ["/control", { source: 0, how: "lag:-1" }, /how: expected one of/],
      ["/control", { store: 0, how: "lag:1" }, /one of honest, freeze, stale/],
      ["/control", { store: 0, how: 7 }, /how: expected string/],
    ];
    for (const [path, body, message] of wrong) {
      const reply = await post(`${base}${path}`, body);
      expect([path, body, reply.status]).toEqual([path, body, 400]);
      expect((reply.json() as { error: string }).error).toMatch(message);
    }
    const garbage = await ask(`${base}/devnet/mine`, { method: "POST", body: "{" });
    expect([garbage.status, garbage.text]).toEqual([400, expect.stringMatching(/body: expected a JSON object/)]);
    expect((await ask(`${base}/devnet/mine`)).status).toBe(405);
    expect(devnet.height()).toBe(101);
  });
});

describe("control", () => {
  it("is off by default", async () => {
    const devnet = await start();
    const reply = await post(`${devnet.sourceUrls[0] ?? ""}/control`, { source: 0, how: "down" });
    expect(reply.status).toBe(404);
    expect(await text(devnet, 0, "/blocks/tip/height")).toBe("101");
  });

  it("makes a source and a store misbehave, and behave again though they are down", async () => {
    const devnet = await start({ control: true });
    expect(devnet.controlUrl).toBe(devnet.sourceUrls[0]);
    const control = `${devnet.controlUrl ?? ""}/control`;
    for (const body of [
      { source: 0, how: "down" },
      { store: 0, how: "down" },
    ]) {
      const reply = await post(control, body);
      expect([reply.status, reply.json()]).toEqual([200, body]);
    }
    await expect(text(devnet, 0, "/blocks/tip/height")).rejects.toThrow();
    await expect(ask(devnet.storeUrls[0])).rejects.toThrow();
    await post(control, { source: 0, how: "honest" });
    await post(control, { store: 0, how: "honest" });
    expect(await text(devnet, 0, "/blocks/tip/height")).toBe("101");
    expect((await ask(devnet.storeUrls[0])).status).toBe(404);
  });

  it("is out of reach for web pages: JSON by its type only, no preflight, loopback names only", async () => {
    const devnet = await start({ control: true });
    const control = `${devnet.controlUrl ?? ""}/control`;
    const body = JSON.stringify({ source: 0, how: "down" });
    const simple = await ask(control, { method: "POST", body });
    expect(simple.status).toBe(415);
    const preflight = await ask(control, { method: "OPTIONS", headers: { "content-type": "application/json" } });
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([405, null]);
    const rebound = await statusWithHost(control, body, "evil.example");
    expect(rebound).toBe(403);
    expect(await text(devnet, 0, "/blocks/tip/height")).toBe("101");
    expect(await statusWithHost(control, body, "localhost:1")).toBe(200);
  });
});

/** fetch does not let a caller set Host, so this is a plain request. */
function statusWithHost(url: string, body: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { method: "POST", headers: { host, "content-type": "application/json" } },
      (reply) => {
        reply.resume();
        resolve(reply.statusCode ?? 0);
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

describe("a source that misbehaves", () => {
  it("hide-after: shows all headers and no later transaction, and lies about spends", async () => {
    const devnet = await start({ sources: 2 });
    const coin = await fund(devnet);
    const raw = spend(coin);
    await devnet.submit(raw);
    devnet.tamper({ source: 0, how: "hide-after:102" });
    const both = async (path: string): Promise<unknown[]> => [await text(devnet, 0, path), await text(devnet, 1, path)];
    const tip = await text(devnet, 1, "/blocks/tip/hash");
    for (const path of ["/blocks/tip/height", "/blocks/tip/hash", "/blocks", `/block/${tip}/header`, `/block/${tip}`]) {
      const [lying, honest] = await both(path);
      expect(lying).toBe(honest);
    }
    const outspend = `/tx/${coin.txid}/outspend/0`;
    expect(JSON.parse(await text(devnet, 0, outspend))).toEqual({ spent: false });
    expect(JSON.parse(await text(devnet, 1, outspend))).toMatchObject({ spent: true, txid: txidOf(raw) });
    const txids = async (source: number): Promise<string[]> =>
      (JSON.parse(await text(devnet, source, `/scripthash/${hash}/txs`)) as { txid: string }[]).map(({ txid }) => txid);
    expect(await txids(0)).toEqual([coin.txid]);
    expect(await txids(1)).toEqual([txidOf(raw), coin.txid]);
    expect(JSON.parse(await text(devnet, 0, `/scripthash/${hash}/utxo`))).toMatchObject([{ txid: coin.txid }]);
    const hidden = ["", "/hex", "/raw", "/merkle-proof"].map((path) => `/tx/${txidOf(raw)}${path}`);
    for (const path of [
      ...hidden,
      `/block/${tip}/txids`,
      `/block/${tip}/txid/0`,
      `/block/${tip}/raw`,
      `/block/${tip}/txs`,
    ]) {
      expect((await ask(`${devnet.sourceUrls[0] ?? ""}${path}`)).status).toBe(404);
      expect((await ask(`${devnet.sourceUrls[1] ?? ""}${path}`)).status).toBe(200);
    }
    expect(JSON.parse(await text(devnet, 0, `/tx/${coin.txid}/merkle-proof`))).toMatchObject({ block_height: 102 });
    devnet.tamper({ source: 0, how: "honest" });
    expect(await txids(0)).toEqual([txidOf(raw), coin.txid]);
  });

  it("hide-after: hides the mempool too", async () => {
    const devnet = await start({ sources: 2, mine: "manual" });
    const coin = await fund(devnet);
    const txid = await devnet.submit(spend(coin));
    devnet.tamper({ source: 0, how: "hide-after:102" });
    for (const path of ["/mempool/txids", `/scripthash/${hash}/txs/mempool`]) {
      expect(JSON.parse(await text(devnet, 0, path))).toEqual([]);
      expect(JSON.parse(await text(devnet, 1, path))).toHaveLength(1);
    }
    expect(JSON.parse(await text(devnet, 0, `/tx/${coin.txid}/outspend/0`))).toEqual({ spent: false });
    expect((await ask(`${devnet.sourceUrls[0] ?? ""}/tx/${txid}`)).status).toBe(404);
  });

  it("lag: its chain ends early", async () => {
    const devnet = await start({ sources: 2 });
    const coin = await fund(devnet);
    const raw = spend(coin);
    await devnet.submit(raw);
    devnet.tamper({ source: 0, how: "lag:102" });
    expect(await text(devnet, 0, "/blocks/tip/height")).toBe("102");
    expect(await text(devnet, 0, "/blocks/tip/hash")).toBe(await text(devnet, 1, "/block-height/102"));
    expect((JSON.parse(await text(devnet, 0, "/blocks")) as { height: number }[])[0]?.height).toBe(102);
    const tip = await text(devnet, 1, "/blocks/tip/hash");
    for (const path of ["/block-height/103", `/block/${tip}`, `/block/${tip}/header`, `/tx/${txidOf(raw)}`]) {
      expect((await ask(`${devnet.sourceUrls[0] ?? ""}${path}`)).status).toBe(404);
    }
    expect(JSON.parse(await text(devnet, 0, `/tx/${coin.txid}/outspend/0`))).toEqual({ spent: false });
    await devnet.mine(5);
    expect(await text(devnet, 0, "/blocks/tip/height")).toBe("102");
    devnet.tamper({ source: 0, how: "lag:9999" });
    expect(await text(devnet, 0, "/blocks/tip/height")).toBe("108");
  });

  it("down and slow: one breaks off, one waits for the clock", async () => {
    const clock = new TestClock();
    const devnet = await start({ sources: 3, stores: 1, mine: "manual", clock });
    devnet.tamper({ source: 0, how: "down" });
    devnet.tamper({ source: 1, how: "slow:1500" });
    devnet.tamper({ store: 0, how: "slow:2500" });
    await expect(text(devnet, 0, "/blocks/tip/height")).rejects.toThrow();
    let answered = 0;
    const slow = [text(devnet, 1, "/blocks/tip/height"), ask(devnet.storeUrls[0])].map((one) =>
      one.then(() => answered++),
    );
    expect(await text(devnet, 2, "/blocks/tip/height")).toBe("101");
    while (clock.waiting.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(0);
    expect(clock.waiting.map(({ ms }) => ms).sort((a, b) => a - b)).toEqual([1_500, 2_500]);
    for (const { release } of clock.waiting) release();
    await Promise.all(slow);
    expect(answered).toBe(2);
  });

  it("is told wrong places and ways", async () => {
    const devnet = await start();
    const wrong: unknown[] = [
      { source: 1, how: "down" },
      { source: -1, how: "down" },
      { store: 1, how: "down" },
      { source: 0, how: "forge" },
      { store: 0, how: "hide-after:1" },
      { source: 0, how: "lag:01" },
      { source: 0, how: "lag:1e3" },
      { source: 0, how: "lag:" },
    ];
    for (const what of wrong) {
      expect(() => {
        devnet.tamper(what as Tamper);
      }).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    }
  });
});
