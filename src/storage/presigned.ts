import { throwIfAborted } from "../deadline.js";
import { HawserError, isHawserError } from "../errors.js";
import type {
  CallOptions,
  Clock,
  StorageProvider,
  StorageReadOptions,
  StorageWriteOptions,
  StoredBytes,
  StoredKind,
  WriteCondition,
  WriteOutcome,
} from "../ports.js";
import { systemClock } from "../runtime/clock.js";
import { fetchHttp } from "../runtime/http-client.js";
import { parseWebUrl } from "../runtime/web-url.js";
import { http } from "./http.js";
import { conditionHeaders } from "./http-condition.js";
import { unsupported } from "./http-refusal.js";
import { parseStoragePath } from "./path.js";
import { progressOf, type StorageProgress } from "./progress.js";
import { removeResult, type S3Answer, type S3Call, writeOutcome } from "./s3-answer.js";
import { FAULT_MAX_BYTES, parseS3Fault } from "./s3-fault.js";
import { kindOfPath } from "./s3-headers.js";
import { WriteGap } from "./write-gap.js";

/** What the application's server is asked to sign. */
export interface SignRequest {
  readonly method: "PUT" | "DELETE";
  /** A path of section 10. The server decides whether this caller may write it. */
  readonly path: string;
  readonly kind: StoredKind;
  /** The server has to sign it. */
  readonly condition?: WriteCondition | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What it answers: the URL, and the headers that have to be sent with it. */
export interface SignedRequest {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Options of {@link presigned}. */
export interface PresignedStorageOptions {
  /** Asks the application's server; null where it signs no such request. */
  readonly sign: (request: SignRequest) => Promise<SignedRequest | null>;
  /** Where readers find what was stored; reads go there, without credentials. */
  readonly publicBaseUrl: string;
  /** Whether the service honours conditions and `sign` signs them. Default false. */
  readonly conditional?: boolean | undefined;
  /**
   * ms - 0 to 60,000, between two writes or removals of one path that this object sends, as in `s3`; they wait their turn,
   * and are signed when it comes. Default 0, since the service is not known before `sign` names it: give 1,000 for R2.
   */
  readonly minWriteGapMs?: number | undefined;
  /** Name in verdicts. Default: host and path of `publicBaseUrl`. */
  readonly label?: string | undefined;
  /** How long a server may be silent. Default: `limits`. */
  readonly progress?: StorageProgress | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
}

/**
 * A bucket of an S3 service without credentials, for browsers: the application's server signs each upload with
 * `S3Storage.presign`, and the bytes go to the service directly. Reads go over the public base URL.
 *
 * The service's CORS rules have to allow PUT with the headers that are signed, and to expose `ETag`. A signed URL is a
 * capability: it is in no error. A removal that `sign` does not sign is `STORAGE_UNSUPPORTED`. A `sign` that fails with
 * anything but a `HawserError` is `STORAGE_REFUSED`; other errors are those of `s3` and, for reads, of `http`.
 *
 * @throws INPUT_URL_INVALID, INPUT_INVALID
 */
export function presigned(options: PresignedStorageOptions): StorageProvider {
  return new PresignedStorage(options);
}

class PresignedStorage implements StorageProvider {
  readonly label: string;
  readonly publicBaseUrl: string;
  readonly conditional: boolean;
  readonly ranges = true;
  readonly #reader: StorageProvider;
  readonly #options: PresignedStorageOptions;
  readonly #gap: WriteGap;

  constructor(options: PresignedStorageOptions) {
    const { publicBaseUrl, label, progress, clock, minWriteGapMs = 0 } = options;
    this.#options = options;
    this.#reader = http(publicBaseUrl, { label, progress, clock });
    this.label = this.#reader.label;
    this.#gap = new WriteGap({ minWriteGapMs, clock: clock ?? systemClock, label: this.label });
    this.publicBaseUrl = publicBaseUrl;
    this.conditional = options.conditional ?? false;
  }

  async read(path: string, options: StorageReadOptions): Promise<StoredBytes | null> {
    return this.#reader.read(path, options);
  }

