import { limits } from "../../limits.js";
import type { CallOptions } from "../../ports.js";
import { assertSameOrigin, type HttpBase, type HttpHeaders, resolveHeaders } from "../../runtime/http-base.js";
import { fetchHttp, type HttpAnswer, statusError } from "../../runtime/http-client.js";

/** How one answer is read. */
export interface EsploraGetOptions extends CallOptions {
  /** Default `limits.sourceAnswerMaxBytes`. */
  readonly maxBytes?: number | undefined;
}

/** Requests to one Esplora server. */
export class EsploraHttp {
  readonly #base: HttpBase;
  readonly #headers: HttpHeaders | undefined;

  constructor(base: HttpBase, headers: HttpHeaders | undefined) {
    this.#base = base;
    this.#headers = headers;
  }

  /** The URL of `path`, which holds numbers and lower-case hex only. */
  urlOf(path: string): string {
    return this.#base.href + path;
  }

  /** The body of a 200. @throws NETWORK_STATUS and what {@link fetchHttp} throws */
  async get(path: string, options: EsploraGetOptions = {}): Promise<Uint8Array> {
    const bytes = await this.find(path, options);
    if (bytes === null) throw statusError(this.urlOf(path), 404, "not found");
    return bytes;
  }

  /** As {@link EsploraHttp.get}, and null for a 404. */
  async find(path: string, options: EsploraGetOptions = {}): Promise<Uint8Array | null> {
    const url = this.urlOf(path);
    const answer = await fetchHttp({
      url: new URL(url),
      shownUrl: url,
      headers: await resolveHeaders(this.#headers, "GET"),
      cache: "no-store",
      signal: options.signal,
      maxBytes: options.maxBytes ?? limits.sourceAnswerMaxBytes,
      checkRedirect: (next) => {
        assertSameOrigin(this.#base, next);
      },
    });
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw statusError(url, answer.status, "not an answer");
    return answer.bytes;
  }

  /** Sends text; the bodies of a 200 and a 400 are read. */
  async post(path: string, body: Uint8Array, options: CallOptions): Promise<HttpAnswer> {
    const url = this.urlOf(path);
    return fetchHttp({
      url: new URL(url),
      shownUrl: url,
      method: "POST",
      body,
      headers: { ...(await resolveHeaders(this.#headers, "POST")), "content-type": "text/plain" },
      signal: options.signal,
      maxBytes: 65_536,
      bodyStatuses: [200, 400],
    });
  }
}
