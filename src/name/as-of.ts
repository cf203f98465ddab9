import type { HeaderChain } from "../chain/header-chain.js";
import type { AsOf } from "./resolution.js";

/** The part of V7 that the chain alone tells: which block an answer holds for, and how old the tip is. */
export function describeBlocks(
  chain: HeaderChain,
  height: number,
  tipHeight: number,
  nowMs: number,
): Omit<AsOf, "partial" | "sources"> {
  const { checkpoint, rules } = chain.network;
  return {
    height,
    hash: chain.hashAt(height) ?? checkpoint.hash,
    time: chain.headerAt(height)?.timeSec ?? 0,
    tipHeight,
    tipAgeMs: Math.max(0, nowMs - (chain.headerAt(tipHeight)?.timeSec ?? 0) * 1000),
    weakStart: checkpoint.weakStart,
    signaturesUnchecked: rules === "signet",
  };
}
