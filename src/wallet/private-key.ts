import type { PsbtInput } from "bip174";
import { encode as encodeDerSignature } from "bitcoinjs-lib/src/script_signature";
import { Transaction as SigningTransaction } from "bitcoinjs-lib/src/transaction";
import { concatBytes, equalBytes, utf8 } from "../bytes/bytes.js";
import { invalidArgument } from "../bytes/guards.js";
import { decodeHex, encodeHex, isHex } from "../bytes/hex.js";
import { encodeJson, isJsonObject, type Json, parseJson } from "../bytes/json.js";
import { getNetwork, type NetworkId } from "../chain/network.js";
import { parseTransaction, type Transaction } from "../chain/transaction.js";
import { publicKeyOf, signEcdsa } from "../crypto/ecdsa.js";
import { hash160, taggedHash } from "../crypto/hash.js";
import { signSchnorr } from "../crypto/schnorr.js";
import {
  isPrivateKey,
  privateKeyOfDigest,
  taprootOutputKey,
  tweakPrivateKey,
  xOnlyPublicKeyOf,
} from "../crypto/taproot.js";
import { HawserError } from "../errors.js";
import { addressOf } from "../plan/address.js";
import { keyHashScript, parsePsbt } from "../plan/psbt.js";
import type { Random, Signer, SignRequest, Wallet, WalletAccount } from "../ports.js";
import { decodeBase58Check } from "./base58.js";

/** How a wallet over one private key is made. */
export interface PrivateKeyWalletOptions {
  /** 32 bytes; copied. */
  readonly privateKey: Uint8Array;
  readonly network: NetworkId;
  readonly random: Random;
  /** Which scripts of the key are accounts, in this order. Default: P2TR, then P2WPKH. */
  readonly kinds?: readonly WalletAccount["kind"][] | undefined;
}

/** A wallet that signs at once, without asking anybody. */
export interface PrivateKeyWallet extends Wallet {
  /** The addresses of the accounts, in their order. */
  readonly addresses: readonly string[];
}

const SIGHASH_DEFAULT = 0;
const SIGHASH_ALL = 1;
const SIGNER_TAG = "hawser/signer";
const WIF_MAINNET = 0x80;
const WIF_TEST = 0xef;
const COMPRESSED = 1;

/**
 * A wallet over one private key: a P2TR account with no script tree (BIP86) and a P2WPKH account. It signs with
 * DEFAULT and ALL only, and only inputs whose `witnessUtxo` pays one of its scripts.
 *
 * @throws INPUT_KEY_INVALID, INPUT_INVALID
 */
export function privateKeyWallet(options: PrivateKeyWalletOptions): PrivateKeyWallet {
  const { random, kinds = ["p2tr", "p2wpkh"] } = options;
  const network = getNetwork(options.network);
  const privateKey = ownCopy(options.privateKey);
  const accounts = kinds.map((kind) => accountOf(kind, privateKey));
  return {
    network: network.id,
    addresses: accounts.map(({ script }) => addressOf(script, network)),
    accounts: () => Promise.resolve(accounts),
    signPsbts: (requests) =>
      new Promise((resolve) => {
        resolve(requests.map((request) => signPsbt(request, accounts, privateKey, random)));
      }),
  };
}

/**
 * Signs records with a key that is derived from `privateKey` and tells nothing about it: `TH("hawser/signer", key)`
 * modulo the curve order. So a writer that is given the signing key alone, or leaks it, cannot spend the name's seal
 * or any coin; the owner then rotates it.
 *
 * @throws INPUT_KEY_INVALID
 */
export function privateKeySigner(options: { readonly privateKey: Uint8Array; readonly random: Random }): Signer {
  const { random } = options;
  const signingKey = privateKeyOfDigest(taggedHash(SIGNER_TAG, ownCopy(options.privateKey)));
  return {
    publicKey: xOnlyPublicKeyOf(signingKey),
    sign: (digest) => signSchnorr(digest, signingKey, random.bytes(32)),
  };
}

