import { encodeHex, isHex } from "../../bytes/hex.js";
import { isHawserError } from "../../errors.js";
import type { CallOptions, Clock, Outpoint, Outspend, UnspentOutput } from "../../ports.js";
import { outputResult, parseResult, satsOf, scanOutputsResult, spenderResult } from "./bitcoin-core-answers.js";
import type { CoreBlocks } from "./bitcoin-core-blocks.js";
import { FILTER_SETTING } from "./bitcoin-core-filters.js";
import type { CoreMempool } from "./bitcoin-core-mempool.js";
import type { KnownPlaces } from "./bitcoin-core-places.js";
import type { CoreRpc, RpcReply } from "./bitcoin-core-rpc.js";
import type { CoreScan, FoundHistory } from "./bitcoin-core-scan.js";
import { Turns } from "./bitcoin-core-turns.js";

/** What outputs are looked up with. */
export interface SpendParts {
  readonly rpc: CoreRpc;
  readonly blocks: CoreBlocks;
  readonly places: KnownPlaces;
  readonly scan: CoreScan;
  readonly mempool: CoreMempool;
  readonly clock: Clock;
  /** Blocks below are never looked through. */
  readonly scanFrom: number;
}

/** ms - between two tries while another client's scan goes on. */
const SCAN_POLL_MS = 250;
/** ms - for the call that ends a scan. */
const ABORT_TIMEOUT_MS = 5_000;
/** tries - before a server that is always scanning for others has not answered. */
const SCAN_TRIES = 100;
const CALLS_PER_BATCH = 500;
const SPENDER_SETTINGS = `txospenderindex=1 (Bitcoin Core 31 and later) or ${FILTER_SETTING}`;

/** Whether outputs are spent, and by what. */
export class CoreSpends {
  readonly #in: SpendParts;
  readonly #scans = new Turns(1);

  constructor(parts: SpendParts) {
    this.#in = parts;
  }

  /**
   * Whether an output is spent: by the coins (also in a pruned server), then by the mempool and the spender index, and
   * where there is no such index by the blocks that touch its script, from its own block on.
   */
  async outspend(outpoint: Outpoint, script: Uint8Array, options: CallOptions): Promise<Outspend> {
    const quick = await this.#askQuick(outpoint, options);
    if (quick !== null) return quick;
    const { rpc, blocks, places, scan, mempool, scanFrom } = this.#in;
    const key = keyOf(outpoint);
    // Before the chain, so that a spend which is mined in between is found in one of them.
    const look = rpc.lacks("gettxspendingprevout") ? await mempool.look(script, options) : null;
    const to = await blocks.best(options);
    const from = places.get(outpoint.txid)?.height ?? scanFrom;
    const done = ({ outputs }: FoundHistory): boolean => (outputs.get(key)?.spentBy ?? null) !== null;
    const found = await scan.find(script, { to, from, done }, options).catch((error: unknown) => {
      const isIndex = isHawserError(error, "CHAIN_SOURCE_UNABLE") && error.details.setting === FILTER_SETTING;
      throw isIndex ? rpc.unable(SPENDER_SETTINGS, `it keeps nothing that tells what spends an output`) : error;
    });
    const output = found.outputs.get(key);
    const spentBy = output?.spentBy ?? null;
    if (spentBy !== null) return { spent: true, ...spentBy };
    const pending = look?.(new Set(output === undefined ? [] : [key])).spent.get(key);
    if (pending !== undefined) return { spent: true, txid: pending, height: null };
    // The spend may have left the mempool, or its block the chain, since the coins were asked.
    const again = await this.#askQuick(outpoint, options);
    if (again !== null) return again;
    // V5: an output that the server does not know is not "unspent".
    throw rpc.unable(null, `it does not know output ${key}, or not what spends it`);
  }

