import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeHex } from "../../src/bytes/hex.js";
import { memoryCache } from "../../src/cache/memory.js";
import type { Cache, Reader, ReaderOptions } from "../../src/index.js";
import { mutableEntry } from "../../src/profile/entry.js";
import { ReaderWorld, routeOf, type TestName } from "../unit/client/reader-world.js";
import { expectCode } from "../unit/storage/expect-code.js";

const NAME = "alice";
const route = routeOf("settings");

/** Real servers whose chain is replaced under readers that hold the old one. */
describe("a reorganisation under a reader", () => {
  let world: ReaderWorld;
  let cache: Cache;
  let warm: Reader;

  beforeEach(async () => {
    world = await ReaderWorld.start();
    cache = memoryCache();
    warm = world.reader({ cache });
  });
  afterEach(() => world.close());

  const again = (options: Partial<ReaderOptions> = {}): Reader => world.reader({ cache, ...options });
  const putProfile = (n: number, epoch = 1): Promise<Uint8Array> =>
    world.putProfile(NAME, { about: { n }, entries: [mutableEntry({ ...route, epoch })] });
  /** A name with a record that the warm reader has read. */
  async function readName(): Promise<TestName> {
    const name = await world.register(NAME, await putProfile(0));
    await world.putRecord(name, route, { ver: 1, data: "one" });
    expect(await warm.getMutable(NAME, route.id)).toMatchObject({ ver: 1, name: { tenure: name.tenure } });
    return name;
  }
  async function raw(txid: string): Promise<Uint8Array> {
    const reply = await fetch(`${world.devnet.sourceUrls[0] ?? ""}/tx/${txid}/raw`);
    return new Uint8Array(await reply.arrayBuffer());
  }
  /** What readers with and without memory of the old branch say, which must be the same. */
  async function told(options: Partial<ReaderOptions> = {}): Promise<unknown> {
    const { name, asOf } = await world.reader(options).getName(NAME);
    for (const reader of [again(options), warm]) {
      const { name: known, asOf: at } = await reader.getName(NAME);
      expect(known).toEqual(name);
      expect([at.height, at.hash]).toEqual([asOf.height, asOf.hash]);
    }
    return name;
  }

  it("V6: what it removed is dropped: a name whose REGISTER vanished is nobody's", async () => {
    await readName();
    const { gone } = await world.devnet.reorg({ depth: 1, drop: true });
    expect(gone).toHaveLength(1);
    expect(await told()).toMatchObject({ status: "free", tenure: null, pending: [] });
    for (const reader of [warm, again(), world.reader()]) {
      expect(await reader.getMutable(NAME, route.id)).toMatchObject({ found: false, why: "no-name" });
      expect(await reader.getProfile(NAME)).toMatchObject({ found: false, why: "no-name" });
    }
  });

  it("V6: a REGISTER that is back in the mempool is pending and not applied, then proven where it is now", async () => {
    const name = await readName();
    const before = await warm.getName(NAME);
    await world.devnet.reorg({ depth: 1 });
    expect(await told()).toMatchObject({ status: "free", tenure: null });
    await world.devnet.mine(1);
    expect(await told()).toMatchObject({ status: "active", tenure: name.tenure });
    const after = await warm.getName(NAME);
    expect([before.name.changesAtHeight, after.name.changesAtHeight]).toEqual([104 + 201, 106 + 201]);
    expect(await warm.getMutable(NAME, route.id)).toMatchObject({ ver: 1 });
  });

  it("V6: an UPDATE that moved to another height and position is proven again, one that vanished is not applied", async () => {
    const name = await readName();
    const first = await world.update(name, await putProfile(1));
    const afterFirst = name.seal;
    await world.update(name, await putProfile(2));
    expect(await warm.getProfile(NAME)).toMatchObject({ profile: { about: { n: 2 } } });
    // The same block now, behind another transaction.
    const { txid } = await world.devnet.faucet(world.key.p2tr, 50_000n);
    await world.devnet.reorg({ depth: 3, transactions: [await raw(txid)], remine: true });
    expect(await told()).toMatchObject({ status: "active", unsealed: null });
    expect(await warm.getProfile(NAME)).toMatchObject({ profile: { about: { n: 2 } } });
    await world.devnet.reorg({ depth: 4, drop: [name.seal.txid] });
    await world.devnet.mine(1);
    expect(await told()).toMatchObject({ status: "active", unsealed: null });
    expect(await warm.getProfile(NAME)).toMatchObject({ profile: { about: { n: 1 } } });
    expect(afterFirst.txid).toBe(first);
  });

  it("C5, V5: an earlier REGISTER on the new branch wins, though the reader once knew that there was none", async () => {
    const rival = await world.register(NAME, null, world.key.p2wpkh);
    const own = await world.register(NAME, await putProfile(0));
    const [rivalRegister, ownRegister] = [await raw(rival.seal.txid), await raw(own.seal.txid)];
    // Without both REGISTERs; the PREORDERs stay, and the later one's owner is first to register.
    await world.devnet.reorg({ depth: 4, drop: [rival.seal.txid, own.seal.txid] });
    await world.devnet.mine(1);
    await world.devnet.submit(ownRegister);
    expect(await told()).toMatchObject({ tenure: own.tenure, ownerScript: encodeHex(world.key.p2tr) });
    // Now the rival's comes first, and ours is mined again behind it: the same transaction, and nothing any more.
    await world.devnet.reorg({ depth: 1, transactions: [rivalRegister] });
    await world.devnet.mine(1);
    expect(await told()).toMatchObject({ tenure: rival.tenure, ownerScript: encodeHex(world.key.p2wpkh) });
    for (const reader of [warm, again()]) {
      expect(await reader.getMutable(NAME, route.id)).toMatchObject({ found: false, why: "no-profile" });
    }
  });

  it("C8, C7: a seal's spend or a RELEASE that vanished is undone", async () => {
    const name = await readName();
    const { seal } = name;
    await world.spendSeal(name);
    expect(await told()).toMatchObject({ unsealed: { height: 105 } });
    await world.devnet.reorg({ depth: 1, drop: true });
    expect(await told()).toMatchObject({ status: "active", unsealed: null });
    name.seal = seal;
    await world.release(name);
    expect(await told()).toMatchObject({ status: "released" });
    await world.devnet.reorg({ depth: 1, drop: true });
    expect(await told()).toMatchObject({ status: "active", tenure: name.tenure });
    expect(await warm.getMutable(NAME, route.id)).toMatchObject({ ver: 1 });
  });

  it("V6: at three confirmations a reorganisation of two blocks changes no answer", async () => {
    const options = { minConfirmations: 3 };
    const name = await world.register(NAME, await putProfile(0));
    await world.devnet.mine(2);
    warm = world.reader({ cache, ...options });
    const before = await warm.getName(NAME);
    expect(before).toMatchObject({ found: true, asOf: { height: 104 } });
    await world.devnet.reorg({ depth: 2, drop: true });
    const after = await warm.getName(NAME);
    expect(after.asOf.height).toBe(105);
    expect(after.name).toEqual(before.name);
    await world.update(name, await putProfile(1));
    expect((await warm.getName(NAME)).name.pending).toHaveLength(1);
    await world.devnet.reorg({ depth: 1, drop: true });
    expect((await warm.getName(NAME)).name).toEqual(before.name);
    expect(await told(options)).toMatchObject({ pending: [] });
  });

  it("V4: a source that stays on the losing branch witnesses nothing", async () => {
    await readName();
    world.devnet.tamper({ source: 1, how: "freeze" });
    await world.devnet.reorg({ depth: 1, drop: true });
    for (const reader of [warm, again(), world.reader()]) {
      const error = await expectCode("CHAIN_UNAVAILABLE", reader.getName(NAME));
      expect(error.details).toMatchObject({ needed: 2 });
    }
    for (const reader of [again({ minSources: 1 }), world.reader({ minSources: 1 })]) {
      const free = await reader.getName(NAME);
      expect(free).toMatchObject({ found: false, name: { status: "free" }, asOf: { partial: true } });
      expect(free.asOf.sources.map(({ verdict }) => verdict)).toEqual(["agreed", "other-chain"]);
    }
    world.devnet.tamper({ source: 1, how: "honest" });
    expect(await told()).toMatchObject({ status: "free" });
  });

  it("V1: a reader that knows the better branch is not led back to the one that lost", async () => {
    await readName();
    for (const source of [0, 1]) world.devnet.tamper({ source, how: "freeze" });
    await world.devnet.reorg({ depth: 1, drop: true });
    // So far nobody tells of the new branch.
    expect(await warm.getName(NAME)).toMatchObject({ found: true });
    world.devnet.tamper({ source: 0, how: "honest" });
    const single = { minSources: 1 };
    expect(await again(single).getName(NAME)).toMatchObject({ found: false, name: { status: "free" } });
    // Now only the old branch is served: that is no answer, with the headers of the better one at hand.
    world.devnet.tamper({ source: 0, how: "down" });
    await expectCode("CHAIN_UNAVAILABLE", again(single).getName(NAME));
    await expectCode("CHAIN_UNAVAILABLE", again(single).getMutable(NAME, route.id));
  });

  it("V6, M5: a floor of a route that was removed gives a typed error, never an older value, until one epoch raise", async () => {
    const name = await readName();
    const { seal } = name;
    const raised = { ...route, epoch: 50 };
    await world.update(name, await putProfile(1, 50));
    await world.putRecord(name, raised, { ver: 1, data: "second life" });
    expect(await warm.getMutable(NAME, route.id)).toMatchObject({ route: { epoch: 50 }, ver: 1 });
    await world.devnet.reorg({ depth: 1, drop: true });
    expect(await world.reader().getMutable(NAME, route.id)).toMatchObject({ route: { epoch: 1 }, ver: 1 });
    for (const reader of [warm, again()]) {
      expect(await reader.getProfile(NAME)).toMatchObject({ profile: { about: { n: 0 } } });
      const error = await expectCode("RECORD_STALE", reader.getMutable(NAME, route.id));
      expect(error.details).toMatchObject({ floor: { epoch: 50, ver: 1 } });
    }
    // A greater version under the old epoch does not help.
    await world.putRecord(name, route, { ver: 9, data: "nine" });
    await expectCode("RECORD_STALE", warm.getMutable(NAME, route.id));
    name.seal = seal;
    await world.update(name, await putProfile(2, 51));
    await world.putRecord(name, { ...route, epoch: 51 }, { ver: 1, data: "third life" });
    for (const reader of [warm, again(), world.reader()]) {
      const found = await reader.getMutable(NAME, route.id);
      expect(found).toMatchObject({ found: true, route: { epoch: 51 }, ver: 1 });
    }
  });
});
