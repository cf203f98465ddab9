import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { encodeHex } from "../../../src/bytes/hex.js";
import { networks } from "../../../src/chain/network.js";
import { type Arguments, parseArguments } from "../../../src/cli/command.js";
import { commands, findCommand } from "../../../src/cli/commands.js";
import { readExpectations } from "../../../src/cli/expectation.js";
import { addressOf } from "../../../src/plan/address.js";
import { TestKey } from "../devnet/wallet.js";
import { expectCode } from "../storage/expect-code.js";

const TXID = "ab".repeat(32);
const { p2tr, p2wpkh } = new TestKey("owner");

function argumentsOf(...flags: readonly string[]): Arguments {
  const found = findCommand(["name", "show"]);
  if (!("command" in found)) throw new Error("no such command");
  return parseArguments(found.command, ["alice", ...flags]);
}

describe("--hint and --expect", () => {
  it("belong to each command that looks something up, and to no other", () => {
    const having = commands.filter(({ flags }) => flags.some(({ name }) => name === "hint"));
    const words = ["doctor", "name show", "get", "cat", "watch", "list", "export", "status", "mirror", "repair"];
    expect(having.map((command) => command.words.join(" "))).toEqual(words);
    for (const { flags } of having) {
      expect(flags.map(({ name }) => name)).toEqual(expect.arrayContaining(["expect-tenure", "expect-owner"]));
    }
  });

  it("expect nothing where they are not given", async () => {
    expect(await readExpectations(argumentsOf(), "regtest")).toEqual({ hint: undefined, expect: undefined });
    expect((await readExpectations(argumentsOf("--hint", TXID), "regtest")).hint).toBe(TXID);
  });

  it("take a bundle from a file", async () => {
    const directory = await mkdtemp(join(tmpdir(), "hawser-hint-"));
    try {
      const file = join(directory, "alice.json");
      await writeFile(file, "{}");
      const { hint } = await readExpectations(argumentsOf("--hint", file), "regtest");
      expect(hint).toEqual({ bundle: new Uint8Array([0x7b, 0x7d]) });
      await expectCode("INPUT_FILE_UNUSABLE", readExpectations(argumentsOf("--hint", directory), "regtest"));
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("take a tenure, and an owner as script or address of the network", async () => {
    const tenure = await readExpectations(argumentsOf("--expect-tenure", TXID), "regtest");
    expect(tenure.expect).toEqual({ tenure: TXID, ownerScript: undefined });
    for (const script of [p2tr, p2wpkh]) {
      for (const owner of [encodeHex(script), addressOf(script, networks.signet)]) {
        const both = await readExpectations(argumentsOf("--expect-owner", owner, "--expect-tenure", TXID), "signet");
        expect(both.expect).toEqual({ tenure: TXID, ownerScript: script });
      }
    }
  });

  it.each([
    ["hint", ""],
    ["hint", TXID.slice(1)],
    ["hint", TXID.toUpperCase()],
    ["hint", "no/such/file.json"],
    ["expect-tenure", "alice"],
    ["expect-owner", ""],
    ["expect-owner", TXID],
    ["expect-owner", `76a914${"11".repeat(20)}88ac`],
    ["expect-owner", addressOf(p2tr, networks.regtest)],
  ])("--%s %j is INPUT_INVALID that names the flag", async (flag, value) => {
    const error = await expectCode("INPUT_INVALID", readExpectations(argumentsOf(`--${flag}=${value}`), "mainnet"));
    expect(error.details.argument).toBe(`--${flag}`);
    expect(error.message).toContain(JSON.stringify(value));
  });
});
