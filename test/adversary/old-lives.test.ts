import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { encodeHex } from "../../src/bytes/hex.js";
import { memoryCache } from "../../src/cache/memory.js";
import { networks } from "../../src/chain/network.js";
import { isHawserError } from "../../src/errors.js";
import type { Reader } from "../../src/index.js";
import type { Cache } from "../../src/ports.js";
import { type Author, WriteWorld } from "../unit/client/write/world.js";

const { regtest } = networks;
const IDS = ["note", "other"];
let world: WriteWorld;
let alice: Author;
let bob: Author;
/** A reader that followed the name under its first holder; its cache has the floors of that time. */
let warmCache: Cache;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual" });
  alice = await world.author();
  bob = await world.author();
  warmCache = memoryCache();
  world.mineOnPoll();
  await alice.writer.registerName("anna");
  for (const id of IDS) {
    await alice.writer.putMutable("anna", id, utf8(`alice's ${id}`));
    for (let n = 0; n < 3; n++) await alice.writer.putMutable("anna", id, utf8(`alice's ${id} ${n}`));
    expect(await warm().getMutable("anna", id)).toMatchObject({ found: true, ver: 4 });
  }
});
afterEach(() => world.devnet.close());

const warm = (): Reader => world.reader({ cache: warmCache });
const readers = (): readonly Reader[] => [world.reader(), warm()];

/** Every record that the stores ever held of the name, by its path. */
async function oldRecords(): Promise<readonly { readonly path: string; readonly body: Uint8Array }[]> {
  const found: { readonly path: string; readonly body: Uint8Array }[] = [];
  for (const id of IDS) {
    for (let epoch = 0; epoch <= world.devnet.height() + 1; epoch++) {
      const path = `records/regtest/anna/${id}@${epoch}.json`;
      const stored = await world.store.read(path, { kind: "record", maxBytes: 10_000 });
      if (stored !== null) found.push({ path, body: stored.bytes });
    }
  }
  return found;
}

/** Puts each old record under every epoch that could be asked for now, as a store would that wants them back. */
async function replay(old: readonly { readonly path: string; readonly body: Uint8Array }[]): Promise<void> {
  for (const { path, body } of old) {
    const [base = ""] = path.split("@");
    for (let epoch = 0; epoch <= world.devnet.height() + 2; epoch++) {
      await world.store.write(`${base}@${epoch}.json`, body, { kind: "record" });
    }
  }
}

/** What a read gave, where it gave data. */
async function dataOf(reader: Reader, id: string): Promise<string | null> {
  try {
    const read = await reader.getMutable("anna", id);
    return read.found ? new TextDecoder().decode(read.data) : null;
  } catch (error) {
    if (isHawserError(error)) return null;
    throw error;
  }
}

/** Nobody is shown anything of the first holder, and the new one can write and be read. */
async function assertNewLife(): Promise<void> {
  const old = await oldRecords();
  expect(old.length).toBeGreaterThanOrEqual(IDS.length);
  await replay(old);
  for (const id of IDS) for (const reader of readers()) expect(await dataOf(reader, id)).toBeNull();
  for (const id of IDS) {
    const put = await bob.writer.putMutable("anna", id, utf8(`bob's ${id}`));
    expect(put.record.ver).toBeGreaterThanOrEqual(1);
    for (const reader of readers()) expect(await dataOf(reader, id)).toBe(`bob's ${id}`);
  }
  // The old records once more, over the new ones.
  await replay(old);
  for (const id of IDS) for (const reader of readers()) expect(await dataOf(reader, id)).toBeNull();
  for (const id of IDS) {
    await bob.writer.putMutable("anna", id, utf8(`bob's ${id} again`));
    for (const reader of readers()) expect(await dataOf(reader, id)).toBe(`bob's ${id} again`);
  }
}

