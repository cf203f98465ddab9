import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { bitcoinCore } from "../src/chain/sources/bitcoin-core.js";
import { electrum } from "../src/chain/sources/electrum.js";
import { esplora } from "../src/chain/sources/esplora.js";
import type { ChainSource } from "../src/ports.js";
import { ALL_INDEXES, startBitcoind } from "../test/servers/daemons/bitcoind.js";
import { startElectrumX } from "../test/servers/daemons/electrumx.js";
import { startEsploraMirror } from "../test/servers/esplora-mirror.js";
import { NodeWorld } from "../test/servers/node-world.js";
import { Opened } from "../test/servers/opened.js";
import { kb, ms, table } from "./report.mjs";

/** ms - added to whatever a server sends, so that what waits for one another does not overlap in time. */
const DELAY_MS = 40;

/** From when a client had sent something to when it heard something. */
interface Exchange {
  readonly startMs: number;
  endMs: number;
}

/** Between a client and a server: counts questions, bytes of both directions, and answers that were waited for. */
class Wire {
  readonly #exchanges: Exchange[] = [];
  #bytes = 0;
  #questions = 0;

  reset(): void {
    this.#exchanges.length = 0;
    this.#bytes = 0;
    this.#questions = 0;
  }

  /** `questions` finds them in what a client sent. */
  async proxy(url: string, questions: RegExp): Promise<string> {
    const target = new URL(url.replace(/^(?:tcp|ws):/, "http:"));
    const server = createServer((client) => {
      this.#join(client, connect(Number(target.port), target.hostname), questions);
    }).listen(0, "127.0.0.1");
    server.unref();
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return url.replace(/\d+\/?$/, String(address.port));
  }

  #join(client: Socket, upstream: Socket, questions: RegExp): void {
    let open: Exchange | null = null;
    client.on("data", (chunk: Buffer) => {
      this.#bytes += chunk.length;
      this.#questions += chunk.toString("latin1").match(questions)?.length ?? 0;
      if (open === null) {
        open = { startMs: performance.now(), endMs: Number.POSITIVE_INFINITY };
        this.#exchanges.push(open);
      }
      upstream.write(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      this.#bytes += chunk.length;
      const answered = open;
      open = null;
      setTimeout(() => {
        if (answered !== null) answered.endMs = performance.now();
        client.write(chunk);
      }, DELAY_MS);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on("close", () => setTimeout(() => other.destroy(), DELAY_MS));
      socket.on("error", () => undefined);
    }
  }

  get measured(): { readonly questions: number; readonly sequential: number; readonly bytes: number } {
    let sequential = 0;
    let lastEndMs = Number.NEGATIVE_INFINITY;
    for (const { startMs, endMs } of [...this.#exchanges].sort((a, b) => a.endMs - b.endMs)) {
      if (startMs < lastEndMs) continue;
      sequential++;
      lastEndMs = endMs;
    }
    return { questions: this.#questions, sequential, bytes: this.#bytes };
  }
}

const open = new Opened();
const world = open.use(await NodeWorld.start());
const core = open.use(await startBitcoind({ args: ALL_INDEXES, peer: world.btcd.peerAddress }));
const bare = open.use(await startBitcoind({ args: ["-blockfilterindex=1"], peer: world.btcd.peerAddress }));
const mirror = open.use(await startEsploraMirror(world.rpc));
const electrumX = open.use(await startElectrumX({ rpc: core.rpc }));
world.followers.push(core.rpc, bare.rpc);

const wire = new Wire();
const HTTP = /(?:GET|POST) \S+ HTTP\/1\.1/g;
const JSON_RPC = /"method"/g;
const { user, password, url: coreUrl } = core.rpc;
const urls = {
  esplora: await wire.proxy(mirror.url, HTTP),
  electrum: await wire.proxy(electrumX.tcpUrl, JSON_RPC),
  core: await wire.proxy(coreUrl, HTTP),
  bare: await wire.proxy(bare.rpc.url, HTTP),
  btcd: await wire.proxy(world.rpc.url, HTTP),
};
const kinds: readonly (readonly [string, () => ChainSource & Partial<AsyncDisposable>])[] = [
  ["Esplora (double over btcd)", () => esplora(urls.esplora)],
  ["Electrum 1.7 (ElectrumX, TCP)", () => electrum(urls.electrum)],
  ["Bitcoin Core (REST, all indexes)", () => bitcoinCore(urls.core, { user, password, network: "regtest" })],
  [
    "Bitcoin Core (RPC, filters alone)",
    () => bitcoinCore(urls.bare, { user, password, network: "regtest", rest: false }),
  ],
  ["btcd", () => bitcoinCore(urls.btcd, { user, password, network: "regtest" })],
];

const alice = await world.person(10_000_000n);
const writer = world.writer(alice, [mirror.source]);
await writer.registerName("alice");
await writer.putMutable("alice", "settings", new Uint8Array(1024).fill(1));

const rows: (readonly (string | number)[])[] = [];
let updates = 1;
for (const step of [1, 10, 100]) {
  for (; updates < step; updates++) await writer.updateProfile("alice", { about: { revision: updates } });
  const exported = await world.reader([mirror.source]).exportBundle("alice", { id: "settings" });
  if (!exported.found) throw new Error("not found");
  const tipHash = await world.rpc.call<string>("getbestblockhash");
  for (const [kind, create] of kinds) {
    // ElectrumX looks for blocks in its own time.
    for (;;) {
      const source = create();
      const { hash } = await source.tip();
      await source[Symbol.asyncDispose]?.();
      if (hash === tipHash) break;
    }
    for (const hint of [undefined, { bundle: exported.bundle }]) {
      const source = create();
      wire.reset();
      const startMs = performance.now();
      const read = await world.reader([source]).getMutable("alice", "settings", { hint });
      const seconds = (performance.now() - startMs) / 1_000;
      await source[Symbol.asyncDispose]?.();
      if (!read.found) throw new Error("not found");
      const { questions, sequential, bytes } = wire.measured;
      rows.push([
        `${step}, ${kind}${hint === undefined ? "" : ", hint"}`,
        questions,
        sequential,
        kb(bytes),
        ms(seconds),
      ]);
    }
  }
}
table(
  `A cold getMutable after so many updates, one source, data in memory, ${DELAY_MS} ms added to what a server sends, ${await world.height()} blocks`,
  ["updates, source", "questions", "sequential", "bytes both ways", "time"],
  rows,
);
await open.close();
process.exit(0);
