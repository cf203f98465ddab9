import { encodeHex } from "../bytes/hex.js";
import type {
  CallOptions,
  Clock,
  StorageProvider,
  StorageReadOptions,
  StorageWriteOptions,
  StoredBytes,
  WriteOutcome,
} from "../ports.js";
import { systemClock } from "../runtime/clock.js";
import { type HttpHeaders, parseHttpBase } from "../runtime/http-base.js";
import type { HttpAnswer } from "../runtime/http-client.js";
import { systemRandom } from "../runtime/random.js";
import { type BasicCredentials, withBasicAuth } from "./basic-auth.js";
import { conditionHeaders, contentType } from "./http-condition.js";
import { planHttpRead } from "./http-range.js";
import { httpRefusal, refused, unsupported } from "./http-refusal.js";
import { parseStoragePath, publicUrl } from "./path.js";
import { progressOf, type StorageProgress } from "./progress.js";
import { makeCollections } from "./webdav-collections.js";
import { WebdavServer } from "./webdav-server.js";

/** Options of {@link webdav}. */
export interface WebdavOptions {
  /** For Basic authentication, sent as UTF-8 with each request; a function is asked before each. Default: none. */
  readonly credentials?: BasicCredentials | undefined;
  /** Further request headers, for example `authorization: Bearer ...` instead of `credentials`. */
  readonly headers?: HttpHeaders | undefined;
  /**
   * Whether the server's own `If-Match` and `If-None-Match` on PUT are atomic. No mod_dav is known to be: of two writers
   * at once it lets both through now and then. Default false.
   */
  readonly conditional?: boolean | undefined;
  /**
   * Whether bodies go to a temporary name first and are moved. For servers that write a PUT into the file itself, as
   * rclone before 1.63 does: there a broken connection leaves a part. Costs a request, and servers that delete the old
   * file before they move show absence for a moment. Default false: Apache and nginx put the file in place as a whole.
   */
  readonly staged?: boolean | undefined;
  /**
   * Base of the URLs that readers are given; null for none. Default: the base URL itself, or none where `credentials` or
   * `headers` are given, since strangers have neither.
   */
  readonly publicBaseUrl?: string | null | undefined;
  /** Name in verdicts. Default: host and path of the base URL. */
  readonly label?: string | undefined;
  /** How long the server may be silent. Default: {@link limits}. */
  readonly progress?: StorageProgress | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
}

/** ms - for which a record is read again where its tag is weak; mod_dav's is for the first second after a write. */
const WEAK_TAG_MS = 2_000;
const WEAK_TAG_PAUSE_MS = 250;

/**
 * The layout of section 10 on a WebDAV server (RFC 4918): PUT, GET, DELETE, and MKCOL for the folders that are missing,
 * the base itself included. A base that is not there reads as empty. Redirects are followed within the origin and for
 * reads alone.
 *
 * Calls throw `STORAGE_REFUSED` (401, 403, 423), `STORAGE_GONE` (the base is missing and cannot be made), `STORAGE_FULL`
 * (507), `STORAGE_UNSUPPORTED` (405, 501, or a condition without `conditional`), else `NETWORK_*`.
 *
 * @throws INPUT_URL_INVALID, INPUT_CONFIG_INVALID
 */
export function webdav(baseUrl: string, options: WebdavOptions = {}): StorageProvider {
  return new WebdavStorage(baseUrl, options);
}

class WebdavStorage implements StorageProvider {
  readonly label: string;
  readonly publicBaseUrl: string | null;
  readonly conditional: boolean;
  readonly ranges = true;
  readonly #server: WebdavServer;
  readonly #staged: boolean;
  readonly #progress: StorageProgress | undefined;
  readonly #clock: Clock;

  constructor(baseUrl: string, options: WebdavOptions) {
    const base = parseHttpBase(baseUrl);
    this.label = options.label ?? base.label;
    const isOpen = options.credentials === undefined && options.headers === undefined;
    this.publicBaseUrl = options.publicBaseUrl === undefined ? (isOpen ? baseUrl : null) : options.publicBaseUrl;
    if (this.publicBaseUrl !== null) parseHttpBase(this.publicBaseUrl);
    this.conditional = options.conditional ?? false;
    this.#staged = options.staged ?? false;
    this.#progress = options.progress;
    this.#clock = options.clock ?? systemClock;
    const headers = withBasicAuth(options.credentials, options.headers);
    this.#server = new WebdavServer(base, headers, this.#clock);
  }

