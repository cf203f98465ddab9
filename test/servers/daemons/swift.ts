import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { AwsClient } from "aws4fetch";
import { programs } from "../versions.js";
import { Daemon, type DaemonStart, freePorts } from "./daemon.js";
import type { S3Service } from "./s3-service.js";

const CREDENTIALS = { accessKeyId: "test:tester", secretAccessKey: "testing" };
const BUCKET = "hawser-bucket";
const KINDS = ["account", "container", "object"] as const;
const MIDDLEWARE = ["catch_errors", "gatekeeper", "cache", "listing_formats", "s3api", "tempauth", "slo"];

/**
 * Starts OpenStack Swift with its S3 API and one empty bucket: one proxy and one server each for accounts, containers and
 * objects, on rings of one device, which is a folder. Its file system has to keep extended attributes.
 */
export async function startSwift(): Promise<S3Service> {
  const dir = await mkdtemp(join(tmpdir(), "hawser-swift-"));
  const [port = 0, ...ports] = await freePorts(1 + KINDS.length);
  await mkdir(join(dir, "devices", "sda1"), { recursive: true });
  await writeFile(join(dir, "swift.conf"), "[swift-hash]\nswift_hash_path_suffix = hawser\n");
  const rings = KINDS.flatMap((kind, i) => [kind, String(ports[i] ?? 0)]);
  // Debian's own: Swift is installed for that one.
  await promisify(execFile)("/usr/bin/python3", ["-c", MAKE_RINGS, dir, ...rings]);
  const endpoint = `http://127.0.0.1:${port}`;
  const starts = KINDS.map(async (kind, i) => startServer(dir, kind, ports[i] ?? 0, storageConfig(dir, kind)));
  const started = await Promise.allSettled([...starts, startServer(dir, "proxy", port, proxyConfig(port))]);
  const stop = async (): Promise<void> => {
    await Promise.all(
      started.map((daemon) => (daemon.status === "fulfilled" ? daemon.value.stop() : Promise.resolve())),
    );
    await rm(dir, { recursive: true });
  };
  const failed = started.find((daemon) => daemon.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  const client = new AwsClient({ ...CREDENTIALS, service: "s3", region: "us-east-1", retries: 0 });
  const made = await client.fetch(`${endpoint}/${BUCKET}`, { method: "PUT" });
  if (made.status !== 200) {
    await stop();
    throw new Error(`Swift makes no bucket: status ${made.status}, ${await made.text()}`);
  }
  return { endpoint, bucket: BUCKET, credentials: CREDENTIALS, [Symbol.asyncDispose]: stop };
}

/** One process for all: the program for it would be started nine times. */
const MAKE_RINGS = `
import sys
from swift.common.ring import RingBuilder
for kind, port in zip(sys.argv[2::2], sys.argv[3::2]):
    builder = RingBuilder(1, 1, 0)
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "device": "sda1", "weight": 1})
    builder.rebalance()
    builder.get_ring().save("%s/%s.ring.gz" % (sys.argv[1], kind))
`;

/** Whoever starts it stays who he is, and it stays one process. */
function common(dir: string, port: number): readonly string[] {
  const user = process.getuid?.() === 0 ? ["user = root"] : [`user = ${process.env["USER"] ?? ""}`];
  return ["[DEFAULT]", "bind_ip = 127.0.0.1", `bind_port = ${port}`, "workers = 0", `swift_dir = ${dir}`, ...user];
}

function storageConfig(dir: string, kind: string): readonly string[] {
  return [
    `devices = ${join(dir, "devices")}`,
    "mount_check = false",
    "fallocate_reserve = 0",
    "[pipeline:main]",
    `pipeline = ${kind}-server`,
    `[app:${kind}-server]`,
    `use = egg:swift#${kind}`,
  ];
}

function proxyConfig(port: number): readonly string[] {
  return [
    "[pipeline:main]",
    `pipeline = ${MIDDLEWARE.join(" ")} proxy-server`,
    "[app:proxy-server]",
    "use = egg:swift#proxy",
    "account_autocreate = true",
    ...MIDDLEWARE.flatMap((name) => [
      `[filter:${name}]`,
      `use = egg:swift#${name === "cache" ? "memcache" : name}`,
      ...(settings[name]?.(port) ?? []),
    ]),
  ];
}

const settings: Readonly<Record<string, (port: number) => readonly string[]>> = {
  // It wants to have one, and does without: nothing listens there.
  cache: () => ["memcache_servers = 127.0.0.1:1"],
  tempauth: (port) => [`user_test_tester = testing .admin http://127.0.0.1:${port}/v1/AUTH_test`],
};

async function startServer(dir: string, kind: string, port: number, config: readonly string[]): Promise<Daemon> {
  const file = join(dir, `${kind}-server.conf`);
  await writeFile(file, `${[...common(dir, port), ...config].join("\n")}\n`);
  const start: DaemonStart = {
    program: `${programs.swift}-${kind}-server`,
    args: [file],
    ready: () => fetch(`http://127.0.0.1:${port}/`),
  };
  return Daemon.start(start);
}
