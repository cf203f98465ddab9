import { equalBytes } from "../../bytes/bytes.js";
import { encodeHex } from "../../bytes/hex.js";
import { isHawserError } from "../../errors.js";
import type { CallOptions, Outpoint } from "../../ports.js";
import { parseTransaction } from "../transaction.js";
import { activityResult, mempoolResult, parseHexResult, parseResult, satsOf } from "./bitcoin-core-answers.js";
import type { CoreRpc, RpcReply } from "./bitcoin-core-rpc.js";

/** What the mempool holds of a script. */
export interface PendingActivity {
  /** Transactions that pay the script or spend an output of it. */
  readonly txids: ReadonlySet<string>;
  readonly outputs: readonly (Outpoint & { readonly valueSats: bigint })[];
  /** `txid:vout` of the script's outputs that the mempool spends, with the spender. */
  readonly spent: ReadonlyMap<string, string>;
}

/** A transaction of the mempool. */
interface PendingTransaction {
  readonly txid: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly { readonly script: Uint8Array; readonly valueSats: bigint }[];
}

/** transactions - of a mempool that is read one by one; of a larger one nothing is told. */
const MOST_READ = 5_000;
const PER_BATCH = 100;
const MEMPOOL_DISABLED = -33;

const nothing: PendingActivity = { txids: new Set(), outputs: [], spent: new Map() };

/**
 * What the mempool holds, by `getdescriptoractivity` (Core 29), or, where that is missing, by the mempool's transactions
 * themselves, which are fetched once each.
 */
export class CoreMempool {
  readonly #rpc: CoreRpc;
  #read = new Map<string, PendingTransaction>();

  constructor(rpc: CoreRpc) {
    this.#rpc = rpc;
  }

  /**
   * Looks at the mempool as it is now. What it spends of the script's mined outputs is told by those outputs, which the
   * caller may have found only afterwards: looked at before the chain, so that nothing that is mined in between is missed.
   */
  async look(script: Uint8Array, options: CallOptions): Promise<(mined: ReadonlySet<string>) => PendingActivity> {
    if (!this.#rpc.lacks("getdescriptoractivity")) {
      const params = [[], [`raw(${encodeHex(script)})`], true];
      const reply = await this.#rpc.try("getdescriptoractivity", params, options);
      if (reply.ok) {
        const activity = this.#readActivity(reply.result);
        return () => activity;
      }
      if (reply.code === MEMPOOL_DISABLED) return () => nothing;
      if (!this.#rpc.lacks("getdescriptoractivity")) this.#rpc.resultOf("getdescriptoractivity", reply);
    }
    const transactions = await this.#readAll(options);
    return (mined) => activityOf(transactions, script, mined);
  }

  #readActivity(result: unknown): PendingActivity {
    const { activity } = parseResult(this.#rpc, "getdescriptoractivity", activityResult, result);
    const pending = activity.filter(({ blockhash }) => blockhash === undefined);
    const spent = new Map<string, string>();
    const outputs: (Outpoint & { readonly valueSats: bigint })[] = [];
    for (const event of pending) {
      if (event.type === "spend") spent.set(`${event.prevout_txid}:${event.prevout_vout}`, event.spend_txid);
      else outputs.push({ txid: event.txid, vout: event.vout, valueSats: satsOf(event.amount) });
    }
    return { txids: new Set([...outputs.map(({ txid }) => txid), ...spent.values()]), outputs, spent };
  }

  /** The mempool's transactions; none of a mempool that is too large to be read. */
  async #readAll(options: CallOptions): Promise<readonly PendingTransaction[]> {
    const reply = await this.#rpc.try("getrawmempool", [false], options).catch((error: unknown) => {
      if (isHawserError(error, "NETWORK_TOO_LARGE")) return null;
      throw error;
    });
    if (reply === null || (!reply.ok && reply.code === MEMPOOL_DISABLED)) return [];
    const result = this.#rpc.resultOf("getrawmempool", reply);
    const txids = parseResult(this.#rpc, "getrawmempool", mempoolResult, result);
    if (txids.length > MOST_READ) return [];
    const known = new Map<string, PendingTransaction>();
    const unread: string[] = [];
    for (const txid of txids) {
      const transaction = this.#read.get(txid);
      if (transaction === undefined) unread.push(txid);
      else known.set(txid, transaction);
    }
    // What has left the mempool is forgotten.
    this.#read = known;
    for (let at = 0; at < unread.length; at += PER_BATCH) {
      await this.#fetch(unread.slice(at, at + PER_BATCH), known, options);
    }
    return [...known.values()];
  }

  async #fetch(wanted: readonly string[], known: Map<string, PendingTransaction>, options: CallOptions): Promise<void> {
    const calls = wanted.map((txid) => ({ method: "getrawtransaction", params: [txid, 0] }));
    let replies: readonly RpcReply[];
    try {
      replies = await this.#rpc.batch(calls, options);
    } catch (error) {
      if (!isHawserError(error, "NETWORK_TOO_LARGE")) throw error;
      const half = Math.ceil(wanted.length / 2);
      // By itself every transaction that a node relays fits.
      if (wanted.length === 1) return;
      await this.#fetch(wanted.slice(0, half), known, options);
      await this.#fetch(wanted.slice(half), known, options);
      return;
    }
    wanted.forEach((txid, i) => {
      const reply = replies[i];
      // One that left the mempool in between is in a block by now, or nowhere.
      if (reply?.ok === true) known.set(txid, this.#parse(txid, reply.result));
    });
  }

  #parse(wanted: string, result: unknown): PendingTransaction {
    const raw = parseHexResult(this.#rpc, "getrawtransaction", result);
    const { txid, inputs, outputs } = parseTransaction(raw);
    if (txid !== wanted) throw this.#rpc.invalid(`transaction ${txid} instead of ${wanted}`);
    return {
      txid,
      inputs: inputs.map(({ outpoint }) => `${outpoint.txid}:${outpoint.vout}`),
      outputs,
    };
  }
}

function activityOf(
  transactions: readonly PendingTransaction[],
  script: Uint8Array,
  mined: ReadonlySet<string>,
): PendingActivity {
  const outputs = transactions.flatMap(({ txid, outputs: made }) =>
    made.flatMap((output, vout) =>
      equalBytes(output.script, script) ? [{ txid, vout, valueSats: output.valueSats }] : [],
    ),
  );
  const own = new Set([...mined, ...outputs.map(({ txid, vout }) => `${txid}:${vout}`)]);
  const spent = new Map(
    transactions.flatMap(({ txid, inputs }) => inputs.filter((key) => own.has(key)).map((key) => [key, txid] as const)),
  );
  return { txids: new Set([...outputs.map(({ txid }) => txid), ...spent.values()]), outputs, spent };
}
