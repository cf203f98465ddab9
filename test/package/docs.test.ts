import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  exitCodes,
  loadLibrary,
  readSources,
  renderErrors,
  renderLimits,
  renderWorkedValues,
  withWorkedValues,
} from "../../scripts/generate-docs.mjs";
import { commands } from "../../src/cli/commands.js";
import { exitCodeOf } from "../../src/cli/exit.js";
import { overallHelp } from "../../src/cli/help.js";
import { type ErrorCode, errorCodes, HawserError } from "../../src/errors.js";
import { blocksOf, linksOf, pages, proseOf, read, root, slugsOf } from "./pages.js";

const samplesDirectory = join(root, "test/package/.samples");

interface Sample {
  /** Page and line of the code's first line. */
  readonly where: string;
  readonly file: string;
  readonly code: string;
  readonly runs: boolean;
}

const samples: readonly Sample[] = pages
  .filter((page) => page === "README.md" || page.startsWith("docs/"))
  .flatMap((page) =>
    blocksOf(page, "ts").map(({ line, code, before }) => ({
      where: `${page}:${line}`,
      file: join(samplesDirectory, `${page.replace(/[^\w]+/g, "-")}-${line}.ts`),
      code,
      runs: before.trim() === "<!-- run -->",
    })),
  );

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(read("package.json")) as Manifest;

/** The source file of each subpath that the package exports. */
const entryPoints: ReadonlyMap<string, string> = new Map(
  Object.entries(manifest.exports).flatMap(([subpath, target]) => {
    if (typeof target === "string") return [];
    const source = target.default.replace(/^\.\/dist\//, "src/").replace(/\.js$/, ".ts");
    return [[join(manifest.name, subpath), source] as const];
  }),
);

/** A sample whose imports of the package lead to its sources, so that nothing has to be built. */
function withSourceImports(code: string): string {
  return code.replace(/from "(hawser[^"]*)"/g, (_, specifier: string) => {
    const source = entryPoints.get(specifier);
    if (source === undefined) throw new Error(`${specifier} is not exported`);
    return `from "${relative(samplesDirectory, join(root, source)).replace(/\.ts$/, ".js")}"`;
  });
}

beforeAll(() => {
  rmSync(samplesDirectory, { recursive: true, force: true });
  mkdirSync(samplesDirectory, { recursive: true });
  for (const { file, code } of samples) writeFileSync(file, `${code}\nexport {};\n`);
});

afterAll(() => {
  rmSync(samplesDirectory, { recursive: true, force: true });
});

