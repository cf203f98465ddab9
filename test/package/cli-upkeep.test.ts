import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { registerAlice, useCliWorld } from "./cli-world.js";
import { runCli } from "./run-cli.js";

const world = useCliWorld({ sources: 1, stores: 2 });

/** The stores are on this machine, where strangers would not look. */
const withHosts = (): { readonly env: Record<string, string> } =>
  world.env({ HAWSER_ALLOW_HOSTS: (world.devnet.readerOptions().allowHosts ?? []).join(",") });

const objectsOf = (directory: string): readonly string[] =>
  readdirSync(join(directory, "objects"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.includes("/"))
    .map((path) => join(directory, "objects", path));

describe("status, mirror and repair", () => {
  it("show, copy and restore what a name has", { timeout: 120_000 }, async () => {
    const { env } = withHosts();
    await registerAlice(world);
    const status = await runCli(["status", "alice"], { env });
    expect(status.stderr).toMatch(/^alice as of block /m);
    expect(status.text).toMatch(/^ {2}profile +present +present$/m);
    expect(status.text).toMatch(/^ {2}m:settings +present +present$/m);
    expect(status.exitCode).toBe(0);

    const copy = world.file("copy");
    const from = world.devnet.storeUrls[0] ?? "";
    const mirror = await runCli(["mirror", "alice", "--to", copy], { env });
    expect(mirror.text).toMatch(/2 stored +0 held +0 moved +0 failed +0 unavailable/);
    expect(mirror.exitCode).toBe(0);

    const [object = ""] = objectsOf(copy);
    writeFileSync(object, "damage");
    const damaged = await runCli(["status", "alice", "--store", copy, "--json"], { env });
    const documents = damaged.text
      .trim()
      .split("\n")
      .map((line: string) => JSON.parse(line) as { readonly kind: string });
    expect(documents.at(-1)).toMatchObject({ kind: "summary", items: 2 });
    expect(documents[0]).toMatchObject({ kind: "profile" });
    expect(JSON.stringify(documents[0])).toContain('"verdict":"wrong"');
    expect(damaged.exitCode).toBe(4);

    const repair = await runCli(["repair", "alice", "--write-store", copy, "--store", from, "--json"], { env });
    expect(JSON.parse(repair.text.trim().split("\n").at(-1) ?? "")).toMatchObject({ kind: "summary" });
    rmSync(object);
    const gone = await runCli(["status", "alice", "--store", copy, "--faults"], { env });
    expect(gone.text).toMatch(/^ {2}profile .*missing/m);
    expect(gone.text).not.toMatch(/m:settings/);
    expect(gone.exitCode).toBe(1);

    // From the devnet's own store alone to that directory.
    const pull = await runCli(["mirror", "alice", "--from", from, "--write-store", copy], { env });
    expect(pull.exitCode, pull.stderr).toBe(0);
    expect(readFileSync(object, "utf8")).toContain('"hawser":1');
  });

  it("say what is missing in a call, and that there is no such name", { timeout: 60_000 }, async () => {
    const { env } = withHosts();
    const neither = await runCli(["mirror", "alice"], { env });
    expect(neither.stderr).toContain("--to: expected a store to copy to");
    expect(neither.exitCode).toBe(2);
    const keyless = await runCli(["mirror", "alice", "--to", "s3://bucket/alice"], { env });
    expect(keyless.stderr).toMatch(/The store "s3:\/\/bucket\/alice": .*accessKeyId.*credentialsFile/);
    expect(keyless.exitCode).toBe(2);
    for (const words of [
      ["status", "nobody"],
      ["mirror", "nobody", "--to", world.file("x")],
      ["repair", "nobody"],
    ]) {
      const { exitCode, stderr } = await runCli(words, { env });
      expect(stderr).toContain("does not exist: the name is free");
      expect(exitCode).toBe(1);
    }
  });
});
