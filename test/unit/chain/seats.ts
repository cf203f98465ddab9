import { HeaderChain } from "../../../src/chain/header-chain.js";
import { type Network, networks } from "../../../src/chain/network.js";
import { createPanel, type Panel, type Seat } from "../../../src/chain/union.js";
import type { ChainSource } from "../../../src/ports.js";
import { FakeClock } from "../fake-clock.js";
import { LATE_MS } from "./mining.js";

/** A panel on a clock of its own. */
export function panelOf(
  sources: readonly ChainSource[],
  signal?: AbortSignal,
): { readonly panel: Panel; readonly clock: FakeClock; readonly seats: readonly [Seat, ...Seat[]] } {
  const clock = new FakeClock(LATE_MS);
  const panel = createPanel(sources, clock, signal);
  const [first, ...rest] = panel.seats;
  if (first === undefined) throw new Error("a panel without seats");
  return { panel, clock, seats: [first, ...rest] };
}

/** A source of which a test uses the methods that it gives; the others fail. */
export function partialSource(label: string, methods: Partial<ChainSource>): ChainSource {
  const missing = (): Promise<never> => Promise.reject(new Error("not a part of this source"));
  return {
    label,
    tip: missing,
    headers: missing,
    history: missing,
    transaction: missing,
    inclusion: missing,
    coinbaseTxid: missing,
    outspend: missing,
    unspent: missing,
    feeRate: missing,
    broadcast: missing,
    ...methods,
  };
}

/** The stored chain of a reader that knows nothing yet. */
export function nothingHeld(network: Network = networks.regtest): HeaderChain {
  return HeaderChain.fromCheckpoint(network);
}
