import type { WebAnswer, WebRequest } from "./http-server.js";
import { etagOf, type Store, type StoredFile } from "./store.js";

const CORS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "ETag",
} as const;
const ALLOWED = "GET, HEAD, PUT, DELETE, OPTIONS";
const PREFLIGHT = {
  "access-control-allow-methods": ALLOWED,
  "access-control-allow-headers": "content-type, if-match, if-none-match, authorization",
  "access-control-max-age": "600",
} as const;

/**
 * Answers as a static file server that accepts PUT and DELETE: strong ETags, `If-Match` and `If-None-Match` honoured,
 * readable from any web page.
 */
export function answerStore(store: Store, request: WebRequest): WebAnswer {
  const reply = answer(store, request);
  return { ...reply, headers: { ...reply.headers, ...CORS, "x-content-type-options": "nosniff" } };
}

type Reply = Exclude<WebAnswer, "destroy">;

function answer(store: Store, request: WebRequest): Reply {
  const { method, path } = request;
  const shown = store.show(path);
  switch (method) {
    case "OPTIONS":
      return { status: 204, headers: PREFLIGHT };
    case "GET":
    case "HEAD":
      return read(path, shown, request);
    case "PUT":
      if (path.endsWith("/")) return { status: 400, body: "A file's path does not end in a slash" };
      if (!conditionsHold(request, shown)) return { status: 412, body: "Precondition failed" };
      store.write(path, { bytes: request.body, contentType: request.header("content-type") });
      return { status: shown === null ? 201 : 200, headers: { etag: etagOf(request.body) } };
    case "DELETE":
      if (!conditionsHold(request, shown)) return { status: 412, body: "Precondition failed" };
      store.remove(path);
      return shown === null ? { status: 404, body: "Not found" } : { status: 204 };
    default:
      return { status: 405, headers: { allow: ALLOWED }, body: "Method not allowed" };
  }
}

function read(path: string, shown: StoredFile | null, request: WebRequest): Reply {
  if (shown === null) return { status: 404, body: "Not found" };
  const etag = etagOf(shown.bytes);
  const headers = {
    etag,
    "content-type": shown.contentType ?? (path.endsWith(".json") ? "application/json" : "application/octet-stream"),
    // An object never changes, since its path is its hash; a record may change at any time.
    "cache-control": path.startsWith("/objects/") ? "public, max-age=31536000, immutable" : "no-cache",
  };
  if (lists(request.header("if-none-match"), etag)) return { status: 304, headers };
  return { status: 200, headers, body: shown.bytes };
}

/** RFC 9110, 13.1.1 and 13.1.2, against what the store shows. */
function conditionsHold(request: WebRequest, shown: StoredFile | null): boolean {
  const etag = shown === null ? null : etagOf(shown.bytes);
  const ifMatch = request.header("if-match");
  if (ifMatch !== null && !lists(ifMatch, etag)) return false;
  return !lists(request.header("if-none-match"), etag);
}

function lists(header: string | null, etag: string | null): boolean {
  if (header === null || etag === null) return false;
  return header.split(",").some((one) => one.trim() === "*" || one.trim() === etag);
}
