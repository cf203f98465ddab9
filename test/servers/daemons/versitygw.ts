import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programs } from "../versions.js";
import { Daemon, freePorts } from "./daemon.js";
import type { S3Service } from "./s3-service.js";

/** A running versitygw over a folder of its own, in which each bucket is a folder. */
export interface Versitygw extends S3Service {
  /** The bucket, as the file system has it. */
  readonly folder: string;
}

/** How versitygw is set up. */
export interface VersitygwOptions {
  /** Directory below which everything of it lies. Default: that of temporary files. */
  readonly parent?: string | undefined;
}

const CREDENTIALS = { accessKeyId: "AKIDVERSITYGW", secretAccessKey: "versity/secret+key" };

/** Starts versitygw with one empty bucket. Its file system has to keep extended attributes, which tags are kept in. */
export async function startVersitygw({ parent = tmpdir() }: VersitygwOptions = {}): Promise<Versitygw> {
  const dir = await mkdtemp(join(parent, "hawser-versitygw-"));
  const [port = 0] = await freePorts(1);
  const bucket = "hawser-bucket";
  const folder = join(dir, "buckets", bucket);
  await mkdir(folder, { recursive: true });
  const endpoint = `http://127.0.0.1:${port}`;
  const daemon = await Daemon.start({
    program: programs.versitygw,
    args: ["--port", `127.0.0.1:${port}`, "--quiet", "posix", join(dir, "buckets")],
    env: { ROOT_ACCESS_KEY: CREDENTIALS.accessKeyId, ROOT_SECRET_KEY: CREDENTIALS.secretAccessKey },
    ready: () => fetch(endpoint),
  });
  return {
    endpoint,
    bucket,
    folder,
    credentials: CREDENTIALS,
    async [Symbol.asyncDispose]() {
      await daemon.stop();
      await rm(dir, { recursive: true });
    },
  };
}