describe("code in the documentation", () => {
  it("is there, and some of it runs", () => {
    expect(samples.length).toBeGreaterThan(8);
    expect(samples.filter(({ runs, where }) => runs && where.startsWith("README.md"))).toHaveLength(1);
  });

  it("compiles against what the package exports", () => {
    const config = ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path));
    const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
    const paths = Object.fromEntries([...entryPoints].map(([name, source]) => [name, [join(root, source)]]));
    const program = ts.createProgram(
      samples.map(({ file }) => file),
      { ...options, paths: { ...options.paths, ...paths }, noUnusedLocals: false, noEmit: true },
    );
    const problems = samples.flatMap(({ file, where }) => {
      const source = program.getSourceFile(file);
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      return found.map(({ messageText, start = 0 }) => {
        const line = source?.getLineAndCharacterOfPosition(start).line ?? 0;
        return `${where} + ${line}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
      });
    });
    expect(problems).toEqual([]);
  }, 120_000);

  it.each(samples.filter(({ runs }) => runs))(
    "runs and prints what it says: $where",
    async ({ code, file }) => {
      const said = [...code.matchAll(/\/\/ prints (.*)$/gm)].map(([, text]) => text);
      const runnable = file.replace(/\.ts$/, ".run.ts");
      writeFileSync(runnable, withSourceImports(code));
      const { formatWithOptions } = await import("node:util");
      const printed: string[] = [];
      const spy = vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => {
        printed.push(formatWithOptions({ breakLength: Number.POSITIVE_INFINITY }, ...values));
      });
      try {
        await import(/* @vite-ignore */ pathToFileURL(runnable).href);
      } finally {
        spy.mockRestore();
      }
      expect(printed).toEqual(said);
      expect(said.length).toBeGreaterThan(0);
    },
    120_000,
  );

  it("of the README runs in the oldest Node as it stands", () => {
    const [quickStart] = samples.filter(({ runs, where }) => runs && where.startsWith("README.md"));
    const { diagnostics = [], outputText } = ts.transpileModule(quickStart?.code ?? "", {
      fileName: "try.mjs",
      reportDiagnostics: true,
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, allowJs: true },
    });
    expect(diagnostics.map(({ messageText }) => messageText)).toEqual([]);
    // Syntax that is newer than the target would have been rewritten with helpers.
    expect(outputText).not.toContain("__");
  });
});

describe("generated pages", () => {
  const hint = 'run "npm run docs"';

  it("errors.md is what src/errors.ts says", () => {
    expect(read("docs/errors.md"), hint).toBe(renderErrors(read("src/errors.ts"), readSources()));
  });

  it("limits.md is what src/limits.ts says", () => {
    expect(read("docs/limits.md"), hint).toBe(renderLimits(read("src/limits.ts")));
  });

  it("the worked values of protocol.md are what the code computes", async () => {
    const library = await loadLibrary((path) => import(pathToFileURL(join(root, "src", `${path}.ts`)).href));
    const page = read("docs/protocol.md");
    expect(page, hint).toBe(withWorkedValues(page, await renderWorkedValues(library)));
  });

  it("exit codes are those of the command line", () => {
    for (const code of Object.keys(errorCodes) as ErrorCode[]) {
      const error = new HawserError(code, "", {} as never);
      expect(exitCodes[error.outcome], code).toBe(exitCodeOf(error));
    }
  });
});

describe("the worked values, by another implementation", () => {
  const sha256 = (...parts: Uint8Array[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();
  const tagged = (tag: string, ...parts: Uint8Array[]): Buffer => {
    const hash = sha256(Buffer.from(tag));
    return sha256(hash, hash, ...parts);
  };
  const hex = (text: string): Buffer => Buffer.from(text, "hex");
  const reversed = (text: string): Buffer => hex(text).reverse();
  const page = read("docs/protocol.md");
  const value = (label: string): string => {
    const [, found] = page.split(`\n${label}\n  `);
    if (found === undefined) throw new Error(`${label} is not among the worked values`);
    return found.slice(0, found.indexOf("\n"));
  };
  const genesis = (network: string): Buffer => {
    const [, hash = ""] = new RegExp(`\\| ${network} \\| \`([0-9a-f]{64})\` \\|`).exec(page) ?? [];
    return reversed(hash);
  };

  it("N2, N3: nid and beacon", () => {
    const nid = tagged("hawser/name", Buffer.from("alice"));
    expect(value("nid")).toBe(nid.toString("hex"));
    for (const [network, delay] of [
      ["mainnet", "02e010"],
      ["testnet4", "02e010"],
      ["signet", "029000"],
      ["regtest", "5a"],
    ] as const) {
      const script = Buffer.concat([hex("20"), nid, hex("75"), hex(delay), hex("b2")]);
      expect(value(`beacon witness script, ${network}`)).toBe(script.toString("hex"));
      expect(value(`beacon output script, ${network}`)).toBe(`0020${sha256(script).toString("hex")}`);
    }
  });

  it("C1, C2, C4: commitment and payloads", () => {
    const owner = hex(value("P2TR owner script (BIP86)"));
    const salt = hex("0001020304050607");
    for (const network of ["mainnet", "testnet4", "signet", "regtest"]) {
      const commitment = tagged("hawser/preorder", genesis(network), hex(value("nid")), salt, sha256(owner));
      expect(value(`commitment, ${network}`)).toBe(commitment.toString("hex"));
    }
    const [commitment, profileHash] = [value("commitment, mainnet"), value("profileHash")];
    expect(value("PREORDER")).toBe(`6a2468777311${commitment}`);
    expect(value("REGISTER")).toBe(`6a3168777312${salt.toString("hex")}${profileHash}616c696365`);
    expect(value("UPDATE")).toBe(`6a2468777313${profileHash}`);
    expect(value("RELEASE")).toBe("6a0468777315");
  });

  it("P2, C10, I1: hashes of profile, keys and object", () => {
    const bytes = Buffer.from(value("bytes, as ASCII"));
    expect(value("profileHash")).toBe(sha256(bytes).toString("hex"));
    expect(value("length")).toBe(String(bytes.length));
    expect(value("path of m:settings")).toBe(sha256(Buffer.from("m:settings")).toString("hex"));
    expect(value("key")).toBe(sha256(Buffer.from("hello world")).toString("hex"));
  });

  it("M4: the record's digest", () => {
    const number = (length: number, amount: number): Buffer => {
      const bytes = Buffer.alloc(length);
      bytes.writeUIntBE(amount, length > 6 ? length - 6 : 0, Math.min(length, 6));
      return bytes;
    };
    const message = Buffer.concat([
      genesis("regtest"),
      hex(value("nid")),
      reversed(value("tenure, display order")),
      number(2, 8),
      Buffer.from("settings"),
      number(4, 104),
      number(8, 1),
      sha256(Buffer.from('{"theme":"dark"}')),
    ]);
    expect(value("message under the tag hawser/record")).toBe(message.toString("hex"));
    expect(value("digest")).toBe(tagged("hawser/record", message).toString("hex"));
  });
});

describe("what pages refer to", () => {
  it.each(pages)("links of %s lead somewhere", (page) => {
    const broken: string[] = [];
    for (const target of linksOf(page)) {
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : relative(root, resolve(root, dirname(page), path));
      if (!existsSync(join(root, file))) broken.push(target);
      else if (anchor !== undefined && !slugsOf(file).has(anchor)) broken.push(target);
    }
    expect(broken).toEqual([]);
  });

  it.each(pages)("files that %s names exist", (page) => {
    const named = [...proseOf(page).matchAll(/`((?:test|src|scripts|docs)\/[\w./-]+\.\w+)`/g)].map(
      ([, path]) => path ?? "",
    );
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it("every page can be reached from the README", () => {
    const reached = new Set(["README.md"]);
    for (const page of reached) {
      for (const target of linksOf(page)) {
        const [path = ""] = target.split("#");
        if (path.endsWith(".md")) reached.add(relative(root, resolve(root, dirname(page), path)));
      }
    }
    expect(pages.filter((page) => !reached.has(page))).toEqual([]);
  });

  it("npm scripts exist", () => {
    const built = new Set(["ci", "install", "test"]);
    const missing = pages.flatMap((page) =>
      [...read(page).matchAll(/npm (run [\w:-]+|test)/g)]
        .map(([, words = ""]) => words.replace("run ", ""))
        .filter((name) => manifest.scripts[name] === undefined && (name === "test" || !built.has(name)))
        .map((name) => `${page}: ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it("commands and flags of hawser are those of its help", () => {
    const words = commands.map((command) => command.words.join(" "));
    const help = overallHelp();
    const used = pages.flatMap((page) =>
      [...read(page).matchAll(/(?:npx hawser|`hawser) ([a-z]+(?: (?:register|show))?)((?: [^\n`]*)?)/g)].map(
        ([, name = "", rest = ""]) => ({
          page,
          name,
          flags: [...rest.matchAll(/ --([a-z-]+)/g)].map(([, flag = ""]) => flag),
        }),
      ),
    );
    expect(used.length).toBeGreaterThan(8);
    for (const { page, name, flags } of used) {
      expect(words, page).toContain(name);
      expect(help).toContain(name);
      const known = commands.find((command) => command.words.join(" ") === name)?.flags.map((flag) => flag.name);
      for (const flag of flags) expect(known, `${page}: hawser ${name} --${flag}`).toContain(flag);
    }
    for (const word of words) expect(read("README.md"), `hawser ${word}`).toContain(`hawser ${word}`);
  });

  it("every dependency is justified", () => {
    const page = read("docs/decisions/0002-dependencies.md");
    const names = [manifest.dependencies, manifest.optionalDependencies, manifest.devDependencies].flatMap(Object.keys);
    expect(names.filter((name) => !page.includes(name))).toEqual([]);
  });

  it("every entry point of the package is known by some page", () => {
    const text = pages.map(read).join("\n");
    expect(
      [...entryPoints.keys()].filter((name) => !text.includes(`${name}"`) && !text.includes(`\`${name}\``)),
    ).toEqual([]);
  });
});
