import * as z from "zod/mini";
import { invalidArgument } from "../../bytes/guards.js";
import type { WatchChange, WatchEvent } from "../watch-events.js";
import { decodeError, type ErrorJson, encodeError } from "./errors.js";
import { jsonInvalid } from "./invalid.js";
import { decodeResult, encodeResult, type Relayed, type ResultJson } from "./results.js";

/** What was watched: a name, or a record of it. */
export type WatchedKind = "name" | "mutable";

/** An event of a watch as a message: plain JSON. */
export type WatchEventJson =
  | { readonly hawserWatch: 1; readonly type: "present"; readonly result: ResultJson }
  | {
      readonly hawserWatch: 1;
      readonly type: "changed";
      readonly changes: readonly WatchChange[];
      readonly result: ResultJson;
    }
  | {
      readonly hawserWatch: 1;
      readonly type: "failed";
      readonly error: ErrorJson;
      readonly failures: number;
      readonly retryInMs: number;
    };

const MAX_CHANGES = 100_000;
const text = z.string();
const count = z.custom<number>((value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0);
const member = z.enum(["status", "unsealed", "tenure", "ownerScript", "ownerKey", "profileHash", "changesAtHeight"]);
const change = z.union([
  z.strictObject({ what: z.literal("block"), height: count, hash: text, tipHeight: count }),
  z.strictObject({ what: z.literal("reorganisation"), height: count }),
  z.strictObject({
    what: z.literal("operation"),
    txid: text,
    kind: z.nullable(text),
    height: z.nullable(count),
    applied: z.boolean(),
  }),
  z.strictObject({ what: z.literal("withdrawn"), txid: text, kind: z.nullable(text) }),
  z.strictObject({ what: z.literal("name"), members: z.array(member) }),
  z.strictObject({ what: z.literal("record"), epoch: z.nullable(count), ver: z.nullable(count) }),
  z.strictObject({ what: z.literal("recovered") }),
]) satisfies z.ZodMiniType<WatchChange>;
const message = z.union([
  z.strictObject({ hawserWatch: z.literal(1), type: z.literal("present"), result: z.unknown() }),
  z.strictObject({
    hawserWatch: z.literal(1),
    type: z.literal("changed"),
    changes: z.array(change).check(z.maxLength(MAX_CHANGES)),
    result: z.unknown(),
  }),
  z.strictObject({
    hawserWatch: z.literal(1),
    type: z.literal("failed"),
    error: z.unknown(),
    failures: count,
    retryInMs: count,
  }),
]);

/**
 * An event of `watch` as JSON, for messages between contexts.
 *
 * @param kind - `mutable` where the watch had an id
 * @throws INPUT_INVALID for what is no event of such a watch
 */
export function encodeWatchEvent(kind: WatchedKind, event: WatchEvent): WatchEventJson {
  const json = encodeParts(kind, event);
  if (!message.safeParse(json).success) throw invalidArgument("event", `an event of a watched ${kind}`, event);
  return json;
}

function encodeParts(kind: WatchedKind, event: WatchEvent): WatchEventJson {
  if (event.type === "failed") return { hawserWatch: 1, ...event, error: encodeError(event.error) };
  // A found record has more members than a found name, and each kind is checked against its own shape.
  return { hawserWatch: 1, ...event, result: encodeResult(kind, event.result as never) };
}

/**
 * The event that {@link encodeWatchEvent} was given. Its form is checked to the last member; it is as good as its sender.
 *
 * @throws INPUT_JSON_INVALID
 */
export function decodeWatchEvent(kind: WatchedKind, json: unknown): Relayed<WatchEvent> {
  const parsed = message.safeParse(json);
  if (!parsed.success) throw jsonInvalid("is no event of a watch");
  return relayed(kind, parsed.data) as Relayed<WatchEvent>;
}

function relayed(kind: WatchedKind, event: z.infer<typeof message>): WatchEvent {
  const { type } = event;
  if (type === "failed") {
    const { failures, retryInMs } = event;
    return { type, error: decodeError(event.error), failures, retryInMs };
  }
  const result = decodeResult(kind, event.result);
  return type === "present" ? { type, result } : { type, changes: event.changes, result };
}
