import { invalidArgument } from "../bytes/guards.js";
import type { Network } from "../chain/network.js";
import { isOwnerScript, scriptHex } from "../chain/script.js";
import type { TransactionOutput } from "../chain/transaction.js";
import { HawserError } from "../errors.js";
import { beaconScript, type Name } from "../name/name.js";
import { encodePayload, type Payload, payloadScript, preorderCommitment } from "../name/operation.js";
import { dustSats } from "./fee.js";

/** The seal's place among the outputs (C1). */
export const SEAL_VOUT = 1;

const payloadOutput = (payload: Payload): TransactionOutput => ({
  valueSats: 0n,
  script: payloadScript(encodePayload(payload)),
});

/** What a PREORDER says and pays. */
export interface PreorderTerms {
  readonly network: Network;
  readonly name: Name;
  /** 8 bytes. */
  readonly salt: Uint8Array;
  /** The script that will own the name (C3). */
  readonly ownerScript: Uint8Array;
  /** Value of vout 1: everything that the REGISTER needs. */
  readonly valueSats: bigint;
}

/**
 * The outputs of a PREORDER (C2, C4): commitment, then the owner script that the REGISTER spends.
 *
 * @throws INPUT_INVALID
 */
export function preorderOutputs({ valueSats, ...terms }: PreorderTerms): readonly TransactionOutput[] {
  assertOwnerScript(terms.ownerScript);
  const commitment = preorderCommitment(terms);
  return [payloadOutput({ kind: "preorder", commitment }), { valueSats, script: terms.ownerScript }];
}

/** What a REGISTER says and pays. */
export interface RegisterTerms {
  readonly network: Network;
  readonly name: Name;
  /** The 8 bytes that the PREORDER committed to. */
  readonly salt: Uint8Array;
  /** 32 bytes. */
  readonly profileHash: Uint8Array;
  readonly ownerScript: Uint8Array;
  /** Value of the seal, at least the bond. */
  readonly sealSats: bigint;
}

/**
 * The outputs of a REGISTER (C2): payload, seal, and the beacon at the least value that nodes relay (330 sat).
 *
 * @throws INPUT_INVALID
 */
export function registerOutputs(terms: RegisterTerms): readonly TransactionOutput[] {
  const { network, name, salt, profileHash, ownerScript, sealSats } = terms;
  return [
    payloadOutput({ kind: "register", salt, profileHash, name }),
    sealOutput(network, ownerScript, sealSats),
    beaconOutput(name, network),
  ];
}

/** What an UPDATE or a TRANSFER says and pays. */
export interface UpdateTerms {
  readonly network: Network;
  readonly kind: "update" | "transfer";
  /** 32 bytes; all zero for no profile (C10). */
  readonly profileHash: Uint8Array;
  /** The current owner in an UPDATE, the new one in a TRANSFER. */
  readonly ownerScript: Uint8Array;
  /** Value of the seal, at least the bond. */
  readonly sealSats: bigint;
}

/**
 * The outputs of an UPDATE or a TRANSFER (C2): payload and the new seal.
 *
 * @throws INPUT_INVALID
 */
export function updateOutputs({
  network,
  kind,
  profileHash,
  ownerScript,
  sealSats,
}: UpdateTerms): readonly TransactionOutput[] {
  return [payloadOutput({ kind, profileHash }), sealOutput(network, ownerScript, sealSats)];
}

/** The one output that a RELEASE needs (C2). What it pays back is an output like any other. */
export function releaseOutputs(): readonly TransactionOutput[] {
  return [payloadOutput({ kind: "release" })];
}

/** What a RECOVER says and pays. */
export interface RecoverTerms {
  readonly network: Network;
  readonly name: Name;
  /** 32 bytes; all zero for no profile (C10). */
  readonly profileHash: Uint8Array;
  readonly ownerScript: Uint8Array;
  /** Value of the seal, at least the bond. */
  readonly sealSats: bigint;
}

/**
 * The outputs of a RECOVER (C2): payload, seal, and the beacon by which readers find it (C8).
 *
 * @throws INPUT_INVALID
 */
export function recoverOutputs(terms: RecoverTerms): readonly TransactionOutput[] {
  const { network, name, profileHash, ownerScript, sealSats } = terms;
  return [
    payloadOutput({ kind: "recover", profileHash }),
    sealOutput(network, ownerScript, sealSats),
    beaconOutput(name, network),
  ];
}

function beaconOutput(name: Name, network: Network): TransactionOutput {
  const script = beaconScript(name, network);
  return { valueSats: dustSats(script), script };
}

function sealOutput(network: Network, ownerScript: Uint8Array, sealSats: bigint): TransactionOutput {
  assertOwnerScript(ownerScript);
  // C7: a seal below the bond would leave the name unsealed.
  if (sealSats < network.bondSats) throw invalidArgument("sealSats", `at least ${network.bondSats} sat`, sealSats);
  return { valueSats: sealSats, script: ownerScript };
}

function assertOwnerScript(script: Uint8Array): void {
  if (isOwnerScript(script)) return;
  throw new HawserError("INPUT_INVALID", "ownerScript: expected P2WPKH, P2WSH or P2TR (C3).", {
    argument: "ownerScript",
    expected: "P2WPKH, P2WSH or P2TR",
    got: scriptHex(script.subarray(0, 64)),
  });
}
