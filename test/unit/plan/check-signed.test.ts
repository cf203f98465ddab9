import { Psbt } from "bitcoinjs-lib/src/psbt";
import { decode, encode } from "bitcoinjs-lib/src/script_signature";
import { beforeAll, describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { parseName } from "../../../src/name/name.js";
import { checkSigned } from "../../../src/plan/check-signed.js";
import type { PlannedTransaction } from "../../../src/plan/psbt.js";
import { planRegistration } from "../../../src/plan/registration.js";
import { coinsOf, regtest, sign, type TestWallet, testWallet } from "./coins.js";
import { type PsbtParts, rebuild, signByOracle } from "./oracle.js";

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const SINGLE = 3;
const NONE = 2;
const ALL = 1;
const ANYONE_CAN_PAY = 0x80;
type Input = Psbt["data"]["inputs"][number];

let own: TestWallet;
/** vin 0 and 1 P2TR, vin 2 P2WPKH. */
let mixed: PlannedTransaction;
let register: PlannedTransaction;
let keyHash: PlannedTransaction;
let taproot: PlannedTransaction;

beforeAll(async () => {
  own = await testWallet();
  const plan = (coins: ReturnType<typeof coinsOf>) =>
    planRegistration({
      network: regtest,
      name: parseName("alice"),
      salt: new Uint8Array(8),
      owner: own.p2tr,
      profileHash: new Uint8Array(32),
      coins,
      changeScript: own.p2wpkh.script,
      feeRateSatsPerVbyte: 1,
    }).transactions;
  mixed = plan([...coinsOf(own.p2tr, [2_000n, 2_500n]), ...coinsOf(own.p2wpkh, [1_900n], "b")])[0];
  [taproot, register] = plan(coinsOf(own.p2tr, [50_000n]));
  keyHash = plan(coinsOf(own.p2wpkh, [50_000n]))[0];
});

const signOne = async (planned: PlannedTransaction): Promise<Uint8Array> =>
  (await sign(own.wallet, [planned]))[0] ?? new Uint8Array();

const refused = (reason: RegExp) =>
  expect.objectContaining({
    code: "WALLET_ANSWER_INVALID",
    details: { reason: expect.stringMatching(reason) as string },
  });

/** The wallet's answer with one input changed. */
async function answerWith(planned: PlannedTransaction, index: number, change: (input: Input) => void) {
  const psbt = Psbt.fromBuffer(await signOne(planned));
  const input = psbt.data.inputs[index];
  if (input === undefined) throw new Error("expected an input");
  change(input);
  return psbt.toBuffer();
}

const witnessBytes = (...items: readonly Uint8Array[]): Uint8Array =>
  concatBytes(Uint8Array.of(items.length), ...items.map((item) => concatBytes(Uint8Array.of(item.length), item)));

/** The items that a finalised input would have. */
function itemsOf({ tapKeySig, partialSig }: Input): Uint8Array[] {
  const [partial] = partialSig ?? [];
  if (tapKeySig !== undefined) return [tapKeySig];
  return partial === undefined ? [] : [partial.signature, partial.pubkey];
}

function setWitness(input: Input, bytes: Uint8Array): void {
  delete input.tapKeySig;
  delete input.partialSig;
  input.finalScriptWitness = bytes;
}

describe("checkSigned accepts", () => {
  it("what our wallet and bitcoinjs-lib sign, with the same txid and size", async () => {
    for (const planned of [mixed, register, keyHash, taproot]) {
      const ours = checkSigned(planned, await signOne(planned));
      const oracle = signByOracle(planned, own.privateKey);
      const theirs = checkSigned(planned, oracle.toBuffer());
      expect([ours.txid, theirs.txid]).toEqual([planned.txid, planned.txid]);
      expect([ours.feeSats, theirs.feeSats]).toEqual([planned.feeSats, planned.feeSats]);
      // What bitcoinjs-lib would send is what we send.
      const extracted = oracle.finalizeAllInputs().extractTransaction();
      expect(encodeHex(theirs.raw)).toBe(extracted.toHex());
    }
  });

  it("a finalised answer", async () => {
    for (const planned of [mixed, register]) {
      const psbt = Psbt.fromBuffer(await signOne(planned)).finalizeAllInputs();
      expect(encodeHex(checkSigned(planned, psbt.toBuffer()).raw)).toBe(psbt.extractTransaction().toHex());
    }
  });

  it("an explicit ALL on P2TR", () => {
    const psbt = signByOracle(taproot, own.privateKey, ALL);
    expect(psbt.data.inputs[0]?.tapKeySig).toHaveLength(65);
    expect(checkSigned(taproot, psbt.toBuffer()).txid).toBe(taproot.txid);
  });

  it("nothing from the wallet but signatures: its witnessUtxo is not read", async () => {
    const answer = await answerWith(keyHash, 0, (input) => {
      if (input.witnessUtxo !== undefined) input.witnessUtxo = { ...input.witnessUtxo, value: 1n };
    });
    expect(checkSigned(keyHash, answer).feeSats).toBe(keyHash.feeSats);
  });
});

describe("W9: checkSigned refuses a changed transaction", () => {
  const other = Uint8Array.from([0x00, 20, ...new Array<number>(20).fill(1)]);
  const first = <T>(list: readonly T[]): T => {
    const [item] = list;
    if (item === undefined) throw new Error("expected an item");
    return item;
  };

  it.each<[string, RegExp, (parts: PsbtParts) => void]>([
    [
      "another version",
      /version/,
      (parts) => {
        parts.version = 1;
      },
    ],
    [
      "another lock time",
      /lock time/,
      (parts) => {
        parts.lockTime = 1;
      },
    ],
    [
      "another sequence",
      /sequence of input 2/,
      (parts) => {
        parts.inputs = parts.inputs.map((input, index) => (index === 2 ? { ...input, sequence: 0xffffffff } : input));
      },
    ],
    [
      "swapped inputs",
      /input 0 was changed/,
      (parts) => {
        parts.inputs.reverse();
      },
    ],
    [
      "another vout as vin 0",
      /input 0 was changed/,
      (parts) => {
        parts.inputs[0] = { ...first(parts.inputs), index: 7 };
      },
    ],
    [
      "a removed input",
      /inputs were added or removed/,
      (parts) => {
        parts.inputs.pop();
      },
    ],
    [
      "an added input",
      /inputs were added or removed/,
      (parts) => {
        parts.inputs.push({ ...first(parts.inputs), index: 7 });
      },
    ],
    [
      "another value",
      /output 1 was changed/,
      (parts) => {
        parts.outputs = parts.outputs.map(({ script, value }, index) => ({
          script,
          value: index === 1 ? value - 1n : value,
        }));
      },
    ],
    [
      "another script",
      /output 0 was changed/,
      (parts) => {
        parts.outputs[0] = { ...first(parts.outputs), script: other };
      },
    ],
    [
      "a removed output",
      /outputs were added or removed/,
      (parts) => {
        parts.outputs.pop();
      },
    ],
    [
      "an added output",
      /outputs were added or removed/,
      (parts) => {
        parts.outputs.push({ script: other, value: 1n });
      },
    ],
  ])("%s", async (_, reason, change) => {
    const changed = rebuild(mixed, change);
    const inputs = Psbt.fromBuffer(changed).data.inputs.map((_input, index) => index);
    const [signed = new Uint8Array()] = await own.wallet.signPsbts([{ psbt: changed, inputs, description: "" }]);
    expect(() => checkSigned(mixed, signed)).toThrow(refused(reason));
  });

  it("C5: a REGISTER without its nSequence", async () => {
    const psbt = rebuild(register, (parts) => {
      parts.inputs = parts.inputs.map((input) => ({ ...input, sequence: 0 }));
    });
    const [signed = new Uint8Array()] = await own.wallet.signPsbts([{ psbt, inputs: [0], description: "" }]);
    expect(() => checkSigned(register, signed)).toThrow(refused(/sequence of input 0/));
  });

  it("another planned transaction", async () => {
    const signed = await signOne(keyHash);
    expect(() => checkSigned(taproot, signed)).toThrow(refused(/input 0 was changed/));
  });
});

describe("W9: checkSigned refuses a signature that does not cover everything", () => {
  it.each([SINGLE, NONE, ALL | ANYONE_CAN_PAY, SINGLE | ANYONE_CAN_PAY, NONE | ANYONE_CAN_PAY])(
    "sighash type %s",
    (sighashType) => {
      for (const planned of [keyHash, taproot]) {
        const psbt = signByOracle(planned, own.privateKey, sighashType);
        expect(() => checkSigned(planned, psbt.toBuffer())).toThrow(refused(/sighash type/));
        expect(() => checkSigned(planned, psbt.finalizeAllInputs().toBuffer())).toThrow(refused(/sighash type/));
      }
    },
  );

  it("BIP341: DEFAULT written as a byte, or a longer signature", async () => {
    for (const suffix of [[0], [1, 1]]) {
      const answer = await answerWith(taproot, 0, (input) => {
        setWitness(input, witnessBytes(concatBytes(input.tapKeySig ?? new Uint8Array(), Uint8Array.from(suffix))));
      });
      expect(() => checkSigned(taproot, answer)).toThrow(refused(/sighash type/));
    }
  });

  it("a DEFAULT signature that is shown as ALL", async () => {
    const answer = await answerWith(taproot, 0, (input) => {
      input.tapKeySig = concatBytes(input.tapKeySig ?? new Uint8Array(), Uint8Array.of(ALL));
    });
    expect(() => checkSigned(taproot, answer)).toThrow(refused(/signed wrongly/));
  });
});

describe("W9: checkSigned refuses a missing or wrong signature", () => {
  it("no signature on any or on one input", async () => {
    expect(() => checkSigned(mixed, mixed.psbt)).toThrow(refused(/input 0 is not signed/));
    for (const index of [1, 2]) {
      const answer = await answerWith(mixed, index, (input) => {
        delete input.tapKeySig;
        delete input.partialSig;
      });
      expect(() => checkSigned(mixed, answer)).toThrow(refused(new RegExp(`input ${index} is not signed`)));
    }
  });

  it("a changed bit", async () => {
    for (const at of [0, 40]) {
      const flip = (bytes: Uint8Array) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
      const badTaproot = await answerWith(taproot, 0, (input) => {
        input.tapKeySig = flip(input.tapKeySig ?? new Uint8Array());
      });
      expect(() => checkSigned(taproot, badTaproot)).toThrow(refused(/input 0 is signed wrongly/));
      const badKeyHash = await answerWith(keyHash, 0, (input) => {
        const [signature = new Uint8Array(), publicKey = new Uint8Array()] = itemsOf(input);
        setWitness(input, witnessBytes(flip(signature), publicKey));
      });
      expect(() => checkSigned(keyHash, badKeyHash)).toThrow(refused(/input 0 is signed wrongly/));
    }
  });

  it("a short signature", async () => {
    const answer = await answerWith(taproot, 0, (input) => {
      setWitness(input, witnessBytes(new Uint8Array(63)));
    });
    expect(() => checkSigned(taproot, answer)).toThrow(refused(/sighash type/));
  });

  it("another key's signature", async () => {
    const stranger = await testWallet("stranger");
    const psbt = signByOracle(keyHash, own.privateKey);
    const [partial] = psbt.data.inputs[0]?.partialSig ?? [];
    if (partial === undefined) throw new Error("expected a signature");
    const pubkey = stranger.p2wpkh.publicKey;
    const notFinal = await answerWith(keyHash, 0, (input) => {
      input.partialSig = [{ signature: partial.signature, pubkey }];
    });
    expect(() => checkSigned(keyHash, notFinal)).toThrow(refused(/not signed/));
    const final = await answerWith(keyHash, 0, (input) => {
      setWitness(input, witnessBytes(partial.signature, pubkey));
    });
    expect(() => checkSigned(keyHash, final)).toThrow(refused(/not a signature and the output's public key/));
  });

  it("a signature over another value", async () => {
    for (const planned of [keyHash, taproot]) {
      const psbt = rebuild(planned, (parts) => {
        parts.inputs = parts.inputs.map(({ hash, index, sequence = 0, witnessUtxo }) => ({
          hash,
          index,
          sequence,
          ...(witnessUtxo === undefined ? {} : { witnessUtxo: { ...witnessUtxo, value: witnessUtxo.value + 1n } }),
        }));
      });
      const [signed = new Uint8Array()] = await own.wallet.signPsbts([{ psbt, inputs: [0], description: "" }]);
      expect(() => checkSigned(planned, signed)).toThrow(refused(/signed wrongly/));
    }
  });

  it("BIP146: a high S", async () => {
    const answer = await answerWith(keyHash, 0, (input) => {
      const [partial] = input.partialSig ?? [];
      if (partial === undefined) throw new Error("expected a signature");
      const { signature } = decode(partial.signature);
      const s = ORDER - BigInt(`0x${encodeHex(signature.subarray(32))}`);
      const high = Uint8Array.from(Buffer.from(s.toString(16).padStart(64, "0"), "hex"));
      input.partialSig = [{ ...partial, signature: encode(concatBytes(signature.subarray(0, 32), high), ALL) }];
    });
    expect(() => checkSigned(keyHash, answer)).toThrow(refused(/signed wrongly/));
  });

  it("a signature that is not DER", async () => {
    const answer = await answerWith(keyHash, 0, (input) => {
      const [, publicKey = new Uint8Array()] = itemsOf(input);
      setWitness(input, witnessBytes(Uint8Array.of(1, 2, 3, ALL), publicKey));
    });
    expect(() => checkSigned(keyHash, answer)).toThrow(refused(/signed wrongly/));
  });

  it("a witness with more items, such as an annex, or none", async () => {
    const extra = Uint8Array.of(0x50);
    for (const planned of [keyHash, taproot]) {
      const more = await answerWith(planned, 0, (input) => {
        setWitness(input, witnessBytes(...itemsOf(input), extra));
      });
      expect(() => checkSigned(planned, more)).toThrow(refused(/witness that is not/));
      const none = await answerWith(planned, 0, (input) => {
        setWitness(input, witnessBytes());
      });
      expect(() => checkSigned(planned, none)).toThrow(refused(/not signed/));
    }
  });

  it("a malformed witness", async () => {
    for (const change of [
      (bytes: Uint8Array) => bytes.subarray(0, -1),
      (bytes: Uint8Array) => concatBytes(bytes, Uint8Array.of(0)),
    ]) {
      const answer = await answerWith(taproot, 0, (input) => {
        setWitness(input, change(witnessBytes(...itemsOf(input))));
      });
      expect(() => checkSigned(taproot, answer)).toThrow(refused(/malformed witness/));
    }
  });

  it("a scriptSig", async () => {
    const answer = await answerWith(taproot, 0, (input) => {
      setWitness(input, witnessBytes(...itemsOf(input)));
      input.finalScriptSig = Uint8Array.of(0x51);
    });
    expect(() => checkSigned(taproot, answer)).toThrow(refused(/scriptSig/));
  });
});

describe("checkSigned", () => {
  it("refuses what is no PSBT, or too large", async () => {
    const signed = await signOne(taproot);
    for (const bytes of [new Uint8Array(), signed.subarray(0, -1), signed.subarray(1), taproot.transaction.raw]) {
      expect(() => checkSigned(taproot, bytes)).toThrow(refused(/not a PSBT/));
    }
    expect(() => checkSigned(taproot, new Uint8Array(4_000_001))).toThrow(refused(/larger/));
  });

  it("W9: asks the fee guards again", async () => {
    const signed = await signOne(taproot);
    const tooHigh = expect.objectContaining({ code: "INPUT_FEE_TOO_HIGH" });
    expect(() => checkSigned(taproot, signed, { maxFeeSats: taproot.feeSats })).not.toThrow();
    expect(() => checkSigned(taproot, signed, { maxFeeSats: taproot.feeSats - 1n })).toThrow(tooHigh);
    const dear = rebuild(taproot, (parts) => {
      parts.outputs = parts.outputs.slice(0, 1);
    });
    const [signedDear = new Uint8Array()] = await own.wallet.signPsbts([{ psbt: dear, inputs: [0], description: "" }]);
    expect(() => checkSigned({ psbt: dear }, signedDear)).not.toThrow();
    expect(() => checkSigned({ psbt: dear }, signedDear, { maxFeeRateSatsPerVbyte: 100 })).toThrow(tooHigh);
  });

  it("refuses a request that this library did not make", async () => {
    const signed = await signOne(taproot);
    const invalid = expect.objectContaining({ code: "INPUT_INVALID" });
    expect(() => checkSigned({ psbt: new Uint8Array(9) }, signed)).toThrow(invalid);
    const noUtxo = rebuild(taproot, (parts) => {
      parts.inputs = parts.inputs.map(({ hash, index, sequence }) => ({ hash, index, sequence: sequence ?? 0 }));
    });
    expect(() => checkSigned({ psbt: noUtxo }, signed)).toThrow(invalid);
    const scriptHash = rebuild(keyHash, (parts) => {
      const script = Uint8Array.of(0x00, 32, ...new Uint8Array(32));
      parts.inputs = parts.inputs.map(({ hash, index }) => ({ hash, index, witnessUtxo: { script, value: 50_000n } }));
    });
    expect(() => checkSigned({ psbt: scriptHash }, scriptHash)).toThrow(invalid);
    const tooMuch = rebuild(taproot, (parts) => {
      parts.outputs.push({ script: own.p2tr.script, value: taproot.feeSats + 1n });
    });
    expect(() => checkSigned({ psbt: tooMuch }, tooMuch)).toThrow(invalid);
    const negative = Psbt.fromBuffer(taproot.psbt);
    for (const input of negative.data.inputs) input.witnessUtxo = { script: own.p2tr.script, value: -1n };
    expect(() => checkSigned({ psbt: negative.toBuffer() }, signed)).toThrow(invalid);
  });
});
