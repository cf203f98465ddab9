/** Runs something once after `ms`; the function that it gives calls it off. */
export type QuietTimer = (ms: number, run: () => void) => () => void;

/** A timer that keeps no Node process from ending. For tidying up alone: it may never fire. */
export const quietTimer: QuietTimer = (ms, run) => {
  const timer = setTimeout(run, ms);
  // Browsers give a number.
  (timer as { readonly unref?: () => unknown }).unref?.();
  return () => {
    clearTimeout(timer);
  };
};
