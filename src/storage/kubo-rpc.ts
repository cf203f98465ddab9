import { concatBytes, utf8 } from "../bytes/bytes.js";
import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import { HawserError } from "../errors.js";
import type { Clock } from "../ports.js";
import { type HttpBase, type HttpHeaders, resolveHeaders } from "../runtime/http-base.js";
import { fetchHttp, statusError } from "../runtime/http-client.js";
import { full, httpRefusal } from "./http-refusal.js";
import { progressOf, type StorageProgress } from "./progress.js";

/** A node's RPC, as it is configured. */
export interface KuboRpcOptions {
  readonly base: HttpBase;
  readonly label: string;
  readonly headers: HttpHeaders | undefined;
  readonly progress: StorageProgress | undefined;
  readonly clock: Clock | undefined;
}

/** One call. */
export interface KuboCall {
  /** For example `block/get`. */
  readonly command: string;
  readonly query: Readonly<Record<string, string>>;
  /** Sent as the one file of a form. */
  readonly file?: Uint8Array | undefined;
  /** bytes - of the answer. */
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** An answer: bytes, or the error that the node told. */
export type KuboAnswer =
  | { readonly url: string; readonly bytes: Uint8Array; readonly failure: null }
  | { readonly url: string; readonly bytes: null; readonly failure: string };

/** bytes - of answers that are JSON, errors included. */
export const KUBO_JSON_MAX_BYTES = 16_384;

/**
 * Calls a node. An error of the node itself, which has status 500, is given as its text; every other status is thrown.
 *
 * @throws STORAGE_REFUSED, STORAGE_UNSUPPORTED, NETWORK_*
 */
export async function callKubo(
  { base, label, headers, progress, clock }: KuboRpcOptions,
  call: KuboCall,
): Promise<KuboAnswer> {
  const { command, query, file, maxBytes, signal } = call;
  // Never a search in the network: what this node does not hold is absent here, and a search has no end.
  const parameters = new URLSearchParams({ ...query, offline: "true" });
  const url = new URL(`${base.href}api/v0/${command}?${parameters.toString()}`);
  const form = file === undefined ? undefined : encodeForm(file);
  const answer = await fetchHttp({
    url,
    shownUrl: url.href,
    method: "POST",
    headers: {
      ...(await resolveHeaders(headers, "POST")),
      ...(form === undefined ? {} : { "content-type": form.type }),
    },
    body: form?.body,
    signal,
    // An error is JSON, which is longer than a short block.
    maxBytes: Math.max(maxBytes, KUBO_JSON_MAX_BYTES),
    bodyStatuses: [200, 500],
    progress: progressOf("object", progress, file?.length ?? 0),
    clock,
  });
  if (answer.status === 500) return { url: url.href, bytes: null, failure: failureOf(url.href, answer.bytes) };
  if (answer.status !== 200) throw httpRefusal({ label, url: url.href, operation: command }, answer);
  if (answer.bytes.length > maxBytes) {
    const details = { url: url.href, maxBytes };
    throw new HawserError("NETWORK_TOO_LARGE", `${url.href} sent more than ${maxBytes} bytes.`, details);
  }
  return { url: url.href, bytes: answer.bytes, failure: null };
}

/** The error for what a node told: no space left, or something that leaves everything unknown. */
export function kuboError(label: string, url: string, failure: string): HawserError {
  if (/no space left|disk quota|storagemax|maximum storage/i.test(failure)) return full(label, failure);
  return statusError(url, 500, failure);
}

/** Kubo's words for a block that it does not hold. */
export function isKuboMiss(failure: string, cid: string): boolean {
  return failure.includes(`could not find ${cid}`);
}

/** The members of one JSON object in an answer. @throws NETWORK_ANSWER_INVALID */
export function parseKuboJson(url: string, text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (typeof value === "object" && value !== null) return { ...value };
  const reason = "not the JSON of a node's RPC";
  throw new HawserError("NETWORK_ANSWER_INVALID", `${url} answered with ${reason}.`, { url, reason });
}

/** `{ Message, Code, Type }`; what else has status 500 comes from something between here and the node. */
function failureOf(url: string, bytes: Uint8Array): string {
  let message: unknown;
  try {
    message = parseKuboJson(url, new TextDecoder().decode(bytes))["Message"];
  } catch {
    message = undefined;
  }
  // Shown to people, so that it is made printable and short.
  return typeof message === "string"
    ? message.replace(/[^\x20-\x7e]+/g, " ").slice(0, 300)
    : "no answer of a node's RPC";
}

function encodeForm(file: Uint8Array): { readonly type: string; readonly body: Uint8Array } {
  // Bytes do not hold their own hash, so that they do not hold the boundary.
  const boundary = `hawser-${encodeHex(sha256(file))}`;
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="data"; filename="data"\r\ncontent-type: application/octet-stream\r\n\r\n`;
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    body: concatBytes(utf8(head), file, utf8(`\r\n--${boundary}--\r\n`)),
  };
}
