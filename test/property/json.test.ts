import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorShapes } from "../../src/client/json/error-shapes.js";
import type { Results } from "../../src/client/json/result-shapes.js";
import { decodeTagged, encodeTagged } from "../../src/client/json/tagged.js";
import { type ErrorCode, errorCodes, HawserError, isHawserError } from "../../src/errors.js";
import { decodeError, decodeResult, encodeError, encodeResult } from "../../src/json.js";
import { anyEntry, anyProfile } from "./profile-arbitraries.js";
import { numRuns } from "./runs.js";

const throughText = (json: unknown, replace?: (name: string, value: unknown) => unknown): unknown => {
  return JSON.parse(JSON.stringify(json, replace));
};
const withoutBigint = (_: string, value: unknown): unknown => (typeof value === "bigint" ? null : value);
const fail = (reason: string): Error => new Error(reason);

const memberName = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom("$bytes", "$bigint", "$object", "$undefined", "$number", "$", "__proto__", "constructor"),
);
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom<unknown>(null, true, false, undefined, Number.NaN, -0, Number.NEGATIVE_INFINITY, "$bytes", ""),
    fc.double(),
    fc.string({ unit: "binary" }),
    fc.bigInt(),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc
      .uniqueArray(fc.tuple(memberName, tie("value")), { maxLength: 4, selector: ([name]) => name })
      .map((members) => Object.fromEntries(members)),
  ),
}));

const hex = (bytes: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));
const txid = hex(32);
const count = fc.oneof(fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER));
const label = fc.string({ unit: "grapheme", maxLength: 8 });
const labels = fc.array(label, { maxLength: 3 });
const from = fc.constantFrom("network" as const, "cache" as const);

const state = {
  status: fc.constantFrom("free" as const, "active" as const, "grace" as const, "released" as const),
  unsealed: fc.option(fc.record({ txid, height: count })),
  tenure: fc.option(txid),
  ownerScript: fc.option(hex(22)),
  ownerKey: fc.option(txid),
  profileHash: fc.option(txid),
  changesAtHeight: fc.option(count),
};
const pending = fc.record({ txid, kind: fc.option(label), height: fc.option(count), reportedBy: labels });
const name = fc.record({ ...state, pending: fc.array(pending, { maxLength: 2 }) });
const block = {
  height: count,
  hash: txid,
  time: count,
  tipHeight: count,
  weakStart: fc.boolean(),
  signaturesUnchecked: fc.boolean(),
};
const verdict = fc.constantFrom("agreed" as const, "behind" as const, "other-network" as const, "lied" as const);
const reason = fc.record({ code: label, message: label, restsForMs: count }, { requiredKeys: ["code", "message"] });
const sources = fc.array(fc.record({ label, verdict, reason }, { requiredKeys: ["label", "verdict"] }), {
  maxLength: 3,
});
const asOf = fc.record({ ...block, tipAgeMs: count, partial: fc.boolean(), sources });
const read = { found: fc.constant(true as const), name, asOf, from };
const notFound = fc.record({
  found: fc.constant(false as const),
  why: fc.constantFrom("no-name" as const, "no-profile" as const, "not-in-index" as const),
  name,
  asOf,
  from,
});

