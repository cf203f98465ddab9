import { throwIfAborted } from "../deadline.js";
import { type Attempt, HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Clock, StorageProvider } from "../ports.js";
import { attemptOfAnything, type FetchOptions, fetchOne } from "../route/fetch.js";
import { openProvider, writeOnce } from "../route/provider-writes.js";
import { providerReplica, type Replica } from "../route/replicas.js";
import { type JudgedObject, judgeObject } from "./audit-object.js";
import type { MirrorCount, MirrorOutcome } from "./mirrored.js";

/** A provider that is to hold everything, and what became of that so far. */
export class MirrorTarget {
  readonly provider: StorageProvider;
  readonly #clock: Clock;
  readonly #counts = { stored: 0, held: 0, moved: 0, failed: 0, unavailable: 0, bytes: 0 };
  #failuresInARow = 0;
  #lost: Attempt | null = null;

  constructor(provider: StorageProvider, clock: Clock) {
    this.provider = provider;
    this.#clock = clock;
  }

  get label(): string {
    return this.provider.label;
  }

  get counts(): MirrorCount {
    return { label: this.label, ...this.#counts };
  }

  /** Why it is not asked any more: it could not be opened, or failed too often in a row. Null as long as it is. */
  get lost(): Attempt | null {
    return this.#lost;
  }

  /** Finds out what it can do. @throws NETWORK_ABORTED */
  async open(signal: AbortSignal | undefined): Promise<void> {
    try {
      await openProvider(this.provider, { clock: this.#clock, signal });
    } catch (error) {
      throwIfAborted(signal, "The mirror");
      this.#lost = attemptOfAnything(this.label, error);
    }
  }

  /** The provider as a replica of a path. */
  replica(path: string): Replica {
    return providerReplica(this.provider, path);
  }

  /** What it holds of an object. */
  async look(path: string, hash: string, fetch: FetchOptions): Promise<JudgedObject> {
    return judgeObject(await fetchOne(this.replica(path), fetch), hash);
  }

  /** Stores an object. That it said so is not enough: what it then gives back counts. */
  async store(path: string, hash: string, bytes: Uint8Array, fetch: FetchOptions): Promise<MirrorOutcome> {
    const { label } = this;
    const { clock, signal, policy, timeoutMs } = fetch;
    try {
      const said = await writeOnce(
        this.provider,
        path,
        bytes,
        { kind: "object" },
        { clock, signal, policy, timeoutMs },
      );
      if (said !== "stored") return { label, outcome: "failed", attempt: movedAttempt(label) };
      const { verdict, attempt } = await this.look(path, hash, fetch);
      if (verdict === "present") return { label, outcome: "stored", attempt: null };
      return { label, outcome: "failed", attempt: verdict === "unknown" ? attempt : lostAttempt(label, path) };
    } catch (error) {
      return { label, outcome: "failed", attempt: attemptOfAnything(label, error) };
    }
  }

  /** Counts an outcome. @param bytes - that a `stored` is worth */
  count({ outcome, attempt }: MirrorOutcome, bytes: number): void {
    this.#counts[outcome]++;
    if (outcome === "stored") this.#counts.bytes += bytes;
    if (outcome === "unavailable") return;
    this.#failuresInARow = outcome === "failed" ? this.#failuresInARow + 1 : 0;
    // A server that is down would cost a time limit for each of a million items.
    if (this.#failuresInARow >= limits.mirrorMaxFailures) this.#lost ??= attempt;
  }
}

function movedAttempt(label: string): Attempt {
  return { label, code: "moved", message: "It says that something else is there, although nothing was asked." };
}

/** It said that it had stored something, and does not give it back. */
export function lostAttempt(label: string, path: string): Attempt {
  const message = `${label} said that it stored ${path}, and does not give it back.`;
  return attemptOfAnything(label, new HawserError("STORAGE_LOST", message, { label, path }));
}
