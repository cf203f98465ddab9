import { equalBytes } from "../../bytes/bytes.js";
import { parseTransaction, type Transaction } from "../../chain/transaction.js";
import { parseName } from "../../name/name.js";
import { stateFromStored } from "../../name/select-stored.js";
import { storedNameKey } from "../../name/stored-name.js";
import { outpointKey } from "../../plan/coin-selection.js";
import type { Outpoint } from "../../ports.js";
import type { WriterCore } from "./writer-core.js";

/** An output that a wallet must not spend by itself. */
export interface ReservedOutpoint extends Outpoint {
  readonly name: string;
  /**
   * `seal`: spending it would leave the name unsealed. `preorder`: spending it would void a registration under way.
   * `pending`: an operation under way spends it.
   */
  readonly why: "seal" | "preorder" | "pending";
  /** sat; null where this cache does not know the transaction that made it. */
  readonly valueSats: bigint | null;
}

/**
 * Every output that the cache knows of and that a wallet must leave alone (W9): seals of the wallet's names, PREORDER
 * outputs, and what pending operations spend. From the cache alone, sorted by txid and vout.
 *
 * @throws CACHE_UNAVAILABLE, CACHE_CORRUPT, WALLET_REFUSED
 */
export async function reservedOutpoints(core: WriterCore): Promise<readonly ReservedOutpoint[]> {
  const found = new Map<string, ReservedOutpoint>();
  const made = new Map<string, Transaction>();
  const spent = new Set<string>();
  const add = (name: string, { txid, vout }: Outpoint, why: ReservedOutpoint["why"]): void => {
    const key = outpointKey({ txid, vout });
    const valueSats = made.get(txid)?.outputs[vout]?.valueSats ?? null;
    found.set(key, { txid, vout, name, why: found.get(key)?.why ?? why, valueSats });
  };
  for (const { name, seal } of await knownSeals(core, made)) add(name, seal, "seal");
  for (const { name, transactions } of await core.journal.entries()) {
    for (const { kind, txid, raw } of transactions) {
      const tx = parseTransaction(raw);
      made.set(txid, tx);
      for (const { outpoint } of tx.inputs) {
        spent.add(outpointKey(outpoint));
        add(name, outpoint, "pending");
      }
      if (kind !== "release") add(name, { txid, vout: 1 }, kind === "preorder" ? "preorder" : "seal");
    }
  }
  return [...found.values()]
    .map((reserved) => {
      const isPending = reserved.why === "seal" && spent.has(outpointKey(reserved));
      return isPending ? { ...reserved, why: "pending" as const } : reserved;
    })
    .sort((a, b) => (a.txid < b.txid ? -1 : a.txid > b.txid ? 1 : a.vout - b.vout));
}

/** The seals of the names in the cache that the wallet owns; without a wallet, of all of them. */
async function knownSeals(
  core: WriterCore,
  made: Map<string, Transaction>,
): Promise<readonly { readonly name: string; readonly seal: Outpoint }[]> {
  const { core: reader, wallet } = core.parts;
  const { cache, network, clock } = reader.parts;
  const scripts = wallet === null ? null : (await core.accounts()).map(({ script }) => script);
  const prefix = storedNameKey(network.id, "");
  const chain = await reader.chain();
  const seals: { readonly name: string; readonly seal: Outpoint }[] = [];
  for (const key of await cache.keys(prefix)) {
    const name = parseName(key.slice(prefix.length));
    const stored = await reader.storedName(name);
    const seal = stateFromStored({ network, name, chain, stored, clock }, 1)?.seal ?? null;
    if (seal === null || scripts?.every((script) => !equalBytes(script, seal.script)) === true) continue;
    for (const { raw } of stored.transactions) {
      const tx = parseTransaction(raw);
      if (tx.txid === seal.outpoint.txid) made.set(tx.txid, tx);
    }
    seals.push({ name, seal: seal.outpoint });
  }
  return seals;
}
