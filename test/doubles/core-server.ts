import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ChainView, ViewedChain } from "./chain-view.js";
import { type CoreFeatures, methodsOf, RpcError } from "./core-methods.js";

export { type CoreFeatures, RpcError } from "./core-methods.js";

/** One call as the double got it. */
export interface CoreCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** An HTTP answer that is sent instead of the right one. */
export interface OddAnswer {
  readonly status?: number | undefined;
  readonly body: string | Uint8Array;
}

/** A running double of a Bitcoin Core (or btcd) server, built after the documentation of its RPC and REST interfaces. */
export interface CoreDouble {
  readonly url: string;
  readonly host: string;
  readonly user: string;
  /** May be changed, as a server that was started again does. */
  password: string;
  /** May be changed while it runs. */
  readonly features: CoreFeatures;
  /** Calls of methods, in the order in which they came, and paths of REST. */
  readonly calls: CoreCall[];
  readonly rest: string[];
  /** The bodies of requests, as often as one came. */
  readonly requests: { readonly path: string; readonly authorization: string | undefined; readonly body: string }[];
  /** Methods that are answered otherwise, by name; may throw an {@link RpcError}. */
  readonly replaced: Record<string, (params: readonly unknown[], right: () => Promise<unknown>) => unknown>;
  /** Answers a whole request otherwise; null leaves it alone. */
  instead: ((path: string, body: string, rightBody: string) => OddAnswer | "destroy" | "hang" | null) | null;
  close(): Promise<void>;
}

/** Starts a double on a free port of 127.0.0.1. */
export async function startCoreDouble(chain: ViewedChain, features: Partial<CoreFeatures> = {}): Promise<CoreDouble> {
  const server = createServer((incoming, response) => {
    answer(double, chain, incoming, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const double: CoreDouble = {
    url: `http://${host}`,
    host,
    user: "reader",
    password: "marker-secret",
    features: {
      kind: "core",
      version: 31,
      rest: true,
      filterIndex: true,
      txIndex: true,
      spenderIndex: true,
      prunedBelow: null,
      busyScans: 0,
      warmup: false,
      scanning: false,
      ...features,
    },
    calls: [],
    rest: [],
    requests: [],
    replaced: {},
    instead: null,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  return double;
}

async function answer(
  double: CoreDouble,
  chain: ViewedChain,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
  const body = Buffer.concat(chunks).toString("utf8");
  const path = incoming.url ?? "/";
  double.requests.push({ path, authorization: incoming.headers.authorization, body });
  const right = path.startsWith("/rest/")
    ? await answerRest(double, chain, path)
    : await answerRpc(double, chain, incoming, body);
  const odd = double.instead?.(path, body, String(right.body)) ?? null;
  if (odd === "hang") return;
  if (odd === "destroy") {
    response.destroy();
    return;
  }
  const { status = 200, body: sent } = odd ?? right;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(sent);
}

async function answerRest(double: CoreDouble, chain: ViewedChain, path: string): Promise<OddAnswer> {
  const { features } = double;
  if (features.kind === "btcd") return { status: 401, body: "401 Unauthorized.\n" };
  if (!features.rest) return { status: 404, body: "" };
  if (features.warmup) return { status: 503, body: "Service temporarily unavailable: Loading block index…\r\n" };
  double.rest.push(path);
  const view = await chain.read();
  if (path === "/rest/chaininfo.json") {
    return { body: JSON.stringify({ chain: "regtest", bestblockhash: view.blockAt(view.tipHeight)?.hash }) };
  }
  const headers = /^\/rest\/headers\/([0-9a-f]{64})\.bin\?count=(\d+)$/.exec(path);
  if (headers !== null) {
    const start = view.heightOf(headers[1] ?? "");
    const count = Number(headers[2]);
    if (count > 2_000) return { status: 400, body: "Header count is invalid or out of acceptable range (1-2000)\r\n" };
    const found = start === null ? [] : Array.from({ length: count }, (_, i) => view.blockAt(start + i)?.header ?? []);
    return { body: Uint8Array.from(found.flatMap((header) => [...header])) };
  }
  const block = /^\/rest\/block\/([0-9a-f]{64})\.bin$/.exec(path);
  const height = block === null ? null : view.heightOf(block[1] ?? "");
  const found = height === null ? null : view.blockAt(height);
  if (found === null) return { status: 404, body: `${block?.[1] ?? path} not found\r\n` };
  if (found.height > 0 && found.height < (features.prunedBelow ?? 0)) {
    return { status: 404, body: `${found.hash} not available (pruned data)\r\n` };
  }
  return { body: found.raw };
}

async function answerRpc(
  double: CoreDouble,
  chain: ViewedChain,
  incoming: IncomingMessage,
  body: string,
): Promise<OddAnswer> {
  const wanted = `Basic ${Buffer.from(`${double.user}:${double.password}`).toString("base64")}`;
  if (incoming.headers.authorization !== wanted) return { status: 401, body: "" };
  const request = JSON.parse(body) as Request | readonly Request[];
  const view = await chain.read();
  if (Array.isArray(request)) {
    const replies: unknown[] = [];
    for (const one of request as readonly Request[]) replies.push((await reply(double, chain, view, one)).body);
    return { body: JSON.stringify(replies) };
  }
  const { status, body: value } = await reply(double, chain, view, request as Request);
  return { status, body: JSON.stringify(value) };
}

interface Request {
  readonly jsonrpc: string;
  readonly id: unknown;
  readonly method: string;
  readonly params: readonly unknown[];
}

async function reply(
  double: CoreDouble,
  chain: ViewedChain,
  view: ChainView,
  { id, method, params }: Request,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const { features } = double;
  double.calls.push({ method, params });
  try {
    if (features.warmup) throw new RpcError(-28, "Loading block index…");
    const methods = methodsOf(features);
    const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
    if (run === undefined) throw new RpcError(-32601, "Method not found");
    const right = async (): Promise<unknown> => run({ view, chain, features }, params);
    const replaced = double.replaced[method];
    const result = await (replaced === undefined ? right() : replaced(params, right));
    return { status: 200, body: { jsonrpc: "2.0", result, id } };
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    const { code, message } = error;
    // Before version 28 Core answered errors with a status of their own, and both members.
    if (features.version < 28 && features.kind === "core") {
      return { status: code === -32601 ? 404 : 500, body: { result: null, error: { code, message }, id } };
    }
    return { status: 200, body: { jsonrpc: "2.0", error: { code, message }, id } };
  }
}
