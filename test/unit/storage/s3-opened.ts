import { afterEach } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import type { WriteCondition } from "../../../src/ports.js";
import { type S3Storage, type S3StorageOptions, s3 } from "../../../src/storage/s3.js";
import { RECORD_PATH } from "./contract.js";
import { BUCKET, CREDENTIALS, type S3ServerOptions, serveS3 } from "./s3-server.js";
import { reply, serve, type TestServer } from "./serve.js";

/** Doubles of services for one test file, each closed after its test. */
export function s3Servers() {
  const servers: TestServer[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });
  const opened = async (server: Promise<TestServer>): Promise<TestServer> => {
    servers.push(await server);
    return server;
  };
  return {
    service: (options: S3ServerOptions = {}) => opened(serveS3(options)),
    /** One that answers everything in one way. */
    answering: (status: number, body: string, headers: Readonly<Record<string, string>> = {}) =>
      opened(
        serve((_, response) => {
          reply(response, status, body, headers);
        }),
      ),
  };
}

/** A provider over a double. */
export function at(server: TestServer, options: Partial<S3StorageOptions> = {}): S3Storage {
  return s3({ bucket: BUCKET, endpoint: server.url, credentials: CREDENTIALS, conditional: true, ...options });
}

export const record = { kind: "record", maxBytes: 1_000 } as const;

/** Writes one letter as a record. */
export function write(storage: S3Storage, condition?: WriteCondition): Promise<unknown> {
  return storage.write(RECORD_PATH, utf8("x"), { kind: "record", ...(condition === undefined ? {} : { condition }) });
}
