import { assertInteger, invalidArgument } from "../bytes/guards.js";
import { throwIfAborted } from "../deadline.js";
import { isHawserError } from "../errors.js";
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
import { parseHttpBase } from "../runtime/http-base.js";
import { planHttpRead } from "./http-range.js";
import { unsupported } from "./http-refusal.js";
import { parseStoragePath, publicUrl } from "./path.js";
import { progressOf, type StorageProgress } from "./progress.js";
import { isAbsent, removeResult, type S3Answer, type S3Call, s3Refusal, writeOutcome } from "./s3-answer.js";
import { S3Connection, type S3Request } from "./s3-connection.js";
import { parseCredentials, type S3CredentialSource } from "./s3-credentials.js";
import { kindOfPath, uploadHeaders } from "./s3-headers.js";
import { parseS3Place, type S3Place, type S3PlaceOptions } from "./s3-place.js";
import { probeConditions } from "./s3-probe.js";
import { WriteGap } from "./write-gap.js";

/** Options of {@link s3}. */
export interface S3StorageOptions extends S3PlaceOptions {
  /** The keys, or a function that is called before each request and gives fresh ones. They are in no error and no label. */
  readonly credentials: S3CredentialSource;
  /**
   * Whether the service honours `If-None-Match` and `If-Match` of a PUT. Default `"probe"`: `open()` finds out with 7
   * small requests; before that writes cannot be conditional.
   */
  readonly conditional?: "probe" | boolean | undefined;
  /**
   * Base of the URLs that readers are given: a public bucket's, or a CDN's in front of it. Default: none, since the
   * service's own address answers nobody without credentials.
   */
  readonly publicBaseUrl?: string | undefined;
  /**
   * ms - 0 to 60,000, between two writes or removals of one key that this object sends; they wait their turn, within the
   * time that each has (30 s by default), and none is left out. With 0 nothing waits. Default: 1,000 for R2, which takes one
   * a second, else 0. A probe keeps 4 gaps: where they are long, say what `conditional` is.
   */
  readonly minWriteGapMs?: number | undefined;
  /** Name in verdicts. Default: host, bucket and prefix. */
  readonly label?: string | undefined;
  /** How long the service may be silent. Default: `limits`. */
  readonly progress?: StorageProgress | undefined;
  /** Of signatures and timeouts. Default: the machine's. */
  readonly clock?: Clock | undefined;
}

/** What {@link S3Storage.presign} makes a URL for. */
export interface PresignRequest {
  readonly method: "GET" | "PUT" | "DELETE";
  /** A path of section 10. */
  readonly path: string;
  /** s - 1 to 604,800, which is a week; the URL ends sooner with credentials that do. */
  readonly expiresSeconds: number;
  /** Of a PUT. Default: what the path is for. */
  readonly kind?: StoredKind | undefined;
  /** Of a PUT: becomes part of what is signed. */
  readonly condition?: WriteCondition | undefined;
}

/** A request that anyone may send until it expires. */
export interface PresignedRequest {
  /** A capability: whoever has it can use it. */
  readonly url: string;
  /** The headers that have to be sent, with these values. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The provider that {@link s3} makes. */
export interface S3Storage extends StorageProvider {
  /**
   * A URL for one request without credentials, for example for a browser's upload. Nothing is sent.
   *
   * @throws INPUT_INVALID, INPUT_CONFIG_INVALID for credentials that are none, STORAGE_UNSUPPORTED for a condition where
   * `conditional` is false
   */
  presign(request: PresignRequest): Promise<PresignedRequest>;
}

/**
 * The layout of section 10 in a bucket of Amazon S3 or a service that speaks its protocol: R2, B2, Wasabi, Ceph, Swift,
 * versitygw. Requests are signed with SigV4 over the digest of the body, go to the configured endpoint alone and follow
 * no redirect. Where the service refuses this machine's clock, its own is used from then on.
 *
 * Reads throw `STORAGE_REFUSED` also for a key that is absent, where the credentials may read but not list: services
 * answer 403 then. Every call may throw `STORAGE_REFUSED`, `STORAGE_GONE` (no such bucket), `STORAGE_CLOCK_SKEW`,
 * `NETWORK_STATUS` (with the service's code as the reason) and other `NETWORK_*`; writes `STORAGE_FULL` and
 * `STORAGE_UNSUPPORTED` as well. On a bucket with versions `remove` hides what was there, and the service keeps it.
 *
 * @throws INPUT_CONFIG_INVALID, INPUT_URL_INVALID, INPUT_INVALID
 */
export function s3(options: S3StorageOptions): S3Storage {
  return new BucketStorage(options);
}

class BucketStorage implements S3Storage {
  readonly label: string;
  readonly publicBaseUrl: string | null;
  readonly ranges = true;
  readonly #place: S3Place;
  readonly #connection: S3Connection;
  readonly #gap: WriteGap;
  readonly #progress: StorageProgress | undefined;
  readonly #probes: boolean;
  #conditional: boolean;
  #opening: Promise<void> | null = null;

