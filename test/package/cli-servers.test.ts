import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, describe, expect, it } from "vitest";
import { startDevnet } from "../../src/devnet/index.js";
import { registerAlice, useCliWorld } from "./cli-world.js";
import { collect, expectFailure, runJson, startCli } from "./run-cli.js";

const world = useCliWorld();
const { file, env } = world;

beforeAll(() => registerAlice(world));

describe("servers that do not behave", () => {
  const read = ["get", "alice", "settings", "--network", "regtest", "--cache", "memory:"];

  it("an unreachable source and one that answers no JSON leave it unknown, each with its line", async () => {
    const server = createServer((_request, response) => response.end("<html>hello</html>"));
    const html = await listen(server);
    const gone = await startDevnet({ sources: 1, stores: 0 });
    await gone.close();
    const [nobody = ""] = gone.sourceUrls;
    const stderr = await expectFailure([...read, "--source", html, "--source", nobody], 3, "CHAIN_UNAVAILABLE");
    server.close();
    expect(stderr).toMatch(/^ {2}127\.0\.0\.1:\d+: NETWORK_ANSWER_INVALID: /m);
    expect(stderr).toMatch(/^ {2}127\.0\.0\.1:\d+: NETWORK_UNREACHABLE: .*ECONNREFUSED/m);
    expect(stderr).not.toContain("another chain");
    expect((await runJson([...read, "--source", nobody], 3)).error).toMatchObject({
      code: "CHAIN_UNAVAILABLE",
      details: { needed: 1, answered: 0, attempts: [{ code: "NETWORK_UNREACHABLE" }] },
    });
  });

  it("a cache of another regtest chain is told apart from sources that are away", async () => {
    await runJson(["get", "alice", "settings"], 0, env());
    await using other = await startDevnet({ sources: 1, stores: 0 });
    const stderr = await expectFailure(
      ["get", "alice", "settings"],
      3,
      "CHAIN_UNAVAILABLE",
      env({ HAWSER_SOURCES: other.sourceUrls.join(",") }),
    );
    expect(stderr).toContain(`${file("cache")} may hold another chain`);
  });

  it("stores that are away leave it unknown; a forger alone is wrong", async () => {
    const sources = world.sourceFlags();
    await expectFailure([...read, ...sources, "--store", "http://127.0.0.1:9"], 3, "PROFILE_UNAVAILABLE");
    const [first = ""] = world.devnet.storeUrls;
    await runJson(["get", "alice", "settings"], 0, env());
    // The cache has the profile, so that only the record is asked for.
    const flags = [...read.slice(0, -1), file("cache"), ...sources, "--store", first];
    world.devnet.tamper({ store: 0, how: "forge" });
    await expectFailure(flags, 4, "RECORD_UNVERIFIED");
    world.devnet.tamper({ store: 0, how: "down" });
    await expectFailure(flags, 3, "RECORD_UNAVAILABLE");
    world.devnet.tamper({ store: 0, how: "honest" });
  });

  it("too short a --timeout leaves it unknown", async () => {
    world.devnet.tamper({ source: 0, how: "slow:5000" });
    world.devnet.tamper({ source: 1, how: "slow:5000" });
    const sources = world.sourceFlags();
    await expectFailure([...read, ...sources, "--timeout", "300"], 3, "NETWORK_TIMEOUT");
    world.devnet.tamper({ source: 0, how: "honest" });
    world.devnet.tamper({ source: 1, how: "honest" });
  });

  it("a signal ends a read that waits, with what shells expect as exit code", async () => {
    const asked: (() => void)[] = [];
    const silent = createServer(() => {
      for (const tell of asked) tell();
    });
    const child = startCli([...read, "--source", await listen(silent), "--json"]);
    asked.push(() => child.kill("SIGTERM"));
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    const [exitCode] = (await once(child, "close")) as [number | null];
    silent.close();
    expect(exitCode).toBe(143);
    expect(JSON.parse(stdout().toString()).error.code).toBe("NETWORK_ABORTED");
    expect(stderr().toString()).toMatch(/^hawser: NETWORK_ABORTED: .+\n$/);
  });

  it("a cache that cannot be used is told, never replaced by memory", async () => {
    writeFileSync(file("no-directory"), "");
    const stderr = await expectFailure(["list", "alice"], 3, "CACHE_UNAVAILABLE", {
      ...env({ HAWSER_CACHE: file("no-directory/cache") }),
    });
    expect(stderr).toContain("--cache memory:");
    const hook = file("no-lmdb.cjs");
    writeFileSync(
      hook,
      `const m = require("node:module"); const load = m._load;
      m._load = (name, ...rest) => { if (name === "lmdb") throw new Error("Cannot find module"); return load(name, ...rest); };`,
    );
    const without = await expectFailure(["list", "alice"], 3, "CACHE_UNAVAILABLE", {
      ...env({ NODE_OPTIONS: `--require ${hook}` }),
    });
    expect(without).toContain("lmdb is not installed");
  });
});

/** Gives the base URL. */
async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
