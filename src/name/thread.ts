import type { ProvenTransaction } from "../chain/merkle.js";
import type { Network } from "../chain/network.js";
import type { Transaction } from "../chain/transaction.js";
import type { Verified } from "../crypto/verified.js";
import type { HistoryMark, Outpoint } from "../ports.js";
import { ChainOrder } from "./chain-order.js";
import { freeFromHeight, type NameStatus, statusAt } from "./clock.js";
import type { Name } from "./name.js";
import { findOwnerKey } from "./owner-key.js";
import { recoverRow, registerRow, type Seal } from "./row.js";
import { followTenure, type Operation, openTenure, type Tenure, type TenureContext } from "./tenure.js";

export type { NameStatus, Operation, Seal };

/** What the state of a name is computed from. */
export interface ThreadInput {
  readonly network: Network;
  readonly name: Name;
  /** Every transaction that was proven to be in the best chain (V1, V2), in any order, also ones that mean nothing. */
  readonly transactions: readonly Verified<ProvenTransaction>[];
  /** V3: transactions, not proven to be in the chain, by their computed txid; vin 0 of a RECOVER spends one. */
  readonly previous: ReadonlyMap<string, Transaction>;
}

/** The state of a name at a height. What belongs to a holder is null unless the status is `active` or `grace`. */
export interface ThreadState {
  /** The height that it is read at. */
  readonly height: number;
  readonly status: NameStatus;
  /** txid of the PREORDER, display order. */
  readonly tenure: string | null;
  readonly ownerScript: Uint8Array | null;
  /** x-only, 32 bytes (C11). */
  readonly ownerKey: Uint8Array | null;
  /** With `ownerKey` null: operations whose witness holds the key, although no copy that was given does (C11). */
  readonly ownerKeyMissingIn: readonly string[];
  /** The transaction that spent the seal without being an operation. Owner and profile stay (C7). */
  readonly unsealed: { readonly txid: string; readonly height: number } | null;
  /** 32 bytes; null for none, which includes 32 zero bytes (C10). */
  readonly profileHash: Uint8Array | null;
  /** Height of the operation whose profileHash is read (M6). */
  readonly profileHeight: number | null;
  /** The output that the next operation spends. */
  readonly seal: Seal | null;
  readonly registeredAtHeight: number | null;
  /** The last of `operations`. */
  readonly lastOperation: Operation | null;
  /** The valid operations of the present tenure, or of the last one when the name has none; PREORDER first. */
  readonly operations: readonly Operation[];
  /** The first height at which the status changes by the clock alone; null for `free`. */
  readonly changesAtHeight: number | null;
  /** C7: a read at this height must fail with `CHAIN_UNSUPPORTED_OPERATION`; profile and owner are no answer. */
  readonly unsupported: { readonly txid: string; readonly height: number } | null;
}

/** An output of which it must be asked whether it is spent. */
export interface FrontierSeal {
  readonly outpoint: Outpoint;
  readonly script: Uint8Array;
}

/** Where the known transactions end. */
export interface Frontier {
  /**
   * Every output whose spend is not known and could change the thread: the last seal of the last tenure, and of each
   * earlier one that is held to have lapsed. That nobody renewed is an absence like any other; believed from silence,
   * it would let a source that hides one UPDATE show a later registration in place of the one that holds the name.
   */
  readonly seals: readonly FrontierSeal[];
  /** The last of `seals`, if it is of the last tenure. Null when unsealed, released, or spent after its time. */
  readonly seal: FrontierSeal | null;
  /** Whether no seal is open, or its tenure is over at the tip: what can still come is in the beacon. */
  readonly ended: boolean;
  /**
   * The last operation of the last tenure that is found through the beacon, its REGISTER or a later RECOVER; null when
   * there is no tenure. Nothing above it in the beacon can change the thread unless that has `ended`: a tenure that is
   * held and sealed keeps every REGISTER and RECOVER from counting (C5, C8). What is not above it can.
   */
  readonly beacon: HistoryMark | null;
}