  async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
    parseStoragePath(path);
    const { kind, condition, signal } = options;
    throwIfAborted(signal, this.label);
    if (condition !== undefined && !this.conditional) throw unsupported(this.label, "conditional write");
    // Copied before anything is awaited: the caller may reuse its buffer.
    const bytes = body.slice();
    const [call, answer] = await this.#change({ method: "PUT", path, kind, condition, signal }, bytes);
    return writeOutcome(call, answer, condition);
  }

  async remove(path: string, { signal }: CallOptions = {}): Promise<boolean> {
    parseStoragePath(path);
    throwIfAborted(signal, this.label);
    const [call, answer] = await this.#change({ method: "DELETE", path, kind: kindOfPath(path), signal });
    return removeResult(call, answer);
  }

  urlOf(path: string): string | null {
    return this.#reader.urlOf(path);
  }

  /** Signed when it is sent: what is signed early may have expired by then. */
  #change(request: SignRequest, body?: Uint8Array): Promise<[S3Call, S3Answer]> {
    return this.#gap.run(request.path, request.signal, () => this.#send(request, body));
  }

  async #send(request: SignRequest, body?: Uint8Array): Promise<[S3Call, S3Answer]> {
    const { method, kind, condition, signal } = request;
    const operation = method === "PUT" ? "write" : "remove";
    const signed = await this.#sign(request);
    if (signed === null) throw unsupported(this.label, operation);
    const { url, headers } = parseSigned(signed, this.label);
    // A condition that is not sent would be one that does not hold.
    if (condition !== undefined && !sendsCondition(headers, condition)) {
      throw invalidSigned(this.label, "it leaves out the condition of the write");
    }
    // The query is the capability.
    const shownUrl = `${url.origin}${url.pathname}`;
    const answer = await fetchHttp({
      url,
      shownUrl,
      method,
      headers,
      body,
      signal,
      maxBytes: 0,
      bodyStatuses: [],
      otherBodyMaxBytes: FAULT_MAX_BYTES,
      progress: progressOf(kind, this.#options.progress, body?.length),
      clock: this.#options.clock,
    });
    return [
      { label: this.label, url: shownUrl, operation },
      { ...answer, fault: faultOf(answer.bytes, url) },
    ];
  }

  async #sign(request: SignRequest): Promise<SignedRequest | null> {
    try {
      return await this.#options.sign(request);
    } catch (error) {
      if (isHawserError(error)) throw error;
      throwIfAborted(request.signal, this.label);
      // Not kept as the cause: it may show a URL that was signed.
      const reason = "the function sign failed";
      throw new HawserError("STORAGE_REFUSED", `${this.label} refused to sign: ${reason}.`, {
        label: this.label,
        reason,
      });
    }
  }
}

/** Without a code that is a part of the capability. */
function faultOf(body: Uint8Array, { search }: URL): S3Answer["fault"] {
  const fault = parseS3Fault(body);
  return fault !== null && search.includes(fault.code) ? null : fault;
}

function sendsCondition(headers: Readonly<Record<string, string>>, condition: WriteCondition): boolean {
  return Object.entries(conditionHeaders(condition)).every(([name, value]) => headers[name] === value);
}

function parseSigned(signed: unknown, label: string): { readonly url: URL; readonly headers: Record<string, string> } {
  const { url, headers = {} } = (signed ?? {}) as Readonly<Record<string, unknown>>;
  const parsed = typeof url === "string" ? parseWebUrl(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.username !== "" || parsed.password !== "") {
    throw invalidSigned(label, "no http: or https: URL");
  }
  parsed.hash = "";
  try {
    return { url: parsed, headers: Object.fromEntries(new Headers(headers as Record<string, string>)) };
  } catch {
    throw invalidSigned(label, "no set of HTTP headers");
  }
}

function invalidSigned(label: string, reason: string): HawserError<"INPUT_CONFIG_INVALID"> {
  const message = `The function sign of ${label} gives no request that can be sent: ${reason}.`;
  return new HawserError("INPUT_CONFIG_INVALID", message, { setting: "sign", reason });
}
