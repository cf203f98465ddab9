import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { ChainLog } from "../../../src/devnet/chain-log.js";
import { type Devnet, startDevnet } from "../../../src/devnet/devnet.js";
import { isHawserError } from "../../../src/errors.js";
import { ask, start } from "./http.js";
import { payment, type TestCoin, TestKey } from "./wallet.js";

const key = new TestKey("data-dir");
let root: string;
let directories = 0;
let directory: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "hawser-data-"));
});
beforeEach(() => {
  directory = join(root, String(directories++));
});
afterAll(() => rm(root, { recursive: true }));

const chainFile = (): string => join(directory, "chain.log");
const spend = (coin: TestCoin, feeSats = 1_000n): Uint8Array =>
  payment(key, [coin], [[key.p2tr, coin.valueSats - feeSats]]);
const fund = async (devnet: Devnet): Promise<TestCoin> => ({
  ...(await devnet.faucet(key.p2tr, 100_000n)),
  valueSats: 100_000n,
  script: key.p2tr,
});
const text = async (devnet: Devnet, path: string): Promise<string> =>
  (await ask(`${devnet.sourceUrls[0] ?? ""}${path}`)).text;
const tipOf = async (devnet: Devnet): Promise<string> => text(devnet, "/blocks/tip/hash");
const stateOf = async (devnet: Devnet): Promise<readonly string[]> => [
  await tipOf(devnet),
  await text(devnet, "/mempool/txids"),
];

/** Every file below a directory with its content, but for locks. */
async function contentOf(path: string): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(path, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile() && !entry.parentPath.endsWith("lock"));
  const paths = files.map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (file) => [file, (await readFile(file)).toString("hex")] as const)));
}

async function refused(expected: RegExp, options = {}): Promise<void> {
  const error: unknown = await startDevnet({ dataDir: directory, ...options }).catch((thrown: unknown) => thrown);
  if (!isHawserError(error, "INPUT_FILE_UNUSABLE")) throw error;
  expect(error.message).toMatch(expected);
  expect(error.details.path).toContain(directory);
}

