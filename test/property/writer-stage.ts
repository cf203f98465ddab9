import { expect } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { memoryCache } from "../../src/cache/memory.js";
import { isHawserError } from "../../src/errors.js";
import type { Reader } from "../../src/index.js";
import { parseRecord } from "../../src/mutable/record.js";
import type { StoredBytes } from "../../src/ports.js";
import type { OperationHandle, Writer } from "../../src/writer.js";
import { type Author, Fault, type FaultMode, type Gate, through, WriteWorld } from "../unit/client/write/world.js";
import { type Attempt, isBelow, NameModel, type Version } from "./writer-model.js";

const NAME = "alice";

/** How a provider fails: writes refused, done but not confirmed, nothing at all; reads cut short or of the time before. */
export type StoreFault = "refuse" | "lose" | "down" | "truncate" | "lag";

/** Where a program is disturbed, and how, as a `Fault` takes it. */
export interface Disturbance {
  readonly mode: FaultMode;
  readonly at: number | string;
}

/** What one call changes. */
export interface Change {
  readonly key: string;
  /** Null for a delete. */
  readonly value: string | null;
}

/**
 * Two devices of one owner, three providers of which at most one fails at a time, and readers; beside them the model of
 * what the owner was told. Two providers must hold what counts as written, so one that works has the newest of it.
 */
export class Stage {
  readonly world: WriteWorld;
  readonly model = new NameModel();
  readonly devices: readonly Author[];
  fault: { readonly store: number; readonly how: StoreFault } | null = null;
  /** How many reads gave data, gave proof of absence, or failed. */
  readonly tally = { data: 0, absent: 0, failed: 0 };
  readonly #before = new Map<string, StoredBytes | null>();
  readonly #seen = new Map<string, Version>();
  readonly #warmCache = memoryCache();
  #isReplaying = false;
  #serial = 0;

  private constructor(world: WriteWorld, author: Author) {
    this.world = world;
    this.devices = [author, author.onAnotherDevice()];
  }

  static async start(): Promise<Stage> {
    const world = await WriteWorld.start({ mine: "manual", stores: 3 });
    world.mineOnPoll();
    const author = await world.author(5_000_000n);
    await author.writer.registerName(NAME);
    return new Stage(world, author);
  }

  async close(): Promise<void> {
    await this.world.devnet.close();
  }

  /** Data that no other try of this history has, so that a read tells which one it saw. */
  fresh(what: string): string {
    return `${what} ${++this.#serial}`;
  }

  /** Runs a call of a fresh program of a device and tells the model what became of it. */
  async write(
    device: number,
    changes: readonly Change[],
    disturbance: Disturbance | null,
    run: (writer: Writer) => Promise<OperationHandle>,
  ): Promise<void> {
    const author = this.#device(device);
    const attempts = changes.map(({ key, value }) => this.model.begin(key, device, value));
    const pendingBefore = new Set(await this.#pendingOperations(author));
    const witness = this.#witness(device, attempts);
    const { writer } = this.#start(author, disturbance, witness);
    try {
      const { txids } = await run(writer);
      // A record under a route that is still to be mined is readable once it is.
      await this.world.devnet.mine(1);
      for (const attempt of attempts) this.model.acknowledge(attempt, txids.length > 0);
    } catch (error) {
      assertHonest(error);
      const [operation = null] = (await this.#pendingOperations(author)).filter((id) => !pendingBefore.has(id));
      for (const attempt of attempts) {
        attempt.operation = operation;
        if (witness.hasSigned) this.model.leaveOpen(attempt);
      }
    }
  }

  async resume(device: number, waitFor: "broadcast" | "depth", disturbance: Disturbance | null): Promise<void> {
    const { writer } = this.#start(this.#device(device), disturbance, this.#witness(device));
    try {
      for (const { id, kind, outcome, affectedIds, error } of await writer.resume({ waitFor })) {
        if (error !== null) assertHonest(error);
        if (outcome !== "done" || kind === "remove") continue;
        const open = this.model.openOf(device);
        const done =
          kind === "record" ? recordOf(open, affectedIds[0]) : open.filter(({ operation }) => operation === id);
        for (const attempt of done) this.model.acknowledgeLate(attempt);
      }
    } catch (error) {
      assertHonest(error);
    }
  }

  /** With every provider back, nothing is lost and nothing stays under way. */
  async end(): Promise<void> {
    this.fault = null;
    // W4: what lost to an operation of the other device that is not mined yet is given up only once it is.
    for (const at of [0, 1, 0, 1]) await this.resume(at, "depth", null);
    await this.check();
    for (const { writer } of this.devices) {
      const left = (await writer.resume()).filter(({ outcome }) => outcome !== "interrupted");
      expect(left).toEqual([]);
    }
  }

  /** Reads everything with the writer's own readers, one that follows the name, and one that knows nothing. */
  async check(): Promise<void> {
    const own = this.devices.map((author) => ({ author, cache: author.cache }));
    const [author] = this.devices;
    if (author === undefined) throw new Error("no device");
    const places = [...own, { author, cache: this.#warmCache }, { author, cache: memoryCache() }];
    await this.#checkReplay();
    for (const [at, place] of places.entries()) {
      const { reader } = place.author.start({ cache: place.cache, gate: this.#storeGate, wallet: null });
      for (const key of this.model.keys) await this.#checkKey(reader, at, key);
    }
  }

  /** M5, M7: who was told that a record is written is shown nothing older, not even by all providers together. */
  async #checkReplay(): Promise<void> {
    this.#isReplaying = true;
    for (const key of this.model.keys) {
      const told = this.model.toldTo(key);
      if (told === null || !key.startsWith("m:")) continue;
      const { reader } = this.#device(told).start({ gate: this.#storeGate, wallet: null });
      await this.#checkKey(reader, told, key, true);
    }
    this.#isReplaying = false;
  }

  async #checkKey(reader: Reader, at: number, key: string, mayFail = false): Promise<void> {
    let got: string | null;
    try {
      const found = await readKey(reader, key);
      got = found.value;
      if (found.version !== null) this.#assertForward(`${at} ${key}`, found.version);
    } catch (error) {
      assertHonest(error);
      if (mayFail) return;
      this.tally.failed++;
      // With one answer and nobody failing there is nothing that could stand in the way.
      if (this.fault === null && this.model.isQuiet(key)) throw error;
      return;
    }
    this.tally[got === null ? "absent" : "data"]++;
    const allowed = this.model.allowed(key);
    if (!allowed.has(got)) expect({ key, reader: at, got }).toEqual({ key, reader: at, got: [...allowed] });
  }

  /** M5: what one cache has seen is never followed by less, but for a life that ended. */
  #assertForward(place: string, version: Version): void {
    const last = this.#seen.get(place);
    if (last !== undefined && isBelow(version, last)) expect({ place, version }).toEqual({ place, version: last });
    this.#seen.set(place, version);
  }

  #device(device: number): Author {
    const author = this.devices[device];
    if (author === undefined) throw new Error("no such device");
    return author;
  }

  /** A program of a device also goes on with what an earlier one left behind. */
  #witness(device: number, attempts: readonly Attempt[] = []): Witness {
    return new Witness([...attempts, ...this.model.openOf(device)]);
  }

  #start(author: Author, disturbance: Disturbance | null, witness: Witness) {
    const gates = [witness.gate, this.#storeGate];
    if (disturbance !== null) gates.unshift(new Fault(disturbance.mode, disturbance.at).gate);
    return author.start({ gate: through(...gates), required: 2 });
  }

  async #pendingOperations(author: Author): Promise<readonly string[]> {
    return (await author.journal(NAME)).map(({ id }) => id);
  }

