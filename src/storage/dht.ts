import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import { throwIfAborted, withDeadline } from "../deadline.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type {
  CallOptions,
  Clock,
  StorageProvider,
  StorageReader,
  StorageReadOptions,
  StorageWriteOptions,
  StoredBytes,
  UrlReader,
  WriteOutcome,
} from "../ports.js";
import { systemClock } from "../runtime/clock.js";
import { statusError } from "../runtime/http-client.js";
import { type DhtItem, dhtSalt, dhtSignedBytes, isDhtItem } from "./dht-item.js";
import { createDhtSign, type DhtSign } from "./dht-key.js";
import { type DhtNode, type DhtNodeOptions, type DhtPlace, openDhtNode } from "./dht-node.js";
import { dhtUrlOf, invalidDhtUrl, isRecordPath, parseDhtUrl } from "./dht-url.js";
import { type DhtPointer, encodeDhtBody, encodeDhtPointer, parseDhtValue } from "./dht-value.js";
import { unsupported } from "./http-refusal.js";

export type { DhtSign } from "./dht-key.js";

/** Options of {@link dht}. */
export interface DhtOptions {
  /** Ed25519, 32 bytes: the address of what is written. Other keys are read through URLs. */
  readonly publicKey: Uint8Array;
  /** Its seed of 32 bytes, or seed and public key, 64 bytes. Default: `sign`, else writes are `STORAGE_UNSUPPORTED`. */
  readonly secretKey?: Uint8Array | undefined;
  /** Signs with Ed25519 instead of `secretKey`, for keys that are kept elsewhere. */
  readonly sign?: DhtSign | undefined;
  /**
   * Nodes to begin with, as `host:port`; names resolve to IPv4. Default: `router.bittorrent.com:6881` and
   * `dht.transmissionbt.com:6881`, which lead into the public DHT.
   */
  readonly bootstrap?: readonly string[] | undefined;
  /** UDP port of this node. Default: any. */
  readonly port?: number | undefined;
  /** IPv4 address that it listens at. Default `0.0.0.0`. */
  readonly address?: string | undefined;
  /** Places that hold bodies too long for the DHT; its items then point to their URLs. Default: none. */
  readonly pointTo?: readonly StorageReader[] | undefined;
  /** Opens the URLs of such items, for example `httpUrlReader()`. Default: they are not followed. */
  readonly follow?: UrlReader | undefined;
  /** Name in verdicts. Default `dht:` and the first 8 digits of the key. */
  readonly label?: string | undefined;
  /** ms - that looking for an item, storing one or following a URL may take. Default 15,000. */
  readonly timeoutMs?: number | undefined;
  /** ms - that one node of the DHT is waited for. Default 2,000. */
  readonly queryTimeoutMs?: number | undefined;
  /** Of `timeoutMs`. Default: the machine's. */
  readonly clock?: Clock | undefined;
}

/** What became of one item of {@link DhtStorage.republish}. `newer`: another device has replaced it. */
export interface DhtRepublished {
  readonly path: string;
  readonly outcome: "stored" | "newer" | "failed";
}

/** What {@link dht} gives: a provider of records, and a reader of `dht:` URLs out of profiles and routes. */
export interface DhtStorage extends StorageProvider, UrlReader {
  /**
   * Stores again what this process wrote. Nodes forget an item about two hours after it was stored last, so call it every
   * hour or more often, as long as nobody else does.
   */
  republish(options?: CallOptions): Promise<readonly DhtRepublished[]>;
  /** Ends the node. A process with an open node does not end by itself. */
  close(): Promise<void>;
}

