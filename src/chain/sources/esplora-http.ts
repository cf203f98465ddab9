import { isHawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { CallOptions, Clock, Random } from "../../ports.js";
import { assertSameOrigin, type HttpBase, type HttpHeaders, resolveHeaders } from "../../runtime/http-base.js";
import { fetchHttp, type HttpAnswer, statusError } from "../../runtime/http-client.js";
import { invalidAnswer } from "./esplora-answers.js";
import { Flights } from "./esplora-flights.js";
import { Pace } from "./esplora-pace.js";

/** How one answer is read. */
export interface EsploraGetOptions extends CallOptions {
  /** Default `limits.sourceAnswerMaxBytes`. */
  readonly maxBytes?: number | undefined;
  /**
   * Whether the answer to the same question under way will do. Never for what tells an absence: asked before a block,
   * it would speak of the past (V4). Default false.
   */
  readonly shared?: boolean | undefined;
  /** Whether text is no answer. Default false. */
  readonly binary?: boolean | undefined;
}

export interface EsploraHttpOptions {
  readonly headers: HttpHeaders | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly maxConcurrentRequests: number;
  readonly requestsPerSecond: number | undefined;
}

/** requests - for one answer: the first, and two more where the server says that it is asked too much. */
const MAX_ATTEMPTS = 3;
/** ms - before the one more attempt after a connection that broke. */
const RECONNECT_MS = 250;

/** Requests to one Esplora server. */
export class EsploraHttp {
  readonly #base: HttpBase;
  readonly #options: EsploraHttpOptions;
  readonly #pace: Pace;
  readonly #flights = new Flights<Uint8Array | null>();

  constructor(base: HttpBase, options: EsploraHttpOptions) {
    const { clock, random, maxConcurrentRequests: maxConcurrent, requestsPerSecond } = options;
    this.#base = base;
    this.#options = options;
    const spacingMs = requestsPerSecond === undefined ? 0 : 1_000 / requestsPerSecond;
    this.#pace = new Pace({ clock, random, maxConcurrent, spacingMs });
  }

  /** The URL of `path`, which holds numbers and lower-case hex only. */
  urlOf(path: string): string {
    return this.#base.href + path;
  }

  /** The body of a 200. @throws NETWORK_STATUS, NETWORK_ANSWER_INVALID and what {@link fetchHttp} throws */
  async get(path: string, options: EsploraGetOptions = {}): Promise<Uint8Array> {
    const bytes = await this.find(path, options);
    if (bytes === null) throw statusError(this.urlOf(path), 404, "not found");
    return bytes;
  }

  /** As {@link EsploraHttp.get}, and null for a 404. */
  async find(path: string, options: EsploraGetOptions = {}): Promise<Uint8Array | null> {
    const { signal, shared = false } = options;
    const ask = (inner: AbortSignal): Promise<Uint8Array | null> => this.#find(path, options, inner);
    if (!shared) return ask(signal ?? new AbortController().signal);
    const { value, joined } = await this.#flights.share(path, signal, ask);
    // What the server did not know when it was asked before, it may know now.
    return joined && value === null ? this.find(path, { ...options, shared: false }) : value;
  }

  /** Sends text; the bodies of a 200 and a 400 are read. Sent once only, whatever becomes of it. */
  async post(path: string, body: Uint8Array, options: CallOptions): Promise<HttpAnswer> {
    const url = this.urlOf(path);
    const signal = options.signal ?? new AbortController().signal;
    const headers = await resolveHeaders(this.#options.headers, "POST");
    return this.#pace.run(url, signal, () =>
      fetchHttp({
        url: new URL(url),
        shownUrl: url,
        method: "POST",
        body,
        headers: { ...headers, "content-type": "text/plain" },
        signal: options.signal,
        maxBytes: 65_536,
        bodyStatuses: [200, 400],
      }),
    );
  }

  async #find(path: string, options: EsploraGetOptions, signal: AbortSignal): Promise<Uint8Array | null> {
    const url = this.urlOf(path);
    const { status, bytes, header } = await this.#attempt(url, options, signal);
    if (status === 404) return null;
    if (status !== 200) throw statusError(url, status, status === 429 ? "too many requests" : "not an answer");
    const type = header("content-type") ?? "";
    // A page of whatever stands before the server, or an error that it calls a success.
    if (/^text\/html\b/i.test(type)) throw invalidAnswer(url, "a web page");
    if (options.binary === true && /^(?:text\/|application\/json\b)/i.test(type)) throw invalidAnswer(url, "text");
    return bytes;
  }

  /** Asks again where the server says that it was asked too much, or may have meant to. */
  async #attempt(url: string, options: EsploraGetOptions, signal: AbortSignal): Promise<HttpAnswer> {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.#pace.run(url, signal, () => this.#send(url, options, signal));
        const retryAfter = answer.header("retry-after");
        if (answer.status !== 429 && (answer.status !== 503 || retryAfter === null)) {
          this.#pace.speedUp();
          return answer;
        }
        this.#pace.slowDown(retryAfter);
        if (attempt === MAX_ATTEMPTS) return answer;
      } catch (error) {
        if (attempt > 1 || !isPassing(error)) throw error;
        await this.#options.clock.delay(this.#pace.jitter(RECONNECT_MS), signal);
      }
    }
  }

  async #send(
    url: string,
    { maxBytes = limits.sourceAnswerMaxBytes }: EsploraGetOptions,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    return fetchHttp({
      url: new URL(url),
      shownUrl: url,
      headers: await resolveHeaders(this.#options.headers, "GET"),
      cache: "no-store",
      signal,
      maxBytes,
      checkRedirect: (next) => {
        assertSameOrigin(this.#base, next);
      },
    });
  }
}

/**
 * Whether a request may have failed for once only. A browser hides what a 429 without CORS headers says, and servers close
 * connections that were kept open; one that refuses connections, or has no address, will not have changed its mind.
 */
function isPassing(error: unknown): boolean {
  if (!isHawserError(error, "NETWORK_UNREACHABLE")) return false;
  const { reason } = error.details;
  return !/^[A-Z][A-Z0-9_]+$/.test(reason) || reason === "UND_ERR_SOCKET" || reason === "ECONNRESET";
}
