import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeHex } from "../../src/bytes/hex.js";
import { networks } from "../../src/chain/network.js";
import { parseTransaction } from "../../src/chain/transaction.js";
import { isHawserError } from "../../src/errors.js";
import { parseName } from "../../src/name/name.js";
import { checkSigned } from "../../src/plan/check-signed.js";
import { planRegistration } from "../../src/plan/registration.js";
import { coinsOf, sign, testWallet } from "../unit/plan/coins.js";
import { extractByOracle } from "../unit/plan/oracle.js";
import { numRuns } from "./runs.js";

const own = await testWallet();
const [planned] = planRegistration({
  network: networks.regtest,
  name: parseName("alice"),
  salt: new Uint8Array(8),
  owner: own.p2tr,
  profileHash: new Uint8Array(32),
  coins: [...coinsOf(own.p2tr, [2_500n], "t"), ...coinsOf(own.p2wpkh, [3_900n], "k")],
  changeScript: own.p2tr.script,
  feeRateSatsPerVbyte: 1,
}).transactions;
const [signed = new Uint8Array()] = await sign(own.wallet, [planned]);
const honest = checkSigned(planned, signed);

/** Either a typed refusal, or the planned transaction with signatures that are as good. */
function check(answer: Uint8Array): void {
  try {
    const { raw, txid } = checkSigned(planned, answer);
    expect(txid).toBe(honest.txid);
    const { inputs, ...rest } = parseTransaction(raw);
    const { inputs: honestInputs, ...honestRest } = parseTransaction(honest.raw);
    expect({ ...rest, raw: null }).toEqual({ ...honestRest, raw: null });
    expect(inputs).toEqual(honestInputs);
    expect(encodeHex(raw)).toBe(extractByOracle(planned.psbt, answer, own.p2wpkh.publicKey));
  } catch (error) {
    if (!isHawserError(error)) throw error;
    expect(error.code).toBe("WALLET_ANSWER_INVALID");
  }
}

describe("W9: whatever a wallet returns", () => {
  it("changed bytes give a typed refusal or the planned transaction", () => {
    const change = fc.record({ at: fc.nat(signed.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const answer = signed.slice();
        for (const { at, to } of changes) answer[at] = to;
        check(answer);
      }),
      { numRuns: numRuns * 8 },
    );
  });

  it("cut, lengthened or random bytes are refused with a type", () => {
    fc.assert(
      fc.property(fc.nat(signed.length), fc.uint8Array({ maxLength: 64 }), (cut, tail) => {
        check(Uint8Array.from([...signed.subarray(0, cut), ...tail]));
        check(Uint8Array.from([0x70, 0x73, 0x62, 0x74, 0xff, ...tail]));
        check(tail);
      }),
      { numRuns: numRuns * 4 },
    );
  });
});
