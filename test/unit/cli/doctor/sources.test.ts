import { describe, expect, it } from "vitest";
import { networks } from "../../../../src/chain/network.js";
import type { Finding } from "../../../../src/cli/doctor/finding.js";
import { checkSources, type SourcesCheck } from "../../../../src/cli/doctor/sources.js";
import { GENESIS_TIME_SEC } from "../../chain/mining.js";
import { FakeClock } from "../../fake-clock.js";
import { World } from "../../name/builder.js";
import { MinedChain, sourceOf, unreachable } from "../../name/chain-world.js";

const world = new World();
world.register(3);
const chain = MinedChain.of(world, 20);
const TIP_MS = (GENESIS_TIME_SEC + 600 * 20) * 1_000;

function check(changes: Partial<SourcesCheck>): Promise<readonly Finding[]> {
  return checkSources({
    sources: [sourceOf("a", chain), sourceOf("b", chain)],
    network: networks.regtest,
    clock: new FakeClock(TIP_MS + 60_000),
    minSources: 2,
    minConfirmations: 1,
    maxTipAgeMs: 3_600_000,
    storedHeight: 0,
    ...changes,
  });
}

/** The checks of one source that are not ok, with their levels. */
const troubles = (findings: readonly Finding[], subject: string): readonly string[] =>
  findings.filter((one) => one.subject === subject && one.level !== "ok").map((one) => `${one.check} ${one.level}`);

describe("the checks of chain sources", () => {
  it("find nothing about sources that agree, and say what was looked at", async () => {
    const findings = await check({});
    expect(findings.filter(({ level }) => level !== "ok")).toEqual([]);
    const checks = (subject: string): unknown =>
      findings.filter((one) => one.subject === subject).map((one) => one.check);
    expect(checks("a")).toEqual(["reachable", "network", "tip age", "agreement"]);
    expect(checks("2 named")).toEqual(["enough", "headers"]);
  });

  it("one that does not answer", async () => {
    const down = sourceOf("b", chain, () => ({ tip: () => Promise.reject(unreachable("b")) }));
    const findings = await check({ sources: [sourceOf("a", chain), down] });
    expect(troubles(findings, "b")).toEqual(["reachable bad"]);
    expect(troubles(findings, "2 named")).toEqual(["enough bad"]);
    expect(findings.find(({ subject }) => subject === "b")?.message).toContain("NETWORK_UNREACHABLE");
  });

  it("one of another network, by name where it is known", async () => {
    const other = sourceOf("b", chain, (honest) => ({
      headers: async (start, count) => {
        const headers = (await honest.headers(start, count)).slice();
        if (start === 0) headers[4] = 1;
        return headers;
      },
    }));
    const findings = await check({ sources: [sourceOf("a", chain), other] });
    expect(troubles(findings, "b")).toEqual(["network bad"]);
    expect(troubles(findings, "2 named")).toEqual(["enough bad"]);
    const mainnet = await check({ network: networks.mainnet, maxTipAgeMs: null });
    expect(mainnet.find(({ check: what }) => what === "network")?.message).toBe("It serves regtest, not mainnet.");
  });

  it("one whose newest block is old, and one that is behind", async () => {
    const old = await check({ clock: new FakeClock(TIP_MS + 3_600_001) });
    expect(troubles(old, "a")).toEqual(["tip age bad"]);
    const none = await check({ clock: new FakeClock(TIP_MS + 3_600_001), maxTipAgeMs: null });
    expect(troubles(none, "a")).toEqual([]);
    const upTo = (height: number) => sourceOf("b", MinedChain.of(world, height, { onto: { chain, upTo: height } }));
    expect(troubles(await check({ sources: [sourceOf("a", chain), upTo(19)] }), "b")).toEqual([]);
    expect(troubles(await check({ sources: [sourceOf("a", chain), upTo(18)] }), "b")).toEqual(["behind warn"]);
  });

  it("one that sends another header than that of its tip", async () => {
    const odd = sourceOf("b", chain, (honest) => ({
      tip: async () => ({ ...(await honest.tip()), hash: "11".repeat(32) }),
    }));
    expect(troubles(await check({ sources: [sourceOf("a", chain), odd] }), "b")).toEqual(["tip age bad"]);
  });

  it("one on another chain", async () => {
    const fork = MinedChain.of(world, 20, { onto: { chain, upTo: 10 }, version: 5 });
    const findings = await check({ sources: [sourceOf("a", chain), sourceOf("b", fork), sourceOf("c", chain)] });
    expect(["a", "b", "c"].map((label) => troubles(findings, label))).toEqual([
      ["agreement bad"],
      ["agreement bad"],
      ["agreement bad"],
    ]);
    const advice = (label: string): string | undefined =>
      findings.find((one) => one.subject === label && one.check === "agreement")?.advice;
    expect([advice("a"), advice("b")]).toEqual(["One of them is on another chain.", "Most others disagree with it."]);
  });

  it("one that is alone, and headers that are far behind", async () => {
    const alone = await check({ sources: [sourceOf("a", chain)], minSources: 1 });
    expect(troubles(alone, "1 named")).toEqual(["enough warn"]);
    const far = await check({ storedHeight: 20 - 2_017 });
    expect(troubles(far, "2 named")).toEqual(["headers warn"]);
    expect(troubles(await check({ storedHeight: 20 - 2_016 }), "2 named")).toEqual([]);
  });
});
