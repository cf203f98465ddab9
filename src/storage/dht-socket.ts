import type { Socket } from "node:dgram";
import { EventEmitter } from "node:events";
import { type DhtPeer, markDhtQuery, sanitizeDhtAnswer } from "./dht-message.js";

/** Queries that may be under way; what is older is not waited for. */
const MAX_OUTSTANDING = 4_096;

/**
 * A UDP socket that lets a DHT program ask and get answers, and nothing else through: only answers to its own queries come
 * in, with nothing in them but what they should hold, and nothing goes out to an address that is not allowed (U1).
 * Queries of others are not answered; BEP43 calls such a node read-only.
 */
export class DhtSocket extends EventEmitter {
  readonly #socket: Socket;
  readonly #isAllowed: (address: string) => boolean;
  readonly #outstanding = new Map<string, string | null>();
  readonly #counts = new Map<string, Set<{ answers: number }>>();

  constructor(socket: Socket, isAllowed: (address: string) => boolean) {
    super();
    this.#socket = socket;
    this.#isAllowed = isAllowed;
    socket.on("message", (datagram, peer) => {
      this.#receive(datagram, peer);
    });
    socket.on("close", () => this.emit("close"));
    // What cannot be sent has no answer, which is found out by waiting for it.
    socket.on("error", () => undefined);
  }

  /** Counts the nodes that answer to a `get` of this target from now on. */
  count(target: string): { readonly answers: number; end(): void } {
    const counter = { answers: 0 };
    const counters = this.#counts.get(target) ?? new Set();
    this.#counts.set(target, counters.add(counter));
    return {
      get answers() {
        return counter.answers;
      },
      end: () => {
        counters.delete(counter);
        if (counters.size === 0) this.#counts.delete(target);
      },
    };
  }

  /** As `dgram.Socket.send`. */
  send(bytes: Uint8Array, offset: number, length: number, port: number, address: string, done?: () => void): void {
    const query = markDhtQuery(bytes.subarray(offset, offset + length));
    if (query === null || !this.#isAllowed(address) || port < 1 || port > 65_535) {
      done?.();
      return;
    }
    this.#outstanding.set(keyOf({ address, port }, query.transaction), query.target);
    if (this.#outstanding.size > MAX_OUTSTANDING) {
      for (const oldest of this.#outstanding.keys()) {
        this.#outstanding.delete(oldest);
        break;
      }
    }
    this.#socket.send(query.bytes, 0, query.bytes.length, port, address, () => done?.());
  }

  /** As `dgram.Socket.address`. */
  address(): DhtPeer {
    return this.#socket.address();
  }

  /** As `dgram.Socket.close`. */
  close(): void {
    this.#socket.close();
  }

  #receive(datagram: Uint8Array, { address, port }: DhtPeer): void {
    const answer = this.#isAllowed(address) ? sanitizeDhtAnswer(datagram, this.#isAllowed) : null;
    if (answer === null) return;
    const key = keyOf({ address, port }, answer.transaction);
    const target = this.#outstanding.get(key);
    // Nobody was asked for it, or it is said twice.
    if (target === undefined) return;
    this.#outstanding.delete(key);
    if (answer.isResponse && target !== null) {
      for (const counter of this.#counts.get(target) ?? []) counter.answers++;
    }
    this.emit("message", Buffer.from(answer.bytes), { address, port });
  }
}

function keyOf({ address, port }: DhtPeer, transaction: string): string {
  return `${address}:${port}/${transaction}`;
}
