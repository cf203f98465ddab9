import { encodeHex, reversed } from "../bytes/hex.js";
import { HawserError, isHawserError } from "../errors.js";
import type { SourceTip } from "../ports.js";
import { hashHeader } from "./header.js";
import { type Network, networks } from "./network.js";
import { askHeaders } from "./source-calls.js";
import { dismiss, type Panel, type Seat } from "./union.js";

/**
 * Notes on a seat why nothing that its source serves builds on the checkpoint: it is of another network, still behind
 * the checkpoint, or on a fork below it (V1). Its block 0 is asked for here and nowhere else, so that a source whose
 * headers do build on it costs no question, and one that lies costs one.
 */
export async function noteForeignChain(panel: Panel, seat: Seat, tip: SourceTip, network: Network): Promise<void> {
  const header = await askHeaders(panel, seat, 0, 1);
  if (seat.gone) return;
  const { checkpoint, genesisHash } = network;
  const found = header === null ? null : encodeHex(reversed(hashHeader(header)));
  if (found !== null && found !== genesisHash) {
    dismiss(seat, networkMismatch(network.id, [foreignSource(seat.label, found)]));
  } else if (tip.height < checkpoint.height) {
    dismiss(seat, behindCheckpoint(seat.label, tip.height, checkpoint.height));
  } else {
    // V1: a fork below the checkpoint is refused whatever its work.
    const details = { work: "0", minimumWork: network.minimumWork.toString(16) };
    seat.failure = new HawserError("CHAIN_WORK_INSUFFICIENT", `${seat.label} forks below the checkpoint.`, details);
  }
}

/** The one error of a read of which every source is of another network; null where there is any other source. */
export function everySourceForeign(panel: Panel, network: Network): HawserError<"CHAIN_NETWORK_MISMATCH"> | null {
  const found = panel.seats.flatMap(({ failure }) => foreignSourcesIn(failure));
  return found.length === panel.seats.length ? networkMismatch(network.id, found) : null;
}

type ForeignSource = HawserError<"CHAIN_NETWORK_MISMATCH">["details"]["found"][number];

function foreignSourcesIn(failure: HawserError | null): readonly ForeignSource[] {
  return isHawserError(failure, "CHAIN_NETWORK_MISMATCH") ? failure.details.found : [];
}

function foreignSource(source: string, genesisHash: string): ForeignSource {
  const known = Object.values(networks).find((network) => network.genesisHash === genesisHash);
  return { source, network: known?.id ?? null, genesisHash };
}

function networkMismatch(expected: string, found: readonly ForeignSource[]): HawserError<"CHAIN_NETWORK_MISMATCH"> {
  const serves = found.map(({ source, network, genesisHash }) => {
    return `${source} serves ${network ?? `a network that begins with block ${genesisHash}`}`;
  });
  return new HawserError("CHAIN_NETWORK_MISMATCH", `Expected sources of ${expected}: ${serves.join(", ")}.`, {
    expected,
    found,
  });
}

function behindCheckpoint(source: string, tipHeight: number, checkpointHeight: number): HawserError {
  const message = `${source} is at block ${tipHeight}, below the checkpoint at ${checkpointHeight}: it may still be syncing.`;
  return new HawserError("CHAIN_SOURCE_BEHIND", message, { source, tipHeight, checkpointHeight });
}
