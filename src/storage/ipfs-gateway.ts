import { limits } from "../limits.js";
import type { Clock, StorageReader, StorageReadOptions, StoredBytes, UrlReader } from "../ports.js";
import { assertSameOrigin, type HttpBase, parseHttpBase } from "../runtime/http-base.js";
import { fetchHttp } from "../runtime/http-client.js";
import { httpReadResult } from "./http-read.js";
import { unsupported } from "./http-refusal.js";
import { assertBlock, type IpfsObject, invalidIpfsUrl, ipfsObjectOf, ipfsUrlOf, parseIpfsUrl } from "./ipfs-block.js";
import { progressOf, type StorageProgress } from "./progress.js";

/** Options of {@link ipfsGateway}. */
export interface IpfsGatewayOptions {
  /** Name in verdicts. Default: host and path of the base URL. */
  readonly label?: string | undefined;
  /** How long the gateway may be silent. Default: 10 s until the first byte, then 30 s. */
  readonly progress?: StorageProgress | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
}

/** What {@link ipfsGateway} gives: a place of objects, and a reader of `ipfs://` URLs out of profiles and routes. */
export interface IpfsGateway extends StorageReader, UrlReader {}

/**
 * Objects from a trustless IPFS gateway: the raw block of the object's CID, which leaves here only if it hashes to that
 * CID. Read only, objects only. It opens `ipfs://<CID of one raw block>`, the form that `urlOf` gives.
 *
 * Reads cause no CORS preflight: `Accept: application/vnd.ipld.raw` is a header that every page may send. The gateway must
 * answer at `/ipfs/<cid>` itself; a redirect to another origin, as from `localhost` to a subdomain of it, is
 * `NETWORK_HOST_REFUSED`, so give such a one as `127.0.0.1`.
 *
 * 404 and 410 are absent: the gateway does not have the block. 504 and 429, with which public gateways give up a search,
 * are `NETWORK_STATUS` and say nothing. What is not the block is `NETWORK_ANSWER_INVALID`.
 *
 * @param baseUrl - What stands before `/ipfs/`. Any host, loopback included.
 * @throws INPUT_URL_INVALID
 */
export function ipfsGateway(baseUrl: string, options: IpfsGatewayOptions = {}): IpfsGateway {
  return new Gateway(baseUrl, options);
}

class Gateway implements IpfsGateway {
  readonly label: string;
  readonly kinds = ["object"] as const;
  readonly publicBaseUrl = null;
  readonly #base: HttpBase;
  readonly #progress: StorageProgress | undefined;
  readonly #clock: Clock | undefined;

  constructor(baseUrl: string, options: IpfsGatewayOptions) {
    this.#base = parseHttpBase(baseUrl);
    this.#progress = options.progress;
    this.#clock = options.clock;
    this.label = options.label ?? this.#base.label;
  }

  async read(path: string, options: StorageReadOptions): Promise<StoredBytes | null> {
    return this.#block(ipfsObjectOf(this.label, path), options);
  }

  opens(url: string): boolean {
    return parseIpfsUrl(url) !== null;
  }

  async readUrl(url: string, options: StorageReadOptions): Promise<Uint8Array | null> {
    const object = parseIpfsUrl(url);
    if (object === null) throw invalidIpfsUrl(url);
    return (await this.#block(object, options))?.bytes ?? null;
  }

  urlOf(path: string): string | null {
    return ipfsUrlOf(path);
  }

  async #block(object: IpfsObject, options: StorageReadOptions): Promise<StoredBytes | null> {
    if (options.range !== undefined) throw unsupported(this.label, "read of a range");
    const url = new URL(`${this.#base.href}ipfs/${object.cid}?format=raw`);
    const answer = await fetchHttp({
      url,
      shownUrl: url.href,
      // Beside the query, because caches on the way and older gateways heed one or the other.
      headers: { accept: "application/vnd.ipld.raw" },
      signal: options.signal,
      maxBytes: Math.min(options.maxBytes, limits.objectMaxBytes),
      checkRedirect: (next) => {
        assertSameOrigin(this.#base, next);
      },
      progress: progressOf("object", this.#progress),
      clock: this.#clock,
    });
    const stored = httpReadResult(url.href, answer);
    if (stored === null) return null;
    assertBlock(url.href, object, stored.bytes);
    return { bytes: stored.bytes, tag: null };
  }
}
