import { beforeEach, describe, expect, it } from "vitest";
import { concatBytes } from "../../../../src/bytes/bytes.js";
import { type CoreDouble, RpcError } from "../../../doubles/core-server.js";
import { expectCode } from "../../storage/expect-code.js";
import { CoreWorld, countOf, serveCore, sourceOf } from "./core-world.js";

let world: CoreWorld;
let double: CoreDouble;
beforeEach(async () => {
  world = new CoreWorld();
  double = await serveCore(world);
});

/** Does something once, after the first answer to a method. */
function onceAfter(method: string, act: () => void): void {
  let isDone = false;
  double.replaced[method] = async (_, right) => {
    const result = await right();
    if (!isDone) {
      isDone = true;
      act();
    }
    return result;
  };
}

describe("bitcoinCore, when the server changes between two of its answers", () => {
  it("V6: mixes no blocks of two chains", async () => {
    onceAfter("scanblocks", () => world.reorg({ depth: 4 }));
    const found = await sourceOf(double).history(world.script);
    const view = await world.feed.read();
    const mined = view.history(world.script).filter(({ height }) => height !== null);
    for (const { txid, height } of mined) expect(found).toContainEqual({ txid, height });
    expect(found.filter(({ height }) => height !== null)).toHaveLength(mined.length);
    expect(countOf(double, "scanblocks")).toBeGreaterThan(1);
  });

  it("names the tip that it was told with that tip's own header", async () => {
    const before = world.chain.tip;
    onceAfter("getblockchaininfo", () => world.reorg({ depth: 1 }));
    double.replaced["getblockheader"] = async (params, right) => {
      return params[0] === before.hash ? Buffer.from(before.header).toString("hex") : right();
    };
    const tip = await sourceOf(double).tip();
    expect(tip).toEqual({ height: before.height, hash: before.hash, recentHeaders: before.header });
  });

  it("takes headers by RPC where REST has none for a block that has just left the chain", async () => {
    for (const body of ["", "x", "x".repeat(81)]) {
      double.instead = (path) => (path.startsWith("/rest/headers/") ? { body } : null);
      const expected = [3, 4].flatMap((height) => world.chain.blockAt(height)?.header ?? []);
      expect(await sourceOf(double).headers(3, 2)).toEqual(concatBytes(...expected));
    }
    double.instead = (path) => (path.startsWith("/rest/headers/") ? { body: new Uint8Array(161) } : null);
    await expectCode("NETWORK_TOO_LARGE", sourceOf(double).headers(3, 2));
  });

  it("finds a spend that was mined after the mempool was asked", async () => {
    double.features.version = 28;
    onceAfter("getrawmempool", () => world.mine(1));
    const found = await sourceOf(double).history(world.script);
    expect(found).toContainEqual({ txid: world.pending, height: world.chain.height });
    expect(found).toHaveLength(3);
  });

  it("asks the coins again when nothing spends what they called spent", async () => {
    let asked = 0;
    double.replaced["gettxout"] = (_, right) => (asked++ === 0 ? null : right());
    const source = sourceOf(double);
    expect(await source.outspend({ txid: world.pending, vout: 0 }, world.script)).toEqual({ spent: false });
    expect(asked).toBe(2);
  });

  it("asks the blocks when the spender index is behind, or names a block that is gone", async () => {
    const expected = { spent: true, txid: world.mined, height: world.minedHeight };
    double.replaced["gettxspendingprevout"] = () => {
      throw new RpcError(-1, "Mempool lacks a relevant spend, and txospenderindex is unavailable.");
    };
    expect(await sourceOf(double).outspend(world.coin, world.script)).toEqual(expected);
    delete double.replaced["gettxspendingprevout"];
    let first = true;
    double.replaced["getblockheader"] = async ([hash], right) => {
      const wasFirst = first;
      first = false;
      return wasFirst ? { hash, height: 5, confirmations: -1 } : right();
    };
    expect(await sourceOf(double).outspend(world.coin, world.script)).toEqual(expected);
  });

  it("drops coins that the mempool spends, also by the coins' own word", async () => {
    double.replaced["getdescriptoractivity"] = () => ({ activity: [] });
    expect(await sourceOf(double).unspent(world.script)).toEqual([]);
  });
});
