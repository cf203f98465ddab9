import { assertBytes, assertInteger, invalidArgument } from "../../bytes/guards.js";
import { encodeHex, isHex } from "../../bytes/hex.js";
import { HawserError } from "../../errors.js";
import type {
  CallOptions,
  ChainSource,
  Clock,
  HistoryEntry,
  HistoryOptions,
  InclusionClaim,
  Outpoint,
  Outspend,
  SourceTip,
  UnspentOutput,
} from "../../ports.js";
import { systemClock } from "../../runtime/clock.js";
import { parseHttpBase } from "../../runtime/http-base.js";
import { getNetwork, type NetworkId } from "../network.js";
import { parseTransaction } from "../transaction.js";
import { feeResult, hashResult, parseResult, smartFeeResult } from "./bitcoin-core-answers.js";
import { type BitcoinCoreCredentials, checkCredentials } from "./bitcoin-core-auth.js";
import { CoreBlocks } from "./bitcoin-core-blocks.js";
import { CoreFilters } from "./bitcoin-core-filters.js";
import { CoreMempool } from "./bitcoin-core-mempool.js";
import { KnownPlaces } from "./bitcoin-core-places.js";
import { CoreRest, type RestUse } from "./bitcoin-core-rest.js";
import { CoreRpc } from "./bitcoin-core-rpc.js";
import { CoreScan } from "./bitcoin-core-scan.js";
import { CoreSpends } from "./bitcoin-core-spends.js";
import { CoreTransactions } from "./bitcoin-core-transactions.js";

/** Options of {@link bitcoinCore}. */
export type BitcoinCoreOptions = BitcoinCoreCredentials & {
  /** Name in verdicts. Default: host and port of the URL. */
  readonly label?: string | undefined;
  /** Its PROTOCOL_START (protocol section 9) is the default of `scanFrom`. */
  readonly network?: NetworkId | undefined;
  /** Height of the first block that is looked through for a script. Default: 0, or that of `network`. */
  readonly scanFrom?: number | undefined;
  /** Whether headers and blocks come by REST: where the server has it (`"auto"`, the default), always, or never. */
  readonly rest?: RestUse | undefined;
  /** Waits while another client's scan goes on. Default: that of this machine. */
  readonly clock?: Clock | undefined;
};

/** txs - targets that `estimatesmartfee` and btcd's `estimatefee` know at most. */
const MOST_TARGET_BLOCKS = 1_008;
const MOST_TARGET_BLOCKS_BTCD = 25;

/**
 * A chain source that asks a Bitcoin Core server (25 or later) by JSON-RPC, and by REST where it has that; or a btcd
 * server (0.24 or later). For Node: such servers have neither CORS nor TLS, and their credentials are no browser's.
 *
 * - `history` needs block filters (`blockfilterindex=1`; btcd keeps them). It begins at `scanFrom`, and reads raw blocks.
 *   What was looked through is remembered: a later call, also after one that ran out of time, goes on from there.
 * - `outspend` needs `gettxout` alone for what is unspent; for what is spent in a block `txospenderindex=1` (Core 31) or
 *   block filters.
 * - `transaction` and `inclusion` need no `txindex=1` for what this source reported itself and what that spends.
 * - `unspent` looks through all coins of the server, which takes minutes on mainnet (btcd: through the blocks from
 *   `scanFrom` on).
 * - The mempool part of histories and of `unspent` is whole from Core 29 on; of older servers and btcd, where the mempool
 *   has at most 5,000 transactions, else there is none.
 * - A pruned server answers what it can without the blocks that it dropped.
 *
 * @param url - `http://host:port` of the RPC server; `https:` where something in front of it offers that
 * @throws INPUT_URL_INVALID, INPUT_CONFIG_INVALID, INPUT_INVALID. All methods throw `CHAIN_SOURCE_UNABLE`, which names the
 * setting that is missing, `NETWORK_UNREACHABLE`, `NETWORK_STATUS`, `NETWORK_TOO_LARGE`, `NETWORK_ANSWER_INVALID`,
 * `NETWORK_ABORTED`, `INPUT_FILE_UNUSABLE` (the cookie file) and `INPUT_CONFIG_INVALID` (the password's function);
 * `history` also `NETWORK_TIME_LIMIT` above 2,000 entries, and `broadcast` `CHAIN_BROADCAST_REFUSED`
 */
