import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { formatWithOptions } from "node:util";
import { vi } from "vitest";
import { blocksOf, pages, read, root } from "./pages.js";

const directory = join(root, "test/package/.samples");

/** A block of TypeScript in a page. */
export interface Sample {
  readonly page: string;
  /** Page and line of the code's first line. */
  readonly where: string;
  readonly file: string;
  readonly code: string;
  /** Whether it needs nothing and says what it prints; the others speak of servers and paths that do not exist. */
  readonly isWhole: boolean;
}

export const samples: readonly Sample[] = pages.flatMap((page) =>
  blocksOf(page, "ts").map(({ line, code, before }) => ({
    page,
    where: `${page}:${line}`,
    file: join(directory, `${page.replace(/[^\w]+/g, "-")}-${line}.ts`),
    code,
    isWhole: before.trim() === "<!-- run -->",
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
export const manifest = JSON.parse(read("package.json")) as Manifest;

/** The source file of each subpath that the package exports. */
export const entryPoints: ReadonlyMap<string, string> = new Map(
  Object.entries(manifest.exports).flatMap(([subpath, target]) => {
    if (typeof target === "string") return [];
    const source = target.default.replace(/^\.\/dist\//, "src/").replace(/\.js$/, ".ts");
    return [[join(manifest.name, subpath), source] as const];
  }),
);

/** Writes every sample to a file of its own, so that a compiler finds them. */
export function writeSamples(): void {
  removeSamples();
  mkdirSync(directory, { recursive: true });
  for (const { file, code } of samples) writeFileSync(file, `${code}\nexport {};\n`);
}

export function removeSamples(): void {
  rmSync(directory, { recursive: true, force: true });
}

/** What a sample exported and printed. */
export interface SampleRun {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each sample exports something else
  readonly exported: any;
  readonly printed: readonly string[];
}

/**
 * Runs a sample. Its imports of the package lead to the sources, so that nothing has to be built.
 *
 * @param places - what stands in the sample, and what stands for it here
 */
export async function runSample({ code, file }: Sample, places: ReadonlyMap<string, string>): Promise<SampleRun> {
  let text = withSourceImports(code);
  for (const [there, here] of places) text = text.replaceAll(there, here);
  const runnable = file.replace(/\.ts$/, ".run.ts");
  writeFileSync(runnable, text);
  const printed: string[] = [];
  const spy = vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => {
    printed.push(formatWithOptions({ breakLength: Number.POSITIVE_INFINITY }, ...values));
  });
  try {
    return { exported: await import(/* @vite-ignore */ pathToFileURL(runnable).href), printed };
  } finally {
    spy.mockRestore();
  }
}

function withSourceImports(code: string): string {
  return code.replace(/from "(hawser[^"]*)"/g, (_, specifier: string) => {
    const source = entryPoints.get(specifier);
    if (source === undefined) throw new Error(`${specifier} is not exported`);
    return `from "${relative(directory, join(root, source)).replace(/\.ts$/, ".js")}"`;
  });
}
