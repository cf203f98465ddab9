import type { Clock } from "../ports.js";
import { joinBase } from "../route/layout.js";
import { assertSameOrigin, type HttpBase, type HttpHeaders, resolveHeaders } from "../runtime/http-base.js";
import { fetchHttp, type HttpAnswer, type HttpRequest } from "../runtime/http-client.js";

type Method = NonNullable<HttpRequest["method"]>;
type Sent = Partial<
  Pick<HttpRequest, "headers" | "body" | "cache" | "signal" | "maxBytes" | "bodyStatuses" | "progress">
>;

/** Requests to one WebDAV server, with the headers that the application gave. */
export class WebdavServer {
  readonly #base: HttpBase;
  readonly #headers: HttpHeaders | undefined;
  readonly #clock: Clock;

  constructor(base: HttpBase, headers: HttpHeaders | undefined, clock: Clock) {
    this.#base = base;
    this.#headers = headers;
    this.#clock = clock;
  }

  /** The URL of something under the base; `""` is the base itself. */
  shown(path: string): string {
    return path === "" ? this.#base.href : joinBase(this.#base.href, path);
  }

  /** Lets the server's other clients finish. */
  pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#clock.delay(ms, signal);
  }

  /** Sends one request. No body is read unless the caller says how much. */
  async send(method: Method, path: string, sent: Sent): Promise<HttpAnswer> {
    const shownUrl = this.shown(path);
    return fetchHttp({
      maxBytes: 0,
      bodyStatuses: [],
      ...sent,
      url: new URL(shownUrl),
      shownUrl,
      method,
      headers: { ...(await resolveHeaders(this.#headers, method)), ...sent.headers },
      clock: this.#clock,
      // What a server would do with a change somewhere else is its own affair.
      checkRedirect:
        method === "GET"
          ? (next) => {
              assertSameOrigin(this.#base, next);
            }
          : undefined,
    });
  }
}
