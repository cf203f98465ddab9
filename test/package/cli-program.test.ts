import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { startDevnet } from "../../src/devnet/index.js";
import { environmentOf, useCliWorld } from "./cli-world.js";
import { collect, expectFailure, runCli, runJson, startCli } from "./run-cli.js";

const world = useCliWorld({ sources: 1, stores: 0 });
const { file } = world;

describe("the program", () => {
  it("has help for everything, and a version", async () => {
    const { exitCode, text } = await runCli(["--help"]);
    expect(exitCode).toBe(0);
    const ofNames = ["register", "show", "renew", "transfer", "release", "recover", "rotate-key", "reserved"];
    const names = ["demo", "devnet", "keygen", "put", "get", "add", "cat", "list"];
    for (const name of [...names, ...ofNames.map((word) => `name ${word}`)]) expect(text).toContain(`\n  ${name} `);
    for (const name of ["name register", "keygen"]) {
      const help = await runCli([...name.split(" "), "--help"]);
      expect(help.exitCode).toBe(0);
      expect(help.text).toContain(`Usage: hawser ${name}`);
    }
    const group = await runCli(["name", "--help"]);
    expect(group.text).toContain("\n  name register ");
    expect(group.text).not.toContain("\n  put ");
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

  it("devnet prints settings to paste, and one Ctrl-C that npm sends a second time lets it end cleanly", async () => {
    mkdirSync(file("tmp"));
    const child = startCli(["devnet", "--sources", "2", "--stores", "1"], { env: { TMPDIR: file("tmp") } });
    const stdout = collect(child.stdout);
    while (!stdout().includes("Ctrl-C ends it.")) await once(child.stdout as NodeJS.ReadableStream, "data");
    const exported = [
      ...stdout()
        .toString()
        .matchAll(/(HAWSER_\w+)=(\S+)/g),
    ].map(([, name, value]) => [name, value]);
    const shown = await runJson(["name", "show", "alice"], 1, { env: Object.fromEntries(exported) });
    expect(shown.asOf.sources).toHaveLength(2);
    child.kill("SIGINT");
    // Another one, since two of a kind may arrive as one.
    child.kill("SIGTERM");
    const [exitCode] = (await once(child, "close")) as [number | null];
    expect(exitCode).toBe(0);
    expect(readdirSync(file("tmp"))).toEqual([]);
  });
});

describe("a registration that is interrupted", () => {
  it("goes on after SIGKILL with the same tenure and sends no second PREORDER; SIGINT exits with 130", async () => {
    await using slow = await startDevnet({ sources: 2, stores: 1, mine: "manual" });
    const made = await runJson(["keygen", "--out", file("slow.key"), "--network", "regtest"], 0);
    const [address] = made.addresses;
    await slow.faucet(address, 1_000_000n);
    const env = { ...environmentOf(slow, world, "slow-cache"), HAWSER_KEY_FILE: file("slow.key") };
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

    const child = startCli(["name", "register", "carol"], { env });
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    child.stderr?.on("data", (chunk: Buffer) => {
      // A block whenever it has something to wait for.
      if (chunk.includes("Waiting for")) void slow.mine(1);
    });
    const [exitCode] = (await once(child, "close")) as [number | null];
    expect(exitCode, stderr().toString()).toBe(0);
    expect(stdout().toString()).toBe(`carol is registered, tenure ${tenure ?? ""}\n`);
    const history = await fetch(`${slow.sourceUrls[0] ?? ""}/address/${address}/txs`);
    // The faucet's payment, one PREORDER, one REGISTER.
    expect(await history.json()).toHaveLength(3);
  });
});
