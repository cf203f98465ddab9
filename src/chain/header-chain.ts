import { equalBytes } from "../bytes/bytes.js";
import { assertBytes, assertInteger, invalidArgument, unreachable } from "../bytes/guards.js";
import { decodeHex, encodeHex, isHex, reversed } from "../bytes/hex.js";
import { type BlockHeader, HEADER_BYTES, hashHeader, parseHeader, workOfBits } from "./header.js";
import { HeaderList } from "./header-list.js";
import type { Network } from "./network.js";
import { forksBelowCheckpoint, type HeaderRefusal, HeaderVerifier, invalidAt, readBits } from "./verify-headers.js";

/** What {@link HeaderChain.extend} did. */
export interface HeaderExtension {
  /** The chain with the valid headers; the same object when none of them was new. */
  readonly chain: HeaderChain;
  /**
   * How many of the given headers the chain holds or lie below its checkpoint, from the first on. So the source that
   * sent them is known to reach height `start + accepted - 1`, which can be below the tip of `chain`.
   */
  readonly accepted: number;
  /** Why the header after those was refused; null when all were accepted. */
  readonly stopped: HeaderRefusal | null;
}

/**
 * A chain of headers above a network's checkpoint in which every header passed V1. Immutable: `extend` gives a new
 * chain that shares memory with this one.
 *
 * Signet's block signatures are not in headers and cannot be checked here; `asOf` says so.
 */
export class HeaderChain {
  readonly network: Network;
  /** Work of the whole chain, the checkpoint's included. */
  readonly work: bigint;
  readonly #list: HeaderList;
  /** The checkpoint's own header where it is shipped. */
  readonly #base: Uint8Array | null;

  private constructor(network: Network, list: HeaderList, work: bigint, base: Uint8Array | null) {
    this.network = network;
    this.#list = list;
    this.work = work;
    this.#base = base;
  }

  /** The chain that holds nothing above the checkpoint. */
  static fromCheckpoint(network: Network): HeaderChain {
    const { header, chainWork } = network.checkpoint;
    const base = header === null ? null : decodeHex(header, HEADER_BYTES);
    return new HeaderChain(network, HeaderList.empty, chainWork, base);
  }

  /**
   * The chain of headers that were stored (80 bytes each, the first one above the checkpoint), every rule checked
   * again. Ends before the first one that breaks a rule: a damaged store costs a download, never a wrong chain.
   */
  static fromStored(network: Network, rawAboveBase: Uint8Array, nowMs: number): HeaderChain {
    const empty = HeaderChain.fromCheckpoint(network);
    return empty.extend(empty.baseHeight + 1, rawAboveBase, nowMs).chain;
  }

  /** Height of the checkpoint. */
  get baseHeight(): number {
    return this.network.checkpoint.height;
  }

  get tipHeight(): number {
    return this.baseHeight + this.#list.length;
  }

  /** Display order, hex. */
  get tipHash(): string {
    return this.hashAt(this.tipHeight) ?? unreachable("a header chain without a tip");
  }

  /** Unix seconds in the tip's header; null when the tip is a checkpoint whose header is not known. */
  get tipTimeSec(): number | null {
    return this.headerAt(this.tipHeight)?.timeSec ?? null;
  }

  /** The header at that height, or null where none is known. */
  headerAt(height: number): BlockHeader | null {
    if (height === this.baseHeight) return this.#base === null ? null : parseHeader(this.#base);
    return this.#holds(height) ? parseHeader(this.#list.raw(height - this.baseHeight - 1)) : null;
  }

  /** Display order hex hash of the block at that height, the checkpoint included, or null. */
  hashAt(height: number): string | null {
    if (height === this.baseHeight) return this.network.checkpoint.hash;
    return this.#holds(height) ? encodeHex(reversed(this.#list.hash(height - this.baseHeight - 1))) : null;
  }

  /** The height of the block with that hash (display order), or null. */
  heightOf(hash: string): number | null {
    if (hash === this.network.checkpoint.hash) return this.baseHeight;
    const index = isHex(hash, 32) ? this.#list.indexOf(reversed(decodeHex(hash))) : -1;
    return index < 0 ? null : this.baseHeight + 1 + index;
  }

