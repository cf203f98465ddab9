import { createHash } from "node:crypto";
import { type ChainView, SubmitRefused, type ViewedChain, type ViewTransaction } from "./chain-view.js";

export type ElectrumProtocol = "1.4" | "1.6" | "1.7";

/** An error answer. */
export class ElectrumError extends Error {
  readonly code: number;
  readonly disconnects: boolean;

  constructor(code: number, message: string, disconnects = false) {
    super(message);
    this.code = code;
    this.disconnects = disconnects;
  }
}

const MOST_HEADERS = 2_016;
const UNKNOWN =
  "daemon error: DaemonError({'code': -5, 'message': 'No such mempool or blockchain transaction. Use gettransaction for wallet transactions.'})";

/** The answers of the published protocol to questions that change nothing. */
export const answerElectrum = {
  question(
    view: ChainView,
    protocol: ElectrumProtocol,
    method: string,
    params: readonly unknown[],
    spendIndex: boolean,
  ): unknown {
    const [first, second, third] = params;
    const isNewest = protocol === "1.7";
    const ofScript = (name: string): boolean => {
      return method === `blockchain.${isNewest ? "scriptpubkey" : "scripthash"}.${name}`;
    };
    if (ofScript("get_history")) {
      const history = view.historyOfHash(plainHash(String(first), protocol)).map((tx) => historyEntry(view, tx));
      return isNewest ? { history } : history;
    }
    if (ofScript("listunspent")) {
      const utxos = view.unspentOfHash(plainHash(String(first), protocol)).map((output) => ({
        tx_hash: output.txid,
        tx_pos: output.vout,
        height: output.height ?? 0,
        value: Number(output.valueSats),
      }));
      return isNewest ? { utxos } : utxos;
    }
    if (isNewest && method === "blockchain.outpoint.get_status") {
      if (!spendIndex) throw new ElectrumError(2, "daemon error: txospenderindex is not enabled");
      return outpointStatus(view, String(first), Number(second));
    }
    switch (method) {
      case "blockchain.block.header":
        return header(view, Number(first), Number(second ?? 0));
      case "blockchain.block.headers":
        return headers(view, protocol, Number(first), Number(second), Number(third ?? 0));
      case "blockchain.transaction.get":
        return Buffer.from(known(view, String(first)).raw).toString("hex");
      case "blockchain.transaction.get_merkle":
        return merkle(view, String(first), Number(second));
      case "blockchain.transaction.id_from_pos":
        return idFromPos(view, Number(first), Number(second));
      case "blockchain.estimatefee": {
        const rate = view.feeRate(Number(first));
        return rate === null ? -1 : rate / 100_000;
      }
      case "server.ping":
        return isNewest ? { data: "" } : null;
      default:
        throw new ElectrumError(-32601, `unknown method "${method}"`);
    }
  },

  async broadcast(chain: ViewedChain, hex: string): Promise<string> {
    try {
      return await chain.submit(Buffer.from(hex, "hex"));
    } catch (error) {
      if (!(error instanceof SubmitRefused)) throw error;
      throw new ElectrumError(1, `the transaction was rejected by network rules.\n\n${error.message}\n[${hex}]`);
    }
  },
};

function historyEntry(view: ChainView, tx: ViewTransaction): unknown {
  if (tx.height !== null) return { tx_hash: tx.txid, height: tx.height };
  return { tx_hash: tx.txid, height: pendingHeight(view, tx), fee: Number(tx.feeSats) };
}

/** 0 in the mempool, -1 where a parent is there, too. */
function pendingHeight(view: ChainView, tx: ViewTransaction): number {
  return tx.inputs.some(({ txid }) => view.transaction(txid)?.height === null) ? -1 : 0;
}

