import { invalidArgument } from "../../bytes/guards.js";
import { type ErrorCode, type ErrorDetails, errorCodes, HawserError, isHawserError } from "../../errors.js";
import { errorShapes } from "./error-shapes.js";
import { jsonInvalid } from "./invalid.js";
import { decodeTagged, encodeTagged, type JsonValue } from "./tagged.js";

/** An error as a message: plain JSON. */
export interface ErrorJson {
  readonly hawserError: 1;
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: JsonValue;
  /** Absent where the error has no cause, or one that JSON cannot carry. */
  readonly cause?: ErrorCauseJson | undefined;
}

/** What caused an error: one of hawser's, another one by its name and message, or a value. */
export type ErrorCauseJson =
  | ErrorJson
  | { readonly error: { readonly name: string; readonly message: string } }
  | { readonly value: JsonValue };

/** Causes of causes. */
const MAX_CAUSES = 16;
const MEMBERS = ["hawserError", "code", "message", "details"];

/**
 * An error as JSON, for messages between contexts, with all of its details and the errors that caused it. Stacks stay
 * here: they tell of this machine.
 *
 * @throws INPUT_INVALID for what is no error of hawser
 */
export function encodeError(error: HawserError): ErrorJson {
  if (!isHawserError(error)) throw invalidArgument("error", "a HawserError", error);
  return encodeOne(error, 0);
}

/**
 * The error that {@link encodeError} was given; `isHawserError` and `instanceof HawserError` know it. It is as good as
 * its sender. One of a code that this version does not know is refused, as is one whose details do not fit its code.
 *
 * @throws INPUT_JSON_INVALID
 */
export function decodeError(json: unknown): HawserError {
  return decodeOne(decodeTagged(json, jsonInvalid), 0);
}

function encodeOne(error: HawserError, depth: number): ErrorJson {
  const { code, message, details, cause } = error;
  const fail = (reason: string): HawserError =>
    invalidArgument("error", `details that fit JSON; ${code} ${reason}`, error);
  const json: ErrorJson = { hawserError: 1, code, message, details: encodeTagged(details, fail) };
  const caused = cause === undefined || depth >= MAX_CAUSES ? null : encodeCause(cause, depth + 1);
  return caused === null ? json : { ...json, cause: caused };
}

function encodeCause(cause: unknown, depth: number): ErrorCauseJson | null {
  if (isHawserError(cause)) return encodeOne(cause, depth);
  if (cause instanceof Error) return { error: { name: cause.name, message: cause.message } };
  try {
    return { value: encodeTagged(cause, jsonInvalid) };
  } catch {
    return null;
  }
}

function decodeOne(given: unknown, depth: number): HawserError {
  const members = membersOf(given);
  const names = Object.keys(members).filter((name) => name !== "cause");
  if (names.length !== MEMBERS.length || !MEMBERS.every((name) => Object.hasOwn(members, name))) {
    throw jsonInvalid("is no error");
  }
  const { hawserError, code, message, details, cause } = members;
  if (hawserError !== 1) throw jsonInvalid("is of a version that is not known here");
  if (!isCode(code)) throw jsonInvalid("is an error of a code that is not known here");
  if (typeof message !== "string") throw jsonInvalid("is an error without a message");
  if (!hasShape(code, details)) throw jsonInvalid(`is an error whose details are not those of ${code}`);
  if (!Object.hasOwn(members, "cause")) return new HawserError(code, message, details);
  if (depth >= MAX_CAUSES) throw jsonInvalid(`is an error with more than ${MAX_CAUSES} causes`);
  return new HawserError(code, message, details, { cause: decodeCause(membersOf(cause), depth + 1) });
}

function decodeCause(members: Readonly<Record<string, unknown>>, depth: number): unknown {
  if (Object.hasOwn(members, "hawserError")) return decodeOne(members, depth);
  if (Object.keys(members).join() === "value") return members["value"];
  if (Object.keys(members).join() !== "error") throw jsonInvalid("is an error with a cause that is none");
  const { name, message, ...others } = membersOf(members["error"]);
  if (typeof name !== "string" || typeof message !== "string" || Object.keys(others).length > 0) {
    throw jsonInvalid("is an error with a cause that is none");
  }
  const error = new Error(message);
  error.name = name;
  return error;
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(errorCodes, code);
}

function hasShape<Code extends ErrorCode>(code: Code, details: unknown): details is ErrorDetails[Code] {
  return errorShapes[code].safeParse(details).success;
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw jsonInvalid("is no error");
  return value as Readonly<Record<string, unknown>>;
}
