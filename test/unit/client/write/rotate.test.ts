import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { networks } from "../../../../src/chain/network.js";
import { recordDigest } from "../../../../src/mutable/record.js";
import { parseName } from "../../../../src/name/name.js";
import type { Signer } from "../../../../src/ports.js";
import { parseProfile } from "../../../../src/profile/profile.js";
import { systemRandom } from "../../../../src/runtime/random.js";
import { createPrivateKey, privateKeySigner } from "../../../../src/wallet/private-key.js";
import { type Author, Recorder, WriteWorld } from "./world.js";

const BROADCAST = { waitFor: "broadcast" } as const;
let world: WriteWorld;
let alice: Author;
let signer: Signer;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual" });
  alice = await world.author();
  signer = privateKeySigner({ privateKey: createPrivateKey(systemRandom), random: systemRandom });
  world.mineOnPoll();
  await alice.writer.registerName("anna");
});
afterEach(() => world.devnet.close());

describe("rotateKey", () => {
  it("M6: every record is signed anew under a new epoch, in one transaction; the old key writes nothing more", async () => {
    const ids = Array.from({ length: 6 }, (_, i) => `feed/${i}`);
    const first = await alice.writer.putMutable("anna", "note", utf8("one"));
    await alice.writer.putMutable("anna", "note", utf8("two"));
    for (const id of ids)
      await alice.writer.putMutable("anna", id, utf8(id), BROADCAST).then(() => world.devnet.mine(1));
    const { key } = await alice.writer.putImmutable("anna", utf8("kept"));
    const updates = await alice.count("update");
    const plan = await alice.writer.plan.rotateKey("anna", signer);
    expect(plan.affectedIds).toHaveLength(7);
    await (await plan.run()).wait();
    expect(await alice.count("update")).toBe(updates + 1);

    for (const reader of [world.reader(), alice.start().reader]) {
      const note = await reader.getMutable("anna", "note");
      expect(note).toMatchObject({ data: utf8("two"), ver: 2, route: { pubkey: null } });
      if (!note.found) throw new Error("expected the record");
      expect(note.route.epoch).toBeGreaterThan(first.route.epoch);
      expect(await reader.getImmutable("anna", key)).toMatchObject({ data: utf8("kept") });
      expect(await reader.getProfile("anna")).toMatchObject({ profile: { pubkey: encodeHex(signer.publicKey) } });
    }
    for (const id of ids) expect(await world.reader().getMutable("anna", id)).toMatchObject({ data: utf8(id) });

    await expect(alice.writer.putMutable("anna", "note", utf8("old key"))).rejects.toMatchObject({
      code: "ROUTE_KEY_MISMATCH",
    });
    await expect(alice.writer.putMutable("anna", "fresh", utf8("old key"))).rejects.toMatchObject({
      code: "ROUTE_KEY_MISMATCH",
    });
    const { writer } = alice.start({ signer });
    const put = await writer.putMutable("anna", "note", utf8("three"));
    expect(put.txids).toEqual([]);
    expect(await world.reader().getMutable("anna", "note")).toMatchObject({ data: utf8("three"), ver: 3 });
    await writer.putMutable("anna", "new", utf8("four"));
    expect(await world.reader().getMutable("anna", "new")).toMatchObject({ route: { pubkey: null } });
  });

  it("M6: a record of the old key is refused by every reader, at the old place and at the new one", async () => {
    const { route, record } = await alice.writer.putMutable("anna", "note", utf8("old"));
    await alice.writer.rotateKey("anna", signer);
    const now = await world.reader().getMutable("anna", "note");
    if (!now.found || now.name.tenure === null) throw new Error("expected the record");
    const { epoch } = now.route;
    const forged = async (under: number): Promise<Uint8Array> => {
      const context = { network: networks.regtest, name: parseName("anna"), tenure: now.name.tenure ?? "", id: "note" };
      const data = utf8("forged");
      const sig = encodeHex(await alice.signer.sign(recordDigest({ ...context, epoch: under }, 99, data)));
      return utf8(JSON.stringify({ id: "note", data: btoa("forged"), ver: 99, sig }));
    };
    const path = (at: number): string => `records/regtest/anna/note@${at}.json`;
    for (const under of [route.epoch, epoch]) {
      await world.store.write(path(epoch), await forged(under), { kind: "record" });
      for (const reader of [world.reader(), alice.start().reader]) {
        await expect(reader.getMutable("anna", "note")).rejects.toMatchObject({ code: "RECORD_UNVERIFIED" });
      }
    }
    expect(record.ver).toBe(1);
  });

  it("carries over no record that cannot be read, and sends nothing then; unless it is told to leave it", async () => {
    const { route } = await alice.writer.putMutable("anna", "note", utf8("one"));
    await alice.writer.putMutable("anna", "other", utf8("two"));
    await world.store.write(`records/regtest/anna/note@${route.epoch}.json`, utf8("damaged"), { kind: "record" });
    const recorder = new Recorder();
    const { writer } = alice.start({ gate: recorder.gate });
    await expect(writer.rotateKey("anna", signer)).rejects.toMatchObject({ code: "RECORD_UNVERIFIED" });
    expect(recorder.count("source.broadcast")).toBe(0);
    expect(await alice.journal()).toEqual([]);
    expect(await world.reader().getMutable("anna", "other")).toMatchObject({ data: utf8("two") });

    await alice.writer.rotateKey("anna", signer, { dropRecords: ["note"] });
    expect(await world.reader().getMutable("anna", "other")).toMatchObject({ data: utf8("two") });
    await expect(world.reader().getMutable("anna", "note")).rejects.toMatchObject({ code: "RECORD_UNAVAILABLE" });
    await alice.start({ signer }).writer.putMutable("anna", "note", utf8("anew"));
    expect(await world.reader().getMutable("anna", "note")).toMatchObject({ data: utf8("anew") });
  });

  it("M5: a key that was stolen and signed the highest version blocks nothing after it", async () => {
    const { route } = await alice.writer.putMutable("anna", "note", utf8("mine"));
    await alice.writer.putMutable("anna", "note", utf8("thief's"), { version: Number.MAX_SAFE_INTEGER });
    await alice.writer.rotateKey("anna", signer);
    const { writer } = alice.start({ signer });
    expect((await world.reader().getMutable("anna", "note")) as object).toMatchObject({ ver: 1 });
    const put = await writer.putMutable("anna", "note", utf8("mine again"));
    expect(put).toMatchObject({ record: { ver: 2 } });
    expect(put.route.epoch).toBeGreaterThan(route.epoch);
    const other = privateKeySigner({ privateKey: createPrivateKey(systemRandom), random: systemRandom });
    await alice.start({ signer }).writer.rotateKey("anna", other, { dropRecords: true });
    await expect(world.reader().getMutable("anna", "note")).rejects.toMatchObject({ code: "RECORD_UNAVAILABLE" });
  });

  it("M2: a route that names another key stays with it; one that names the old key does not", async () => {
    const delegate = privateKeySigner({ privateKey: createPrivateKey(systemRandom), random: systemRandom });
    await alice.start({ signer: delegate }).writer.putMutable("anna", "theirs", utf8("delegate's"), { delegate: true });
    const before = await world.reader().getMutable("anna", "theirs");
    await alice.writer.putMutable("anna", "ours", utf8("ours"));
    const plan = await alice.writer.plan.rotateKey("anna", signer);
    expect(plan.affectedIds).toEqual(["m:ours"]);
    await (await plan.run()).wait();
    const after = await world.reader().getMutable("anna", "theirs");
    if (!before.found || !after.found) throw new Error("expected the record");
    expect(after.route).toEqual(before.route);
    expect(after.data).toEqual(utf8("delegate's"));
  });

  it("W3: the same call once more goes on with it, until readers see the new key", async () => {
    await alice.writer.putMutable("anna", "note", utf8("one"));
    world.clock.onPoll = () => undefined;
    const { writer } = alice.start({ reader: { minConfirmations: 3 } });
    await world.devnet.mine(3);
    const first = await writer.rotateKey("anna", signer, BROADCAST);
    const same = { id: first.id, txids: first.txids };
    expect(await writer.rotateKey("anna", signer, BROADCAST)).toMatchObject(same);
    await world.devnet.mine(1);
    expect(await writer.rotateKey("anna", signer, BROADCAST)).toMatchObject(same);
    await world.devnet.mine(2);
    await expect(writer.rotateKey("anna", signer)).rejects.toMatchObject({ code: "INPUT_KEY_INVALID" });
    expect(await alice.journal()).toEqual([]);
    await alice.start({ signer }).writer.putMutable("anna", "other", utf8("two"), BROADCAST);
    await expect(writer.rotateKey("anna", signer)).rejects.toMatchObject({ code: "INPUT_KEY_INVALID" });
  });

  it("M6: an epoch that only a pending profile has is not given twice", async () => {
    await alice.writer.putMutable("anna", "note", utf8("one"));
    world.clock.onPoll = () => undefined;
    await alice.writer.rotateKey("anna", signer, { ...BROADCAST, dropRecords: true });
    const [pending] = await alice.journal("anna");
    const { index } = parseProfile(pending?.objects.at(-1) ?? utf8(""), "anna");
    const [entry] = "entries" in index ? index.entries : [];
    world.mineOnPoll();
    await alice.start({ signer }).writer.rotateKey("anna", alice.signer, { dropRecords: true });
    const put = await alice.writer.putMutable("anna", "note", utf8("two"));
    expect(put.route.epoch).toBeGreaterThan(entry?.kind === "mutable" ? entry.route.epoch : Infinity);
  });

  it("M2: a name whose records no key could sign yet is given one", async () => {
    const bob = await world.author();
    const [, p2wpkh] = await bob.wallet.accounts();
    await alice.writer.putMutable("anna", "note", utf8("one"));
    await alice.writer.transferName("anna", p2wpkh?.script ?? "", { keep: ["m:note"] });
    await expect(world.reader().getMutable("anna", "note")).rejects.toMatchObject({ code: "ROUTE_NO_KEY" });
    for (let epoch = 0; epoch <= world.devnet.height(); epoch++) {
      await world.store.write(`records/regtest/anna/note@${epoch}.json`, utf8("junk"), { kind: "record" });
    }
    await bob.writer.rotateKey("anna", bob.signer);
    await bob.writer.putMutable("anna", "note", utf8("bob's"));
    expect(await world.reader().getMutable("anna", "note")).toMatchObject({ data: utf8("bob's") });
  });

  it("refuses a key that is the present one or none", async () => {
    const { writer } = alice;
    await expect(writer.rotateKey("anna", alice.signer)).rejects.toMatchObject({ code: "INPUT_KEY_INVALID" });
    const none = { ...signer, publicKey: new Uint8Array(32).fill(255) };
    await expect(writer.rotateKey("anna", none)).rejects.toMatchObject({ code: "INPUT_KEY_INVALID" });
    const short = { ...signer, publicKey: new Uint8Array(31) };
    await expect(writer.rotateKey("anna", short)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it("M6: an id that is put just before and after it never has one epoch twice", async () => {
    world.clock.onPoll = () => undefined;
    const before = await alice.writer.putMutable("anna", "note", utf8("one"), BROADCAST);
    await alice.writer.rotateKey("anna", signer, BROADCAST).catch(() => undefined);
    world.mineOnPoll();
    await alice
      .start({ signer })
      .writer.rotateKey("anna", alice.signer)
      .catch(() => undefined);
    const now = await world.reader().getMutable("anna", "note");
    if (!now.found) throw new Error("expected the record");
    expect(now.data).toEqual(utf8("one"));
    expect(now.route.epoch).toBeGreaterThan(before.route.epoch);
  });
});