/**
 * The state of a name at `height` by C1 to C11. Pure; the order of the transactions does not matter; transactions above
 * `height` do not count (V6).
 */
export function runThread(input: ThreadInput, height: number): ThreadState {
  const { network } = input;
  const last = followTenures(input, height).at(-1);
  const { status, changesAtHeight } =
    last === undefined ? ({ status: "free", changesAtHeight: null } as const) : statusAt(network, last.clock, height);
  const operations = last?.operations ?? [];
  const record = { height, status, changesAtHeight, operations, lastOperation: operations.at(-1) ?? null };
  if (last === undefined || status === "free" || status === "released") return { ...record, ...nobody };
  const { key, missingWitnesses } = findOwnerKey(last.ownerScript, last.ownerSpends);
  return {
    ...record,
    tenure: last.txid,
    ownerScript: last.ownerScript,
    ownerKey: key,
    ownerKeyMissingIn: missingWitnesses,
    unsealed: last.unsealed,
    profileHash: last.profileHash,
    profileHeight: last.profileHeight,
    seal: last.seal,
    registeredAtHeight: last.registeredAtHeight,
    unsupported: last.unsupported,
  };
}

const nobody = {
  tenure: null,
  ownerScript: null,
  ownerKey: null,
  ownerKeyMissingIn: [],
  unsealed: null,
  profileHash: null,
  profileHeight: null,
  seal: null,
  registeredAtHeight: null,
  unsupported: null,
} as const;

/**
 * What to ask next, at the end of all transactions that are known up to the tip. The thread is complete when no source
 * knows a spend of any of `seals`, and the beacon's history is complete.
 */
export function findFrontier(input: ThreadInput, tipHeight: number): Frontier {
  const order = new ChainOrder(input.transactions, tipHeight);
  const tenures = followTenures(input, tipHeight, order);
  const last = tenures.at(-1);
  const open = tenures.filter((tenure) => tenure.seal !== null && order.spendOf(tenure.seal.outpoint) === null);
  const seals = open.flatMap(({ seal }) => (seal === null ? [] : [{ outpoint: seal.outpoint, script: seal.script }]));
  const lastIsOpen = last !== undefined && open.at(-1) === last;
  return {
    seals,
    seal: lastIsOpen ? (seals.at(-1) ?? null) : null,
    ended: !lastIsOpen || tipHeight >= freeFromHeight(input.network, last.clock),
    beacon: lastBeaconOperation(last?.operations ?? []),
  };
}

/** The last of the operations that a beacon's history holds, or null. */
function lastBeaconOperation(operations: readonly Operation[]): HistoryMark | null {
  const inBeacon = operations.filter(({ kind }) => kind === "register" || kind === "recover");
  const last = inBeacon.at(-1);
  return last === undefined ? null : { txid: last.txid, height: last.height };
}

/** Every tenure up to `height`, the first first. */
function followTenures(
  { network, name, transactions, previous }: ThreadInput,
  height: number,
  order = new ChainOrder(transactions, height),
): readonly Tenure[] {
  const context: TenureContext = { network, name, order, previous };
  const tenures: Tenure[] = [];
  let freeFrom = 0;
  for (const register of order.ordered) {
    // C5: the first valid REGISTER wins, also within a block; C9: until the tenure has run out.
    if (register.place.height < freeFrom) continue;
    const opened = openTenure(context, register);
    if (opened === null) continue;
    const tenure = followTenure(context, opened);
    tenures.push(tenure);
    freeFrom = freeFromHeight(network, tenure.clock);
  }
  return tenures;
}

/** Whether a beacon transaction is worth a proof as a REGISTER of the name. Needs no PREORDER and no place. */
export function candidateRegister(tx: Transaction, name: Name, network: Network): boolean {
  return registerRow(tx, name, network) !== null;
}

/** Whether a beacon transaction is worth a proof as a RECOVER of the name. Needs no previous output and no place. */
export function candidateRecover(tx: Transaction, name: Name, network: Network): boolean {
  return recoverRow(tx, name, network) !== null;
}
