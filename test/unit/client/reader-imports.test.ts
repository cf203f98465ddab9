import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../src", import.meta.url));

/** What a module needs when it is loaded: neither types nor `import()`. */
function importsOf(path: string, text: string): readonly string[] {
  const { statements } = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  return statements.flatMap((statement) => {
    if (ts.isImportDeclaration(statement)) {
      if (statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return [];
      const bindings = statement.importClause?.namedBindings;
      const onlyTypes =
        statement.importClause?.name === undefined &&
        bindings !== undefined &&
        ts.isNamedImports(bindings) &&
        bindings.elements.length > 0 &&
        bindings.elements.every(({ isTypeOnly }) => isTypeOnly);
      return onlyTypes ? [] : [(statement.moduleSpecifier as ts.StringLiteral).text];
    }
    if (!ts.isExportDeclaration(statement) || statement.isTypeOnly || statement.moduleSpecifier === undefined)
      return [];
    return [(statement.moduleSpecifier as ts.StringLiteral).text];
  });
}

/** Every module that loading one of `src` loads: files relative to `src`, and packages by name. */
async function graphOf(entry: string): Promise<ReadonlySet<string>> {
  const open = [join(root, entry)];
  const seen = new Set<string>();
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const known = relative(root, path);
    if (seen.has(known)) continue;
    seen.add(known);
    for (const target of importsOf(path, await readFile(path, "utf8"))) {
      if (target.startsWith(".")) open.push(join(dirname(path), target.replace(/\.js$/, ".ts")));
      else if (target === "#dial") open.push(join(root, "storage/dial-node.ts"), join(root, "storage/dial-web.ts"));
      else seen.add(target.replace(/^(@[^/]+\/[^/]+|[^@/][^/]*)\/.*/, "$1"));
    }
  }
  return seen;
}

const packagesIn = (graph: ReadonlySet<string>): string[] =>
  [...graph].filter((module) => !module.endsWith(".ts") && !module.startsWith("node:")).sort();

describe("the reader's modules", () => {
  it("follows imports, exports and the packages behind subpaths, but neither types nor import()", () => {
    const text = `
      import { a } from "./a.js"; import type { b } from "./b.js"; import { type c } from "./c.js";
      import { type d, e } from "./d.js"; import "./side.js"; import * as f from "pkg/sub"; import g from "./g.js";
      export { h } from "./h.js"; export type { i } from "./i.js"; export * from "./j.js"; export const k = 1;
      export type * from "./l.js"; const m = () => import("./m.js");`;
    expect(importsOf("x.ts", text)).toEqual(["./a.js", "./d.js", "./side.js", "pkg/sub", "./g.js", "./h.js", "./j.js"]);
  });

  it("hold nothing of the writer: no bitcoinjs-lib or part of it, plan, wallet, writer, devnet or command line", async () => {
    const graph = await graphOf("index.ts");
    expect(graph).toContain("client/reader.ts");
    expect(graph).toContain("name/thread.ts");
    const packages = ["bech32", "bip174", "bitcoinjs-lib"];
    expect(packagesIn(graph).filter((name) => packages.includes(name))).toEqual([]);
    const foreign = /^(?:plan|wallet|devnet|cli|client\/write|client\/writer|writer)\b/;
    expect([...graph].filter((module) => foreign.test(module))).toEqual([]);
    // The same walk finds them where they are.
    const writer = await graphOf("writer.ts");
    expect(packagesIn(writer)).toEqual(expect.arrayContaining(packages));
    expect([...writer].some((module) => module.startsWith("plan/"))).toBe(true);
  });

  it("need these packages, and files, sockets and workers of Node only for dialling", async () => {
    const graph = await graphOf("index.ts");
    expect(packagesIn(graph)).toEqual(["@noble/hashes", "@noble/secp256k1", "ky", "undici"]);
    const withNode: string[] = [];
    for (const module of graph) {
      if (!module.endsWith(".ts")) continue;
      const targets = importsOf(module, await readFile(join(root, module), "utf8"));
      if (targets.some((target) => target.startsWith("node:") || target === "undici")) withNode.push(module);
    }
    expect(withNode).toEqual(["storage/dial-node.ts"]);
  });
});
