import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { reply, serve } from "../unit/storage/serve.js";
import { useCliWorld } from "./cli-world.js";
import { expectFailure, runCli, runJson } from "./run-cli.js";

const world = useCliWorld({ sources: 2, stores: 1 });
const { file, env } = world;
/** Somebody without sources and state. */
const offline = { env: { HAWSER_NETWORK: "regtest", HAWSER_CACHE: "memory:" } };
const fresh = (name: string, extra: Readonly<Record<string, string>> = {}): { env: Record<string, string> } =>
  env({ HAWSER_CACHE: file(name), ...extra });

describe("block headers", () => {
  it("sync stores them, export writes them, verify tells what they are, and a file gives them to others", async () => {
    await world.devnet.mine(600);
    const synced = await runCli(["headers", "sync"], fresh("first"));
    expect(synced.exitCode, synced.stderr).toBe(0);
    const [, height = "", hash = ""] = /^block (\d+) ([0-9a-f]{64})\n$/.exec(synced.text) ?? [];
    expect(synced.stderr).toMatch(
      new RegExp(`^${height} headers on top of block 0; the newest block is \\d+ min old$`, "m"),
    );
    expect(synced.stderr).toMatch(/^Fetching headers: /m);
    expect(synced.stderr).toMatch(/^ {2}127\.0\.0\.1:\d+(?:\/\S*)? .*agreed$/m);
    expect((await runCli(["headers", "sync", "--quiet"], fresh("first"))).stderr).toBe("");

    const path = file("headers.bin");
    const exported = await runCli(["headers", "export", path], fresh("first", { HAWSER_SOURCES: "" }));
    expect(exported.text, exported.stderr).toBe(`${path} holds ${height} headers, 1 to ${height} ${hash}\n`);
    expect(readFileSync(path).length).toBe(80 * Number(height));
    const part = file("part.bin");
    const told = await runJson(["headers", "export", part, "--from", "101"], 0, fresh("first"));
    expect(told).toEqual({ file: part, from: 101, height: Number(height), hash, bytes: 80 * (Number(height) - 100) });
    expect(readFileSync(part)).toEqual(readFileSync(path).subarray(8_000));

    const shown = await runCli(["headers", "verify", path], offline);
    expect(shown.exitCode, shown.stderr).toBe(0);
    expect(shown.text).toMatch(new RegExp(`^ {2}headers +1 to ${height}$`, "m"));
    expect(shown.text).toMatch(new RegExp(`^ {2}hash +${hash}$`, "m"));
    expect(await runJson(["headers", "verify", path], 0, offline)).toMatchObject({
      height: Number(height),
      hash,
      start: 1,
    });

    const server = await serve(({ headers }, response) => {
      const [from = 0, to = 0] = (headers.range ?? "").replace("bytes=", "").split("-").map(Number);
      const bytes = readFileSync(path);
      const range = `bytes ${from}-${Math.min(to, bytes.length - 1)}/${bytes.length}`;
      reply(response, 206, bytes.subarray(from, to + 1), { "content-range": range });
    });
    const url = `${server.url}/headers.bin`;
    for (const [name, place] of Object.entries({ url, path })) {
      const result = await runJson(["headers", "sync", "--header-file", place], 0, fresh(name));
      expect(result).toMatchObject({ height: Number(height), hash, from: 0 });
      expect(result.headerSources).toMatchObject([{ headers: Number(height), failure: null }]);
    }
    // Reads take it, too, and from the environment.
    const read = await runCli(["name", "show", "alice"], fresh("reading", { HAWSER_HEADER_FILES: `${url},${path}` }));
    expect(read.exitCode, read.stderr).toBe(1);
    await server.close();
  });

  it("verify exits with 4 for headers that break a rule, and with 2 for what cannot be used", async () => {
    const bytes = readFileSync(file("headers.bin"));
    const bad = Buffer.from(bytes);
    bad[8_000] = (bad[8_000] ?? 0) ^ 1;
    writeFileSync(file("bad.bin"), bad);
    await expectFailure(["headers", "verify", file("bad.bin")], 4, "CHAIN_HEADER_INVALID", offline);
    writeFileSync(file("cut.bin"), bytes.subarray(0, 8_100));
    await expectFailure(["headers", "verify", file("cut.bin")], 4, "CHAIN_HEADER_INVALID", offline);
    await expectFailure(
      ["headers", "verify", file("headers.bin"), "--network", "signet"],
      4,
      "CHAIN_WORK_INSUFFICIENT",
      offline,
    );
    await expectFailure(["headers", "verify", file("headers.bin"), "--start", "2"], 2, "INPUT_INVALID", offline);
    await expectFailure(["headers", "verify", file("none.bin")], 2, "INPUT_FILE_UNUSABLE", offline);
  });

  it("a bad header file fails nothing, and is told", async () => {
    const result = await runCli(["headers", "sync", "--header-file", file("bad.bin")], fresh("bad"));
    expect(result.exitCode, result.stderr).toBe(0);
    expect(result.stderr).toMatch(/bad\.bin +100 headers +(?:CHAIN_HEADER|NETWORK_ANSWER)_INVALID: /);
    const other = await runJson(["headers", "sync", "--header-file", file("none.bin")], 0, fresh("none"));
    expect(other.headerSources).toMatchObject([{ headers: 0, failure: { code: "INPUT_FILE_UNUSABLE" } }]);
  });

  it("sync needs a source and has a time limit of its own; export needs headers", async () => {
    await expectFailure(["headers", "sync"], 2, "INPUT_CONFIG_INVALID", offline);
    const hanging = await serve(() => undefined);
    const slow = { env: { ...offline.env, HAWSER_SOURCES: hanging.url, HAWSER_TIMEOUT: "1" } };
    await expectFailure(["headers", "sync", "--timeout", "300"], 3, "NETWORK_TIMEOUT", slow);
    await hanging.close();
    const message = await expectFailure(["headers", "export", file("no.bin")], 3, "CACHE_MISS", offline);
    expect(message).toContain("headers sync");
    await expectFailure(["headers", "export", file("no.bin"), "--from", "9999"], 2, "INPUT_INVALID", fresh("first"));
    await expectFailure(
      ["headers", "sync", "--header-file", "http://u:secret@h/f"],
      2,
      "INPUT_URL_INVALID",
      fresh("first"),
    );
  });
});
