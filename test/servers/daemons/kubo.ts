import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { programs } from "../versions.js";
import { Daemon, freePorts } from "./daemon.js";

/** A running Kubo node, which knows no other node and searches nowhere. */
export interface KuboNode extends AsyncDisposable {
  /** What stands before `/api/v0/`. */
  readonly apiUrl: string;
  /** What stands before `/ipfs/`. */
  readonly gatewayUrl: string;
  /** Runs `ipfs` against this node, and gives what it prints. */
  ipfs(...args: readonly string[]): Promise<string>;
  /** A file with these bytes in the node's directory. */
  file(name: string, bytes: Uint8Array): Promise<string>;
  stop(): Promise<void>;
}

/** How a node is set up. */
export interface KuboNodeOptions {
  /** Directory below which everything of it lies. Default: that of temporary files. */
  readonly parent?: string | undefined;
  /** Token that its RPC asks for as `Authorization: Bearer`. Default: none is needed. */
  readonly token?: string | undefined;
  /** Further settings. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
}

/** Starts a node with an empty repository. */
export async function startKubo({
  parent = tmpdir(),
  token,
  settings: further = {},
}: KuboNodeOptions = {}): Promise<KuboNode> {
  const dir = await mkdtemp(join(parent, "hawser-kubo-"));
  const [apiPort = 0, gatewayPort = 0] = await freePorts(2);
  const env = { IPFS_PATH: join(dir, "repository"), IPFS_TELEMETRY: "off" };
  const ipfs = async (...args: readonly string[]): Promise<string> => {
    const auth = token === undefined ? [] : [`--api-auth=bearer:${token}`];
    const { stdout } = await promisify(execFile)(programs.kubo, [...auth, ...args], {
      env: { ...process.env, ...env },
    });
    return stdout.trim();
  };
  await promisify(execFile)(programs.kubo, ["init", "--profile=test"], { env: { ...process.env, ...env } });
  const settings = {
    "Addresses.API": `/ip4/127.0.0.1/tcp/${apiPort}`,
    "Addresses.Gateway": `/ip4/127.0.0.1/tcp/${gatewayPort}`,
    ...(token === undefined
      ? {}
      : { "API.Authorizations": { test: { AuthSecret: `bearer:${token}`, AllowedPaths: ["/api/v0"] } } }),
    ...further,
  };
  for (const [name, value] of Object.entries(settings)) await ipfs("config", "--json", name, JSON.stringify(value));
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const gatewayUrl = `http://127.0.0.1:${gatewayPort}`;
  const daemon = await Daemon.start({
    program: programs.kubo,
    args: ["daemon", "--offline"],
    env,
    // The empty block, which every gateway has.
    ready: async () => {
      const answers = await Promise.all([
        fetch(`${apiUrl}/api/v0/version`, { method: "POST" }),
        fetch(`${gatewayUrl}/ipfs/bafkqaaa?format=raw`),
      ]);
      if (!answers.every(({ status }) => status === 200 || status === 403)) throw new Error("not ready");
    },
  });
  const stop = async (): Promise<void> => {
    await daemon.stop();
    await rm(dir, { recursive: true, force: true });
  };
  return {
    apiUrl,
    gatewayUrl,
    ipfs,
    file: async (name, bytes) => {
      const path = join(dir, name);
      await writeFile(path, bytes);
      return path;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
