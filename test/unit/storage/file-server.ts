import { createHash } from "node:crypto";
import { reply, serve, type TestServer } from "./serve.js";

/** An HTTP server that keeps what is PUT, with strong ETags and (unless `ignoresConditions`) conditional writes. */
export async function serveFiles(options: { readonly ignoresConditions?: boolean } = {}): Promise<TestServer> {
  const files = new Map<string, Buffer>();
  const etagOf = (body: Buffer): string => `"${createHash("md5").update(body).digest("hex")}"`;
  return serve(({ method, path, headers, body }, response) => {
    const current = files.get(path);
    const etag = current === undefined ? null : etagOf(current);
    const moved =
      options.ignoresConditions !== true &&
      ((headers["if-none-match"] === "*" && current !== undefined) ||
        (headers["if-match"] !== undefined && headers["if-match"] !== etag));
    if (method === "GET") {
      if (current === undefined || etag === null) reply(response, 404);
      else reply(response, 200, current, { etag });
    } else if (moved) {
      reply(response, 412);
    } else if (method === "PUT") {
      files.set(path, body);
      reply(response, current === undefined ? 201 : 204);
    } else {
      files.delete(path);
      reply(response, current === undefined ? 404 : 204);
    }
  });
}
