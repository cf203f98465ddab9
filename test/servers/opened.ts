/** What a test opened, closed in the opposite order; Node 20 has no `AsyncDisposableStack`. */
export class Opened {
  readonly #open: AsyncDisposable[] = [];

  use<T extends AsyncDisposable>(resource: T): T {
    this.#open.push(resource);
    return resource;
  }

  async close(): Promise<void> {
    for (let last = this.#open.pop(); last !== undefined; last = this.#open.pop()) await last[Symbol.asyncDispose]();
  }
}
