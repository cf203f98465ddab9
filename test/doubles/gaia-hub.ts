import { createHash } from "node:crypto";
import { reply, type SeenRequest, serve, type TestServer } from "../unit/storage/serve.js";

/** How the double differs from a plain hub. */
export interface GaiaHubOptions {
  /** What `hub_info` names. Default: this server's `/read/`. */
  readonly readUrlPrefix?: string | undefined;
  /** What a cache on the way makes of the ETag of a read. Default: nothing. */
  readonly cachedTag?: ((etag: string) => string | null) | undefined;
  /** Whether tags have quotes, as with S3; a hub on a disk gives bare ones. Default true. */
  readonly quoted?: boolean | undefined;
}

/** A double of a Gaia hub and of the place where its files are read. */
export interface GaiaHub extends TestServer {
  readonly files: Map<string, Buffer>;
  readonly token: string;
}

/**
 * A double of a Gaia hub, made from the published description of its HTTP API: it is nobody's server, and shows only that
 * the provider does what that description says.
 */
export async function startGaiaHub(options: GaiaHubOptions = {}): Promise<GaiaHub> {
  const { cachedTag = (etag) => etag, quoted = true } = options;
  const token = "v1:marker-secret-token";
  const files = new Map<string, Buffer>();
  const etagOf = (body: Buffer): string => {
    const digest = createHash("md5").update(body).digest("hex");
    return quoted ? `"${digest}"` : digest;
  };
  const server = await serve((request, response) => {
    const json = (status: number, value: unknown): void =>
      reply(response, status, JSON.stringify(value), { "content-type": "application/json" });
    const { method, path } = request;
    if (method === "GET" && path === "/hub_info/") {
      const read_url_prefix = options.readUrlPrefix ?? `${server.url}/read/`;
      json(200, { challenge_text: '["gaiahub","0"]', latest_auth_version: "v1", read_url_prefix });
    } else if (method === "GET" && path.startsWith("/read/")) {
      const body = files.get(path.slice("/read/".length));
      if (body === undefined) return reply(response, 404, "File not found");
      const etag = cachedTag(etagOf(body));
      reply(response, 200, body, etag === null ? {} : { etag });
    } else change(request, json);
  });
  const change = (
    { method, path, headers, body }: SeenRequest,
    json: (status: number, value: unknown) => void,
  ): void => {
    const [, command, file = ""] = /^\/(store|delete)\/([a-zA-Z0-9]+\/.+)$/.exec(path) ?? [];
    const expected = command === "store" ? "POST" : "DELETE";
    if (command === undefined || method !== expected) return json(404, { message: "no such place" });
    if (headers.authorization !== `bearer ${token}`) return json(401, { error: "ValidationError" });
    if (file.includes("..")) return json(403, { error: "BadPathError" });
    const current = files.get(file);
    if (command === "delete") {
      files.delete(file);
      return json(current === undefined ? 404 : 202, {});
    }
    const { "if-match": ifMatch, "if-none-match": ifNoneMatch } = headers;
    const moved =
      (ifNoneMatch !== undefined && (ifNoneMatch !== "*" || current !== undefined)) ||
      (ifMatch !== undefined && ifMatch !== "*" && (current === undefined || ifMatch !== etagOf(current)));
    if (moved) return json(412, { error: "PreconditionFailedError" });
    files.set(file, body);
    json(202, { publicURL: `${server.url}/read/${file}`, etag: etagOf(body) });
  };
  return { ...server, files, token };
}
