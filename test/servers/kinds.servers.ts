import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { bitcoinCore } from "../../src/chain/sources/bitcoin-core.js";
import { electrum } from "../../src/chain/sources/electrum.js";
import { contentKey } from "../../src/immutable/key.js";
import type { AsOf, Reader } from "../../src/index.js";
import { encodeResult } from "../../src/json.js";
import type { ChainSource } from "../../src/ports.js";
import { systemClock } from "../../src/runtime/clock.js";
import { ALL_INDEXES, startBitcoind } from "./daemons/bitcoind.js";
import { eventually } from "./daemons/daemon.js";
import { startElectrumX } from "./daemons/electrumx.js";
import type { NodeRpc } from "./daemons/rpc.js";
import { startEsploraMirror } from "./esplora-mirror.js";
import { NodeWorld } from "./node-world.js";
import { Opened } from "./opened.js";

const NAME = "alice";
const PICTURE = utf8("for ever");
const NOW_MS = Date.now();

/** What a reader finds, without who told it. */
async function stateBy(world: NodeWorld, sources: readonly ChainSource[]): Promise<string> {
  const clock = { nowMs: () => NOW_MS + 3_600_000, delay: systemClock.delay.bind(systemClock) };
  const reader: Reader = world.reader(sources, { clock });
  const key = contentKey(PICTURE);
  const name = await reader.getName(NAME);
  const profile = await reader.getProfile(NAME);
  const mutable = await reader.getMutable(NAME, "settings");
  const immutable = await reader.getImmutable(NAME, key);
  const nobody = await reader.getName("nobody");
  for (const { asOf } of [name, profile, mutable, immutable, nobody]) {
    const verdicts = asOf.sources.map(({ label, verdict }) => ({ label, verdict }));
    expect(verdicts).toEqual(sources.map(({ label }) => ({ label, verdict: "agreed" })));
  }
  const bare = <T extends { readonly asOf: AsOf }>(found: T): T => ({ ...found, asOf: { ...found.asOf, sources: [] } });
  const shown = [
    encodeResult("name", bare(name)),
    encodeResult("profile", bare(profile)),
    encodeResult("mutable", bare(mutable)),
    encodeResult("immutable", bare(immutable)),
    encodeResult("name", bare(nobody)),
  ];
  return JSON.stringify(shown);
}

/** A server between an Electrum client and ElectrumX that lets the client offer no more than a version. */
async function startDowngrade(tcpUrl: string, version: string) {
  const { hostname, port } = new URL(tcpUrl.replace("tcp:", "http:"));
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    client.on("data", (chunk: Buffer) => upstream.write(chunk.toString().replace('"1.7"', `"${version}"`)));
    upstream.pipe(client);
    client.on("close", () => upstream.destroy());
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { url: `tcp://127.0.0.1:${address.port}`, [Symbol.asyncDispose]: async () => void server.close() };
}

const kinds = [
  "esplora",
  "electrum 1.7",
  "electrum 1.6",
  "electrum 1.4",
  "electrum tls",
  "electrum ws",
  "core rest",
  "core rpc",
  "core without indexes but filters",
  "btcd",
] as const;

/** One chain, made by btcd and followed by Bitcoin Core and by ElectrumX over that. */
describe("a name by each kind of source", () => {
  const open = new Opened();
  const sources = new Map<string, ChainSource>();
  let world: NodeWorld;

  beforeAll(async () => {
    world = open.use(await NodeWorld.start());
    const core = open.use(await startBitcoind({ args: ALL_INDEXES, peer: world.btcd.peerAddress }));
    const bare = open.use(await startBitcoind({ args: ["-blockfilterindex=1"], peer: world.btcd.peerAddress }));
    const hasTip = (rpc: NodeRpc) => world.synced(() => rpc.call("getbestblockhash"));
    const mirror = open.use(await startEsploraMirror(world.rpc));

    const alice = await world.person();
    const writer = world.writer(alice, [mirror.source]);
    await writer.registerName(NAME);
    await writer.batch(NAME).putMutable("settings", utf8("first")).putImmutable(PICTURE).commit();
    await writer.updateProfile(NAME, { about: { by: "alice" } });
    await writer.putMutable(NAME, "settings", utf8("second"));
    await writer.renewName(NAME);
    await hasTip(core.rpc);
    await hasTip(bare.rpc);

    const electrumX = open.use(await startElectrumX({ rpc: core.rpc }));
    const add = (kind: (typeof kinds)[number], source: ChainSource): void => {
      sources.set(kind, source);
    };
    const viaElectrum = (kind: (typeof kinds)[number], url: string, ca?: string): void => {
      add(kind, open.use(electrum(url, { label: kind, tls: ca === undefined ? undefined : { ca } })));
    };
    add("esplora", mirror.source);
    viaElectrum("electrum 1.7", electrumX.tcpUrl);
    for (const version of ["1.4", "1.6"] as const) {
      viaElectrum(`electrum ${version}`, open.use(await startDowngrade(electrumX.tcpUrl, version)).url);
    }
    viaElectrum("electrum tls", electrumX.tlsUrl, readFileSync(electrumX.certificateFile, "utf8"));
    viaElectrum("electrum ws", electrumX.wsUrl);
    const { user, password } = core.rpc;
    const { cookieFile } = core;
    add("core rest", bitcoinCore(core.rpc.url, { cookieFile, rest: true, network: "regtest", label: "core rest" }));
    add("core rpc", bitcoinCore(core.rpc.url, { user, password, rest: false, network: "regtest", label: "core rpc" }));
    const label = "core without indexes but filters";
    add(label, bitcoinCore(bare.rpc.url, { user, password, label }));
    add("btcd", bitcoinCore(world.rpc.url, { user: world.rpc.user, password: world.rpc.password, label: "btcd" }));
    await eventually("ElectrumX's tip", async () => {
      const { hash } = await (sources.get("electrum 1.7")?.tip() ?? Promise.reject(new Error("none")));
      return hash === (await world.rpc.call<string>("getbestblockhash"));
    });
  });

  afterAll(() => open.close());

  it.each(kinds.slice(1))("V4: %s alone shows the same, byte for byte, as esplora alone", async (kind) => {
    const [esplora, other] = [sources.get("esplora"), sources.get(kind)];
    if (esplora === undefined || other === undefined) throw new Error("no source");
    expect(await stateBy(world, [other])).toBe(await stateBy(world, [esplora]));
  });

  it("V4: all mixed show the same", async () => {
    const [esplora] = sources.values();
    if (esplora === undefined) throw new Error("no source");
    expect(await stateBy(world, [...sources.values()])).toBe(await stateBy(world, [esplora]));
  });
});
