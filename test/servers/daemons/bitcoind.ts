import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programs } from "../versions.js";
import { Daemon, freePorts } from "./daemon.js";
import { NodeRpc } from "./rpc.js";

/** How a bitcoind is set up. */
export interface BitcoindOptions {
  /** Further arguments, for example indexes. */
  readonly args?: readonly string[] | undefined;
  /** `host:port` of the one node that it connects to; none: it waits for others. */
  readonly peer?: string | undefined;
}

/** A running Bitcoin Core on regtest, without a wallet, with relay policy on. */
export interface Bitcoind extends AsyncDisposable {
  readonly rpc: NodeRpc;
  readonly rpcPort: number;
  /** Where it writes the password of this run. */
  readonly cookieFile: string;
  /** `host:port` for other nodes. */
  readonly peerAddress: string;
  stop(): Promise<void>;
}

/** All that the source may make use of. */
export const ALL_INDEXES = ["-rest=1", "-blockfilterindex=1", "-txindex=1", "-txospenderindex=1"] as const;

/** `user` and `password`, as share/rpcauth of Bitcoin Core hashes them; the cookie works beside it. */
const RPC_AUTH =
  "user:68617773657268617773657268617773$214f8f9f20f899df4c14389e4442cd3df8559a1651df44ba34ccfda397e739a0";

/** Starts Bitcoin Core on a new chain. */
export async function startBitcoind({ args = [], peer }: BitcoindOptions = {}): Promise<Bitcoind> {
  const dir = await mkdtemp(join(tmpdir(), "hawser-bitcoind-"));
  const [rpcPort = 0, port = 0] = await freePorts(2);
  const rpc = new NodeRpc(rpcPort, "user", "password");
  const daemon = await Daemon.start({
    program: programs.bitcoind,
    args: [
      "-regtest",
      `-datadir=${dir}`,
      "-server=1",
      `-rpcbind=127.0.0.1:${rpcPort}`,
      "-rpcallowip=127.0.0.1",
      `-rpcauth=${RPC_AUTH}`,
      `-bind=127.0.0.1:${port}`,
      "-listen=1",
      "-dnsseed=0",
      "-fixedseeds=0",
      "-discover=0",
      "-natpmp=0",
      "-acceptnonstdtxn=0",
      "-printtoconsole=1",
      "-listenonion=0",
      ...(peer === undefined ? ["-connect=0"] : [`-connect=${peer}`]),
      ...args,
    ],
    ready: () => rpc.call("getblockcount"),
  });
  const stop = async (): Promise<void> => {
    await daemon.stop();
    await rm(dir, { recursive: true, force: true });
  };
  const cookieFile = join(dir, "regtest", ".cookie");
  return { rpc, rpcPort, cookieFile, peerAddress: `127.0.0.1:${port}`, stop, [Symbol.asyncDispose]: stop };
}
