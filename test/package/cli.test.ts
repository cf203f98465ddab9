import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Devnet, startDevnet } from "../../src/devnet/index.js";
import { buildProgram, collect, expectFailure, runCli, runJson, startCli } from "./run-cli.js";

let directory: string;
let devnet: Devnet;

beforeAll(async () => {
  buildProgram();
  directory = mkdtempSync(join(tmpdir(), "hawser-cli-test-"));
  devnet = await startDevnet({ sources: 2, stores: 2, control: true });
});

afterAll(async () => {
  await devnet.close();
  rmSync(directory, { recursive: true, force: true });
});

const file = (name: string): string => join(directory, name);

/** The environment of somebody who has set everything up. */
function settings(of: Devnet = devnet, cache = "cache"): Record<string, string> {
  return {
    HAWSER_NETWORK: "regtest",
    HAWSER_SOURCES: of.sourceUrls.join(","),
    HAWSER_WRITE_STORES: of.storeUrls.join(","),
    HAWSER_CACHE: file(cache),
    HAWSER_KEY_FILE: file("owner.key"),
  };
}

/** Makes a key, funded on `of`. */
async function fundedKey(of: Devnet, name: string): Promise<string> {
  const made = await runJson(["keygen", "--out", file(name), "--network", "regtest"], 0);
  await of.faucet(made.addresses[0], 1_000_000n);
  return made.addresses[0];
}

