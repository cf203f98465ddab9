import { decodeHex, encodeHex } from "../bytes/hex.js";
import { verifySchnorr } from "../crypto/schnorr.js";
import { mintVerified, type Verified } from "../crypto/verified.js";
import { HawserError } from "../errors.js";
import { type MutableRecord, type RecordContext, recordDigest } from "./record.js";

/**
 * Checks that a record is the one that was asked for and that the key signed it for exactly this network, name, tenure,
 * id and epoch.
 *
 * @param publicKey - x-only, 32 bytes: the effective key of the route (M2).
 * @throws RECORD_INVALID for a record with another id, RECORD_SIGNATURE_INVALID
 */
export function verifyRecord(
  record: MutableRecord,
  context: RecordContext,
  publicKey: Uint8Array,
): Verified<MutableRecord> {
  // M3: the writer's record of another id, served in place of this one.
  if (record.id !== context.id) {
    const reason = `it has the id ${JSON.stringify(record.id)}, not ${JSON.stringify(context.id)}`;
    throw new HawserError("RECORD_INVALID", `This is not the record: ${reason}.`, { reason });
  }
  // M4: a forged record, or one signed for another network, name, tenure, id, epoch or version.
  const digest = recordDigest(context, record.ver, record.data);
  if (!verifySchnorr(decodeHex(record.sig, 64, "sig"), digest, publicKey)) {
    const pubkey = encodeHex(publicKey);
    throw new HawserError(
      "RECORD_SIGNATURE_INVALID",
      `The signature of ${JSON.stringify(record.id)} is not one of ${pubkey} over this name, tenure, id and epoch.`,
      { id: record.id, pubkey },
    );
  }
  return mintVerified(record);
}
