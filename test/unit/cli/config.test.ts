import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { type Command, type Environment, parseArguments } from "../../../src/cli/command.js";
import { directoryOf, loadSettings, type Settings } from "../../../src/cli/config.js";
import { configPath, parseConfigFile, statePath } from "../../../src/cli/config-file.js";
import { writeFlags } from "../../../src/cli/flags.js";

let home = "";
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "hawser-config-"));
  mkdirSync(join(home, "hawser"));
});
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

const command: Command = {
  words: ["try"],
  summary: "Try.",
  arguments: [],
  flags: writeFlags,
  load: () => Promise.reject(new Error("not run")),
};

function load(argv: readonly string[], variables: Environment, file: object | string = {}): Promise<Settings> {
  writeFileSync(join(home, "hawser", "config.json"), typeof file === "string" ? file : JSON.stringify(file));
  return loadSettings(parseArguments(command, argv), { HOME: home, XDG_CONFIG_HOME: home, ...variables });
}

describe("places of files", () => {
  it("follow the XDG variables, or the home directory; relative ones are ignored", () => {
    expect(configPath({ XDG_CONFIG_HOME: "/c", HOME: "/h" })).toBe("/c/hawser/config.json");
    expect(configPath({ XDG_CONFIG_HOME: "c", HOME: "/h" })).toBe("/h/.config/hawser/config.json");
    expect(statePath({ XDG_STATE_HOME: "/s" }, "regtest")).toBe("/s/hawser/regtest");
    expect(statePath({ HOME: "/h" }, "mainnet")).toBe("/h/.local/state/hawser/mainnet");
  });
});

describe("sources in the configuration file", () => {
  it("may have a label and credentials in files, whose paths count from its directory", () => {
    const source = { url: "bitcoin+http://127.0.0.1:8332", label: "own", cookieFile: "core/.cookie" };
    const parse = (one: object): unknown =>
      parseConfigFile(utf8(JSON.stringify({ sources: ["https://a.example", one] })), "/c/hawser/config.json").sources;
    expect(parse(source)).toEqual(["https://a.example", { ...source, cookieFile: "/c/hawser/core/.cookie" }]);
    expect(parse({ url: "x", user: "u", passwordFile: "/p" })).toMatchObject([{}, { user: "u", passwordFile: "/p" }]);
    expect(() => parse({ ...source, password: "x" })).toThrow(/sources/);
  });
});

