import { describe, expect, it } from "vitest";
import { type ReadPolicy, readByPolicy } from "../../../src/client/policy.js";
import {
  cacheMiss,
  type ErrorCode,
  type ErrorDetails,
  errorCodes,
  HawserError,
  isHawserError,
} from "../../../src/errors.js";
import { expectCode } from "../storage/expect-code.js";

type Outcome = string | Error;

const failing = (code: ErrorCode): HawserError => new HawserError(code, "It failed.", {} as ErrorDetails[ErrorCode]);
const miss = cacheMiss("name", "alice");
const codes = Object.keys(errorCodes) as ErrorCode[];

/** Runs a read that ends so over the network and so offline; gives its end and what was tried. */
async function run(policy: ReadPolicy | undefined, network: Outcome, offline: Outcome) {
  const tried: string[] = [];
  const end = await readByPolicy(policy, async (isOffline) => {
    tried.push(isOffline ? "cache" : "network");
    const outcome = isOffline ? offline : network;
    if (typeof outcome === "string") return outcome;
    throw outcome;
  }).catch((error: unknown) => error);
  return { end, tried };
}

describe("readByPolicy", () => {
  it.each([undefined, "network" as const])("V5: %s never looks into the cache", async (policy) => {
    expect(await run(policy, "fresh", "kept")).toEqual({ end: "fresh", tried: ["network"] });
    for (const code of codes) {
      const error = failing(code);
      expect(await run(policy, error, "kept"), code).toEqual({ end: error, tried: ["network"] });
    }
  });

  it("V5: cache-only never asks the network", async () => {
    expect(await run("cache-only", "fresh", "kept")).toEqual({ end: "kept", tried: ["cache"] });
    for (const error of [miss, new Error("mine"), ...codes.map(failing)]) {
      expect(await run("cache-only", "fresh", error)).toEqual({ end: error, tried: ["cache"] });
    }
  });

  it("cache-first asks the network where the cache has no good answer", async () => {
    expect(await run("cache-first", "fresh", "kept")).toEqual({ end: "kept", tried: ["cache"] });
    expect(await run("cache-first", "fresh", miss)).toEqual({ end: "fresh", tried: ["cache", "network"] });
    const askedAfter: ErrorCode[] = [];
    for (const code of codes) {
      const { tried } = await run("cache-first", "fresh", failing(code));
      if (tried.length === 2) askedAfter.push(code);
    }
    const expected = codes.filter(
      (code) => errorCodes[code].outcome === "wrong" || code === "CACHE_MISS" || /^[A-Z]+_UNSUPPORTED/.test(code),
    );
    expect(askedAfter).toEqual(expected);
    expect(askedAfter).toContain("RECORD_STALE");
    expect(askedAfter).not.toContain("CACHE_CORRUPT");
    expect(askedAfter).not.toContain("NETWORK_ABORTED");
    const mine = new Error("mine");
    expect(await run("cache-first", "fresh", mine)).toEqual({ end: mine, tried: ["cache"] });
  });

  it("V5, M7: network-first takes the cache's answer for an outage alone", async () => {
    expect(await run("network-first", "fresh", "kept")).toEqual({ end: "fresh", tried: ["network"] });
    for (const code of codes) {
      const error = failing(code);
      const { end } = await run("network-first", error, "kept");
      const isOutage = error.outcome === "unknown" && !code.startsWith("CACHE_") && code !== "NETWORK_ABORTED";
      expect(end, code).toBe(isOutage ? "kept" : error);
    }
    const mine = new Error("mine");
    expect(await run("network-first", mine, "kept")).toEqual({ end: mine, tried: ["network"] });
  });

  it("M5: network-first never covers data that is wrong by what the cache holds", async () => {
    for (const code of codes.filter((one) => errorCodes[one].outcome === "wrong")) {
      expect((await run("network-first", failing(code), "kept")).tried, code).toEqual(["network"]);
    }
  });

  it("network-first tells of the outage where the cache has no answer either", async () => {
    const outage = failing("CHAIN_UNAVAILABLE");
    for (const error of [miss, failing("RECORD_STALE"), failing("NAME_OWNER_CHANGED"), new Error("mine")]) {
      expect(await run("network-first", outage, error)).toEqual({ end: outage, tried: ["network", "cache"] });
    }
  });

  it("M9: network-first tells of a fork that the cache proves rather than of the outage", async () => {
    const fork = failing("RECORD_FORKED");
    expect((await run("network-first", failing("RECORD_UNAVAILABLE"), fork)).end).toBe(fork);
  });

  it.each(["", "cache", "Network", "toString", 7, null])("the policy %j is INPUT_INVALID", async (policy) => {
    const read = (): Promise<string> => Promise.resolve("read");
    const error = await expectCode("INPUT_INVALID", readByPolicy(policy as ReadPolicy, read));
    expect(error.details.argument).toBe("policy");
  });

  it("a miss is an unknown that may be mended", () => {
    expect(isHawserError(miss, "CACHE_MISS")).toBe(true);
    expect([miss.outcome, miss.retry, miss.details]).toEqual(["unknown", "yes", { what: "name", which: "alice" }]);
  });
});
