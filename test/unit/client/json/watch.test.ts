import { describe, expect, it } from "vitest";
import { decodeWatchEvent, encodeWatchEvent } from "../../../../src/client/json/watch.js";
import { HawserError, isHawserError, type WatchChange, type WatchEvent } from "../../../../src/index.js";

const asOf = {
  height: 5,
  hash: "ab".repeat(32),
  time: 1,
  tipHeight: 5,
  tipAgeMs: 1,
  partial: true,
  weakStart: false,
  signaturesUnchecked: false,
  sources: [
    {
      label: "a",
      verdict: "unreachable" as const,
      reason: { code: "NETWORK_TIMEOUT", message: "late", restsForMs: 5 },
    },
  ],
};
const name = {
  status: "active" as const,
  unsealed: null,
  tenure: "cd".repeat(32),
  ownerScript: "5120",
  ownerKey: null,
  profileHash: null,
  changesAtHeight: 300,
  pending: [],
};
const result = { found: true as const, name, asOf, from: "network" as const };
const changes: readonly WatchChange[] = [
  { what: "block", height: 5, hash: "ab".repeat(32), tipHeight: 5 },
  { what: "reorganisation", height: 4 },
  { what: "operation", txid: "cd".repeat(32), kind: null, height: null, applied: false },
  { what: "withdrawn", txid: "cd".repeat(32), kind: "update" },
  { what: "name", members: ["status", "ownerScript"] },
  { what: "record", epoch: null, ver: null },
  { what: "recovered" },
];
const error = new HawserError("CHAIN_UNAVAILABLE", "No.", { needed: 1, answered: 0, attempts: [] });
const events: readonly WatchEvent[] = [
  { type: "present", result },
  { type: "changed", changes, result },
  { type: "failed", error, failures: 2, retryInMs: 2_000 },
];
const throughText = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;

describe("events of a watch as JSON", () => {
  it.each(events.map((event) => [event.type, event] as const))("%s comes back as it was", (_, event) => {
    const decoded = decodeWatchEvent("name", throughText(encodeWatchEvent("name", event)));
    if (event.type !== "failed") expect(decoded).toEqual(event);
    else {
      expect(decoded).toMatchObject({ type: "failed", failures: 2, retryInMs: 2_000 });
      expect(decoded.type === "failed" && isHawserError(decoded.error, "CHAIN_UNAVAILABLE")).toBe(true);
    }
  });

  it("refuses what is none, with unknown changes, or of another kind", () => {
    const json = encodeWatchEvent("name", { type: "changed", changes, result });
    const present = encodeWatchEvent("name", { type: "present", result });
    const bad: readonly unknown[] = [
      null,
      {},
      { ...json, hawserWatch: 2 },
      { ...json, type: "other" },
      { ...json, changes: [{ what: "block" }] },
      { ...json, changes: [{ what: "name", members: ["pending"] }] },
      { ...json, more: 1 },
      { ...present, result: { ...result } },
      { ...present, changes: [] },
    ];
    for (const one of bad) {
      expect(() => decodeWatchEvent("name", throughText(one))).toThrow(
        expect.objectContaining({ code: "INPUT_JSON_INVALID" }),
      );
    }
    expect(() => decodeWatchEvent("mutable", throughText(present))).toThrow(HawserError);
    const event = { type: "changed", changes: [{ what: "moon" }], result } as unknown as WatchEvent;
    expect(() => encodeWatchEvent("name", event)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
  });
});
