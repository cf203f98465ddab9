import { HawserError } from "../errors.js";

/** A short, safe description of a wrong argument: its kind and size, never its content. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (value instanceof Uint8Array) return `Uint8Array of ${value.length} bytes`;
  if (typeof value === "string") return `string of ${value.length} characters`;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  return Array.isArray(value) ? "array" : typeof value;
}

/** The error for an argument that does not have its documented form. */
export function invalidArgument(argument: string, expected: string, value: unknown): HawserError<"INPUT_INVALID"> {
  const got = describe(value);
  return new HawserError("INPUT_INVALID", `${argument}: expected ${expected}, got ${got}.`, {
    argument,
    expected,
    got,
  });
}

/** Guards a byte argument. @throws INPUT_INVALID */
export function assertBytes(argument: string, value: unknown, length?: number): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length)) {
    throw invalidArgument(argument, length === undefined ? "Uint8Array" : `Uint8Array of ${length} bytes`, value);
  }
}

/** Guards an integer argument within `min..max`. @throws INPUT_INVALID */
export function assertInteger(
  argument: string,
  value: unknown,
  min = 0,
  max = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw invalidArgument(argument, `integer from ${min} to ${max}`, value);
  }
}

/** Guards a string argument. @throws INPUT_INVALID */
export function assertString(argument: string, value: unknown): asserts value is string {
  if (typeof value !== "string") throw invalidArgument(argument, "string", value);
}

/** For branches that types rule out. @throws BUG_UNREACHABLE */
export function unreachable(what: string): never {
  throw new HawserError("BUG_UNREACHABLE", `This should not happen: ${what}. Please report it.`, { what });
}
