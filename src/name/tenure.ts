import { equalBytes } from "../bytes/bytes.js";
import type { Network } from "../chain/network.js";
import type { Transaction } from "../chain/transaction.js";
import type { Outpoint } from "../ports.js";
import { type ChainOrder, comparePlaces, type Place, type PlacedTransaction, type Spend } from "./chain-order.js";
import { freeFromHeight, type TenureClock } from "./clock.js";
import type { Name } from "./name.js";
import { type OperationKind, preorderCommitment } from "./operation.js";
import type { OwnerSpend } from "./owner-key.js";
import { payloadOf, recoverRow, registerRow, type Seal, sealOf } from "./row.js";

/** Everything that decides about the tenures of one name. */
export interface TenureContext {
  readonly network: Network;
  readonly name: Name;
  readonly order: ChainOrder;
  /** V3: transactions by their computed txid. */
  readonly previous: ReadonlyMap<string, Transaction>;
}

/** A valid operation of a tenure. */
export interface Operation {
  readonly kind: OperationKind;
  /** Display order. */
  readonly txid: string;
  readonly height: number;
  readonly position: number;
  /** The 32 bytes that the operation carries; null where its row has none, and for 32 zero bytes (C10: no profile). */
  readonly profileHash: Uint8Array | null;
}

/** One holder's registration, followed from its REGISTER as far as its operations go. */
export interface Tenure {
  /** txid of the PREORDER, display order (C5). */
  readonly txid: string;
  readonly registeredAtHeight: number;
  readonly ownerScript: Uint8Array;
  readonly profileHash: Uint8Array | null;
  /** Height of the operation whose profileHash is read. */
  readonly profileHeight: number;
  /** The output whose spend comes next; null when unsealed, released, or nothing more counts. */
  readonly seal: Seal | null;
  readonly unsealed: { readonly txid: string; readonly height: number } | null;
  /** The first operation that this reader does not know (C7). */
  readonly unsupported: { readonly txid: string; readonly height: number } | null;
  readonly clock: TenureClock;
  /** In chain order, PREORDER first. */
  readonly operations: readonly Operation[];
  readonly ownerSpends: readonly OwnerSpend[];
  /** Where the thread has come to. */
  readonly reached: Place;
}

/**
 * Opens the tenure that a transaction registers (C5), or null if it is no valid REGISTER of the name by itself. Whether
 * the name is FREE at its height is the caller's to know.
 */
export function openTenure(context: TenureContext, register: PlacedTransaction): Tenure | null {
  const { network, name, order } = context;
  const row = registerRow(register.tx, name, network);
  if (row?.authorises.vout !== 1) return null;
  const preorder = order.get(row.authorises.txid);
  const decoded = preorder === null ? null : payloadOf(preorder.tx);
  if (preorder === null || decoded?.is !== "known" || decoded.payload.kind !== "preorder") return null;

  const owner = row.seal.script;
  // C5: O is committed to and paid, so a commitment that someone copied opens nothing for another owner.
  if (!equalBytes(preorder.tx.outputs[1]?.script ?? new Uint8Array(0), owner)) return null;
  const commitment = preorderCommitment({ network, name, salt: row.salt, ownerScript: owner });
  if (!equalBytes(decoded.payload.commitment, commitment)) return null;

  const age = register.place.height - preorder.place.height;
  // C5: an age below the minimum is a name that was seen in someone's REGISTER and front-run.
  if (age < network.minAgeBlocks || age > network.maxAgeBlocks) return null;
  // The REGISTER is above its PREORDER, so one test covers both.
  if (preorder.place.height < network.protocolStart) return null;

  const txid = preorder.tx.txid;
  const operations: readonly Operation[] = [{ kind: "preorder", txid, ...preorder.place, profileHash: null }];
  const { height } = register.place;
  const opened: Tenure = {
    txid,
    registeredAtHeight: height,
    ownerScript: owner,
    profileHash: null,
    profileHeight: height,
    seal: null,
    unsealed: null,
    unsupported: null,
    clock: { renewedAtHeight: height, releasedAtHeight: null },
    operations,
    ownerSpends: [],
    reached: preorder.place,
  };
  return renewed(opened, "register", register, row.seal, row.profileHash);
}

/** Follows a tenure to the last thing that counts (C7 to C9). */
export function followTenure(context: TenureContext, opened: Tenure): Tenure {
  let tenure = opened;
  for (;;) {
    const next = step(context, tenure);
    if (next === null) return tenure;
    tenure = next;
  }
}

function step(context: TenureContext, tenure: Tenure): Tenure | null {
  if (tenure.seal !== null) {
    const spend = context.order.spendOf(tenure.seal.outpoint);
    return spend !== null && counts(context, tenure, spend.by.place) ? spendSeal(context, tenure, spend) : null;
  }
  return tenure.unsealed === null ? null : recover(context, tenure);
}

