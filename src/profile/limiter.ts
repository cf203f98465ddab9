/** Runs a job as soon as one of the places is free. */
export type Limiter = <T>(job: () => Promise<T>) => Promise<T>;

interface Waiting {
  readonly start: () => void;
  next: Waiting | null;
}

/**
 * Runs at most `max` jobs at the same time, in the order in which they came. After a job has failed those that wait
 * fail with the same error, without being run.
 */
export function createLimiter(max: number): Limiter {
  // A linked list: taking the first of a large Set or array costs time in proportion to its size.
  let first: Waiting | null = null;
  let last: Waiting | null = null;
  let running = 0;
  let failure: { readonly error: unknown } | null = null;
  const wait = (start: () => void): void => {
    const waiting: Waiting = { start, next: null };
    if (last === null) first = waiting;
    else last.next = waiting;
    last = waiting;
  };
  return async (job) => {
    if (running === max) await new Promise<void>(wait);
    else running++;
    try {
      if (failure !== null) throw failure.error;
      return await job();
    } catch (error) {
      failure ??= { error };
      throw error;
    } finally {
      // The place goes to the next job directly, so that no newcomer takes it in between.
      if (first === null) running--;
      else {
        const { start, next }: Waiting = first;
        first = next;
        if (next === null) last = null;
        start();
      }
    }
  };
}
