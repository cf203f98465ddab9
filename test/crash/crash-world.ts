import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect } from "vitest";
import { decodeHex } from "../../src/bytes/hex.js";
import { lmdbCache } from "../../src/cache/lmdb.js";
import { memoryCache } from "../../src/cache/memory.js";
import { networks } from "../../src/chain/network.js";
import { parseTransaction, type Transaction } from "../../src/chain/transaction.js";
import { exportFloors } from "../../src/client/floors.js";
import { type Devnet, type DevnetOptions, startDevnet } from "../../src/devnet/index.js";
import { createReader, type Reader } from "../../src/index.js";
import { compareVersion } from "../../src/mutable/floor.js";
import { decodeFloors, type PlacedFloor } from "../../src/mutable/floor-list.js";
import { kindOf } from "../../src/name/pending.js";
import { systemRandom } from "../../src/runtime/random.js";
import { http } from "../../src/storage/http.js";
import {
  createPrivateKey,
  encodeKeyFile,
  type PrivateKeyWallet,
  privateKeySigner,
  privateKeyWallet,
} from "../../src/wallet/private-key.js";
import { createWriter, type Writer } from "../../src/writer.js";
import { buildProgram, runCli } from "../package/run-cli.js";
import { withHeadersOf } from "../unit/client/write/headers-cache.js";
import { POLL_MS, PollClock } from "../unit/client/write/world.js";

const hook = fileURLToPath(new URL("kill-hook.mjs", import.meta.url));
const FUNDS_SATS = 1_000_000_000n;

/** How a run of the program ended. */
export interface Run {
  /** Where it was killed, such as `after PUT /objects`; null where it ended by itself. */
  readonly killedAt: string | null;
  readonly exitCode: number | null;
  /** The document that it printed, whole; null where there is none, or one of an error. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- documents have many shapes
  readonly document: any;
  readonly stderr: string;
  /** How many boundaries it passed. */
  readonly boundaries: number;
}

/** The options of a run. */
export interface RunOptions {
  /** At which of its boundaries it is killed, from 1 on; by default nowhere. */
  readonly at?: number | undefined;
  readonly input?: string | undefined;
}

interface LogLine {
  readonly when?: string;
  readonly effect?: string;
  readonly dies?: boolean;
  /** Hex of a transaction that was sent. */
  readonly raw?: string;
}

/** Somebody with coins, a key file and a cache, who runs the program. */
export class Person {
  /** Every transaction that any run ever sent, by its bytes with witness. */
  readonly sent = new Map<string, Transaction>();
  readonly #devnet: Devnet;
  readonly #directory: string;
  readonly #privateKey = createPrivateKey(systemRandom);

  private constructor(devnet: Devnet, directory: string) {
    this.#devnet = devnet;
    this.#directory = directory;
  }

