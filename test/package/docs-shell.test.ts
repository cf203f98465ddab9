import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { blocksOf, pages, read, root } from "./pages.js";
import { buildProgram, collect } from "./run-cli.js";

interface Block {
  readonly page: string;
  readonly where: string;
  readonly code: string;
}

const blocks: readonly Block[] = pages.flatMap((page) =>
  blocksOf(page, "sh").map(({ line, code }) => ({ page, where: `${page}:${line}`, code })),
);
const isNpm = ({ code }: Block): boolean => /^npm /.test(code);
const isAlias = ({ code }: Block): boolean => /^alias /.test(code);
const startsDevnet = ({ code }: Block): boolean => /^hawser devnet /.test(code);
const prelude = ["shopt -s expand_aliases", ...blocks.filter(isAlias).map(({ code }) => code)];

const missing = ["bash", "curl"].filter((tool) => spawnSync(tool, ["--version"]).error !== undefined);
const mayRun = missing.length === 0 || process.env["CI"] !== undefined;

describe("shell commands in the documentation", () => {
  it("of npm are those that CI runs", () => {
    const commands = blocks.filter(isNpm).flatMap(({ code }) => code.split(/\n|&&/).map((command) => command.trim()));
    expect(commands.length).toBeGreaterThan(4);
    const run = read(".ci/run");
    // It adds reporters to the tests; the benchmarks take minutes and decide nothing.
    const covered = (command: string): boolean => new RegExp(`^[^#]*\\b${command}\\b`, "m").test(run);
    expect(commands.filter((command) => !command.startsWith("npm run bench") && !covered(command))).toEqual([]);
  });

  it("are all run by npm's test or below", () => {
    expect(blocks.filter(isAlias)).toHaveLength(1);
    const others = blocks.filter((block) => !isNpm(block) && !isAlias(block)).map(({ page }) => page);
    const [readme, devnet, node] = ["README.md", "docs/guides/devnet.md", "docs/guides/node.md"];
    expect(others).toEqual([readme, readme, devnet, devnet, node, node]);
  });
});

describe.runIf(mayRun)(`shell commands, in a checkout (missing here: ${missing.join(", ") || "nothing"})`, () => {
  let checkout: string;

  beforeAll(() => {
    buildProgram();
    checkout = mkdtempSync(join(tmpdir(), "hawser-docs-shell-"));
    for (const name of ["dist", "README.md"]) symlinkSync(join(root, name), join(checkout, name));
  });
  afterAll(() => {
    rmSync(checkout, { recursive: true, force: true });
  });

  /** Runs a block that keeps running, gives its output to `use` once it has said that it can be interrupted. */
  async function withDevnet(block: Block | undefined, use: (said: string) => Promise<void>): Promise<void> {
    const child = spawn("bash", ["-c", [...prelude, block?.code].join("\n")], {
      cwd: checkout,
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
      env: { ...process.env, HOME: checkout },
    });
    const said = collect(child.stdout);
    try {
      while (!said().includes("Ctrl-C ends it.") && child.exitCode === null) {
        await Promise.race([once(child.stdout, "data"), once(child, "close")]);
      }
      await use(said().toString());
    } finally {
      // Ctrl-C goes to all that the shell started.
      if (child.exitCode === null && child.pid !== undefined) {
        const ended = once(child, "close");
        process.kill(-child.pid, "SIGINT");
        await ended;
      }
    }
  }

  it("of the README: a name from key to file, in two shells; of the Node guide: many changes, and its further life", {
    timeout: 300_000,
  }, async () => {
    const [first, second] = blocks.filter((block) => block.page === "README.md" && !isNpm(block) && !isAlias(block));
    const [many, life] = blocks.filter(({ page }) => page === "docs/guides/node.md");
    expect(first).toSatisfy(startsDevnet);
    await withDevnet(first, async (said) => {
      const settings = said.split("\n").filter((line) => /^ *export /.test(line));
      expect(settings.length).toBeGreaterThan(3);
      const run = async (block: Block | undefined): Promise<{ lines: string[]; stderr: string }> => {
        const script = ["set -euo pipefail", ...prelude, ...settings, block?.code].join("\n");
        const child = spawn("bash", ["-c", script], { cwd: checkout, stdio: ["ignore", "pipe", "pipe"] });
        const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
        const [exitCode] = (await once(child, "close")) as [number | null];
        expect(exitCode, stderr().toString()).toBe(0);
        return { lines: stdout().toString().trimEnd().split("\n"), stderr: stderr().toString() };
      };
      const { lines, stderr } = await run(second);
      expect(lines).toContain('{"theme": "dark"}');
      expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ found: true, name: { status: "active" } });
      expect(stderr).toMatch(/ fresh +version 1$/m);
      expect(readFileSync(join(checkout, "copy.md"), "utf8")).toBe(read("README.md"));
      const changed = (await run(many)).lines;
      expect(changed).toContain("m:feeds/latest  version 1");
      expect(changed.at(-1)).toBe("m:feeds/latest is deleted from alice");
      const later = (await run(life)).lines;
      expect(later).toContainEqual(expect.stringMatching(/^settings of alice has version 2, /));
      expect(later).toContainEqual(expect.stringMatching(/^[0-9a-f]{64}:1 {2}seal {2}alice {2}\d+ sat$/));
      expect(later).toContainEqual(expect.stringMatching(/^alice belongs to bcrt1p\w+ now$/));
      expect(later.at(-1)).toMatch(/^alice is released; it can be registered again from block \d+ on$/);
    });
  });

  it("of the devnet guide, with each request that its table lists", { timeout: 60_000 }, async () => {
    const page = "docs/guides/devnet.md";
    const [block] = blocks.filter((one) => one.page === page);
    await withDevnet(block, async (said) => {
      const [url = ""] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? [];
      const rows = [...read(page).matchAll(/^\| `POST (\/[a-z/]+)`.*$/gm)];
      expect(rows.map(([, path]) => path)).toEqual(["/devnet/mine", "/devnet/faucet", "/devnet/reorg", "/control"]);
      for (const [row, path = ""] of rows) {
        const [, bodies = "", answer = ""] = row.split(" | ");
        for (const [, body = ""] of bodies.matchAll(/`(\{[^`]*\})`/g)) {
          const sent = body.replace('"address": "bcrt1..."', `"script": "5120${"00".repeat(32)}"`);
          const headers = { "content-type": "application/json" };
          const reply = await fetch(url + path, { method: "POST", headers, body: sent });
          const got: unknown = await reply.json();
          expect(reply.status, `${path} ${sent} ${JSON.stringify(got)}`).toBe(200);
          if (path === "/control") expect(got).toEqual(JSON.parse(sent));
          for (const [, member = ""] of answer.matchAll(/"([a-z]+)"/g)) expect(got).toHaveProperty(member);
        }
      }
    });
  });

  it("of the devnet guide: a devnet goes on where it was", { timeout: 60_000 }, async () => {
    const [, block] = blocks.filter((one) => one.page === "docs/guides/devnet.md");
    const urls: string[] = [];
    for (const height of [101, 102]) {
      await withDevnet(block, async (said) => {
        const [url = ""] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? [];
        urls.push(url);
        expect(said).toContain(`A regtest chain at block ${height} (mine on-transaction). Everything is kept in `);
        expect((await fetch(`${url}/devnet/mine`, { method: "POST", body: '{"blocks": 1}' })).status).toBe(200);
      });
    }
    expect(urls[1]).toBe(urls[0]);
  });
});
