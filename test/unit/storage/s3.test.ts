import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { isHawserError } from "../../../src/errors.js";
import { type S3Storage, type S3StorageOptions, s3 } from "../../../src/storage/s3.js";
import { storageContract } from "../../../src/testing/index.js";
import { describeStorageContract, OBJECT_PATH, RECORD_PATH } from "./contract.js";
import { expectCode } from "./expect-code.js";
import { BUCKET, CREDENTIALS, fault, type S3ServerOptions, serveS3 } from "./s3-server.js";
import { reply, type SeenRequest, serve, type TestServer } from "./serve.js";

const servers: TestServer[] = [];
async function service(options: S3ServerOptions = {}): Promise<TestServer> {
  const server = await serveS3(options);
  servers.push(server);
  return server;
}
/** A server that answers everything in one way. */
async function answering(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const server = await serve((_, response) => {
    reply(response, status, body, headers);
  });
  servers.push(server);
  return server;
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

function at(server: TestServer, options: Partial<S3StorageOptions> = {}): S3Storage {
  return s3({ bucket: BUCKET, endpoint: server.url, credentials: CREDENTIALS, conditional: true, ...options });
}

const record = { kind: "record", maxBytes: 1_000 } as const;
const write = (storage: S3Storage, condition?: { ifAbsent: true } | { ifTag: string }): Promise<unknown> =>
  storage.write(RECORD_PATH, utf8("x"), { kind: "record", ...(condition === undefined ? {} : { condition }) });

for (const [name, options, server] of [
  ["s3 with conditional writes", { conditional: true, prefix: "a/~b@c+d" }, {}],
  ["s3 without conditional writes", { conditional: false }, {}],
] as const) {
  describeStorageContract(name, async () => {
    const opened = await serveS3(server);
    return { storage: at(opened, options), close: () => opened.close() };
  });
}

describe("storage contract of the kit: s3 and its double", async () => {
  const server = await serveS3({ conditions: "honours" });
  const ignoring = await serveS3({ conditions: "ignores" });
  const stopped = await serveS3();
  await stopped.close();
  for (const [name, at] of [
    ["conditional", server],
    ["not conditional", ignoring],
  ] as const) {
    const common = { bucket: BUCKET, endpoint: at.url, credentials: CREDENTIALS };
    const cases = storageContract({
      open: (prefix) => s3({ ...common, prefix }),
      openRefused: () => s3({ ...common, credentials: { ...CREDENTIALS, secretAccessKey: "marker-other" } }),
      openGone: () => s3({ ...common, bucket: "other-bucket" }),
      openStopped: () => s3({ ...common, endpoint: stopped.url }),
      secrets: [CREDENTIALS.secretAccessKey, CREDENTIALS.accessKeyId, "marker-other"],
    });
    for (const { name: title, run } of cases) it(`${name}: ${title}`, run);
  }
});