function outpointStatus(view: ChainView, txid: string, vout: number): unknown {
  const funder = view.transaction(txid);
  if (funder === null || vout >= funder.outputs.length) return {};
  const spend = view.spenderOf(txid, vout);
  const spender = spend === null ? null : view.transaction(spend.txid);
  const funded = { funder_height: funder.height ?? pendingHeight(view, funder) };
  return spender === null
    ? funded
    : { ...funded, spender_txhash: spender.txid, spender_height: spender.height ?? pendingHeight(view, spender) };
}

function header(view: ChainView, height: number, proofHeight: number): unknown {
  const block = view.blockAt(height);
  if (block === null) throw new ElectrumError(1, `height ${height} out of range`);
  const hex = Buffer.from(block.header).toString("hex");
  return proofHeight === 0 ? hex : { header: hex, ...headerProof(view, height, proofHeight) };
}

function headers(
  view: ChainView,
  protocol: ElectrumProtocol,
  start: number,
  wanted: number,
  proofHeight: number,
): unknown {
  const count = Math.max(0, Math.min(wanted, MOST_HEADERS, view.tipHeight - start + 1));
  const list = Array.from({ length: count }, (_, i) => {
    return Buffer.from(view.blockAt(start + i)!.header).toString("hex");
  });
  const proof = count > 0 && proofHeight > 0 ? headerProof(view, start + count - 1, proofHeight) : {};
  const form = protocol === "1.4" ? { hex: list.join("") } : { headers: list };
  return { count, max: MOST_HEADERS, ...form, ...proof };
}

function headerProof(
  view: ChainView,
  height: number,
  proofHeight: number,
): { readonly branch: readonly string[]; readonly root: string } {
  if (height > proofHeight || proofHeight > view.tipHeight) {
    throw new ElectrumError(1, `require header height ${height} <= cp_height ${proofHeight} <= ${view.tipHeight}`);
  }
  const leaves = Array.from({ length: proofHeight + 1 }, (_, i) => view.blockAt(i)!.hash);
  return branchAndRoot(leaves, height);
}

function known(view: ChainView, txid: string): ViewTransaction {
  const tx = view.transaction(txid);
  if (tx === null) throw new ElectrumError(2, UNKNOWN);
  return tx;
}

function merkle(view: ChainView, txid: string, height: number): unknown {
  const txids = view.blockAt(height)?.txids ?? [];
  const pos = txids.indexOf(txid);
  if (pos === -1) throw new ElectrumError(1, `tx ${txid} not in block at height ${height}`);
  return { block_height: height, merkle: branchAndRoot(txids, pos).branch, pos };
}

function idFromPos(view: ChainView, height: number, position: number): string {
  const txid = view.blockAt(height)?.txids[position];
  if (txid === undefined) throw new ElectrumError(1, `no tx at position ${position} in block at height ${height}`);
  return txid;
}

/** A Merkle branch and root in display order; an odd row repeats its last hash. */
function branchAndRoot(
  leaves: readonly string[],
  position: number,
): { readonly branch: readonly string[]; readonly root: string } {
  const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
  let row: Buffer[] = leaves.map((hash) => Buffer.from(reversedHex(hash), "hex"));
  const branch: string[] = [];
  for (let at = position; row.length > 1; at >>= 1) {
    const node = (i: number): Buffer => row[Math.min(i, row.length - 1)]!;
    branch.push(reversedHex(node(at ^ 1).toString("hex")));
    row = Array.from({ length: Math.ceil(row.length / 2) }, (_, i) =>
      sha256(sha256(Buffer.concat([node(2 * i), node(2 * i + 1)]))),
    );
  }
  return { branch, root: reversedHex(row[0]!.toString("hex")) };
}

/** The hash under which a view has a script that a client named in the words of its version. */
export function plainHash(key: string, protocol: ElectrumProtocol | null): string {
  return protocol === "1.7" ? createHash("sha256").update(Buffer.from(key, "hex")).digest("hex") : reversedHex(key);
}

export function reversedHex(hex: string): string {
  return Buffer.from(hex, "hex").reverse().toString("hex");
}
