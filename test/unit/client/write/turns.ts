/**
 * What a story of many steps is told about, made anew for every `steps` of them: a thread that grew with each step would
 * cost every reader more than the last. Steps are counted from 1 and asked for in order.
 *
 * @param make - makes the n-th, from 1 on
 */
export function inTurns<T>(steps: number, make: (n: number) => Promise<T>): (step: number) => Promise<T> {
  let last: { readonly n: number; readonly made: T } | null = null;
  return async (step) => {
    const n = Math.ceil(step / steps);
    if (last?.n !== n) last = { n, made: await make(n) };
    return last.made;
  };
}
