import { describe, expect, it } from "vitest";
import { Evidence } from "../../../src/chain/evidence.js";
import { BeaconAnswers } from "../../../src/name/beacon-answers.js";
import type { Frontier } from "../../../src/name/thread.js";
import type { HistoryMark } from "../../../src/ports.js";
import { panelOf } from "../chain/seats.js";
import { World } from "./builder.js";
import { MinedChain, sourceOf } from "./chain-world.js";

const world = new World();
const { register } = world.register(3);
const update = world.update(5, register);
const mined = MinedChain.of(world, 6);
const mark: HistoryMark = { txid: register.txid, height: 3 };
const held: Frontier = { ...world.frontier(6), ended: false, beacon: mark };

/** Answers of one seat, asked up to these places, with REGISTER and UPDATE proven. */
async function told(...upTo: readonly (HistoryMark | null)[]) {
  const { panel, seats } = panelOf([sourceOf("a", mined), sourceOf("b", mined)]);
  const evidence = new Evidence(panel);
  for (const { txid } of [register, update]) await evidence.search(mined.headerChain(), txid, 0);
  const answers = new BeaconAnswers(evidence);
  for (const place of upTo) answers.add(seats[0], { entries: [], upTo: place });
  return { answers, seat: seats[0], seats };
}

describe("what a source told of a beacon", () => {
  it("V5: all of it is enough for every thread", async () => {
    const { answers, seat, seats } = await told(null);
    const beginnings: readonly Frontier[] = [held, { ...held, ended: true }, { ...held, beacon: null }];
    for (const frontier of beginnings) expect(answers.covers(seat, frontier)).toBe(true);
    expect(answers.covers(seats[1] ?? seat, held)).toBe(false);
    expect((await told()).answers.covers(seat, held)).toBe(false);
  });

  it("V8: what is up to a place is enough while the tenure that began at or below it is held and sealed", async () => {
    for (const place of [mark, { txid: update.txid, height: 5 }]) {
      const { answers, seat } = await told(place);
      expect(answers.covers(seat, held)).toBe(true);
    }
  });

  it("V8: not once the thread has ended, nor before there is any", async () => {
    const { answers, seat } = await told(mark);
    expect(answers.covers(seat, { ...held, ended: true })).toBe(false);
    expect(answers.covers(seat, { ...held, beacon: null })).toBe(false);
  });

  it("V8: not below the last REGISTER or RECOVER of the thread", async () => {
    const { answers, seat } = await told(mark);
    expect(answers.covers(seat, { ...held, beacon: { txid: update.txid, height: 5 } })).toBe(false);
    expect(answers.covers(seat, { ...held, beacon: { txid: update.txid, height: 4 } })).toBe(false);
    answers.add(seat, { entries: [], upTo: { txid: update.txid, height: 5 } });
    expect(answers.covers(seat, { ...held, beacon: { txid: update.txid, height: 5 } })).toBe(true);
  });

  it("V8: not up to a transaction that is proven elsewhere, or nowhere", async () => {
    for (const place of [
      { ...mark, height: 4 },
      { ...mark, height: 100 },
      { txid: "ab".repeat(32), height: 3 },
    ]) {
      const { answers, seat } = await told(place);
      expect(answers.covers(seat, held)).toBe(false);
    }
  });

  it("V4: a source left out only what is not above the place that it was asked up to", async () => {
    const { answers, seat } = await told(mark);
    expect(answers.without(register.txid, 3)).toEqual([seat]);
    expect(answers.without(update.txid, 4)).toEqual([]);
    answers.add(seat, { entries: [{ txid: register.txid, height: 3 }], upTo: mark });
    expect(answers.without(register.txid, 3)).toEqual([]);
    const whole = await told(null);
    expect(whole.answers.without(update.txid, 5)).toEqual([whole.seat]);
    const elsewhere = await told({ ...mark, height: 6 });
    expect(elsewhere.answers.without(register.txid, 3)).toEqual([]);
  });
});
