import { memoryCache } from "../../../../src/cache/memory.js";
import { esplora } from "../../../../src/chain/sources/esplora.js";
import { parseTransaction, type Transaction, type TransactionOutput } from "../../../../src/chain/transaction.js";
import { checkedCache } from "../../../../src/client/checked-cache.js";
import { Journal, type JournalEntry } from "../../../../src/client/write/journal.js";
import { abortedError, throwIfAborted } from "../../../../src/deadline.js";
import { type Devnet, type DevnetOptions, startDevnet } from "../../../../src/devnet/index.js";
import { createReader, type Reader, type ReaderOptions } from "../../../../src/index.js";
import { kindOf } from "../../../../src/name/pending.js";
import { checkSigned } from "../../../../src/plan/check-signed.js";
import { createCoin } from "../../../../src/plan/coin-selection.js";
import { createPsbt } from "../../../../src/plan/psbt.js";
import type {
  Cache,
  ChainSource,
  Clock,
  Outpoint,
  Random,
  Signer,
  StorageProvider,
  Wallet,
  WalletAccount,
} from "../../../../src/ports.js";
import { systemRandom } from "../../../../src/runtime/random.js";
import { http } from "../../../../src/storage/http.js";
import { createPrivateKey, privateKeySigner, privateKeyWallet } from "../../../../src/wallet/private-key.js";
import { createWriter, type Writer, type WriterOptions } from "../../../../src/writer.js";
import { copyHeaders, withHeadersOf } from "./headers-cache.js";

/** ms - what every writer here waits between two looks; no other delay has this length. */
export const POLL_MS = 7_001;
const MOST_POLLS = 300;

/**
 * A clock of which only the writer's own waits end: each at once, POLL_MS later, after `onPoll`. Deadlines never pass.
 */
export class PollClock implements Clock {
  #nowMs = Date.now();
  #polls = 0;
  /** What happens in the world while a writer waits. */
  onPoll: () => unknown = () => undefined;

  nowMs(): number {
    return this.#nowMs;
  }

  get polls(): number {
    return this.#polls;
  }

  async delay(ms: number, signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal, "delay");
    if (ms === 0) return new Promise((resolve) => setImmediate(resolve));
    if (ms !== POLL_MS) return never(signal);
    this.#polls++;
    if (this.#polls > MOST_POLLS) throw new Error("the writer waits for ever");
    this.#nowMs += ms;
    await this.onPoll();
    await new Promise((resolve) => setImmediate(resolve));
    throwIfAborted(signal, "delay");
  }
}

function never(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => {
      reject(abortedError("delay", signal.reason));
    });
  });
}

/** A call of the writer to something outside. */
export interface Call {
  readonly port: "cache" | "source" | "store" | "wallet" | "signer" | "clock";
  readonly method: string;
  readonly args: readonly unknown[];
  /** Which of several sources or stores. */
  readonly label: string | undefined;
}

/** Stands between a writer and the world: runs a call, alters its answer, or throws. */
export type Gate = (call: Call, run: () => Promise<unknown>) => Promise<unknown>;

const METHODS = {
  cache: ["get", "update", "keys"],
  source: [
    "tip",
    "headers",
    "history",
    "transaction",
    "inclusion",
    "coinbaseTxid",
    "outspend",
    "unspent",
    "feeRate",
    "broadcast",
  ],
  store: ["read", "write", "remove"],
  wallet: ["accounts", "signPsbts"],
  signer: ["sign"],
  clock: ["delay"],
} as const;

/** The same port with every call through a gate. */
function gated<T extends object>(port: Call["port"], target: T, gate: Gate | undefined): T {
  if (gate === undefined) return target;
  const methods: readonly PropertyKey[] = METHODS[port];
  const label = "label" in target && typeof target.label === "string" ? target.label : undefined;
  return new Proxy(target, {
    get: (_, property) => {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== "function") return value;
      const method = value.bind(target) as (...args: unknown[]) => unknown;
      if (!methods.includes(property)) return method;
      return async (...args: unknown[]) =>
        gate({ port, method: String(property), args, label }, async () => method(...args));
    },
  });
}