/** A fresh private key, 32 bytes. */
export function createPrivateKey(random: Random): Uint8Array {
  for (;;) {
    const candidate = random.bytes(32);
    // One in 2^127 candidates is no key.
    if (isPrivateKey(candidate)) return candidate;
  }
}

/**
 * The text of a key file: one line of JSON with the network's name, so that the key of one network is not used on
 * another. The network codes of WIF do not tell testnet4, signet and regtest apart.
 *
 * @throws INPUT_KEY_INVALID
 */
export function encodeKeyFile({ privateKey, network }: { privateKey: Uint8Array; network: NetworkId }): string {
  const key = encodeHex(ownCopy(privateKey));
  return `${encodeJson({ hawserKey: 1, network: getNetwork(network).id, privateKey: key })}\n`;
}

/**
 * The private key (32 bytes) in a key file's text: what {@link encodeKeyFile} writes, or a bare compressed WIF whose
 * code fits the network (one for mainnet, one for all others). White space around either is allowed.
 *
 * @param network - The network that the key is to be used on.
 * @throws INPUT_KEY_INVALID also for the key of another network; the error never holds any of the text.
 */
export function decodeKeyFile(text: string, network: NetworkId): Uint8Array {
  const { id } = getNetwork(network);
  const trimmed = text.trim();
  const privateKey = trimmed.startsWith("{") ? parseKeyJson(trimmed, id) : parseWif(trimmed, id);
  if (!isPrivateKey(privateKey)) throw invalidKey("it is not a private key of secp256k1");
  return privateKey;
}

function parseKeyJson(text: string, network: NetworkId): Uint8Array {
  const json: Json = parseJson(utf8(text), { fail: () => invalidKey("the file is not JSON"), maxDepth: 1 });
  if (!isJsonObject(json)) throw invalidKey("the file is not a JSON object");
  const { hawserKey, network: ownNetwork, privateKey, ...others } = json;
  if (hawserKey !== 1) throw invalidKey("the file is not a hawser key file of version 1");
  if (Object.keys(others).length > 0) throw invalidKey("the file has unknown members");
  if (ownNetwork !== network) throw invalidKey(`the key is not for ${network}`);
  if (!isHex(privateKey, 32)) throw invalidKey("privateKey is not 64 lower-case hex digits");
  return decodeHex(privateKey, 32, "privateKey");
}

function parseWif(text: string, network: NetworkId): Uint8Array {
  const bytes = decodeBase58Check(text);
  if (bytes?.length !== 34 || bytes[33] !== COMPRESSED) {
    throw invalidKey("the text is neither a key file nor the WIF of a compressed key");
  }
  const code = network === "mainnet" ? WIF_MAINNET : WIF_TEST;
  if (bytes[0] !== code) throw invalidKey(`the key is not for ${network}`);
  return bytes.slice(1, 33);
}

function accountOf(kind: WalletAccount["kind"], privateKey: Uint8Array): WalletAccount {
  if (kind === "p2wpkh") {
    const publicKey = publicKeyOf(privateKey);
    return { kind, script: concatBytes(Uint8Array.of(0x00, 20), hash160(publicKey)), publicKey };
  }
  const publicKey = xOnlyPublicKeyOf(privateKey);
  return { kind, script: concatBytes(Uint8Array.of(0x51, 32), taprootOutputKey(publicKey)), publicKey };
}

