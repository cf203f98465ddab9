import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { type ElectrumSource, electrum } from "../../../../src/chain/sources/electrum.js";
import { esplora } from "../../../../src/chain/sources/esplora.js";
import { encodeResult } from "../../../../src/json.js";
import type { ChainSource } from "../../../../src/ports.js";
import { type Certificate, makeCertificate } from "../../../doubles/certificate.js";
import type { ViewedChain } from "../../../doubles/chain-view.js";
import { devnetFeed } from "../../../doubles/devnet-feed.js";
import { ElectrumError, type ElectrumProtocol } from "../../../doubles/electrum-methods.js";
import {
  ElectrumDouble,
  type ElectrumDoubleOptions,
  type Misbehaviour,
  SILENCE,
} from "../../../doubles/electrum-server.js";
import { IndexedChain } from "../../../doubles/indexed-chain.js";
import type { Transport } from "../../../doubles/peer.js";
import { ReaderWorld } from "../../client/reader-world.js";
import { TestKey } from "../../devnet/wallet.js";
import { expectCode } from "../../storage/expect-code.js";
import { genesisHeaders } from "../mining.js";

let world: ReaderWorld;
let chain: ViewedChain;
let expected: string;
let certificate: Certificate | null;
let settings: Uint8Array;
const open: (ElectrumDouble | ElectrumSource)[] = [];
const NAMES = ["alice", "bob", "carol", "dave", "nobody"];

beforeAll(async () => {
  certificate = makeCertificate();
  world = await ReaderWorld.start({ sources: 1, stores: 1 });
  const alice = await world.registerWithRecord("alice");
  settings = new TextEncoder().encode("one");
  const [first, second] = [await world.putProfile("bob"), await world.putProfile("bob", { about: { n: 2 } })];
  const bob = await world.register("bob", first);
  for (let i = 0; i < 3; i++) await world.update(bob, i % 2 === 0 ? second : first);
  await world.transfer(bob, new TestKey("other").p2wpkh, first);
  await world.spendSeal(await world.register("carol"));
  await world.release(await world.register("dave"));
  await world.devnet.mine(12);
  expect(alice.name.name).toBe("alice");
  const indexed = new IndexedChain(devnetFeed(world.devnet.sourceUrls[0]!));
  const view = await indexed.read();
  chain = { read: async () => view, submit: (raw) => indexed.submit(raw) };
  expected = await states([devnetSource()]);
});

afterAll(async () => {
  for (const one of open.reverse()) await one.close();
  await world.close();
});

/** A double that does not answer as it should. */
async function bad(misbehave: Misbehaviour): Promise<ElectrumSource> {
  const double = await ElectrumDouble.start(chain);
  double.misbehave = misbehave;
  const made = electrum(double.url);
  open.push(double, made);
  return made;
}

async function source(options: ElectrumDoubleOptions = {}): Promise<ElectrumSource> {
  const double = await ElectrumDouble.start(chain, { certificate, ...options });
  const isTls = options.transport === "tls" || options.transport === "wss";
  const made = electrum(double.url, isTls ? { tls: { ca: certificate?.cert ?? "" } } : {});
  open.push(double, made);
  return made;
}

const devnetSource = (): ChainSource => esplora(world.devnet.sourceUrls[0]!);

/** Every name's state as JSON, but for who said it and how old the tip is. */
async function states(sources: readonly ChainSource[]): Promise<string> {
  const reader = world.reader({ sources });
  const results = await Promise.all(NAMES.map((name) => reader.getName(name)));
  for (const { asOf } of results) {
    expect(asOf.sources.map(({ verdict }) => verdict)).toEqual(sources.map(() => "agreed"));
    expect(asOf.partial).toBe(false);
  }
  const data = await reader.getMutable("alice", "settings");
  expect(data.found && data.data).toEqual(settings);
  const shown = results.map((result) =>
    encodeResult("name", { ...result, asOf: { ...result.asOf, sources: [], tipAgeMs: 0 } }),
  );
  return JSON.stringify(shown);
}

describe("a name read through Electrum alone", () => {
  it.each<ElectrumProtocol>(["1.4", "1.6", "1.7"])("protocol %s gives the same bytes as Esplora", async (protocol) => {
    expect(await states([await source({ protocol })])).toBe(expected);
  });

  it.each<Transport>(["tcp", "tls", "ws", "wss"])("%s gives the same bytes as Esplora", async (transport) => {
    if (certificate === null && transport.endsWith("s")) {
      expect(process.env["CI"], "openssl is missing").toBeUndefined();
      return;
    }
    expect(await states([await source({ transport })])).toBe(expected);
  });

  it("so does protocol 1.7 on a node without an index of spends", async () => {
    expect(await states([await source({ protocol: "1.7", spendIndex: false })])).toBe(expected);
  });
});

describe("a name read through Electrum and Esplora together", () => {
  it("has the same bytes, and all sources agree", async () => {
    const sources = [
      await source({ protocol: "1.4" }),
      devnetSource(),
      await source({ protocol: "1.7", transport: "ws" }),
    ];
    expect(await states(sources)).toBe(expected);
  });
});

describe("beside an Electrum server that misbehaves", () => {
  const tooLarge: Misbehaviour = (request, honest) => {
    if (!request.method.endsWith("get_history")) return honest();
    throw new ElectrumError(1, "history too large");
  };
  const otherNetwork: Misbehaviour = async (request, honest) => {
    const header = encodeHex(genesisHeaders.signet);
    if (request.method.endsWith("headers.subscribe")) return { height: 7, hex: header };
    return request.method.endsWith("block.headers") ? { count: 1, max: 2016, headers: [header] } : honest();
  };
  const lagging: Misbehaviour = async (request, honest) => {
    const view = await chain.read();
    const old = view.blockAt(view.tipHeight - 5)!;
    if (!request.method.endsWith("headers.subscribe")) return honest();
    return { height: old.height, hex: encodeHex(old.header) };
  };
  const wrongIds: Misbehaviour = ({ id }, _, peer) => {
    peer.send(JSON.stringify({ jsonrpc: "2.0", id: id + 7, result: [] }));
    return SILENCE;
  };
  const endless: Misbehaviour = (_, __, peer) => {
    peer.raw("0".repeat(5_000_000));
    return SILENCE;
  };

  it.each<[string, Misbehaviour, string]>([
    ["a history that is too large", tooLarge, "unreachable"],
    ["another network", otherNetwork, "other-network"],
    ["an older chain", lagging, "behind"],
    ["wrong ids", wrongIds, "unreachable"],
    ["a line without an end", endless, "unreachable"],
  ])("%s: the others carry on, and the verdict says so", async (_, misbehave, verdict) => {
    const reader = world.reader({ sources: [await bad(misbehave), devnetSource(), await source()] });
    const { asOf, found } = await reader.getName("bob");
    expect(found).toBe(true);
    expect(asOf.sources.map((one) => one.verdict)).toEqual([verdict, "agreed", "agreed"]);
    expect(asOf.partial).toBe(true);
  });

  it("V5: one alone is no answer, never an absence", async () => {
    for (const misbehave of [tooLarge, wrongIds, endless]) {
      await expectCode("CHAIN_UNAVAILABLE", world.reader({ sources: [await bad(misbehave)] }).getName("bob"));
    }
    const foreign = world.reader({ sources: [await bad(otherNetwork)] });
    await expectCode("CHAIN_NETWORK_MISMATCH", foreign.getName("bob"));
  });
});