const route = anyEntry.filter((entry) => entry.kind === "mutable").map((entry) => entry.route);
const content = anyEntry.filter((entry) => entry.kind === "immutable").map((entry) => entry.content);
const data = fc.uint8Array({ maxLength: 50 });
const recordMembers = { id: label, data, ver: count, sig: hex(64) };
const replica = fc.record({
  label,
  verdict: fc.constantFrom("fresh" as const, "refused" as const, "absent" as const),
  ver: fc.option(count),
  reason: fc.option(label),
});
const attempts = fc.array(fc.record({ label, code: label, message: label }), { maxLength: 2 });
const entries = fc.array(anyEntry, { maxLength: 3 });
const attempt = fc.option(fc.record({ label, code: label, message: label }));
const itemPath = fc.option(label);
const audited = {
  path: itemPath,
  replicas: fc.array(
    fc.record({
      label,
      url: fc.option(label),
      public: fc.boolean(),
      verdict: fc.constantFrom("present" as const, "behind" as const, "unknown" as const),
      ver: fc.option(count),
      attempt,
    }),
    { maxLength: 3 },
  ),
  skipped: fc.option(fc.record({ code: label, message: label })),
};
const outcome = fc.constantFrom("stored" as const, "moved" as const, "unavailable" as const);
const mirrored = { path: itemPath, outcomes: fc.array(fc.record({ label, outcome, attempt }), { maxLength: 3 }) };
const nodeAt = { kind: fc.constant("node" as const), hash: hex(32), prefix: label };
const profileAt = { kind: fc.constant("profile" as const), hash: hex(32) };
const objectAt = { kind: fc.constant("object" as const), key: label };
const recordAt = { kind: fc.constant("record" as const), id: label, epoch: count };
const amounts = { stored: count, held: count, moved: count, failed: count, unavailable: count, bytes: count };
const providers = fc.array(fc.record({ label, ...amounts }), { maxLength: 3 });
const mirrorMembers = { profileHash: hex(32), complete: fc.boolean(), resumed: fc.boolean(), providers };

const results: { readonly [Kind in keyof Results]: fc.Arbitrary<Results[Kind]> } = {
  name: fc.oneof(fc.record(read), notFound),
  profile: fc.oneof(fc.record({ ...read, profile: anyProfile }), notFound),
  mutable: fc.oneof(
    fc.record({
      ...read,
      data,
      ver: count,
      record: fc.record(recordMembers),
      route,
      replicas: fc.array(replica, { maxLength: 3 }),
    }),
    notFound,
  ),
  immutable: fc.oneof(fc.record({ ...read, data, key: label, content, attempts }), notFound),
  list: fc.oneof(fc.record({ ...read, entries }), notFound),
  audited: fc.oneof(
    fc.record({ ...profileAt, ...audited }),
    fc.record({ ...nodeAt, ...audited }),
    fc.record({ ...recordAt, newestVer: fc.option(count), ...audited }),
    fc.record({ ...objectAt, ...audited }),
  ),
  mirrored: fc.oneof(
    fc.record({ ...profileAt, ...mirrored }),
    fc.record({ ...nodeAt, ...mirrored }),
    fc.record({ ...recordAt, ver: fc.option(count), ...mirrored }),
    fc.record({ ...objectAt, ...mirrored }),
  ),
  mirror: fc.oneof(fc.record({ ...read, ...mirrorMembers }), notFound),
  export: fc.oneof(fc.record({ ...read, bundle: data }), notFound),
  bundle: fc.record({
    complete: fc.constant(false as const),
    registrationPinned: fc.boolean(),
    network: fc.constantFrom("mainnet" as const, "testnet4" as const, "signet" as const, "regtest" as const),
    name: label,
    register: txid,
    state: fc.record(state),
    asOf: fc.record({ ...block, tipAgeMs: fc.option(count) }),
    profile: fc.option(anyProfile),
    record: fc.option(fc.record({ ...recordMembers, route })),
    object: fc.option(fc.record({ key: label, data, content })),
  }),
};

/** What a shape of zod describes, as far as the details of errors use it. */
interface Shape {
  readonly _zod: {
    readonly def: {
      readonly type: string;
      readonly shape?: Readonly<Record<string, Shape>>;
      readonly element?: Shape;
      readonly innerType?: Shape;
      readonly items?: readonly Shape[];
      readonly entries?: Readonly<Record<string, string>>;
      readonly values?: readonly unknown[];
    };
  };
}