describe("loadSettings", () => {
  const file = {
    network: "regtest",
    sources: ["https://file.example"],
    stores: ["https://read.example", { url: "https://write.example", writable: true, conditional: true }],
    timeoutMs: 3,
    feeRateSatsPerVbyte: 1.5,
    maxFeeSats: 7,
  };

  it("takes flags before variables before the file before defaults", async () => {
    expect(await load([], {})).toMatchObject({ network: "mainnet", sources: [], stores: [], keyFile: undefined });
    expect(await load([], {}, file)).toMatchObject({
      network: "regtest",
      sources: [{ url: "https://file.example" }],
      timeoutMs: 3,
      feeRateSatsPerVbyte: 1.5,
      maxFeeSats: 7n,
    });
    const variables = { HAWSER_SOURCES: "https://a.example, https://b.example", HAWSER_TIMEOUT: "4", HAWSER_CACHE: "" };
    expect(await load([], { HAWSER_SIGNER_KEY_FILE: "v" }, { signerKeyFile: "/f" })).toMatchObject({
      signerKeyFile: "v",
    });
    expect(await load(["--signer-key", "g"], { HAWSER_SIGNER_KEY_FILE: "v" })).toMatchObject({ signerKeyFile: "g" });
    const fromVariables = await load([], variables, file);
    expect(fromVariables).toMatchObject({
      sources: [{ url: "https://a.example" }, { url: "https://b.example" }],
      timeoutMs: 4,
    });
    const flags = ["--source", "https://flag.example", "--timeout", "5", "--fee-rate", "2.25", "--cache", "memory:"];
    expect(await load(flags, variables, file)).toMatchObject({
      sources: [{ url: "https://flag.example" }],
      timeoutMs: 5,
      feeRateSatsPerVbyte: 2.25,
      cache: "memory:",
    });
  });

  it("keeps state by network, below XDG_STATE_HOME", async () => {
    const variables = { XDG_STATE_HOME: "/state" };
    expect((await load([], variables, file)).cache).toBe("/state/hawser/regtest");
    expect((await load(["--network", "mainnet"], variables, file)).cache).toBe("/state/hawser/mainnet");
  });

  it("replaces read stores and write stores apart, and counts one place once", async () => {
    const urls = async (...argv: string[]) =>
      (await load(argv, {}, file)).stores.map(({ url, writable }) => `${url} ${writable === true ? "w" : "r"}`);
    expect(await urls()).toEqual(["https://read.example r", "https://write.example w"]);
    expect(await urls("--store", "https://x.example")).toEqual(["https://x.example r", "https://write.example w"]);
    expect(await urls("--write-store", "https://read.example/")).toEqual(["https://read.example/ w"]);
  });

  it("takes the gap between writes of an S3 store", async () => {
    for (const minWriteGapMs of [0, 60_000]) {
      const stores = [{ url: "s3://bucket", minWriteGapMs }];
      expect((await load([], {}, { stores })).stores).toMatchObject(stores);
    }
  });

  it("counts paths in the file from its directory", async () => {
    const settings = await load(
      [],
      {},
      { cache: "c", keyFile: "k", signerKeyFile: "s", stores: ["d", { url: "/e", writable: true }] },
    );
    expect(settings).toMatchObject({
      cache: join(home, "hawser/c"),
      keyFile: join(home, "hawser/k"),
      signerKeyFile: join(home, "hawser/s"),
    });
    expect(settings.stores.map(({ url }) => url)).toEqual([join(home, "hawser/d"), "/e"]);
  });

  it.each<[readonly string[], Environment, object | string, string, RegExp]>([
    [["--timeout", "x"], {}, {}, "INPUT_INVALID", /^--timeout: /],
    [["--network", "x"], {}, {}, "INPUT_INVALID", /^--network: /],
    [[], { HAWSER_TIMEOUT: "0" }, {}, "INPUT_CONFIG_INVALID", /^HAWSER_TIMEOUT: /],
    [[], { HAWSER_MAX_FEE_SATS: "1e3" }, {}, "INPUT_CONFIG_INVALID", /^HAWSER_MAX_FEE_SATS: /],
    [[], { HAWSER_FEE_RATE: "-1" }, {}, "INPUT_CONFIG_INVALID", /^HAWSER_FEE_RATE: /],
    [[], {}, { network: "x" }, "INPUT_CONFIG_INVALID", /^network in the configuration file: /],
    [[], {}, { sourcs: [] }, "INPUT_CONFIG_INVALID", /config\.json .*unknown member "sourcs"/],
    [[], {}, { sources: "x" }, "INPUT_CONFIG_INVALID", /config\.json .*sources: expected array/],
    [[], {}, { minSources: 1.5 }, "INPUT_CONFIG_INVALID", /config\.json .*minSources: expected int/],
    [[], {}, { timeoutMs: 604_800_001 }, "INPUT_CONFIG_INVALID", /timeoutMs: the number is too large/],
    [[], {}, { minConfirmations: 10_001 }, "INPUT_CONFIG_INVALID", /minConfirmations: the number is too large/],
    [
      [],
      {},
      { stores: [{ url: "s3://b", minWriteGapMs: -1 }] },
      "INPUT_CONFIG_INVALID",
      /stores\.0.*the number is too small/,
    ],
    [[], {}, { stores: [{ url: "s3://b", minWriteGapMs: 60_001 }] }, "INPUT_CONFIG_INVALID", /stores\.0.*too large/],
    [[], {}, { stores: [{ url: "s3://b", minWriteGapMs: 0.5 }] }, "INPUT_CONFIG_INVALID", /stores\.0: expected a URL/],
    [[], {}, { stores: [{ url: "x", writeable: true }] }, "INPUT_CONFIG_INVALID", /stores\.0: unknown member/],
    [[], {}, "[]", "INPUT_CONFIG_INVALID", /expected object/],
    [[], {}, '{"a":', "INPUT_CONFIG_INVALID", /config\.json cannot be used: /],
  ])("%j %j %j is %s", async (argv, variables, text, code, message) => {
    await expect(load(argv, variables, text)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  it("says where a value stood, not what it was, for a file that is too large or no file", async () => {
    await expect(load([], {}, " ".repeat(300_000))).rejects.toMatchObject({ code: "INPUT_TOO_LARGE" });
    const nowhere = await loadSettings(parseArguments(command, []), { XDG_CONFIG_HOME: join(home, "none") });
    expect(nowhere.network).toBe("mainnet");
  });
});

describe("stores on disk", () => {
  it("are paths and file: URLs without a host", () => {
    expect(directoryOf({ url: "data" })).toBe("data");
    expect(directoryOf({ url: "file:///data/x%20y" })).toBe("/data/x y");
    expect(directoryOf({ url: "https://a.example" })).toBe(null);
    expect(() => directoryOf({ url: "file://host/data" })).toThrow(
      expect.objectContaining({ code: "INPUT_CONFIG_INVALID" }),
    );
  });

  it("may stand in the file as URLs, which stay as they are", () => {
    const parsed = parseConfigFile(utf8('{"stores":["file:///x"],"cache":"memory:"}'), "/c/config.json");
    expect(parsed).toMatchObject({ stores: ["file:///x"], cache: "memory:" });
  });
});
