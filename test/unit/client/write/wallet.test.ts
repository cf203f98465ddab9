import { Psbt } from "bitcoinjs-lib/src/psbt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { decodeHex } from "../../../../src/bytes/hex.js";
import { HawserError } from "../../../../src/errors.js";
import type { SignRequest, Wallet } from "../../../../src/ports.js";
import type { Writer } from "../../../../src/writer.js";
import { type Author, Recorder, WriteWorld } from "./world.js";

let world: WriteWorld;

beforeAll(async () => {
  world = await WriteWorld.start();
  world.mineOnPoll();
});
afterAll(() => world.devnet.close());

interface Parts {
  readonly inputs: { hash: Uint8Array; index: number; sequence: number }[];
  readonly outputs: { script: Uint8Array; value: bigint }[];
}

/** The same PSBT, unsigned, with something changed in its transaction. */
function changed(psbt: Uint8Array, change: (parts: Parts) => void): Uint8Array {
  const from = Psbt.fromBuffer(psbt);
  const parts: Parts = {
    inputs: from.txInputs.map(({ hash, index, sequence }) => ({ hash: hash.slice(), index, sequence: sequence ?? 0 })),
    outputs: from.txOutputs.map(({ script, value }) => ({ script: script.slice(), value })),
  };
  change(parts);
  const to = new Psbt();
  to.setVersion(from.version);
  for (const [i, input] of parts.inputs.entries()) {
    const { witnessUtxo, tapInternalKey } = from.data.inputs[i] ?? {};
    to.addInput({
      ...input,
      ...(witnessUtxo === undefined ? {} : { witnessUtxo }),
      ...(tapInternalKey === undefined ? {} : { tapInternalKey }),
    });
  }
  for (const output of parts.outputs) to.addOutput(output);
  return to.toBuffer();
}

/** Another sighash byte behind each signature. */
function withSighash(psbt: Uint8Array, byte: number): Uint8Array {
  const signed = Psbt.fromBuffer(psbt);
  for (const input of signed.data.inputs) {
    if (input.tapKeySig !== undefined) input.tapKeySig = Uint8Array.of(...input.tapKeySig.subarray(0, 64), byte);
  }
  return signed.toBuffer();
}

type Answer = (wallet: Wallet, requests: readonly SignRequest[]) => unknown;

const signing =
  (change: (parts: Parts) => void): Answer =>
  (wallet, requests) =>
    wallet.signPsbts(requests.map((request) => ({ ...request, psbt: changed(request.psbt, change) })));

const wrongAnswers: readonly (readonly [string, Answer])[] = [
  [
    "another value in the last output",
    signing(({ outputs }) =>
      outputs.forEach((output, i) => {
        if (i === outputs.length - 1) output.value -= 1n;
      }),
    ),
  ],
  ["another script in output 1", signing(({ outputs }) => outputs[1]?.script.set([0xff], 10))],
  [
    "an output more",
    signing(({ outputs }) => outputs.push({ script: decodeHex(`0014${"11".repeat(20)}`), value: 1n })),
  ],
  ["an output less", signing(({ outputs }) => outputs.pop())],
  ["another input", signing(({ inputs }) => inputs[0]?.hash.set([0xff], 0))],
  [
    "another output of the same transaction as input",
    signing(({ inputs }) => inputs.forEach((input) => input.index++)),
  ],
  ["another sequence", signing(({ inputs }) => inputs.forEach((input) => input.sequence--))],
  ["nothing signed", (_, requests) => requests.map(({ psbt }) => psbt)],
  [
    "signatures with SIGHASH_NONE",
    async (wallet, requests) => (await wallet.signPsbts(requests)).map((psbt) => withSighash(psbt, 2)),
  ],
  [
    "signatures with ANYONECANPAY",
    async (wallet, requests) => (await wallet.signPsbts(requests)).map((psbt) => withSighash(psbt, 0x81)),
  ],
  [
    "a wrong signature",
    async (wallet, requests) =>
      (await wallet.signPsbts(requests)).map((psbt) => {
        const signed = Psbt.fromBuffer(psbt);
        signed.data.inputs[0]?.tapKeySig?.set([0, 0, 0, 0], 8);
        return signed.toBuffer();
      }),
  ],
  ["fewer transactions than asked for", async (wallet, requests) => (await wallet.signPsbts(requests)).slice(1)],
  ["bytes that are no PSBT", (_, requests) => requests.map(() => utf8("psbt"))],
  ["text", (_, requests) => requests.map(() => "cHNidP8=")],
  ["nothing", () => undefined],
  ["nothing in a list", (_, requests) => requests.map(() => null)],
];

