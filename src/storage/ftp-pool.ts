import { abortedError, throwIfAborted } from "../deadline.js";
import type { Clock } from "../ports.js";
import { type Progress, watchProgress } from "../runtime/progress.js";
import { isBroken, unreachable } from "./ftp-refusal.js";
import type { FtpSession } from "./ftp-session.js";

/** How an operation may end early. */
export interface FtpPatience {
  readonly url: string;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
}

/** A few connections to one server, each for one operation at a time. */
export class FtpPool {
  readonly #most: number;
  readonly #clock: Clock;
  readonly #create: () => Promise<FtpSession>;
  readonly #idle: FtpSession[] = [];
  readonly #busy = new Set<FtpSession>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(most: number, clock: Clock, create: () => Promise<FtpSession>) {
    this.#most = most;
    this.#clock = clock;
    this.#create = create;
  }

  /**
   * Runs one operation on a connection of its own. One that the server closed while nobody used it is made again, once.
   *
   * @throws NETWORK_TIMEOUT, NETWORK_ABORTED, and what `run` throws
   */
  async use<T>(patience: FtpPatience, run: (session: FtpSession) => Promise<T>): Promise<T> {
    throwIfAborted(patience.signal, patience.url);
    await this.#enter(patience);
    try {
      const idle = this.#takeIdle();
      if (idle !== null) {
        try {
          return await this.#attempt(idle, patience, run);
        } catch (error) {
          // No reply came, so the server has not taken a command: it had closed the connection before.
          if (!isBroken(error) || idle.replies > 0) throw error;
        }
      }
      return await this.#attempt(null, patience, run);
    } finally {
      this.#leave();
    }
  }

  /** Ends all connections, those in use as well; later operations make new ones. */
  close(): void {
    for (const session of [...this.#idle.splice(0), ...this.#busy]) session.close();
  }

  async #attempt<T>(
    reused: FtpSession | null,
    { url, progress, signal }: FtpPatience,
    run: (session: FtpSession) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal, url);
    const session = reused ?? (await this.#create());
    this.#busy.add(session);
    const watch = watchProgress(progress, this.#clock, url, signal);
    const stopped = new Promise<never>((_, reject) => {
      const stop = (): void => {
        session.close();
        reject(unreachable(url, "it was given up"));
      };
      if (watch.signal.aborted) stop();
      else watch.signal.addEventListener("abort", stop, { once: true });
    });
    stopped.catch(() => undefined);
    const operation = async (): Promise<T> => {
      session.begin(watch.arrived);
      if (reused === null) {
        try {
          await session.connect();
        } catch (error) {
          // It may be open all the same, without a login.
          session.close();
          throw error;
        }
      }
      return run(session);
    };
    try {
      // A connection that is being opened does not hear of the end of its session.
      return await Promise.race([operation(), stopped]);
    } catch (error) {
      throwIfAborted(signal, url);
      throw watch.stalled() ?? error;
    } finally {
      watch.end();
      this.#busy.delete(session);
      if (!session.closed) {
        session.rest();
        this.#idle.push(session);
      }
    }
  }

  #takeIdle(): FtpSession | null {
    for (let session = this.#idle.pop(); session !== undefined; session = this.#idle.pop()) {
      if (!session.closed) return session;
    }
    return null;
  }

  async #enter({ signal, url }: FtpPatience): Promise<void> {
    if (this.#running < this.#most) this.#running += 1;
    else if (!(await this.#turn(signal))) throw abortedError(url, signal?.reason);
  }

  /** Hands the place on to the operation that has waited longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }

  /** Whether it came to its turn; false where the caller gave up before. */
  #turn(signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const go = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve(true);
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        resolve(false);
      };
      this.#waiting.push(go);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }
}