describe("a devnet with a data directory", () => {
  it("goes on where it was: chain, mempool, stores, servers and ports", async () => {
    const first = await start({ dataDir: directory, sources: 2, stores: 3, mine: "manual" });
    const coin = await fund(first);
    await first.mine(3);
    const parent = spend(coin);
    const txid = await first.submit(parent);
    const child = await first.submit(spend({ ...coin, txid, vout: 0, valueSats: 99_000n }));
    const store = first.storeUrls[1] ?? "";
    const put = (body: string, type: string): Promise<unknown> =>
      ask(`${store}/any/Thing ü.txt`, { method: "PUT", headers: { "content-type": type }, body });
    await put("one", "text/a");
    await put("two", "text/b");
    await ask(`${store}/gone`, { method: "PUT", body: "x" });
    await ask(`${store}/gone`, { method: "DELETE" });
    const state = await stateOf(first);
    const { etag } = Object.fromEntries((await ask(`${store}/any/Thing ü.txt`)).headers);
    await first.close();

    const second = await start({ dataDir: directory, mine: "manual" });
    expect(second.notices).toEqual([]);
    expect([second.sourceUrls, second.storeUrls]).toEqual([first.sourceUrls, first.storeUrls]);
    expect(await stateOf(second)).toEqual(state);
    expect(state[1]).toBe(JSON.stringify([txid, child]));
    const shown = await ask(`${store}/any/Thing ü.txt`);
    expect([shown.text, shown.headers.get("content-type"), shown.headers.get("etag")]).toEqual(["two", "text/b", etag]);
    expect((await ask(`${store}/gone`)).status).toBe(404);
    expect((await ask(`${second.storeUrls[0] ?? ""}/any/Thing ü.txt`)).status).toBe(404);
    second.tamper({ store: 1, how: "stale" });
    expect((await ask(`${store}/any/Thing ü.txt`)).text).toBe("one");
    await second.mine(1);
    expect(await text(second, "/mempool/txids")).toBe("[]");
    expect(second.height()).toBe(106);
    // The faucet's coins are those of this chain.
    await fund(second);
  });

  it("keeps a reorganisation, and what it gave back", async () => {
    const first = await start({ dataDir: directory, mine: "manual" });
    const { txid } = await fund(first);
    await first.mine(2);
    await first.reorg({ depth: 3 });
    const state = await stateOf(first);
    await first.close();
    const second = await start({ dataDir: directory, mine: "manual" });
    expect(await stateOf(second)).toEqual(state);
    expect(state[1]).toBe(JSON.stringify([txid]));
    const removed = await second.reorg({ depth: 1 });
    expect(removed.removedBlocks).toEqual([state[0]]);
    expect(removed.newBlocks).not.toContain(state[0]);
  });

  it("keeps the order of the mempool, in which a parent that came back stands before its child", async () => {
    const first = await start({ dataDir: directory, mine: "manual" });
    const coin = await fund(first);
    const parent = await first.submit(spend(coin));
    await first.mine(1);
    const child = await first.submit(spend({ ...coin, txid: parent, vout: 0, valueSats: 99_000n }));
    await first.reorg({ depth: 1 });
    await first.close();
    const second = await start({ dataDir: directory, mine: "manual" });
    expect(second.notices).toEqual([]);
    expect(await text(second, "/mempool/txids")).toBe(JSON.stringify([parent, child]));
  });

  it("has each answer on disk before it is given: what is copied then is all of it", async () => {
    const first = await start({ dataDir: directory, stores: 1 });
    const url = `${first.storeUrls[0] ?? ""}/a`;
    const copies: (readonly [string, readonly string[], string])[] = [];
    const copy = async (): Promise<void> => {
      const to = join(root, `copy-${directories++}`);
      await mkdir(join(to, "stores", "0"), { recursive: true });
      for (const [file, hex] of await contentOf(directory)) {
        await writeFile(file.replace(directory, to), Buffer.from(hex, "hex"));
      }
      copies.push([to, await stateOf(first), (await ask(url)).text]);
    };
    const coin = await fund(first);
    await copy();
    await first.submit(spend(coin));
    await copy();
    await ask(url, { method: "PUT", body: "text" });
    await copy();
    await first.reorg({ depth: 2, drop: true });
    await copy();
    await first.close();
    for (const [to, state, stored] of copies) {
      const again = await startDevnet({ dataDir: to });
      expect(await stateOf(again)).toEqual(state);
      expect((await ask(`${again.storeUrls[0] ?? ""}/a`)).text).toBe(stored);
      await again.close();
    }
  });

  it("may have more or fewer servers than last time, and shows a store's files again when it is back", async () => {
    const first = await start({ dataDir: directory, stores: 2 });
    await ask(`${first.storeUrls[1] ?? ""}/a`, { method: "PUT", body: "kept" });
    await first.close();
    const second = await start({ dataDir: directory, stores: 1, sources: 2 });
    expect([second.sourceUrls.length, second.storeUrls]).toEqual([2, first.storeUrls.slice(0, 1)]);
    await second.close();
    const third = await start({ dataDir: directory, stores: 2 });
    expect((await ask(`${third.storeUrls[1] ?? ""}/a`)).text).toBe("kept");
  });

  it("takes another port where that of last time is taken, and says so", async () => {
    const first = await start({ dataDir: directory, stores: 2 });
    const taken = Number(new URL(first.storeUrls[0] ?? "").port);
    await first.close();
    const squatter = createServer();
    squatter.listen(taken, "127.0.0.1");
    await once(squatter, "listening");
    const second = await start({ dataDir: directory });
    expect(second.notices).toEqual([expect.stringMatching(new RegExp(`^Port ${taken}, where store 0 was`))]);
    expect([second.sourceUrls[0], second.storeUrls[1]]).toEqual([first.sourceUrls[0], first.storeUrls[1]]);
    expect(second.storeUrls[0]).not.toBe(first.storeUrls[0]);
    await second.close();
    // A port that was asked for is another matter.
    await expect(startDevnet({ dataDir: directory, stores: 0, port: taken })).rejects.toMatchObject({
      code: "INPUT_CONFIG_INVALID",
    });
    squatter.close();
    const third = await start({ dataDir: directory });
    expect(third.storeUrls).toEqual(second.storeUrls);
    await third.close();
    const layout = join(directory, "layout.json");
    await writeFile(layout, '{"sources":[0],"stores":[]}');
    await refused(/layout\.json cannot be used: it is damaged/);
    expect(await readFile(layout, "utf8")).toBe('{"sources":[0],"stores":[]}');
  });
});

