import { describe, expect, it } from "vitest";
import type { HeaderChain } from "../../../src/chain/header-chain.js";
import { type Network, type NetworkId, networks } from "../../../src/chain/network.js";
import { askTips, syncHeaders } from "../../../src/chain/sync-headers.js";
import { limits } from "../../../src/limits.js";
import type { ChainSource } from "../../../src/ports.js";
import { World } from "../name/builder.js";
import { MinedChain, never, sourceOf, type Twist, unreachable } from "../name/chain-world.js";
import { attemptCodes, failureOf, read, readOutcome, verdicts } from "../name/reading.js";
import { genesisHeaders, HALF_BITS } from "./mining.js";
import { nothingHeld, panelOf } from "./seats.js";

const world = new World();
/** What sources of any network serve here; which one it is, its block 0 tells. */
const served = MinedChain.of(world, 60);

/** A source whose block 0 is that of a network and whose other blocks no checkpoint is among. */
function sourceFrom(label: string, id: NetworkId | null, twist: Twist = () => ({})): Asked {
  const starts: number[] = [];
  const source = sourceOf(label, served, (honest) => {
    const twisted = { ...honest, ...twist(honest) };
    return {
      ...twisted,
      headers: (start, count, options) => {
        starts.push(start);
        if (start === 0 && id !== null) return Promise.resolve(genesisHeaders[id]);
        return twisted.headers(start, count, options);
      },
    };
  });
  return Object.assign(source, { starts });
}

type Asked = ReturnType<typeof sourceOf> & { readonly starts: readonly number[] };

async function sync(
  sources: readonly ChainSource[],
  stored: HeaderChain,
): Promise<ReturnType<typeof panelOf>["seats"]> {
  const { panel, seats } = panelOf(sources);
  expect((await syncHeaders(panel, await askTips(panel), stored)).tipHash).toBe(stored.tipHash);
  return seats;
}

/** A network whose checkpoint none of the served blocks is. */
function above(height: number, id: NetworkId): Network {
  return { ...networks[id], checkpoint: { ...networks[id].checkpoint, height, hash: "77".repeat(32), header: null } };
}

const ids = ["mainnet", "testnet4", "signet", "regtest"] as const;
const pairs = ids.flatMap((expected) => ids.filter((id) => id !== expected).map((found) => [expected, found] as const));

describe("V1: a source of another network", () => {
  it.each(pairs)("V1: a reader of %s names a source of %s", async (expected, found) => {
    // Below the checkpoint of a real network, and far above that of a low one.
    const networksToRead = expected === "regtest" ? [above(20, expected)] : [networks[expected], above(20, expected)];
    for (const network of networksToRead) {
      const source = sourceFrom("a", found);
      const [seat] = await sync([source], nothingHeld(network));
      expect(seat).toMatchObject({
        chain: null,
        gone: true,
        failure: {
          code: "CHAIN_NETWORK_MISMATCH",
          outcome: "input",
          retry: "changed",
          message: `Expected sources of ${expected}: a serves ${found}.`,
          details: {
            expected,
            found: [{ source: "a", network: found, genesisHash: networks[found].genesisHash }],
          },
        },
      });
    }
  });

  it("V1: one that hawser does not know is named by its block 0", async () => {
    const unknown: Twist = (honest) => ({
      headers: (start, count) => honest.headers(start === 0 ? 9 : start, count),
    });
    const [seat] = await sync([sourceFrom("a", null, unknown)], nothingHeld(networks.signet));
    expect(seat.failure).toMatchObject({
      code: "CHAIN_NETWORK_MISMATCH",
      message: `Expected sources of signet: a serves a network that begins with block ${served.hashAt(9)}.`,
      details: { expected: "signet", found: [{ source: "a", network: null, genesisHash: served.hashAt(9) }] },
    });
  });

  it("V1: is found out with a handful of questions, whatever it says, and asked no more", async () => {
    const tall: Twist = (honest) => ({
      tip: async () => ({ ...(await honest.tip()), height: 2_000_000, recentHeaders: new Uint8Array() }),
      headers: () => honest.headers(7, 1),
    });
    const held = served.headerChain();
    const source = sourceFrom("a", "testnet4", tall);
    const [seat] = await sync([source], held);
    expect(seat.failure?.code).toBe("CHAIN_NETWORK_MISMATCH");
    expect(source.starts).toEqual([61, 60, 44, 12, 1, 0]);
  });
});

