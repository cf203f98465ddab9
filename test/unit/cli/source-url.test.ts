import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closeSource, createSource, parseSourceUrl, type SourceSetting } from "../../../src/cli/source-url.js";
import { isHawserError } from "../../../src/errors.js";
import type { ChainSource } from "../../../src/ports.js";
import { partialSource } from "../chain/seats.js";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "hawser-source-"));
  writeFileSync(join(directory, "password"), "secret\nsecond line\n");
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe("the URL of a chain source", () => {
  it.each([
    ["https://a.example/api", "esplora", "https://a.example/api"],
    ["http://127.0.0.1:3000", "esplora", "http://127.0.0.1:3000"],
    ["HTTPS://a.example", "esplora", "HTTPS://a.example"],
    ["esplora+https://a.example/api", "esplora", "https://a.example/api"],
    ["esplora+http://a.example", "esplora", "http://a.example"],
    ["electrum+tcp://a.example:50001", "electrum", "tcp://a.example:50001"],
    ["electrum+tls://a.example:50002", "electrum", "tls://a.example:50002"],
    ["electrum+ws://a.example:50003", "electrum", "ws://a.example:50003"],
    ["electrum+wss://a.example/e", "electrum", "wss://a.example/e"],
    ["Bitcoin+http://127.0.0.1:8332", "bitcoin-core", "http://127.0.0.1:8332"],
    ["bitcoin+https://a.example:8332", "bitcoin-core", "https://a.example:8332"],
  ])("%s", (text, kind, url) => {
    expect(parseSourceUrl(text)).toEqual({ kind, url });
  });

  it.each([
    "",
    "a.example",
    "ftp://a.example",
    "electrum://a.example:50001",
    "tcp://a.example:50001",
    "electrum+https://a.example",
    "bitcoin+tcp://a.example",
    "esplora+wss://a.example",
    "https:a.example",
    "a+b+https://a.example",
  ])("refuses %j", (text) => {
    expect(() => parseSourceUrl(text)).toThrow(expect.objectContaining({ code: "INPUT_URL_INVALID" }));
  });

  it("refuses credentials in the URL of a node, and shows none", () => {
    try {
      parseSourceUrl("bitcoin+http://user:secret@127.0.0.1:8332");
      expect.fail("accepted");
    } catch (error) {
      if (!isHawserError(error, "INPUT_URL_INVALID")) throw error;
      expect(error.message).toContain("HAWSER_RPC_COOKIE_FILE");
      expect(JSON.stringify(error.toJSON())).not.toContain("secret");
    }
  });
});

describe("the source of a setting", () => {
  const node = "bitcoin+http://127.0.0.1:18443";
  const create = (setting: SourceSetting, environment = {}): Promise<ChainSource> =>
    createSource(setting, "regtest", environment);
  const code = async (setting: SourceSetting, environment = {}): Promise<string> =>
    create(setting, environment).then(
      () => "created",
      (error: unknown) => (isHawserError(error) ? error.code : "other"),
    );

  it("is of the kind that its URL names, under its label", async () => {
    expect((await create({ url: "https://a.example/api" })).label).toBe("a.example/api");
    expect((await create({ url: "https://a.example/api", label: "mine" })).label).toBe("mine");
    const electrum = await create({ url: "electrum+tcp://127.0.0.1:50001", label: "mine" });
    expect(electrum.label).toBe("mine");
    expect(electrum.watch).toBeDefined();
    await closeSource(electrum);
    expect((await create({ url: node, label: "core", cookieFile: "/x" })).label).toBe("core");
  });

  it("of a node has its own credentials, or those of the environment", async () => {
    const passwordFile = join(directory, "password");
    expect(await code({ url: node })).toBe("INPUT_CONFIG_INVALID");
    expect(await code({ url: node, cookieFile: "/x" })).toBe("created");
    expect(await code({ url: node, user: "u", passwordFile })).toBe("created");
    expect(await code({ url: node, user: "u" })).toBe("INPUT_CONFIG_INVALID");
    expect(await code({ url: node, user: "u" }, { HAWSER_RPC_PASSWORD: "p" })).toBe("created");
    expect(await code({ url: node, passwordFile })).toBe("INPUT_CONFIG_INVALID");
    expect(await code({ url: node, cookieFile: "/x", user: "u" })).toBe("INPUT_CONFIG_INVALID");
    expect(await code({ url: node, user: "u", passwordFile: join(directory, "none") })).toBe("INPUT_FILE_UNUSABLE");
    expect(await code({ url: node }, { HAWSER_RPC_COOKIE_FILE: "/x" })).toBe("created");
    expect(await code({ url: node }, { HAWSER_RPC_COOKIE_FILE: "" })).toBe("INPUT_CONFIG_INVALID");
    expect(await code({ url: node }, { HAWSER_RPC_USER: "u", HAWSER_RPC_PASSWORD: "p" })).toBe("created");
    expect(await code({ url: node }, { HAWSER_RPC_USER: "u" })).toBe("INPUT_CONFIG_INVALID");
  });

  it("of another kind has none", async () => {
    expect(await code({ url: "https://a.example", cookieFile: "/x" })).toBe("INPUT_CONFIG_INVALID");
    expect(await code({ url: "electrum+tcp://a.example:1", user: "u" })).toBe("INPUT_CONFIG_INVALID");
  });

  it("is closed where it holds a connection", async () => {
    let closed = 0;
    await closeSource(partialSource("a", {}));
    await closeSource(Object.assign(partialSource("b", {}), { close: () => Promise.resolve(closed++) }));
    expect(closed).toBe(1);
  });
});
