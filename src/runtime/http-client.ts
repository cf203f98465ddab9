import ky from "ky";
import { abortedError, throwIfAborted } from "../deadline.js";
import { HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Clock } from "../ports.js";
import { systemClock } from "./clock.js";
import { type Progress, watchProgress } from "./progress.js";
import { parseRetryAfter } from "./retry-after.js";
import { parseWebUrl } from "./web-url.js";

/** One HTTP exchange. No cookies, no referrer, no retry; the caller sets the deadline through `signal`. */
export interface HttpRequest {
  /** Without user info and fragment. */
  readonly url: URL;
  /** The URL as errors show it. */
  readonly shownUrl: string;
  /** Default GET. */
  readonly method?: "GET" | "HEAD" | "PUT" | "DELETE" | "POST" | "PROPFIND" | "MKCOL" | "MOVE" | undefined;
  /** Default none: then a GET causes no CORS preflight. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
  readonly cache?: RequestCache | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the body after decompression. */
  readonly maxBytes: number;
  /** Statuses whose body is read; of all others `otherBodyMaxBytes` counts. Default 200 alone. */
  readonly bodyStatuses?: readonly number[] | undefined;
  /**
   * Bytes of the body of any other status that are read, for what servers say in it; what is more is dropped. Default 0:
   * such bodies are dropped unread.
   */
  readonly otherBodyMaxBytes?: number | undefined;
  /**
   * Judges the place that a redirect leads to, and throws when the request must not go there. At most 3 redirects are
   * followed. Absent: no redirect is followed.
   */
  readonly checkRedirect?: ((next: URL) => void) | undefined;
  /**
   * The runtime follows redirects itself, because it hides them from scripts; `checkRedirect` judges the URL that
   * answered. Default false.
   */
  readonly runtimeFollows?: boolean | undefined;
  /** Default: the runtime's own. */
  readonly fetch?: ((request: Request) => Promise<Response>) | undefined;
  /** How long the server may be silent; a request is given up with `NETWORK_TIMEOUT`. Default: as long as it likes. */
  readonly progress?: Progress | undefined;
  /** Of `progress` and of `Retry-After`. Default: the machine's. */
  readonly clock?: Clock | undefined;
}

