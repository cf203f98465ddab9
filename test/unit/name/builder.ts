import { concatBytes } from "../../../src/bytes/bytes.js";
import { decodeHex, reversed } from "../../../src/bytes/hex.js";
import type { ProvenTransaction } from "../../../src/chain/merkle.js";
import { type Network, networks } from "../../../src/chain/network.js";
import { parseTransaction, type Transaction, type TransactionOutput } from "../../../src/chain/transaction.js";
import { hash160, sha256 } from "../../../src/crypto/hash.js";
import { mintVerified, type Verified } from "../../../src/crypto/verified.js";
import { beaconScript, type Name, parseName } from "../../../src/name/name.js";
import { encodePayload, type Payload, payloadScript, preorderCommitment } from "../../../src/name/operation.js";
import { type Frontier, findFrontier, runThread, type ThreadState } from "../../../src/name/thread.js";
import type { Outpoint } from "../../../src/ports.js";

/** An input to build; without a witness it has an empty one. */
export interface InputDraft extends Outpoint {
  readonly witness?: readonly Uint8Array[];
}

/** A transaction to build. */
export interface Draft {
  readonly inputs: readonly InputDraft[];
  readonly outputs: readonly TransactionOutput[];
}

function little(value: bigint, width: number): Uint8Array {
  return Uint8Array.from({ length: width }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function sized(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 0xfd) return concatBytes(Uint8Array.of(bytes.length), bytes);
  return concatBytes(Uint8Array.of(0xfd), little(BigInt(bytes.length), 2), bytes);
}

/** Serialises a draft and reads it back as a source's answer would be. */
export function buildTransaction({ inputs, outputs }: Draft): Transaction {
  const segwit = inputs.some((input) => (input.witness?.length ?? 0) > 0);
  return parseTransaction(
    concatBytes(
      little(2n, 4),
      segwit ? Uint8Array.of(0, 1) : new Uint8Array(0),
      Uint8Array.of(inputs.length),
      ...inputs.map(({ txid, vout }) =>
        concatBytes(reversed(decodeHex(txid, 32)), little(BigInt(vout), 4), Uint8Array.of(0), little(0xfffffffdn, 4)),
      ),
      Uint8Array.of(outputs.length),
      ...outputs.map(({ valueSats, script }) => concatBytes(little(valueSats, 8), sized(script))),
      ...(segwit
        ? inputs.map(({ witness = [] }) => concatBytes(Uint8Array.of(witness.length), ...witness.map(sized)))
        : []),
      little(0n, 4),
    ),
  );
}

/** x coordinates of G, 2G and 3G: keys of owners. */
export const points = [
  "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
  "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
  "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
].map((x) => decodeHex(x, 32)) as [Uint8Array, Uint8Array, Uint8Array];
/** 32 bytes that are the x coordinate of no point. */
export const noPoint = new Uint8Array(32);

export const compressed = (x: Uint8Array, prefix = 2): Uint8Array => concatBytes(Uint8Array.of(prefix), x);
export const p2wpkh = (publicKey: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(0, 20), hash160(publicKey));
export const p2tr = (x: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(0x51, 32), x);
export const p2wsh = (x: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(0, 32), x);
export const p2pkh: Uint8Array = Uint8Array.from([0x76, 0xa9, 0x14, ...new Uint8Array(20).fill(7), 0x88, 0xac]);

/** Three owners: two that differ in nothing but their key, and one of another kind. */
export const alice = p2tr(points[0]);
export const bob = p2tr(points[1]);
export const carol = p2wpkh(compressed(points[2]));

/** A profile hash that tells which it is. */
export const profile = (n: number): Uint8Array => new Uint8Array(32).fill(n);
export const salt = new Uint8Array(8).fill(5);

let outside = 0;
/** An output of a transaction outside the test. */
export function anyOutpoint(): Outpoint {
  const bytes = sha256(Uint8Array.of(outside & 255, (outside++ >> 8) & 255));
  return { txid: Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""), vout: 3 };
}

export const outpoint = (tx: Transaction, vout = 1): Outpoint => ({ txid: tx.txid, vout });
export const payloadOutput = (payload: Payload): TransactionOutput => rawPayloadOutput(encodePayload(payload));
export const rawPayloadOutput = (payload: Uint8Array): TransactionOutput => {
  return { valueSats: 0n, script: payloadScript(payload) };
};
/** A payload of a version and op, with a body. */
export const headed = (version: number, op: number, body: Uint8Array = new Uint8Array(32)): TransactionOutput =>
  rawPayloadOutput(concatBytes(Uint8Array.of(0x68, 0x77, 0x73, version * 16 + op), body));

/** What tests change in a registration; what is left out is valid. */
export interface Registering {
  readonly owner?: Uint8Array;
  readonly profileHash?: Uint8Array;
  readonly preorderAt?: number;
  readonly committed?: Uint8Array;
  readonly preorderInputs?: readonly InputDraft[];
  readonly preorderOutputs?: readonly TransactionOutput[];
  readonly paid?: Uint8Array;
  readonly spends?: (preorder: Transaction) => readonly InputDraft[];
  readonly valueSats?: bigint;
  readonly written?: string;
  readonly beacon?: TransactionOutput | null;
  /** Between the seal and the beacon, which then is not vout 2. */
  readonly between?: readonly TransactionOutput[];
  readonly position?: number;
  readonly witness?: readonly Uint8Array[];
}