/**
 * Records in the BitTorrent DHT as mutable items (BEP44), in Node. An item is signed by an Ed25519 key and found by that
 * key and a salt, which is the SHA-256 of the record's path. A body of up to 995 bytes lies in the item itself. Of a longer
 * one the item holds SHA-256, size and up to 4 URLs out of `pointTo`, and readers take from them what has that hash.
 *
 * What to know of a DHT: items are public, expire unless they are stored again (`republish`), and cannot be removed
 * (`remove` gives false). Nobody can show that there is none: `null` means that nodes answered and none had one.
 * `conditional` is false: nodes judge conditions each for itself. Of two devices that write at once, the one with the
 * higher `seq` is read, or where these are equal either; readers find out by the record's own version.
 *
 * It needs the optional dependency `bittorrent-dht`; nothing is opened before the first call. Packets go to and are taken
 * from global addresses and those of `bootstrap` only. Objects are `STORAGE_UNSUPPORTED`. Calls throw
 * `NETWORK_UNREACHABLE` where no node answered, `NETWORK_TIMEOUT`, `NETWORK_ANSWER_INVALID` for an item or pointer that is
 * none, `STORAGE_UNSUPPORTED` for a long body without any URL; `INPUT_CONFIG_INVALID` without `bittorrent-dht`.
 *
 * @throws INPUT_INVALID, INPUT_KEY_INVALID, INPUT_CONFIG_INVALID
 */
export function dht(options: DhtOptions): DhtStorage {
  return createDht(options, openDhtNode);
}

/** A provider over a node of the caller's making. */
export function createDht(options: DhtOptions, openNode: (options: DhtNodeOptions) => Promise<DhtNode>): DhtStorage {
  return new Dht(options, openNode);
}

const PUBLIC_NODES: readonly string[] = ["router.bittorrent.com:6881", "dht.transmissionbt.com:6881"];
/** Writers that were overtaken look again so often. */
const WRITE_ATTEMPTS = 3;

class Dht implements DhtStorage {
  readonly label: string;
  readonly kinds = ["record"] as const;
  readonly conditional = false;
  readonly publicBaseUrl = null;
  readonly #publicKey: Uint8Array;
  readonly #sign: DhtSign | null;
  readonly #pointTo: readonly StorageReader[];
  readonly #follow: UrlReader | null;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #open: () => Promise<DhtNode>;
  #node: Promise<DhtNode> | null = null;
  #closed = false;
  /** What this process stored, by path. */
  readonly #written = new Map<string, DhtItem>();
  /** The highest `seq` that it used, by path. */
  readonly #used = new Map<string, number>();

  constructor(options: DhtOptions, openNode: (options: DhtNodeOptions) => Promise<DhtNode>) {
    this.#sign = createDhtSign(options);
    this.#publicKey = options.publicKey.slice();
    this.#pointTo = [...(options.pointTo ?? [])];
    this.#follow = options.follow ?? null;
    this.#clock = options.clock ?? systemClock;
    this.#timeoutMs = options.timeoutMs ?? limits.recordTimeoutMs;
    this.label = options.label ?? `dht:${encodeHex(this.#publicKey).slice(0, 8)}`;
    const { port = 0, address = "0.0.0.0", queryTimeoutMs = 2_000 } = options;
    const bootstrap = parsePlaces(options.bootstrap ?? PUBLIC_NODES);
    this.#open = () => openNode({ bootstrap, port, address, queryTimeoutMs });
  }

  async open({ signal }: CallOptions = {}): Promise<void> {
    await this.#within(signal, () => this.#opened());
  }

  async read(path: string, options: StorageReadOptions): Promise<StoredBytes | null> {
    this.#assertRecord(path);
    const bytes = await this.#body(this.#publicKey, path, options);
    return bytes === null ? null : { bytes, tag: null };
  }

  opens(url: string): boolean {
    return parseDhtUrl(url) !== null;
  }

  async readUrl(url: string, options: StorageReadOptions): Promise<Uint8Array | null> {
    const parsed = parseDhtUrl(url);
    if (parsed === null) throw invalidDhtUrl(url);
    return this.#body(parsed.publicKey, parsed.path, options);
  }

