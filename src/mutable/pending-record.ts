import { decodeBase64, encodeBase64 } from "../bytes/base64.js";
import { utf8 } from "../bytes/bytes.js";
import { encodeJson, isJsonObject, parseJson } from "../bytes/json.js";
import { HawserError } from "../errors.js";
import type { Cache } from "../ports.js";
import type { RecordContext } from "./record.js";

/** A signed record on its way to the providers, kept until the required ones hold it (W3). */
export interface PendingRecord {
  readonly name: string;
  /** txid of the PREORDER. */
  readonly tenure: string;
  readonly id: string;
  readonly epoch: number;
  readonly ver: number;
  /** The record's exact bytes. */
  readonly body: Uint8Array;
  readonly createdAtMs: number;
}

const VERSION = 1;

/** Keeps a record before its first effect. One of an older version of the same id gives way. */
export async function keepPending(cache: Cache, context: RecordContext, record: PendingRecord): Promise<void> {
  const value = encodePending(record);
  await cache.update(pendingKey(context), () => ({ value, result: undefined }));
}

/** Lets go of a record of this version; a newer one in its place stays. */
export async function dropPending(cache: Cache, context: RecordContext, ver: number): Promise<void> {
  const key = pendingKey(context);
  await cache.update(key, (current) => {
    const isThis = current !== null && decodePending(current, key).ver === ver;
    return { ...(isThis ? { value: null } : {}), result: undefined };
  });
}

/** The record of an id and epoch that is on its way, or null. @throws CACHE_CORRUPT */
export async function readPending(cache: Cache, context: RecordContext): Promise<PendingRecord | null> {
  const key = pendingKey(context);
  const bytes = await cache.get(key);
  return bytes === null ? null : decodePending(bytes, key);
}

/** The records of a name, or of all names of a network, that are on their way, oldest first. @throws CACHE_CORRUPT */
export async function listPending(cache: Cache, network: string, name?: string): Promise<readonly PendingRecord[]> {
  const keys = await cache.keys(`writing/${network}/${name === undefined ? "" : `${name}/`}`);
  const records: PendingRecord[] = [];
  for (const key of keys) {
    const bytes = await cache.get(key);
    if (bytes !== null) records.push(decodePending(bytes, key));
  }
  return records.sort((a, b) => a.createdAtMs - b.createdAtMs);
}

function pendingKey({ network, name, tenure, id, epoch }: RecordContext): string {
  return `writing/${network.id}/${name}/${tenure}/${id}@${epoch}`;
}

function encodePending({ name, tenure, id, epoch, ver, body, createdAtMs }: PendingRecord): Uint8Array {
  return utf8(encodeJson({ v: VERSION, name, tenure, id, epoch, ver, body: encodeBase64(body), createdAtMs }));
}

function decodePending(bytes: Uint8Array, key: string): PendingRecord {
  const fail = (reason: string): HawserError<"CACHE_CORRUPT"> =>
    new HawserError("CACHE_CORRUPT", `The pending record ${key} cannot be read: ${reason}.`, { key, reason });
  const json = parseJson(bytes, { fail, maxDepth: 1 });
  if (!isJsonObject(json) || json["v"] !== VERSION) throw fail("unknown version");
  const { name, tenure, id, epoch, ver, body: text, createdAtMs } = json;
  const body = typeof text === "string" ? decodeBase64(text) : null;
  if (body === null) throw fail("expected base64");
  if (typeof name !== "string" || typeof tenure !== "string" || typeof id !== "string") throw fail("expected a string");
  if (typeof epoch !== "number" || typeof ver !== "number" || typeof createdAtMs !== "number") {
    throw fail("expected a number");
  }
  return { name, tenure, id, epoch, ver, body, createdAtMs };
}
