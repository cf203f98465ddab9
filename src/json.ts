export { decodeError, type ErrorCauseJson, type ErrorJson, encodeError } from "./client/json/errors.js";
export type { ListedEntries, Results } from "./client/json/result-shapes.js";
export { decodeResult, encodeResult, type Relayed, type ResultJson } from "./client/json/results.js";
export type { JsonValue } from "./client/json/tagged.js";
export { decodeWatchEvent, encodeWatchEvent, type WatchEventJson, type WatchedKind } from "./client/json/watch.js";
