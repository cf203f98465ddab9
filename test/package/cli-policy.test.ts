import { beforeAll, describe, expect, it } from "vitest";
import { startDevnet } from "../../src/devnet/index.js";
import { verifyForkProof } from "../../src/index.js";
import { environmentOf, registerAlice, useCliWorld } from "./cli-world.js";
import { expectFailure, runCli, runJson } from "./run-cli.js";

const world = useCliWorld();
const { file, env } = world;
/** Servers that do not exist, with the cache of a run before. */
const offline = (cache = "cache") => ({
  env: {
    ...env({ HAWSER_CACHE: file(cache) }).env,
    HAWSER_SOURCES: "http://127.0.0.1:9,http://127.0.0.1:10",
    HAWSER_WRITE_STORES: "http://127.0.0.1:11",
  },
});

describe("--policy", () => {
  let key = "";
  beforeAll(async () => {
    await registerAlice(world);
    key = (await runCli(["add", "alice", "-"], { ...env(), input: "a photo" })).text.trim();
    for (const args of [
      ["get", "alice", "settings"],
      ["cat", "alice", key],
      ["list", "alice"],
    ]) {
      expect((await runCli(args, env())).exitCode).toBe(0);
    }
  });

  it.each(["cache-only", "cache-first", "network-first"])(
    "%s gives what was read before, without a network",
    async (policy) => {
      const flags = ["--policy", policy];
      const got = await runCli(["get", "alice", "settings", ...flags], offline());
      expect([got.exitCode, got.text]).toEqual([0, "one"]);
      expect(got.stderr).toMatch(/as of block \d+ \(tip \d+, .+ old\), from the cache, no source asked$/m);
      expect(got.stderr).not.toMatch(/^ {2}(?:source|replica) /m);
      const found = await runJson(["get", "alice", "settings", ...flags], 0, offline());
      expect(found).toMatchObject({
        found: true,
        from: "cache",
        ver: 1,
        replicas: [],
        asOf: { sources: [], partial: true },
      });
      expect((await runCli(["cat", "alice", key, ...flags], offline())).text).toBe("a photo");
      expect((await runCli(["list", "alice", ...flags], offline())).text.trimEnd().split("\n")).toHaveLength(2);
      expect(await runJson(["name", "show", "alice", "--profile", ...flags], 0, offline())).toMatchObject({
        from: "cache",
      });
      expect((await runJson(["get", "alice", "nothing", ...flags], 1, offline())).why).toBe("not-in-index");
    },
  );

  it("cache-only on an empty cache is CACHE_MISS, exit code 3, with a hint", async () => {
    const stderr = await expectFailure(
      ["get", "alice", "settings", "--policy", "cache-only"],
      3,
      "CACHE_MISS",
      offline("new"),
    );
    expect(stderr).toContain("without --policy cache-only");
    await expectFailure(
      ["get", "alice", "settings", "--policy", "network-first"],
      3,
      "CHAIN_UNAVAILABLE",
      offline("new"),
    );
    await expectFailure(["get", "alice", "settings"], 3, "CHAIN_UNAVAILABLE", offline());
  });

  it("bounds and expectations hold", async () => {
    const args = ["get", "alice", "settings", "--policy", "cache-only"];
    await expectFailure([...args, "--min-version", "2"], 4, "RECORD_STALE", offline());
    await expectFailure([...args, "--expect-tenure", "ab".repeat(32)], 4, "NAME_OWNER_CHANGED", offline());
    await expectFailure(["get", "alice", "settings", "--policy", "cache"], 2, "INPUT_INVALID", offline());
  });

  it("--replicas asks so many", async () => {
    const found = await runJson(["get", "alice", "settings", "--replicas", "1"], 0, env());
    expect(found.replicas).toHaveLength(1);
    await expectFailure(["get", "alice", "settings", "--replicas", "0"], 2, "INPUT_INVALID", env());
  });
});

describe("a fork", () => {
  it("M9: get shows its proof in the JSON of the error, and others can check it", async () => {
    const devnet = await startDevnet({ sources: 2, stores: 2 });
    await registerAlice({ ...world, devnet, file: (name) => file(`fork-${name}`) });
    const [first = "", second = ""] = devnet.storeUrls;
    const of = (cache: string, store: string) => ({
      env: {
        ...environmentOf(devnet, world, cache),
        HAWSER_KEY_FILE: file("fork-owner.key"),
        HAWSER_WRITE_STORES: store,
        HAWSER_STORES: store,
      },
    });
    // Two devices that each know one store.
    expect((await runCli(["put", "alice", "settings"], { ...of("fork-a", first), input: "mine" })).exitCode).toBe(0);
    expect((await runCli(["put", "alice", "settings"], { ...of("fork-b", second), input: "thine" })).exitCode).toBe(0);
    const { error } = await runJson(["get", "alice", "settings"], 4, of("fork-c", devnet.storeUrls.join(",")));
    expect(error.code).toBe("RECORD_FORKED");
    expect(verifyForkProof(error.details.proof)).toMatchObject({ network: "regtest", name: "alice", ver: 2 });
    // Across reads: the device that read its own side has its digest.
    const own = await runJson(["get", "alice", "settings"], 4, of("fork-a", second));
    expect(verifyForkProof(own.error.details.proof).records[1]).toContain("sha256");
    await devnet.close();
  });
});
