import { once } from "node:events";
import { createInterface } from "node:readline";
import { beforeAll, describe, expect, it } from "vitest";
import { registerAlice, useCliWorld } from "./cli-world.js";
import { runCli, runJson, startCli } from "./run-cli.js";

const world = useCliWorld();
const { env } = world;

beforeAll(() => registerAlice(world));

describe("hawser watch", () => {
  it("prints an event a line and ends with 0 when it is interrupted", async () => {
    const child = startCli(["watch", "alice", "settings", "--json", "--poll", "200"], env());
    if (child.stdout === null) expect.fail("no stdout");
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async (): Promise<unknown> => JSON.parse(String((await lines.next()).value)) as unknown;
    expect(await next()).toMatchObject({ type: "present", result: { found: true, ver: 1, data: "b25l" } });
    await world.devnet.mine(1);
    expect(await next()).toMatchObject({ type: "changed", changes: [{ what: "block" }] });
    child.kill("SIGINT");
    const [exitCode] = (await once(child, "close")) as [number | null];
    expect(exitCode).toBe(0);
  });

  it("refuses a wrong name or poll before it asks anybody", async () => {
    expect((await runCli(["watch", "Alice"], env())).exitCode).toBe(2);
    expect((await runCli(["watch", "alice", "--poll", "0"], env())).exitCode).toBe(2);
  });
});

describe("hawser doctor", () => {
  it("finds nothing about a devnet, and leaves nothing in its stores", async () => {
    const { worst, findings } = await runJson(["doctor", "alice", "--write-probe"], 1, env());
    expect(worst).toBe("warn");
    const weak = findings.filter(({ level }: { level: string }) => level !== "ok");
    // Stores are not set to be conditional in this environment.
    expect(new Set(weak.map(({ check }: { check: string }) => check))).toEqual(new Set(["conditional"]));
    const areas = new Set(findings.map(({ area }: { area: string }) => area));
    expect(areas).toEqual(new Set(["cache", "sources", "name", "stores", "clock"]));
  });

  it("says what is wrong with a source, and exits with 3", async () => {
    world.devnet.tamper({ source: 1, how: "down" });
    const { exitCode, text } = await runCli(["doctor"], env());
    world.devnet.tamper({ source: 1, how: "honest" });
    expect(exitCode).toBe(3);
    expect(text).toMatch(/^ {2}bad {3}sources 127\.0\.0\.1:\d+: reachable: No answer: NETWORK_UNREACHABLE/m);
  });
});
