import type { Invocation } from "./command.js";
import { readInteger, usageError } from "./usage.js";

/** The whole number of a flag, or undefined without it. @throws INPUT_INVALID */
export function integerFlag({ args }: Invocation, flag: string, min: number, max?: number): number | undefined {
  const text = args.text(flag);
  if (text === undefined) return undefined;
  return readInteger(text, (expected, got) => usageError(`--${flag}`, expected, got), min, max);
}
