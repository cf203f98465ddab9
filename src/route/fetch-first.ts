import { throwIfAborted } from "../deadline.js";
import { type Attempt, isHawserError } from "../errors.js";
import { attemptOfAnything, type FetchOptions, fetchOne } from "./fetch.js";
import type { Replica } from "./replicas.js";

const HEDGE_DELAY_MS = 1_500;
const MAX_IN_FLIGHT = 3;

/** How {@link fetchFirstValid} asks, and how it fails. */
export interface FetchFirstOptions extends FetchOptions {
  /** ms after which the next replica is asked beside the one that has not answered. Default 1,500. */
  readonly hedgeDelayMs?: number | undefined;
  /** Makes the error when no replica is left. `anyWrong`: at least one answered with bytes that were not accepted. */
  readonly fail: (attempts: readonly Attempt[], anyWrong: boolean) => Error;
}

/** The first value that was accepted. */
export interface FirstValid<T> {
  readonly value: T;
  /** The replica that it came from. */
  readonly label: string;
  /** Replicas that failed before, in the order in which they did. */
  readonly attempts: readonly Attempt[];
}

interface Finished<T> {
  readonly self: Promise<Finished<T>>;
  readonly label: string;
  readonly result: { readonly value: T } | { readonly attempt: Attempt; readonly wrong: boolean };
}

/**
 * The first value that `accept` returns for a replica's bytes. Replicas are asked in order: the next one when one
 * fails, or beside it after `hedgeDelayMs`, at most 3 at a time. Only for bytes that prove themselves, such as objects
 * under their hash: for a record the first valid answer may be an old one (M8).
 *
 * @param accept - verifies; whatever it throws makes the replica's answer a wrong one.
 * @throws what `fail` makes; NETWORK_TIME_LIMIT when the budget ended before the replicas did; NETWORK_ABORTED
 */
export async function fetchFirstValid<T>(
  replicas: readonly Replica[],
  accept: (bytes: Uint8Array) => T,
  options: FetchFirstOptions,
): Promise<FirstValid<T>> {
  const { clock, budget } = options;
  const queue = [...replicas];
  const attempts: Attempt[] = [];
  const running = new Set<Promise<Finished<T>>>();
  const losers = new AbortController();
  const signal = options.signal === undefined ? losers.signal : AbortSignal.any([options.signal, losers.signal]);
  let anyWrong = false;
  const exhausted: Error[] = [];

  const start = (): void => {
    const replica = queue.shift();
    if (replica === undefined) return;
    try {
      if (replica.opens) budget.spend(replica.label);
    } catch (error) {
      if (!isHawserError(error)) throw error;
      // Requests that are already under way may still succeed.
      exhausted.push(error);
      queue.length = 0;
      return;
    }
    const self: Promise<Finished<T>> = tryOne(replica, accept, { ...options, signal }).then((result) => ({
      self,
      label: replica.label,
      result,
    }));
    running.add(self);
  };

  try {
    start();
    while (running.size > 0) {
      const next = await nextEvent(
        running,
        queue.length > 0 && running.size < MAX_IN_FLIGHT,
        clock,
        options.hedgeDelayMs,
      );
      if (next === "hedge") {
        start();
        continue;
      }
      running.delete(next.self);
      if ("value" in next.result) return { value: next.result.value, label: next.label, attempts };
      attempts.push(next.result.attempt);
      anyWrong ||= next.result.wrong;
      start();
    }
  } finally {
    losers.abort();
  }
  throwIfAborted(options.signal, "The read");
  const [limit] = exhausted;
  if (limit !== undefined) throw limit;
  throw options.fail(attempts, anyWrong);
}

async function nextEvent<T>(
  running: ReadonlySet<Promise<Finished<T>>>,
  mayHedge: boolean,
  clock: FetchOptions["clock"],
  hedgeDelayMs = HEDGE_DELAY_MS,
): Promise<Finished<T> | "hedge"> {
  if (!mayHedge) return Promise.race(running);
  const timer = new AbortController();
  const hedge = clock.delay(hedgeDelayMs, timer.signal).then(
    () => "hedge" as const,
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([...running, hedge]);
  } finally {
    timer.abort();
  }
}

async function tryOne<T>(
  replica: Replica,
  accept: (bytes: Uint8Array) => T,
  options: FetchOptions,
): Promise<Finished<T>["result"]> {
  const { label } = replica;
  const reply = await fetchOne(replica, options);
  if (reply.outcome === "unreachable") return { attempt: reply.attempt, wrong: false };
  if (reply.outcome === "absent") {
    return { attempt: { label, code: "absent", message: "The server says that it does not have it." }, wrong: false };
  }
  try {
    return { value: accept(reply.bytes) };
  } catch (error) {
    return { attempt: attemptOfAnything(label, error), wrong: true };
  }
}
