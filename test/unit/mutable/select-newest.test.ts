import { describe, expect, it } from "vitest";
import { type NewestInput, type NewestRecord, selectNewest } from "../../../src/mutable/select-newest.js";
import { verifyReplies } from "../../../src/mutable/verify-replies.js";
import type { ReplicaReply } from "../../../src/route/fetch.js";
import { absent, answered, context, floorAt, routeWith, signed, stranger, unreachable, writer } from "./world.js";

const NOW = 1_700_000_000_000;

function newest(replies: readonly ReplicaReply[], changes: Partial<NewestInput> = {}): NewestRecord {
  const checked = verifyReplies({ context, publicKey: writer.publicKey, replies });
  return selectNewest({ route: routeWith(), checked, cached: null, nowMs: NOW, ...changes });
}

const one = answered("a", signed(2, "b"));
const forged = answered("forged", signed(9, "evil", { signer: stranger }));

describe("the newest record, for those who copy it", () => {
  it("M8: is the highest version that verifies, wherever it stands", () => {
    const replies = [one, forged, answered("b", signed(3, "c")), absent("c"), unreachable("d"), one];
    for (const order of [replies, [...replies].reverse()]) {
      const found = newest(order);
      expect(found).toMatchObject({ ver: 3, forked: false });
      expect(found.candidate?.body).toEqual(signed(3, "c"));
    }
  });

  it("M5: is none below what the cache knows, or the route asks for", () => {
    const cached = floorAt(4);
    expect(newest([one], { cached })).toEqual({ ver: 4, candidate: null, forked: false });
    expect(newest([one], { route: routeWith({ minVer: 3 }) })).toEqual({ ver: 3, candidate: null, forked: false });
    expect(newest([one], { cached: floorAt(1, null, 8) })).toEqual({ ver: 2, candidate: null, forked: false });
    expect(newest([answered("a", signed(4, "d"))], { cached }).candidate?.record.ver).toBe(4);
  });

  it("M5: what is known counts where nothing verifies", () => {
    expect(newest([forged, absent("b")], { cached: floorAt(4) })).toEqual({ ver: 4, candidate: null, forked: false });
    expect(newest([forged])).toEqual({ ver: null, candidate: null, forked: false });
    expect(newest([], { cached: floorAt(4, null, 6) })).toEqual({ ver: null, candidate: null, forked: false });
  });

  it("M9: is neither of two data under the highest version", () => {
    const [c, other] = [answered("a", signed(3, "c")), answered("b", signed(3, "other"))];
    for (const order of [
      [c, other],
      [other, one, c],
    ]) {
      expect(newest(order)).toEqual({ ver: 3, candidate: null, forked: true });
    }
    expect(newest([c, c])).toMatchObject({ ver: 3, forked: false, candidate: { record: { ver: 3 } } });
    expect(newest([c, other, answered("c", signed(4, "healed"))])).toMatchObject({
      ver: 4,
      forked: false,
      candidate: { record: { ver: 4 } },
    });
  });

  it("M9: is none that contradicts what the cache knows", () => {
    const replies = [answered("a", signed(3, "c"))];
    expect(newest(replies, { cached: floorAt(3, "other") })).toEqual({ ver: 3, candidate: null, forked: true });
    expect(newest(replies, { cached: floorAt(3, "c") })).toMatchObject({ forked: false, candidate: {} });
  });

  it("M10: is none that is ahead of the clock, while its age does not matter", () => {
    const route = routeWith({ maxAgeMs: 60_000 });
    const early = answered("early", signed(NOW + 600_001, "later"));
    expect(newest([early], { route })).toEqual({ ver: null, candidate: null, forked: false });
    expect(newest([early, one], { route })).toMatchObject({ ver: 2, candidate: { record: { ver: 2 } } });
    const ahead = answered("ahead", signed(NOW + 600_000, "now"));
    expect(newest([ahead, one], { route })).toMatchObject({ ver: NOW + 600_000 });
  });
});
