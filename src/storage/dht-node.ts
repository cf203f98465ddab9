import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { encodeHex } from "../bytes/hex.js";
import { HawserError } from "../errors.js";
import { type DhtItem, dhtTarget, isDhtSignature } from "./dht-item.js";
import { DhtSocket } from "./dht-socket.js";
import { addressRefusal } from "./host.js";

/** How a node of the DHT is set up. */
export interface DhtNodeOptions {
  /** Nodes to begin with. */
  readonly bootstrap: readonly DhtPlace[];
  /** UDP port; 0 for any. */
  readonly port: number;
  /** IPv4 address to listen at. */
  readonly address: string;
  /** ms - for which one node is waited for. */
  readonly queryTimeoutMs: number;
}

/** A name or IPv4 address, and a UDP port. */
export interface DhtPlace {
  readonly host: string;
  readonly port: number;
}

/** What the nodes closest to a target said. */
export interface DhtFound {
  /** Nodes that answered. */
  readonly answers: number;
  /** The item of the highest `seq` whose signature holds, or null. */
  readonly item: DhtItem | null;
}

/** What became of an item at the nodes closest to its target. */
export interface DhtStored {
  /** Nodes that took it. */
  readonly nodes: number;
  /** Whether none took it, because they hold one that is as new (BEP44: 301, 302). */
  readonly isOutrun: boolean;
}

/** A node of the DHT that reads and writes mutable items. */
export interface DhtNode {
  /**
   * Gets to know the nodes that are closest to an item now. A node that has the item may name no others when it is asked
   * for it, so that new ones would never be found.
   */
  meet(publicKey: Uint8Array, salt: Uint8Array): Promise<void>;
  get(publicKey: Uint8Array, salt: Uint8Array): Promise<DhtFound>;
  /** To be called after a `get` of the same item, which finds the nodes. */
  put(item: DhtItem): Promise<DhtStored>;
  /** What waits for an answer fails. */
  close(): Promise<void>;
}

/** What is used of bittorrent-dht, which has no types. */
interface Dht {
  get(
    target: Buffer,
    options: { readonly cache: false; readonly salt: Buffer },
    done: (error: unknown, found: Found | null) => void,
  ): void;
  lookup(target: Buffer, done: () => void): void;
  put(
    item: { k: Buffer; salt: Buffer; seq: number; v: Buffer; sig: Buffer },
    done: (error: { readonly code?: unknown } | null, target: unknown, nodes?: number) => void,
  ): void;
  on(event: "error" | "warning", listener: () => void): void;
  destroy(done: () => void): void;
}
interface Found {
  readonly k?: Uint8Array;
  readonly seq?: number;
  readonly v?: Uint8Array;
  readonly sig?: Uint8Array;
}
type DhtConstructor = new (options: {
  readonly bootstrap: readonly DhtPlace[];
  readonly socket: DhtSocket;
  readonly timeout: number;
  readonly verify: (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean;
}) => Dht;

/**
 * Starts a node on a UDP port of its own. It asks others, and answers nobody.
 *
 * @throws INPUT_CONFIG_INVALID where bittorrent-dht is not installed or the port cannot be had; NETWORK_UNREACHABLE where
 * no bootstrap name resolves
 */
export async function openDhtNode(options: DhtNodeOptions): Promise<DhtNode> {
  const Dht = await loadDht(() => importDht());
  const bootstrap = await resolvePlaces(options.bootstrap);
  const socket = await bindSocket(options);
  const known = new Set(bootstrap.map(({ host }) => host));
  // U1: nodes name other nodes; a packet to a local address goes out only where the application named that address.
  const guarded = new DhtSocket(socket, (address) => known.has(address) || addressRefusal(address) === null);
  const dht = new Dht({
    bootstrap,
    socket: guarded,
    timeout: options.queryTimeoutMs,
    verify: (signature, message, publicKey) => isDhtSignature(publicKey, message, signature),
  });
  dht.on("error", () => undefined);
  dht.on("warning", () => undefined);
  // It is bound already; from here on the table of nodes is kept fresh.
  guarded.emit("listening");
  return new BittorrentNode(dht, guarded);
}

class BittorrentNode implements DhtNode {
  readonly #dht: Dht;
  readonly #socket: DhtSocket;
  readonly #waiting = new Set<(error: Error) => void>();
  #closing: Promise<void> | null = null;

  constructor(dht: Dht, socket: DhtSocket) {
    this.#dht = dht;
    this.#socket = socket;
  }

  meet(publicKey: Uint8Array, salt: Uint8Array): Promise<void> {
    return this.#ask((resolve) => {
      this.#dht.lookup(Buffer.from(dhtTarget(publicKey, salt)), () => {
        resolve(undefined);
      });
    });
  }

  async get(publicKey: Uint8Array, salt: Uint8Array): Promise<DhtFound> {
    const target = dhtTarget(publicKey, salt);
    const counter = this.#socket.count(encodeHex(target));
    try {
      const found = await this.#ask<Found | null>((resolve) => {
        this.#dht.get(Buffer.from(target), { cache: false, salt: Buffer.from(salt) }, (_, value) => {
          resolve(value);
        });
      });
      const { answers } = counter;
      if (found?.k === undefined || found.sig === undefined || found.v === undefined) return { answers, item: null };
      const [key, signature, value] = [found.k, found.sig, found.v].map((bytes) => new Uint8Array(bytes));
      if (key === undefined || signature === undefined || value === undefined) return { answers, item: null };
      return { answers, item: { publicKey: key, salt, seq: found.seq ?? 0, value, signature } };
    } finally {
      counter.end();
    }
  }

  put({ publicKey, salt, seq, value, signature }: DhtItem): Promise<DhtStored> {
    const [k, saltBytes, v, sig] = [publicKey, salt, value, signature].map((bytes) => Buffer.from(bytes));
    if (k === undefined || saltBytes === undefined || v === undefined || sig === undefined)
      return Promise.reject(closed());
    return this.#ask((resolve) => {
      this.#dht.put({ k, salt: saltBytes, seq, v, sig }, (error, _, nodes = 0) => {
        resolve({ nodes: error === null ? nodes : 0, isOutrun: error?.code === 301 || error?.code === 302 });
      });
    });
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      for (const fail of this.#waiting) fail(closed());
      this.#dht.destroy(resolve);
    });
    return this.#closing;
  }

  /** A node that is closed forgets who waits for it. */
  #ask<T>(run: (resolve: (value: T) => void) => void): Promise<T> {
    if (this.#closing !== null) return Promise.reject(closed());
    let fail: (error: Error) => void = () => undefined;
    const asked = new Promise<T>((resolve, reject) => {
      fail = reject;
      this.#waiting.add(reject);
      run(resolve);
    });
    return asked.finally(() => this.#waiting.delete(fail));
  }
}

