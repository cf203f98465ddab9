import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ErrorCode, isHawserError } from "../../src/errors.js";
import { type ReplicaVerdict, selectRecord } from "../../src/mutable/select.js";
import { verifyForkProof } from "../../src/mutable/verify-fork.js";
import type { ReplicaReply } from "../../src/route/fetch.js";
import {
  absent,
  answered,
  floorAt,
  routeWith,
  selectInput,
  signed,
  stranger,
  unreachable,
} from "../unit/mutable/world.js";
import { numRuns } from "./runs.js";

/** Each run checks several signatures. */
const timeoutMs = 60_000 + numRuns * 500;

/** What a simulated replica does; versions and data are small so that equal ones meet. */
type Behaviour =
  | { readonly kind: "honest"; readonly ver: number; readonly data: "x" | "y" }
  | { readonly kind: "forged" | "other-epoch" | "other-id" | "other-name" | "noise" | "absent" | "unreachable" };

const honest = fc.record({
  kind: fc.constant("honest" as const),
  ver: fc.integer({ min: 1, max: 4 }),
  data: fc.constantFrom("x", "x", "x", "y"),
}) as fc.Arbitrary<Behaviour>;
const liar = fc.constantFrom<Behaviour>(
  { kind: "forged" },
  { kind: "other-epoch" },
  { kind: "other-id" },
  { kind: "other-name" },
  { kind: "noise" },
  { kind: "absent" },
  { kind: "unreachable" },
);

const bodies = new Map<string, Uint8Array>();
function once(key: string, make: () => Uint8Array): Uint8Array {
  const body = bodies.get(key) ?? make();
  bodies.set(key, body);
  return body;
}

function replyOf(behaviour: Behaviour, label: string): ReplicaReply {
  switch (behaviour.kind) {
    case "honest": {
      const { ver, data } = behaviour;
      return answered(
        label,
        once(`${ver}${data}`, () => signed(ver, data)),
      );
    }
    case "forged":
      return answered(
        label,
        once("forged", () => signed(9, "evil", { signer: stranger })),
      );
    case "other-epoch":
      return answered(
        label,
        once("epoch", () => signed(9, "old life", { context: { epoch: 6 } })),
      );
    case "other-id":
      return answered(
        label,
        once("id", () => signed(9, "other", { context: { id: "other" } })),
      );
    case "other-name":
      return answered(
        label,
        once("name", () => signed(9, "other", { context: { name: "bob" } })),
      );
    case "noise":
      return answered(label, new TextEncoder().encode(`{"id":"settings"}`));
    case "absent":
      return absent(label);
    case "unreachable":
      return unreachable(label);
  }
}

type Result = { readonly ver: number; readonly data: string; readonly replicas: readonly ReplicaVerdict[] } | ErrorCode;

function run(behaviours: readonly Behaviour[], floorVer: number, cachedData: "x" | "y" | null): Result {
  const replies = behaviours.map((behaviour, i) => replyOf(behaviour, String(i)));
  const cached = floorVer === 0 ? null : floorAt(floorVer, cachedData);
  try {
    const { record, replicas } = selectRecord(selectInput(replies, { cached, route: routeWith() }));
    return { ver: record.ver, data: new TextDecoder().decode(record.data), replicas };
  } catch (error) {
    if (!isHawserError(error)) throw error;
    if (isHawserError(error, "RECORD_FORKED")) {
      const { records } = error.details.proof;
      if (!records[1].includes("sha256")) verifyForkProof(error.details.proof);
    }
    return error.code;
  }
}

/** The same question answered in the plainest way. */
function expected(behaviours: readonly Behaviour[], floorVer: number, cachedData: "x" | "y" | null) {
  const valid = behaviours.flatMap((behaviour) => (behaviour.kind === "honest" ? [behaviour] : []));
  if (valid.length === 0) {
    const answers = behaviours.some(({ kind }) => kind !== "absent" && kind !== "unreachable");
    return answers ? "RECORD_UNVERIFIED" : "RECORD_UNAVAILABLE";
  }
  const ver = Math.max(...valid.map((behaviour) => behaviour.ver));
  if (ver < floorVer) return "RECORD_STALE";
  const data = new Set<string>(valid.flatMap((behaviour) => (behaviour.ver === ver ? [behaviour.data] : [])));
  if (ver === floorVer && cachedData !== null) data.add(cachedData);
  return data.size > 1 ? "RECORD_FORKED" : { ver, data: [...data][0] };
}

const worlds = fc.tuple(
  fc.array(fc.oneof(honest, liar), { maxLength: 7 }),
  fc.integer({ min: 0, max: 5 }),
  fc.constantFrom(null, "x" as const, "y" as const),
);

describe("with any mix of replicas", () => {
  it(
    "M8: the result is the highest valid version or the right error",
    () => {
      fc.assert(
        fc.property(worlds, ([behaviours, floorVer, cachedData]) => {
          const result = run(behaviours, floorVer, cachedData);
          const want = expected(behaviours, floorVer, cachedData);
          if (typeof want === "string") expect(result).toBe(want);
          else expect(result).toMatchObject(want);
        }),
        { numRuns: numRuns * 4 },
      );
    },
    timeoutMs,
  );

  it(
    "M8: the order of the replicas has no influence, and each has one verdict",
    () => {
      const shuffled = worlds.chain(([behaviours, floorVer, cachedData]) =>
        fc.tuple(
          fc.constant(behaviours),
          fc.shuffledSubarray(behaviours, { minLength: behaviours.length }),
          fc.constant(floorVer),
          fc.constant(cachedData),
        ),
      );
      fc.assert(
        fc.property(shuffled, ([one, other, floorVer, cachedData]) => {
          const a = run(one, floorVer, cachedData);
          const b = run(other, floorVer, cachedData);
          if (typeof a === "string" || typeof b === "string") {
            expect(a).toBe(b);
            return;
          }
          expect([a.ver, a.data]).toEqual([b.ver, b.data]);
          expect(a.replicas.map(({ label }) => label)).toEqual(one.map((_, i) => String(i)));
          const count = (verdicts: readonly ReplicaVerdict[]) =>
            verdicts.map(({ verdict, ver }) => `${verdict} ${ver}`).sort();
          expect(count(a.replicas)).toEqual(count(b.replicas));
        }),
        { numRuns: numRuns * 4 },
      );
    },
    timeoutMs,
  );

  it(
    "M8: liars alone change nothing that honest replicas prove",
    () => {
      fc.assert(
        fc.property(fc.array(honest, { minLength: 1, maxLength: 4 }), fc.array(liar, { maxLength: 6 }), (good, bad) => {
          const a = run(good, 0, null);
          const b = run([...bad, ...good], 0, null);
          if (typeof a === "string" || typeof b === "string") expect(a).toBe(b);
          else expect([a.ver, a.data]).toEqual([b.ver, b.data]);
        }),
        { numRuns: numRuns * 4 },
      );
    },
    timeoutMs,
  );
});
