import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../../src/errors.js";
import { type SelectInput, selectRecord } from "../../../src/mutable/select.js";
import { verifyForkProof } from "../../../src/mutable/verify-fork.js";
import type { ReplicaReply } from "../../../src/route/fetch.js";
import {
  absent,
  answered,
  context,
  digestOf,
  errorOf,
  floorAt,
  routeWith,
  selectInput,
  signed,
  stranger,
  unreachable,
} from "./world.js";

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;
const forged = answered("forged", signed(9, "evil", { signer: stranger }));

function select(replies: readonly ReplicaReply[], changes: Partial<SelectInput> = {}) {
  return selectRecord(selectInput(replies, changes));
}

function verdicts(replies: readonly ReplicaReply[], changes: Partial<SelectInput> = {}) {
  return select(replies, changes).replicas.map(({ label, verdict, ver }) => [label, verdict, ver]);
}

function fails<Code extends ErrorCode>(
  code: Code,
  replies: readonly ReplicaReply[],
  changes: Partial<SelectInput> = {},
) {
  return errorOf(code, () => select(replies, changes));
}

describe("the highest version that verifies", () => {
  it("M8: the highest version is chosen wherever it stands, with a verdict on every replica", () => {
    const replies = [
      answered("old", signed(2, "b")),
      forged,
      answered("new", signed(3, "c")),
      absent("empty"),
      unreachable("down"),
      answered("copy", signed(3, "c")),
      answered("noise", new Uint8Array(3)),
    ];
    const chosen = select(replies);
    expect(chosen.record).toMatchObject({ id: "settings", ver: 3 });
    expect(chosen.sha256).toBe(digestOf("c"));
    expect(chosen.body).toEqual(signed(3, "c"));
    expect(verdicts(replies)).toEqual([
      ["old", "behind", 2],
      ["forged", "unverified", null],
      ["new", "fresh", 3],
      ["empty", "absent", null],
      ["down", "unreachable", null],
      ["copy", "fresh", 3],
      ["noise", "unverified", null],
    ]);
  });

  it("M8: the verdict says why a replica does not count", () => {
    const [, second] = select([answered("a", signed(1, "a")), forged]).replicas;
    expect(second?.reason).toMatch(/signature/);
  });

  it.each([
    ["nothing at all", [], "RECORD_UNAVAILABLE"],
    ["only absent", [absent("a")], "RECORD_UNAVAILABLE"],
    ["only unreachable", [unreachable("a")], "RECORD_UNAVAILABLE"],
    ["a forged one", [absent("a"), forged, unreachable("b")], "RECORD_UNVERIFIED"],
    ["bytes that are no record", [answered("a", new Uint8Array(1))], "RECORD_UNVERIFIED"],
  ] as const)("M8: with %s there is nothing to choose", (_, replies, code) => {
    const error = fails(code, replies);
    expect(error.details.id).toBe("settings");
    expect(error.details.attempts.map(({ label }) => label)).toEqual(replies.map(({ label }) => label));
  });

  it("M8: RECORD_FROM_FUTURE goes before RECORD_UNVERIFIED", () => {
    const route = routeWith({ maxAgeMs: MINUTE });
    const ahead = answered("ahead", signed(NOW + 11 * MINUTE, "x"));
    fails("RECORD_FROM_FUTURE", [forged, ahead, absent("a")], { route, nowMs: NOW });
  });

  it("M8: the highest is checked stale, then expired, then forked", () => {
    const route = routeWith({ maxAgeMs: MINUTE });
    const ver = NOW - 2 * MINUTE;
    const replies = [answered("a", signed(ver, "x")), answered("b", signed(ver, "y"))];
    fails("RECORD_STALE", replies, { route, nowMs: NOW, floor: floorAt(NOW) });
    fails("RECORD_EXPIRED", replies, { route, nowMs: NOW });
    fails("RECORD_FORKED", replies, { route, nowMs: NOW - MINUTE });
  });

  it("M8: the route must be that of the context", () => {
    const replies = [answered("a", signed(1, "x"))];
    fails("INPUT_INVALID", replies, { route: routeWith({ id: "other" }) });
    fails("INPUT_INVALID", replies, { route: routeWith({ epoch: 8 }) });
  });
});

