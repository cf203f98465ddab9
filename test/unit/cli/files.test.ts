import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { type Command, type Invocation, parseArguments } from "../../../src/cli/command.js";
import { deliver } from "../../../src/cli/deliver.js";
import { readFileAtMost, readStreamAtMost, writeFileAtomically, writeNewSecret } from "../../../src/cli/files.js";
import { outFlag } from "../../../src/cli/flags.js";
import { collectingOutput, type Written } from "./terminal.js";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "hawser-files-"));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});
const file = (name: string): string => join(directory, name);

describe("reading", () => {
  it("reads whole files and streams up to a limit, and names what cannot be read", async () => {
    writeFileSync(file("five"), "12345");
    expect(await readFileAtMost(file("five"), 5)).toEqual(utf8("12345"));
    await expect(readFileAtMost(file("five"), 4)).rejects.toMatchObject({
      code: "INPUT_TOO_LARGE",
      details: { bytes: 5, maxBytes: 4 },
    });
    await expect(readFileAtMost("/dev/zero", 4)).rejects.toMatchObject({ code: "INPUT_TOO_LARGE" });
    await expect(readFileAtMost(directory, 5)).rejects.toMatchObject({ details: { reason: "it is a directory" } });
    await expect(readFileAtMost(file("none"), 5)).rejects.toMatchObject({
      code: "INPUT_FILE_UNUSABLE",
      details: { reason: "no such file or directory" },
    });
    const { signal } = new AbortController();
    const stream = () => Readable.from([Buffer.from("123"), Buffer.from("45")], { objectMode: false });
    expect(await readStreamAtMost(stream(), "stdin", 5, signal)).toEqual(utf8("12345"));
    await expect(readStreamAtMost(stream(), "stdin", 4, signal)).rejects.toMatchObject({ code: "INPUT_TOO_LARGE" });
    await expect(readStreamAtMost(stream(), "stdin", 5, AbortSignal.abort())).rejects.toMatchObject({
      code: "NETWORK_ABORTED",
    });
  });
});

describe("writing", () => {
  it("replaces a file whole, and leaves nothing where it fails", async () => {
    writeFileSync(file("out"), "old");
    await writeFileAtomically(file("out"), utf8("new"));
    expect(readFileSync(file("out"), "utf8")).toBe("new");
    mkdirSync(file("full"));
    await expect(writeFileAtomically(file("full"), utf8("x"))).rejects.toMatchObject({ code: "INPUT_FILE_UNUSABLE" });
    await expect(writeFileAtomically(file("no/x"), utf8("x"))).rejects.toMatchObject({ code: "INPUT_FILE_UNUSABLE" });
    expect(readdirSync(directory).filter((name) => name.endsWith(".part"))).toEqual([]);
    await writeFileAtomically("/dev/null", utf8("x"));
    expect(statSync("/dev/null").isFile()).toBe(false);
  });

  it("makes a secret for its owner alone, and never over a file that exists", async () => {
    await writeNewSecret(file("key"), "secret");
    expect(statSync(file("key")).mode & 0o777).toBe(0o600);
    await expect(writeNewSecret(file("key"), "other")).rejects.toMatchObject({
      code: "INPUT_FILE_UNUSABLE",
      details: { reason: "it exists already" },
    });
    expect(readFileSync(file("key"), "utf8")).toBe("secret");
  });
});

describe("deliver", () => {
  const command: Command = {
    words: ["get"],
    summary: "Get.",
    arguments: [],
    flags: [outFlag],
    load: () => Promise.reject(new Error("not run")),
  };
  const invocation = ({ output }: Written, ...argv: string[]): Invocation => ({
    args: parseArguments(command, argv),
    output,
    environment: {},
    signal: new AbortController().signal,
  });
  const hostile = utf8("a\u001b[2Jb\n");

  it("gives a pipe the bytes as they are, a terminal text that cannot steer it", async () => {
    const pipe = collectingOutput();
    expect(await deliver(invocation(pipe), hostile)).toBe(null);
    expect(pipe.stdout()).toBe("a\u001b[2Jb\n");
    const terminal = collectingOutput({ tty: true });
    await deliver(invocation(terminal), hostile);
    expect(terminal.stdout()).toBe("a\\u{1b}[2Jb\n");
    await expect(deliver(invocation(terminal), Uint8Array.of(0xff, 0))).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringContaining("--out FILE") as string,
    });
  });

  it("writes a file where one is named, and nothing beside a JSON document", async () => {
    const json = collectingOutput({ json: true });
    expect(await deliver(invocation(json), hostile)).toBe(null);
    expect(await deliver(invocation(json, "--out", file("data")), hostile)).toBe(file("data"));
    expect(new Uint8Array(readFileSync(file("data")))).toEqual(hostile);
    expect(json.stdout()).toBe("");
  });
});
