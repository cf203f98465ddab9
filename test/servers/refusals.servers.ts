import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { networks } from "../../src/chain/network.js";
import { bitcoinCore } from "../../src/chain/sources/bitcoin-core.js";
import { electrum } from "../../src/chain/sources/electrum.js";
import { addressOf } from "../../src/devnet/script-kind.js";
import { beaconScript, parseName } from "../../src/name/name.js";
import { ALL_INDEXES, type Bitcoind, startBitcoind } from "./daemons/bitcoind.js";
import { startElectrumX } from "./daemons/electrumx.js";
import { Person } from "./node-world.js";
import { Opened } from "./opened.js";

const SCRIPT = beaconScript(parseName("alice"), networks.regtest);

/** `generatetoaddress` in steps that a debug build is done with before a client gives up. */
async function mine(node: Bitcoind, blocks: number, address: string): Promise<void> {
  for (let left = blocks; left > 0; left -= 200) {
    await node.rpc.call("generatetoaddress", Math.min(left, 200), address);
  }
}

describe("what real servers refuse and tell", () => {
  const open = new Opened();
  let person: Person;
  let address: string;

  beforeAll(async () => {
    person = await Person.create();
    address = addressOf(person.account.script) ?? "";
  });

  afterAll(() => open.close());

  it("V5: Bitcoin Core without block filters has no history, and the error names the setting", async () => {
    const node = open.use(await startBitcoind());
    await mine(node, 3, address);
    const { user, password, url } = node.rpc;
    const source = bitcoinCore(url, { user, password });
    await expect(source.history(SCRIPT)).rejects.toMatchObject({
      code: "CHAIN_SOURCE_UNABLE",
      message: expect.stringContaining("blockfilterindex=1") as string,
    });
    expect((await source.tip()).height).toBe(3);
    const wrong = bitcoinCore(url, { user, password: "wrong" });
    await expect(wrong.tip()).rejects.toMatchObject({ code: "NETWORK_STATUS", details: { status: 401 } });
  });

  it("V5: a pruned Bitcoin Core answers with what it kept, and never says none of what it dropped", async () => {
    const node = open.use(
      await startBitcoind({ args: ["-prune=1", "-fastprune=1", "-blockfilterindex=1", "-rest=1"] }),
    );
    await mine(node, 1, address);
    const other = addressOf((await Person.create()).account.script) ?? "";
    await mine(node, 1_200, other);
    const kept = await node.rpc.call<number>("pruneblockchain", 800);
    expect(kept).toBeGreaterThan(1);
    const source = bitcoinCore(node.rpc.url, { cookieFile: node.cookieFile });
    await expect(source.history(person.account.script)).rejects.toMatchObject({
      code: "CHAIN_SOURCE_UNABLE",
      message: expect.stringContaining("prun") as string,
    });
    expect(await source.history(SCRIPT)).toEqual([]);
    expect(await source.headers(0, 1_201)).toHaveLength(1_201 * 80);
  });

  it("tells of new blocks and of a script's transactions", async () => {
    const node = open.use(await startBitcoind({ args: ALL_INDEXES }));
    await mine(node, 5, address);
    const server = open.use(await startElectrumX({ rpc: node.rpc }));
    const source = open.use(electrum(server.tcpUrl));
    const over = new AbortController();
    let told: () => void = () => undefined;
    const change = new Promise<void>((resolve) => {
      told = resolve;
    });
    let changes = 0;
    const watching = source.watch(
      [person.account.script],
      () => {
        changes++;
        told();
      },
      { signal: over.signal },
    );
    // The subscription stands once the tip was told; what it says then is of a later block.
    await source.tip();
    await mine(node, 1, address);
    await change;
    expect(changes).toBeGreaterThan(0);
    over.abort();
    await watching;
  });
});