describe("the floor", () => {
  const replies = [answered("a", signed(3, "x")), answered("b", signed(2, "w"))];

  it.each<[string, Partial<SelectInput>, number]>([
    ["the given floor", { floor: floorAt(4) }, 4],
    ["the cached floor", { cached: floorAt(4, "y") }, 4],
    ["the route's minVer", { route: routeWith({ minVer: 4 }) }, 4],
    ["the caller's minimum", { minVersion: 4 }, 4],
    ["a floor of a later epoch", { cached: floorAt(1, "y", 8) }, 1],
  ])("M5: below %s is stale", (_, changes, ver) => {
    const error = fails("RECORD_STALE", replies, changes);
    expect(error.details).toMatchObject({ id: "settings", got: { epoch: 7, ver: 3 }, floor: { ver } });
    expect(error.details.attempts.map(({ code }) => code)).toEqual(["answered", "answered"]);
  });

  it.each<[string, Partial<SelectInput>]>([
    ["the given floor", { floor: floorAt(3) }],
    ["the cached floor", { cached: floorAt(3, "x") }],
    ["the route's minVer", { route: routeWith({ minVer: 3 }) }],
    ["the caller's minimum", { minVersion: 3 }],
    ["a floor of an earlier epoch", { cached: floorAt(9, "y", 6) }],
  ])("M5: at %s is not stale", (_, changes) => {
    expect(select(replies, changes).record.ver).toBe(3);
  });
});

describe("forks", () => {
  const x = answered("x", signed(5, "x"));
  const y = answered("y", signed(5, "y"));

  it.each([
    ["x first", [x, y]],
    ["y first", [y, x]],
    ["with an older one between", [x, answered("old", signed(4, "w")), y]],
  ])("M9: two data at the top are RECORD_FORKED in every order: %s", (_, replies) => {
    const { proof } = fails("RECORD_FORKED", replies).details;
    expect(proof).toMatchObject({ network: "regtest", name: "alice", id: "settings", epoch: 7, ver: 5 });
    expect(proof.tenure).toBe(context.tenure);
    expect(verifyForkProof(proof)).toEqual(proof);
  });

  it("M9: data against the cached digest is RECORD_FORKED", () => {
    const { proof } = fails("RECORD_FORKED", [x], { cached: floorAt(5, "y") }).details;
    expect(proof.records[0]).toBe(new TextDecoder().decode(signed(5, "x")));
    expect(proof.records[1]).toContain(digestOf("y"));
  });

  it("M9: a fork below is listed, and healed by a higher version", () => {
    const replies = [x, y, answered("top", signed(6, "z")), answered("old", signed(4, "w"))];
    expect(verdicts(replies)).toEqual([
      ["x", "forked", 5],
      ["y", "forked", 5],
      ["top", "fresh", 6],
      ["old", "behind", 4],
    ]);
    expect(verdicts([x, answered("top", signed(6, "z"))], { cached: floorAt(5, "y") })).toEqual([
      ["x", "forked", 5],
      ["top", "fresh", 6],
    ]);
    expect(verdicts([x, answered("top", signed(6, "z"))], { cached: floorAt(5, "x") })[0]).toEqual(["x", "behind", 5]);
  });

  it("M9: two forms of the same data are no fork", () => {
    const text = new TextDecoder().decode(signed(5, "x"));
    const spaced = answered("spaced", new TextEncoder().encode(` ${text} `));
    expect(verdicts([x, spaced])).toEqual([
      ["x", "fresh", 5],
      ["spaced", "fresh", 5],
    ]);
  });

  it("M9: a fork needs both records to verify", () => {
    expect(select([x, answered("evil", signed(5, "y", { signer: stranger }))]).record.ver).toBe(5);
  });

  it("M9: a fork is not hidden by a predicate that breaks the tie", () => {
    const accept: SelectInput["accept"] = ({ data }) => data[0] === 0x78;
    fails("RECORD_FORKED", [x, y], { accept });
    fails("RECORD_FORKED", [y, x], { accept });
  });
});

