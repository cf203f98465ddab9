import { execFile, execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { type BuildFailure, build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startDevnet } from "../../src/devnet/index.js";
import type * as Library from "../../src/index.js";
import { root } from "./pages.js";
import { buildProgram } from "./run-cli.js";
import { manifest } from "./samples.js";

/** What an application that installed the package has: what npm publishes, and the dependencies that are not optional. */
const application = mkdtempSync(join(tmpdir(), "hawser-published-"));
const installed = join(application, "node_modules/hawser");
const subpaths = Object.entries(manifest.exports)
  .filter(([, target]) => typeof target !== "string")
  .map(([subpath]) => subpath.replace(/^\./, "hawser"));
let files: readonly string[];

beforeAll(() => {
  buildProgram();
  const answer = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [packed] = JSON.parse(answer) as [{ readonly files: readonly { readonly path: string }[] }];
  files = packed.files.map(({ path }) => path);
  for (const file of files) {
    mkdirSync(dirname(join(installed, file)), { recursive: true });
    cpSync(join(root, file), join(installed, file));
  }
  for (const name of Object.keys(manifest.dependencies)) {
    const link = join(application, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link);
  }
});

afterAll(() => {
  rmSync(application, { recursive: true });
});

/** Runs a program of the application; gives the JSON that it prints. */
async function run(program: string): Promise<unknown> {
  const options = { cwd: application, env: { PATH: process.env["PATH"] } };
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], options);
  return JSON.parse(stdout);
}

/** Bundles a program of the application as for a browser, and gives the modules in it. */
async function bundle(program: string, outfile: string): Promise<readonly string[]> {
  const { metafile } = await build({
    stdin: { contents: program, resolveDir: application },
    outfile,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    metafile: true,
    logLevel: "silent",
  });
  return Object.keys(metafile.inputs);
}

describe("what npm publishes", () => {
  it("is the built package and its papers, with every file that package.json names", () => {
    const expected = /^(?:dist\/.+\.(?:js|js\.map|d\.ts)|package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md)$/;
    expect(files.filter((file) => !expected.test(file))).toEqual([]);
    const named = Object.values(manifest.exports).map((target) =>
      typeof target === "string" ? target : target.default,
    );
    for (const path of [...named, "./dist/cli/main.js"]) expect(files).toContain(path.slice(2));
  });

  it("loads in full without its optional dependency", async () => {
    expect(existsSync(join(application, "node_modules/lmdb"))).toBe(false);
    const names = (await run(`
      const names = {};
      for (const subpath of ${JSON.stringify(subpaths)}) names[subpath] = Object.keys(await import(subpath));
      console.log(JSON.stringify(names));`)) as Readonly<Record<string, readonly string[]>>;
    expect(Object.keys(names)).toEqual(subpaths);
    for (const subpath of subpaths) expect(names[subpath], subpath).not.toEqual([]);
  });

  it("says so where a cache needs the optional dependency, instead of forgetting", async () => {
    const code = await run(`
      import { lmdbCache } from "hawser/cache/lmdb";
      const code = await lmdbCache("cache").get("key").then(() => "none", (error) => error.code);
      console.log(JSON.stringify(code));`);
    expect(code).toBe("CACHE_UNAVAILABLE");
    expect(existsSync(join(application, "cache"))).toBe(false);
  });
});

describe("in a browser's bundle", () => {
  const forReaders = [
    "hawser",
    "hawser/errors",
    "hawser/json",
    "hawser/testing",
    "hawser/chain/electrum",
    "hawser/chain/esplora",
    "hawser/chain/header-file",
    "hawser/storage/gaia",
    "hawser/storage/http",
    "hawser/storage/http-url-reader",
    "hawser/storage/ipfs-gateway",
    "hawser/storage/kubo",
    "hawser/storage/memory",
    "hawser/storage/presigned",
    "hawser/storage/s3",
    "hawser/storage/webdav",
    "hawser/cache/indexed-db",
    "hawser/cache/memory",
  ];
  const forWriters = ["hawser/writer", "hawser/wallet/private-key"];
  const program = (names: readonly string[]): string =>
    names.map((name, i) => `export * as part${i} from "${name}";`).join("\n");

  it("nothing of Node is loaded; whatever is not listed here needs Node", async () => {
    const out = join(application, "bundle.js");
    for (const name of subpaths) {
      const bundling = bundle(program([name]), out);
      if ([...forReaders, ...forWriters].includes(name)) await bundling;
      else {
        // The message has only the first of the errors, in an order that differs from run to run.
        const { errors } = await bundling.then(
          () => expect.fail(`${name} was bundled`),
          (error: unknown) => error as BuildFailure,
        );
        expect(errors.map(({ text }) => text).join("\n"), name).toContain('Could not resolve "node:');
      }
    }
  });

  it("the reader brings no undici and no bitcoinjs-lib", async () => {
    const modules = await bundle(program(forReaders), join(application, "reader.js"));
    expect(modules.some((path) => path.includes("@noble/secp256k1"))).toBe(true);
    expect(modules.filter((path) => /node_modules\/(?:undici|bitcoinjs-lib|lmdb)\//.test(path))).toEqual([]);
  });

  it("the reader verifies: bundlers keep the hash functions that signatures need", async () => {
    const devnet = await startDevnet({ sources: 2, stores: 1 });
    try {
      const { writer } = await devnet.fundedWriter();
      await writer.registerName("alice");
      const data = new TextEncoder().encode("bundled");
      await writer.putMutable("alice", "settings", data);
      const out = join(application, "program.mjs");
      const modules = `
        export { createReader } from "hawser";
        export { esplora } from "hawser/chain/esplora";
        export { http } from "hawser/storage/http";`;
      await bundle(modules, out);
      const built = (await import(pathToFileURL(out).href)) as typeof Library & {
        readonly esplora: (url: string) => Library.ChainSource;
        readonly http: (url: string) => Library.StorageReader;
      };
      const reader = built.createReader({
        network: "regtest",
        sources: devnet.sourceUrls.map((url) => built.esplora(url)),
        storage: devnet.storeUrls.map((url) => built.http(url)),
      });
      const result = await reader.getMutable("alice", "settings");
      expect(result.found && result.data).toEqual(data);
      devnet.tamper({ store: 0, how: "forge" });
      await expect(reader.getMutable("alice", "settings")).rejects.toMatchObject({ code: "RECORD_UNVERIFIED" });
    } finally {
      await devnet.close();
    }
  });
});
