import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { concatBytes, utf8 } from "../bytes/bytes.js";
import { HawserError } from "../errors.js";

/** A request, its body read. */
export interface WebRequest {
  readonly method: string;
  /** Percent-decoded, without query. */
  readonly path: string;
  /** A header's value, or null. */
  header(name: string): string | null;
  readonly body: Uint8Array;
}

/** An answer; `"destroy"` breaks the connection off without one. */
export type WebAnswer =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    }
  | "destroy";

/** Answers requests; `signal` aborts when the server closes. */
export type WebHandler = (request: WebRequest, signal: AbortSignal) => Promise<WebAnswer> | WebAnswer;

/** A server that listens. */
export interface WebServer {
  readonly url: string;
  /** `host:port`. */
  readonly authority: string;
  readonly port: number;
  /** Ends every connection and stops listening. */
  close(): Promise<void>;
}

const BODY_MAX_BYTES = 8 * 1024 * 1024;

/**
 * Starts a server.
 *
 * @param port - 0 takes a free one.
 * @throws INPUT_CONFIG_INVALID when the address is in use or is not this machine's.
 */
export async function startServer(host: string, port: number, handler: WebHandler): Promise<WebServer> {
  const closing = new AbortController();
  const server = createServer((incoming, outgoing) => {
    void answer(incoming, outgoing, handler, closing.signal);
  });
  await listen(server, host, port);
  const bound = server.address();
  const boundPort = typeof bound === "object" && bound !== null ? bound.port : port;
  const authority = `${host.includes(":") ? `[${host}]` : host}:${boundPort}`;
  let closed: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closing.abort();
    closed ??= new Promise((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
    });
    return closed;
  };
  return { url: `http://${authority}`, authority, port: boundPort, close };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      const reason = `cannot listen on ${host}:${port}: ${error.message}`;
      reject(
        new HawserError("INPUT_CONFIG_INVALID", `The devnet ${reason}.`, { setting: "port", reason }, { cause: error }),
      );
    });
    server.listen(port, host, resolve);
  });
}

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handler: WebHandler,
  signal: AbortSignal,
): Promise<void> {
  const method = incoming.method ?? "GET";
  try {
    const body = await readBody(incoming);
    const path = pathOf(incoming.url ?? "/");
    const header = (name: string): string | null => incoming.headers[name]?.toString() ?? null;
    if (body === null) send(outgoing, method, { status: 413, body: "Body too large" });
    else if (path === null) send(outgoing, method, { status: 400, body: "Path is not percent-encoded UTF-8" });
    else send(outgoing, method, await handler({ method, path, header, body }, signal));
  } catch (error) {
    // When the client went away, or the server closes while an answer is being delayed, nobody is left to be told.
    if (signal.aborted || incoming.socket.destroyed || outgoing.headersSent) outgoing.destroy();
    else send(outgoing, method, { status: 500, body: error instanceof Error ? error.message : "unknown failure" });
  }
}

function send(outgoing: ServerResponse, method: string, reply: WebAnswer): void {
  if (reply === "destroy") {
    outgoing.destroy();
    return;
  }
  const body = typeof reply.body === "string" ? utf8(reply.body) : (reply.body ?? new Uint8Array(0));
  const bodiless = reply.status === 204 || reply.status === 304;
  outgoing.writeHead(reply.status, {
    ...(bodiless ? {} : { "content-length": String(body.length) }),
    ...(typeof reply.body === "string" ? { "content-type": "text/plain" } : {}),
    ...reply.headers,
  });
  if (method === "HEAD" || bodiless) outgoing.end();
  else outgoing.end(body);
}

function pathOf(url: string): string | null {
  try {
    return decodeURIComponent(url.split("?", 1)[0] ?? "");
  } catch {
    return null;
  }
}

async function readBody(incoming: IncomingMessage): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of incoming as AsyncIterable<Uint8Array>) {
    length += part.length;
    // What exceeds the cap is read and dropped, so that the client gets to see the answer.
    if (length <= BODY_MAX_BYTES) parts.push(part);
  }
  return length > BODY_MAX_BYTES ? null : concatBytes(...parts);
}
