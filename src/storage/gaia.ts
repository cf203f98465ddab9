import { createDial } from "#dial";
import { invalidArgument } from "../bytes/guards.js";
import { throwIfAborted } from "../deadline.js";
import { HawserError } from "../errors.js";
import type {
  CallOptions,
  Clock,
  StorageProvider,
  StorageReadOptions,
  StorageWriteOptions,
  StoredBytes,
  StoredKind,
  WriteOutcome,
} from "../ports.js";
import { joinBase } from "../route/layout.js";
import { assertSameOrigin, type HttpBase, parseHttpBase, resolveHeaders } from "../runtime/http-base.js";
import { fetchHttp, type HttpAnswer } from "../runtime/http-client.js";
import type { Dial } from "./dial.js";
import { assertReadRedirect, type GaiaReadPlace, gaiaPath, gaiaTag, parseHubInfo } from "./gaia-hub.js";
import { type AllowHosts, parseAllowHosts } from "./host.js";
import { conditionHeaders, contentType } from "./http-condition.js";
import { httpReadResult } from "./http-read.js";
import { httpRefusal, refused, unsupported } from "./http-refusal.js";
import { parseStoragePath, publicUrl } from "./path.js";
import { progressOf, type StorageProgress } from "./progress.js";

/** Options of {@link gaia}. */
export interface GaiaOptions {
  /** The hub's address, as what stands before `/store/`. */
  readonly hubUrl: string;
  /** The bucket: letters and digits, such as the Bitcoin address whose key signed the token. */
  readonly address: string;
  /** The bearer token, or what gives it anew before each request. Default: nothing is written. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** Where files are read, as what stands before the address. Default: what the hub's `hub_info` says, asked once. */
  readonly readBaseUrl?: string | undefined;
  /**
   * Whether the hub's `If-Match` and `If-None-Match` are used. Hubs judge them one request at a time; where several
   * processes share one bucket without Azure's own conditions, two writes at the same moment can both succeed. Default true.
   */
  readonly conditional?: boolean | undefined;
  /** Exact `host:port` places that `hub_info` may name although they are loopback, private or `http:`. Default: none. */
  readonly allowHosts?: readonly string[] | undefined;
  /** Name in verdicts. Default: host and path of the hub, and the address. */
  readonly label?: string | undefined;
  /** How long a server may be silent. Default: 5 s until the first byte of a record, then 10 s; objects 10 s and 30 s. */
  readonly progress?: StorageProgress | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
}

/**
 * The layout of section 10 in a bucket of a Gaia hub, which writes and deletes; reads are public and go to another address.
 * Without `readBaseUrl` that is known once `open` has resolved or something was read; `urlOf` gives null before. Where
 * `hub_info` names another origin, U1 holds for it.
 *
 * The tag of a read is null where a cache on the way leaves out or weakens the ETag; a write without a tag is then one
 * without a condition, so that nobody is locked out. Hubs refuse two dots in a
 * row, so that ids with them are kept with a `D` in between.
 *
 * Writes throw `STORAGE_REFUSED` (401, 402, 403), `INPUT_TOO_LARGE` (413: above the hub's own limit),
 * `NETWORK_STATUS` with 409 where another write of the path is under way, else `NETWORK_*`.
 *
 * @throws INPUT_URL_INVALID, INPUT_INVALID
 */
export function gaia(options: GaiaOptions): StorageProvider {
  return new Gaia(options);
}

/** bytes - of `hub_info`. */
const HUB_INFO_MAX_BYTES = 65_536;

class Gaia implements StorageProvider {
  readonly label: string;
  readonly conditional: boolean;
  readonly #hub: HttpBase;
  readonly #address: string;
  readonly #token: GaiaOptions["token"];
  readonly #allowHosts: AllowHosts;
  readonly #dial: Dial;
  readonly #progress: StorageProgress | undefined;
  readonly #clock: Clock | undefined;
  #place: GaiaReadPlace | null = null;

  constructor(options: GaiaOptions) {
    const { hubUrl, address, readBaseUrl, conditional = true } = options;
    this.#hub = parseHttpBase(hubUrl);
    if (!/^[A-Za-z0-9]{1,128}$/.test(address)) throw invalidArgument("address", "1 to 128 letters and digits", address);
    this.#address = address;
    this.#token = options.token;
    this.#allowHosts = parseAllowHosts(options.allowHosts ?? []);
    this.#dial = createDial(this.#allowHosts);
    this.#progress = options.progress;
    this.#clock = options.clock;
    if (readBaseUrl !== undefined) this.#place = { base: parseHttpBase(readBaseUrl), isOwn: true };
    this.label = options.label ?? `${this.#hub.label}/${address}`;
    this.conditional = options.token !== undefined && conditional;
  }

  get publicBaseUrl(): string | null {
    return this.#place === null ? null : `${this.#place.base.href}${this.#address}`;
  }

