import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { registerAlice, useCliWorld } from "./cli-world.js";
import { expectFailure, runCli, runJson } from "./run-cli.js";

const world = useCliWorld();
const { file, env } = world;
/** Somebody without sources, stores and state. */
const offline = { env: { HAWSER_NETWORK: "regtest", HAWSER_CACHE: "memory:" } };

describe("proof bundles", () => {
  const photo = Buffer.from("a photo");
  const key = createHash("sha256").update(photo).digest("hex");
  beforeAll(async () => {
    await registerAlice(world);
    writeFileSync(file("photo"), photo);
    await runJson(["add", "alice", file("photo")], 0, env());
  });

  it("export writes one, verify tells what it proves, without a network", async () => {
    const out = file("alice.bundle");
    const written = await runCli(["export", "alice", "--id", "settings", "--out", out], env());
    expect(written.text, written.stderr).toMatch(/ holds a bundle of alice, \d+ bytes\n$/);
    expect(written.stderr).toMatch(/^as of block \d+ /m);
    const shown = await runCli(["verify", out], offline);
    expect(shown.exitCode, shown.stderr).toBe(0);
    expect(shown.text).toMatch(/^ {2}name +alice$/m);
    expect(shown.text).toMatch(/^ {2}complete +no: /m);
    expect(shown.text).toMatch(/^ {2}as of +block \d+ \(last header \d+, \d+ min old\)$/m);
    expect(shown.text).toMatch(/^ {2}record +settings, version 1, epoch \d+, 3 bytes$/m);
    expect(shown.stderr).toContain("read it");
    expect((await runCli(["verify", out, "--quiet"], offline)).stderr).toBe("");
  });

  it("with --json all of it is on stdout", async () => {
    const out = file("json.bundle");
    const args = ["export", "alice", "--id", "settings", "--object", `i:${key}`, "--out", out];
    const exported = await runJson(args, 0, env());
    expect(exported).toMatchObject({ found: true, out, bytes: readFileSync(out).length, name: { status: "active" } });
    expect(exported.bundle).toBeUndefined();
    const proof = await runJson(["verify", out], 0, offline);
    expect(proof).toMatchObject({ complete: false, registrationPinned: false, name: "alice", network: "regtest" });
    expect(Buffer.from(proof.record.data, "base64").toString()).toBe("one");
    expect(Buffer.from(proof.object.data, "base64")).toEqual(photo);
    expect(proof.asOf.height).toBe(exported.asOf.height);
    const pinned = await runJson(["verify", out, "--pin", proof.register, "--name", "alice"], 0, offline);
    expect(pinned).toMatchObject({ complete: false, registrationPinned: true });
    const { text } = await runCli(["verify", out, "--pin", proof.register], offline);
    expect(text).toMatch(/^ {2}registered by +[0-9a-f]{64}, as pinned$/m);
  });

  it("--from leaves headers out, for those whose cache has them", async () => {
    const out = file("late.bundle");
    const { asOf } = await runJson(["name", "show", "alice"], 0, env());
    await runJson(["export", "alice", "--from", String(asOf.tipHeight), "--out", out], 0, env());
    expect(readFileSync(out).length).toBeLessThan(5_000);
    expect(await runJson(["verify", out], 0, env())).toMatchObject({ asOf: { tipHeight: asOf.tipHeight } });
    await expectFailure(["verify", out], 4, "CHAIN_HEADER_INVALID", offline);
  });

  it("verify holds a record against the floor of the cache", async () => {
    const out = file("old.bundle");
    await runJson(["export", "alice", "--id", "settings", "--out", out], 0, env());
    await runJson(["put", "alice", "settings"], 0, { ...env(), input: "two" });
    await runJson(["get", "alice", "settings"], 0, env());
    await expectFailure(["verify", out], 4, "RECORD_STALE", env());
    expect((await runJson(["verify", out], 0, offline)).record.ver).toBe(1);
  });

  it("is a hint for whoever reads without a cache, and none that lies", async () => {
    const out = file("hint.bundle");
    await runJson(["export", "alice", "--id", "settings", "--out", out], 0, env());
    const cold = { env: { ...env().env, HAWSER_CACHE: "memory:" } };
    const found = await runJson(["get", "alice", "settings", "--hint", out], 0, cold);
    expect(found.replicas.at(-1)).toMatchObject({ label: "bundle" });
    expect((await runCli(["get", "alice", "settings", "--hint", out], cold)).exitCode).toBe(0);
    await expectFailure(["get", "bob", "settings", "--hint", out], 4, "BUNDLE_INVALID", cold);
    writeFileSync(out, "{}");
    await expectFailure(["name", "show", "alice", "--hint", out], 4, "BUNDLE_INVALID", cold);
  });

  it("what is wrong has a code and an exit code", async () => {
    const out = file("alice.bundle");
    const bytes = readFileSync(out);
    await expectFailure(["verify", out, "--name", "bob"], 4, "BUNDLE_INVALID", offline);
    await expectFailure(["verify", out, "--pin", "00".repeat(32)], 4, "BUNDLE_INVALID", offline);
    await expectFailure(["verify", out, "--pin", "00"], 2, "INPUT_INVALID", offline);
    await expectFailure(["verify", out, "--max-bytes", String(bytes.length - 1)], 2, "INPUT_TOO_LARGE", offline);
    await expectFailure(["verify", out, "--max-bytes", "x"], 2, "INPUT_INVALID", offline);
    await expectFailure(["verify", out, "--min-confirmations", "1000"], 4, "BUNDLE_INVALID", offline);
    await expectFailure(["verify", out, "--network", "signet"], 2, "CHAIN_NETWORK_MISMATCH", offline);
    await expectFailure(["verify", file("none")], 2, "INPUT_FILE_UNUSABLE", offline);
    writeFileSync(file("cut.bundle"), bytes.subarray(0, -2));
    await expectFailure(["verify", file("cut.bundle")], 4, "BUNDLE_INVALID", offline);
    writeFileSync(file("later.bundle"), '{"hawserBundle":2}');
    await expectFailure(["verify", file("later.bundle")], 3, "BUNDLE_UNSUPPORTED", offline);
    await expectFailure(["export", "alice", "--from", "0", "--out", file("x")], 2, "INPUT_INVALID", env());
    await expectFailure(["export", "alice"], 2, "INPUT_INVALID", env());
    expect((await runJson(["export", "alice", "--id", "none", "--out", file("x")], 1, env())).why).toBe("not-in-index");
    const { exitCode, stderr } = await runCli(["export", "nobody", "--out", file("x")], env());
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/^nobody does not exist: the name is free, /)]);
  });
});