function valueOf({ _zod: { def } }: Shape): fc.Arbitrary<unknown> {
  const { type, shape = {}, element, innerType, items = [], entries: words = {}, values = [] } = def;
  if (type === "string") return label;
  if (type === "custom") return fc.oneof(fc.double(), count);
  if (type === "literal") return fc.constantFrom(...values);
  if (type === "optional" && innerType !== undefined) return fc.option(valueOf(innerType), { nil: undefined });
  if (type === "enum") return fc.constantFrom(...Object.values(words));
  if (type === "tuple") return fc.tuple(...items.map(valueOf));
  if (type === "array" && element !== undefined) return fc.array(valueOf(element), { maxLength: 3 });
  if (type === "nullable" && innerType !== undefined) return fc.option(valueOf(innerType));
  if (type !== "object") throw new Error(`no values of a ${type}`);
  return fc.record(Object.fromEntries(Object.entries(shape).map(([member, own]) => [member, valueOf(own)])));
}

function anyErrorOf(code: ErrorCode): fc.Arbitrary<HawserError> {
  const details = valueOf(errorShapes[code]) as fc.Arbitrary<never>;
  return fc.tuple(label, details).map(([message, own]) => new HawserError(code, message, own));
}

function expectSame(decoded: unknown, error: HawserError): void {
  if (!isHawserError(decoded, error.code)) expect.fail(`expected ${error.code}`);
  expect(decoded).toBeInstanceOf(HawserError);
  const membersOf = ({ code, message, details, outcome, retry }: HawserError): unknown => {
    return { code, message, details, outcome, retry };
  };
  expect(membersOf(decoded)).toEqual(membersOf(error));
}

describe("values as JSON", () => {
  it("come back as they were, whatever they look like", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        deepStrictEqual(decodeTagged(throughText(encodeTagged(value, fail)), fail), value);
      }),
      { numRuns: 20 * numRuns },
    );
  });

  it("any JSON is decoded to what encodes to it, or refused", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const json: unknown = throughText([value], withoutBigint);
        let decoded: unknown;
        try {
          decoded = decodeTagged(json, fail);
        } catch (error) {
          expect((error as Error).message).toMatch(/^(holds|is) /);
          return;
        }
        deepStrictEqual(throughText(encodeTagged(decoded, fail)), json);
      }),
      { numRuns: 20 * numRuns },
    );
  });
});

describe("results as JSON", () => {
  it.each(Object.keys(results) as (keyof Results)[])("a result of the kind %s comes back as it was", (kind) => {
    fc.assert(
      fc.property(results[kind] as fc.Arbitrary<Results["name"]>, (result) => {
        const json = encodeResult(kind as "name", result);
        expect(decodeResult(kind as "name", throughText(json))).toEqual(result);
      }),
      { numRuns },
    );
  });

  it("a result with any one member left out, added or exchanged is refused or means the same kind of thing", () => {
    fc.assert(
      fc.property(results.mutable, anyValue, fc.nat(), (result, other, at) => {
        const members = Object.keys(result);
        const member = members[at % members.length] ?? "found";
        const value = { ...result, [member]: other };
        const json = { hawserResult: 1, kind: "mutable", value: encodeTagged(value, fail) };
        try {
          expect(decodeResult("mutable", throughText(json))).toEqual(value);
        } catch (error) {
          expect(isHawserError(error, "INPUT_JSON_INVALID")).toBe(true);
        }
      }),
      { numRuns: 4 * numRuns },
    );
  });
});

describe("errors as JSON", () => {
  it.each(Object.keys(errorCodes) as ErrorCode[])("%s comes back with its details", (code) => {
    fc.assert(
      fc.property(anyErrorOf(code), (error) => {
        expectSame(decodeError(throughText(encodeError(error))), error);
      }),
      { numRuns: Math.ceil(numRuns / 5) },
    );
  });

  it("anything else is refused by INPUT_JSON_INVALID", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        for (const decode of [decodeError, (json: unknown) => decodeResult("name", json)]) {
          try {
            decode(value);
            expect.fail("not refused");
          } catch (error) {
            expect(isHawserError(error, "INPUT_JSON_INVALID")).toBe(true);
          }
        }
      }),
      { numRuns: 10 * numRuns },
    );
  });
});