  /** What coins, mempool and spender index tell; null where that is not enough. */
  async #askQuick({ txid, vout }: Outpoint, options: CallOptions): Promise<Outspend | null> {
    const { rpc, blocks } = this.#in;
    const outputs = [{ txid, vout }];
    const [coin, spender] = await rpc.batch(
      [
        { method: "gettxout", params: [txid, vout, true] },
        { method: "gettxspendingprevout", params: [outputs] },
      ],
      options,
    );
    if (coin === undefined || spender === undefined) return null;
    const known = readSpender(rpc, { txid, vout }, spender);
    if (known?.blockhash !== undefined) {
      const [height] = await blocks.heightsOf([known.blockhash], options);
      // A reorganisation took the block away again: the blocks themselves will tell.
      if (height === undefined || height === null) return null;
      this.#in.places.note(known.spendingtxid, { height, hash: known.blockhash });
      return { spent: true, txid: known.spendingtxid, height };
    }
    // btcd's coins do not tell what the mempool spends.
    if (known !== null) return { spent: true, txid: known.spendingtxid, height: null };
    const isUnspent = parseResult(rpc, "gettxout", outputResult, rpc.resultOf("gettxout", coin)) !== null;
    return isUnspent ? { spent: false } : null;
  }

  /** The unspent outputs of a script. */
  async unspent(script: Uint8Array, options: CallOptions): Promise<readonly UnspentOutput[]> {
    const look = await this.#in.mempool.look(script, options);
    const mined = (await this.#scanCoins(script, options)) ?? (await this.#scanBlocks(script, options));
    const { outputs, spent } = look(new Set(mined.map(keyOf)));
    const minedKeys = new Set(mined.map(keyOf));
    const pending = outputs
      .filter((output) => !minedKeys.has(keyOf(output)))
      .map((output) => ({ ...output, height: null }));
    return [...(await this.#stillUnspent(mined, options)), ...pending].filter((output) => !spent.has(keyOf(output)));
  }

  /** By the coins of the server, all of which it looks through: minutes on mainnet. Null where it cannot. */
  async #scanCoins(script: Uint8Array, options: CallOptions): Promise<readonly UnspentOutput[] | null> {
    const { rpc, clock } = this.#in;
    if (rpc.lacks("scantxoutset")) return null;
    const reply = await this.#scans.run(options.signal, rpc.label, async () => {
      const onAbort = (): void => {
        // Else the server would go on with a scan that nobody waits for, and refuse the next.
        const signal = AbortSignal.timeout(ABORT_TIMEOUT_MS);
        rpc.try("scantxoutset", ["abort"], { signal }).catch(() => undefined);
      };
      for (let tries = 0; tries < SCAN_TRIES; tries++) {
        options.signal?.addEventListener("abort", onAbort, { once: true });
        const params = ["start", [`raw(${encodeHex(script)})`]];
        const scanned = await rpc.try("scantxoutset", params, options).finally(() => {
          options.signal?.removeEventListener("abort", onAbort);
        });
        if (scanned.ok || !/already in progress/i.test(scanned.message)) return scanned;
        await clock.delay(SCAN_POLL_MS, options.signal);
      }
      throw rpc.unable(null, "it scans its coins for others");
    });
    if (rpc.lacks("scantxoutset")) return null;
    const result = rpc.resultOf("scantxoutset", reply);
    const { success, unspents } = parseResult(rpc, "scantxoutset", scanOutputsResult, result);
    if (!success) throw rpc.unable(null, "the scan of its coins was broken off");
    await this.#notePlaces(unspents, options);
    return unspents.map(({ txid, vout, amount, height }) => ({ txid, vout, valueSats: satsOf(amount), height }));
  }

  /** Where the coins were mined: their transactions are asked for next, and there may be no index. */
  async #notePlaces(
    coins: readonly { readonly txid: string; readonly height: number }[],
    options: CallOptions,
  ): Promise<void> {
    const { rpc, places } = this.#in;
    const heights = [...new Set(coins.map(({ height }) => height))].slice(0, CALLS_PER_BATCH);
    const calls = heights.map((height) => ({ method: "getblockhash", params: [height] }));
    const replies = await rpc.batch(calls, options);
    const hashes = new Map(heights.map((height, i) => [height, replies[i]] as const));
    for (const { txid, height } of coins) {
      const reply = hashes.get(height);
      if (reply?.ok === true && isHex(reply.result, 32)) places.note(txid, { height, hash: reply.result });
    }
  }

  /** By the blocks from `scanFrom` on. */
  async #scanBlocks(script: Uint8Array, options: CallOptions): Promise<readonly UnspentOutput[]> {
    const { blocks, scan, scanFrom } = this.#in;
    const to = await blocks.best(options);
    const { outputs } = await scan.find(script, { to, from: scanFrom }, options);
    return [...outputs.values()].filter(({ spentBy }) => spentBy === null);
  }

  /** Those of these outputs that neither chain nor mempool spends by now. */
  async #stillUnspent(outputs: readonly UnspentOutput[], options: CallOptions): Promise<readonly UnspentOutput[]> {
    const { rpc } = this.#in;
    const still: UnspentOutput[] = [];
    for (let at = 0; at < outputs.length; at += CALLS_PER_BATCH) {
      const part = outputs.slice(at, at + CALLS_PER_BATCH);
      const calls = part.map(({ txid, vout }) => ({ method: "gettxout", params: [txid, vout, true] }));
      const replies = await rpc.batch(calls, options);
      part.forEach(({ txid, vout, valueSats, height }, i) => {
        const reply = replies[i];
        if (reply === undefined) return;
        const coin = parseResult(rpc, "gettxout", outputResult, rpc.resultOf("gettxout", reply));
        if (coin !== null) still.push({ txid, vout, valueSats, height });
      });
    }
    return still;
  }
}

/** The spender in a reply to `gettxspendingprevout` of one output; null where it names none, or the server cannot tell. */
function readSpender(
  rpc: CoreRpc,
  { txid, vout }: Outpoint,
  reply: RpcReply,
): { readonly spendingtxid: string; readonly blockhash?: string | undefined } | null {
  // Its index may still be behind the tip: then the blocks tell.
  if (!reply.ok) return null;
  const [answer] = parseResult(rpc, "gettxspendingprevout", spenderResult, reply.result);
  if (answer?.txid !== txid || answer.vout !== vout) throw rpc.invalid("the spender of another output");
  const { spendingtxid, blockhash } = answer;
  return spendingtxid === undefined || spendingtxid === "" ? null : { spendingtxid, blockhash };
}

function keyOf({ txid, vout }: Outpoint): string {
  return `${txid}:${vout}`;
}
