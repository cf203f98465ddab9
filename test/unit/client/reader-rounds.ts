/** Turns of the event loop after which a reader without answers has sent whatever it can send. */
const QUIET_TURNS = 40;

/**
 * Holds every HTTP request until nothing more is sent without an answer to one that waits, then lets all go at once: the
 * number of such rounds is the number of sequential round trips, whatever the machine's speed.
 */
export class Rounds {
  /** The paths of each round. */
  readonly rounds: (readonly string[])[] = [];
  readonly #real = globalThis.fetch;
  #waiting: { readonly path: string; readonly go: () => void }[] = [];
  #running = 0;
  #idle: () => void = () => undefined;

  get requests(): readonly string[] {
    return this.rounds.flat();
  }

  /** How many requests were for a path that holds `part`. */
  count(part: string): number {
    return this.requests.filter((path) => path.includes(part)).length;
  }

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    await new Promise<void>((go, reject) => {
      const waiting = { path: new URL(request.url).pathname, go };
      this.#waiting.push(waiting);
      request.signal.addEventListener("abort", () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        reject(new Error("aborted"));
      });
    });
    try {
      const answer = await this.#real(request);
      return new Response(await answer.arrayBuffer(), { status: answer.status, headers: answer.headers });
    } finally {
      this.#running--;
      if (this.#running === 0) this.#idle();
    }
  };

  async run<T>(read: () => Promise<T>): Promise<T> {
    const state = { over: false };
    const result = read().finally(() => {
      state.over = true;
    });
    result.catch(() => undefined);
    for (;;) {
      for (let turn = 0; turn < QUIET_TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (state.over) return result;
      const released = this.#waiting;
      if (released.length === 0) continue;
      this.#waiting = [];
      this.rounds.push(released.map(({ path }) => path));
      this.#running = released.length;
      const idle = new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
      for (const { go } of released) go();
      await idle;
    }
  }
}