  async read(path: string, options: StorageReadOptions): Promise<StoredBytes | null> {
    parseStoragePath(path);
    const patienceMs = this.conditional && options.kind === "record" && options.range === undefined ? WEAK_TAG_MS : 0;
    const sinceMs = this.#clock.nowMs();
    for (;;) {
      const { stored, weak } = await this.#get(path, options);
      // A weak tag becomes a strong one with time. Read anew, so that bytes and tag belong together.
      if (!weak || this.#clock.nowMs() - sinceMs >= patienceMs) return stored;
      await this.#clock.delay(WEAK_TAG_PAUSE_MS, options.signal);
    }
  }

  async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
    parseStoragePath(path);
    const { condition, signal, kind } = options;
    if (condition !== undefined && !this.conditional) throw unsupported(this.label, "conditional write");
    // Copied before anything is awaited: the caller may reuse its buffer.
    const bytes = body.slice();
    const put = (): Promise<WriteOutcome | "no-parent"> =>
      this.#staged && condition === undefined ? this.#putStaged(path, bytes, options) : this.#put(path, bytes, options);
    const first = await put();
    if (first !== "no-parent") return first;
    // Nothing can have a tag in a folder that is not there.
    if (condition !== undefined && "ifTag" in condition) return "moved";
    const progress = progressOf(kind, this.#progress);
    await makeCollections(this.#server, this.label, path, { progress, signal });
    const second = await put();
    // Another one may have removed the folder again, or the server hides what is wrong.
    if (second === "no-parent") throw refused(this.label, "write", "it finds no folder for the file, and made it");
    return second;
  }

  async remove(path: string, options: CallOptions = {}): Promise<boolean> {
    parseStoragePath(path);
    const answer = await this.#server.send("DELETE", path, {
      progress: progressOf("object", this.#progress),
      signal: options.signal,
    });
    if ([200, 204, 404, 410].includes(answer.status)) return true;
    // 202: accepted, not yet done.
    if (answer.status === 202) return false;
    throw this.#refusal(path, answer, "remove");
  }

  urlOf(path: string): string | null {
    return publicUrl(this.publicBaseUrl, path);
  }

  async #get(path: string, options: StorageReadOptions): Promise<{ stored: StoredBytes | null; weak: boolean }> {
    const plan = planHttpRead(options);
    const answer = await this.#server.send("GET", path, {
      headers: plan.headers,
      cache: plan.cache,
      maxBytes: plan.maxBytes,
      bodyStatuses: plan.bodyStatuses,
      progress: progressOf(options.kind, this.#progress),
      signal: options.signal,
    });
    if (answer.status === 401 || answer.status === 403) throw this.#refusal(path, answer, "read");
    const stored = plan.result(this.#server.shown(path), answer);
    return { stored, weak: stored !== null && answer.etag?.startsWith("W/") === true };
  }

  async #put(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome | "no-parent"> {
    const { condition } = options;
    const answer = await this.#server.send("PUT", path, {
      body,
      headers: { ...contentType(options), ...conditionHeaders(condition) },
      progress: progressOf(options.kind, this.#progress, body.length),
      signal: options.signal,
    });
    if (answer.status === 412 && condition !== undefined) return "moved";
    return this.#written(path, answer);
  }

  async #putStaged(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome | "no-parent"> {
    const { signal } = options;
    const folder = path.slice(0, path.lastIndexOf("/"));
    const staged = `${folder}/@${encodeHex(systemRandom.bytes(12))}.tmp`;
    const progress = progressOf(options.kind, this.#progress, body.length);
    let done = false;
    try {
      const put = await this.#server.send("PUT", staged, { body, headers: contentType(options), progress, signal });
      const outcome = this.#written(path, put);
      if (outcome === "no-parent") {
        done = true;
        return outcome;
      }
      const headers = { destination: this.#server.shown(path), overwrite: "T" };
      const moved = await this.#server.send("MOVE", staged, { headers, progress, signal });
      if (![201, 204].includes(moved.status)) throw this.#refusal(path, moved, "write");
      done = true;
      return "stored";
    } finally {
      // The outcome is told already; what stays behind is no path of the layout, and no reader asks for it.
      if (!done) await this.#server.send("DELETE", staged, { progress }).catch(() => undefined);
    }
  }

  /** 409 of RFC 4918, and 404 of several servers, mean that the folder is missing. */
  #written(path: string, answer: HttpAnswer): "stored" | "no-parent" {
    if (answer.status === 404 || answer.status === 409) return "no-parent";
    if (![200, 201, 204].includes(answer.status)) throw this.#refusal(path, answer, "write");
    return "stored";
  }

  #refusal(path: string, answer: HttpAnswer, operation: string): Error {
    if (answer.status === 423) return refused(this.label, operation, "status 423, locked by another client");
    return httpRefusal({ label: this.label, url: this.#server.shown(path), operation }, answer);
  }
}
