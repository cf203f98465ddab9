import { invalidArgument } from "../../bytes/guards.js";
import { jsonInvalid } from "./invalid.js";
import { type Results, resultShapes } from "./result-shapes.js";
import { decodeTagged, encodeTagged, type JsonValue } from "./tagged.js";

declare const relayed: unique symbol;

/**
 * A result that somebody sent. Nothing of it was verified here: it is as good as its sender, which is to be known from
 * elsewhere (`sender.id` of an extension's message, `event.origin` of a page's).
 */
export type Relayed<T> = T & { readonly [relayed]: true };

/** A result as a message: plain JSON. */
export interface ResultJson {
  readonly hawserResult: 1;
  readonly kind: keyof Results;
  readonly value: JsonValue;
}

/**
 * A result as JSON, for messages between contexts, such as the worker and the pages of an extension. Bytes become base64.
 * What `list` found has entries that nobody has iterated yet: put an array of them in their place.
 *
 * @throws INPUT_INVALID for what is no result of this kind
 */
export function encodeResult<Kind extends keyof Results>(kind: Kind, result: Results[Kind]): ResultJson {
  assertKind(kind);
  const value = encodeTagged(result, (reason) =>
    invalidArgument("result", `a result of the kind ${kind}; it ${reason}`, result),
  );
  if (!resultShapes[kind].safeParse(result).success) {
    throw invalidArgument("result", `a result of the kind ${kind}`, result);
  }
  return { hawserResult: 1, kind, value };
}

/**
 * The result that {@link encodeResult} was given. Its form is checked to the last member, since it may come from
 * anywhere; that it is true is not.
 *
 * @throws INPUT_JSON_INVALID, and INPUT_INVALID for a kind that is none
 */
export function decodeResult<Kind extends keyof Results>(kind: Kind, json: unknown): Relayed<Results[Kind]> {
  assertKind(kind);
  const message = decodeTagged(json, jsonInvalid);
  if (!isMessage(message)) throw jsonInvalid("is no result");
  if (message.hawserResult !== 1) throw jsonInvalid("is of a version that is not known here");
  if (message.kind !== kind) throw jsonInvalid(`is not of the kind ${kind}`);
  const { value } = message;
  if (!resultShapes[kind].safeParse(value).success) throw jsonInvalid(`is no result of the kind ${kind}`);
  // The value itself and no copy: its form is that of the type, as the line above has found.
  return value as Relayed<Results[Kind]>;
}

function assertKind(kind: unknown): void {
  const kinds = Object.keys(resultShapes);
  if (typeof kind !== "string" || !kinds.includes(kind))
    throw invalidArgument("kind", `one of ${kinds.join(", ")}`, kind);
}

function isMessage(message: unknown): message is { readonly [Member in keyof ResultJson]: unknown } {
  if (typeof message !== "object" || message === null) return false;
  return Object.keys(message).sort().join() === "hawserResult,kind,value";
}
