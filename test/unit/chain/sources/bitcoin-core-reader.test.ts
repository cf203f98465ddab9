import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bitcoinCore } from "../../../../src/chain/sources/bitcoin-core.js";
import { esplora } from "../../../../src/chain/sources/esplora.js";
import { encodeResult } from "../../../../src/json.js";
import type { ChainSource } from "../../../../src/ports.js";
import { mutableEntry } from "../../../../src/profile/entry.js";
import type { ViewedChain } from "../../../doubles/chain-view.js";
import { type CoreDouble, type CoreFeatures, startCoreDouble } from "../../../doubles/core-server.js";
import { devnetFeed } from "../../../doubles/devnet-feed.js";
import { IndexedChain } from "../../../doubles/indexed-chain.js";
import { ReaderWorld, routeOf } from "../../client/reader-world.js";
import { TestKey } from "../../devnet/wallet.js";
import { servers } from "./core-world.js";

let world: ReaderWorld;
let chain: ViewedChain;
const doubles: CoreDouble[] = [];

beforeAll(async () => {
  world = await ReaderWorld.start();
  const { name: alice, route } = await world.registerWithRecord("alice");
  await world.update(alice, await world.putProfile("alice", { entries: [mutableEntry(route)], about: { two: 2 } }));
  await world.update(alice, await world.putProfile("alice", { entries: [mutableEntry(routeOf("settings"))] }));
  const bob = await world.register("bob");
  await world.transfer(bob, new TestKey("heir").p2wpkh, new Uint8Array(32));
  await world.spendSeal(await world.register("carol"));
  await world.release(await world.register("dave"));
  // A second life of a name, after the first one's rest.
  const first = await world.register("erin");
  await world.release(first);
  await world.devnet.mine(6);
  await world.register("erin");
  const indexed = new IndexedChain(devnetFeed(world.devnet.sourceUrls[0] ?? ""));
  const view = await indexed.read();
  chain = { read: () => Promise.resolve(view), submit: (raw) => indexed.submit(raw) };
});
afterAll(async () => {
  await Promise.all(doubles.map((double) => double.close()));
  await world.close();
});

async function core(features: Partial<CoreFeatures>): Promise<{ source: ChainSource; double: CoreDouble }> {
  const double = await startCoreDouble(chain, features);
  doubles.push(double);
  const { user, password } = double;
  return { double, source: bitcoinCore(double.url, { user, password }) };
}

/** Everything that a reader tells of the names, but who told it and how old the tip is. */
async function told(sources: readonly ChainSource[]): Promise<string> {
  const reader = world.reader({ sources });
  const answers: unknown[] = [];
  for (const name of ["alice", "bob", "carol", "dave", "erin", "nobody"]) {
    const result = await reader.getName(name);
    expect(result.asOf.sources.map(({ verdict }) => verdict)).toEqual(sources.map(() => "agreed"));
    const { value } = encodeResult("name", { ...result, asOf: { ...result.asOf, tipAgeMs: 0, sources: [] } });
    answers.push(value);
  }
  const record = await reader.getMutable("alice", "settings");
  answers.push(record.found && [record.ver, record.record]);
  return JSON.stringify(answers);
}

describe("a reader over bitcoinCore", () => {
  let expected: string;
  beforeAll(async () => {
    expected = await told([esplora(world.devnet.sourceUrls[0] ?? "")]);
  });

  it.each(Object.entries(servers))("tells the same of every name by %s alone as by Esplora", async (_, features) => {
    const { source } = await core(features);
    expect(await told([source])).toBe(expected);
  });

  it("tells the same by Core, btcd and Esplora together", async () => {
    const [first, second] = [await core({ rest: false, txIndex: false }), await core({ kind: "btcd" })];
    expect(await told([first.source, esplora(world.devnet.sourceUrls[1] ?? ""), second.source])).toBe(expected);
  });

  it("V5: a Core without block filters has not answered, and says what to set; the others go on", async () => {
    const { source, double } = await core({ filterIndex: false });
    const reader = world.reader({ sources: [source, esplora(world.devnet.sourceUrls[1] ?? "")], minSources: 1 });
    const result = await reader.getName("alice");
    expect(result.found).toBe(true);
    expect(result.asOf.partial).toBe(true);
    expect(result.asOf.sources[0]).toMatchObject({
      label: double.host,
      verdict: "unreachable",
      reason: { code: "CHAIN_SOURCE_UNABLE" },
    });
    const alone = world.reader({ sources: [source] }).getName("alice");
    await expect(alone).rejects.toMatchObject({
      code: "CHAIN_UNAVAILABLE",
      details: { attempts: [{ label: double.host, code: "CHAIN_SOURCE_UNABLE" }] },
    });
    await expect(alone).rejects.toSatisfy((error) => JSON.stringify(error).includes("blockfilterindex=1"));
  });

  it("asks a warm read's source for tip and spend alone", async () => {
    const { source, double } = await core({});
    const reader = world.reader({ sources: [source] });
    await reader.getName("alice");
    double.requests.length = 0;
    double.calls.length = 0;
    await reader.getName("alice");
    expect(double.requests).toHaveLength(2);
    expect(double.calls.map(({ method }) => method).sort()).toEqual([
      "getblockchaininfo",
      "gettxout",
      "gettxspendingprevout",
    ]);
  });
});