export function bitcoinCore(url: string, options: BitcoinCoreOptions): ChainSource {
  const base = parseHttpBase(url);
  checkCredentials(options);
  const { network, clock = systemClock, rest: use = "auto" } = options;
  const scanFrom = options.scanFrom ?? (network === undefined ? 0 : getNetwork(network).protocolStart);
  assertInteger("scanFrom", scanFrom, 0, 0x7fff_ffff);
  if (use !== "auto" && typeof use !== "boolean") throw invalidArgument("rest", '"auto", true or false', use);
  const rpc = new CoreRpc(base, options, options.label ?? base.label);
  const blocks = new CoreBlocks(rpc, new CoreRest(base, use, rpc));
  const places = new KnownPlaces();
  const mempool = new CoreMempool(rpc);
  const scan = new CoreScan(rpc, blocks, new CoreFilters(rpc, blocks, clock), places);
  return new BitcoinCoreSource({
    rpc,
    blocks,
    places,
    mempool,
    scan,
    scanFrom,
    transactions: new CoreTransactions(rpc, blocks, places),
    spends: new CoreSpends({ rpc, blocks, places, scan, mempool, clock, scanFrom }),
  });
}

interface SourceParts {
  readonly rpc: CoreRpc;
  readonly blocks: CoreBlocks;
  readonly places: KnownPlaces;
  readonly mempool: CoreMempool;
  readonly scan: CoreScan;
  readonly scanFrom: number;
  readonly transactions: CoreTransactions;
  readonly spends: CoreSpends;
}

class BitcoinCoreSource implements ChainSource {
  readonly label: string;
  readonly #in: SourceParts;

  constructor(parts: SourceParts) {
    this.label = parts.rpc.label;
    this.#in = parts;
  }

  async tip(options: CallOptions = {}): Promise<SourceTip> {
    return this.#in.blocks.tip(options);
  }

  async headers(start: number, count: number, options: CallOptions = {}): Promise<Uint8Array> {
    assertInteger("start", start, 0, 0x7fff_ffff);
    assertInteger("count", count, 1);
    return this.#in.blocks.headers(start, count, options);
  }

  async history(script: Uint8Array, options: HistoryOptions = {}): Promise<readonly HistoryEntry[]> {
    assertBytes("script", script);
    const { rpc, blocks, mempool, scan, scanFrom: from } = this.#in;
    const { before } = options;
    if (before !== undefined) {
      checkedTxid(before.txid);
      assertInteger("before.height", before.height, 0, 0x7fff_ffff);
      const { height } = before;
      const to = { height, hash: await blocks.hashAt(height, options) };
      const { entries } = await scan.find(script, { to, from }, options);
      // One that the server has elsewhere, or not at all, would make the rest of the answer one about another chain.
      if (!entries.some((entry) => entry.txid === before.txid && entry.height === height)) {
        throw rpc.unable(null, `block ${height} does not hold ${before.txid}, or that does not touch the script`);
      }
      return entries.filter((entry) => entry.height <= height);
    }
    // Before the chain, so that what is mined in between is found in one of them.
    const look = await mempool.look(script, options);
    const { entries, outputs } = await scan.find(script, { to: await blocks.best(options), from }, options);
    const mined = new Set(entries.map(({ txid }) => txid));
    const { txids } = look(new Set(outputs.keys()));
    const pending = [...txids].filter((txid) => !mined.has(txid)).map((txid) => ({ txid, height: null }));
    return [...entries, ...pending];
  }

