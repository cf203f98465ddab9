import { utf8 } from "../bytes/bytes.js";
import { assertInteger, assertString } from "../bytes/guards.js";
import { decodeHex, encodeHex, isHex } from "../bytes/hex.js";
import { encodeJson, isJsonObject, parseJson } from "../bytes/json.js";
import { getNetwork } from "../chain/network.js";
import { sha256 } from "../crypto/hash.js";
import { verifySchnorr } from "../crypto/schnorr.js";
import { mintVerified, type Verified } from "../crypto/verified.js";
import { type ForkProof, HawserError } from "../errors.js";
import type { Floor } from "./floor.js";
import {
  type ParseRecordOptions,
  parseRecord,
  type RecordContext,
  recordBodyLimit,
  recordDigestOfHash,
} from "./record.js";
import type { Candidate } from "./verify-replies.js";

const decoder = new TextDecoder();

/**
 * The proof of a fork (M9). Of data that is known from the cache alone, the proof's record has `sha256` in place of
 * `data`: the signature covers the data only through that.
 */
export function createForkProof(
  context: RecordContext,
  publicKey: Uint8Array,
  one: Candidate,
  other: Candidate | Floor,
): ForkProof {
  const { network, name, tenure, id, epoch } = context;
  const { ver } = one.record;
  const second =
    "body" in other
      ? decoder.decode(other.body)
      : encodeJson({ id, sha256: other.sha256, ver, sig: other.sig ?? null });
  return {
    network: network.id,
    name,
    tenure,
    id,
    epoch,
    ver,
    pubkey: encodeHex(publicKey),
    records: [decoder.decode(one.body), second],
  };
}

/**
 * Checks that a key signed two different data under one version (M9): the `proof` in the details of a `RECORD_FORKED`,
 * by whomever it comes. It needs nothing but the proof, and no network; whether key and tenure were those of the name is
 * for the chain to say.
 *
 * @param options - `maxDataBytes` for records that were read with a higher limit than 1 MiB of data.
 * @returns a copy with the members of a proof and no others
 * @throws RECORD_INVALID, RECORD_SIGNATURE_INVALID, INPUT_INVALID, INPUT_ID_INVALID, NAME_INVALID; nothing else,
 *   whatever is given
 */
export function verifyForkProof(proof: ForkProof, options: ParseRecordOptions = {}): Verified<ForkProof> {
  const copy = copyProof(proof);
  const { network, name, tenure, id, epoch, ver, pubkey } = copy;
  const key = decodeHex(pubkey, 32, "pubkey");
  const context: RecordContext = { network: getNetwork(network), name, tenure, id, epoch };
  const hashes = copy.records.map((text) => {
    const side = parseSide(text, options);
    if (side.id !== id || side.ver !== ver) throw notAFork("a record has another id or version");
    if (!verifySchnorr(decodeHex(side.sig, 64, "sig"), recordDigestOfHash(context, ver, side.dataHash), key)) {
      throw new HawserError("RECORD_SIGNATURE_INVALID", "A record of the proof is not signed by its key.", {
        id,
        pubkey,
      });
    }
    return encodeHex(side.dataHash);
  });
  // Two signatures over the same data are no contradiction.
  if (hashes[0] === hashes[1]) throw notAFork("both records have the same data");
  return mintVerified(copy);
}

/** Each member is read once: a getter could give the checks one value and the caller another. */
function copyProof(given: unknown): ForkProof {
  let members: Readonly<Record<Exclude<keyof ForkProof, "records"> | "first" | "second", unknown>>;
  try {
    const { network, name, tenure, id, epoch, ver, pubkey, records } = given as Readonly<
      Record<keyof ForkProof, unknown>
    >;
    const pair: readonly unknown[] = Array.isArray(records) ? (records as readonly unknown[]) : [];
    const [first, second] = pair.length === 2 ? pair : [];
    members = { network, name, tenure, id, epoch, ver, pubkey, first, second };
  } catch {
    throw notAFork("its members cannot be read");
  }
  const { network, name, tenure, id, epoch, ver, pubkey, first, second } = members;
  assertString("network", network);
  assertString("name", name);
  assertString("tenure", tenure);
  assertString("id", id);
  assertString("pubkey", pubkey);
  assertString("records", first);
  assertString("records", second);
  assertInteger("epoch", epoch);
  assertInteger("ver", ver, 1);
  return { network, name, tenure, id, epoch, ver, pubkey, records: [first, second] };
}

interface Side {
  readonly id: string;
  readonly ver: number;
  readonly sig: string;
  readonly dataHash: Uint8Array;
}

function parseSide(text: string, options: ParseRecordOptions): Side {
  // Before anything is made of it: a body has at least one byte for each character.
  const maxBytes = recordBodyLimit(options);
  if (text.length > maxBytes) throw notAFork(`a record has more than ${maxBytes} bytes`);
  const body = utf8(text);
  const json = parseJson(body, { fail: notAFork, maxDepth: 1 });
  if (!isJsonObject(json) || !("sha256" in json)) {
    const { id, ver, sig, data } = parseRecord(body, options);
    return { id, ver, sig, dataHash: sha256(data) };
  }
  const { id, ver, sig, sha256: hash, ...rest } = json;
  if (typeof id !== "string" || typeof ver !== "number" || Object.keys(rest).length > 0) {
    throw notAFork("a record does not have its members");
  }
  if (!isHex(sig, 64) || !isHex(hash, 32)) throw notAFork("a record known by its digest lacks digest or signature");
  return { id, ver, sig, dataHash: decodeHex(hash, 32) };
}

function notAFork(reason: string): HawserError<"RECORD_INVALID"> {
  return new HawserError("RECORD_INVALID", `This proves no fork: ${reason}.`, { reason });
}
