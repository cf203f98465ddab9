import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { systemRandom } from "../../../../src/runtime/random.js";
import { createPrivateKey, privateKeySigner } from "../../../../src/wallet/private-key.js";
import { type Author, Recorder, WriteWorld } from "./world.js";

let world: WriteWorld;
let author: Author;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual" });
  world.mineOnPoll();
  author = await world.author();
  await author.writer.registerName("alice");
});
afterEach(() => world.devnet.close());

const HOUR_MS = 3_600_000;

describe("M10: maxAgeMs", () => {
  it("of a new route makes its versions times, and its records expire", async () => {
    const { route, record } = await author.writer.putMutable("alice", "id", utf8("1"), { maxAgeMs: HOUR_MS });
    expect(route.maxAgeMs).toBe(HOUR_MS);
    expect(Math.abs(record.ver - world.clock.nowMs())).toBeLessThan(60_000);
    expect(await world.reader().getMutable("alice", "id")).toMatchObject({ ver: record.ver, data: utf8("1") });
    const later = { nowMs: () => world.clock.nowMs() + 2 * HOUR_MS, delay: world.clock.delay.bind(world.clock) };
    const late = world.reader({ clock: later }).getMutable("alice", "id");
    await expect(late).rejects.toMatchObject({ code: "RECORD_EXPIRED" });
  });

  it("that a route has already takes no transaction, and is kept where none is named", async () => {
    const first = await author.writer.putMutable("alice", "id", utf8("1"), { maxAgeMs: HOUR_MS });
    for (const options of [{ maxAgeMs: HOUR_MS }, {}]) {
      const put = await author.writer.putMutable("alice", "id", utf8("2"), options);
      expect(put).toMatchObject({ txids: [], route: first.route });
    }
    expect(await author.count("update")).toBe(1);
  });

  it("that replaces another one takes a transaction and no new epoch (M6)", async () => {
    const first = await author.writer.putMutable("alice", "id", utf8("1"), { maxAgeMs: HOUR_MS });
    const { route, txids } = await author.writer.putMutable("alice", "id", utf8("2"), { maxAgeMs: 2 * HOUR_MS });
    expect(txids).toHaveLength(1);
    expect(route).toEqual({ ...first.route, maxAgeMs: 2 * HOUR_MS });
    expect(await world.reader().getMutable("alice", "id")).toMatchObject({ data: utf8("2"), route });
  });

  it("that comes or goes begins a new epoch: versions of the one kind must not outrank those of the other (M6)", async () => {
    const first = await author.writer.putMutable("alice", "id", utf8("1"));
    const plan = await author.writer.plan.putMutable("alice", "id", utf8("2"), { maxAgeMs: HOUR_MS });
    expect(plan).toMatchObject({ approvals: 1, affectedIds: ["m:id"] });
    const timed = await author.writer.putMutable("alice", "id", utf8("2"), { maxAgeMs: HOUR_MS });
    expect(timed.route.epoch).toBeGreaterThan(first.route.epoch);
    expect(timed.route.urls).toEqual(timed.route.urls.filter((url) => url.endsWith(`id@${timed.route.epoch}.json`)));
    expect(await world.reader().getMutable("alice", "id")).toMatchObject({ data: utf8("2"), ver: timed.record.ver });
    const plain = await author.writer.putMutable("alice", "id", utf8("3"), { maxAgeMs: null });
    expect(plain.route).toMatchObject({ maxAgeMs: null });
    expect(plain.route.epoch).toBeGreaterThan(timed.route.epoch);
    expect(plain.record.ver).toBe(1);
    expect(await world.reader().getMutable("alice", "id")).toMatchObject({ data: utf8("3"), ver: 1 });
  });

  it("cannot be changed by a signer that the route does not name, nor without the owner's wallet (W5)", async () => {
    await author.writer.putMutable("alice", "id", utf8("1"));
    const signer = privateKeySigner({ privateKey: createPrivateKey(systemRandom), random: systemRandom });
    const recorder = new Recorder();
    const stranger = author.start({ signer, gate: recorder.gate }).writer;
    await expect(stranger.putMutable("alice", "id", utf8("2"), { maxAgeMs: 1 })).rejects.toMatchObject({
      code: "ROUTE_KEY_MISMATCH",
    });
    const { wallet } = await world.author();
    const poor = author.start({ wallet, gate: recorder.gate }).writer;
    await expect(poor.putMutable("alice", "id", utf8("2"), { maxAgeMs: 1 })).rejects.toMatchObject({
      code: "WALLET_NOT_OWNER",
    });
    expect(recorder.effects).toEqual([]);
  });

  it.each([0, -1, 1.5, 2 ** 53])("is INPUT_INVALID where it is %s, before anything is asked", async (maxAgeMs) => {
    const recorder = new Recorder();
    const put = author.start({ gate: recorder.gate }).writer.putMutable("alice", "id", utf8("1"), { maxAgeMs });
    await expect(put).rejects.toMatchObject({ code: "INPUT_INVALID" });
    expect(recorder.calls).toEqual([]);
  });
});