/** What the server answered. */
export interface HttpAnswer {
  readonly status: number;
  /** ETag as sent. Null also where CORS hides it. */
  readonly etag: string | null;
  /** Null for one that was not sent, and for one that CORS hides. */
  readonly header: (name: string) => string | null;
  /** ms - for which it asks to be left alone; null where it does not ask. */
  readonly retryAfterMs: number | null;
  /** Empty for a status whose body was not asked for, and cut off where only its beginning was. */
  readonly bytes: Uint8Array;
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/**
 * Sends one request and reads at most `maxBytes` of the answer.
 *
 * @throws NETWORK_UNREACHABLE, NETWORK_TOO_LARGE, NETWORK_TIMEOUT, NETWORK_HOST_REFUSED, NETWORK_ABORTED, NETWORK_STATUS
 * after too many redirects, and what `checkRedirect` throws
 */
export async function fetchHttp(request: HttpRequest): Promise<HttpAnswer> {
  const { signal, shownUrl, progress, clock = systemClock } = request;
  throwIfAborted(signal, shownUrl);
  const watch = progress === undefined ? null : watchProgress(progress, clock, shownUrl, signal);
  try {
    return await followRedirects(watch === null ? request : { ...request, signal: watch.signal }, watch?.arrived);
  } catch (error) {
    if (signal?.aborted === true) throw abortedError(shownUrl, signal.reason);
    throw watch?.stalled() ?? findHawserError(error) ?? unreachableServer(shownUrl, error);
  } finally {
    watch?.end();
  }
}

async function followRedirects(request: HttpRequest, arrived?: () => void): Promise<HttpAnswer> {
  let url = request.url;
  for (let redirects = 0; ; redirects++) {
    const response = await send(request, url);
    arrived?.();
    const next = redirectTarget(request, response, url);
    if (next === null) return readAnswer(request, response, arrived);
    await drop(response);
    if (redirects === limits.maxRedirects) {
      throw statusError(request.shownUrl, response.status, `more than ${limits.maxRedirects} redirects`);
    }
    request.checkRedirect?.(next);
    url = next;
  }
}

function send(request: HttpRequest, url: URL): Promise<Response> {
  const { fetch, body, signal } = request;
  return ky(url, {
    method: request.method ?? "GET",
    ...(request.headers === undefined ? {} : { headers: { ...request.headers } }),
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
    ...(request.cache === undefined ? {} : { cache: request.cache }),
    ...(signal === undefined ? {} : { signal }),
    ...(fetch === undefined ? {} : { fetch: (input) => fetch(input as Request) }),
    redirect: request.runtimeFollows === true ? "follow" : "manual",
    credentials: "omit",
    referrerPolicy: "no-referrer",
    retry: 0,
    timeout: false,
    throwHttpErrors: false,
  });
}

function redirectTarget(request: HttpRequest, response: Response, url: URL): URL | null {
  if (response.type === "opaqueredirect") {
    throw new HawserError("NETWORK_HOST_REFUSED", `${request.shownUrl} redirects to a place that cannot be checked.`, {
      url: request.shownUrl,
      reason: "a redirect that this runtime hides",
    });
  }
  if (request.runtimeFollows === true && response.redirected) request.checkRedirect?.(new URL(response.url));
  if (!REDIRECTS.includes(response.status) || request.checkRedirect === undefined) return null;
  const location = response.headers.get("location");
  const next = location === null ? null : parseWebUrl(location, url);
  if (next !== null) next.hash = "";
  return next;
}

async function readAnswer(request: HttpRequest, response: Response, arrived?: () => void): Promise<HttpAnswer> {
  const { status } = response;
  const header = (name: string): string | null => response.headers.get(name);
  const nowMs = (request.clock ?? systemClock).nowMs();
  const head = { status, etag: header("etag"), header, retryAfterMs: parseRetryAfter(header("retry-after"), nowMs) };
  const isWanted = (request.bodyStatuses ?? [200]).includes(status);
  const maxBytes = isWanted ? request.maxBytes : (request.otherBodyMaxBytes ?? 0);
  if (!isWanted && maxBytes === 0) {
    await drop(response);
    return { ...head, bytes: new Uint8Array(0) };
  }
  const { bytes, hasMore } = await readBody(response, maxBytes, arrived);
  if (hasMore && isWanted) {
    const { shownUrl: url } = request;
    throw new HawserError("NETWORK_TOO_LARGE", `${url} sent more than ${maxBytes} bytes.`, { url, maxBytes });
  }
  return { ...head, bytes };
}

/**
 * Reads at most `maxBytes` and hangs up on more. Counts what really arrives: neither Content-Length nor Content-Encoding
 * says how much that will be.
 */
async function readBody(
  response: Response,
  maxBytes: number,
  arrived?: () => void,
): Promise<{ readonly bytes: Uint8Array; readonly hasMore: boolean }> {
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  // One growing buffer: a list of chunks would let a server that sends single bytes fill the memory.
  let buffer = new Uint8Array(Math.min(maxBytes, 65_536));
  let length = 0;
  for (;;) {
    const chunk = await reader?.read();
    if (chunk?.value === undefined) return { bytes: buffer.slice(0, length), hasMore: false };
    if (chunk.value.length > 0) arrived?.();
    const value = chunk.value.subarray(0, maxBytes - length);
    const end = length + value.length;
    if (end > buffer.length) {
      const larger = new Uint8Array(Math.min(maxBytes, Math.max(end, 2 * buffer.length)));
      larger.set(buffer);
      buffer = larger;
    }
    buffer.set(value, length);
    length = end;
    if (value.length < chunk.value.length) {
      reader?.cancel().catch(() => undefined);
      return { bytes: buffer.slice(0, length), hasMore: true };
    }
  }
}

/** Frees the connection. */
async function drop(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

/** The error for an answer with a status that means neither success nor "absent". */
export function statusError(
  url: string,
  status: number,
  reason: string,
  retryAfterMs: number | null = null,
): HawserError<"NETWORK_STATUS"> {
  const details = { url, status, reason, ...(retryAfterMs === null ? {} : { retryAfterMs }) };
  return new HawserError("NETWORK_STATUS", `${url} answered with status ${status}: ${reason}.`, details);
}

function findHawserError(error: unknown): HawserError | null {
  let inner = error;
  for (let depth = 0; depth < 4 && inner instanceof Error; depth++) {
    if (isHawserError(inner)) return inner;
    inner = inner.cause;
  }
  return null;
}

function unreachableServer(url: string, error: unknown): HawserError<"NETWORK_UNREACHABLE"> {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const reason =
    typeof code === "string"
      ? code
      : "no connection, a broken one, or one that the browser hides for lack of CORS headers";
  return new HawserError(
    "NETWORK_UNREACHABLE",
    `${url} cannot be reached: ${reason}.`,
    { url, reason },
    { cause: error },
  );
}
