import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import type { StorageProvider, StoredKind } from "../../src/ports.js";
import { diskStorage } from "../../src/storage/disk.js";
import { s3 } from "../../src/storage/s3.js";
import { startVersitygw, type Versitygw } from "./daemons/versitygw.js";
import { programs } from "./versions.js";

interface Body {
  readonly path: string;
  readonly kind: StoredKind;
  readonly bytes: Uint8Array;
}

const objects = ["", "hello world", "x".repeat(70_000)].map((text): Body => {
  const hash = createHash("sha256").update(text).digest("hex");
  return { path: `objects/${hash.slice(0, 2)}/${hash}`, kind: "object", bytes: utf8(text) };
});
const records = ["settings@5", "feeds/latest@5", "feeds/latest@9", "a~b_c.d-e@0"].map(
  (file): Body => ({ path: `records/regtest/alice/${file}.json`, kind: "record", bytes: utf8(`{"of":"${file}"}`) }),
);
const bodies = [...objects, ...records];

async function read(storage: StorageProvider): Promise<readonly (Uint8Array | undefined)[]> {
  return Promise.all(
    bodies.map(async ({ path, kind }) => (await storage.read(path, { kind, maxBytes: 1_048_576 }))?.bytes),
  );
}

/** A bucket is a folder tree like any other: what rclone copies out of it and into it is what hawser reads. */
describe("a bucket that rclone copies", () => {
  let gateway: Versitygw;
  let directory: string;
  const inBucket = (prefix: string): StorageProvider => {
    const { bucket, endpoint, credentials } = gateway;
    return s3({ bucket, prefix, endpoint, credentials });
  };
  const rclone = async (...args: readonly string[]): Promise<void> => {
    const { endpoint, credentials } = gateway;
    await promisify(execFile)(programs.rclone, ["--config", "", ...args], {
      env: {
        // None of this machine's settings for S3.
        PATH: process.env["PATH"],
        RCLONE_CONFIG_GW_TYPE: "s3",
        RCLONE_CONFIG_GW_PROVIDER: "Other",
        RCLONE_CONFIG_GW_ENDPOINT: endpoint,
        RCLONE_CONFIG_GW_ACCESS_KEY_ID: credentials.accessKeyId,
        RCLONE_CONFIG_GW_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      },
    });
  };

  beforeAll(async () => {
    gateway = await startVersitygw();
    directory = await mkdtemp(join(tmpdir(), "hawser-copied-"));
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  it("is read from disk as it was, and from a bucket that it is copied back into", async () => {
    const origin = inBucket("origin");
    for (const { path, bytes, kind } of bodies) expect(await origin.write(path, bytes, { kind })).toBe("stored");
    await rclone("copy", `gw:${gateway.bucket}/origin`, directory);
    const expected = bodies.map(({ bytes }) => bytes);
    expect(await read(diskStorage(directory))).toEqual(expected);
    await rclone("copy", directory, `gw:${gateway.bucket}/back`);
    expect(await read(inBucket("back"))).toEqual(expected);
  });
});
