import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { memoryCache } from "../../src/cache/memory.js";
import { type Btcd, startBtcd } from "./daemons/btcd.js";
import { eventually } from "./daemons/daemon.js";
import { type EsploraMirror, startEsploraMirror } from "./esplora-mirror.js";
import { NodeWorld } from "./node-world.js";

const NAME = "alice";

describe("a reorganisation by a second btcd with the longer chain", () => {
  let world: NodeWorld;
  let other: Btcd;
  let mirror: EsploraMirror;

  beforeAll(async () => {
    world = await NodeWorld.start();
    other = await startBtcd({ miningAddress: world.minerAddress });
    mirror = await startEsploraMirror(world.rpc);
  });

  afterAll(async () => {
    await mirror[Symbol.asyncDispose]();
    await other.stop();
    await world[Symbol.asyncDispose]();
  });

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

    const reader = world.reader([mirror.source], { cache: memoryCache() });
    const { txids } = await writer.updateProfile(NAME, { about: { written: "twice" } });
    const shown = await reader.getProfile(NAME);
    expect(shown.found && shown.profile.about).toEqual({ written: "twice" });
    const mined = await world.height();

    await other.rpc.call("generate", 6);
    const longer = await bestHash(other);
    await meet();
    expect(await bestHash(world.btcd)).toBe(longer);

    const after = await reader.getProfile(NAME);
    expect(after.found && after.profile.about).toEqual({});
    expect(after).toMatchObject({ asOf: { hash: longer }, name: { pending: [{ txid: txids[0] }] } });
    const record = await reader.getMutable(NAME, "settings");
    expect(record.found && new TextDecoder().decode(record.data)).toBe("first");

    await world.mine(1);
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
