import { describe, expect, it } from "vitest";
import { Evidence } from "../../../src/chain/evidence.js";
import type { Seat } from "../../../src/chain/union.js";
import { Inquiry } from "../../../src/name/inquiry.js";
import { nothingStored } from "../../../src/name/stored-name.js";
import type { Frontier } from "../../../src/name/thread.js";
import type { Outspend } from "../../../src/ports.js";
import { panelOf } from "../chain/seats.js";
import { buildTransaction, p2pkh, World } from "./builder.js";
import { MinedChain, sourceOf, type Twist } from "./chain-world.js";
import { read, verdicts } from "./reading.js";

const world = new World();
const { register } = world.register(3);
const mined = MinedChain.of(world, 6);
const best = mined.headerChain();
const fork = MinedChain.of(world, 6, { onto: { chain: mined, upTo: 4 }, version: 5 }).headerChain();
const frontier = world.frontier(6);
const other = "ab".repeat(32);

/** What is known after a source on `chain` answered for the seal, and for the beacon unless told otherwise. */
async function answered(
  spend: Outspend,
  on: Partial<Seat> = {},
  asked: { readonly beacon?: boolean; readonly seals?: Frontier["seals"] } = {},
): Promise<boolean> {
  const source = sourceOf("a", mined, () => ({ outspend: () => Promise.resolve(spend) }));
  const { panel, clock, seats } = panelOf([source]);
  const { network, name } = world;
  const input = { network, name, sources: [source], clock, chain: best, stored: nothingStored };
  const rest = { minSources: 1, minConfirmations: 1, requireAllSources: false };
  const inquiry = new Inquiry({ ...input, ...rest }, panel, new Evidence(panel));
  Object.assign(seats[0], { chain: best, reach: 6, ...on });
  await inquiry.askSeals(panel.seats, asked.seals ?? frontier.seals);
  if (asked.beacon !== false) await inquiry.askBeacon(panel.seats, null);
  return inquiry.answeredAll(seats[0], frontier, best);
}

describe("V5: whether a source answered every absence", () => {
  it("V5: it did when it calls the seal unspent and gave the beacon's history", async () => {
    expect(frontier.seals).toMatchObject([{ outpoint: { txid: register.txid } }]);
    expect(await answered({ spent: false })).toBe(true);
    expect(await answered({ spent: false }, {}, { beacon: false })).toBe(false);
    expect(await answered({ spent: false }, {}, { seals: [] })).toBe(false);
  });

  it("V5: it did not when it calls the seal spent in the best chain, whoever proves that", async () => {
    for (const height of [0, 5, 6]) expect(await answered({ spent: true, txid: other, height })).toBe(false);
  });

  it("V6: a spend in the mempool or above the tip is none in the best chain", async () => {
    expect(await answered({ spent: true, txid: other, height: null })).toBe(true);
    expect(await answered({ spent: true, txid: other, height: 7 })).toBe(true);
  });

  it("V4: nor is one in a block of another branch that the source follows", async () => {
    const spend = { spent: true, txid: other, height: 5 } as const;
    expect(await answered(spend, { chain: fork })).toBe(true);
    expect(await answered({ ...spend, height: 4 }, { chain: fork })).toBe(false);
    // Above what is known of its chain the block may be ours.
    expect(await answered(spend, { chain: fork, reach: 4 })).toBe(false);
    expect(await answered(spend, { chain: null, reach: -1 })).toBe(false);
  });
});

describe("V4: entries of the beacon", () => {
  const naming =
    (entry: { readonly txid: string; readonly height: number }): Twist =>
    (honest) => ({ history: async (script) => [...(await honest.history(script)), entry] });

  async function verdictOn(entry: { readonly txid: string; readonly height: number }): Promise<string | undefined> {
    const sources = [sourceOf("a", mined, naming(entry)), sourceOf("b", mined)];
    const found = await read({ world, sources, minSources: 1 });
    expect(found.state.status).toBe("active");
    return verdicts(found)["a"];
  }

  it("V4: one that is no operation is nobody's lie", async () => {
    expect(await verdictOn({ txid: mined.txids(4)[0] ?? "", height: 4 })).toBe("agreed");
  });

  it("V4: one at the checkpoint is nobody's lie, since nothing can be proven there", async () => {
    expect(await verdictOn({ txid: other, height: 0 })).toBe("agreed");
    expect(await verdictOn({ txid: other, height: 1 })).toBe("lied");
  });

  it("V4: one above the tip is nobody's lie, since it may be there soon", async () => {
    expect(await verdictOn({ txid: other, height: 7 })).toBe("agreed");
    expect(await verdictOn({ txid: other, height: 6 })).toBe("lied");
  });
});

describe("V5: spends of the seal", () => {
  const seal = { txid: register.txid, vout: 1 };

  it("V5: what failed once is asked again", async () => {
    let failures = 0;
    const once: Twist = (honest) => ({
      outspend: (outpoint, script) =>
        failures++ === 0 ? Promise.reject(new Error("once")) : honest.outspend(outpoint, script),
    });
    const found = await read({ world, sources: [sourceOf("a", mined, once), sourceOf("b", mined)] });
    expect(failures).toBeGreaterThan(1);
    expect(verdicts(found)).toEqual({ a: "agreed", b: "agreed" });
  });

  it("V6: one that is said to be mined and that nobody proves is not shown as one in the mempool", async () => {
    const forged = buildTransaction({ inputs: [seal], outputs: [{ valueSats: 1n, script: p2pkh }] });
    const claiming =
      (height: number | null): Twist =>
      (honest) => ({
        outspend: () => Promise.resolve({ spent: true, txid: forged.txid, height }),
        transaction: (txid) => (txid === forged.txid ? Promise.resolve(forged.raw) : honest.transaction(txid)),
      });
    const pending = async (height: number | null): Promise<readonly string[]> => {
      const sources = [sourceOf("a", mined, claiming(height)), sourceOf("b", mined)];
      return (await read({ world, sources, minSources: 1 })).pending.map(({ txid }) => txid);
    };
    expect(await pending(5)).toEqual([]);
    expect(await pending(null)).toEqual([forged.txid]);
  });
});