describe("V1: a source of the right network", () => {
  it("V1: that has not reached the checkpoint is behind, not on a fork", async () => {
    const source = sourceFrom("a", "mainnet");
    const [seat] = await sync([source], nothingHeld(networks.mainnet));
    expect(seat).toMatchObject({
      chain: null,
      gone: true,
      failure: {
        code: "CHAIN_SOURCE_BEHIND",
        outcome: "unknown",
        retry: "yes",
        message: "a is at block 60, below the checkpoint at 953567: it may still be syncing.",
        details: { source: "a", tipHeight: 60, checkpointHeight: 953_567 },
      },
    });
    expect(source.starts).toEqual([0]);
  });

  it("V1: that is at the checkpoint's height with another block forks below it", async () => {
    for (const height of [60, 59, 20]) {
      const source = sourceFrom("a", "signet");
      const [seat] = await sync([source], nothingHeld(above(height, "signet")));
      expect(seat.failure).toMatchObject({
        code: "CHAIN_WORK_INSUFFICIENT",
        message: "a forks below the checkpoint.",
        details: { work: "0", minimumWork: "0" },
      });
    }
  });

  it("V1: that does not give its block 0 is judged by its height", async () => {
    const refusing: Twist = (honest) => ({
      headers: (start, count) => (start === 0 ? Promise.reject(unreachable("a")) : honest.headers(start, count)),
    });
    const [behind] = await sync([sourceFrom("a", null, refusing)], nothingHeld(networks.mainnet));
    expect(behind.failure?.code).toBe("CHAIN_SOURCE_BEHIND");
    const [forked] = await sync([sourceFrom("a", null, refusing)], nothingHeld(above(20, "mainnet")));
    expect(forked.failure?.code).toBe("CHAIN_WORK_INSUFFICIENT");
  });

  it("V1: that hangs when it is asked for its block 0 has timed out", async () => {
    const hanging: Twist = (honest) => ({
      headers: (start, count) => (start === 0 ? never() : honest.headers(start, count)),
    });
    for (const network of [networks.mainnet, above(20, "mainnet")]) {
      const { panel, clock, seats } = panelOf([sourceFrom("a", null, hanging)]);
      const syncing = syncHeaders(panel, await askTips(panel), nothingHeld(network));
      await clock.advance(limits.sourceTimeoutMs);
      await syncing;
      expect(seats[0].failure?.code).toBe("NETWORK_TIMEOUT");
    }
  });

  it("V1: is never asked for its block 0", async () => {
    const fork = MinedChain.of(world, 64, { onto: { chain: served, upTo: 10 }, version: 5 });
    for (const chain of [served, fork, MinedChain.of(world, 30, { onto: { chain: served, upTo: 30 } })]) {
      for (const height of [0, 10, 40, 60]) {
        const starts: number[] = [];
        const source = sourceOf("a", chain, (honest) => ({
          headers: (start, count) => {
            starts.push(start);
            return honest.headers(start, count);
          },
        }));
        const { panel, seats } = panelOf([source]);
        await syncHeaders(panel, await askTips(panel), served.headerChain(networks.regtest, height));
        expect(seats[0].chain).not.toBeNull();
        expect(starts).not.toContain(0);
      }
    }
  });

  it("V1: whose tip is the checkpoint itself needs no question at all", async () => {
    const checkpoint = { ...networks.signet.checkpoint, height: 60, hash: served.hashAt(60) };
    const source = sourceFrom("a", "signet");
    const [seat] = await sync([source], nothingHeld({ ...networks.signet, checkpoint }));
    expect(seat).toMatchObject({ reach: 60, failure: null });
    expect(source.starts).toEqual([]);
  });
});

describe("V5: a read with sources of another network", () => {
  const low = {
    ...networks.signet,
    powLimitBits: networks.regtest.powLimitBits,
    protocolStart: 2_016,
    checkpoint: { ...networks.signet.checkpoint, height: 2_015 },
  };
  const base = MinedChain.of(world, 2_015);
  const network: Network = { ...low, checkpoint: { ...low.checkpoint, hash: base.hashAt(2_015) } };
  const reading = new World(network);
  reading.register(2_020);
  const right = MinedChain.of(reading, 2_030, {
    onto: { chain: base, upTo: 2_015 },
    header: () => ({ bits: HALF_BITS }),
  });
  const foreign = (label: string, id: NetworkId): ChainSource => sourceFrom(label, id);

  it("V5: succeeds where enough others answer, and says so", async () => {
    const sources = [foreign("a", "mainnet"), sourceOf("b", right), foreign("c", "signet")];
    const found = await read({ world: reading, sources, minSources: 1 });
    expect(found.state.status).toBe("active");
    expect(found.asOf.partial).toBe(true);
    expect(verdicts(found)).toEqual({ a: "other-network", b: "agreed", c: "behind" });
  });

  it("V5: keeps the reason among the attempts where too few others answer", async () => {
    const sources = [foreign("a", "mainnet"), sourceOf("b", right), foreign("c", "signet")];
    const error = await failureOf("CHAIN_UNAVAILABLE", { world: reading, sources });
    expect(attemptCodes(error)).toEqual({ a: "CHAIN_NETWORK_MISMATCH", c: "CHAIN_SOURCE_BEHIND" });
    expect(error.details.attempts[0]?.message).toBe("Expected sources of signet: a serves mainnet.");
  });

  it("V5: fails with the reason itself where no source is of the network that is read", async () => {
    for (const sources of [[foreign("a", "mainnet")], [foreign("a", "mainnet"), foreign("b", "mainnet")]]) {
      const error = await failureOf("CHAIN_NETWORK_MISMATCH", { world: reading, sources });
      expect(error.details.expected).toBe("signet");
      expect(error.details.found.map(({ source }) => source)).toEqual(sources.map(({ label }) => label));
    }
    const mixed = [foreign("a", "mainnet"), foreign("b", "regtest")];
    const error = await failureOf("CHAIN_NETWORK_MISMATCH", { world: reading, sources: mixed });
    expect(error.message).toBe("Expected sources of signet: a serves mainnet, b serves regtest.");
  });

  it("V5: a source that gave no answer may be of the right network", async () => {
    const silent = sourceOf("b", served, () => ({ tip: () => Promise.reject(unreachable("b")) }));
    const error = await failureOf("CHAIN_UNAVAILABLE", {
      world: reading,
      sources: [foreign("a", "mainnet"), silent],
    });
    expect(attemptCodes(error)).toEqual({ a: "CHAIN_NETWORK_MISMATCH", b: "NETWORK_UNREACHABLE" });
  });

  it("V5: what a reader has stored survives such a read", async () => {
    const first = await readOutcome({ world: reading, sources: [sourceOf("b", right)] });
    const outcome = await readOutcome({ world: reading, sources: [foreign("a", "mainnet")], after: first });
    expect(outcome.result).toMatchObject({ code: "CHAIN_NETWORK_MISMATCH" });
    expect(outcome.chain.tipHash).toBe(right.hashAt(2_030));
    expect(outcome.stored.transactions).toHaveLength(first.stored.transactions.length);
  });
});