/** Whether a call changes something outside the writer: between two such calls a death is one and the same. */
function isEffect({ port, method }: Call): boolean {
  const methods = ["update", "write", "remove", "broadcast"];
  return methods.includes(method) || port === "wallet" || port === "signer";
}

/**
 * How a run is disturbed at its n-th call. `before` and `after`: the process dies there, with the effect not yet or
 * already in the world. `lost`: the effect takes place, its answer is lost and the run goes on. `glitch`: the call, of
 * whatever sort, fails and the run goes on. All but `glitch` count effects only.
 */
export type FaultMode = "before" | "after" | "lost" | "glitch";

export const faultModes: readonly FaultMode[] = ["before", "after", "lost", "glitch"];

/** Disturbs one run at one call. */
export class Fault {
  /** Whether the run came that far, and what it was about to do. */
  struck: string | null = null;
  #calls = 0;
  readonly #mode: FaultMode;
  readonly #at: number | string;

  /** @param at - which call, from 1 on; or its name, such as `source.broadcast`, for the first of that name */
  constructor(mode: FaultMode, at: number | string) {
    this.#mode = mode;
    this.#at = at;
  }

  readonly gate: Gate = async (call, run) => {
    const dies = this.#mode === "before" || this.#mode === "after";
    if (this.struck !== null && dies) throw new Error("dead");
    const counts = call.port !== "clock" && (this.#mode === "glitch" || isEffect(call));
    if (counts) this.#calls++;
    const name = `${call.port}.${call.method}`;
    const isIt = typeof this.#at === "number" ? this.#calls === this.#at : name === this.#at;
    if (!counts || !isIt || this.struck !== null) return run();
    this.struck = `${this.#mode} ${name}`;
    if (this.#mode === "after" || this.#mode === "lost") await run();
    throw new Error(this.struck);
  };
}

/** A gate that writes down what passes it. */
export class Recorder {
  readonly calls: Call[] = [];

  readonly gate: Gate = async (call, run) => {
    if (call.port !== "clock") this.calls.push(call);
    return run();
  };

  /** How many calls there were, such as `source.broadcast`. */
  count(name: string): number {
    return this.calls.filter(({ port, method }) => `${port}.${method}` === name).length;
  }

  /** What was changed outside: nothing but headers and operations that every read keeps. */
  get effects(): readonly string[] {
    return this.calls
      .filter((call) => isEffect(call) && call.method !== "accounts")
      .map(({ port, method, args }) => (port === "cache" ? `cache ${String(args[0])}` : `${port}.${method}`))
      .filter((name) => !/^cache (?:headers|name|object)\//.test(name));
  }
}

/** Gates one within the other, the first outermost. */
export function through(...gates: readonly Gate[]): Gate {
  return (call, run) => gates.reduceRight<() => Promise<unknown>>((inner, gate) => () => gate(call, inner), run)();
}

/** Replaces what one method answers. */
export function answering(name: string, answer: (run: () => Promise<unknown>, call: Call) => unknown): Gate {
  return async (call, run) => (`${call.port}.${call.method}` === name ? answer(run, call) : run());
}

/** A gate for one source or store alone. */
export function onlyFor(place: { readonly label: string } | undefined, gate: Gate): Gate {
  return (call, run) => (call.label === place?.label ? gate(call, run) : run());
}

/** Repeats a run with a fault at its first call, its second, and so on until it ends undisturbed; gives their number. */
export async function atEveryCall(
  mode: FaultMode,
  run: (fault: Fault, at: number) => Promise<void>,
): Promise<readonly string[]> {
  const struck: string[] = [];
  for (let at = 1; ; at++) {
    const fault = new Fault(mode, at);
    try {
      await run(fault, at);
    } catch (error) {
      throw new Error(`call ${at}: ${fault.struck ?? "undisturbed"}`, { cause: error });
    }
    if (fault.struck === null) return struck;
    struck.push(fault.struck);
  }
}

/** What a program is made of that an author starts. */
export interface ProgramOptions {
  readonly gate?: Gate | undefined;
  readonly cache?: Cache | undefined;
  readonly sources?: readonly ChainSource[] | undefined;
  readonly storage?: readonly StorageProvider[] | undefined;
  readonly wallet?: Wallet | null | undefined;
  readonly signer?: Signer | null | undefined;
  readonly random?: Random | undefined;
  readonly required?: number | undefined;
  readonly isReferenced?: WriterOptions["isReferenced"];
  readonly reader?: Partial<ReaderOptions> | undefined;
}

/** A running program: a reader and the writer over it. */
export interface Program {
  readonly reader: Reader;
  readonly writer: Writer;
}

/** Somebody with a key, coins and a cache that outlives their programs. */
export class Author {
  readonly cache: Cache = memoryCache();
  readonly wallet: Wallet;
  readonly signer: Signer;
  readonly accounts: readonly WalletAccount[];
  readonly #world: WriteWorld;
  readonly #privateKey: Uint8Array;

  constructor(world: WriteWorld, privateKey: Uint8Array, wallet: Wallet, accounts: readonly WalletAccount[]) {
    this.#world = world;
    this.#privateKey = privateKey;
    this.wallet = wallet;
    this.accounts = accounts;
    this.signer = privateKeySigner({ privateKey, random: systemRandom });
  }

  /** Another device of the same person: the same key, and a cache of its own. */
  onAnotherDevice(): Author {
    return new Author(this.#world, this.#privateKey, this.wallet, this.accounts);
  }

  get account(): WalletAccount {
    const [account] = this.accounts;
    if (account === undefined) throw new Error("no account");
    return account;
  }

  /** Starts a program. Each has its own reader, as after a restart. */
  start(options: ProgramOptions = {}): Program {
    const world = this.#world;
    const { gate, wallet = this.wallet, signer = this.signer } = options;
    const cache = gated("cache", options.cache ?? this.cache, gate);
    const sources = (options.sources ?? world.sources).map((source) => gated("source", source, gate));
    const storage = (options.storage ?? world.stores).map((store) => gated("store", store, gate));
    const reader = createReader({
      network: "regtest",
      sources,
      storage,
      cache,
      clock: gated<Clock>("clock", world.clock, gate),
      allowHosts: world.devnet.readerOptions().allowHosts,
      ...options.reader,
    });
    const writer = createWriter({
      reader,
      storage,
      wallet: wallet === null ? undefined : gated("wallet", wallet, gate),
      signer: signer === null ? undefined : gated("signer", signer, gate),
      pollIntervalMs: POLL_MS,
      random: options.random,
      required: options.required,
      isReferenced: options.isReferenced,
    });
    return { reader, writer };
  }

  get writer(): Writer {
    return this.start().writer;
  }

  /** Signs a transaction of these outputs, paid by these outputs of this author's first account, and sends it. */
  async spend(
    spent: readonly Outpoint[],
    outputs: readonly TransactionOutput[],
  ): Promise<{ readonly txid: string; readonly raw: Uint8Array }> {
    const inputs = await Promise.all(
      spent.map(async ({ txid, vout }) => createCoin(await this.#world.transaction(txid), vout, this.account)),
    );
    const { psbt } = createPsbt(inputs, outputs);
    const [signed = new Uint8Array()] = await this.wallet.signPsbts([
      { psbt, inputs: spent.map((_, index) => index), description: "plain" },
    ]);
    const { raw, txid } = checkSigned({ psbt }, signed);
    await this.#world.devnet.submit(raw);
    return { txid, raw };
  }

  /** The seal of a name as a new reader finds it. */
  async seal(name: string): Promise<Outpoint> {
    const { txid } = (await this.transactions()).filter(({ kind }) => kind !== "preorder").at(-1) ?? {};
    if (txid === undefined) throw new Error(`${name} has no operation`);
    return { txid, vout: 1 };
  }

  journal(name?: string): Promise<readonly JournalEntry[]> {
    return new Journal(checkedCache(this.cache), "regtest").entries(name);
  }

  /** Every transaction of this author, mined or not, oldest first; the payments of the faucet are left out. */
  async transactions(): Promise<readonly Sent[]> {
    const scripts = this.accounts.map(({ script }) => script);
    return (await this.#world.history(scripts)).filter(({ kind }) => kind !== null);
  }

  /** How many operations of each kind this author has sent. */
  async count(kind: string): Promise<number> {
    return (await this.transactions()).filter((sent) => sent.kind === kind).length;
  }
}

/** A transaction as the chain shows it. */
export interface Sent {
  readonly txid: string;
  readonly kind: string | null;
  readonly height: number | null;
  readonly tx: Transaction;
}

/** A devnet and what a test sees of it beside the writers. */
export class WriteWorld implements AsyncDisposable {
  readonly devnet: Devnet;
  readonly clock = new PollClock();
  readonly sources: readonly ChainSource[];
  readonly stores: readonly StorageProvider[];
  readonly #headers = memoryCache();
  /** By txid, as far as histories showed them. */
  readonly #transactions = new Map<string, Transaction>();

  private constructor(devnet: Devnet) {
    this.devnet = devnet;
    this.sources = devnet.sourceUrls.map((url) => esplora(url));
    this.stores = devnet.storeUrls.map((url) => http(url, { writable: true, conditional: true }));
  }

  static async start(options: DevnetOptions = {}): Promise<WriteWorld> {
    return new WriteWorld(await startDevnet(options));
  }

  get source(): ChainSource {
    const [source] = this.sources;
    if (source === undefined) throw new Error("no source");
    return source;
  }

  get store(): StorageProvider {
    const [store] = this.stores;
    if (store === undefined) throw new Error("no store");
    return store;
  }

  /** A new author with one confirmed coin for each value, on their first account. */
  async author(...valuesSats: readonly bigint[]): Promise<Author> {
    const privateKey = createPrivateKey(systemRandom);
    const wallet = privateKeyWallet({ privateKey, network: "regtest", random: systemRandom });
    const author = new Author(this, privateKey, wallet, await wallet.accounts());
    for (const value of valuesSats.length === 0 ? [1_000_000n] : valuesSats) {
      await this.devnet.faucet(author.account.script, value);
    }
    return author;
  }

  /** Gives an author the headers that this world's readers know, as if a program of the author's had run before. */
  async showHeaders({ cache }: Author): Promise<void> {
    await copyHeaders(this.#headers, cache);
  }

  /** A reader that knows nothing yet but the headers. */
  reader(options: Partial<ReaderOptions> = {}): Reader {
    const cache = withHeadersOf(this.#headers);
    return createReader({ ...this.devnet.readerOptions({ cache }), clock: this.clock, ...options });
  }

  /** Mines a block whenever a writer waits. */
  mineOnPoll(): void {
    this.clock.onPoll = () => this.devnet.mine(1);
  }

  async transaction(txid: string): Promise<Transaction> {
    const raw = await this.source.transaction(txid);
    if (raw === null) throw new Error(`${txid} is not there`);
    return parseTransaction(raw);
  }

  /** Fee of a transaction, in sat. */
  async fee(tx: Transaction): Promise<bigint> {
    let fee = 0n;
    for (const { outpoint } of tx.inputs) fee += await this.value(outpoint);
    for (const { valueSats } of tx.outputs) fee -= valueSats;
    return fee;
  }

  async value({ txid, vout }: Outpoint): Promise<bigint> {
    return (await this.transaction(txid)).outputs[vout]?.valueSats ?? 0n;
  }

  /** Every transaction that touches one of these scripts. */
  async history(scripts: readonly Uint8Array[]): Promise<readonly Sent[]> {
    const found = new Map<string, Sent>();
    for (const script of scripts) {
      for (const { txid, height } of await this.source.history(script)) {
        const tx = this.#transactions.get(txid) ?? (await this.transaction(txid));
        this.#transactions.set(txid, tx);
        found.set(txid, { txid, height, tx, kind: kindOf(tx) });
      }
    }
    return [...found.values()].sort((a, b) => (a.height ?? Infinity) - (b.height ?? Infinity));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.devnet.close();
  }
}
