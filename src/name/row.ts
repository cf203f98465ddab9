import { equalBytes } from "../bytes/bytes.js";
import type { Network } from "../chain/network.js";
import { isOwnerScript } from "../chain/script.js";
import { isCoinbase, type Transaction } from "../chain/transaction.js";
import type { Outpoint } from "../ports.js";
import { beaconScript, type Name } from "./name.js";
import { type DecodedPayload, decodePayload } from "./operation.js";

/** The output whose spend moves a name (C1). */
export interface Seal {
  readonly outpoint: Outpoint;
  readonly valueSats: bigint;
  /** C3 script of the owner. */
  readonly script: Uint8Array;
}

/** C2's table row of an operation with a beacon, as far as the transaction alone tells. */
export interface BeaconRow {
  /** What vin 0 spends. */
  readonly authorises: Outpoint;
  readonly seal: Seal;
  readonly profileHash: Uint8Array;
}

/** REGISTER's row. */
export interface RegisterRow extends BeaconRow {
  readonly salt: Uint8Array;
}

/** C1: what vout 0 says; null for a coinbase, which is never an operation. */
export function payloadOf(tx: Transaction): DecodedPayload | null {
  const output = tx.outputs[0];
  return output === undefined || isCoinbase(tx) ? null : decodePayload(output.script, output.valueSats);
}

/** vout 1 as a seal: a C3 script and at least BOND; else null. */
export function sealOf(tx: Transaction, network: Network): Seal | null {
  const output = tx.outputs[1];
  if (output === undefined || output.valueSats < network.bondSats || !isOwnerScript(output.script)) return null;
  return { outpoint: { txid: tx.txid, vout: 1 }, valueSats: output.valueSats, script: output.script };
}

/** REGISTER's row for `name`, as far as the transaction alone tells; null if it fails. */
export function registerRow(tx: Transaction, name: Name, network: Network): RegisterRow | null {
  const decoded = payloadOf(tx);
  if (decoded?.is !== "known" || decoded.payload.kind !== "register" || decoded.payload.name !== name) return null;
  const row = beaconRow(tx, decoded.payload.profileHash, name, network);
  return row === null ? null : { ...row, salt: decoded.payload.salt };
}

/** RECOVER's row for `name`, as far as the transaction alone tells; null if it fails. */
export function recoverRow(tx: Transaction, name: Name, network: Network): BeaconRow | null {
  const decoded = payloadOf(tx);
  if (decoded?.is !== "known" || decoded.payload.kind !== "recover") return null;
  return beaconRow(tx, decoded.payload.profileHash, name, network);
}

function beaconRow(tx: Transaction, profileHash: Uint8Array, name: Name, network: Network): BeaconRow | null {
  const authorises = tx.inputs[0]?.outpoint;
  const seal = sealOf(tx, network);
  const beacon = tx.outputs[2]?.script;
  if (authorises === undefined || seal === null || beacon === undefined) return null;
  // C2: without the beacon no server finds the operation, so a reader that found it otherwise would stand alone.
  return equalBytes(beacon, beaconScript(name, network)) ? { authorises, seal, profileHash } : null;
}
