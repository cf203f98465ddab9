import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { registerAlice, useCliWorld } from "./cli-world.js";
import { expectFailure, runCli, runJson } from "./run-cli.js";

const world = useCliWorld();
const { file, env } = world;

beforeAll(() => registerAlice(world));

describe("wrong use", () => {
  const usage: readonly (readonly [string[], string])[] = [
    [[], "INPUT_INVALID"],
    [["frobnicate"], "INPUT_INVALID"],
    [["name"], "INPUT_INVALID"],
    [["name", "burn", "alice"], "INPUT_INVALID"],
    [["help", "frobnicate"], "INPUT_INVALID"],
    [["demo", "--fast"], "INPUT_INVALID"],
    [["devnet", "--sources", "0"], "INPUT_INVALID"],
    [["devnet", "--mine", "sometimes"], "INPUT_INVALID"],
    [["devnet", "--control", "--host", "0.0.0.0"], "INPUT_INVALID"],
    [["devnet", "--port", "70000"], "INPUT_INVALID"],
    [["devnet", "--host", ""], "INPUT_INVALID"],
    [["devnet", "--host", "203.0.113.7"], "INPUT_CONFIG_INVALID"],
    [["keygen"], "INPUT_INVALID"],
    [["keygen", "--out", "/nonexistent/x.key"], "INPUT_FILE_UNUSABLE"],
    [["keygen", "--out", "x.key", "--network", "bitcoin"], "INPUT_INVALID"],
    [["name", "register", "Alice!"], "NAME_INVALID"],
    [["name", "register", "bob", "--about", "/nonexistent"], "INPUT_FILE_UNUSABLE"],
    [["name", "register", "bob", "--fee-rate", "cheap"], "INPUT_INVALID"],
    [["name", "register", "bob", "--max-fee-sats", "10"], "INPUT_FEE_TOO_HIGH"],
    [["name", "register", "bob", "--wait", "forever"], "INPUT_INVALID"],
    [["name", "register", "bob", "--required", "3"], "INPUT_INVALID"],
    [["name", "show", "-alice"], "INPUT_INVALID"],
    [["name", "show", "no_name"], "NAME_INVALID"],
    [["put", "alice", "settings", "--key", "11".repeat(32)], "INPUT_INVALID"],
    [["put", "alice", "Not An Id"], "INPUT_ID_INVALID"],
    [["put", "alice", "settings", "/nonexistent"], "INPUT_FILE_UNUSABLE"],
    [["put", "alice", "settings", "/"], "INPUT_FILE_UNUSABLE"],
    [["put", "nobody", "settings"], "NAME_NOT_REGISTERED"],
    [["get", "alice"], "INPUT_INVALID"],
    [["get", "alice", "a//b"], "INPUT_ID_INVALID"],
    [["get", "alice", "settings", "--min-version", "x"], "INPUT_INVALID"],
    [["get", "alice", "settings", "--min-sources", "3"], "INPUT_INVALID"],
    [["get", "alice", "settings", "--timeout", "-5"], "INPUT_INVALID"],
    [["get", "alice", "settings", "--network", "signet"], "CHAIN_NETWORK_MISMATCH"],
    [["get", "alice", "settings", "--source", "ftp://x.example"], "INPUT_URL_INVALID"],
    [["get", "alice", "settings", "--store", "http://a:b@x.example"], "INPUT_URL_INVALID"],
    [["get", "alice", "settings", "--allow-host", "localhost"], "INPUT_INVALID"],
    [["get", "alice", "settings", "--key-file", "x"], "INPUT_INVALID"],
    [["get", "alice", "settings", "--hint", "alice"], "INPUT_INVALID"],
    [["name", "show", "alice", "--expect-tenure", "AB".repeat(32)], "INPUT_INVALID"],
    [["list", "alice", "--expect-owner", "bc1qalice"], "INPUT_INVALID"],
    [["put", "alice", "settings", "--hint", "ab".repeat(32)], "INPUT_INVALID"],
    [["add", "alice", "/nonexistent"], "INPUT_FILE_UNUSABLE"],
    [["add", "alice", "package.json", "--type", ""], "INPUT_INVALID"],
    [["add", "alice", "package.json", "--file-name", "p\u001b[31m.png"], "INPUT_INVALID"],
    [["cat", "alice", "abc"], "INPUT_INVALID"],
    [["cat", "alice", "AB".repeat(32)], "INPUT_INVALID"],
    [["list", "alice", "--prefix"], "INPUT_INVALID"],
  ];
  it.concurrent.each(usage)("%j is %s", async (args, code) => {
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
      HAWSER_SOURCES: env().env["HAWSER_SOURCES"] ?? "",
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
    const cases = ['{"minSource": 1}', '{"timeoutMs": 9999999999}', "{"];
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
    for (const path of ["/nonexistent", world.directory, file("large"), secret]) {
      const stderr = await expectFailure(["put", "alice", "x", "--key-file", path], 2, "INPUT_FILE_UNUSABLE", env());
      expect(stderr).not.toContain(secret);
    }
  });

  it("a key file is not published by mistake", async () => {
    const key = file("owner.key");
    await expectFailure(["put", "alice", "settings", key], 2, "INPUT_FILE_UNUSABLE", env());
    await expectFailure(["put", "alice", "settings"], 2, "INPUT_FILE_UNUSABLE", { ...env(), input: readFileSync(key) });
    await expectFailure(["add", "alice", key], 2, "INPUT_FILE_UNUSABLE", env());
    await expectFailure(["name", "register", "bob", "--about", key], 2, "INPUT_FILE_UNUSABLE", env());
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
    await expectFailure(["put", "alice", "another", "--delegate"], 5, "WALLET_NOT_OWNER", poor);
    await expectFailure(["put", "alice", "settings"], 2, "ROUTE_KEY_MISMATCH", poor);
  });
});
