import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { memoryCache } from "../../src/cache/memory.js";
import { bitcoinCore } from "../../src/chain/sources/bitcoin-core.js";
import { electrum } from "../../src/chain/sources/electrum.js";
import type { ChainSource } from "../../src/ports.js";
import { ALL_INDEXES, startBitcoind } from "./daemons/bitcoind.js";
import { type Btcd, startBtcd } from "./daemons/btcd.js";
import { eventually } from "./daemons/daemon.js";
import { startElectrumX } from "./daemons/electrumx.js";
import { type EsploraMirror, startEsploraMirror } from "./esplora-mirror.js";
import { NodeWorld } from "./node-world.js";
import { Opened } from "./opened.js";

const NAME = "alice";

describe("a reorganisation by a second btcd with the longer chain", () => {
  const open = new Opened();
  /** Of every kind, over the node that reorganises. */
  let sources: readonly ChainSource[];
  let world: NodeWorld;
  let other: Btcd;
  let mirror: EsploraMirror;

  beforeAll(async () => {
    world = open.use(await NodeWorld.start());
    other = open.use(await startBtcd({ miningAddress: world.minerAddress }));
    mirror = open.use(await startEsploraMirror(world.rpc));
    const core = open.use(await startBitcoind({ args: ALL_INDEXES, peer: world.btcd.peerAddress }));
    world.followers.push(core.rpc);
    await world.mine(1);
    const electrumX = open.use(await startElectrumX({ rpc: core.rpc }));
    const { user, password } = world.rpc;
    sources = [
      mirror.source,
      bitcoinCore(world.rpc.url, { user, password, label: "btcd" }),
      bitcoinCore(core.rpc.url, { cookieFile: core.cookieFile, label: "core" }),
      open.use(electrum(electrumX.tcpUrl, { label: "electrumx" })),
    ];
  });

  afterAll(() => open.close());

  /** Until every source names the tip of btcd. */
  const followed = async (): Promise<void> => {
    for (const source of sources) await world.synced(async () => (await source.tip()).hash);
  };

  const bestHash = (node: Btcd): Promise<string> => node.rpc.call<string>("getbestblockhash");
  const meet = async (): Promise<void> => {
    await other.rpc.call("addnode", world.btcd.peerAddress, "onetry");
    await eventually("one chain", async () => (await bestHash(other)) === (await bestHash(world.btcd)));
  };
  const part = async (): Promise<void> => {
    await other.rpc.call("node", "disconnect", world.btcd.peerAddress);
    const isAlone = async (): Promise<boolean> => (await other.rpc.call<number>("getconnectioncount")) === 0;
    await eventually("the connection's end", isAlone);
  };

  it("V6: takes back what it removed, shows it as pending, and applies it where it is mined again", async () => {
    const alice = await world.person();
    const writer = world.writer(alice, [mirror.source]);
    await writer.registerName(NAME);
    await writer.putMutable(NAME, "settings", utf8("first"));
    await meet();
    await part();

    const reader = world.reader(sources, { cache: memoryCache(), minSources: sources.length });
    const { txids } = await writer.updateProfile(NAME, { about: { written: "twice" } });
    await followed();
    const shown = await reader.getProfile(NAME);
    expect(shown.found && shown.profile.about).toEqual({ written: "twice" });
    const mined = await world.height();

    await other.rpc.call("generate", 6);
    const longer = await bestHash(other);
    await meet();
    expect(await bestHash(world.btcd)).toBe(longer);
    await followed();

    const after = await reader.getProfile(NAME);
    expect(after.found && after.profile.about).toEqual({});
    expect(after).toMatchObject({ asOf: { hash: longer }, name: { pending: [{ txid: txids[0] }] } });
    const record = await reader.getMutable(NAME, "settings");
    expect(record.found && new TextDecoder().decode(record.data)).toBe("first");

    await world.mine(1);
    await followed();
    const again = await reader.getProfile(NAME);
    expect(again.found && again.profile.about).toEqual({ written: "twice" });
    expect(await world.height()).toBeGreaterThan(mined + 1);
  });

  it("V1: a shorter chain of the other node changes nothing", async () => {
    await part();
    const reader = world.reader([mirror.source]);
    await world.mine(3);
    const before = await reader.getName(NAME);
    await other.rpc.call("generate", 2);
    await meet();
    const after = await reader.getName(NAME);
    expect(after.asOf.hash).toBe(before.asOf.hash);
  });
});
