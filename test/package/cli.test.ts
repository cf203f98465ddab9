import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useCliWorld } from "./cli-world.js";
import { expectFailure, runCli, runJson } from "./run-cli.js";

const world = useCliWorld();
const { file, env } = world;

describe("a name from key to data", () => {
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
    await world.devnet.faucet(/bcrt1p[a-z0-9]{58}/.exec(text)?.[0] ?? "", 1_000_000n);
  });

  it("name register --plan shows the cost and changes nothing", async () => {
    const height = world.devnet.height();
    const { exitCode, text } = await runCli(["name", "register", "alice", "--plan"], env());
    expect(exitCode).toBe(0);
    expect(text).toMatch(/^Cost: \d+ sat in fees, 1000 sat bond/);
    expect(text.match(/^ {2}(?:Preorder|Register) "alice" on regtest /gm)).toHaveLength(2);
    // The write itself draws another salt, so its transactions will be others.
    expect(text).not.toMatch(/[0-9a-f]{64}/);
    const { plan } = await runJson(["name", "register", "alice", "--plan"], 0, env());
    expect(plan.cost).toMatchObject({ bondSats: "1000" });
    expect(plan.transactions).toHaveLength(2);
    expect(world.devnet.height()).toBe(height);
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
    expect(raw.stderr.match(/^ {2}replica {2}\S+ +fresh +version 3$/gm)).toHaveLength(2);
    expect(raw.stderr.match(/^ {2}source {3}\S+ +agreed$/gm)).toHaveLength(2);
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
    await expectFailure(["get", "alice", "settings", "--out", world.directory], 2, "INPUT_FILE_UNUSABLE", env());
    expect(readdirSync(world.directory).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it("add prints the key, cat gives the same bytes", async () => {
    writeFileSync(file("picture"), picture);
    // The name turns the direction of text around.
    const flags = ["--type", "image/x-test", "--file-name", "p\u202egnp.exe"];
    const added = await runCli(["add", "alice", file("picture"), ...flags], env());
    key = createHash("sha256").update(picture).digest("hex");
    expect(added.text, added.stderr).toBe(`${key}\n`);
    expect(added.stderr).toContain("1000 bytes of alice, held by 2 of 2 stores");
    const shown = await runCli(["cat", "alice", key], env());
    expect(shown.stdout).toEqual(picture);
    expect(shown.stderr).not.toContain("\u202e");
    expect(shown.stderr).toContain("p\\u{202e}gnp.exe");
    const found = await runJson(["cat", "alice", key], 0, env());
    expect(Buffer.from(found.data, "base64")).toEqual(picture);
    expect(found.content).toMatchObject({ size: 1000, type: "image/x-test", name: "p\u202egnp.exe" });
    const listed = await runCli(["cat", "alice", `i:${key}`, "--quiet"], env());
    expect([listed.stdout, listed.stderr]).toEqual([picture, ""]);
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
    const only = await runCli(["list", "alice", "--prefix", "m:"], env());
    expect(only.text).toMatch(/^m:settings .*\n$/);
    expect(only.stderr).toMatch(/^1 entry beginning with m: in the index of alice, as of block \d+/);
  });

  it("--expect-tenure and --expect-owner refuse another holder with exit code 4; --hint changes no answer", async () => {
    const { name } = await runJson(["name", "show", "alice"], 0, env());
    const held = ["--expect-tenure", name.tenure, "--expect-owner", name.ownerScript, "--hint", "ab".repeat(32)];
    expect((await runCli(["get", "alice", "settings", ...held], env())).exitCode).toBe(0);
    const refusals: readonly (readonly string[])[] = [
      ["get", "alice", "settings", "--expect-tenure", "ab".repeat(32)],
      ["list", "alice", "--expect-owner", `0014${"11".repeat(20)}`],
    ];
    for (const args of refusals) await expectFailure(args, 4, "NAME_OWNER_CHANGED", env());
    const { error } = await runJson(["name", "show", "nobody", "--expect-tenure", name.tenure], 4, env());
    expect(error.details).toMatchObject({ got: { status: "free", tenure: null } });
  });

  it("what is proven absent exits with 1 and says why", async () => {
    const { exitCode, text, stderr } = await runCli(["get", "alice", "nothing"], env());
    expect([exitCode, text]).toEqual([1, ""]);
    expect(stderr).toMatch(/^nothing of alice does not exist: the name's index does not hold it, as of block \d+/);
    expect((await runJson(["get", "alice", "nothing"], 1, env())).why).toBe("not-in-index");
    expect((await runJson(["cat", "alice", "0".repeat(64)], 1, env())).why).toBe("not-in-index");
    expect((await runJson(["list", "nobody"], 1, env())).why).toBe("no-name");
    const nobody = await runCli(["name", "show", "nobody"], env());
    expect([nobody.exitCode, nobody.text]).toEqual([1, ""]);
    expect(nobody.stderr).toMatch(/^The name nobody is free, as of block \d+/);
  });

  it("a write that too few stores took goes on with what the next command requires", async () => {
    world.devnet.tamper({ store: 1, how: "down" });
    const input = "a second file";
    const strict = ["add", "alice", "-", "--required", "2"];
    const failed = await runJson(strict, 3, { ...env(), input });
    expect(failed.error.code).toBe("STORAGE_UNAVAILABLE");
    const added = await runCli(["add", "alice", "-"], { ...env(), input });
    world.devnet.tamper({ store: 1, how: "honest" });
    expect(added.exitCode, added.stderr).toBe(0);
    expect((await runCli(["cat", "alice", added.text.trim()], env())).text).toBe(input);
  });

  it("keeps state for its owner alone, by default under XDG_STATE_HOME", async () => {
    const state = file("state");
    const others = Object.fromEntries(Object.entries(env().env).filter(([name]) => name !== "HAWSER_CACHE"));
    await runJson(["get", "alice", "settings"], 0, { env: { ...others, XDG_STATE_HOME: state } });
    expect(statSync(join(state, "hawser", "regtest")).mode & 0o777).toBe(0o700);
    expect(statSync(join(state, "hawser")).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(state, "hawser", "regtest"))).toContain("cache.mdb");
  });

  it("a replay is refused by the next process, which has the cache only", async () => {
    world.devnet.tamper({ store: 0, how: "stale" });
    world.devnet.tamper({ store: 1, how: "stale" });
    const refused = await runJson(["get", "alice", "settings"], 4, env());
    world.devnet.tamper({ store: 0, how: "honest" });
    world.devnet.tamper({ store: 1, how: "honest" });
    expect(refused.error).toMatchObject({ code: "RECORD_STALE", details: { got: { ver: 2 }, floor: { ver: 3 } } });
    expect(refused.error.details.attempts).toHaveLength(2);
  });

  it("a store that is a directory takes and gives data; the configuration file names it", async () => {
    const config = file("config");
    const disk = file("disk");
    mkdirSync(join(config, "hawser"), { recursive: true });
    const [first = ""] = world.devnet.storeUrls;
    const stores = [
      { url: "../../disk", writable: true },
      { url: first, writable: true, conditional: true },
    ];
    const json = {
      network: "regtest",
      sources: world.devnet.sourceUrls,
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
