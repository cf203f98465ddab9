import type { HawserError } from "../errors.js";
import type { Seat, SourceRest } from "./union.js";

/** When a source is left alone, and for how long; `limits` holds these. */
export interface HealthLimits {
  /** reads in a row without an answer before a source is left alone. */
  readonly sourceFailuresBeforeRest: number;
  /** ms - the first time. */
  readonly sourceRestMs: number;
  /** ms - at most, however often it failed. */
  readonly sourceRestMaxMs: number;
  /** ms - for which a read that tries it again has it to itself. */
  readonly sourceTimeoutMs: number;
}

interface Trouble {
  readonly failures: number;
  readonly failure: HawserError;
  readonly notedAtMs: number;
  restUntilMs: number;
}

/**
 * Which sources gave no answer of late: a circuit breaker for each. A source that fails several reads in a row is left
 * alone for a time that doubles up to a cap; then one read asks it again. It says nothing about lies: a source that
 * answers wrongly goes on being asked and judged (V4).
 *
 * Times are of the caller's clock. Imports types alone, since readers load it only once a source has failed.
 */
export class SourceHealth {
  readonly #limits: HealthLimits;
  readonly #troubles = new Map<string, Trouble>();

  constructor(limits: HealthLimits) {
    this.#limits = limits;
  }

  /**
   * The sources that one read does not ask. Where the others could not give `needed` complete answers (V5) that is none
   * of them.
   */
  rest(labels: readonly string[], needed: number, nowMs: number): ReadonlyMap<string, SourceRest> {
    const { sourceRestMaxMs, sourceTimeoutMs } = this.#limits;
    const resting = new Map<string, SourceRest>();
    for (const label of labels) {
      const trouble = this.#troubles.get(label);
      if (trouble === undefined) continue;
      const forMs = Math.ceil(trouble.restUntilMs - nowMs);
      // Above the cap the clock was set back.
      if (forMs > 0 && forMs <= sourceRestMaxMs) resting.set(label, { failure: trouble.failure, forMs });
    }
    if (labels.length - resting.size < needed) return new Map();
    for (const [label, trouble] of this.#troubles) {
      // One read tries a source whose time is over; those beside it do not wait for it as well.
      if (this.#isTired(trouble) && !resting.has(label)) trouble.restUntilMs = nowMs + sourceTimeoutMs;
    }
    return resting;
  }

  /** Takes down how the sources ended in a read that began at `startedAtMs`. */
  note(
    seats: readonly Pick<Seat, "label" | "failure" | "gone" | "chain" | "rest">[],
    startedAtMs: number,
    nowMs: number,
  ): void {
    for (const seat of seats) {
      if (seat.rest !== null) continue;
      const failure = outageOf(seat);
      const before = this.#troubles.get(seat.label);
      if (failure === null) this.#troubles.delete(seat.label);
      // Reads beside one another meet the same outage: it counts once.
      else if (before === undefined || startedAtMs >= before.notedAtMs) {
        const trouble = { failures: (before?.failures ?? 0) + 1, failure, notedAtMs: nowMs, restUntilMs: 0 };
        this.#troubles.set(seat.label, { ...trouble, restUntilMs: nowMs + this.#restMs(trouble, nowMs) });
      }
    }
  }

  #isTired({ failures }: Trouble): boolean {
    return failures >= this.#limits.sourceFailuresBeforeRest;
  }

  #restMs(trouble: Trouble, nowMs: number): number {
    const { sourceFailuresBeforeRest, sourceRestMs, sourceRestMaxMs } = this.#limits;
    if (!this.#isTired(trouble)) return 0;
    const fullMs = Math.min(sourceRestMaxMs, sourceRestMs * 2 ** (trouble.failures - sourceFailuresBeforeRest));
    // A server that comes back must not meet all of its readers at once; their clocks' milliseconds differ.
    return fullMs * (0.75 + ((nowMs % 1_000) / 1_000) * 0.25);
  }
}

/** What a source failed with if it could not be asked; null if it answered, however wrongly. */
function outageOf({ failure, gone, chain }: Pick<Seat, "failure" | "gone" | "chain">): HawserError | null {
  // One question without an answer is none: "history too large" is said by servers that are well.
  if (failure === null || (chain !== null && !gone)) return null;
  const { code, details } = failure;
  if (code === "NETWORK_TIMEOUT" || code === "NETWORK_UNREACHABLE") return failure;
  const isBusy =
    code === "NETWORK_STATUS" && "status" in details && (Number(details.status) >= 500 || details.status === 429);
  return isBusy ? failure : null;
}