  async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
    this.#assertRecord(path);
    if (options.condition !== undefined) throw unsupported(this.label, "conditional write");
    if (this.#sign === null) throw unsupported(this.label, "write without a secret key");
    throwIfAborted(options.signal, this.label);
    const value = this.#valueOf(path, body.slice());
    for (let attempt = 0; attempt < WRITE_ATTEMPTS; attempt++) {
      if (await this.#writeOnce(path, value, this.#sign, options.signal)) return "stored";
    }
    throw statusError(this.label, 302, "another device was faster each time");
  }

  async remove(path: string, options: CallOptions = {}): Promise<boolean> {
    this.#assertRecord(path);
    throwIfAborted(options.signal, this.label);
    this.#written.delete(path);
    return false;
  }

  urlOf(path: string): string | null {
    return dhtUrlOf({ publicKey: this.#publicKey, path });
  }

  async republish({ signal }: CallOptions = {}): Promise<readonly DhtRepublished[]> {
    const results: DhtRepublished[] = [];
    // One after another: there is an hour for it.
    for (const [path, item] of [...this.#written]) {
      throwIfAborted(signal, this.label);
      const outcome = await this.#storeAgain(item, signal).catch(() => "failed" as const);
      if (outcome === "newer" && this.#written.get(path) === item) this.#written.delete(path);
      results.push({ path, outcome });
    }
    throwIfAborted(signal, this.label);
    return results;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const opening = this.#node;
    this.#node = null;
    // One that could not be opened is closed.
    const node = await opening?.catch(() => null);
    await node?.close();
  }

  #assertRecord(path: string): void {
    if (!isRecordPath(path)) throw unsupported(this.label, "objects");
  }

  /** A body as it lies in an item, or a pointer to it. */
  #valueOf(path: string, body: Uint8Array): Uint8Array {
    const urls = this.#pointTo.flatMap((place) => place.urlOf(path) ?? []);
    const value = encodeDhtBody(body) ?? encodeDhtPointer(body, urls);
    if (value === null) throw unsupported(this.label, `a record of ${body.length} bytes without a URL to point to`);
    return value;
  }

  /** False where another device was faster. */
  async #writeOnce(path: string, value: Uint8Array, sign: DhtSign, signal: AbortSignal | undefined): Promise<boolean> {
    const salt = dhtSalt(path);
    const found = await this.#find(this.#publicKey, salt, signal);
    // Above what this process used last, too: no two values may have one seq, wherever the other one got to.
    const seq = Math.max(found?.seq ?? 0, this.#used.get(path) ?? 0) + 1;
    if (!Number.isSafeInteger(seq)) throw unsupported(this.label, `a seq above ${seq - 1}`);
    this.#used.set(path, seq);
    const unsigned = { publicKey: this.#publicKey, salt, seq, value };
    const signature = await this.#within(signal, async () => sign(dhtSignedBytes(unsigned)));
    const item = { ...unsigned, signature };
    const { nodes, isOutrun } = await this.#within(signal, async () => (await this.#opened()).put(item));
    if (nodes > 0) {
      if ((this.#written.get(path)?.seq ?? 0) < seq) this.#written.set(path, item);
      return true;
    }
    if (isOutrun) return false;
    throw unreachable(this.label, "no node took the item");
  }

  async #storeAgain(item: DhtItem, signal: AbortSignal | undefined): Promise<"stored" | "newer"> {
    await this.#within(signal, async () => (await this.#opened()).meet(item.publicKey, item.salt));
    const found = await this.#find(item.publicKey, item.salt, signal);
    if (found !== null && found.seq > item.seq) return "newer";
    const { nodes, isOutrun } = await this.#within(signal, async () => (await this.#opened()).put(item));
    // Nodes that have it still may refuse it as not newer.
    if (nodes > 0 || isOutrun) return "stored";
    throw unreachable(this.label, "no node took the item");
  }

  async #find(publicKey: Uint8Array, salt: Uint8Array, signal: AbortSignal | undefined): Promise<DhtItem | null> {
    const { answers, item } = await this.#within(signal, async () => (await this.#opened()).get(publicKey, salt));
    // P6: silence is not absence.
    if (item === null && answers === 0) throw unreachable(this.label, "no node of it answered");
    if (item === null) return null;
    // BEP44: only the owner of the key says what lies under it.
    if (!isDhtItem({ ...item, publicKey, salt })) throw invalidItem(this.label, "an item without a right signature");
    return item;
  }

  async #body(publicKey: Uint8Array, path: string, options: StorageReadOptions): Promise<Uint8Array | null> {
    if (options.range !== undefined) throw unsupported(this.label, "read of a range");
    const item = await this.#find(publicKey, dhtSalt(path), options.signal);
    if (item === null) return null;
    const value = parseDhtValue(item.value);
    if (value === null) throw invalidItem(this.label, "an item that is neither a body nor a pointer");
    const size = "body" in value ? value.body.length : value.pointer.size;
    if (size > options.maxBytes) {
      const details = { url: this.label, maxBytes: options.maxBytes };
      throw new HawserError("NETWORK_TOO_LARGE", `${this.label} has more than ${options.maxBytes} bytes.`, details);
    }
    return "body" in value ? value.body : this.#follows(value.pointer, options);
  }

  async #follows({ sha256: hash, size, urls }: DhtPointer, options: StorageReadOptions): Promise<Uint8Array> {
    const follow = this.#follow;
    if (follow === null) throw unsupported(this.label, "following a pointer to a URL");
    let cause: unknown;
    for (const url of urls) {
      try {
        if (!follow.opens(url)) continue;
        const { kind, signal } = options;
        const bytes = await this.#within(signal, (inner) =>
          follow.readUrl(url, { kind, maxBytes: size, signal: inner }),
        );
        // The place is not trusted: only what the key's owner signed for leaves here.
        if (bytes !== null && encodeHex(sha256(bytes)) === hash) return bytes;
      } catch (error) {
        throwIfAborted(options.signal, this.label);
        cause = error;
      }
    }
    throw invalidItem(this.label, `a pointer to ${urls.length} URLs, none of which gives the bytes`, cause);
  }

  #opened(): Promise<DhtNode> {
    if (this.#closed) return Promise.reject(unreachable(this.label, "it was closed"));
    if (this.#node === null) {
      const opening = this.#open();
      this.#node = opening;
      // A port that is taken now may be free later.
      opening.catch(() => {
        if (this.#node === opening) this.#node = null;
      });
    }
    return this.#node;
  }

  #within<T>(signal: AbortSignal | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline({ clock: this.#clock, timeoutMs: this.#timeoutMs, signal, what: this.label }, run);
  }
}

function parsePlaces(bootstrap: readonly string[]): readonly DhtPlace[] {
  const places = bootstrap.map((entry) => {
    const [, host = "", digits = ""] = /^([a-z0-9.-]+):([0-9]{1,5})$/i.exec(entry) ?? [];
    const port = Number(digits);
    if (host === "" || port < 1 || port > 65_535) throw invalidBootstrap("an entry is not host:port");
    return { host, port };
  });
  if (places.length === 0) throw invalidBootstrap("no node to begin with");
  return places;
}

function invalidBootstrap(reason: string): HawserError<"INPUT_CONFIG_INVALID"> {
  const details = { setting: "bootstrap", reason };
  return new HawserError("INPUT_CONFIG_INVALID", `The setting bootstrap cannot be used: ${reason}.`, details);
}

function unreachable(url: string, reason: string): HawserError<"NETWORK_UNREACHABLE"> {
  return new HawserError("NETWORK_UNREACHABLE", `${url} cannot be reached: ${reason}.`, { url, reason });
}

function invalidItem(url: string, reason: string, cause?: unknown): HawserError<"NETWORK_ANSWER_INVALID"> {
  return new HawserError("NETWORK_ANSWER_INVALID", `${url} holds ${reason}.`, { url, reason }, { cause });
}
