/**
 * What hawser needs from outside: time, randomness, chain sources, storage, a cache, a wallet, a signer.
 * Types only. Implementations are leaves (`chain/sources`, `storage`, `cache`, `wallet`) or the caller's own;
 * everything that they return is untrusted unless it says otherwise.
 */

/** Time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Resolves after `ms`; rejects with `NETWORK_ABORTED` when `signal` aborts first. */
  delay(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Cryptographically secure randomness. */
export interface Random {
  bytes(length: number): Uint8Array;
}

/** How a call to a source or provider may end early. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** An output of a transaction. `txid` is in display order, lower-case hex. */
export interface Outpoint {
  readonly txid: string;
  readonly vout: number;
}

/** The newest block that a source knows. */
export interface SourceTip {
  readonly height: number;
  /** Display order, hex. */
  readonly hash: string;
  /** The last headers up to and including the tip, 80 bytes each, oldest first; may hold the tip alone. */
  readonly recentHeaders: Uint8Array;
}

/** A transaction in a script's history; `height` is null in the mempool. Order means nothing (C6). */
export interface HistoryEntry {
  readonly txid: string;
  readonly height: number | null;
}

/** A transaction in the chain, named to a source so that it need not list what came after. `txid` in display order. */
export interface HistoryMark {
  readonly txid: string;
  readonly height: number;
}

/** How much of a history is asked for. */
export interface HistoryOptions extends CallOptions {
  /**
   * A transaction of this history, mined at that height. The answer must then hold everything in the blocks below it,
   * and all of its own block whatever the order there; what came later, mempool included, may be missing (V8). A source
   * that does not know the transaction at that height throws. One that knows no such question gives the whole history.
   */
  readonly before?: HistoryMark | undefined;
}

/** Where a source says a transaction is. `branch` is in internal byte order, leaf upwards. */
export interface InclusionClaim {
  readonly height: number;
  readonly position: number;
  readonly branch: readonly Uint8Array[];
}

/** Whether and by what an output is spent; `height` is null in the mempool. */
export type Outspend =
  | { readonly spent: false }
  | { readonly spent: true; readonly txid: string; readonly height: number | null };

/** An unspent output of a script. */
export interface UnspentOutput extends Outpoint {
  readonly valueSats: bigint;
  /** null in the mempool. */
  readonly height: number | null;
}

/**
 * A server that knows the chain. Nothing that it says is believed without proof. Every method throws a
 * `HawserError` when the server gave no answer, an incomplete one (limits included, V5) or a malformed one.
 */
export interface ChainSource {
  /** Short name for verdicts, for example the host; never with credentials. */
  readonly label: string;
  tip(options?: CallOptions): Promise<SourceTip>;
  /**
   * How many headers one request to the server gives, where that is few. Default: as many as are asked for. Where many
   * are missing, sources that give many are asked first.
   */
  readonly headersPerRequest?: number | undefined;
  /** At least one and at most `count` headers from `start` on, 80 bytes each; throws if it has none there. */
  headers(start: number, count: number, options?: CallOptions): Promise<Uint8Array>;
  /**
   * The complete history of an output script, mempool included, or with `before` what is up to that transaction; throws
   * if it cannot be complete.
   */
  history(script: Uint8Array, options?: HistoryOptions): Promise<readonly HistoryEntry[]>;
  /** A raw transaction with witness, or null if the server does not know it. */
  transaction(txid: string, options?: CallOptions): Promise<Uint8Array | null>;
  /** Where a transaction is in the chain, or null if the server does not see it in a block. `height` is a hint. */
  inclusion(txid: string, height: number, options?: CallOptions): Promise<InclusionClaim | null>;
  /** txid of the coinbase of the block at `height`. */
  coinbaseTxid(height: number, options?: CallOptions): Promise<string>;
  /** Whether an output is spent. `script` is the output's own script, for servers that search by script. */
  outspend(outpoint: Outpoint, script: Uint8Array, options?: CallOptions): Promise<Outspend>;
  /** Unspent outputs of a script, mempool included. */
  unspent(script: Uint8Array, options?: CallOptions): Promise<readonly UnspentOutput[]>;
  /** Fee rate in sat/vB for confirmation within `targetBlocks`. */
  feeRate(targetBlocks: number, options?: CallOptions): Promise<number>;
  /** Sends a raw transaction; resolves also when the server already has it. */
  broadcast(raw: Uint8Array, options?: CallOptions): Promise<void>;
  /**
   * Calls `onChange` when the server says that its tip or the history of one of the scripts changed: a hint without
   * data, of which nothing is believed. Resolves when the signal aborts; rejects when the server can tell no more.
   */
  watch?(scripts: readonly Uint8Array[], onChange: () => void, options?: CallOptions): Promise<void>;
}

/**
 * Where headers alone come from, for example a file. They count only where they fit what the chain sources serve, so it
 * may end early, be old or lie.
 */
export type HeaderSource = Pick<ChainSource, "label" | "headers">;

/** What lies at a path of section 10: a signed record, or an object under its hash. */
export type StoredKind = "record" | "object";

/** Bytes of a body from `start` up to but not including `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Options of a storage read. */
export interface StorageReadOptions extends CallOptions {
  /** Reading stops and fails with `NETWORK_TOO_LARGE` when the body has more bytes than this. */
  readonly maxBytes: number;
  /** `"record"`: bypass HTTP caches. `"object"`: may come from any cache, since its hash is known. */
  readonly kind: StoredKind;
  /**
   * These bytes alone; fewer, or none, where the body ends before. `maxBytes` then counts what is given, and the tag is
   * that of the whole. Refused with `STORAGE_UNSUPPORTED` where `ranges` is not true.
   */
  readonly range?: ByteRange | undefined;
}

/** What a provider's server holds at a path, with the tag for a conditional write where it has one. */
export interface StoredBytes {
  readonly bytes: Uint8Array;
  readonly tag: string | null;
}

/** A place that data is read from, by the paths of protocol section 10. */
export interface StorageReader {
  /** Short name for verdicts; never with credentials. */
  readonly label: string;
  /** Which kinds it keeps; it is neither asked for the other nor given it. Default: both. */
  readonly kinds?: readonly StoredKind[] | undefined;
  /** Whether `range` of a read is honoured. Default false. */
  readonly ranges?: boolean | undefined;
  /**
   * `null` means that the server said "absent"; anything else that is not the bytes throws. A place that is missing as
   * a whole, such as a bucket, is `STORAGE_GONE` and not absence.
   */
  read(path: string, options: StorageReadOptions): Promise<StoredBytes | null>;
  /** The public URL of a path, or null if this place has none. */
  urlOf(path: string): string | null;
  /** The public base URL for a profile's `storage`, or null. */
  readonly publicBaseUrl: string | null;
  /** Ends what it holds open, such as connections. Whoever made it calls this; readers and writers do not. */
  close?(): Promise<void>;
}

/** Condition of a write: create only, or replace what had `tag`. */
export type WriteCondition = { readonly ifAbsent: true } | { readonly ifTag: string };

/** Options of a storage write. */
export interface StorageWriteOptions extends CallOptions {
  readonly kind: StoredKind;
  /** Refused with `STORAGE_UNSUPPORTED` where `conditional` is false. */
  readonly condition?: WriteCondition;
}

/** `moved`: the condition did not hold and nothing was written. */
export type WriteOutcome = "stored" | "moved";

/** A place that data is written to. */
export interface StorageProvider extends StorageReader {
  /** Whether `condition` is atomic here. Fixed once `open` has resolved. */
  readonly conditional: boolean;
  /**
   * Finds out what the server can do, where that has to be asked. Called before the first write, and again where it
   * failed. Repeated calls ask once.
   */
  open?(options?: CallOptions): Promise<void>;
  /**
   * Resolves with `"stored"` once the whole body is there and a reader gets it, never a part of it. Errors:
   * `STORAGE_REFUSED` (no rights), `STORAGE_GONE`, `STORAGE_FULL`, `STORAGE_CLOCK_SKEW`, `STORAGE_UNSUPPORTED`, else
   * `NETWORK_*`. After any of these the old bytes or the new ones are there.
   */
  write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome>;
  /** Whether the bytes are gone afterwards, also where they were not there; false means that the provider keeps them. */
  remove(path: string, options?: CallOptions): Promise<boolean>;
}

/** Opens URLs that come out of profiles and routes (U1). Never sends credentials or cookies. */
export interface UrlReader {
  /** Whether it would open this URL at all; a URL that nobody opens is skipped. */
  opens(url: string): boolean;
  /** `null` means that the server said "absent". Throws `NETWORK_HOST_REFUSED` for places that are off limits. */
  readUrl(url: string, options: StorageReadOptions): Promise<Uint8Array | null>;
}

/** What an atomic update decides: the value to keep, or null to leave the entry as it is. */
export interface CacheChange<Result> {
  /** New bytes; null deletes; absent leaves the entry alone. */
  readonly value?: Uint8Array | null;
  readonly result: Result;
}

/**
 * Local memory of a reader or writer: floors, headers, operations, journal. Keys are 1 to 400 printable ASCII characters;
 * any other is `INPUT_INVALID`. Bytes that are given or returned are copied. `cacheContract` of `hawser/testing` tests it.
 * `update` is atomic against every other user of the same cache, other processes and tabs included, and resolves
 * only when the change is durable. Failures, and calls after `close`, throw `CACHE_UNAVAILABLE`; nothing is ever dropped
 * silently.
 */
export interface Cache {
  /** Whether entries outlive the process. */
  readonly durable: boolean;
  get(key: string): Promise<Uint8Array | null>;
  /** `change` must be pure: it may run more than once. */
  update<Result>(key: string, change: (current: Uint8Array | null) => CacheChange<Result>): Promise<Result>;
  /** Keys that begin with `prefix`, in byte order. */
  keys(prefix: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** An output script that a wallet can sign for. */
export interface WalletAccount {
  readonly kind: "p2wpkh" | "p2tr";
  /** scriptPubKey. */
  readonly script: Uint8Array;
  /** P2WPKH: the compressed public key. P2TR: the x-only internal key. */
  readonly publicKey: Uint8Array;
}

/** A PSBT (BIP174, version 0) to sign. */
export interface SignRequest {
  readonly psbt: Uint8Array;
  /** Inputs that this wallet is to sign. */
  readonly inputs: readonly number[];
  /** One line for the person who approves. */
  readonly description: string;
}

/** Signs transactions; keeps its keys to itself. */
export interface Wallet {
  /**
   * The network that it signs for: `mainnet`, `testnet4`, `signet` or `regtest`. A writer of another network refuses it
   * when it is built. Absent: it does not say.
   */
  readonly network?: string | undefined;
  /** The first account receives change and becomes the owner of new names, unless the caller chooses another. */
  accounts(): Promise<readonly WalletAccount[]>;
  /** Signed PSBTs in the order of the requests, finalised or not. Throws `WALLET_REFUSED` when the person declines. */
  signPsbts(requests: readonly SignRequest[]): Promise<readonly Uint8Array[]>;
}

/** Signs records with BIP340. */
export interface Signer {
  /** x-only, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** A 64-byte BIP340 signature over a 32-byte digest. */
  sign(digest: Uint8Array): Promise<Uint8Array> | Uint8Array;
}

/** What a long call tells while it runs. */
export interface ProgressEvent {
  /**
   * A closed list of words, for example `headers`, `name`, `profile`, `record`, `store`, `sign`, `broadcast`, `wait`,
   * `audit`, `mirror`.
   */
  readonly stage: string;
  /** One short sentence for a person. */
  readonly message: string;
  /** How many of `total` are done, where that is known. */
  readonly done?: number | undefined;
  readonly total?: number | undefined;
}
