import { invalidArgument } from "../bytes/guards.js";
import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import { throwIfAborted } from "../deadline.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type {
  CallOptions,
  Clock,
  StorageProvider,
  StorageReadOptions,
  StorageWriteOptions,
  StoredBytes,
  UrlReader,
  WriteOutcome,
} from "../ports.js";
import { type HttpHeaders, parseHttpBase } from "../runtime/http-base.js";
import { unsupported } from "./http-refusal.js";
import { assertBlock, type IpfsObject, invalidIpfsUrl, ipfsObjectOf, ipfsUrlOf, parseIpfsUrl } from "./ipfs-block.js";
import {
  callKubo,
  isKuboMiss,
  KUBO_JSON_MAX_BYTES,
  type KuboAnswer,
  type KuboRpcOptions,
  kuboError,
  parseKuboJson,
} from "./kubo-rpc.js";
import type { StorageProgress } from "./progress.js";

/** Options of {@link kubo}. */
export interface KuboOptions {
  /** Request headers, such as the `authorization` of `API.Authorizations`; a function is called before each request. */
  readonly headers?: HttpHeaders | undefined;
  /**
   * A public gateway that finds this node's blocks, as what stands before `/ipfs/`: `urlOf` then gives its URLs, which
   * every reader opens. Default: `ipfs://` URLs, for readers with a gateway or node of their own.
   */
  readonly gatewayUrl?: string | undefined;
  /** Whether objects are pinned, so that the node's garbage collection leaves them. Default true. */
  readonly pin?: boolean | undefined;
  /** Name in verdicts. Default: host and path of the API's URL. */
  readonly label?: string | undefined;
  /** How long the node may be silent. Default: 10 s until the first byte, then 30 s. */
  readonly progress?: StorageProgress | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
}

/** What {@link kubo} gives: a provider of objects, and a reader of `ipfs://` URLs out of profiles and routes. */
export interface KuboStorage extends StorageProvider, UrlReader {}

/**
 * Objects in an IPFS node, through Kubo's RPC: one raw block each, pinned. The RPC can do everything with a node, so its
 * address must not be public; give it as loopback, or behind something that asks for `headers`.
 *
 * Only what the node holds itself is read: `null` is its word that it has no such block, and it is never made to search.
 * Objects only and no conditions: a block's address is its content. `remove` unpins and deletes; it gives false where
 * something else on the node still pins the block, for example a folder that contains it.
 *
 * Calls throw `STORAGE_REFUSED` (401, 403), `STORAGE_FULL`, `NETWORK_STATUS` for the node's other errors,
 * `NETWORK_ANSWER_INVALID` for bytes that are not the block, else `NETWORK_*`; a write throws `INPUT_INVALID` for a body
 * that does not hash to its path.
 *
 * @param apiUrl - What stands before `/api/v0/`.
 * @throws INPUT_URL_INVALID
 */
export function kubo(apiUrl: string, options: KuboOptions = {}): KuboStorage {
  return new Kubo(apiUrl, options);
}

class Kubo implements KuboStorage {
  readonly label: string;
  readonly kinds = ["object"] as const;
  readonly conditional = false;
  readonly publicBaseUrl = null;
  readonly #rpc: KuboRpcOptions;
  readonly #gateway: string | null;
  readonly #pin: boolean;

  constructor(apiUrl: string, options: KuboOptions) {
    const base = parseHttpBase(apiUrl);
    this.label = options.label ?? base.label;
    this.#gateway = options.gatewayUrl === undefined ? null : parseHttpBase(options.gatewayUrl).href;
    this.#pin = options.pin ?? true;
    const { headers, progress, clock } = options;
    this.#rpc = { base, label: this.label, headers, progress, clock };
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

  async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
    const object = ipfsObjectOf(this.label, path);
    if (options.condition !== undefined) throw unsupported(this.label, "conditional write");
    throwIfAborted(options.signal, this.label);
    // Copied before anything is awaited: the caller may reuse its buffer.
    const file = body.slice();
    if (file.length > limits.objectMaxBytes) {
      const details = { what: "object", bytes: file.length, maxBytes: limits.objectMaxBytes };
      throw new HawserError("INPUT_TOO_LARGE", `An object has at most ${details.maxBytes} bytes.`, details);
    }
    if (encodeHex(sha256(file)) !== object.hash) throw invalidArgument("body", "bytes that hash to the path", body);
    const answer = await callKubo(this.#rpc, {
      command: "block/put",
      query: { "cid-codec": "raw", mhtype: "sha2-256", pin: String(this.#pin) },
      file,
      maxBytes: KUBO_JSON_MAX_BYTES,
      signal: options.signal,
    });
    const { Key: key } = parseKuboJson(answer.url, this.#textOf(answer));
    if (key !== object.cid) {
      const reason = "another CID than that of the object";
      const details = { url: answer.url, reason };
      throw new HawserError("NETWORK_ANSWER_INVALID", `${answer.url} answered with ${reason}.`, details);
    }
    return "stored";
  }

  async remove(path: string, options: CallOptions = {}): Promise<boolean> {
    const { cid } = ipfsObjectOf(this.label, path);
    const call = { query: { arg: cid }, maxBytes: KUBO_JSON_MAX_BYTES, signal: options.signal };
    if (this.#pin) {
      const { url, failure } = await callKubo(this.#rpc, { ...call, command: "pin/rm" });
      if (failure !== null && !failure.startsWith("not pinned")) throw kuboError(this.label, url, failure);
    }
    const removed = await callKubo(this.#rpc, { ...call, command: "block/rm" });
    const { Error: error } = parseKuboJson(removed.url, this.#textOf(removed));
    if (error === undefined || error === "") return true;
    if (typeof error === "string" && isKuboMiss(error, cid)) return true;
    // Something else on the node keeps it.
    if (typeof error === "string" && error.startsWith("pinned")) return false;
    throw kuboError(this.label, removed.url, typeof error === "string" ? error : "an error without words");
  }

  urlOf(path: string): string | null {
    const url = ipfsUrlOf(path);
    if (url === null || this.#gateway === null) return url;
    const shown = `${this.#gateway}ipfs/${url.slice("ipfs://".length)}?format=raw`;
    return shown.length <= limits.urlMaxBytes ? shown : null;
  }

  async #block(object: IpfsObject, options: StorageReadOptions): Promise<StoredBytes | null> {
    if (options.range !== undefined) throw unsupported(this.label, "read of a range");
    const answer = await callKubo(this.#rpc, {
      command: "block/get",
      query: { arg: object.cid },
      maxBytes: Math.min(options.maxBytes, limits.objectMaxBytes),
      signal: options.signal,
    });
    if (answer.failure !== null) {
      if (isKuboMiss(answer.failure, object.cid)) return null;
      throw kuboError(this.label, answer.url, answer.failure);
    }
    assertBlock(answer.url, object, answer.bytes);
    return { bytes: answer.bytes, tag: null };
  }

  #textOf(answer: KuboAnswer): string {
    if (answer.failure !== null) throw kuboError(this.label, answer.url, answer.failure);
    return new TextDecoder().decode(answer.bytes);
  }
}
