import { createHash, createHmac } from "node:crypto";
import type { ServerResponse } from "node:http";
import { reply, type SeenRequest, serve, type TestServer } from "./serve.js";

/** Credentials that the double knows. */
export const CREDENTIALS = { accessKeyId: "marker-key-id", secretAccessKey: "marker/secret+key" } as const;
export const BUCKET = "data-bucket";

/** How the double departs from a service that keeps the contract. */
export interface S3ServerOptions {
  /** `ignores` overwrites whatever the condition; a number is the status of its refusal. Default: atomic conditions. */
  readonly conditions?: "honours" | "ignores" | 400 | 501 | undefined;
  /** Answers in place of the service, unless it returns false. */
  readonly instead?: ((request: SeenRequest, response: ServerResponse) => boolean) | undefined;
  /** Whether everybody may read. */
  readonly isPublic?: boolean | undefined;
  /** Session token that requests have to carry. */
  readonly sessionToken?: string | undefined;
}

/** The XML of an error. */
export function fault(code: string, more = ""): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>for marker-key-id</Message>${more}</Error>`;
}

/**
 * A double of an S3 service with one bucket, path style. It checks signatures by code of its own: over the path and the
 * headers as they arrived, and over the body.
 */
export function serveS3(options: S3ServerOptions = {}): Promise<TestServer> {
  const objects = new Map<string, Buffer>();
  const { conditions = "honours" } = options;
  return serve((request, response) => {
    const { method, path, headers, body } = request;
    if (options.instead?.(request, response) === true) return;
    const isOpen = options.isPublic === true && method === "GET" && headers.authorization === undefined;
    const wrong = isOpen ? null : wrongSignature(request, options.sessionToken);
    if (wrong !== null) {
      reply(response, 403, fault(wrong));
      return;
    }
    const key = decodeURIComponent(path.split("?")[0] ?? "");
    if (!key.startsWith(`/${BUCKET}/`)) {
      reply(response, 404, fault("NoSuchBucket"));
      return;
    }
    const current = objects.get(key);
    const isConditional = headers["if-match"] !== undefined || headers["if-none-match"] !== undefined;
    if (method === "PUT" && isConditional && typeof conditions === "number") {
      reply(response, conditions, fault(conditions === 501 ? "NotImplemented" : "InvalidArgument"));
    } else if (
      method === "PUT" &&
      conditions === "honours" &&
      headers["if-none-match"] === "*" &&
      current !== undefined
    ) {
      reply(response, 412, fault("PreconditionFailed"));
    } else if (
      method === "PUT" &&
      conditions === "honours" &&
      headers["if-match"] !== undefined &&
      current === undefined
    ) {
      reply(response, 404, fault("NoSuchKey"));
    } else if (
      method === "PUT" &&
      conditions === "honours" &&
      headers["if-match"] !== undefined &&
      headers["if-match"] !== etagOf(current)
    ) {
      reply(response, 412, fault("PreconditionFailed"));
    } else if (method === "PUT") {
      objects.set(key, body);
      reply(response, 200, "", { etag: etagOf(body) });
    } else if (method === "DELETE") {
      objects.delete(key);
      reply(response, 204);
    } else if (current === undefined) {
      reply(response, 404, fault("NoSuchKey"));
    } else {
      replyBytes(response, current, headers.range);
    }
  });
}

function replyBytes(response: ServerResponse, body: Buffer, range: string | undefined): void {
  const etag = etagOf(body);
  const asked = /^bytes=([0-9]+)-([0-9]+)$/.exec(range ?? "");
  if (asked === null) {
    reply(response, 200, body, { etag });
    return;
  }
  const start = Number(asked[1]);
  const end = Math.min(Number(asked[2]) + 1, body.length);
  if (start >= body.length) reply(response, 416, fault("InvalidRange"));
  else {
    const part = { etag, "content-range": `bytes ${start}-${end - 1}/${body.length}` };
    reply(response, 206, body.subarray(start, end), part);
  }
}

/** Not the digest: an ETag is none. */
function etagOf(body: Buffer | undefined): string {
  return `"${createHash("md5")
    .update("etag")
    .update(body ?? "")
    .digest("hex")}-2"`;
}

function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

/** The code of a refusal, or null for a request whose signature is right. */
function wrongSignature({ method, path, headers, body }: SeenRequest, sessionToken?: string): string | null {
  const [uri = "", query = ""] = path.split("?");
  const parameters = query.split("&").filter((pair) => pair !== "" && !pair.startsWith("X-Amz-Signature="));
  const parameter = (name: string): string => new URLSearchParams(query).get(name) ?? "";
  const isPresigned = query.includes("X-Amz-Signature=");
  const given = isPresigned
    ? [parameter("X-Amz-Credential"), parameter("X-Amz-SignedHeaders"), parameter("X-Amz-Signature")]
    : (/^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/
        .exec(headers.authorization ?? "")
        ?.slice(1) ?? []);
  const [credential = "", signedNames = "", signature = ""] = given;
  const [keyId, date = "", region = "", service = "", end = ""] = credential.split("/");
  if (keyId !== CREDENTIALS.accessKeyId) return "InvalidAccessKeyId";
  const token = isPresigned ? parameter("X-Amz-Security-Token") : headers["x-amz-security-token"];
  if (sessionToken !== undefined && token !== sessionToken) return "InvalidToken";
  const time = isPresigned ? parameter("X-Amz-Date") : String(headers["x-amz-date"]);
  const payload = isPresigned ? "UNSIGNED-PAYLOAD" : String(headers["x-amz-content-sha256"]);
  if (!isPresigned && payload !== sha256(body)) return "XAmzContentSHA256Mismatch";
  const names = signedNames.split(";");
  const canonical = [
    method,
    uri,
    [...parameters].sort().join("&"),
    ...names.map((name) => `${name}:${String(headers[name])}`),
    "",
    signedNames,
    payload,
  ].join("\n");
  const scope = [date, region, service, end].join("/");
  const toSign = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n");
  let key: string | Buffer = `AWS4${CREDENTIALS.secretAccessKey}`;
  for (const part of [date, region, service, end]) key = createHmac("sha256", key).update(part).digest();
  return createHmac("sha256", key).update(toSign).digest("hex") === signature ? null : "SignatureDoesNotMatch";
}
