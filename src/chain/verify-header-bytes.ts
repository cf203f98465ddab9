import { assertBytes, assertInteger, invalidArgument } from "../bytes/guards.js";
import { HEADER_BYTES } from "./header.js";
import { HeaderChain } from "./header-chain.js";
import { getNetwork, type NetworkId } from "./network.js";

/** Options of {@link verifyHeaders}. */
export interface VerifyHeadersOptions {
  readonly network: NetworkId;
  /** Height of the first header. Default: the first one above the network's checkpoint. */
  readonly start?: number | undefined;
  /** ms - the time now. Without it no header is too far ahead. */
  readonly nowMs?: number | undefined;
}

/** What {@link verifyHeaders} found. */
export interface VerifiedHeaders {
  readonly network: NetworkId;
  /** Height of the first header that was verified: the one above the checkpoint. */
  readonly start: number;
  /** Height of the last header. */
  readonly height: number;
  /** Of the last header, display order. */
  readonly hash: string;
  /** Seconds since the Unix epoch: the time in the last header. */
  readonly time: number;
  /** Work of the whole chain, hex; on testnet4 and signet that above the checkpoint. */
  readonly work: string;
  /** As in `asOf` of a read: the checkpoint is shipped without its work and the bits that follow it. */
  readonly weakStart: boolean;
  /** As in `asOf` of a read: blocks of this network need signatures, which headers do not hold. */
  readonly signaturesUnchecked: boolean;
}

/**
 * Verifies headers from the network's checkpoint on by every rule of V1, without a network: 80 bytes each, consecutive,
 * as header files hold them. Headers below the checkpoint are not looked at; where the checkpoint's block is among them
 * it has to be that block. That no chain with more work exists is not shown by this.
 *
 * @throws INPUT_INVALID also for headers that begin above the checkpoint or end at it; CHAIN_HEADER_INVALID for the first
 *   one that breaks a rule or is cut off, CHAIN_WORK_INSUFFICIENT for a chain that does not build on the checkpoint
 */
export function verifyHeaders(bytes: Uint8Array, options: VerifyHeadersOptions): VerifiedHeaders {
  assertBytes("bytes", bytes);
  const network = getNetwork(options.network);
  const empty = HeaderChain.fromCheckpoint(network);
  const first = empty.baseHeight + 1;
  const { start = first, nowMs = Number.MAX_SAFE_INTEGER } = options;
  assertInteger("start", start, 0, first);
  assertInteger("nowMs", nowMs);
  const { chain, stopped } = empty.extend(start, bytes, nowMs);
  if (stopped !== null) throw stopped;
  if (chain === empty) {
    throw invalidArgument("bytes", `headers above the checkpoint at ${empty.baseHeight}`, bytes.length / HEADER_BYTES);
  }
  return {
    network: network.id,
    start: first,
    height: chain.tipHeight,
    hash: chain.tipHash,
    time: chain.tipTimeSec ?? 0,
    work: chain.work.toString(16),
    weakStart: network.checkpoint.weakStart,
    signaturesUnchecked: network.rules === "signet",
  };
}
