/**
 * `npm run size`: what an application loads, bundled by esbuild as for a browser and compressed by gzip, against the
 * budgets. Measures the published files through the package's own exports. `-- --parts` adds what the bytes are.
 */
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { buildIfStale } from "./build-if-stale.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

const entries = {
  reader: `
    export { createReader } from "hawser";
    export { indexedDbCache } from "hawser/cache/indexed-db";
    export { esplora } from "hawser/chain/esplora";
    export { http } from "hawser/storage/http";`,
  writer: `
    export { createWriter } from "hawser/writer";
    export { privateKeySigner, privateKeyWallet } from "hawser/wallet/private-key";`,
};

/**
 * Bytes. `budget` is the aim of the design; above `limit` the command fails. A limit is the size that was reached,
 * rounded up: it may shrink. Why one is above its budget: docs/decisions/0011-reader-size.md.
 */
const budgets = [
  { what: "reader", of: "createReader, esplora, http and indexedDbCache", budget: 32_000, limit: 72_200 },
  {
    what: "header sync",
    of: "syncHeaders and header sources, on top of the reader, for those who use them",
    budget: 5_000,
    limit: 5_000,
  },
  { what: "watch", of: "reader.watch, on top of the reader, for those who use it", budget: 5_000, limit: 5_000 },
  { what: "audit", of: "reader.audit, on top of the reader, for those who use it", budget: 6_000, limit: 6_000 },
  {
    what: "mirror",
    of: "reader.mirror and reader.repair, on top of the reader, for those who use them",
    budget: 10_000,
    limit: 10_500,
  },
  { what: "writer", of: "createWriter and the private-key wallet, on top of it", budget: 60_000, limit: 60_700 },
];

/** What only those load who use it: not a part of every reader. */
const onDemand = { "header sync": "/header-sync.js", watch: "/watch.js", audit: "/audit.js", mirror: "/mirror.js" };

/** Builds some entries together, code that they share in files of its own; `without` leaves modules out. */
async function bundle(names, { without } = {}) {
  const virtual = {
    name: "entries",
    setup({ onResolve, onLoad }) {
      if (without !== undefined) onResolve({ filter: without }, ({ path }) => ({ path, external: true }));
      onResolve({ filter: /^entry:/ }, ({ path }) => ({ path: path.slice("entry:".length), namespace: "entry" }));
      onLoad({ filter: /.*/, namespace: "entry" }, ({ path }) => ({ contents: entries[path], resolveDir: root }));
    },
  };
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(names.map((name) => [name, `entry:${name}`])),
    plugins: [virtual],
    outdir: join(root, "bundle"),
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    legalComments: "none",
    // What is set up for this repository means nothing to an application that has the package.
    tsconfigRaw: {},
    logLevel: "silent",
    metafile: true,
    write: false,
  });
  const sizes = new Map(
    outputFiles.map(({ path, contents }) => [
      relative(root, path),
      { minified: contents.length, gzip: gzipSync(contents, { level: 9 }).length },
    ]),
  );
  /** The files that an entry loads: at once, or later as well. */
  const reach = (name, { lazily }) => {
    const seen = new Set([join("bundle", `${name}.js`)]);
    for (const file of seen) {
      for (const { path, kind, external } of metafile.outputs[file].imports) {
        if (external) continue;
        if (lazily || kind !== "dynamic-import") seen.add(path);
      }
    }
    return seen;
  };
  const sum = (files) =>
    [...files].reduce(
      (total, file) => ({
        minified: total.minified + sizes.get(file).minified,
        gzip: total.gzip + sizes.get(file).gzip,
      }),
      { minified: 0, gzip: 0 },
    );
  return { metafile, reach, sum };
}

/** Everything that the reader and the writer load, also lazily, and what of it is loaded at once. */
export async function measure() {
  const without = (...what) => new RegExp(`(?:${what.map((part) => onDemand[part].replace(".", "\\.")).join("|")})$`);
  const reader = await bundle(["reader"], { without: without(...Object.keys(onDemand)) });
  const both = await bundle(["reader", "writer"]);
  const of = (built, lazily) => built.sum(built.reach("reader", { lazily }));
  const less = (a, b) => ({ minified: a.minified - b.minified, gzip: a.gzip - b.gzip });
  const beside = (files, others) => new Set([...files].filter((file) => !others.has(file)));
  const shared = both.reach("reader", { lazily: true });
  const [initial, total] = [false, true].map((lazily) => both.sum(beside(both.reach("writer", { lazily }), shared)));
  const extra = {};
  for (const part of Object.keys(onDemand)) {
    const others = Object.keys(onDemand).filter((other) => other !== part);
    const using = await bundle(["reader"], { without: without(...others) });
    extra[part] = {
      initial: less(of(using, false), of(reader, false)),
      total: less(of(using, true), of(reader, true)),
    };
  }
  return {
    reader: {
      initial: of(reader, false),
      total: of(reader, true),
      parts: parts(reader.metafile),
    },
    ...extra,
    writer: { initial, total },
  };
}

/** Minified bytes of each package, and of each module of this one. */
function parts(metafile) {
  const packages = new Map();
  const modules = new Map();
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? [];
      if (name === undefined) modules.set(path.replace(/^dist\//, ""), bytesInOutput);
      packages.set(name ?? "hawser", (packages.get(name ?? "hawser") ?? 0) + bytesInOutput);
    }
  }
  const folders = new Map();
  for (const [path, bytes] of modules) {
    const folder = dirname(path) === "." ? basename(path) : path.split("/")[0];
    folders.set(folder, (folders.get(folder) ?? 0) + bytes);
  }
  const sorted = (map) => [...map].filter(([, bytes]) => bytes > 0).sort(([, a], [, b]) => b - a);
  return { packages: sorted(packages), folders: sorted(folders), modules: sorted(modules) };
}

async function main() {
  buildIfStale();
  const measured = await measure();
  const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`.padStart(9);
  let over = false;
  console.log("minified + gzip -9    at once     in all     budget      limit");
  for (const { what, of, budget, limit } of budgets) {
    const { initial, total } = measured[what];
    const [first, all] = [initial.gzip, total.gzip];
    console.log(`${what.padEnd(19)}${kb(first)}  ${kb(all)}  ${kb(budget)}  ${kb(limit)}   ${of}`);
    if (all > budget) console.log(`  over its budget by ${kb(all - budget).trim()}`);
    if (all > limit) console.log(`  OVER ITS LIMIT by ${all - limit} B`);
    over ||= all > limit;
  }
  if (process.argv.includes("--parts")) {
    const { packages, folders, modules } = measured.reader.parts;
    for (const [title, rows] of Object.entries({ packages, folders, modules })) {
      console.log(`\nThe reader's ${title}, minified`);
      for (const [name, bytes] of rows) console.log(`${String(bytes).padStart(8)} B  ${name}`);
    }
  }
  if (over) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
