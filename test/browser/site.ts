import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const readerProgram = fileURLToPath(new URL("program.mjs", import.meta.url));

/** A server for the pages under test, on a port of its own and so an origin of its own. */
export interface Site extends AsyncDisposable {
  readonly origin: string;
}

/**
 * Serves a program twice: `/bundled` as esbuild makes it for an application, `/unbundled` as the files of the package
 * with an import map. `/sandboxed` has the bundled one in a frame without an origin.
 *
 * @param program - its file; by default the one that reads and keeps
 */
export async function startSite(program = readerProgram): Promise<Site> {
  const files = new Map<string, string | Uint8Array>([
    ["/bundled", page('<script type="module" src="/bundle/program.js"></script>')],
    [
      "/unbundled",
      page(`<script type="importmap">${importMap()}</script><script type="module" src="/program.mjs"></script>`),
    ],
    ["/sandboxed", page('<iframe sandbox="allow-scripts" src="/bundled"></iframe>')],
    ["/program.mjs", readFileSync(program)],
    ...(await bundle(program)),
  ]);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://site");
    const body = files.get(pathname) ?? fileOfPackage(pathname);
    // A frame without an origin loads even the site's own modules across origins.
    response.setHeader("access-control-allow-origin", "*");
    if (body === null) response.writeHead(404).end();
    else
      response.writeHead(200, { "content-type": extname(pathname) === "" ? "text/html" : "text/javascript" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const page = (content: string): string =>
  `<!doctype html><title>hawser</title><link rel="icon" href="data:,">${content}`;

/** As an application would bundle it, with the writer in files that are loaded later. */
async function bundle(program: string): Promise<readonly (readonly [string, Uint8Array])[]> {
  const { outputFiles } = await build({
    entryPoints: { program },
    absWorkingDir: root,
    outdir: join(root, "bundle"),
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    // What is set up for this repository means nothing to an application that has the package.
    tsconfigRaw: {},
    logLevel: "silent",
    write: false,
  });
  return outputFiles.map(({ path, contents }) => [path.slice(root.length - 1), contents] as const);
}

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
}

/** What an application without a bundler writes: the reader's packages and this one's entry points. */
function importMap(): string {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
  const entries = Object.entries(exports).flatMap(([subpath, target]) =>
    typeof target === "string" ? [] : [[join("hawser", subpath), target.default.slice(1)]],
  );
  return JSON.stringify({
    imports: {
      ...Object.fromEntries(entries),
      "#dial": "/dist/storage/dial-web.js",
      "#header-file": "/dist/chain/sources/header-file-web.js",
      "@noble/hashes/": "/node_modules/@noble/hashes/",
      "@noble/secp256k1": "/node_modules/@noble/secp256k1/index.js",
      "idb-keyval": "/node_modules/idb-keyval/dist/index.js",
      ky: "/node_modules/ky/distribution/index.js",
      "zod/mini": "/node_modules/zod/mini/index.js",
    },
  });
}

function fileOfPackage(pathname: string): Uint8Array | null {
  if (!/^\/(?:dist|node_modules)\/.+\.js$/.test(pathname) || normalize(pathname) !== pathname) return null;
  try {
    return readFileSync(join(root, pathname));
  } catch {
    return null;
  }
}