describe("a name from key to data", () => {
  const env = (): { env: Record<string, string> } => ({ env: settings() });
  const picture = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * 7) % 256));
  let key = "";

  it("keygen makes a key file for its owner alone and never replaces one", async () => {
    const { exitCode, text } = await runCli(["keygen", "--out", file("owner.key"), "--network", "regtest"]);
    expect(exitCode).toBe(0);
    expect(text).toMatch(/bcrt1p[a-z0-9]{58}\b/);
    expect(text).toMatch(/signs records as +[0-9a-f]{64}\n/);
    expect(statSync(file("owner.key")).mode & 0o777).toBe(0o600);
    const before = readFileSync(file("owner.key"), "utf8");
    expect(text).not.toContain(JSON.parse(before).privateKey);
    await expectFailure(["keygen", "--out", file("owner.key")], 2, "INPUT_FILE_UNUSABLE");
    expect(readFileSync(file("owner.key"), "utf8")).toBe(before);
    await devnet.faucet(/bcrt1p[a-z0-9]{58}/.exec(text)?.[0] ?? "", 1_000_000n);
  });

  it("name register --plan shows the cost and changes nothing", async () => {
    const height = devnet.height();
    const { exitCode, text } = await runCli(["name", "register", "alice", "--plan"], env());
    expect(exitCode).toBe(0);
    expect(text).toMatch(/^Cost: \d+ sat in fees, 1000 sat bond/);
    expect(text.match(/^ {2}[0-9a-f]{64} {2}/gm)).toHaveLength(2);
    const { plan } = await runJson(["name", "register", "alice", "--plan"], 0, env());
    expect(plan.cost).toMatchObject({ bondSats: "1000" });
    expect(plan.transactions).toHaveLength(2);
    expect(devnet.height()).toBe(height);
    expect((await runJson(["name", "show", "alice"], 1, env())).why).toBe("no-name");
  });

  it("name register, name show", async () => {
    writeFileSync(file("about.json"), '{"home":"a harbour"}');
    const registered = await runJson(["name", "register", "alice", "--about", file("about.json")], 0, env());
    expect(registered).toMatchObject({ name: "alice", state: "done", txids: [registered.tenure, expect.any(String)] });
    const shown = await runJson(["name", "show", "alice", "--profile"], 0, env());
    expect(shown).toMatchObject({ found: true, name: { status: "active", tenure: registered.tenure } });
    expect(shown.profile.about).toEqual({ home: "a harbour" });
    expect(shown.asOf.sources.map(({ verdict }: { verdict: string }) => verdict)).toEqual(["agreed", "agreed"]);
    const { text, exitCode } = await runCli(["name", "show", "alice"], env());
    expect(exitCode).toBe(0);
    expect(text).toContain(registered.tenure);
    await expectFailure(["name", "register", "alice"], 5, "CONFLICT_NAME_TAKEN", env());
  });

  it("put from stdin and from a file, get", async () => {
    const first = await runJson(["put", "alice", "settings"], 0, { ...env(), input: "one" });
    expect(first).toMatchObject({ ver: 1, state: "done", txids: [expect.any(String)], bytes: 3 });
    writeFileSync(file("data"), "two");
    const second = await runCli(["put", "alice", "settings", file("data")], env());
    expect(second.text).toBe("settings of alice has version 2, held by 2 of 2 stores\n");
    const third = await runJson(["put", "alice", "settings", "-"], 0, { ...env(), input: "three" });
    expect(third).toMatchObject({ ver: 3, txids: [], cost: { feeSats: "0" } });

    const raw = await runCli(["get", "alice", "settings"], env());
    expect(raw.text).toBe("three");
    expect(raw.stderr).toMatch(/version 3, epoch \d+, 5 bytes, as of block/);
    expect(raw.stderr.match(/ fresh +version 3$/gm)).toHaveLength(2);
    expect((await runCli(["get", "alice", "settings", "--quiet"], env())).stderr).toBe("");

    const found = await runJson(["get", "alice", "settings"], 0, env());
    expect(Buffer.from(found.data, "base64").toString()).toBe("three");
    expect(found.replicas.map(({ verdict }: { verdict: string }) => verdict)).toEqual(["fresh", "fresh"]);
    expect(found.record).toEqual({ id: "settings", ver: 3, sig: expect.stringMatching(/^[0-9a-f]{128}$/) });
    expect(found.asOf).toMatchObject({ partial: false, height: expect.any(Number) });
  });

  it("get --out writes the file whole; --min-version and --max-version bound the answer", async () => {
    writeFileSync(file("out"), "old");
    const found = await runJson(["get", "alice", "settings", "--out", file("out")], 0, env());
    expect(found.out).toBe(file("out"));
    expect(found.data).toBeUndefined();
    expect(readFileSync(file("out"), "utf8")).toBe("three");
    const stale = await runJson(["get", "alice", "settings", "--min-version", "4"], 4, env());
    expect(stale.error).toMatchObject({ name: "HawserError", code: "RECORD_STALE", details: { got: { ver: 3 } } });
    await expectFailure(["get", "alice", "settings", "--max-version", "2"], 3, "RECORD_UNAVAILABLE", env());
    await expectFailure(["get", "alice", "settings", "--out", file("none/x")], 2, "INPUT_FILE_UNUSABLE", env());
    await expectFailure(["get", "alice", "settings", "--out", directory], 2, "INPUT_FILE_UNUSABLE", env());
    expect(readdirSync(directory).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it("add prints the key, cat gives the same bytes", async () => {
    writeFileSync(file("picture"), picture);
    const flags = ["--type", "image/x-test", "--file-name", "p\u001b[31m.png"];
    const added = await runCli(["add", "alice", file("picture"), ...flags], env());
    expect(added.text).toMatch(/^[0-9a-f]{64}\n$/);
    key = added.text.trim();
    const shown = await runCli(["cat", "alice", key], env());
    expect(shown.stdout).toEqual(picture);
    // A label could move the cursor or rewrite lines.
    expect(shown.stderr).not.toContain("\u001b");
    expect(shown.stderr).toContain("p\\u{1b}[31m.png");
    const found = await runJson(["cat", "alice", key], 0, env());
    expect(Buffer.from(found.data, "base64")).toEqual(picture);
    expect(found.content).toMatchObject({ size: 1000, type: "image/x-test", name: "p\u001b[31m.png" });
    expect((await runJson(["add", "alice", file("picture")], 0, env())).txids).toEqual([]);
  });

  it("list, as lines and as JSON lines", async () => {
    const { text } = await runCli(["list", "alice"], env());
    expect(text.split("\n").sort()).toEqual([
      "",
      expect.stringContaining(`i:${key}  1000 bytes`),
      expect.stringMatching(/^m:settings /),
    ]);
    const { text: lines } = await runCli(["list", "alice", "--json"], env());
    const entries = lines
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(entries.map(({ kind }) => kind).sort()).toEqual(["immutable", "mutable"]);
    const { text: only } = await runCli(["list", "alice", "--prefix", "m:"], env());
    expect(only).toMatch(/^m:settings .*\n$/);
  });

  it("what is proven absent exits with 1 and says why", async () => {
    const { exitCode, text, stderr } = await runCli(["get", "alice", "nothing"], env());
    expect([exitCode, text]).toEqual([1, ""]);
    expect(stderr).toContain("index does not hold it");
    expect((await runJson(["get", "alice", "nothing"], 1, env())).why).toBe("not-in-index");
    expect((await runJson(["cat", "alice", "0".repeat(64)], 1, env())).why).toBe("not-in-index");
    expect((await runJson(["list", "nobody"], 1, env())).why).toBe("no-name");
  });

  it("keeps state for its owner alone, by default under XDG_STATE_HOME", async () => {
    const state = file("state");
    const others = Object.fromEntries(Object.entries(settings()).filter(([name]) => name !== "HAWSER_CACHE"));
    await runJson(["get", "alice", "settings"], 0, { env: { ...others, XDG_STATE_HOME: state } });
    expect(statSync(join(state, "hawser", "regtest")).mode & 0o777).toBe(0o700);
    expect(statSync(join(state, "hawser")).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(state, "hawser", "regtest"))).toContain("cache.mdb");
  });

  it("a replay is refused by the next process, which has the cache only", async () => {
    devnet.tamper({ store: 0, how: "stale" });
    devnet.tamper({ store: 1, how: "stale" });
    const refused = await runJson(["get", "alice", "settings"], 4, env());
    devnet.tamper({ store: 0, how: "honest" });
    devnet.tamper({ store: 1, how: "honest" });
    expect(refused.error).toMatchObject({ code: "RECORD_STALE", details: { got: { ver: 2 }, floor: { ver: 3 } } });
    expect(refused.error.details.attempts).toHaveLength(2);
  });

  it("a store that is a directory takes and gives data; the configuration file names it", async () => {
    const config = file("config");
    const disk = file("disk");
    mkdirSync(join(config, "hawser"), { recursive: true });
    const [first = ""] = devnet.storeUrls;
    const stores = [
      { url: "../../disk", writable: true },
      { url: first, writable: true, conditional: true },
    ];
    const json = {
      network: "regtest",
      sources: devnet.sourceUrls,
      stores,
      keyFile: "../../owner.key",
      cache: "../../cache",
    };
    writeFileSync(join(config, "hawser", "config.json"), JSON.stringify(json));
    const own = { env: { XDG_CONFIG_HOME: config } };
    const put = await runJson(["put", "alice", "settings", "--required", "2"], 0, { ...own, input: "four" });
    expect(put.providers).toEqual([
      { label: "disk:disk", outcome: "stored", attempt: null },
      { label: new URL(first).host, outcome: "stored", attempt: null },
    ]);
    expect(existsSync(join(disk, "records/regtest/alice"))).toBe(true);
    expect((await runCli(["get", "alice", "settings", "--store", `file://${disk}`], own)).text).toBe("four");
  });
});

