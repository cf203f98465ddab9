import { readFileSync } from "node:fs";
import { Psbt } from "bitcoinjs-lib/src/psbt";
import { describe, expect, it } from "vitest";
import { decodeBase64 } from "../../src/bytes/base64.js";
import { encodeHex } from "../../src/bytes/hex.js";
import { isHawserError } from "../../src/errors.js";
import { parseName } from "../../src/name/name.js";
import { checkSigned } from "../../src/plan/check-signed.js";
import { planRegistration } from "../../src/plan/registration.js";
import { coinsOf, regtest, testWallet } from "../unit/plan/coins.js";
import { compareParsers } from "../unit/plan/oracle.js";
import { hasSharedVectors, sharedVectors } from "./shared.js";

interface Vectors {
  readonly bip174: {
    readonly invalid: readonly { readonly description: string; readonly psbt: string }[];
    readonly valid: readonly { readonly description: string; readonly psbt: string }[];
    readonly failSignChecks: readonly { readonly description: string; readonly psbt: string }[];
  };
  readonly finalizeAllInputs: readonly { readonly type: string; readonly psbt: string; readonly result: string }[];
}

const load = (): Vectors => JSON.parse(readFileSync(`${sharedVectors}bitcoinjs-lib/psbt.json`, "utf8")) as Vectors;
const bytesOf = (base64: string): Uint8Array => decodeBase64(base64) ?? new Uint8Array();

describe.skipIf(!hasSharedVectors())("bitcoinjs-lib PSBT vectors", () => {
  it("W9: none of them is an answer to our request", async () => {
    const { p2tr } = await testWallet();
    const [planned] = planRegistration({
      network: regtest,
      name: parseName("alice"),
      salt: new Uint8Array(8),
      owner: p2tr,
      profileHash: new Uint8Array(32),
      coins: coinsOf(p2tr, [50_000n]),
      changeScript: p2tr.script,
      feeRateSatsPerVbyte: 1,
    }).transactions;
    const { invalid, valid, failSignChecks } = load().bip174;
    expect(invalid.length + valid.length + failSignChecks.length).toBeGreaterThan(20);
    for (const { description, psbt } of [...invalid, ...valid, ...failSignChecks]) {
      let thrown: unknown;
      try {
        checkSigned(planned, bytesOf(psbt));
      } catch (error) {
        thrown = error;
      }
      expect(isHawserError(thrown, "WALLET_ANSWER_INVALID"), description).toBe(true);
    }
  });

  it("BIP174: what is invalid is refused, and what is valid is what bitcoinjs-lib reads", () => {
    const { invalid, valid, failSignChecks } = load().bip174;
    expect(invalid.map(({ psbt }) => compareParsers(bytesOf(psbt)))).toEqual(invalid.map(() => "refused"));
    const outcomes = [...valid, ...failSignChecks].map(({ psbt }) => compareParsers(bytesOf(psbt)));
    expect(outcomes.filter((outcome) => outcome === "refused")).toEqual([]);
    expect(outcomes.filter((outcome) => outcome === "accepted").length).toBeGreaterThan(8);
  });

  it("every other PSBT in the file is what bitcoinjs-lib reads", () => {
    const psbts = new Set<string>();
    JSON.stringify(load(), (_, value: unknown) => {
      if (typeof value === "string" && value.startsWith("cHNidP")) psbts.add(value);
      return value;
    });
    const outcomes = [...psbts].map((psbt) => compareParsers(bytesOf(psbt)));
    expect(outcomes.filter((outcome) => outcome === "accepted").length).toBeGreaterThan(50);
  });

  it("a P2WPKH input signed by another implementation gives the transaction that it gives there", () => {
    const vector = load().finalizeAllInputs.find(({ type }) => type === "P2WPKH");
    if (vector === undefined) throw new Error("expected the vector");
    const request = { psbt: bytesOf(vector.psbt) };
    const expected = Psbt.fromBase64(vector.result).extractTransaction(true).toHex();
    for (const answer of [vector.psbt, vector.result]) {
      const checked = checkSigned(request, bytesOf(answer), { maxFeeRateSatsPerVbyte: 1_000_000 });
      expect(encodeHex(checked.raw)).toBe(expected);
    }
  });
});
