import { HawserError, isHawserError, type Outcome } from "../errors.js";

const EXIT_CODES: Readonly<Record<Outcome, number>> = {
  input: 2,
  unknown: 3,
  wrong: 4,
  conflict: 5,
  wallet: 5,
  bug: 70,
};

/** The exit code of an error (0 is found, 1 proven absent). */
export function exitCodeOf(error: HawserError): number {
  return EXIT_CODES[error.outcome];
}

/** An error as it is told: what is not ours is a defect. */
export function toldError(error: unknown): HawserError {
  if (isHawserError(error)) return error;
  const what = error instanceof Error ? `${error.name}: ${error.message}` : "a value that is no error was thrown";
  const message = `Unexpected: ${what}. Please report this; HAWSER_DEBUG=1 shows where it was.`;
  return new HawserError("BUG_UNREACHABLE", message, { what }, { cause: error });
}