describe("wrong use", () => {
  const env = (extra: Record<string, string> = {}): { env: Record<string, string> } => ({
    env: { ...settings(), ...extra },
  });
  const usage: readonly (readonly [string[], string])[] = [
    [[], "INPUT_INVALID"],
    [["frobnicate"], "INPUT_INVALID"],
    [["name"], "INPUT_INVALID"],
    [["name", "burn", "alice"], "INPUT_INVALID"],
    [["demo", "--fast"], "INPUT_INVALID"],
    [["demo", "extra"], "INPUT_INVALID"],
    [["devnet", "--sources", "0"], "INPUT_INVALID"],
    [["devnet", "--stores", "many"], "INPUT_INVALID"],
    [["devnet", "--mine", "sometimes"], "INPUT_INVALID"],
    [["devnet", "--control", "--host", "0.0.0.0"], "INPUT_INVALID"],
    [["devnet", "--port", "70000"], "INPUT_INVALID"],
    [["keygen"], "INPUT_INVALID"],
    [["keygen", "--out"], "INPUT_INVALID"],
    [["keygen", "--out", "/nonexistent/x.key"], "INPUT_FILE_UNUSABLE"],
    [["keygen", "--out", "x.key", "--network", "bitcoin"], "INPUT_INVALID"],
    [["name", "register"], "INPUT_INVALID"],
    [["name", "register", "Alice!"], "NAME_INVALID"],
    [["name", "register", "bob", "--about", "/nonexistent"], "INPUT_FILE_UNUSABLE"],
    [["name", "register", "bob", "--fee-rate", "cheap"], "INPUT_INVALID"],
    [["name", "register", "bob", "--fee-rate", "0"], "INPUT_INVALID"],
    [["name", "register", "bob", "--max-fee-sats", "-1"], "INPUT_INVALID"],
    [["name", "register", "bob", "--max-fee-sats", "10"], "INPUT_FEE_TOO_HIGH"],
    [["name", "register", "bob", "--wait", "forever"], "INPUT_INVALID"],
    [["name", "register", "bob", "--required", "3"], "INPUT_INVALID"],
    [["name", "show"], "INPUT_INVALID"],
    [["name", "show", "-alice"], "INPUT_INVALID"],
    [["name", "show", "no_name"], "NAME_INVALID"],
    [["put", "alice"], "INPUT_INVALID"],
    [["put", "alice", "Not An Id"], "INPUT_ID_INVALID"],
    [["put", "alice", "settings", "/nonexistent"], "INPUT_FILE_UNUSABLE"],
    [["put", "alice", "settings", "/"], "INPUT_FILE_UNUSABLE"],
    [["put", "nobody", "settings"], "NAME_NOT_REGISTERED"],
    [["get", "alice"], "INPUT_INVALID"],
    [["get", "alice", "a//b"], "INPUT_ID_INVALID"],
    [["get", "alice", "settings", "more"], "INPUT_INVALID"],
    [["get", "alice", "settings", "--min-version", "x"], "INPUT_INVALID"],
    [["get", "alice", "settings", "--min-sources", "0"], "INPUT_INVALID"],
    [["get", "alice", "settings", "--min-sources", "two"], "INPUT_INVALID"],
    [["get", "alice", "settings", "--min-sources", "3"], "INPUT_INVALID"],
    [["get", "alice", "settings", "--min-confirmations", "0"], "INPUT_INVALID"],
    [["get", "alice", "settings", "--timeout", "1.5"], "INPUT_INVALID"],
    [["get", "alice", "settings", "--source", "ftp://x.example"], "INPUT_URL_INVALID"],
    [["get", "alice", "settings", "--store", "http://a:b@x.example"], "INPUT_URL_INVALID"],
    [["get", "alice", "settings", "--allow-host", "localhost"], "INPUT_INVALID"],
    [["get", "alice", "settings", "--key-file", "x"], "INPUT_INVALID"],
    [["add", "alice"], "INPUT_INVALID"],
    [["add", "alice", "/nonexistent"], "INPUT_FILE_UNUSABLE"],
    [["add", "alice", "package.json", "--type", ""], "INPUT_INVALID"],
    [["cat", "alice"], "INPUT_INVALID"],
    [["cat", "alice", "abc"], "INPUT_INVALID"],
    [["list"], "INPUT_INVALID"],
    [["list", "alice", "--prefix"], "INPUT_INVALID"],
  ];
  it.each(usage)("%j is %s", async (args, code) => {
    await expectFailure(args, 2, code, env());
  });

  it("also tells wrong use as JSON", async () => {
    expect((await runJson(["get", "alice"], 2)).error).toMatchObject({
      code: "INPUT_INVALID",
      details: { argument: "ID" },
    });
    expect((await runJson(["frobnicate"], 2)).error.code).toBe("INPUT_INVALID");
  });

  it("data that is too large is refused before anything is asked", async () => {
    writeFileSync(file("large"), Buffer.alloc(1024 * 1024 + 1));
    await expectFailure(["put", "alice", "settings", file("large")], 2, "INPUT_TOO_LARGE", env());
    await expectFailure(["add", "alice", file("large")], 2, "INPUT_TOO_LARGE", env());
    const input = Buffer.alloc(3 * 1024 * 1024);
    await expectFailure(["put", "alice", "settings"], 2, "INPUT_TOO_LARGE", { ...env(), input });
  });

  it("settings that are missing are named", async () => {
    expect(await expectFailure(["get", "alice", "settings"], 2, "INPUT_CONFIG_INVALID")).toContain("--source");
    const bare = {
      HAWSER_NETWORK: "regtest",
      HAWSER_SOURCES: settings()["HAWSER_SOURCES"] ?? "",
      HAWSER_CACHE: "memory:",
    };
    expect(await expectFailure(["put", "alice", "x"], 2, "INPUT_CONFIG_INVALID", { env: bare })).toContain(
      "--key-file",
    );
    const keyed = { ...bare, HAWSER_KEY_FILE: file("owner.key") };
    expect(await expectFailure(["put", "alice", "x"], 2, "INPUT_CONFIG_INVALID", { env: keyed })).toContain(
      "--write-store",
    );
    expect(await expectFailure(["get", "alice", "settings"], 3, "PROFILE_UNAVAILABLE", { env: bare })).toContain(
      "--store",
    );
  });

  it("wrong variables and a wrong configuration file are told apart", async () => {
    await expectFailure(["list", "alice"], 2, "INPUT_CONFIG_INVALID", env({ HAWSER_MIN_SOURCES: "all" }));
    await expectFailure(["list", "alice"], 2, "INPUT_CONFIG_INVALID", env({ HAWSER_NETWORK: "mainet" }));
    mkdirSync(file("bad/hawser"), { recursive: true });
    const cases = [
      '{"minSource": 1}',
      '{"minSources": 0}',
      '{"network": 1}',
      "{",
      '{"network":"regtest","network":"mainnet"}',
      '{"stores":[{"url":"x","writeable":true}]}',
    ];
    for (const text of cases) {
      writeFileSync(file("bad/hawser/config.json"), text);
      const stderr = await expectFailure(
        ["list", "alice"],
        2,
        "INPUT_CONFIG_INVALID",
        env({ XDG_CONFIG_HOME: file("bad") }),
      );
      expect(stderr).toContain("config.json");
    }
  });

  it("keys that cannot be used are refused, and never shown", async () => {
    const secret = "11".repeat(32);
    writeFileSync(file("main.key"), `{"hawserKey":1,"network":"mainnet","privateKey":"${secret}"}`, { mode: 0o600 });
    writeFileSync(file("text.key"), secret, { mode: 0o600 });
    const run = (path: string): Promise<string> =>
      expectFailure(["put", "alice", "settings", "--key-file", path], 2, "INPUT_KEY_INVALID", env());
    expect(await run(file("main.key"))).toContain("not for regtest");
    expect(await run(file("text.key"))).not.toContain(secret);
    for (const path of ["/nonexistent", directory, file("large"), secret]) {
      const stderr = await expectFailure(["put", "alice", "x", "--key-file", path], 2, "INPUT_FILE_UNUSABLE", env());
      expect(stderr).not.toContain(secret);
    }
  });

  it("a key file that others may read is used with a warning", async () => {
    writeFileSync(file("open.key"), readFileSync(file("owner.key")));
    chmodSync(file("open.key"), 0o644);
    const { exitCode, stderr } = await runCli(
      ["put", "alice", "settings", "--plan", "--key-file", file("open.key")],
      env(),
    );
    expect(exitCode).toBe(0);
    expect(stderr).toContain("hawser: warning: others may read");
  });

  it("a key without coins is told what to fund; one that is not the owner's is refused", async () => {
    const { addresses } = await runJson(["keygen", "--out", file("poor.key"), "--network", "regtest"], 0);
    const poor = env({ HAWSER_KEY_FILE: file("poor.key") });
    expect(await expectFailure(["name", "register", "bob"], 5, "WALLET_FUNDS_INSUFFICIENT", poor)).toContain(
      addresses[0],
    );
    await expectFailure(["put", "alice", "another"], 5, "WALLET_NOT_OWNER", poor);
    await expectFailure(["put", "alice", "settings"], 2, "ROUTE_KEY_MISMATCH", poor);
  });
});

