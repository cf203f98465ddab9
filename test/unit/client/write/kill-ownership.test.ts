import { afterAll, beforeAll, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { isHawserError } from "../../../../src/errors.js";
import { systemRandom } from "../../../../src/runtime/random.js";
import { createPrivateKey, privateKeySigner } from "../../../../src/wallet/private-key.js";
import { type Author, atEveryCall, WriteWorld } from "./world.js";

let world: WriteWorld;

beforeAll(async () => {
  world = await WriteWorld.start();
  world.mineOnPoll();
});
afterAll(() => world.devnet.close());

const LONG = { timeout: 300_000 };
const MODES = ["before", "after"] as const;

async function owner(name: string): Promise<Author> {
  const author = await world.author(2_000_000n, 500_000n);
  await world.showHeaders(author);
  await author.writer.registerName(name);
  await author.writer.putMutable(name, "note", utf8("kept"));
  return author;
}

async function unlessDone(run: Promise<unknown>, ...codes: readonly string[]): Promise<void> {
  await run.catch((error: unknown) => {
    if (!isHawserError(error) || !codes.includes(error.code)) throw error;
  });
}

it.each(MODES)(
  "W3: a TRANSFER that dies (%s) at any effect is one TRANSFER after the next call",
  LONG,
  async (mode) => {
    await atEveryCall(mode, async (fault, at) => {
      const name = `t-${mode}-${at}`;
      const author = await owner(name);
      const to = await world.author();
      await author
        .start({ gate: fault.gate })
        .writer.transferName(name, to.account.script)
        .catch(() => undefined);
      // Where only the last answer was lost, the name is the new owner's already.
      await unlessDone(author.writer.transferName(name, to.account.script), "INPUT_INVALID");
      expect(await author.count("transfer")).toBe(1);
      expect(await world.reader().getName(name)).toMatchObject({ name: { ownerScript: encodeHex(to.account.script) } });
      await unlessDone(author.writer.renewName(name), "WALLET_NOT_OWNER");
      expect(await author.journal()).toEqual([]);
    });
  },
);

it.each(MODES)("W3: a RELEASE that dies (%s) at any effect is one RELEASE after the next call", LONG, async (mode) => {
  await atEveryCall(mode, async (fault, at) => {
    const name = `r-${mode}-${at}`;
    const author = await owner(name);
    await author
      .start({ gate: fault.gate })
      .writer.releaseName(name)
      .catch(() => undefined);
    await unlessDone(author.writer.releaseName(name), "NAME_NOT_REGISTERED");
    expect(await author.count("release")).toBe(1);
    expect(await world.reader().getName(name)).toMatchObject({ found: false, why: "no-name" });
    expect(await author.journal()).toEqual([]);
  });
});

it.each(MODES)("W3: a RECOVER that dies (%s) at any effect is one RECOVER after the next call", LONG, async (mode) => {
  await atEveryCall(mode, async (fault, at) => {
    const name = `c-${mode}-${at}`;
    const author = await owner(name);
    const seal = await author.seal(name);
    const valueSats = (await world.value(seal)) - 1_000n;
    await author.spend([seal], [{ valueSats, script: author.account.script }]);
    await world.devnet.mine(1);
    await author
      .start({ gate: fault.gate })
      .writer.recoverName(name)
      .catch(() => undefined);
    await unlessDone(author.writer.recoverName(name), "NAME_SEALED");
    expect(await author.count("recover")).toBe(1);
    expect(await world.reader().getMutable(name, "note")).toMatchObject({
      data: utf8("kept"),
      name: { unsealed: null },
    });
    expect(await author.journal()).toEqual([]);
  });
});

it.each(MODES)("W3: a rotation that dies (%s) at any effect loses no record", LONG, async (mode) => {
  const signer = privateKeySigner({ privateKey: createPrivateKey(systemRandom), random: systemRandom });
  await atEveryCall(mode, async (fault, at) => {
    const name = `k-${mode}-${at}`;
    const author = await owner(name);
    await author
      .start({ gate: fault.gate })
      .writer.rotateKey(name, signer)
      .catch(() => undefined);
    expect(await world.reader().getMutable(name, "note")).toMatchObject({ data: utf8("kept") });
    await unlessDone(author.writer.rotateKey(name, signer), "INPUT_KEY_INVALID");
    expect(await world.reader().getMutable(name, "note")).toMatchObject({ data: utf8("kept") });
    const put = await author.start({ signer }).writer.putMutable(name, "note", utf8("new key"));
    expect(put.txids).toEqual([]);
    expect(await world.reader().getMutable(name, "note")).toMatchObject({ data: utf8("new key") });
    expect(await author.count("update")).toBeLessThanOrEqual(2);
    expect(await author.journal()).toEqual([]);
  });
});
