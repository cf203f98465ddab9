import type { Network } from "../chain/network.js";

/** What decides when a tenure ends (C9). */
export interface TenureClock {
  /** Height of the last valid operation. */
  readonly renewedAtHeight: number;
  /** Height of the RELEASE, which replaces the clock. */
  readonly releasedAtHeight: number | null;
}

/** `free`: not registered. `grace`: still resolves, marked. `released`: resolves to nothing, not yet free. */
export type NameStatus = "free" | "active" | "grace" | "released";

/** The first height at which the name is FREE again (C9). Height alone decides, not the position in a block. */
export function freeFromHeight(network: Network, clock: TenureClock): number {
  if (clock.releasedAtHeight !== null) return clock.releasedAtHeight + network.cooldownBlocks;
  return clock.renewedAtHeight + network.termBlocks + network.graceBlocks + 1;
}

/** The status at a height at or above the last operation, and when time alone changes it (C9). */
export function statusAt(
  network: Network,
  clock: TenureClock,
  height: number,
): { readonly status: NameStatus; readonly changesAtHeight: number | null } {
  const freeFrom = freeFromHeight(network, clock);
  if (height >= freeFrom) return { status: "free", changesAtHeight: null };
  if (clock.releasedAtHeight !== null) return { status: "released", changesAtHeight: freeFrom };
  const graceFrom = clock.renewedAtHeight + network.termBlocks + 1;
  if (height >= graceFrom) return { status: "grace", changesAtHeight: freeFrom };
  return { status: "active", changesAtHeight: graceFrom };
}
