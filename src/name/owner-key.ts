import { equalBytes } from "../bytes/bytes.js";
import { scriptKind } from "../chain/script.js";
import type { Transaction } from "../chain/transaction.js";
import { hash160 } from "../crypto/hash.js";
import { isXOnlyPoint } from "../crypto/schnorr.js";

/** A valid operation other than PREORDER, and the script that its vin 0 spent (C11). */
export interface OwnerSpend {
  readonly txid: string;
  readonly script: Uint8Array;
  /** The transaction as each source gave it. */
  readonly copies: readonly Transaction[];
}

/** The owner's key, or what could still tell it. */
export interface OwnerKey {
  /** x-only, 32 bytes; null when there is none or none is known. */
  readonly key: Uint8Array | null;
  /** Operations whose witness holds the key, although no copy at hand does: another source may have a right copy. */
  readonly missingWitnesses: readonly string[];
}

/**
 * C11. P2TR: the output key. P2WPKH: the public key in the witness of an operation whose vin 0 spent `ownerScript`.
 * P2WSH: none.
 *
 * @param ownerScript - the present owner (C3)
 * @param spends - the valid operations of the tenure, PREORDER excluded
 */
export function findOwnerKey(ownerScript: Uint8Array, spends: readonly OwnerSpend[]): OwnerKey {
  const kind = scriptKind(ownerScript);
  const program = ownerScript.slice(2);
  if (kind === "p2tr") return { key: isXOnlyPoint(program) ? program : null, missingWitnesses: [] };
  if (kind !== "p2wpkh") return { key: null, missingWitnesses: [] };

  const telling = spends.filter((spend) => equalBytes(spend.script, ownerScript));
  for (const tx of telling.flatMap((spend) => spend.copies)) {
    const publicKey = witnessKey(tx);
    // C11: a witness is not committed by a txid, so a source could put its own key there.
    if (publicKey === null || !equalBytes(hash160(publicKey), program)) continue;
    return { key: xOf(publicKey), missingWitnesses: [] };
  }
  return { key: null, missingWitnesses: telling.map((spend) => spend.txid) };
}

function witnessKey(tx: Transaction): Uint8Array | null {
  const witness = tx.inputs[0]?.witness ?? [];
  return witness.length === 2 ? (witness[1] ?? null) : null;
}

// The program fits one key alone: where that one has another form, there is none to find.
function xOf(publicKey: Uint8Array): Uint8Array | null {
  const x = publicKey.slice(1);
  return (publicKey[0] === 2 || publicKey[0] === 3) && isXOnlyPoint(x) ? x : null;
}
