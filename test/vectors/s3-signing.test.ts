import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { S3Credentials } from "../../src/storage/s3-credentials.js";
import { SigV4 } from "../../src/storage/s3-sign.js";
import { hasSharedVectors, sharedVectors } from "./shared.js";

interface SuiteCase {
  readonly case: string;
  readonly context: {
    readonly credentials: {
      readonly access_key_id: string;
      readonly secret_access_key: string;
      readonly token?: string;
    };
    readonly expiration_in_seconds: number;
    readonly region: string;
    readonly service: string;
    readonly sign_body: boolean;
    readonly timestamp: string;
  };
  readonly request: string;
  readonly header_canonical_request: string;
  readonly header_signature: string;
  readonly query_signature: string;
}

interface ExampleFile {
  readonly common: {
    readonly access_key_id: string;
    readonly secret_access_key: string;
    readonly region: string;
    readonly service: string;
  };
  readonly cases: readonly {
    readonly case: string;
    readonly method: string;
    readonly canonical_uri: string;
    readonly canonical_query: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly signature: string;
  }[];
}

/** What no request of ours has. The signer takes two headers of one name, and two slashes, for something else. */
const NOT_OURS: Readonly<Record<string, string>> = {
  "get-header-key-duplicate": "a header twice",
  "get-slashes-unnormalized": "empty segments in the path",
};
/** In the presigned form the suite signs the digest of a body, which for S3 is never part of a signed URL. */
const NOT_PRESIGNED: Readonly<Record<string, string>> = { ...NOT_OURS, "post-x-www-form-urlencoded": "a body" };

const shared = hasSharedVectors();
const suite = shared ? (read("s3/sigv4_suite.json") as { cases: readonly SuiteCase[] }).cases : [];
const examples = shared ? (read("s3/s3_examples.json") as ExampleFile) : null;

function read(path: string): unknown {
  return JSON.parse(readFileSync(join(sharedVectors, path), "utf8"));
}

/** Method, path and headers of a request as the suite writes it. */
function parse({ request, context, header_canonical_request: canonical }: SuiteCase) {
  const [head = "", ...lines] = (request.split("\n\n")[0] ?? "").split("\n");
  const [, method = "", target = ""] = /^(\S+) (.*) HTTP\/1\.1$/.exec(head) ?? [];
  const headers: Record<string, string> = {};
  for (const line of lines.filter((text) => text !== "")) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const { host = "", ...rest } = headers;
  const digest = canonical.split("\n").at(-1) ?? "";
  return {
    method,
    url: new URL(`https://${host}${target}`),
    headers: rest,
    signedHeaders: context.sign_body ? { ...rest, "x-amz-content-sha256": digest } : rest,
  };
}

function signerOf({ context: { region, service, credentials, timestamp } }: SuiteCase) {
  const keys: S3Credentials = {
    accessKeyId: credentials.access_key_id,
    secretAccessKey: credentials.secret_access_key,
    ...(credentials.token === undefined ? {} : { sessionToken: credentials.token }),
  };
  return { signer: new SigV4({ region, service }), keys, nowMs: Date.parse(timestamp) };
}

function signatureOf(authorization: string | undefined): string | undefined {
  return authorization?.split("Signature=")[1];
}

const inHeaders = suite.filter(({ case: name }) => !(name in NOT_OURS));
const inUrls = suite.filter(({ case: name }) => !(name in NOT_PRESIGNED));

describe.skipIf(!shared)("SigV4: vectors of Amazon", () => {
  it.each(inHeaders)("signs the headers of $case", async (vector) => {
    const { signer, keys, nowMs } = signerOf(vector);
    const { method, url, signedHeaders } = parse(vector);
    const headers = await signer.signHeaders({ method, url, headers: signedHeaders }, keys, nowMs);
    expect(signatureOf(headers["authorization"])).toBe(vector.header_signature);
  });

  it.each(inUrls)("signs the URL of $case", async (vector) => {
    const { signer, keys, nowMs } = signerOf(vector);
    const { method, url, headers } = parse(vector);
    const seconds = vector.context.expiration_in_seconds;
    const signed = await signer.signUrl({ method, url, headers }, keys, nowMs, seconds);
    expect(signed.searchParams.get("X-Amz-Signature")).toBe(vector.query_signature);
    expect(signed.searchParams.get("X-Amz-Expires")).toBe(String(seconds));
  });

  it.each(examples?.cases ?? [])("signs the S3 example $case", async (example) => {
    const {
      access_key_id: accessKeyId,
      secret_access_key: secretAccessKey,
      region,
      service,
    } = examples?.common ?? {
      ...{ access_key_id: "", secret_access_key: "", region: "", service: "" },
    };
    const { host = "", ...headers } = example.headers;
    const url = new URL(`https://${host}${example.canonical_uri}?${example.canonical_query}`);
    const signer = new SigV4({ region, service });
    const nowMs = Date.parse("2013-05-24T00:00:00Z");
    const signed = await signer.signHeaders(
      { method: example.method, url, headers },
      { accessKeyId, secretAccessKey },
      nowMs,
    );
    expect(signatureOf(signed["authorization"])).toBe(example.signature);
  });

  it("runs all that a request of ours can be", () => {
    expect([suite.length, inHeaders.length, inUrls.length, examples?.cases.length]).toEqual([12, 10, 9, 3]);
  });
});