describe("a data directory that is in use", () => {
  it("is refused, and unharmed", async () => {
    const first = await start({ dataDir: directory });
    const before = await contentOf(directory);
    await refused(/a devnet runs on it/);
    expect(await contentOf(directory)).toEqual(before);
    await first.mine(1);
    await first.close();
    await first.close();
    expect((await start({ dataDir: directory })).height()).toBe(102);
  });

  it("is free again when its process was killed, with all that it had answered", async () => {
    const main = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));
    const flags = ["devnet", "--data-dir", directory, "--json", "--sources", "1", "--stores", "1"];
    const child = spawn(process.execPath, ["--import", "tsx", main, ...flags], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(child, "exit");
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    const { sources, stores } = JSON.parse(line) as { sources: string[]; stores: string[] };
    await refused(/a devnet runs on it/);
    let height = 0;
    let puts = 0;
    const mining = (async () => {
      for (;;) {
        const reply = await ask(`${sources[0] ?? ""}/devnet/mine`, { method: "POST", body: '{"blocks":1}' });
        height = (reply.json() as { height: number }).height;
      }
    })();
    const putting = (async () => {
      for (;;) {
        await ask(`${stores[0] ?? ""}/objects/${puts}`, { method: "PUT", body: "x".repeat(10_000) });
        puts++;
      }
    })();
    const both = Promise.allSettled([mining, putting]);
    while (height < 140 || puts < 20) await new Promise((resolve) => setImmediate(resolve));
    child.kill("SIGKILL");
    await Promise.all([ended, both]);
    const again = await start({ dataDir: directory });
    expect(again.height()).toBeGreaterThanOrEqual(height);
    expect(again.height()).toBeLessThanOrEqual(height + 1);
    expect([again.sourceUrls, again.storeUrls]).toEqual([sources, stores]);
    for (let i = 0; i < puts; i++) {
      expect((await ask(`${stores[0] ?? ""}/objects/${i}`)).text).toHaveLength(10_000);
    }
    expect((await readdir(join(directory, "lock"))).length).toBe(1);
  });
});

describe("what a crash leaves", () => {
  it("of a last change that is short, zero or has a wrong sum is cut off, and it says so", async () => {
    const first = await start({ dataDir: directory, stores: 0 });
    await first.mine(2);
    const before = await stateOf(first);
    const whole = (await readFile(chainFile())).length;
    await fund(first);
    await first.close();
    const bytes = await readFile(chainFile());
    const withFlip = Uint8Array.from(bytes);
    withFlip[bytes.length - 20] = (withFlip[bytes.length - 20] ?? 0) ^ 1;
    const torn = [
      ...[1, 7, 8, 9, 60, bytes.length - whole - 1].map((length) => bytes.subarray(0, whole + length)),
      withFlip,
      Buffer.concat([bytes.subarray(0, whole), Buffer.alloc(300)]),
    ];
    for (const left of torn) {
      await writeFile(chainFile(), left);
      const again = await startDevnet({ dataDir: directory });
      expect(again.notices).toEqual([expect.stringMatching(/cut short by a crash; its \d+ bytes were cut off/)]);
      expect(await stateOf(again)).toEqual(before);
      expect((await readFile(chainFile())).length).toBe(whole);
      await again.mine(1);
      await again.close();
      const third = await startDevnet({ dataDir: directory });
      expect([third.notices, third.height()]).toEqual([[], 104]);
      await third.close();
    }
  });

  it("before the first start was done is begun anew", async () => {
    await mkdir(join(directory, "lock"), { recursive: true });
    await writeFile(join(directory, "chain.log.tmp"), "hawser dev");
    expect((await start({ dataDir: directory })).height()).toBe(101);
  });

  it("of a file of a store does not show, and goes", async () => {
    const first = await start({ dataDir: directory });
    const url = `${first.storeUrls[0] ?? ""}/a`;
    await ask(url, { method: "PUT", body: "whole" });
    await first.close();
    const files = join(directory, "stores", "0");
    const [name = ""] = await readdir(files);
    await writeFile(join(files, `${name}.tmp`), "half of a la");
    await writeFile(join(files, "notes.tmp"), "of somebody else");
    await start({ dataDir: directory });
    expect((await ask(url)).text).toBe("whole");
    expect((await readdir(files)).sort()).toEqual([name, "notes.tmp"].sort());
  });
});