const refusals: readonly (readonly [string, Answer])[] = [
  [
    "with its own words",
    () => {
      throw new HawserError("WALLET_REFUSED", "The person declined.", { reason: "declined" });
    },
  ],
  [
    "with an error of any kind",
    () => {
      throw new TypeError("user rejected");
    },
  ],
  ["with something that is no error", () => Promise.reject(null)],
];

type Write = (writer: Writer, name: string) => Promise<unknown>;

const changes: readonly (readonly [string, Write])[] = [
  ["updateProfile", (writer, name) => writer.updateProfile(name, { about: { n: 1 } })],
  ["putMutable", (writer, name) => writer.putMutable(name, "id", utf8("data"))],
  ["putImmutable", (writer, name) => writer.putImmutable(name, utf8("data"))],
];

let names = 0;

/** One write with a wallet that misbehaves; then the same one with the wallet itself. */
async function attempt(author: Author, name: string, answer: Answer, write: Write, code: string): Promise<void> {
  const recorder = new Recorder();
  const before = await author.transactions();
  const signPsbts = (requests: readonly SignRequest[]) =>
    answer(author.wallet, requests) as ReturnType<Wallet["signPsbts"]>;
  const wallet: Wallet = { accounts: () => author.wallet.accounts(), signPsbts };
  const { writer } = author.start({ wallet, gate: recorder.gate });
  await expect(write(writer, name)).rejects.toMatchObject({ code, details: { reason: expect.any(String) as string } });
  expect(recorder.effects).toEqual(["wallet.signPsbts"]);
  expect(await author.transactions()).toEqual(before);
  expect(await author.journal()).toEqual([]);
  await write(author.writer, name);
  expect(await author.journal()).toEqual([]);
}

describe.each([
  ...wrongAnswers.map((row) => [...row, "WALLET_ANSWER_INVALID"] as const),
  ...refusals.map((row) => [...row, "WALLET_REFUSED"] as const),
])("W9: a wallet that answers %s", (_, answer, code) => {
  it(`is ${code} for registerName, with nothing sent, stored or kept`, async () => {
    const author = await world.author();
    await attempt(author, `name-${++names}`, answer, (writer, name) => writer.registerName(name), code);
  });
});

describe.each([
  ...wrongAnswers.slice(0, 1).map((row) => [...row, "WALLET_ANSWER_INVALID"] as const),
  ...refusals.slice(0, 1).map((row) => [...row, "WALLET_REFUSED"] as const),
])("W9: a wallet that answers %s", (_, answer, code) => {
  it.each(changes)(`is ${code} for %s, with nothing sent, stored or kept`, async (_method, write) => {
    const author = await world.author();
    const name = `name-${++names}`;
    await author.writer.registerName(name);
    await attempt(author, name, answer, write, code);
  });
});