function signPsbt(
  request: SignRequest,
  accounts: readonly WalletAccount[],
  privateKey: Uint8Array,
  random: Random,
): Uint8Array {
  let parsed: ReturnType<typeof parsePsbt>;
  try {
    parsed = parsePsbt(request.psbt);
  } catch {
    throw invalidArgument("psbt", "a BIP174 PSBT", request.psbt);
  }
  const { psbt, transaction } = parsed;
  const signing = SigningTransaction.fromBuffer(transaction.raw);
  const prevouts = psbt.inputs.map((input, index) => prevoutOf(input, index, transaction));
  for (const index of request.inputs) {
    const input = psbt.inputs[index];
    const prevout = prevouts[index];
    if (input === undefined || prevout === undefined) throw refused(`the PSBT has no input ${index}`);
    const account = accounts.find(({ script }) => equalBytes(script, prevout.script));
    if (account === undefined) throw refused(`input ${index} is not of this wallet`);
    const { partialSig, tapKeySig, finalScriptSig, finalScriptWitness } = input;
    if ((partialSig ?? tapKeySig ?? finalScriptSig ?? finalScriptWitness) !== undefined) {
      throw refused(`input ${index} is signed already`);
    }
    assertSighashType(input, index, account);
    if (account.kind === "p2wpkh") {
      const script = keyHashScript(account.script.subarray(2));
      const digest = signing.hashForWitnessV0(index, script, prevout.value, SIGHASH_ALL);
      const signature = encodeDerSignature(signEcdsa(digest, privateKey), SIGHASH_ALL);
      psbt.updateInput(index, { partialSig: [{ pubkey: account.publicKey, signature }] });
    } else {
      const hashType = input.sighashType ?? SIGHASH_DEFAULT;
      const scripts = prevouts.map(({ script }) => script);
      const values = prevouts.map(({ value }) => value);
      const digest = signing.hashForWitnessV1(index, scripts, values, hashType);
      const signature = signSchnorr(digest, tweakPrivateKey(privateKey), random.bytes(32));
      const suffix = hashType === SIGHASH_DEFAULT ? new Uint8Array() : Uint8Array.of(hashType);
      psbt.updateInput(index, { tapKeySig: concatBytes(signature, suffix) });
    }
  }
  return psbt.toBuffer();
}

/** What an input spends. A `nonWitnessUtxo` beside it must say the same: P2WPKH signatures bind their own value alone. */
function prevoutOf(
  { witnessUtxo, nonWitnessUtxo }: PsbtInput,
  index: number,
  transaction: Transaction,
): { readonly script: Uint8Array; readonly value: bigint } {
  if (witnessUtxo === undefined) throw refused(`input ${index} has no witnessUtxo`);
  if (witnessUtxo.value < 0n) throw refused(`input ${index} has a witnessUtxo with a negative value`);
  if (nonWitnessUtxo !== undefined) {
    const previous = parseTransaction(nonWitnessUtxo);
    const spent = transaction.inputs[index]?.outpoint;
    const output = previous.outputs[spent?.vout ?? 0];
    const agrees =
      previous.txid === spent?.txid &&
      output?.valueSats === witnessUtxo.value &&
      equalBytes(output.script, witnessUtxo.script);
    if (!agrees) throw refused(`input ${index} has a nonWitnessUtxo that does not fit`);
  }
  return witnessUtxo;
}

function assertSighashType({ sighashType }: PsbtInput, index: number, { kind }: WalletAccount): void {
  const isAllowed =
    sighashType === undefined || sighashType === SIGHASH_ALL || (sighashType === SIGHASH_DEFAULT && kind === "p2tr");
  // W9: any other type signs less than the whole transaction.
  if (!isAllowed) throw refused(`input ${index} asks for a sighash type other than ALL or DEFAULT`);
}

function ownCopy(privateKey: Uint8Array): Uint8Array {
  if (!isPrivateKey(privateKey)) throw invalidKey("it is not 32 bytes that are a private key of secp256k1");
  return privateKey.slice();
}

function invalidKey(reason: string): HawserError<"INPUT_KEY_INVALID"> {
  return new HawserError("INPUT_KEY_INVALID", `The key cannot be used: ${reason}.`, { reason });
}

function refused(reason: string): HawserError<"WALLET_REFUSED"> {
  return new HawserError("WALLET_REFUSED", `The wallet does not sign: ${reason}.`, { reason });
}
