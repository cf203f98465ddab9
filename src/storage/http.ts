import type {
  CallOptions,
  Clock,
  StorageProvider,
  StorageReadOptions,
  StorageWriteOptions,
  StoredBytes,
  WriteOutcome,
} from "../ports.js";
import { joinBase } from "../route/layout.js";
import {
  assertSameOrigin,
  type HttpBase,
  type HttpHeaders,
  parseHttpBase,
  resolveHeaders,
} from "../runtime/http-base.js";
import { fetchHttp, type HttpAnswer } from "../runtime/http-client.js";
import type { Progress } from "../runtime/progress.js";
import { conditionHeaders, contentType } from "./http-condition.js";
import { planHttpRead } from "./http-range.js";
import { httpRefusal, unsupported } from "./http-refusal.js";
import { parseStoragePath, publicUrl } from "./path.js";
import { progressOf, type StorageProgress } from "./progress.js";

/** Options of {@link http}. */
export interface HttpStorageOptions {
  /** Whether the server takes PUT and DELETE. Default false: writes fail with `STORAGE_UNSUPPORTED`. */
  readonly writable?: boolean | undefined;
  /**
   * Whether the server honours `If-Match` and `If-None-Match` on PUT. Servers that ignore them overwrite without a
   * word, so claim it only for one that is known to answer 412. Default false.
   */
  readonly conditional?: boolean | undefined;
  /** Base of the URLs that readers are given; null for none. Default: the base URL itself. */
  readonly publicBaseUrl?: string | null | undefined;
  /**
   * Credentials and other request headers, sent to the base URL's origin only. In browsers most headers cause a CORS
   * preflight; a function that gives none for GET keeps reads simple.
   */
  readonly headers?: HttpHeaders | undefined;
  /** Name in verdicts. Default: host and path of the base URL. */
  readonly label?: string | undefined;
  /** How long the server may be silent. Default: {@link limits}. */
  readonly progress?: StorageProgress | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
}

/**
 * The layout of section 10 on an HTTP server: any static host for reading, and a server with PUT and DELETE for
 * writing. The base may be anywhere, loopback included, since the application chose it; redirects are followed only
 * within its origin (in browsers not at all, because scripts cannot see where they lead). Of a server that knows no ranges
 * a part is cut out of the whole.
 *
 * Reads throw `NETWORK_STATUS` for every status but 200, 404 and 410, and `NETWORK_UNREACHABLE` for a body that ends
 * before its length. Writes throw `STORAGE_REFUSED` (401, 403),
 * `STORAGE_UNSUPPORTED` (405, 501, or a condition without `conditional`), `STORAGE_FULL` (507 alone), else `NETWORK_*`.
 *
 * @throws INPUT_URL_INVALID
 */
export function http(baseUrl: string, options: HttpStorageOptions = {}): StorageProvider {
  return new HttpStorage(baseUrl, options);
}

class HttpStorage implements StorageProvider {
  readonly label: string;
  readonly publicBaseUrl: string | null;
  readonly conditional: boolean;
  readonly ranges = true;
  readonly #base: HttpBase;
  readonly #writable: boolean;
  readonly #headers: HttpHeaders | undefined;
  readonly #progress: StorageProgress | undefined;
  readonly #clock: Clock | undefined;

  constructor(baseUrl: string, options: HttpStorageOptions) {
    this.#base = parseHttpBase(baseUrl);
    this.#writable = options.writable ?? false;
    this.#headers = options.headers;
    this.#progress = options.progress;
    this.#clock = options.clock;
    this.label = options.label ?? this.#base.label;
    this.publicBaseUrl = options.publicBaseUrl === undefined ? baseUrl : options.publicBaseUrl;
    if (this.publicBaseUrl !== null) parseHttpBase(this.publicBaseUrl);
    this.conditional = this.#writable && (options.conditional ?? false);
  }

  async read(path: string, options: StorageReadOptions): Promise<StoredBytes | null> {
    const url = this.#urlOf(path);
    const plan = planHttpRead(options);
    const answer = await fetchHttp({
      url,
      shownUrl: url.href,
      headers: { ...(await resolveHeaders(this.#headers, "GET")), ...plan.headers },
      cache: plan.cache,
      signal: options.signal,
      maxBytes: plan.maxBytes,
      bodyStatuses: plan.bodyStatuses,
      checkRedirect: (next) => {
        assertSameOrigin(this.#base, next);
      },
      progress: progressOf(options.kind, this.#progress),
      clock: this.#clock,
    });
    return plan.result(url.href, answer);
  }

  async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
    const { condition } = options;
    if (condition !== undefined && !this.conditional) throw unsupported(this.label, "conditional write");
    // Copied before anything is awaited: the caller may reuse its buffer.
    const bytes = body.slice();
    const answer = await this.#change("PUT", path, options.signal, {
      body: bytes,
      progress: progressOf(options.kind, this.#progress, bytes.length),
      headers: { ...contentType(options), ...conditionHeaders(condition) },
    });
    // S3 answers 404 to If-Match on a key that is gone.
    if (answer.status === 412 || (answer.status === 404 && condition !== undefined && "ifTag" in condition)) {
      return "moved";
    }
    if (![200, 201, 204].includes(answer.status)) throw this.#refusal(path, answer, "write");
    return "stored";
  }

  async remove(path: string, options: CallOptions = {}): Promise<boolean> {
    const answer = await this.#change("DELETE", path, options.signal, {
      progress: progressOf("object", this.#progress),
    });
    if ([200, 204, 404, 410].includes(answer.status)) return true;
    // 202: accepted, not yet done.
    if (answer.status === 202) return false;
    throw this.#refusal(path, answer, "remove");
  }

  urlOf(path: string): string | null {
    return publicUrl(this.publicBaseUrl, path);
  }

  async #change(
    method: "PUT" | "DELETE",
    path: string,
    signal: AbortSignal | undefined,
    content: {
      readonly body?: Uint8Array;
      readonly headers?: Readonly<Record<string, string>>;
      readonly progress: Progress;
    },
  ): Promise<HttpAnswer> {
    const url = this.#urlOf(path);
    if (!this.#writable) throw unsupported(this.label, method === "PUT" ? "write" : "remove");
    // No redirect is followed: what the server would do with the body there is its own affair.
    return fetchHttp({
      url,
      shownUrl: url.href,
      method,
      body: content.body,
      progress: content.progress,
      clock: this.#clock,
      headers: { ...(await resolveHeaders(this.#headers, method)), ...content.headers },
      signal,
      maxBytes: 0,
      bodyStatuses: [],
    });
  }

  #urlOf(path: string): URL {
    parseStoragePath(path);
    return new URL(joinBase(this.#base.href, path));
  }

  #refusal(path: string, answer: HttpAnswer, operation: string): Error {
    return httpRefusal({ label: this.label, url: this.#urlOf(path).href, operation }, answer);
  }
}