describe("versions that are times", () => {
  const route = routeWith({ maxAgeMs: MINUTE });

  it("M10: a record expires after maxAgeMs, not at it", () => {
    const replies = [answered("a", signed(NOW, "x"))];
    expect(select(replies, { route, nowMs: NOW + MINUTE }).record.ver).toBe(NOW);
    const error = fails("RECORD_EXPIRED", replies, { route, nowMs: NOW + MINUTE + 1 });
    expect(error.details).toEqual({ id: "settings", ageMs: MINUTE + 1, maxAgeMs: MINUTE });
  });

  it("M10: a record may be 10 minutes ahead, and is dropped beyond", () => {
    const ahead = answered("ahead", signed(NOW + 10 * MINUTE, "x"));
    const further = answered("further", signed(NOW + 10 * MINUTE + 1, "y"));
    expect(select([ahead], { route, nowMs: NOW }).record.ver).toBe(NOW + 10 * MINUTE);
    fails("RECORD_FROM_FUTURE", [further], { route, nowMs: NOW });
    expect(verdicts([answered("now", signed(NOW, "x")), further], { route, nowMs: NOW })).toEqual([
      ["now", "fresh", NOW],
      ["further", "future", NOW + 10 * MINUTE + 1],
    ]);
  });

  it("M10: versions are plain numbers without maxAgeMs", () => {
    expect(select([answered("a", signed(1, "x"))], { nowMs: NOW }).record.ver).toBe(1);
    expect(select([answered("a", signed(2 ** 53 - 1, "x"))], { nowMs: NOW }).record.ver).toBe(2 ** 53 - 1);
  });
});

describe("the caller's bounds", () => {
  const replies = [answered("a", signed(3, "x")), answered("b", signed(4, "y"))];

  it("M11: what is above the maximum is dropped", () => {
    expect(verdicts(replies, { maxVersion: 3 })).toEqual([
      ["a", "fresh", 3],
      ["b", "refused", 4],
    ]);
    expect(select(replies, { maxVersion: 4 }).record.ver).toBe(4);
  });

  it("M11: what the predicate refuses is dropped, and it is asked once per record", () => {
    let asked = 0;
    const accept: SelectInput["accept"] = ({ ver }) => {
      asked++;
      return ver !== 4;
    };
    expect(verdicts([...replies, answered("c", signed(4, "y"))], { accept })).toEqual([
      ["a", "fresh", 3],
      ["b", "refused", 4],
      ["c", "refused", 4],
    ]);
    asked = 0;
    select([...replies, answered("c", signed(4, "y"))], { accept });
    expect(asked).toBe(2);
  });

  it("M11: the predicate never sees a record that does not verify", () => {
    const seen: number[] = [];
    const accept: SelectInput["accept"] = ({ ver }) => {
      seen.push(ver);
      return true;
    };
    select([forged, ...replies], { accept });
    expect(seen).toEqual([3, 4]);
  });

  it("M11: bounds that leave nothing make the record unavailable", () => {
    const error = fails("RECORD_UNAVAILABLE", replies, { maxVersion: 2 });
    expect(error.details.attempts.map(({ code }) => code)).toEqual(["refused", "refused"]);
    fails("RECORD_UNVERIFIED", [...replies, forged], { accept: () => false });
  });

  it("M11: a maximum does not lower the floor", () => {
    fails("RECORD_STALE", replies, { maxVersion: 3, cached: floorAt(4, "y") });
  });
});