/** A chain as a reader proved it, for one name. */
export class World {
  readonly network: Network;
  readonly name: Name;
  readonly transactions: Verified<ProvenTransaction>[] = [];
  readonly previous = new Map<string, Transaction>();
  readonly #positions = new Map<number, number>();

  constructor(network: Network = networks.regtest, name = "alice") {
    this.network = network;
    this.name = parseName(name);
  }

  /** Puts a transaction into the block at `height`, behind what is there unless `position` says otherwise. */
  mine(height: number, draft: Draft, position?: number): Transaction {
    const tx = buildTransaction(draft);
    const next = this.#positions.get(height) ?? 1;
    this.#positions.set(height, Math.max(next, position ?? next) + 1);
    this.prove(tx, height, position ?? next);
    return tx;
  }

  prove(tx: Transaction, height: number, position: number): void {
    this.transactions.push(mintVerified({ tx, height, position, blockHash: "00".repeat(32), branch: [] }));
  }

  /** A transaction that is known but whose place is not proven. */
  keep(draft: Draft): Transaction {
    const tx = buildTransaction(draft);
    this.previous.set(tx.txid, tx);
    return tx;
  }

  seal(script: Uint8Array, valueSats = this.network.bondSats): TransactionOutput {
    return { valueSats, script };
  }

  beacon(valueSats = 330n): TransactionOutput {
    return { valueSats, script: beaconScript(this.name, this.network) };
  }

  commitment(ownerScript: Uint8Array): Uint8Array {
    return preorderCommitment({ network: this.network, name: this.name, salt, ownerScript });
  }

  /** A PREORDER and, `minAgeBlocks` later unless told otherwise, the REGISTER at `height`. */
  register(height: number, how: Registering = {}): { readonly preorder: Transaction; readonly register: Transaction } {
    const { owner = alice, profileHash = profile(1) } = how;
    const commitment = how.committed ?? this.commitment(owner);
    const preorder = this.mine(how.preorderAt ?? height - this.network.minAgeBlocks, {
      inputs: how.preorderInputs ?? [anyOutpoint()],
      outputs: how.preorderOutputs ?? [payloadOutput({ kind: "preorder", commitment }), this.seal(owner, 600n)],
    });
    const beacon = how.beacon === undefined ? this.beacon() : how.beacon;
    const named = payloadOutput({ kind: "register", salt, profileHash, name: how.written ?? this.name });
    const register = this.mine(
      height,
      {
        inputs: how.spends?.(preorder) ?? [{ ...outpoint(preorder), witness: how.witness ?? [] }],
        outputs: [
          named,
          this.seal(how.paid ?? owner, how.valueSats),
          ...(how.between ?? []),
          ...(beacon === null ? [] : [beacon]),
        ],
      },
      how.position,
    );
    return { preorder, register };
  }

  /** A transaction whose vin 0 spends vout 1 of `parent` and whose first outputs are these. */
  spend(height: number, parent: Transaction, ...outputs: readonly TransactionOutput[]): Transaction {
    return this.mine(height, { inputs: [outpoint(parent)], outputs });
  }

  update(height: number, parent: Transaction, profileHash = profile(2), owner = alice): Transaction {
    return this.spend(height, parent, payloadOutput({ kind: "update", profileHash }), this.seal(owner));
  }

  transfer(height: number, parent: Transaction, to: Uint8Array, profileHash = profile(3)): Transaction {
    return this.spend(height, parent, payloadOutput({ kind: "transfer", profileHash }), this.seal(to));
  }

  release(height: number, parent: Transaction): Transaction {
    return this.spend(height, parent, payloadOutput({ kind: "release" }));
  }

  /** A payment that happens to spend the seal. */
  pay(height: number, parent: Transaction): Transaction {
    return this.spend(height, parent, { valueSats: 900n, script: p2pkh });
  }

  /** An output of `owner` in a transaction that is known as V3 asks. */
  coinOf(owner: Uint8Array): Outpoint {
    const tx = this.keep({ inputs: [anyOutpoint()], outputs: [{ valueSats: 5_000n, script: owner }] });
    return outpoint(tx, 0);
  }

  recover(height: number, how: Recovering = {}): Transaction {
    const { owner = alice, spends = this.coinOf(owner), profileHash = profile(4) } = how;
    const beacon = how.beacon === undefined ? this.beacon() : how.beacon;
    const outputs = [
      payloadOutput({ kind: "recover", profileHash }),
      this.seal(how.paid ?? owner, how.valueSats),
      ...(how.between ?? []),
      ...(beacon === null ? [] : [beacon]),
    ];
    return this.mine(height, { inputs: [spends, ...(how.also ?? [])], outputs }, how.position);
  }

  state(height: number, transactions: readonly Verified<ProvenTransaction>[] = this.transactions): ThreadState {
    const { network, name, previous } = this;
    return runThread({ network, name, transactions, previous }, height);
  }

  frontier(tipHeight: number, transactions: readonly Verified<ProvenTransaction>[] = this.transactions): Frontier {
    const { network, name, previous } = this;
    return findFrontier({ network, name, transactions, previous }, tipHeight);
  }
}

/** What tests change in a RECOVER; what is left out is valid. */
export interface Recovering {
  readonly owner?: Uint8Array;
  readonly spends?: InputDraft;
  readonly also?: readonly InputDraft[];
  readonly profileHash?: Uint8Array;
  readonly paid?: Uint8Array;
  readonly valueSats?: bigint;
  readonly beacon?: TransactionOutput | null;
  /** Between the seal and the beacon, which then is not vout 2. */
  readonly between?: readonly TransactionOutput[];
  readonly position?: number;
}
