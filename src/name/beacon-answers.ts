import type { Evidence } from "../chain/evidence.js";
import type { Seat } from "../chain/union.js";
import type { HistoryEntry, HistoryMark } from "../ports.js";
import type { Frontier } from "./thread.js";

/** What one source said of a beacon when it was asked once. */
interface BeaconAnswer {
  readonly entries: readonly HistoryEntry[];
  /** The transaction that it was asked up to, at the height that was named to it; null for the whole history. */
  readonly upTo: HistoryMark | null;
}

/** The histories of one beacon in one read, source by source, and how far down each is known to be whole. */
export class BeaconAnswers {
  readonly #evidence: Evidence;
  readonly #bySeat = new Map<Seat, BeaconAnswer[]>();

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
  }

  add(seat: Seat, answer: BeaconAnswer): void {
    this.#bySeat.set(seat, [...(this.#bySeat.get(seat) ?? []), answer]);
  }

  /** What each source reported, in all of its answers. */
  get entries(): readonly (readonly [Seat, readonly HistoryEntry[]])[] {
    return [...this.#bySeat].map(([seat, answers]) => [seat, answers.flatMap(({ entries }) => entries)] as const);
  }

  /** Whether the source's answers leave nothing of the beacon open that could change a thread with this frontier. */
  covers(seat: Seat, { ended, beacon }: Frontier): boolean {
    const heights = this.#coveredHeights(seat);
    if (heights.includes(Number.POSITIVE_INFINITY)) return true;
    // V8: what is newer than the last REGISTER or RECOVER means nothing while that tenure is held and sealed. After its
    // end it does, and so does what lies between the place asked up to and a REGISTER or RECOVER above it.
    return !ended && beacon !== null && heights.some((height) => height >= beacon.height);
  }

  /** The sources that left out a transaction of the beacon which another one proved at `height`. */
  without(txid: string, height: number): readonly Seat[] {
    return [...this.#bySeat].flatMap(([seat, answers]) => {
      const isTold = answers.some(({ entries }) => entries.some((entry) => entry.txid === txid));
      return !isTold && this.#coveredHeights(seat).some((covered) => covered >= height) ? [seat] : [];
    });
  }

  #coveredHeights(seat: Seat): readonly number[] {
    return (this.#bySeat.get(seat) ?? []).flatMap(({ upTo }) => {
      if (upTo === null) return [Number.POSITIVE_INFINITY];
      // V8: the height may have been a source's own word; only a transaction that is proven there marks a place.
      return this.#evidence.heightOf(upTo.txid) === upTo.height ? [upTo.height] : [];
    });
  }
}
