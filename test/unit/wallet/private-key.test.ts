import { Psbt } from "bitcoinjs-lib/src/psbt";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeHex } from "../../../src/bytes/hex.js";
import { type NetworkId, networks } from "../../../src/chain/network.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { verifySchnorr } from "../../../src/crypto/schnorr.js";
import { checkSigned } from "../../../src/plan/check-signed.js";
import type { PlannedTransaction } from "../../../src/plan/psbt.js";
import { planUpdate } from "../../../src/plan/update.js";
import {
  createPrivateKey,
  decodeKeyFile,
  encodeKeyFile,
  privateKeySigner,
  privateKeyWallet,
} from "../../../src/wallet/private-key.js";
import { coinsOf, payingTransaction, regtest, seededRandom, sign, type TestWallet, testWallet } from "../plan/coins.js";
import { rebuild } from "../plan/oracle.js";
import { encodeBase58Check } from "./encode-base58.js";

const key = (last: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, index) => (index === 31 ? last : 0));
const keyInvalid = expect.objectContaining({ code: "INPUT_KEY_INVALID" });
const random = seededRandom("private-key");

let own: TestWallet;
let keyHash: PlannedTransaction;
let taproot: PlannedTransaction;
beforeAll(async () => {
  own = await testWallet();
  const plan = (kind: "p2wpkh" | "p2tr") => {
    const [seal] = coinsOf(own[kind], [9_000n]);
    if (seal === undefined) throw new Error("expected a coin");
    const terms = { network: regtest, kind: "update", name: "alice", profileHash: new Uint8Array(32) } as const;
    return planUpdate({ ...terms, seal, feeRateSatsPerVbyte: 1 }).transactions[0];
  };
  keyHash = plan("p2wpkh");
  taproot = plan("p2tr");
});