describe("a directory that is not, or no longer, a devnet's", () => {
  const unchanged = async (expected: RegExp): Promise<void> => {
    const before = await contentOf(directory);
    await refused(expected);
    expect(await contentOf(directory)).toEqual(before);
  };

  it("is refused, and nothing in it is touched", async () => {
    await mkdir(directory);
    await writeFile(join(directory, "letter.txt"), "dear");
    await unchanged(/it holds letter\.txt, but no chain\.log: it is not a devnet's directory/);
    expect(await readdir(directory)).toEqual(["letter.txt"]);
    await writeFile(chainFile(), "a diary");
    await unchanged(/it is not a devnet's chain/);
    expect((await readdir(directory)).sort()).toEqual(["chain.log", "letter.txt"]);
    await writeFile(chainFile(), "hawser devnet 2\nabc");
    await unchanged(/it has format 2, and this version of hawser knows only 1/);
    await rm(directory, { recursive: true });
    await writeFile(directory, "a file");
    await refused(/cannot be used/);
    await expect(startDevnet({ dataDir: "" })).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await expect(startDevnet({ dataDir: join(directory, "0"), sources: 0 })).rejects.toMatchObject({
      code: "INPUT_INVALID",
    });
  });

  it("is refused when its chain is damaged, wherever that is not at its end", async () => {
    const first = await start({ dataDir: directory, stores: 0 });
    const start0 = (await readFile(chainFile())).length;
    await first.mine(1);
    const start1 = (await readFile(chainFile())).length;
    await first.mine(1);
    await first.close();
    const bytes = await readFile(chainFile());
    // The first change's length and sum, its payload, the second one's length, check and payload, the last one's length.
    for (const at of [16, 21, 300, start0 - 1, start0, start0 + 5, start0 + 40, start1 - 1, start1 + 1, start1 + 6]) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0x40;
      await writeFile(chainFile(), damaged);
      await unchanged(/it is damaged at byte \d+; nothing in it was changed/);
    }
    await writeFile(chainFile(), bytes.subarray(0, 16));
    await unchanged(/it is damaged at byte 16/);
    // Whole changes in another order: sums are right, blocks are not.
    await writeFile(
      chainFile(),
      Buffer.concat([
        bytes.subarray(0, start0),
        bytes.subarray(start1),
        bytes.subarray(start0, start1),
        Buffer.alloc(3),
      ]),
    );
    await unchanged(/it is damaged/);
    await writeFile(chainFile(), bytes);
    expect((await start({ dataDir: directory })).height()).toBe(103);
  });

  it("is refused when a file of a store is damaged", async () => {
    const first = await start({ dataDir: directory });
    const url = `${first.storeUrls[0] ?? ""}/a`;
    for (const body of ["one", "two"]) await ask(url, { method: "PUT", body });
    await first.close();
    const files = join(directory, "stores", "0");
    const [name = ""] = await readdir(files);
    const bytes = await readFile(join(files, name));
    for (const damaged of [
      bytes.subarray(0, -1),
      bytes.subarray(0, 20),
      Buffer.alloc(0),
      Buffer.concat([bytes, bytes]),
    ]) {
      await writeFile(join(files, name), damaged);
      await unchanged(/it is damaged; nothing was changed/);
    }
    for (const at of [2, 12, bytes.length - 5, bytes.length - 1]) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      await writeFile(join(files, name), damaged);
      await unchanged(/it is damaged/);
    }
    await writeFile(join(files, name), bytes);
    const other = encodeHex(new Uint8Array(32));
    await rename(join(files, name), join(files, other));
    await unchanged(/it is damaged/);
    await rename(join(files, other), join(files, name));
    await start({ dataDir: directory });
    expect((await ask(url)).text).toBe("two");
  });
});

describe("a disk that refuses", () => {
  it("lets no write pass for done", async () => {
    const devnet = await start({ dataDir: directory });
    const url = `${devnet.storeUrls[0] ?? ""}/a`;
    await ask(url, { method: "PUT", body: "one" });
    await rm(join(directory, "stores"), { recursive: true });
    const reply = await ask(url, { method: "PUT", body: "two" });
    expect([reply.status, reply.text.includes("could not be written")]).toEqual([500, true]);
    expect((await ask(url)).text).toBe("one");
    expect((await ask(url, { method: "DELETE" })).status).toBe(500);
    expect((await ask(url)).text).toBe("one");
  });

  it("is told by the chain's log", async () => {
    await mkdir(directory);
    const change = { forkHeight: 0, blocks: [], left: [], joined: [] };
    const log = ChainLog.create(chainFile(), change);
    log.append(change);
    await appendFile(chainFile(), utf8("left by somebody"));
    log.close();
    expect(() => {
      log.append(change);
    }).toThrow(expect.objectContaining({ code: "STORAGE_REFUSED" }));
  });
});