  async transaction(txid: string, options: CallOptions = {}): Promise<Uint8Array | null> {
    return this.#in.transactions.fetch(checkedTxid(txid), options);
  }

  async inclusion(txid: string, height: number, options: CallOptions = {}): Promise<InclusionClaim | null> {
    return this.#in.transactions.include(checkedTxid(txid), height, options);
  }

  async coinbaseTxid(height: number, options: CallOptions = {}): Promise<string> {
    assertInteger("height", height, 0, 0x7fff_ffff);
    const { rpc, blocks, places } = this.#in;
    const hash = await blocks.hashAt(height, options);
    const [first] = await blocks.txids(hash, options);
    if (first === undefined) throw rpc.invalid("a block without transactions");
    places.note(first, { height, hash });
    return first;
  }

  async outspend(outpoint: Outpoint, script: Uint8Array, options: CallOptions = {}): Promise<Outspend> {
    assertInteger("vout", outpoint.vout, 0, 0xffff_ffff);
    assertBytes("script", script);
    return this.#in.spends.outspend({ txid: checkedTxid(outpoint.txid), vout: outpoint.vout }, script, options);
  }

  async unspent(script: Uint8Array, options: CallOptions = {}): Promise<readonly UnspentOutput[]> {
    assertBytes("script", script);
    return this.#in.spends.unspent(script, options);
  }

  async feeRate(targetBlocks: number, options: CallOptions = {}): Promise<number> {
    assertInteger("targetBlocks", targetBlocks, 1);
    const { rpc } = this.#in;
    const target = Math.min(targetBlocks, MOST_TARGET_BLOCKS);
    const reply = await rpc.try("estimatesmartfee", [target], options);
    const isOld = rpc.lacks("estimatesmartfee");
    const btcPerKvB = isOld
      ? parseResult(
          rpc,
          "estimatefee",
          feeResult,
          await rpc.call("estimatefee", [Math.min(targetBlocks, MOST_TARGET_BLOCKS_BTCD)], options),
        )
      : parseResult(rpc, "estimatesmartfee", smartFeeResult, rpc.resultOf("estimatesmartfee", reply)).feerate;
    // Of a server that has seen too few blocks; -1 says the same.
    if (btcPerKvB === undefined || btcPerKvB <= 0) throw rpc.unable(null, "it has no estimate of the fee rate");
    return Math.round(btcPerKvB * 100_000_000) / 1_000;
  }

  async broadcast(raw: Uint8Array, options: CallOptions = {}): Promise<void> {
    const { txid } = parseTransaction(raw);
    const { rpc } = this.#in;
    const reply = await rpc.try("sendrawtransaction", [encodeHex(raw)], options);
    if (reply.ok) {
      if (parseResult(rpc, "sendrawtransaction", hashResult, reply.result) === txid) return;
      throw rpc.invalid("sendrawtransaction gave the txid of another transaction");
    }
    if (reply.code === ALREADY_MINED || ALREADY_KNOWN.test(reply.message)) return;
    if (!REFUSALS.includes(reply.code)) rpc.resultOf("sendrawtransaction", reply);
    const message = `${reply.message} (${reply.code})`;
    throw new HawserError("CHAIN_BROADCAST_REFUSED", `${this.label} refused transaction ${txid}: ${message}`, {
      txid,
      attempts: [{ label: this.label, code: "CHAIN_BROADCAST_REFUSED", message }],
    });
  }
}

const ALREADY_MINED = -27;
/** Errors of the transaction (inputs, rules, form), not of the server. */
const REFUSALS: readonly number[] = [-22, -25, -26];
/** The words of Core and btcd for a transaction that they have. */
const ALREADY_KNOWN =
  /txn-already-(?:in-mempool|known)|already (?:have|in) (?:the )?(?:transaction|block ?chain|mempool|utxo set)|transaction already exists|already in utxo set/i;

function checkedTxid(txid: string): string {
  if (!isHex(txid, 32)) throw invalidArgument("txid", "64 lower-case hex digits", txid);
  return txid;
}
