import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import type { StoredTransaction } from "../../../src/chain/evidence.js";
import { type HawserError, isHawserError } from "../../../src/errors.js";
import {
  decodeStoredName,
  encodeStoredName,
  mergeStoredNames,
  nothingStored,
  type StoredName,
  storedNameKey,
} from "../../../src/name/stored-name.js";
import { numRuns } from "../../property/runs.js";

const bytes = fc.uint8Array({ maxLength: 80 });
const count = fc.maxSafeNat();
const transaction: fc.Arbitrary<StoredTransaction> = fc.record({
  raw: bytes,
  height: count,
  position: count,
  branch: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 3 }),
});
const txid = fc.constantFrom("ab".repeat(32), "cd".repeat(32));
const label = fc.constantFrom("a", "b", "https://c.example/api", "ünïcode");
const storedName: fc.Arbitrary<StoredName> = fc.record({
  readAt: fc.option(fc.record({ height: count, hash: txid, tipHeight: count, agreed: count })),
  transactions: fc.array(transaction, { maxLength: 3 }),
  coinbases: fc.array(transaction, { maxLength: 2 }),
  previous: fc.array(bytes, { maxLength: 2 }),
  beacon: fc.option(
    fc.record({
      register: txid,
      checkedAtMs: fc.array(fc.tuple(label, count), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    }),
  ),
});

function failureOf(run: () => unknown): HawserError {
  try {
    run();
  } catch (error) {
    if (isHawserError(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("a name between reads", () => {
  it("comes back as it was kept", () => {
    fc.assert(
      fc.property(storedName, (stored) => {
        expect(decodeStoredName(encodeStoredName(stored), "k")).toEqual(stored);
      }),
      { numRuns },
    );
    expect(decodeStoredName(encodeStoredName(nothingStored), "k")).toEqual({ ...nothingStored, readAt: null });
  });

  it("V5: a read that failed leaves the mark of the last complete one, which the next complete one takes over", () => {
    const at = (height: number) => ({ height, hash: "ab".repeat(32), tipHeight: height, agreed: 2 });
    const kept = { ...nothingStored, readAt: at(5) };
    expect(mergeStoredNames(kept, { ...nothingStored, readAt: null }, kept).readAt).toEqual(at(5));
    expect(mergeStoredNames(kept, { ...nothingStored, readAt: at(6) }, kept).readAt).toEqual(at(6));
    expect(mergeStoredNames(kept, nothingStored, nothingStored).readAt ?? null).toBeNull();
  });

  it("throws CACHE_CORRUPT and nothing else where it is damaged", () => {
    fc.assert(
      fc.property(storedName, fc.nat(), fc.nat(255), fc.boolean(), (stored, at, byte, cut) => {
        const encoded = encodeStoredName(stored);
        const index = at % encoded.length;
        const damaged = encoded.slice(0, cut ? index : encoded.length);
        if (!cut) damaged[index] = byte;
        try {
          decodeStoredName(damaged, "k");
        } catch (error) {
          expect(error).toMatchObject({ code: "CACHE_CORRUPT", details: { key: "k" } });
        }
      }),
      { numRuns: 8 * numRuns },
    );
  });

  const whole = {
    v: 1,
    transactions: [{ raw: "00", height: 1, position: 2, branch: ["00"] }],
    coinbases: [],
    previous: ["00"],
    beacon: { register: "ab", checkedAtMs: [["a", 5]] },
  };
  const [one] = whole.transactions;

  it.each([
    ["another version", { ...whole, v: 2 }],
    ["no version", { ...whole, v: undefined }],
    ["a list", [whole]],
    ["null", null],
    ["no transactions", { ...whole, transactions: undefined }],
    ["a transaction that is none", { ...whole, transactions: [7] }],
    ["bytes that are no hex", { ...whole, transactions: [{ ...one, raw: "0g" }] }],
    ["half a byte", { ...whole, transactions: [{ ...one, raw: "000" }] }],
    ["no bytes", { ...whole, transactions: [{ ...one, raw: null }] }],
    ["a negative height", { ...whole, transactions: [{ ...one, height: -1 }] }],
    ["a height in words", { ...whole, coinbases: [{ ...one, height: "1" }] }],
    ["a position below 0", { ...whole, coinbases: [{ ...one, position: -1 }] }],
    ["no branch", { ...whole, transactions: [{ ...one, branch: "00" }] }],
    ["a branch of numbers", { ...whole, transactions: [{ ...one, branch: [0] }] }],
    ["coinbases that are no list", { ...whole, coinbases: {} }],
    ["previous transactions that are no hex", { ...whole, previous: [true] }],
    ["a REGISTER that is no text", { ...whole, beacon: { ...whole.beacon, register: 7 } }],
    ["no list of times", { ...whole, beacon: { ...whole.beacon, checkedAtMs: 7 } }],
    ["a time that is no pair", { ...whole, beacon: { ...whole.beacon, checkedAtMs: [7] } }],
    ["a label that is no text", { ...whole, beacon: { ...whole.beacon, checkedAtMs: [[7, 7]] } }],
    ["a time before 1970", { ...whole, beacon: { ...whole.beacon, checkedAtMs: [["a", -7]] } }],
    ["a time that is left out", { ...whole, beacon: { ...whole.beacon, checkedAtMs: [["a"]] } }],
  ])("throws for %s", (_, json) => {
    expect(() => decodeStoredName(utf8(JSON.stringify(whole)), "k")).not.toThrow();
    const error = failureOf(() => decodeStoredName(utf8(JSON.stringify(json)), "name/regtest/alice"));
    expect(error).toMatchObject({ code: "CACHE_CORRUPT", details: { key: "name/regtest/alice" } });
  });

  it("has a key of its own on each network", () => {
    expect(storedNameKey("regtest", "alice")).toBe("name/regtest/alice");
  });
});

describe("what is kept after reads at the same time", () => {
  const tx = (n: number, height = n): StoredTransaction => {
    return { raw: Uint8Array.of(n), height, position: 1, branch: [] };
  };
  const stored = (...transactions: readonly StoredTransaction[]): StoredName => ({ ...nothingStored, transactions });
  const checked = (times: Readonly<Record<string, number>>, register = "ab"): StoredName => {
    return { ...nothingStored, beacon: { register, checkedAtMs: new Map(Object.entries(times)) } };
  };
  const timesOf = ({ beacon }: StoredName): Readonly<Record<string, number>> | null =>
    beacon === null ? null : Object.fromEntries(beacon.checkedAtMs);

  it("is what this read found and what another one added", () => {
    const merged = mergeStoredNames(stored(tx(1)), stored(tx(1), tx(2)), stored(tx(1), tx(3)));
    expect(merged.transactions).toEqual([tx(1), tx(2), tx(3)]);
  });

  it("V6: is not what this read found to be out of the chain", () => {
    const merged = mergeStoredNames(stored(tx(1), tx(2)), stored(tx(1)), stored(tx(1), tx(2)));
    expect(merged.transactions).toEqual([tx(1)]);
  });

  it("V6: holds a transaction at every place where it was found", () => {
    const merged = mergeStoredNames(stored(tx(1, 5)), stored(tx(1, 6)), stored(tx(1, 5), tx(1, 7)));
    expect(merged.transactions).toEqual([tx(1, 6), tx(1, 7)]);
    const position = { ...tx(1), position: 2 };
    expect(mergeStoredNames(stored(), stored(tx(1)), stored(position)).transactions).toEqual([tx(1), position]);
  });

  it("goes for coinbases and previous transactions as well", () => {
    const [a, b, c] = [1, 2, 3].map((n) => ({ coinbases: [tx(n)], previous: [Uint8Array.of(n)] }));
    const merged = mergeStoredNames({ ...nothingStored, ...a }, { ...nothingStored, ...b }, { ...nothingStored, ...c });
    expect(merged.coinbases).toEqual([tx(2), tx(3)]);
    expect(merged.previous).toEqual([Uint8Array.of(2), Uint8Array.of(3)]);
    const gone = mergeStoredNames({ ...nothingStored, ...a }, nothingStored, { ...nothingStored, ...a });
    expect(gone).toEqual(nothingStored);
  });

  it("V5: holds the latest time for each source", () => {
    const merged = mergeStoredNames(nothingStored, checked({ a: 5, b: 5 }), checked({ b: 7, c: 3, a: 4 }));
    expect(timesOf(merged)).toEqual({ a: 5, b: 7, c: 3 });
    expect(merged.beacon?.register).toBe("ab");
  });

  it("V5: holds no time that this read began with and did not keep", () => {
    const merged = mergeStoredNames(checked({ a: 5, b: 5 }), checked({ a: 9 }), checked({ a: 5, b: 5, c: 6 }));
    expect(timesOf(merged)).toEqual({ a: 9, c: 6 });
    expect(timesOf(mergeStoredNames(checked({ b: 5 }, "cd"), checked({ a: 9 }), checked({ b: 5 })))).toEqual({
      a: 9,
      b: 5,
    });
  });

  it("V5: holds no times of another REGISTER", () => {
    expect(timesOf(mergeStoredNames(nothingStored, checked({ a: 5 }), checked({ b: 7 }, "cd")))).toEqual({ a: 5 });
    expect(timesOf(mergeStoredNames(nothingStored, checked({ a: 5 }), nothingStored))).toEqual({ a: 5 });
    expect(timesOf(mergeStoredNames(nothingStored, nothingStored, checked({ b: 7 })))).toBeNull();
  });
});