  constructor(options: S3StorageOptions) {
    const { conditional = "probe", credentials, publicBaseUrl = null, clock = systemClock } = options;
    this.#place = parseS3Place(options);
    if (typeof credentials !== "function") parseCredentials(credentials);
    if (publicBaseUrl !== null) parseHttpBase(publicBaseUrl);
    this.label = options.label ?? this.#place.label;
    this.publicBaseUrl = publicBaseUrl;
    this.#probes = conditional === "probe";
    this.#conditional = conditional === true;
    this.#progress = options.progress;
    const { region } = this.#place;
    const { minWriteGapMs = this.#place.minWriteGapMs } = options;
    this.#gap = new WriteGap({ minWriteGapMs, clock, label: this.label });
    this.#connection = new S3Connection({ label: this.label, region, credentials, clock });
  }

  get conditional(): boolean {
    return this.#conditional;
  }

  async open({ signal }: CallOptions = {}): Promise<void> {
    throwIfAborted(signal, this.label);
    if (!this.#probes) return;
    for (;;) {
      const joined = this.#opening;
      this.#opening ??= this.#probe(signal).catch((error: unknown) => {
        this.#opening = null;
        throw error;
      });
      try {
        await this.#opening;
        return;
      } catch (error) {
        // Another caller gave up what this one waits for too.
        if (joined === null || !isHawserError(error, "NETWORK_ABORTED")) throw error;
        throwIfAborted(signal, this.label);
      }
    }
  }

  async read(path: string, options: StorageReadOptions): Promise<StoredBytes | null> {
    const url = this.#urlOf(path);
    throwIfAborted(options.signal, this.label);
    const plan = planHttpRead(options);
    const answer = await this.#connection.send({
      method: "GET",
      url,
      headers: plan.headers,
      cache: plan.cache,
      signal: options.signal,
      maxBytes: plan.maxBytes,
      bodyStatuses: plan.bodyStatuses,
      progress: progressOf(options.kind, this.#progress),
    });
    if (isAbsent(answer)) return null;
    const isPart = options.range !== undefined && answer.status === 416;
    if (isPart || plan.bodyStatuses.includes(answer.status)) return plan.result(url.href, answer);
    throw s3Refusal(this.#call(url, "read"), answer);
  }

  async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
    const url = this.#urlOf(path);
    throwIfAborted(options.signal, this.label);
    if (options.condition !== undefined && !this.#conditional) throw unsupported(this.label, "conditional write");
    // Copied before anything is awaited: the caller may reuse its buffer.
    return this.#put(url, body.slice(), options);
  }

  async remove(path: string, { signal }: CallOptions = {}): Promise<boolean> {
    const url = this.#urlOf(path);
    throwIfAborted(signal, this.label);
    const answer = await this.#change({
      method: "DELETE",
      url,
      headers: {},
      signal,
      progress: progressOf(kindOfPath(path), this.#progress),
    });
    return removeResult(this.#call(url, "remove"), answer);
  }

  urlOf(path: string): string | null {
    return publicUrl(this.publicBaseUrl, path);
  }

  async presign({ method, path, expiresSeconds, kind, condition }: PresignRequest): Promise<PresignedRequest> {
    const url = this.#urlOf(path);
    assertInteger("expiresSeconds", expiresSeconds, 1, 604_800);
    if (condition !== undefined && method !== "PUT") throw invalidArgument("condition", "none but for PUT", condition);
    if (condition !== undefined && !this.#conditional) throw unsupported(this.label, "conditional write");
    const headers = method === "PUT" ? uploadHeaders(kind ?? kindOfPath(path), condition) : {};
    const signed = await this.#connection.presign({ method, url, headers }, expiresSeconds);
    return { url: signed.href, headers };
  }

  async #put(url: URL, body: Uint8Array, { kind, condition, signal }: StorageWriteOptions): Promise<WriteOutcome> {
    const answer = await this.#change({
      method: "PUT",
      url,
      headers: uploadHeaders(kind, condition),
      body,
      signal,
      progress: progressOf(kind, this.#progress, body.length),
    });
    return writeOutcome(this.#call(url, "write"), answer, condition);
  }

  /** Credentials are asked for and patience begins when it is sent, not when it begins to wait. */
  #change(request: Omit<S3Request, "maxBytes">): Promise<S3Answer> {
    const repeatDelayMs = this.#gap.minWriteGapMs;
    return this.#gap.run(request.url.href, request.signal, () =>
      this.#connection.send({ ...request, maxBytes: 0, bodyStatuses: [], repeatDelayMs }),
    );
  }

  async #probe(signal: AbortSignal | undefined): Promise<void> {
    this.#conditional = await probeConditions({
      write: (path, body, condition) => this.#put(this.#urlOf(path), body, { kind: "object", condition, signal }),
      // Not out of a cache of the runtime.
      read: (path) => this.read(path, { kind: "record", maxBytes: PROBE_MAX_BYTES, signal }),
      remove: (path) => this.remove(path),
    });
  }

  #urlOf(path: string): URL {
    parseStoragePath(path);
    return this.#place.urlOf(path);
  }

  #call({ href }: URL, operation: S3Call["operation"]): S3Call {
    return { label: this.label, url: href, operation };
  }
}

const PROBE_MAX_BYTES = 1_024;