describe("privateKeyWallet", () => {
  it("has the addresses of BIP86 and BIP84's kind, P2TR first", async () => {
    // The key 1: its public key is the curve's generator, known from BIP173 and BIP350.
    const wallet = privateKeyWallet({ privateKey: key(1), network: "mainnet", random });
    expect(wallet.addresses).toEqual([
      "bc1pmfr3p9j00pfxjh0zmgp99y8zftmd3s5pmedqhyptwy6lm87hf5sspknck9",
      "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    ]);
    expect((await wallet.accounts()).map(({ kind }) => kind)).toEqual(["p2tr", "p2wpkh"]);
  });

  it("has the kinds that are asked for, in that order", async () => {
    const options = { privateKey: key(1), network: "regtest", random } as const;
    const one = privateKeyWallet({ ...options, kinds: ["p2wpkh"] });
    expect(one.addresses).toEqual(["bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"]);
    const two = privateKeyWallet({ ...options, kinds: ["p2wpkh", "p2tr"] });
    expect((await two.accounts()).map(({ kind }) => kind)).toEqual(["p2wpkh", "p2tr"]);
  });

  it("keeps its own copy of the key", async () => {
    const privateKey = own.privateKey.slice();
    const wallet = privateKeyWallet({ privateKey, network: "regtest", random });
    privateKey.fill(7);
    const [signed = new Uint8Array()] = await sign(wallet, [taproot]);
    expect(checkSigned(taproot, signed).txid).toBe(taproot.txid);
  });

  it("refuses keys and networks that are none", () => {
    const n = Uint8Array.from(Buffer.from("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", "hex"));
    for (const privateKey of [key(0), n, new Uint8Array(31), "00" as unknown as Uint8Array]) {
      expect(() => privateKeyWallet({ privateKey, network: "regtest", random })).toThrow(keyInvalid);
      expect(() => privateKeySigner({ privateKey, random })).toThrow(keyInvalid);
    }
    expect(() => privateKeyWallet({ privateKey: key(1), network: "moon" as NetworkId, random })).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID" }),
    );
  });

  it("answers in the order of the requests", async () => {
    const signed = await sign(own.wallet, [taproot, keyHash]);
    expect(signed.map((psbt, index) => checkSigned([taproot, keyHash][index] ?? taproot, psbt).txid)).toEqual([
      taproot.txid,
      keyHash.txid,
    ]);
  });

  const signing = (psbt: Uint8Array, inputs: readonly number[] = [0]) =>
    own.wallet.signPsbts([{ psbt, inputs, description: "" }]);
  const refused = (reason: RegExp) => ({
    code: "WALLET_REFUSED",
    details: { reason: expect.stringMatching(reason) as string },
  });

  it("signs only inputs of its own that it is asked for", async () => {
    const stranger = await testWallet("stranger");
    await expect(sign(stranger.wallet, [taproot])).rejects.toMatchObject(refused(/input 0 is not of this wallet/));
    await expect(signing(taproot.psbt, [1])).rejects.toMatchObject(refused(/no input 1/));
    expect(await signing(taproot.psbt, [])).toEqual([taproot.psbt]);
    await expect(signing(new Uint8Array(5))).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it("W9: signs with no sighash type but ALL and DEFAULT", async () => {
    for (const [planned, allowed] of [
      [taproot, [0, 1]],
      [keyHash, [1]],
    ] as const) {
      for (const sighashType of [0, 1, 2, 3, 0x81]) {
        const asking = Psbt.fromBuffer(planned.psbt);
        for (const input of asking.data.inputs) input.sighashType = sighashType;
        const psbt = asking.toBuffer();
        if ((allowed as readonly number[]).includes(sighashType)) {
          const [signed = new Uint8Array()] = await signing(psbt);
          expect(checkSigned(planned, signed).txid).toBe(planned.txid);
        } else {
          await expect(signing(psbt)).rejects.toMatchObject(refused(/sighash type/));
        }
      }
    }
  });

  it("refuses inputs that are signed already or say too little", async () => {
    for (const planned of [taproot, keyHash]) {
      const [signed = new Uint8Array()] = await sign(own.wallet, [planned]);
      await expect(signing(signed)).rejects.toMatchObject(refused(/signed already/));
      const final = Psbt.fromBuffer(signed).finalizeAllInputs().toBuffer();
      await expect(signing(final)).rejects.toMatchObject(refused(/signed already/));
      const withScriptSig = Psbt.fromBuffer(planned.psbt);
      withScriptSig.data.updateInput(0, { finalScriptSig: Uint8Array.of(0x51) });
      await expect(signing(withScriptSig.toBuffer())).rejects.toMatchObject(refused(/signed already/));
    }
    const bare = rebuild(taproot, (parts) => {
      parts.inputs = parts.inputs.map(({ hash, index }) => ({ hash, index }));
    });
    await expect(signing(bare)).rejects.toMatchObject(refused(/no witnessUtxo/));
    for (const [planned, { script }] of [
      [taproot, own.p2tr],
      [keyHash, own.p2wpkh],
    ] as const) {
      const negative = Psbt.fromBuffer(planned.psbt);
      for (const input of negative.data.inputs) {
        input.witnessUtxo = { script, value: -1n };
        delete input.nonWitnessUtxo;
      }
      await expect(signing(negative.toBuffer())).rejects.toMatchObject(refused(/negative/));
    }
  });

  it("refuses a nonWitnessUtxo that does not prove the value", async () => {
    const previous = (valueSats: bigint) => payingTransaction([{ script: own.p2wpkh.script, valueSats }]);
    const lie = (change: { value?: bigint; nonWitnessUtxo?: Uint8Array; script?: Uint8Array }) =>
      rebuild(keyHash, (parts) => {
        parts.inputs = parts.inputs.map((input) => ({
          ...input,
          nonWitnessUtxo: change.nonWitnessUtxo ?? previous(9_000n).raw,
          witnessUtxo: { script: change.script ?? own.p2wpkh.script, value: change.value ?? 9_000n },
        }));
      });
    await expect(signing(lie({}))).resolves.toHaveLength(1);
    await expect(signing(lie({ value: 8_000n }))).rejects.toMatchObject(refused(/does not fit/));
    await expect(signing(lie({ script: own.p2tr.script }))).rejects.toMatchObject(refused(/does not fit/));
    await expect(signing(lie({ value: 8_000n, nonWitnessUtxo: previous(8_000n).raw }))).rejects.toMatchObject(
      refused(/does not fit/),
    );
  });
});

describe("privateKeySigner", () => {
  it("signs records with BIP340 under a key of its own", async () => {
    const signer = privateKeySigner({ privateKey: own.privateKey, random });
    const digest = sha256(Uint8Array.of(1));
    const first = await signer.sign(digest);
    expect(verifySchnorr(first, digest, signer.publicKey)).toBe(true);
    expect(await signer.sign(digest)).not.toEqual(first);
    const keys = [own.p2tr.publicKey, own.p2tr.script.subarray(2), own.p2wpkh.publicKey.subarray(1)];
    for (const spending of keys) expect(encodeHex(signer.publicKey)).not.toBe(encodeHex(spending));
  });

  it("has the same key in every version of the library", () => {
    expect(encodeHex(privateKeySigner({ privateKey: key(1), random }).publicKey)).toBe(
      "3211bde8db336df1b13bcdb2950aaf3ded0f4066b33a68e2e2be1f6888b15858",
    );
  });
});

describe("createPrivateKey", () => {
  it("takes the first candidate that is a key", () => {
    const candidates = [key(0), new Uint8Array(32).fill(0xff), key(5)];
    const scripted = { bytes: () => candidates.shift() ?? key(9) };
    expect(createPrivateKey(scripted)).toEqual(key(5));
  });
});

describe("key files", () => {
  // The key 1 in WIF, as wallets export it.
  const wif = "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn";
  const testWif = "cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA";
  const uncompressedWif = "5HpHagT65TZzG1PH3CSu63k8DbpvD8s5ip4nEB3kEsreAnchuDf";

  it("give the key back on the network that they name", () => {
    for (const id of Object.keys(networks) as NetworkId[]) {
      const text = encodeKeyFile({ privateKey: own.privateKey, network: id });
      expect(text).toBe(`{"hawserKey":1,"network":"${id}","privateKey":"${encodeHex(own.privateKey)}"}\n`);
      expect(decodeKeyFile(text, id)).toEqual(own.privateKey);
      for (const other of Object.keys(networks) as NetworkId[]) {
        if (other !== id) expect(() => decodeKeyFile(text, other)).toThrow(keyInvalid);
      }
    }
    expect(() => encodeKeyFile({ privateKey: key(0), network: "regtest" })).toThrow(keyInvalid);
  });

  it("may be a bare WIF of the network's class", () => {
    expect(decodeKeyFile(` ${wif}\n`, "mainnet")).toEqual(key(1));
    for (const id of ["testnet4", "signet", "regtest"] as const) {
      expect(decodeKeyFile(testWif, id)).toEqual(key(1));
      expect(() => decodeKeyFile(wif, id)).toThrow(keyInvalid);
    }
    expect(() => decodeKeyFile(testWif, "mainnet")).toThrow(keyInvalid);
  });

  it.each([
    ["nothing", ""],
    ["an uncompressed WIF", uncompressedWif],
    ["a WIF that ends otherwise", encodeBase58Check(Uint8Array.of(0x80, ...key(1), 2))],
    ["a WIF that is too long", encodeBase58Check(Uint8Array.of(0x80, ...key(1), 1, 0))],
    ["a WIF with a wrong checksum", `${wif.slice(0, -1)}m`],
    ["a WIF with a character that is none of Base58", wif.replace("K", "0")],
    ["a long text", "1".repeat(10_000)],
    ["an address", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"],
    ["no JSON", '{"hawserKey":1'],
    ["another version", '{"hawserKey":2,"network":"mainnet","privateKey":"KEY"}'],
    ["no version", '{"network":"mainnet","privateKey":"KEY"}'],
    ["an unknown member", '{"hawserKey":1,"network":"mainnet","privateKey":"KEY","more":1}'],
    ["a duplicate member", '{"hawserKey":1,"network":"mainnet","network":"mainnet","privateKey":"KEY"}'],
    ["no network", '{"hawserKey":1,"privateKey":"KEY"}'],
    ["a short key", '{"hawserKey":1,"network":"mainnet","privateKey":"00"}'],
    ["an upper-case key", '{"hawserKey":1,"network":"mainnet","privateKey":"KEYA"}'],
    ["the key zero", `{"hawserKey":1,"network":"mainnet","privateKey":"${"00".repeat(32)}"}`],
  ])("refuse %s, and never show the text", (_, text) => {
    const secret = "ab".repeat(32);
    const filled = text.replace("KEYA", secret.toUpperCase()).replace("KEY", secret);
    let thrown: unknown;
    try {
      decodeKeyFile(filled, "mainnet");
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toEqual(keyInvalid);
    const shown = JSON.stringify(thrown).toLowerCase() + String((thrown as Error).stack).toLowerCase();
    expect(shown).not.toContain(secret);
    if (filled.length > 20) expect(shown).not.toContain(filled.slice(-20).toLowerCase());
  });

  it("accept the text of the tests above when it is whole", () => {
    const secret = "ab".repeat(32);
    const text = `{"hawserKey":1,"network":"mainnet","privateKey":"${secret}"}`;
    expect(encodeHex(decodeKeyFile(text, "mainnet"))).toBe(secret);
  });
});
