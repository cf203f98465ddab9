import { AwsV4Signer } from "aws4fetch";
import type { S3Credentials } from "./s3-credentials.js";

/** What SigV4 signs for. */
export interface SigningScope {
  readonly region: string;
  /** `s3`. */
  readonly service: string;
}

/** A request before it is signed. */
export interface UnsignedRequest {
  readonly method: string;
  /** With its path encoded as S3 wants it. */
  readonly url: URL;
  /** All are signed. For S3 `x-amz-content-sha256` has to be among them, unless the URL is signed. */
  readonly headers: Readonly<Record<string, string>>;
}

// Each holds what was derived from a secret for one day; credentials that are refreshed must not pile up.
const MAX_KEYS = 4;

/** Signs requests and URLs with AWS Signature Version 4. */
export class SigV4 {
  readonly #scope: SigningScope;
  readonly #keys = new Map<string, ArrayBuffer>();

  constructor(scope: SigningScope) {
    this.#scope = scope;
  }

  /** The headers to send: those given and the signature's. */
  async signHeaders(
    request: UnsignedRequest,
    credentials: S3Credentials,
    nowMs: number,
  ): Promise<Readonly<Record<string, string>>> {
    const { headers } = await this.#signer(request, credentials, nowMs, request.url, false).sign();
    return Object.fromEntries(headers);
  }

  /** A URL that may be used without credentials until it expires, with the headers of the request. */
  async signUrl(
    request: UnsignedRequest,
    credentials: S3Credentials,
    nowMs: number,
    expiresSeconds: number,
  ): Promise<URL> {
    const url = new URL(request.url);
    url.searchParams.set("X-Amz-Expires", String(expiresSeconds));
    return (await this.#signer(request, credentials, nowMs, url, true).sign()).url;
  }

  #signer(
    { method, headers }: UnsignedRequest,
    { accessKeyId, secretAccessKey, sessionToken }: S3Credentials,
    nowMs: number,
    url: URL,
    signQuery: boolean,
  ): AwsV4Signer {
    if (this.#keys.size >= MAX_KEYS) this.#keys.clear();
    return new AwsV4Signer({
      method,
      url: url.href,
      headers: { ...headers },
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      ...this.#scope,
      cache: this.#keys,
      datetime: new Date(nowMs).toISOString().replace(/[:-]|\.[0-9]{3}/g, ""),
      signQuery,
      allHeaders: true,
      // The path is encoded already. For S3 the signer decodes it first, and encodes it again.
      singleEncode: this.#scope.service !== "s3",
    });
  }
}
