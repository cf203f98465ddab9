import { concatBytes, utf8 } from "../bytes/bytes.js";
import { describe } from "../bytes/guards.js";
import type { Network } from "../chain/network.js";
import { p2wshScript, pushNumber } from "../chain/script.js";
import { taggedHash } from "../crypto/hash.js";
import { HawserError } from "../errors.js";

declare const nameBrand: unique symbol;

/** A name that follows N1: 1 to 31 bytes of `[a-z0-9-]`. */
export type Name = string & { readonly [nameBrand]: true };

const GRAMMAR = /^[a-z0-9](?:[a-z0-9-]{0,29}[a-z0-9])?$/;
const OP_DROP = 0x75;
const OP_CHECKSEQUENCEVERIFY = 0xb2;

/** Whether `text` follows N1. */
export function isName(text: string): text is Name {
  return GRAMMAR.test(text) && text.slice(2, 4) !== "--";
}

/**
 * A name as N1 admits it: 1 to 31 bytes, `[a-z0-9]` at both ends, `[a-z0-9-]` between, no `--` at bytes 3 and 4.
 * Nothing is folded or trimmed: `Alice` is refused, not read as `alice`, so that no two spellings meet in one name.
 *
 * @throws NAME_INVALID
 */
export function parseName(value: unknown): Name {
  if (typeof value !== "string") throw invalidName(describe(value), "it is not a string");
  if (!isName(value)) {
    throw invalidName(
      value.slice(0, 64),
      "expected 1 to 31 of a-z, 0-9 and -, with no - at either end and no -- at bytes 3 and 4",
    );
  }
  return value;
}

function invalidName(name: string, reason: string): HawserError<"NAME_INVALID"> {
  return new HawserError("NAME_INVALID", `${JSON.stringify(name)} is not a name: ${reason}.`, { name, reason });
}

/** N2: the name's 32-byte id, `TH("hawser/name", name)`. */
export function nameId(name: Name): Uint8Array {
  return taggedHash("hawser/name", utf8(name));
}

/** N3: the witness script behind the name's beacon, `<nid> OP_DROP <delay> OP_CHECKSEQUENCEVERIFY`. */
export function beaconWitnessScript(name: Name, network: Network): Uint8Array {
  const nid = nameId(name);
  return concatBytes(
    Uint8Array.of(nid.length),
    nid,
    Uint8Array.of(OP_DROP),
    pushNumber(network.beaconDelayBlocks),
    Uint8Array.of(OP_CHECKSEQUENCEVERIFY),
  );
}

/** N3: the P2WSH output script whose history leads to every REGISTER and RECOVER of the name. */
export function beaconScript(name: Name, network: Network): Uint8Array {
  return p2wshScript(beaconWitnessScript(name, network));
}