  /**
   * A copy of `count` headers from `start` on, 80 bytes each.
   *
   * @throws INPUT_INVALID where the chain does not hold all of them
   */
  rawRange(start: number, count: number): Uint8Array {
    assertInteger("start", start, this.baseHeight + 1, this.tipHeight + 1);
    assertInteger("count", count, 0, this.tipHeight + 1 - start);
    const index = start - this.baseHeight - 1;
    const range = new Uint8Array(count * HEADER_BYTES);
    for (let i = 0; i < count; i++) range.set(this.#list.raw(index + i), i * HEADER_BYTES);
    return range;
  }

  /**
   * Adds headers (80 bytes each) of which the first claims height `start`, up to the first that breaks a rule of V1.
   *
   * Headers that this chain holds are passed over, and those below the checkpoint are ignored. A valid header that
   * differs from the one held at its height begins a fork: what was held from there on is not in the new chain, so
   * compare the two with {@link selectBestChain}. `nowMs` is the reader's clock.
   *
   * @throws INPUT_INVALID for arguments of the wrong kind; what the bytes hold is answered in `stopped`
   */
  extend(start: number, headers: Uint8Array, nowMs: number): HeaderExtension {
    assertInteger("start", start);
    assertBytes("headers", headers);
    if (!Number.isFinite(nowMs)) throw invalidArgument("nowMs", "milliseconds", nowMs);
    if (start > this.tipHeight + 1) {
      return { chain: this, accepted: 0, stopped: invalidAt(start, `does not connect to height ${this.tipHeight}`) };
    }
    const count = Math.floor(headers.length / HEADER_BYTES);
    const known = this.#countKnown(start, headers, count);
    if (known.stopped !== null) return { chain: this, ...known };

    let { accepted } = known;
    const first = start + accepted;
    const verifier = accepted < count ? new HeaderVerifier(this.network, this.#base, this.#list, first, nowMs) : null;
    let stopped: HeaderRefusal | null = null;
    while (verifier !== null && accepted < count && stopped === null) {
      stopped = verifier.push(headers.subarray(accepted * HEADER_BYTES, (accepted + 1) * HEADER_BYTES));
      if (stopped === null) accepted++;
    }
    if (stopped === null && headers.length % HEADER_BYTES > 0) stopped = invalidAt(start + count, "is cut off");
    if (verifier === null || accepted === known.accepted) return { chain: this, accepted, stopped };

    const { list, work } = verifier.finish();
    const chain = new HeaderChain(this.network, list, this.work - this.#workFrom(first) + work, this.#base);
    return { chain, accepted, stopped };
  }

  #holds(height: number): boolean {
    return Number.isInteger(height) && height > this.baseHeight && height <= this.tipHeight;
  }

  /** How many headers, from the first on, lie below the checkpoint or are held already. */
  #countKnown(start: number, headers: Uint8Array, count: number): Pick<HeaderExtension, "accepted" | "stopped"> {
    let accepted = Math.min(count, Math.max(0, this.baseHeight - start));
    for (; accepted < count && start + accepted <= this.tipHeight; accepted++) {
      const raw = headers.subarray(accepted * HEADER_BYTES, (accepted + 1) * HEADER_BYTES);
      if (start + accepted > this.baseHeight) {
        if (!equalBytes(raw, this.#list.raw(start + accepted - this.baseHeight - 1))) break;
      } else if (encodeHex(reversed(hashHeader(raw))) !== this.network.checkpoint.hash) {
        return { accepted, stopped: forksBelowCheckpoint(this.network) };
      }
    }
    return { accepted, stopped: null };
  }

  /** Work of the headers from `height` to the tip. */
  #workFrom(height: number): bigint {
    let work = 0n;
    for (let h = height; h <= this.tipHeight; h++) {
      work += workOfBits(readBits(this.#list.raw(h - this.baseHeight - 1)));
    }
    return work;
  }
}

/**
 * V1: the chain with most work. On equal work the stored one stays, else the first of `candidates`, which are to be
 * given in the order in which they were completed; so nobody can make a reader switch for free.
 *
 * @throws INPUT_INVALID when the chains are not all of one network
 */
export function selectBestChain(stored: HeaderChain, candidates: readonly HeaderChain[]): HeaderChain {
  let best = stored;
  for (const candidate of candidates) {
    if (candidate.network.id !== stored.network.id) {
      throw invalidArgument("candidates", `chains of ${stored.network.id}`, candidate.network.id);
    }
    if (candidate.work > best.work) best = candidate;
  }
  return best;
}

/** V1: whether a chain has at least the work that the library ships for its network. */
export function meetsMinimumWork(chain: HeaderChain): boolean {
  return chain.work >= chain.network.minimumWork;
}