  static async create(devnet: Devnet): Promise<Person> {
    const person = new Person(devnet, mkdtempSync(join(tmpdir(), "hawser-crash-")));
    const keyFile = encodeKeyFile({ privateKey: person.#privateKey, network: "regtest" });
    writeFileSync(person.#file("key"), keyFile, { mode: 0o600 });
    const [account] = await person.#wallet().accounts();
    if (account === undefined) throw new Error("no account");
    await devnet.faucet(account.script, FUNDS_SATS);
    return person;
  }

  #wallet(): PrivateKeyWallet {
    return privateKeyWallet({ privateKey: this.#privateKey, network: "regtest", random: systemRandom });
  }

  #file(name: string): string {
    return join(this.#directory, name);
  }

  /** Makes a file for the program to read, and gives its path. */
  write(name: string, data: string): string {
    writeFileSync(this.#file(name), data);
    return this.#file(name);
  }

  /** Runs the program. */
  async run(args: readonly string[], { at, input }: RunOptions = {}): Promise<Run> {
    const log = this.#file("log");
    writeFileSync(log, "");
    const { sourceUrls, storeUrls } = this.#devnet;
    const env = {
      HAWSER_NETWORK: "regtest",
      HAWSER_SOURCES: sourceUrls.join(","),
      HAWSER_WRITE_STORES: storeUrls.join(","),
      HAWSER_CACHE: this.#file("cache"),
      HAWSER_KEY_FILE: this.#file("key"),
      HAWSER_CRASH_LOG: log,
      HAWSER_CRASH_AT: String(at ?? 0),
      NODE_OPTIONS: `--import=${hook}`,
    };
    const { exitCode, text, stderr } = await runCli([...args, "--json"], { env, input: input ?? "" });
    const lines = readFileSync(log, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line): LogLine => JSON.parse(line));
    for (const { raw } of lines) if (raw !== undefined) this.sent.set(raw, parseTransaction(decodeHex(raw)));
    const death = lines.find(({ dies }) => dies === true);
    return {
      killedAt: death === undefined ? null : `${death.when} ${death.effect}`,
      exitCode,
      document: text.endsWith("\n") && exitCode !== 2 ? documentOf(text) : null,
      stderr,
      boundaries: lines.filter(({ when }) => when !== undefined).length,
    };
  }

  /** Runs it undisturbed, and expects that it does what it was told. */
  async succeed(args: readonly string[], options: { readonly input?: string | undefined } = {}): Promise<Run> {
    const run = await this.run(args, options);
    expect(run.exitCode, run.stderr).toBe(0);
    return run;
  }

  /** Registers a name in this process. */
  async register(name: string): Promise<void> {
    await this.writing((writer) => writer.registerName(name));
  }

  /** Writes in this process, on a devnet that mines a block whenever the writer waits for one. */
  async writing(write: (writer: Writer) => Promise<unknown>): Promise<void> {
    const clock = new PollClock();
    clock.onPoll = () => this.#devnet.mine(1);
    const cache = lmdbCache(this.#file("cache"));
    const reader = createReader({ ...this.#devnet.readerOptions({ cache }), clock });
    const storage = this.#devnet.storeUrls.map((url) => http(url, { writable: true }));
    const signer = privateKeySigner({ privateKey: this.#privateKey, random: systemRandom });
    const writer = createWriter({ reader, storage, wallet: this.#wallet(), signer, pollIntervalMs: POLL_MS });
    await write(writer);
    await reader.close();
  }

  /** Has the person's cache know what there is of a name, as after a round: a run then begins as in any other round. */
  async look(name: string): Promise<void> {
    await this.reading((reader) => reader.getProfile(name));
  }

  /** Reads with the cache of this person's program. */
  async reading<T>(read: (reader: Reader) => Promise<T>): Promise<T> {
    const reader = createReader(this.#devnet.readerOptions({ cache: lmdbCache(this.#file("cache")) }));
    try {
      return await read(reader);
    } finally {
      await reader.close();
    }
  }

  async floors(): Promise<readonly PlacedFloor[]> {
    return decodeFloors(networks.regtest, await this.reading(exportFloors));
  }

  /** How many transactions of each kind were sent, by their bytes. */
  sentKinds(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const tx of this.sent.values()) {
      const kind = kindOf(tx) ?? "none";
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    return counts;
  }

  /** The txids of what was sent of a kind. */
  txidsOf(kind: string): readonly string[] {
    return [...this.sent.values()].filter((tx) => kindOf(tx) === kind).map(({ txid }) => txid);
  }

  /** No coin, and so no seal, is spent by two of them: the same bytes each time (W2). */
  expectNothingSpentTwice(): void {
    const spent = [...this.sent.values()].flatMap(({ inputs }) =>
      inputs.map(({ outpoint }) => `${outpoint.txid}:${outpoint.vout}`),
    );
    expect(new Set(spent).size).toBe(spent.length);
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- documents have many shapes
function documentOf(text: string): any {
  const document = JSON.parse(text);
  return "error" in document ? null : document;
}

/** M7: every floor of before is there, and none is lower. */
export function expectNotLowered(before: readonly PlacedFloor[], after: readonly PlacedFloor[]): void {
  for (const { name, tenure, id, floor } of before) {
    const now = after.find((other) => other.name === name && other.tenure === tenure && other.id === id);
    if (now === undefined) throw new Error(`the floor of ${name}/${id} is gone`);
    expect(compareVersion(now.floor, floor), `floor of ${name}/${id}`).toBeGreaterThanOrEqual(0);
  }
}

/** A devnet and a person with coins, for one test file. */
export interface CrashWorld {
  readonly devnet: Devnet;
  readonly person: Person;
  /** A reader that knows nothing but the headers. */
  fresh(): Reader;
}

/** Builds the program and starts the devnet before the tests of a file, and stops it after them. */
export function useCrashWorld(options: DevnetOptions = {}): CrashWorld {
  let parts: { readonly devnet: Devnet; readonly person: Person } | null = null;
  const headers = memoryCache();
  const running = () => {
    if (parts === null) throw new Error("the devnet runs in tests only");
    return parts;
  };
  beforeAll(async () => {
    buildProgram();
    const devnet = await startDevnet({ sources: 2, stores: 2, ...options });
    parts = { devnet, person: await Person.create(devnet) };
  });
  afterAll(async () => {
    parts?.person.remove();
    await parts?.devnet.close();
  });
  return {
    get devnet() {
      return running().devnet;
    },
    get person() {
      return running().person;
    },
    fresh: () => createReader(running().devnet.readerOptions({ cache: withHeadersOf(headers) })),
  };
}
