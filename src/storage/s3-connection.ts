import { encodeHex } from "../bytes/hex.js";
import type { Clock } from "../ports.js";
import { fetchHttp, type HttpRequest } from "../runtime/http-client.js";
import { clockSkew, isSkewed, type S3Answer } from "./s3-answer.js";
import { resolveS3Credentials, type S3CredentialSource, type S3Credentials } from "./s3-credentials.js";
import { FAULT_MAX_BYTES, parseS3Fault } from "./s3-fault.js";
import { SigV4 } from "./s3-sign.js";

/** A request to the service, before it is signed. */
export interface S3Request
  extends Pick<HttpRequest, "url" | "body" | "signal" | "progress" | "cache" | "maxBytes" | "bodyStatuses"> {
  readonly method: "GET" | "PUT" | "DELETE";
  readonly headers: Readonly<Record<string, string>>;
  /** ms - to wait before it is sent once more. Default 0. */
  readonly repeatDelayMs?: number | undefined;
}

/** How a service is spoken to. */
export interface S3ConnectionOptions {
  readonly label: string;
  readonly region: string;
  readonly credentials: S3CredentialSource;
  readonly clock: Clock;
}

// A clock that is wrong by more is wrong by more than a time zone, and certificates are judged by it as well.
const MAX_SKEW_MS = 24 * 60 * 60_000;

/** Sends signed requests, by the service's clock once it has refused this machine's. */
export class S3Connection {
  readonly #options: S3ConnectionOptions;
  readonly #signer: SigV4;
  #offsetMs = 0;

  constructor(options: S3ConnectionOptions) {
    this.#options = options;
    this.#signer = new SigV4({ region: options.region, service: "s3" });
  }

  /**
   * Sends a request, and once more where only the time of its signature was refused.
   *
   * @throws STORAGE_CLOCK_SKEW, INPUT_CONFIG_INVALID for credentials that are none, NETWORK_UNREACHABLE,
   * NETWORK_TIMEOUT, NETWORK_TOO_LARGE, NETWORK_ABORTED
   */
  async send(request: S3Request): Promise<S3Answer> {
    const { label, clock } = this.#options;
    const { repeatDelayMs = 0, signal } = request;
    const digest = await sha256Hex(request.body);
    const first = await this.#sendSigned(request, digest);
    if (!isSkewed(first)) return first;
    const skewMs = skewOf(first, clock.nowMs());
    if (skewMs === null || Math.abs(skewMs) > MAX_SKEW_MS) throw clockSkew(label, skewMs);
    this.#offsetMs = skewMs;
    if (repeatDelayMs > 0) await clock.delay(repeatDelayMs, signal);
    const second = await this.#sendSigned(request, digest);
    if (isSkewed(second)) throw clockSkew(label, skewMs);
    return second;
  }

  /** A URL that stands for a request until it expires. */
  async presign(request: Pick<S3Request, "method" | "url" | "headers">, expiresSeconds: number): Promise<URL> {
    const credentials = await resolveS3Credentials(this.#options.credentials);
    return this.#signer.signUrl(request, credentials, this.#nowMs(), expiresSeconds);
  }

  async #sendSigned(request: S3Request, digest: string): Promise<S3Answer> {
    const { method, url } = request;
    const { clock } = this.#options;
    const credentials = await resolveS3Credentials(this.#options.credentials);
    // The digest and not UNSIGNED-PAYLOAD: over http: the body could be exchanged otherwise.
    const headers = { ...request.headers, "x-amz-content-sha256": digest };
    const answer = await fetchHttp({
      ...request,
      shownUrl: url.href,
      headers: await this.#signer.signHeaders({ method, url, headers }, credentials, this.#nowMs()),
      // No redirect is followed: the signature is for this place.
      otherBodyMaxBytes: FAULT_MAX_BYTES,
      clock,
    });
    // What is stored may look like an error.
    const fault = request.bodyStatuses?.includes(answer.status) === true ? null : parseS3Fault(answer.bytes);
    return { ...answer, fault: fault !== null && isWithin(credentials, fault.code) ? null : fault };
  }

  #nowMs(): number {
    return this.#options.clock.nowMs() + this.#offsetMs;
  }
}

/**
 * How far the service's clock is ahead, by what its refusal says. Services that say it in no other way have a `Date`
 * header; that counts only where no cache kept it.
 */
function skewOf({ fault, header }: S3Answer, nowMs: number): number | null {
  const date = header("age") === null ? header("date") : null;
  const serverMs = fault?.serverTimeMs ?? (date === null ? Number.NaN : Date.parse(date));
  return Number.isNaN(serverMs) ? null : serverMs - nowMs;
}

/** Whether a server that was sent credentials returns a part of them as its "code". */
function isWithin({ accessKeyId, sessionToken = "" }: S3Credentials, code: string): boolean {
  return accessKeyId.includes(code) || sessionToken.includes(code);
}

async function sha256Hex(body: Uint8Array = new Uint8Array(0)): Promise<string> {
  return encodeHex(new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(body))));
}