  readonly #storeGate: Gate = async (call, run) => {
    if (call.port !== "store") return run();
    const { label, method, args } = call;
    const at = this.world.stores.findIndex((store) => store.label === label);
    const isReplayed = this.#isReplaying && String(args[0]).startsWith("records/");
    const how = isReplayed ? "lag" : this.fault?.store === at ? this.fault.how : null;
    if (how === "down" || (how === "refuse" && method !== "read")) throw new Error(how);
    const place = `${at} ${String(args[0])}`;
    if (method === "write") {
      const store = this.world.stores[at];
      const before = (await store?.read(String(args[0]), { kind: "record", maxBytes: 2_000_000 })) ?? null;
      const answer = await run();
      this.#before.set(place, before);
      if (how === "lose") throw new Error("lost");
      return answer;
    }
    const answer = await run();
    if (how === "lose" && method === "remove") throw new Error("lost");
    if (method !== "read") return answer;
    if (how === "lag" && this.#before.has(place)) return this.#before.get(place);
    const stored = answer as StoredBytes | null;
    if (how !== "truncate" || stored === null) return stored;
    return { ...stored, bytes: stored.bytes.slice(0, stored.bytes.length >> 1) };
  };
}

/** Sees what leaves a program: whether anything was signed, and under which version records were stored. */
class Witness {
  hasSigned = false;
  readonly #attempts: readonly Attempt[];

  constructor(attempts: readonly Attempt[]) {
    this.#attempts = attempts;
  }

  readonly gate: Gate = async ({ method, args }, run) => {
    if (method === "sign" || method === "signPsbts") this.hasSigned = true;
    const [, id, epoch] = /^records\/regtest\/alice\/(.*)@(\d+)\.json$/.exec(String(args[0])) ?? [];
    if (method === "write" && id !== undefined) {
      const { ver, data } = parseRecord(args[1] as Uint8Array);
      const attempt = this.#attempts.find(({ key, value }) => key === `m:${id}` && value === text(data));
      if (attempt !== undefined) attempt.version = { epoch: Number(epoch), ver };
    }
    return run();
  };
}

async function readKey(
  reader: Reader,
  key: string,
): Promise<{ readonly value: string | null; readonly version: Version | null }> {
  const rest = key.slice(2);
  if (key.startsWith("i:")) {
    const read = await reader.getImmutable(NAME, rest);
    return { value: read.found ? text(read.data) : null, version: null };
  }
  const read = await reader.getMutable(NAME, rest);
  if (!read.found) return { value: null, version: null };
  return { value: text(read.data), version: { epoch: read.route.epoch, ver: read.ver } };
}

/** The try that a resumed record is of: the newest one that could have been kept. */
function recordOf(open: readonly Attempt[], key: string | undefined): readonly Attempt[] {
  return open.filter((attempt) => attempt.key === key && attempt.value !== null).slice(-1);
}

/** Whatever fails, the caller is told so in the library's own words, and nothing of it is its own fault. */
function assertHonest(error: unknown): void {
  if (
    isHawserError(error) ? error.outcome !== "bug" : /^(?:dead|before|after|lost|glitch)/.test((error as Error).message)
  )
    return;
  throw error;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Data that no other try has. */
export function dataOf(value: string): Uint8Array {
  return utf8(value);
}
