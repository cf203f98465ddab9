import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { type Bencoded, decodeBencode, encodeBencode } from "../../../src/storage/dht-bencode.js";
import { DhtSocket } from "../../../src/storage/dht-socket.js";

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});
async function bound(): Promise<Socket> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  sockets.push(socket);
  await once(socket, "listening");
  return socket;
}

const map = (members: Readonly<Record<string, Bencoded>>): ReadonlyMap<string, Bencoded> =>
  new Map(Object.entries(members));
const id = new Uint8Array(20);
const target = new Uint8Array(20).fill(9);
const query = (t: number, q = "get"): Uint8Array =>
  encodeBencode(map({ t: Uint8Array.of(0, t), y: utf8("q"), q: utf8(q), a: map({ id, target }) }));
const answer = (t: number): Uint8Array => encodeBencode(map({ t: Uint8Array.of(0, t), y: utf8("r"), r: map({ id }) }));
const refusal = (t: number): Uint8Array => encodeBencode(map({ t: Uint8Array.of(0, t), y: utf8("e"), e: [302] }));

function transactionOf(bytes: Uint8Array): number {
  const message = decodeBencode(bytes) as ReadonlyMap<string, Bencoded>;
  return (message.get("t") as Uint8Array)[1] ?? -1;
}

interface World {
  readonly guarded: DhtSocket;
  readonly peer: Socket;
  /** Transactions of the answers that came through. */
  readonly seen: number[];
  /** Sends a query, and gives what arrives at the peer. */
  ask(bytes: Uint8Array): Promise<Buffer>;
  /** Has the peer send, and waits until it was looked at. */
  tell(bytes: Uint8Array, from?: Socket): Promise<void>;
}

async function opened(isAllowed: (address: string) => boolean = () => true): Promise<World> {
  const [own, peer] = [await bound(), await bound()];
  const guarded = new DhtSocket(own, isAllowed);
  const seen: number[] = [];
  guarded.on("message", (bytes: Buffer) => seen.push(transactionOf(bytes)));
  return {
    guarded,
    peer,
    seen,
    ask: async (bytes) => {
      const arrived = once(peer, "message") as Promise<[Buffer]>;
      guarded.send(bytes, 0, bytes.length, peer.address().port, "127.0.0.1");
      return (await arrived)[0];
    },
    tell: async (bytes, from = peer) => {
      const arrived = once(own, "message");
      from.send(bytes, own.address().port, "127.0.0.1");
      await arrived;
    },
  };
}

describe("the socket of the DHT", () => {
  it("lets the answer to a query through, once, and from whom was asked alone", async () => {
    const { ask, tell, seen } = await opened();
    await tell(answer(1));
    expect(seen).toEqual([]);
    const sent = decodeBencode(await ask(query(1))) as ReadonlyMap<string, Bencoded>;
    expect(sent.get("ro")).toBe(1);
    await tell(answer(1), await bound());
    await tell(answer(2));
    await tell(query(1));
    await tell(utf8("di1e1:ae"));
    expect(seen).toEqual([]);
    await tell(answer(1));
    await tell(answer(1));
    expect(seen).toEqual([1]);
    await ask(query(3));
    await tell(refusal(3));
    expect(seen).toEqual([1, 3]);
  });

  it("counts the nodes that answer to a get of a target", async () => {
    const { guarded, ask, tell } = await opened();
    const hex = "09".repeat(20);
    const [counter, other] = [guarded.count(hex), guarded.count("08".repeat(20))];
    for (const [t, q] of [
      [1, "get"],
      [2, "find_node"],
      [3, "get"],
      [4, "get"],
    ] as const) {
      await ask(query(t, q));
      if (t === 4) counter.end();
      await tell(t === 3 ? refusal(t) : answer(t));
    }
    expect([counter.answers, other.answers]).toEqual([1, 0]);
  });

  it("U1: sends nothing to, and takes nothing from, a place that is off limits", async () => {
    let isAllowed = false;
    const { guarded, peer, ask, tell, seen } = await opened(() => isAllowed);
    const arrived: Buffer[] = [];
    peer.on("message", (bytes) => arrived.push(bytes));
    const { port } = peer.address();
    await new Promise<void>((resolve) => guarded.send(query(1), 0, query(1).length, port, "127.0.0.1", resolve));
    isAllowed = true;
    for (const wrong of [0, 65_536]) {
      await new Promise<void>((resolve) => guarded.send(query(1), 0, query(1).length, wrong, "127.0.0.1", resolve));
    }
    await ask(query(2));
    expect(arrived.map(transactionOf)).toEqual([2]);
    isAllowed = false;
    await tell(answer(2));
    expect(seen).toEqual([]);
  });

  it("sends nothing but queries", async () => {
    const { guarded, peer, ask } = await opened();
    const arrived: Buffer[] = [];
    peer.on("message", (bytes) => arrived.push(bytes));
    await new Promise<void>((resolve) => {
      guarded.send(answer(1), 0, answer(1).length, peer.address().port, "127.0.0.1", resolve);
    });
    await ask(query(2));
    expect(arrived.map(transactionOf)).toEqual([2]);
  });

  it("remembers a bounded number of queries", async () => {
    const { guarded, ask, tell, seen } = await opened((address) => address === "127.0.0.1");
    await ask(query(1));
    const silent = await bound();
    for (let i = 0; i < 4_096; i++) {
      const bytes = encodeBencode(
        map({ t: Uint8Array.of(1 + (i >> 8), i & 255), y: utf8("q"), q: utf8("get"), a: map({ id, target }) }),
      );
      guarded.send(bytes, 0, bytes.length, silent.address().port, "127.0.0.1");
    }
    await tell(answer(1));
    expect(seen).toEqual([]);
  });
});
