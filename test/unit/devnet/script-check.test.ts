import { readFileSync } from "node:fs";
import { join } from "node:path";
import { script as scripts, Transaction } from "bitcoinjs-lib";
import { describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../../src/bytes/bytes.js";
import { decodeHex, encodeHex } from "../../../src/bytes/hex.js";
import { signEcdsa } from "../../../src/crypto/ecdsa.js";
import { hash160, sha256 } from "../../../src/crypto/hash.js";
import type { Coin } from "../../../src/devnet/known-transaction.js";
import { checkInput } from "../../../src/devnet/script-check.js";
import { hasSharedVectors, sharedVectors } from "../../vectors/shared.js";
import { beacon, beaconWitness, keyHashDigest, sign, TestKey, unsigned } from "./wallet.js";

const key = new TestKey("script");
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

function coin(script: Uint8Array, valueSats = 50_000n, vout = 0): Coin {
  return { txid: "11".repeat(32), vout, valueSats, script, height: 1, coinbase: false };
}

function signed(script: Uint8Array, hashType?: number): { tx: Transaction; coins: readonly Coin[] } {
  const coins = [coin(script)];
  return { tx: sign(unsigned(coins, [[key.p2tr, 40_000n]]), coins, key, hashType), coins };
}

describe("BIP341's signed transaction", () => {
  interface Vector {
    readonly keyPathSpending: readonly {
      readonly given: {
        readonly utxosSpent: readonly { readonly scriptPubKey: string; readonly amountSats: number }[];
      };
      readonly auxiliary: { readonly fullySignedTx: string };
    }[];
  }

  it.skipIf(!hasSharedVectors())("passes on every input by key, whatever its hash type", () => {
    const text = readFileSync(join(sharedVectors, "bips/bip-0341_wallet-test-vectors.json"), "utf8");
    const [vector] = (JSON.parse(text) as Vector).keyPathSpending;
    if (vector === undefined) throw new Error("the vector file has no key path spending");
    const coins = vector.given.utxosSpent.map((spent) => coin(decodeHex(spent.scriptPubKey), BigInt(spent.amountSats)));
    const raw = decodeHex(vector.auxiliary.fullySignedTx);
    const results = coins.map((_, vin) => checkInput(Transaction.fromBuffer(raw), vin, coins));
    expect(results.filter((result) => result !== null)).toEqual([
      "bad-txns-nonstandard-inputs (the devnet does not check a p2pkh output)",
    ]);
    const forged = coins.map((_, vin) => {
      const tx = Transaction.fromBuffer(raw);
      const witness = tx.ins[vin]?.witness[0];
      if (witness !== undefined) witness[20] = (witness[20] ?? 0) ^ 1;
      return checkInput(tx, vin, coins);
    });
    expect(forged.every((result) => result !== null)).toBe(true);
  });
});

describe("P2WPKH", () => {
  const check = (tx: Transaction, coins: readonly Coin[]): string | null => checkInput(tx, 0, coins);
  const failed = (why: string): string => `mandatory-script-verify-flag-failed (${why})`;

  it("passes with the key's signature over these amounts and outputs", () => {
    const { tx, coins } = signed(key.p2wpkh);
    expect(check(tx, coins)).toBeNull();
    expect(check(tx, [coin(key.p2wpkh, 50_001n)])).toBe(
      failed("Signature must be zero for failed CHECK(MULTI)SIG operation"),
    );
    const output = tx.outs[0];
    if (output !== undefined) output.value = 39_999n;
    expect(check(tx, coins)).toBe(failed("Signature must be zero for failed CHECK(MULTI)SIG operation"));
  });

  it.each([0x01, 0x02, 0x03, 0x81, 0x82, 0x83])("passes with hash type %i", (hashType) => {
    const { tx, coins } = signed(key.p2wpkh, hashType);
    expect(check(tx, coins)).toBeNull();
  });

  it("refuses another key, a missing witness, a spare item and a scriptSig", () => {
    const { tx, coins } = signed(key.p2wpkh);
    const [signature = new Uint8Array(), publicKey = new Uint8Array()] = tx.ins[0]?.witness ?? [];
    const withWitness = (...witness: Uint8Array[]): string | null => {
      const copy = tx.clone();
      copy.setWitness(0, witness);
      return check(copy, coins);
    };
    expect(withWitness(signature, new TestKey("other").publicKey)).toBe(
      failed("Script failed an OP_EQUALVERIFY operation"),
    );
    expect(withWitness()).toBe(failed("Witness program was passed an empty witness"));
    expect(withWitness(signature)).toBe(failed("Witness program hash mismatch"));
    expect(withWitness(signature, publicKey, new Uint8Array(1))).toBe(failed("Witness program hash mismatch"));
    expect(withWitness(new Uint8Array(), publicKey)).toBe(
      failed("Script evaluated without error but finished with a false/empty top stack element"),
    );
    expect(withWitness(signature.slice(0, -2), publicKey)).toBe(failed("Non-canonical DER signature"));
    expect(withWitness(concatBytes(signature.slice(0, -1), Uint8Array.of(0x04)), publicKey)).toBe(
      failed("Non-canonical DER signature"),
    );
    // r with a zero in front that it does not need (BIP66): 30 len 02 len r...
    const [, length = 0, , lengthOfR = 0] = signature;
    const head = Uint8Array.of(0x30, length + 1, 0x02, lengthOfR + 1, 0x00);
    expect(withWitness(concatBytes(head, signature.slice(4)), publicKey)).toBe(failed("Non-canonical DER signature"));
    tx.setInputScript(0, Uint8Array.of(0x51));
    expect(check(tx, coins)).toBe(failed("Witness requires empty scriptSig"));
  });

  it("refuses a high S", () => {
    const { tx, coins } = signed(key.p2wpkh);
    const [spent] = coins;
    if (spent === undefined) throw new Error("no coin");
    const low = signEcdsa(keyHashDigest(tx, spent, 0, 1), key.privateKey);
    const s = ORDER - BigInt(`0x${encodeHex(low.slice(32))}`);
    const high = concatBytes(low.slice(0, 32), decodeHex(s.toString(16).padStart(64, "0")));
    tx.setWitness(0, [scripts.signature.encode(high, 1), key.publicKey]);
    expect(check(tx, coins)).toBe(failed("Non-canonical signature: S value is unnecessarily high"));
  });

  it("refuses an uncompressed key", () => {
    const long = concatBytes(Uint8Array.of(4), new Uint8Array(64));
    const script = concatBytes(Uint8Array.of(0, 20), hash160(long));
    const { tx } = signed(key.p2wpkh);
    tx.setWitness(0, [tx.ins[0]?.witness[0] ?? new Uint8Array(), long]);
    expect(check(tx, [coin(script)])).toBe(failed("Using non-compressed keys in segwit"));
  });
});

describe("P2TR by its key", () => {
  const failed = (why: string): string => `mandatory-script-verify-flag-failed (${why})`;

  it.each([0x00, 0x01, 0x02, 0x03, 0x81, 0x82, 0x83])("passes with hash type %i", (hashType) => {
    const { tx, coins } = signed(key.p2tr, hashType);
    expect(checkInput(tx, 0, coins)).toBeNull();
  });

  it("commits to the amounts and scripts of all inputs", () => {
    const coins = [coin(key.p2tr), coin(key.p2wpkh, 50_000n, 1)];
    const tx = sign(unsigned(coins, [[key.p2tr, 40_000n]]), coins, key);
    expect([0, 1].map((vin) => checkInput(tx, vin, coins))).toEqual([null, null]);
    const other = [coin(key.p2tr), coin(key.p2wpkh, 50_001n, 1)];
    expect(checkInput(tx, 0, other)).toBe(failed("Invalid Schnorr signature"));
  });

  it("refuses wrong signatures, sizes and hash types", () => {
    const { tx, coins } = signed(key.p2tr);
    const [signature = new Uint8Array()] = tx.ins[0]?.witness ?? [];
    const withWitness = (...witness: Uint8Array[]): string | null => {
      const copy = tx.clone();
      copy.setWitness(0, witness);
      return checkInput(copy, 0, coins);
    };
    expect(withWitness(signature.map((byte, i) => (i === 5 ? byte ^ 1 : byte)))).toBe(
      failed("Invalid Schnorr signature"),
    );
    expect(withWitness()).toBe(failed("Witness program was passed an empty witness"));
    expect(withWitness(signature.slice(1))).toBe(failed("Invalid Schnorr signature size"));
    for (const hashType of [0x00, 0x04, 0x80]) {
      expect(withWitness(concatBytes(signature, Uint8Array.of(hashType)))).toBe(
        failed("Invalid Schnorr signature hash type"),
      );
    }
    expect(withWitness(signature, Uint8Array.of(0x50))).toMatch(/^bad-txns-nonstandard-inputs/);
  });

  it("refuses SIGHASH_SINGLE without its output", () => {
    const coins = [coin(key.p2wpkh), coin(key.p2tr, 50_000n, 1)];
    const tx = unsigned(coins, [[key.p2tr, 40_000n]]);
    tx.setWitness(1, [concatBytes(new Uint8Array(64), Uint8Array.of(0x03))]);
    expect(checkInput(tx, 1, coins)).toBe(failed("Invalid Schnorr signature hash type"));
  });
});

describe("the beacon (N3)", () => {
  const failed = (why: string): string => `mandatory-script-verify-flag-failed (${why})`;
  const nid = concatBytes(Uint8Array.of(0x20), sha256(utf8("n")), Uint8Array.of(0x75));
  const scriptOf = (witness: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(0x00, 0x20), sha256(witness));
  const sweep = (witness: Uint8Array, sequence: number, options: { version?: number; items?: Uint8Array[] } = {}) => {
    const coins = [{ ...coin(scriptOf(witness)), sequence }];
    const tx = unsigned(coins, [[key.p2tr, 40_000n]], { version: options.version ?? 2 });
    tx.setWitness(0, options.items ?? [witness]);
    return checkInput(tx, 0, coins);
  };

  it("is swept by anyone with version 2 and a sequence of at least the delay", () => {
    expect(scriptOf(beaconWitness)).toEqual(beacon);
    expect(sweep(beaconWitness, 10)).toBeNull();
    expect(sweep(beaconWitness, 11)).toBeNull();
    const locked = failed("Locktime requirement not satisfied");
    expect(sweep(beaconWitness, 9)).toBe(locked);
    expect(sweep(beaconWitness, 10, { version: 1 })).toBe(locked);
    expect(sweep(beaconWitness, 0x8000000a)).toBe(locked);
    expect(sweep(beaconWitness, 0x0040000a)).toBe(locked);
    // Only the low 16 bits count, so these are 0 and 10 blocks.
    expect(sweep(beaconWitness, 0x00010000)).toBe(locked);
    expect(sweep(beaconWitness, 0x0001000a)).toBeNull();
  });

  it.each([
    ["02e010b2", 4320],
    ["029000b2", 144],
  ])("reads the delay of other networks: %s", (tail, delay) => {
    const witness = concatBytes(nid, decodeHex(tail));
    expect(sweep(witness, delay)).toBeNull();
    expect(sweep(witness, delay - 1)).toBe(failed("Locktime requirement not satisfied"));
  });

  it("refuses another script, spare items and other forms", () => {
    const other = concatBytes(nid, decodeHex("5ab2"));
    expect(sweep(beaconWitness, 10, { items: [other] })).toBe(failed("Witness program hash mismatch"));
    expect(sweep(beaconWitness, 10, { items: [] })).toBe(failed("Witness program was passed an empty witness"));
    expect(sweep(beaconWitness, 10, { items: [Uint8Array.of(1), beaconWitness] })).toBe(
      failed("Stack size must be exactly one after execution"),
    );
    for (const tail of ["010ab2", "5ab251", "51", "02e010b1", "02e010", "76b2"]) {
      expect(sweep(concatBytes(nid, decodeHex(tail)), 4320)).toMatch(/^bad-txns-nonstandard-inputs/);
    }
    expect(sweep(concatBytes(nid, decodeHex("4fb2")), 10)).toBe(failed("Negative locktime"));
    expect(sweep(concatBytes(nid, decodeHex("00b2")), 10)).toMatch(/false\/empty top stack/);
    // A delay with the disable bit locks nothing (BIP112).
    expect(sweep(concatBytes(nid, decodeHex("050a00008000b2")), 0)).toBeNull();
  });
});
