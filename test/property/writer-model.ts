/** Where a record stands among the versions of its id. */
export interface Version {
  readonly epoch: number;
  readonly ver: number;
}

/** One try to change what a key of the index leads to. */
export interface Attempt {
  readonly key: string;
  readonly device: number;
  /** What readers see if it takes effect; null for a delete. */
  readonly value: string | null;
  /** In the order in which the tries began. */
  readonly started: number;
  /** The journalled operation that it is a part of, where it needs one. */
  operation: string | null;
  /** Whether that operation was either mined before an acknowledged one or can never be. */
  isResolved: boolean;
  /** The version that was stored, where one was. */
  version: Version | null;
}

/** What a name holds, as far as its writers were told; and what besides may have taken effect. */
export class NameModel {
  readonly #acknowledged = new Map<string, Attempt>();
  readonly #open = new Map<string, Attempt[]>();
  #started = 0;

  begin(key: string, device: number, value: string | null): Attempt {
    return { key, device, value, started: ++this.#started, operation: null, isResolved: false, version: null };
  }

  /** Keys that were ever tried. */
  get keys(): readonly string[] {
    return [...new Set([...this.#acknowledged.keys(), ...this.#open.keys()])];
  }

  /** A write that failed after something of it may have left the program. */
  leaveOpen(attempt: Attempt): void {
    this.#open.set(attempt.key, [...this.#openAt(attempt.key), attempt]);
  }

  /** A write that a call reported as done. */
  acknowledge(attempt: Attempt, takesTransaction: boolean): void {
    // W4: whatever spends the seal settles the fate of all that was waiting for it.
    if (takesTransaction) this.settle();
    this.#acknowledged.set(attempt.key, attempt);
    this.#keepOpen(attempt.key, (other) => this.#mayStillCount(other, attempt));
  }

  /** A write that `resume` reported as done: only what began after it may still take its place. */
  acknowledgeLate(attempt: Attempt): void {
    const isOpen = this.#openAt(attempt.key).includes(attempt);
    if (attempt.operation !== null) this.settle();
    // A put that a later one has overtaken since is as good as that one; a delete takes whatever there was.
    if (!isOpen && attempt.value !== null) return;
    // M5: what another device was told meanwhile is newer if its version is, whenever the first one hears of its own.
    if (!isOvertaken(attempt, this.#acknowledged.get(attempt.key))) this.#acknowledged.set(attempt.key, attempt);
    this.#keepOpen(
      attempt.key,
      (other) => other.started > attempt.started || (other.device !== attempt.device && !other.isResolved),
    );
  }

  /** Every operation that waits is mined by now, or void. */
  settle(): void {
    for (const attempts of this.#open.values()) for (const attempt of attempts) attempt.isResolved = true;
  }

  /** The open tries of one device, oldest first. */
  openOf(device: number): readonly Attempt[] {
    return [...this.#open.values()]
      .flat()
      .filter((attempt) => attempt.device === device)
      .sort((a, b) => a.started - b.started);
  }

  /** Which device was told last that a key is written; null for none. */
  toldTo(key: string): number | null {
    return this.#acknowledged.get(key)?.device ?? null;
  }

  /** Whether a read has but one answer. */
  isQuiet(key: string): boolean {
    return this.#openAt(key).length === 0;
  }

  /** What a read may give: data, or null for "not in the index". */
  allowed(key: string): ReadonlySet<string | null> {
    const values = this.#openAt(key).map(({ value }) => value);
    return new Set([this.#acknowledged.get(key)?.value ?? null, ...values]);
  }

  #openAt(key: string): readonly Attempt[] {
    return this.#open.get(key) ?? [];
  }

  #keepOpen(key: string, isOpen: (attempt: Attempt) => boolean): void {
    this.#open.set(key, this.#openAt(key).filter(isOpen));
  }

  #mayStillCount(other: Attempt, done: Attempt): boolean {
    if (other === done) return false;
    if (other.operation !== null) return !other.isResolved && other.device !== done.device;
    // W5: one device never goes back behind a version of its own, and nobody behind one that is at the providers asked.
    if (other.device === done.device) return false;
    return other.version === null || done.version === null || !isBelow(other.version, done.version);
  }
}

function isOvertaken(attempt: Attempt, by: Attempt | undefined): boolean {
  const [own, other] = [attempt.version, by?.version ?? null];
  return own !== null && other !== null && isBelow(own, other);
}

export function isBelow(a: Version, b: Version): boolean {
  return a.epoch < b.epoch || (a.epoch === b.epoch && a.ver < b.ver);
}
