import { decodeHex, encodeHex, reversed } from "../../bytes/hex.js";
import { limits } from "../../limits.js";
import type { CallOptions, SourceTip } from "../../ports.js";
import { HEADER_BYTES, hashHeader } from "../header.js";
import { headerBytes } from "./electrum-answers.js";
import type { ElectrumCalls } from "./electrum-calls.js";
import { invalidAnswer, serverRefusal } from "./electrum-error.js";
import { isHeaderProven } from "./electrum-header-proof.js";
import { electrumLimits } from "./electrum-limits.js";

/** A header that the server named as its tip. */
interface NamedTip {
  readonly height: number;
  readonly header: Uint8Array;
}

/** The answers to `block.headers` or `block.header` as far as they prove something. */
interface ProofParts {
  readonly root?: string | undefined;
  readonly branch?: readonly string[] | undefined;
}

/**
 * Headers of one server. A large chunk is asked for together with the proof that its last header is in the list of which
 * the tip is the end. All of that is the server's word, and headers are verified one by one in any case; but a server
 * whose parts are of different chains, as behind a load balancer, is found out by the first chunk, and not by a year of
 * headers that lead elsewhere.
 */
export class ElectrumHeaders {
  readonly #calls: ElectrumCalls;
  #tip: NamedTip | null = null;
  #root: { readonly tip: NamedTip; readonly root: Uint8Array } | null = null;
  #givesProofs = true;
  #maxCount: number = limits.headersPerCall;

  constructor(calls: ElectrumCalls) {
    this.#calls = calls;
  }

  async tip({ signal }: CallOptions): Promise<SourceTip> {
    const { height, hex } = await this.#calls.tip(signal);
    const header = decodeHex(hex, HEADER_BYTES);
    this.#tip = { height, header };
    return { height, hash: encodeHex(reversed(hashHeader(header))), recentHeaders: header };
  }

  /** At least one header; as many as the server gives at once, at most `count`. */
  async headers(start: number, count: number, { signal }: CallOptions): Promise<Uint8Array> {
    const wanted = Math.min(count, this.#maxCount);
    const tip = this.#tip;
    const isProvable = tip !== null && start + wanted - 1 <= tip.height && wanted >= electrumLimits.minProvenHeaders;
    if (tip === null || !isProvable || !this.#givesProofs)
      return (await this.#fetch(start, wanted, null, signal)).bytes;
    try {
      return await this.#fetchProven(start, wanted, tip, signal);
    } catch (error) {
      // Some servers know no proofs; others have lost blocks since they named their tip.
      if (serverRefusal(error) === null) throw error;
      const { bytes } = await this.#fetch(start, wanted, null, signal);
      this.#givesProofs = false;
      return bytes;
    }
  }

  async #fetchProven(
    start: number,
    count: number,
    tip: NamedTip,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    for (let attempt = 0; ; attempt++) {
      const [chunk, root] = await Promise.all([this.#fetch(start, count, tip, signal), this.#rootOf(tip, signal)]);
      if (root === null || chunk.root === null) return chunk.bytes;
      if (encodeHex(chunk.root) === encodeHex(root)) return chunk.bytes;
      this.#root = null;
      // A block that came in between changes the root; it does not do so twice in a row.
      if (attempt > 0) throw invalidAnswer(this.#calls.url, "headers that are not of the chain of its tip");
    }
  }

  /** A chunk, and the root to which its last header leads; null where no proof was asked for or given. */
  async #fetch(
    start: number,
    count: number,
    tip: NamedTip | null,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly bytes: Uint8Array; readonly root: Uint8Array | null }> {
    const { url } = this.#calls;
    const answer = await this.#calls.headers(start, count, tip?.height ?? null, signal);
    this.#maxCount = Math.min(limits.headersPerCall, answer.max);
    const bytes = headerBytes(answer, url);
    if (answer.count === 0) throw invalidAnswer(url, `no header at height ${start}`);
    if (answer.count > count) throw invalidAnswer(url, "more headers than were asked for");
    const height = start + answer.count - 1;
    const root = tip === null ? null : this.#proofRoot(answer, bytes.subarray(-HEADER_BYTES), height, tip.height);
    return { bytes, root };
  }

  /** The root under which the server's tip is the last header; null where the server has another tip by now. */
  async #rootOf(tip: NamedTip, signal: AbortSignal | undefined): Promise<Uint8Array | null> {
    if (this.#root?.tip === tip) return this.#root.root;
    const answer = await this.#calls.header(tip.height, tip.height, signal);
    const header = decodeHex(answer.header, HEADER_BYTES);
    if (encodeHex(header) !== encodeHex(tip.header)) return null;
    const root = this.#proofRoot(answer, header, tip.height, tip.height);
    if (root !== null) this.#root = { tip, root };
    return root;
  }

  /** The root of a proof that holds; null where there is none. @throws NETWORK_ANSWER_INVALID */
  #proofRoot({ root, branch }: ProofParts, header: Uint8Array, height: number, proofHeight: number): Uint8Array | null {
    if (root === undefined || branch === undefined) return null;
    const proof = {
      header,
      height,
      proofHeight,
      branch: branch.map((hash) => reversed(decodeHex(hash, 32))),
      root: reversed(decodeHex(root, 32)),
    };
    if (!isHeaderProven(proof)) throw invalidAnswer(this.#calls.url, `a proof that header ${height} does not fit`);
    return proof.root;
  }
}