describe("M4, M6: no record of an earlier life is accepted, and none locks the new holder out", () => {
  it("after a TRANSFER without profile", async () => {
    await alice.writer.transferName("anna", bob.account.script);
    await assertNewLife();
  });

  it("after a TRANSFER that keeps the ids", async () => {
    const pubkey = encodeHex(bob.signer.publicKey);
    await alice.writer.transferName("anna", bob.account.script, { keep: IDS.map((id) => `m:${id}`), pubkey });
    await assertNewLife();
  });

  it("after a TRANSFER that keeps the ids under the new owner's own key, which he then replaces", async () => {
    await alice.writer.transferName("anna", bob.account.script, { keep: IDS.map((id) => `m:${id}`) });
    await expect(bob.writer.putMutable("anna", "note", utf8("bob's"))).rejects.toMatchObject({
      code: "ROUTE_KEY_MISMATCH",
    });
    await bob.writer.rotateKey("anna", bob.signer);
    await assertNewLife();
  });

  it("after it lapsed and somebody else registered it", async () => {
    await world.devnet.mine(regtest.termBlocks + regtest.graceBlocks + 1);
    for (const reader of readers()) expect(await reader.getName("anna")).toMatchObject({ found: false });
    await bob.writer.registerName("anna");
    await assertNewLife();
  });

  it("after it was released and somebody else registered it", async () => {
    await alice.writer.releaseName("anna");
    for (const reader of readers()) expect(await reader.getName("anna")).toMatchObject({ found: false });
    await world.devnet.mine(regtest.cooldownBlocks);
    await bob.writer.registerName("anna");
    await assertNewLife();
  });

  it("after the first holder registered it again", async () => {
    await alice.writer.releaseName("anna");
    await world.devnet.mine(regtest.cooldownBlocks);
    await alice.writer.registerName("anna");
    const old = await oldRecords();
    await replay(old);
    for (const id of IDS) for (const reader of readers()) expect(await dataOf(reader, id)).toBeNull();
    for (const id of IDS) {
      await alice.writer.putMutable("anna", id, utf8(`new ${id}`));
      for (const reader of readers()) expect(await dataOf(reader, id)).toBe(`new ${id}`);
    }
  });

  it("after a TRANSFER there and back", async () => {
    await alice.writer.transferName("anna", bob.account.script);
    await bob.writer.putMutable("anna", "note", utf8("bob's"));
    const old = await oldRecords();
    await bob.writer.transferName("anna", alice.account.script);
    await replay(old);
    for (const id of IDS) for (const reader of readers()) expect(await dataOf(reader, id)).toBeNull();
    for (const id of IDS) {
      await alice.writer.putMutable("anna", id, utf8(`back ${id}`));
      for (const reader of readers()) expect(await dataOf(reader, id)).toBe(`back ${id}`);
    }
  });

  it("after its ids were deleted and made again, also by a device that knows nothing of their past", async () => {
    const old = await oldRecords();
    for (const id of IDS) await alice.writer.deleteMutable("anna", id);
    await replay(old);
    for (const id of IDS) for (const reader of readers()) expect(await dataOf(reader, id)).toBeNull();
    const [first = "", second = ""] = IDS;
    await alice.writer.putMutable("anna", first, utf8("again"));
    await alice.onAnotherDevice().writer.putMutable("anna", second, utf8("again"));
    for (const id of IDS) for (const reader of readers()) expect(await dataOf(reader, id)).toBe("again");
    await replay(old);
    for (const id of IDS) for (const reader of readers()) expect(await dataOf(reader, id)).toBeNull();
  });

  it("after its key was replaced", async () => {
    const old = await oldRecords();
    await alice.writer.rotateKey("anna", bob.signer);
    for (const id of IDS) for (const reader of readers()) expect(await dataOf(reader, id)).toBe(`alice's ${id} 2`);
    await replay(old);
    for (const id of IDS) for (const reader of readers()) expect(await dataOf(reader, id)).toBeNull();
    const { writer } = alice.start({ signer: bob.signer });
    for (const id of IDS) {
      await writer.putMutable("anna", id, utf8(`new ${id}`));
      for (const reader of readers()) expect(await dataOf(reader, id)).toBe(`new ${id}`);
    }
  });

  it("C7: a lapsed seal that is spent late changes nothing for the new holder", async () => {
    const seal = await alice.seal("anna");
    await world.devnet.mine(regtest.termBlocks + regtest.graceBlocks + 1);
    await bob.writer.registerName("anna");
    await bob.writer.putMutable("anna", "note", utf8("bob's"));
    const valueSats = (await world.value(seal)) - 500n;
    await alice.spend([seal], [{ valueSats, script: alice.account.script }]);
    await world.devnet.mine(2);
    for (const reader of readers()) {
      expect(await dataOf(reader, "note")).toBe("bob's");
      expect(await reader.getName("anna")).toMatchObject({ name: { unsealed: null } });
    }
    await bob.writer.putMutable("anna", "note", utf8("bob's more"));
    for (const reader of readers()) expect(await dataOf(reader, "note")).toBe("bob's more");
  });
});
