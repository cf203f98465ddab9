import { buildBlockFilter } from "./block-filter.js";
import { type ChainView, SubmitRefused, type ViewBlock, type ViewedChain, type ViewTransaction } from "./chain-view.js";
import { buildMerkleBlock } from "./merkle-block.js";

/** What a server was built and started with. */
export interface CoreFeatures {
  /** `btcd`: its subset of methods, and its words. Default `core`. */
  kind: "core" | "btcd";
  /** Major version of Core. Default 31. */
  version: number;
  rest: boolean;
  /** `-blockfilterindex=1`; a height: built up to there and not finished. */
  filterIndex: boolean | number;
  txIndex: boolean;
  /** `-txospenderindex=1`. */
  spenderIndex: boolean;
  /** Blocks below this height were pruned; null: none. */
  prunedBelow: number | null;
  /** How many times a scan is said to be in progress for another client. */
  busyScans: number;
  /** The server is still starting. */
  warmup: boolean;
  /** A scan goes on. */
  scanning: boolean;
}

/** An error of the server. */
export class RpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

type Method = (server: CoreState, params: readonly unknown[]) => unknown;

/** What a method sees. */
export interface CoreState {
  readonly view: ChainView;
  readonly chain: ViewedChain;
  readonly features: CoreFeatures;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const btc = (sats: bigint): number => Number(sats) / 100_000_000;

function blockOf({ view }: CoreState, hash: unknown): ViewBlock {
  const height = view.heightOf(String(hash));
  const block = height === null ? null : view.blockAt(height);
  if (block === null) throw new RpcError(-5, "Block not found");
  return block;
}

function dataOf(server: CoreState, hash: unknown): ViewBlock {
  const block = blockOf(server, hash);
  if (block.height > 0 && block.height < (server.features.prunedBelow ?? 0)) {
    throw new RpcError(-1, "Block not available (pruned data)");
  }
  return block;
}

/** Scripts of a block's outputs and of what it spends. */
function scriptsOf({ view }: CoreState, block: ViewBlock): readonly Uint8Array[] {
  return block.txids.flatMap((txid) => {
    const { inputs, outputs } = view.transaction(txid) ?? { inputs: [], outputs: [] };
    return [...outputs.map(({ script }) => script), ...inputs.flatMap(({ spent }) => spent?.script ?? [])];
  });
}

const filters = new Map<string, Uint8Array>();

function filterOf(server: CoreState, block: ViewBlock): Uint8Array {
  const filter = filters.get(block.hash) ?? buildBlockFilter(block.hash, scriptsOf(server, block));
  filters.set(block.hash, filter);
  return filter;
}

function scriptOf(descriptors: unknown): string {
  const [first] = Array.isArray(descriptors) ? (descriptors as readonly unknown[]) : [];
  const match = /^raw\(([0-9a-f]*)\)$/.exec(String(first));
  if (match === null) throw new RpcError(-5, "Invalid descriptor");
  return match[1] ?? "";
}

const getblockhash: Method = ({ view, features }, [height]) => {
  const block = view.blockAt(Number(height));
  if (block !== null) return block.hash;
  throw features.kind === "btcd"
    ? new RpcError(-1, "Block number out of range")
    : new RpcError(-8, "Block height out of range");
};

const getblockheader: Method = (server, [hash, verbose]) => {
  const block = blockOf(server, hash);
  if (verbose === false) return hex(block.header);
  return { hash: block.hash, height: block.height, confirmations: server.view.tipHeight - block.height + 1 };
};

const getblock: Method = (server, [hash, verbosity]) => {
  const block = dataOf(server, hash);
  if (verbosity === 0) return hex(block.raw);
  return { hash: block.hash, height: block.height, confirmations: 1, tx: block.txids };
};

const getblockchaininfo: Method = ({ view, features }) => ({
  chain: "regtest",
  blocks: view.tipHeight,
  headers: view.tipHeight,
  bestblockhash: view.blockAt(view.tipHeight)?.hash,
  verificationprogress: 1,
  initialblockdownload: false,
  pruned: features.prunedBelow !== null,
  ...(features.prunedBelow === null ? {} : { pruneheight: features.prunedBelow }),
});

function assertFilters({ features }: CoreState): void {
  if (features.filterIndex === false) throw new RpcError(-1, "Index is not enabled for filtertype basic");
}

const getblockfilter: Method = (server, [hash]) => {
  assertFilters(server);
  const block = blockOf(server, hash);
  const { filterIndex } = server.features;
  if (typeof filterIndex === "number" && block.height > filterIndex) {
    throw new RpcError(-1, "Filter not found. Block filters are still in the process of being indexed.");
  }
  return { filter: hex(filterOf(server, block)), header: "00".repeat(32) };
};

const scanblocks: Method = async (server, [action, descriptors, start, stop]) => {
  const { view, features } = server;
  if (action !== "start") return false;
  reserveScan(features);
  assertFilters(server);
  const [from, to] = [Number(start), Number(stop)];
  if (view.blockAt(from) === null) throw new RpcError(-1, "Invalid start_height");
  if (view.blockAt(to) === null || to < from) throw new RpcError(-1, "Invalid stop_height");
  const wanted = scriptOf(descriptors);
  features.scanning = true;
  await new Promise((resolve) => setImmediate(resolve));
  features.scanning = false;
  // Of blocks that the index has not reached, a server says that nothing matches.
  const reach = typeof features.filterIndex === "number" ? features.filterIndex : Number.MAX_SAFE_INTEGER;
  const relevant: string[] = [];
  for (let height = from; height <= Math.min(to, reach); height++) {
    const block = view.blockAt(height);
    if (block !== null && scriptsOf(server, block).some((script) => hex(script) === wanted && script[0] !== 0x6a)) {
      relevant.push(block.hash);
    }
  }
  return { from_height: from, to_height: to, relevant_blocks: relevant, completed: true };
};

function reserveScan(features: CoreFeatures): void {
  if (features.busyScans === 0 && !features.scanning) return;
  features.busyScans = Math.max(0, features.busyScans - 1);
  throw new RpcError(-8, 'Scan already in progress, use action "abort" or "status"');
}

const scantxoutset: Method = ({ view, features }, [action, descriptors]) => {
  if (action !== "start") return false;
  reserveScan(features);
  const wanted = scriptOf(descriptors);
  const unspents = minedOutputs(view, wanted).flatMap(({ made, vout }) => {
    const spend = view.spenderOf(made.txid, vout);
    // The coins of the chain: what the mempool spends is still among them.
    if (spend !== null && spend.height !== null) return [];
    const amount = btc(made.outputs[vout]?.valueSats ?? 0n);
    return [
      { txid: made.txid, vout, scriptPubKey: wanted, amount, coinbase: made.position === 0, height: made.height },
    ];
  });
  return { success: true, txouts: unspents.length, height: view.tipHeight, unspents, total_amount: 0 };
};

function minedOutputs(
  view: ChainView,
  script: string,
): readonly { readonly made: ViewTransaction; readonly vout: number }[] {
  return view
    .history(Buffer.from(script, "hex"))
    .filter(({ height }) => height !== null)
    .flatMap((made) => made.outputs.flatMap((output, vout) => (hex(output.script) === script ? [{ made, vout }] : [])));
}

const getdescriptoractivity: Method = ({ view }, [, descriptors]) => {
  const wanted = scriptOf(descriptors);
  const activity = view.mempool.flatMap((txid) => {
    const tx = view.transaction(txid);
    if (tx === null) return [];
    const spends = tx.inputs.flatMap(({ txid: from, vout, spent }, vin) =>
      spent !== null && hex(spent.script) === wanted
        ? [{ type: "spend", amount: 0, spend_txid: txid, spend_vin: vin, prevout_txid: from, prevout_vout: vout }]
        : [],
    );
    const receives = tx.outputs.flatMap(({ script, valueSats }, vout) =>
      hex(script) === wanted ? [{ type: "receive", amount: btc(valueSats), txid, vout }] : [],
    );
    return [...spends, ...receives];
  });
  return { activity };
};

const gettxout: Method = ({ view, features }, [txid, vout]) => {
  const tx = view.transaction(String(txid));
  const output = tx?.outputs[Number(vout)];
  const spend = view.spenderOf(String(txid), Number(vout));
  // btcd's coins know nothing of what the mempool spends.
  const isSpent = spend !== null && (features.kind === "core" || spend.height !== null);
  if (tx === null || output === undefined || isSpent) return null;
  return {
    bestblock: view.blockAt(view.tipHeight)?.hash,
    confirmations: tx.height === null ? 0 : view.tipHeight - tx.height + 1,
    value: btc(output.valueSats),
    scriptPubKey: { hex: hex(output.script) },
    coinbase: tx.position === 0,
  };
};

const gettxspendingprevout: Method = ({ view, features }, [outputs]) =>
  (outputs as readonly { readonly txid: string; readonly vout: number }[]).map(({ txid, vout }) => {
    const spend = view.spenderOf(txid, vout);
    if (spend === null || (spend.height !== null && !(features.spenderIndex && features.version >= 31))) {
      return { txid, vout };
    }
    const found = { txid, vout, spendingtxid: spend.txid };
    return spend.height === null ? found : { ...found, blockhash: view.blockAt(spend.height)?.hash };
  });

const gettxoutproof: Method = (server, [txids, hash]) => {
  const { view, features } = server;
  const wanted = new Set(txids as readonly string[]);
  const [first = ""] = wanted;
  const tx = view.transaction(first);
  const hasCoin = tx?.outputs.some((_, vout) => {
    const spend = view.spenderOf(first, vout);
    return spend === null || spend.height === null;
  });
  if (hash === undefined && (typeof tx?.height !== "number" || !(features.txIndex || hasCoin === true))) {
    throw new RpcError(-5, "Transaction not yet in block");
  }
  const block = dataOf(server, hash ?? view.blockAt(tx?.height ?? 0)?.hash);
  if (!block.txids.includes(first)) {
    throw new RpcError(-5, "Not all transactions found in specified or retrieved block");
  }
  return hex(buildMerkleBlock(block.header, block.txids, (txid) => wanted.has(txid)));
};

const getrawtransaction: Method = (server, params) => {
  const { view, features } = server;
  const [txid, verbosity] = params;
  const hash = params[2] as string | undefined;
  if (features.kind === "btcd" && params.length > 2) throw new RpcError(-32602, "too many params (expected 2)");
  const tx = view.transaction(String(txid));
  if (hash !== undefined) {
    const block = view.heightOf(hash);
    if (block === null) throw new RpcError(-5, "Block hash not found");
    if (block > 0 && block < (features.prunedBelow ?? 0)) throw new RpcError(-1, "Block not available");
    if (tx?.height !== block) {
      throw new RpcError(
        -5,
        "No such transaction found in the provided block. Use gettransaction for wallet transactions.",
      );
    }
  } else if (tx === null || (tx.height !== null && !features.txIndex)) {
    throw new RpcError(-5, nowhere(features));
  }
  if (verbosity === 0) return hex(tx.raw);
  const vin = tx.inputs.map(({ txid: from, vout }) => ({
    txid: from,
    vout,
    ...(verbosity === 2 ? { prevout: { generated: false, height: view.transaction(from)?.height } } : {}),
  }));
  const blockhash = tx.height === null ? undefined : view.blockAt(tx.height)?.hash;
  return { txid, vin, ...(blockhash === undefined ? {} : { blockhash }) };
};

function nowhere({ kind, txIndex }: CoreFeatures): string {
  if (kind === "btcd") {
    return txIndex
      ? "No information available about transaction"
      : "The transaction index must be enabled to query the blockchain (specify --txindex)";
  }
  return txIndex
    ? "No such mempool or blockchain transaction. Use gettransaction for wallet transactions."
    : "No such mempool transaction. Use -txindex or provide a block hash to enable blockchain transaction queries. Use gettransaction for wallet transactions.";
}

const estimatesmartfee: Method = ({ view }, [target]) => {
  const rate = view.feeRate(Number(target));
  return rate === null
    ? { errors: ["Insufficient data or no feerate found"], blocks: 0 }
    : { feerate: rate / 100_000, blocks: target };
};

const sendrawtransaction: Method = async ({ chain }, [raw]) => {
  try {
    return await chain.submit(Uint8Array.from(Buffer.from(String(raw), "hex")));
  } catch (error) {
    if (!(error instanceof SubmitRefused)) throw error;
    throw new RpcError(error.code, error.message);
  }
};

const getcfilter: Method = (server, [hash]) => {
  if (server.features.filterIndex === false) throw new RpcError(-5, "The CF index must be enabled for this command");
  return hex(filterOf(server, blockOf(server, hash)));
};

const estimatefee: Method = ({ view }, [target]) => {
  const rate = view.feeRate(Number(target));
  return rate === null ? -1 : rate / 100_000;
};

const shared: Readonly<Record<string, Method>> = {
  getblockchaininfo,
  getblockhash,
  getblockheader,
  getblock,
  getrawtransaction,
  getrawmempool: ({ view }) => view.mempool,
  gettxout,
  gettxspendingprevout,
  sendrawtransaction,
};

/** The methods that a server has, by name. */
export function methodsOf({ kind, version }: CoreFeatures): Readonly<Record<string, Method>> {
  if (kind === "btcd") return { ...shared, getcfilter, estimatefee };
  return {
    ...shared,
    getblockfilter,
    gettxoutproof,
    scantxoutset,
    estimatesmartfee,
    ...(version >= 25 ? { scanblocks } : {}),
    ...(version >= 29 ? { getdescriptoractivity } : {}),
  };
}
