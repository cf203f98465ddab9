import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programs } from "../versions.js";
import { Daemon, freePorts } from "./daemon.js";
import { NodeRpc } from "./rpc.js";

/** How a btcd is set up. */
export interface BtcdOptions {
  /** Address that its blocks pay to. */
  readonly miningAddress: string;
}

/** A running btcd on regtest, with relay policy on and no connections but those that a test makes. */
export interface Btcd extends AsyncDisposable {
  readonly rpc: NodeRpc;
  /** `host:port` for other nodes. */
  readonly peerAddress: string;
  stop(): Promise<void>;
}

/** Starts btcd on a new chain. */
export async function startBtcd({ miningAddress }: BtcdOptions): Promise<Btcd> {
  const dir = await mkdtemp(join(tmpdir(), "hawser-btcd-"));
  const [rpcPort = 0, port = 0] = await freePorts(2);
  const rpc = new NodeRpc(rpcPort, "user", "password");
  const daemon = await Daemon.start({
    program: programs.btcd,
    args: [
      "--regtest",
      `--configfile=${join(dir, "none.conf")}`,
      `--datadir=${dir}`,
      `--logdir=${join(dir, "logs")}`,
      `--rpclisten=127.0.0.1:${rpcPort}`,
      `--listen=127.0.0.1:${port}`,
      `--rpcuser=${rpc.user}`,
      `--rpcpass=${rpc.password}`,
      "--notls",
      "--txindex",
      // Regtest lets everything through otherwise.
      "--rejectnonstd",
      `--miningaddr=${miningAddress}`,
      "--debuglevel=warn",
    ],
    ready: () => rpc.call("getblockcount"),
  });
  const stop = async (): Promise<void> => {
    await daemon.stop();
    await rm(dir, { recursive: true, force: true });
  };
  return { rpc, peerAddress: `127.0.0.1:${port}`, stop, [Symbol.asyncDispose]: stop };
}