  async open({ signal }: CallOptions = {}): Promise<void> {
    await this.#readPlace(signal);
  }

  async read(path: string, options: StorageReadOptions): Promise<StoredBytes | null> {
    parseStoragePath(path);
    if (options.range !== undefined) throw unsupported(this.label, "read of a range");
    const place = await this.#readPlace(options.signal);
    const url = new URL(joinBase(`${place.base.href}${this.#address}`, gaiaPath(path)));
    const answer = await fetchHttp({
      url,
      shownUrl: url.href,
      cache: options.kind === "record" ? "no-store" : "default",
      signal: options.signal,
      maxBytes: options.maxBytes,
      checkRedirect: (next) => {
        assertReadRedirect(place, next, this.#allowHosts);
      },
      ...(place.isOwn ? {} : { fetch: this.#dial.fetch, runtimeFollows: !this.#dial.showsRedirects }),
      progress: progressOf(options.kind, this.#progress),
      clock: this.#clock,
    });
    const stored = httpReadResult(url.href, answer);
    return stored === null ? null : { bytes: stored.bytes, tag: gaiaTag(answer.etag) };
  }

  async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
    const { condition, kind } = options;
    parseStoragePath(path);
    if (condition !== undefined && !this.conditional) throw unsupported(this.label, "conditional write");
    const answer = await this.#change("store", path, kind, options.signal, {
      // Copied before anything is awaited: the caller may reuse its buffer.
      body: body.slice(),
      headers: {
        ...contentType({ kind }),
        ...conditionHeaders(condition),
      },
    });
    if (answer.status === 412 && condition !== undefined) return "moved";
    if (answer.status === 413) {
      const message = `${this.label} takes no body of ${body.length} bytes.`;
      throw new HawserError("INPUT_TOO_LARGE", message, { what: kind, bytes: body.length, maxBytes: body.length - 1 });
    }
    // Hubs answer 202 once the file is stored.
    if (![200, 201, 202].includes(answer.status)) throw this.#refusal(path, answer, "write");
    return "stored";
  }

  async remove(path: string, options: CallOptions = {}): Promise<boolean> {
    parseStoragePath(path);
    const answer = await this.#change("delete", path, "object", options.signal, {});
    // Hubs answer 202 once the file is gone.
    if ([200, 202, 204, 404, 410].includes(answer.status)) return true;
    throw this.#refusal(path, answer, "remove");
  }

  urlOf(path: string): string | null {
    parseStoragePath(path);
    return publicUrl(this.publicBaseUrl, gaiaPath(path));
  }

  async #readPlace(signal: AbortSignal | undefined): Promise<GaiaReadPlace> {
    throwIfAborted(signal, this.label);
    if (this.#place !== null) return this.#place;
    const url = new URL(`${this.#hub.href}hub_info/`);
    const answer = await fetchHttp({
      url,
      shownUrl: url.href,
      signal,
      maxBytes: HUB_INFO_MAX_BYTES,
      checkRedirect: (next) => {
        assertSameOrigin(this.#hub, next);
      },
      progress: progressOf("record", this.#progress),
      clock: this.#clock,
    });
    if (answer.status !== 200) throw httpRefusal({ label: this.label, url: url.href, operation: "hub_info" }, answer);
    this.#place = parseHubInfo(url.href, answer.bytes, this.#hub, this.#allowHosts);
    return this.#place;
  }

  async #change(
    command: "store" | "delete",
    path: string,
    kind: StoredKind,
    signal: AbortSignal | undefined,
    content: { readonly body?: Uint8Array; readonly headers?: Readonly<Record<string, string>> },
  ): Promise<HttpAnswer> {
    const token = this.#token;
    if (token === undefined) throw unsupported(this.label, command === "store" ? "write" : "remove");
    throwIfAborted(signal, this.label);
    const method = command === "store" ? "POST" : "DELETE";
    const credentials = async (): Promise<Readonly<Record<string, string>>> => ({
      authorization: `bearer ${typeof token === "string" ? token : await token()}`,
    });
    const url = this.#changeUrl(command, path);
    // No redirect is followed: what the server would do with the body there is its own affair.
    return fetchHttp({
      url,
      shownUrl: url.href,
      method,
      body: content.body,
      headers: { ...(await resolveHeaders(credentials, method)), ...content.headers },
      signal,
      maxBytes: 0,
      bodyStatuses: [],
      progress: progressOf(kind, this.#progress, content.body?.length ?? 0),
      clock: this.#clock,
    });
  }

  #changeUrl(command: "store" | "delete", path: string): URL {
    return new URL(`${this.#hub.href}${command}/${this.#address}/${gaiaPath(path)}`);
  }

  #refusal(path: string, answer: HttpAnswer, operation: string): Error {
    if (answer.status === 402) return refused(this.label, operation, "status 402");
    const url = this.#changeUrl(operation === "write" ? "store" : "delete", path).href;
    return httpRefusal({ label: this.label, url, operation }, answer);
  }
}
