import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { programs } from "../versions.js";
import { Daemon, freePorts } from "./daemon.js";
import type { NodeRpc } from "./rpc.js";

/** A running ElectrumX. */
export interface ElectrumX extends AsyncDisposable {
  readonly tcpUrl: string;
  readonly tlsUrl: string;
  readonly wsUrl: string;
  /** Its self-signed certificate, PEM. */
  readonly certificateFile: string;
  stop(): Promise<void>;
}

/** How an ElectrumX is set up. */
export interface ElectrumXOptions {
  /** The node that it indexes. */
  readonly rpc: NodeRpc;
  /** Further settings of its environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Starts ElectrumX with an index of its own. */
export async function startElectrumX({ rpc, env = {} }: ElectrumXOptions): Promise<ElectrumX> {
  const dir = await mkdtemp(join(tmpdir(), "hawser-electrumx-"));
  const key = join(dir, "key.pem");
  const certificateFile = join(dir, "certificate.pem");
  const [tcp = 0, tls = 0, ws = 0, admin = 0] = await freePorts(4);
  await promisify(execFile)("openssl", [
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificateFile],
    ...["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
  ]);
  const daemonUrl = new URL(rpc.url);
  daemonUrl.username = rpc.user;
  daemonUrl.password = rpc.password;
  const daemon = await Daemon.start({
    program: programs.electrumx,
    args: [],
    env: {
      COIN: "Bitcoin",
      NET: "regtest",
      DB_ENGINE: "leveldb",
      DAEMON_URL: daemonUrl.href,
      DB_DIRECTORY: dir,
      SERVICES: `tcp://127.0.0.1:${tcp},ssl://127.0.0.1:${tls},ws://127.0.0.1:${ws},rpc://127.0.0.1:${admin}`,
      SSL_CERTFILE: certificateFile,
      SSL_KEYFILE: key,
      PEER_DISCOVERY: "off",
      PEER_ANNOUNCE: "",
      ALLOW_ROOT: "1",
      COST_SOFT_LIMIT: "0",
      COST_HARD_LIMIT: "0",
      DAEMON_POLL_INTERVAL_BLOCKS: "200",
      DAEMON_POLL_INTERVAL_MEMPOOL: "200",
      ...env,
    },
    // It listens once its index is up to date.
    ready: () => isListening(tcp),
  });
  const stop = async (): Promise<void> => {
    await daemon.stop();
    await rm(dir, { recursive: true, force: true });
  };
  return {
    tcpUrl: `tcp://127.0.0.1:${tcp}`,
    tlsUrl: `tls://localhost:${tls}`,
    wsUrl: `ws://127.0.0.1:${ws}`,
    certificateFile,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function isListening(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
  } finally {
    socket.destroy();
  }
}
