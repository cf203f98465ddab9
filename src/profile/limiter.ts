/** Runs a job as soon as one of the places is free. */
export type Limiter = <T>(job: () => Promise<T>) => Promise<T>;

/**
 * Runs at most `max` jobs at the same time, in the order in which they came. After a job has failed those that wait
 * fail with the same error, without being run.
 */
export function createLimiter(max: number): Limiter {
  const waiting = new Set<() => void>();
  let running = 0;
  let failure: { readonly error: unknown } | null = null;
  return async (job) => {
    if (running === max) await new Promise<void>((resolve) => waiting.add(resolve));
    else running++;
    try {
      if (failure !== null) throw failure.error;
      return await job();
    } catch (error) {
      failure ??= { error };
      throw error;
    } finally {
      // The place goes to the next job directly, so that no newcomer takes it in between.
      const [next] = waiting;
      if (next === undefined) running--;
      else {
        waiting.delete(next);
        next();
      }
    }
  };
}