describe("servers that do not behave", () => {
  const read = ["get", "alice", "settings", "--network", "regtest", "--cache", "memory:"];

  it("an unreachable source and one that answers no JSON leave it unknown, each with its line", async () => {
    const server = createServer((_request, response) => response.end("<html>hello</html>")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const html = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const nobody = "http://127.0.0.1:9";
    const stderr = await expectFailure([...read, "--source", html, "--source", nobody], 3, "CHAIN_UNAVAILABLE");
    expect(stderr).toMatch(/^ {2}127\.0\.0\.1:\d+: NETWORK_ANSWER_INVALID: /m);
    expect(stderr).toMatch(/^ {2}127\.0\.0\.1:9: NETWORK_UNREACHABLE: /m);
    server.close();
  });

  it("stores that are away leave it unknown; a forger alone is wrong", async () => {
    const sources = devnet.sourceUrls.flatMap((url) => ["--source", url]);
    await expectFailure([...read, ...sources, "--store", "http://127.0.0.1:9"], 3, "PROFILE_UNAVAILABLE");
    const [first = ""] = devnet.storeUrls;
    // The cache has the profile, so that only the record is asked for.
    const flags = [
      "get",
      "alice",
      "settings",
      "--network",
      "regtest",
      "--cache",
      file("cache"),
      ...sources,
      "--store",
      first,
    ];
    devnet.tamper({ store: 0, how: "forge" });
    await expectFailure(flags, 4, "RECORD_UNVERIFIED");
    devnet.tamper({ store: 0, how: "down" });
    await expectFailure(flags, 3, "RECORD_UNAVAILABLE");
    devnet.tamper({ store: 0, how: "honest" });
  });

  it("too short a --timeout leaves it unknown", async () => {
    devnet.tamper({ source: 0, how: "slow:5000" });
    devnet.tamper({ source: 1, how: "slow:5000" });
    const sources = devnet.sourceUrls.flatMap((url) => ["--source", url]);
    await expectFailure([...read, ...sources, "--timeout", "300"], 3, "NETWORK_TIMEOUT");
    devnet.tamper({ source: 0, how: "honest" });
    devnet.tamper({ source: 1, how: "honest" });
  });

  it("a cache that cannot be used is told, never replaced by memory", async () => {
    writeFileSync(file("no-directory"), "");
    const stderr = await expectFailure(["list", "alice"], 3, "CACHE_UNAVAILABLE", {
      env: { ...settings(), HAWSER_CACHE: file("no-directory/cache") },
    });
    expect(stderr).toContain("--cache memory:");
    const hook = file("no-lmdb.cjs");
    writeFileSync(
      hook,
      `const m = require("node:module"); const load = m._load;
      m._load = (name, ...rest) => { if (name === "lmdb") throw new Error("Cannot find module"); return load(name, ...rest); };`,
    );
    const without = await expectFailure(["list", "alice"], 3, "CACHE_UNAVAILABLE", {
      env: { ...settings(), NODE_OPTIONS: `--require ${hook}` },
    });
    expect(without).toContain("lmdb is not installed");
  });
});

describe("the program", () => {
  it("has help for everything, and a version", async () => {
    const { exitCode, text } = await runCli(["--help"]);
    expect(exitCode).toBe(0);
    const names = ["demo", "devnet", "keygen", "name register", "name show", "put", "get", "add", "cat", "list"];
    for (const name of names) {
      expect(text).toContain(`\n  ${name} `);
      const help = await runCli([...name.split(" "), "--help"]);
      expect(help.exitCode).toBe(0);
      expect(help.text).toContain(`Usage: hawser ${name}`);
      expect(Math.max(...help.text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    }
    expect((await runCli(["name", "--help"])).text).toContain("name register");
    expect((await runCli(["help", "get"])).text).toContain("Usage: hawser get");
    expect((await runCli(["--version"])).text).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("is quiet when the reader of its output has gone", async () => {
    const child = startCli(["--help"]);
    child.stdout?.destroy();
    const stderr = collect(child.stderr);
    await once(child, "close");
    expect(stderr().toString()).toBe("");
  });

  it("devnet prints one line of JSON, serves, and ends cleanly on SIGTERM with its cache gone", async () => {
    const child = startCli(["devnet", "--json", "--sources", "1", "--stores", "1", "--control"]);
    const [line] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
    const announced = JSON.parse(line.toString());
    expect(announced).toMatchObject({ network: "regtest", height: 101, controlUrl: announced.sources[0] });
    expect(statSync(announced.cache).mode & 0o777).toBe(0o700);
    const shown = await runJson(["name", "show", "alice", ...announced.flags.read], 1);
    expect(shown.asOf.tipHeight).toBe(101);
    const port = new URL(announced.sources[0]).port;
    await expectFailure(["devnet", "--port", port], 2, "INPUT_CONFIG_INVALID");
    child.kill("SIGTERM");
    const [exitCode] = (await once(child, "close")) as [number | null];
    expect(exitCode).toBe(0);
    expect(existsSync(announced.cache)).toBe(false);
  });
});

describe("a registration that is interrupted", () => {
  it("goes on after SIGKILL with the same tenure and sends no second PREORDER; SIGINT exits with 130", async () => {
    await using slow = await startDevnet({ sources: 2, stores: 1, mine: "manual" });
    const address = await fundedKey(slow, "slow.key");
    const env = { ...settings(slow, "slow-cache"), HAWSER_KEY_FILE: file("slow.key") };
    const waiting = async (exit: NodeJS.Signals): Promise<{ exitCode: number | null; stderr: string }> => {
      const child = startCli(["name", "register", "carol"], { env });
      const stderr = collect(child.stderr);
      child.stderr?.on("data", () => {
        if (stderr().includes("Waiting for the PREORDER")) child.kill(exit);
      });
      const [exitCode] = (await once(child, "close")) as [number | null];
      return { exitCode, stderr: stderr().toString() };
    };
    const killed = await waiting("SIGKILL");
    const tenure = /Sending the PREORDER ([0-9a-f]{64})/.exec(killed.stderr)?.[1];
    expect(killed.exitCode).toBe(null);
    const interrupted = await waiting("SIGINT");
    expect(interrupted.exitCode).toBe(130);
    expect(interrupted.stderr).toContain("Run the same command again");

    const child = startCli(["name", "register", "carol", "--json"], { env });
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    child.stderr?.on("data", (chunk: Buffer) => {
      // A block whenever it has something to wait for.
      if (chunk.includes("Waiting for")) void slow.mine(1);
    });
    const [exitCode] = (await once(child, "close")) as [number | null];
    expect(exitCode, stderr().toString()).toBe(0);
    expect(JSON.parse(stdout().toString())).toMatchObject({ name: "carol", tenure, state: "done" });
    const history = await fetch(`${slow.sourceUrls[0] ?? ""}/address/${address}/txs`);
    // The faucet's payment, one PREORDER, one REGISTER.
    expect(await history.json()).toHaveLength(3);
  });
});