/**
 * Whether something at `place` can be the tenure's next event: strictly after what came before (C6, C8; each step goes
 * on in the chain, so that following ends), and at a height where the tenure is active or in grace (C7, C9).
 */
function counts({ network }: TenureContext, tenure: Tenure, place: Place): boolean {
  return comparePlaces(place, tenure.reached) > 0 && place.height < freeFromHeight(network, tenure.clock);
}

// C7: the transaction that spends the seal decides, whichever it is.
function spendSeal({ network }: TenureContext, tenure: Tenure, { by, vin }: Spend): Tenure {
  const decoded = payloadOf(by.tx);
  const seal = sealOf(by.tx, network);
  if (decoded?.is === "unknown") return followUnsupported(tenure, by, seal);
  // C1: vin 0 authorises. A signature made for another input must not move the name.
  const payload = vin === 0 && decoded?.is === "known" ? decoded.payload : null;
  switch (payload?.kind) {
    case "update":
      if (seal === null || !equalBytes(seal.script, tenure.ownerScript)) break;
      return renewed(tenure, "update", by, seal, payload.profileHash);
    case "transfer":
      if (seal === null) break;
      return renewed(tenure, "transfer", by, seal, payload.profileHash);
    case "release":
      return released(tenure, by);
  }
  return { ...tenure, seal: null, unsealed: { txid: by.tx.txid, height: by.place.height }, reached: by.place };
}

/**
 * C7: an operation of a later version. What it means is not known, so reads fail; its seal is followed for the end of
 * the tenure alone. Without such a seal nothing more of this tenure counts.
 */
function followUnsupported(tenure: Tenure, by: PlacedTransaction, seal: Seal | null): Tenure {
  return {
    ...tenure,
    ownerScript: seal?.script ?? tenure.ownerScript,
    seal,
    unsupported: tenure.unsupported ?? { txid: by.tx.txid, height: by.place.height },
    clock: { renewedAtHeight: by.place.height, releasedAtHeight: null },
    reached: by.place,
  };
}

// C8: the first valid RECOVER at a place strictly after the spend that unsealed the name.
function recover(context: TenureContext, tenure: Tenure): Tenure | null {
  const { network, name, order } = context;
  for (const by of order.ordered) {
    if (!counts(context, tenure, by.place)) continue;
    const row = recoverRow(by.tx, name, network);
    if (row === null || !equalBytes(row.seal.script, tenure.ownerScript)) continue;
    // Anyone can pay the beacon and the owner; only the owner can spend from the owner script.
    const spent = scriptOf(context, row.authorises);
    if (spent === null || !equalBytes(spent, tenure.ownerScript)) continue;
    return renewed({ ...tenure, unsealed: null }, "recover", by, row.seal, row.profileHash);
  }
  return null;
}

// V3: the previous transaction is the one whose own hash is the outpoint's txid, not the one that is said to be.
function scriptOf({ order, previous }: TenureContext, { txid, vout }: Outpoint): Uint8Array | null {
  const tx = order.get(txid)?.tx ?? previous.get(txid);
  return tx?.txid === txid ? (tx.outputs[vout]?.script ?? null) : null;
}

/** The tenure after a valid operation that carries a profile and makes a new seal: every one renews the clock (C9). */
function renewed(tenure: Tenure, kind: OperationKind, by: PlacedTransaction, seal: Seal, carried: Uint8Array): Tenure {
  const txid = by.tx.txid;
  // C10: 32 zero bytes are "no profile".
  const profileHash = carried.some((byte) => byte !== 0) ? carried : null;
  return {
    ...tenure,
    ownerScript: seal.script,
    profileHash,
    profileHeight: by.place.height,
    seal,
    clock: { renewedAtHeight: by.place.height, releasedAtHeight: null },
    operations: [...tenure.operations, { kind, txid, ...by.place, profileHash }],
    // C11: vin 0 of each of these operations spent an output of the owner as it was before.
    ownerSpends: [...tenure.ownerSpends, { txid, script: tenure.ownerScript, copies: by.copies }],
    reached: by.place,
  };
}

// C9: RELEASE replaces the clock, and nothing after it counts: there is no seal left to follow.
function released(tenure: Tenure, by: PlacedTransaction): Tenure {
  const operation: Operation = { kind: "release", txid: by.tx.txid, ...by.place, profileHash: null };
  return {
    ...tenure,
    seal: null,
    clock: { ...tenure.clock, releasedAtHeight: by.place.height },
    operations: [...tenure.operations, operation],
    reached: by.place,
  };
}