describe("the wallet", () => {
  it("is asked once for PREORDER and REGISTER together, and is told what they are", async () => {
    const author = await world.author();
    const asked: (readonly SignRequest[])[] = [];
    const wallet: Wallet = {
      accounts: () => author.wallet.accounts(),
      signPsbts: (requests) => {
        asked.push(requests);
        return author.wallet.signPsbts(requests);
      },
    };
    const { writer } = author.start({ wallet });
    const plan = await writer.plan.registerName("once");
    expect(asked).toEqual([]);
    await (await plan.run()).wait();
    expect(asked).toHaveLength(plan.approvals);
    expect(asked[0]).toEqual(plan.transactions.map(({ psbt, description }) => ({ psbt, description, inputs: [0] })));
    expect(plan.transactions.map(({ description }) => description)).toEqual([
      expect.stringMatching(/^Preorder "once"/),
      expect.stringMatching(/^Register "once"/),
    ]);
    const update = await writer.plan.updateProfile("once", {});
    await update.run();
    expect(asked).toHaveLength(plan.approvals + update.approvals);
  });

  it("that is missing is INPUT_CONFIG_INVALID for what needs one", async () => {
    const author = await world.author();
    await author.writer.registerName("no-wallet");
    await author.writer.putMutable("no-wallet", "id", utf8("1"));
    const { writer } = author.start({ wallet: null });
    const details = { code: "INPUT_CONFIG_INVALID", details: { setting: "wallet" } };
    await expect(writer.registerName("no-wallet-2")).rejects.toMatchObject(details);
    await expect(writer.updateProfile("no-wallet", {})).rejects.toMatchObject(details);
    // W5: a record under a route that exists needs none.
    await expect(writer.putMutable("no-wallet", "id", utf8("2"))).resolves.toMatchObject({ txids: [], state: "done" });
  });

  it("that has no account is INPUT_INVALID", async () => {
    const author = await world.author();
    const wallet: Wallet = { accounts: () => Promise.resolve([]), signPsbts: () => Promise.resolve([]) };
    await expect(author.start({ wallet }).writer.registerName("no-account")).rejects.toMatchObject({
      code: "INPUT_INVALID",
    });
  });

  it("that fails to tell its accounts is WALLET_REFUSED", async () => {
    const author = await world.author();
    const wallet: Wallet = { ...author.wallet, accounts: () => Promise.reject(new Error("locked")) };
    await expect(author.start({ wallet }).writer.registerName("locked")).rejects.toMatchObject({
      code: "WALLET_REFUSED",
      details: { reason: "locked" },
    });
  });

  it("that fails with an error of this library fails with that one", async () => {
    const author = await world.author();
    const error = new HawserError("NETWORK_TIMEOUT", "The device is silent.", { url: "device", timeoutMs: 1 });
    const wallet: Wallet = { accounts: () => author.wallet.accounts(), signPsbts: () => Promise.reject(error) };
    await expect(author.start({ wallet }).writer.registerName("silent")).rejects.toBe(error);
  });

  it("of somebody else is WALLET_NOT_OWNER", async () => {
    const [author, other] = [await world.author(), await world.author()];
    await author.writer.registerName("owned");
    await expect(other.writer.updateProfile("owned", {})).rejects.toMatchObject({
      code: "WALLET_NOT_OWNER",
      details: { name: "owned" },
    });
  });
});

describe("the signer", () => {
  it("that is missing is INPUT_CONFIG_INVALID where records are signed, and leaves the profile without a key", async () => {
    const author = await world.author();
    const { writer } = author.start({ signer: null });
    await writer.registerName("no-signer");
    expect(await world.reader().getProfile("no-signer")).toMatchObject({ profile: { pubkey: null } });
    await expect(writer.putMutable("no-signer", "id", utf8("1"))).rejects.toMatchObject({
      code: "INPUT_CONFIG_INVALID",
      details: { setting: "signer" },
    });
  });

  it("that refuses leaves nothing sent, stored or kept that would be in the way", async () => {
    const author = await world.author();
    await author.writer.registerName("signer-refuses");
    const recorder = new Recorder();
    const signer = { publicKey: author.signer.publicKey, sign: () => Promise.reject(new Error("no")) };
    const { writer } = author.start({ signer, gate: recorder.gate });
    await expect(writer.putMutable("signer-refuses", "id", utf8("1"))).rejects.toMatchObject({
      code: "WALLET_REFUSED",
    });
    expect(recorder.count("store.write") + recorder.count("source.broadcast")).toBe(0);
    expect(await author.journal()).toEqual([]);
    await author.writer.putMutable("signer-refuses", "id", utf8("2"));
    expect(await world.reader().getMutable("signer-refuses", "id")).toMatchObject({ data: utf8("2") });
  });
});