/** The optional dependency. @throws INPUT_CONFIG_INVALID */
export async function loadDht(load: () => Promise<unknown>): Promise<DhtConstructor> {
  try {
    const module = (await load()) as { readonly default: DhtConstructor };
    return module.default;
  } catch (cause) {
    const reason = "the optional dependency bittorrent-dht is not installed (npm install bittorrent-dht)";
    throw new HawserError(
      "INPUT_CONFIG_INVALID",
      `The DHT cannot be used: ${reason}.`,
      { setting: "dht", reason },
      { cause },
    );
  }
}

function importDht(): Promise<unknown> {
  // @ts-expect-error: it has no types.
  return import("bittorrent-dht");
}

async function resolvePlaces(places: readonly DhtPlace[]): Promise<readonly DhtPlace[]> {
  const resolved = await Promise.allSettled(
    places.map(async ({ host, port }) => ({ host: (await lookup(host, { family: 4 })).address, port })),
  );
  const found = resolved.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  if (found.length > 0) return found;
  const details = { url: places.map(({ host }) => host).join(", "), reason: "no name of a bootstrap node resolves" };
  throw new HawserError("NETWORK_UNREACHABLE", `The DHT cannot be reached: ${details.reason}.`, details);
}

function bindSocket({ address, port }: DhtNodeOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.once("error", (cause) => {
      const reason = `UDP port ${port} of ${address} cannot be had (${"code" in cause ? String(cause.code) : "unknown"})`;
      reject(
        new HawserError(
          "INPUT_CONFIG_INVALID",
          `The DHT cannot be used: ${reason}.`,
          { setting: "port", reason },
          { cause },
        ),
      );
    });
    socket.bind(port, address, () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });
}

function closed(): HawserError<"NETWORK_UNREACHABLE"> {
  const details = { url: "dht", reason: "it was closed" };
  return new HawserError("NETWORK_UNREACHABLE", `The DHT cannot be reached: ${details.reason}.`, details);
}
