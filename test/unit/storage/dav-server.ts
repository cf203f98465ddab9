import { createHash } from "node:crypto";
import { reply, type SeenRequest, serve, type TestServer } from "./serve.js";

/** How the double behaves. */
export interface DavServerOptions {
  /** Answers before anything else does; a status ends the request. */
  readonly intercept?: ((request: SeenRequest) => number | null) | undefined;
  /** The status of a PUT whose folder is missing. Default 409. */
  readonly noParent?: number | undefined;
  /** Collections that are there. Default: the root. */
  readonly collections?: readonly string[] | undefined;
  /** Whether tags are weak now. */
  readonly weak?: (() => boolean) | undefined;
}

/** A double of a WebDAV server: files in collections, MKCOL, MOVE, and conditional PUT without a race. */
export async function serveDav(options: DavServerOptions = {}): Promise<TestServer & { files: Map<string, Buffer> }> {
  const files = new Map<string, Buffer>();
  const collections = new Set(options.collections ?? ["/"]);
  const parentOf = (path: string): string => path.slice(0, path.replace(/\/$/, "").lastIndexOf("/") + 1);
  const etagOf = (body: Buffer): string => `"${createHash("md5").update(body).digest("hex")}"`;
  const put = (path: string, body: Buffer): number => {
    if (!collections.has(parentOf(path))) return options.noParent ?? 409;
    const status = files.has(path) ? 204 : 201;
    files.set(path, body);
    return status;
  };
  const change = ({ method, path, headers, body }: SeenRequest): number => {
    const current = files.get(path);
    if (headers["if-none-match"] === "*" && current !== undefined) return 412;
    if (headers["if-match"] !== undefined && (current === undefined || etagOf(current) !== headers["if-match"])) {
      return 412;
    }
    if (method === "PUT") return put(path, body);
    if (method === "DELETE") return files.delete(path) ? 204 : 404;
    if (method === "MKCOL") {
      if (collections.has(path)) return 405;
      if (!collections.has(parentOf(path))) return 409;
      collections.add(path);
      return 201;
    }
    if (method === "MOVE" && current !== undefined) {
      const status = put(new URL(String(headers["destination"])).pathname, current);
      files.delete(path);
      return status;
    }
    return 501;
  };
  const server = await serve((request, response) => {
    const status = options.intercept?.(request) ?? null;
    if (status !== null) {
      reply(response, status);
      return;
    }
    const file = files.get(request.path);
    if (request.method !== "GET") reply(response, change(request));
    else if (file === undefined) reply(response, 404);
    else {
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
      const etag = `${options.weak?.() === true ? "W/" : ""}${etagOf(file)}`;
      if (from === undefined) reply(response, 200, file, { etag });
      else if (Number(from) >= file.length) reply(response, 416, "", { etag });
      else {
        const part = file.subarray(Number(from), Number(to) + 1);
        const range = `bytes ${from}-${Number(from) + part.length - 1}/${file.length}`;
        reply(response, 206, part, { etag, "content-range": range });
      }
    }
  });
  return { ...server, files };
}
