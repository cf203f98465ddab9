import { abortedError, withDeadline } from "../../deadline.js";
import { HawserError, isHawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { QuietTimer } from "../../runtime/quiet-timer.js";
import { electrumLimits } from "./electrum-limits.js";
import { type ElectrumRequest, ElectrumSession, type SessionParts } from "./electrum-session.js";

/** What a client is made of. */
export interface ClientParts extends SessionParts {
  readonly timer: QuietTimer;
}

interface Opening {
  readonly session: Promise<ElectrumSession>;
  readonly abort: AbortController;
  waiters: number;
}

/**
 * Questions to one server over a connection that is made when it is needed, shared by all that ask at the same time, and
 * closed when nobody has asked for a while. An idle connection does not keep a Node process from ending.
 */
export class ElectrumClient {
  readonly #parts: ClientParts;
  #session: ElectrumSession | null = null;
  #opening: Opening | null = null;
  #live = 0;
  #stopIdleTimer: (() => void) | null = null;
  #closed = false;

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  get url(): string {
    return this.#parts.place.href;
  }

  /**
   * Asks a question in the words of the agreed version.
   *
   * @throws NETWORK_UNREACHABLE, NETWORK_TIMEOUT, NETWORK_STATUS, NETWORK_TOO_LARGE, NETWORK_ANSWER_INVALID,
   * NETWORK_ABORTED
   */
  ask(
    request: ElectrumRequest | ((session: ElectrumSession) => ElectrumRequest),
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    return this.use(signal, (inner) => this.#askOnce(request, inner));
  }

  /** Runs something that needs the connection, under the time limit of one request. */
  async use<T>(signal: AbortSignal | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock } = this.#parts;
    // One of its own: Node warns of a leak when many requests of one call listen to its signal.
    const own = signal === undefined ? undefined : AbortSignal.any([signal]);
    this.#begin();
    try {
      return await withDeadline({ clock, timeoutMs: limits.sourceTimeoutMs, signal: own, what: this.url }, run);
    } finally {
      this.#finish();
    }
  }

  /** Keeps the connection, and a Node process, until {@link ElectrumClient.close}, whether it is used or not. */
  hold(): void {
    this.#begin();
  }

  /** The connection, made where there is none. @throws NETWORK_UNREACHABLE and others */
  async connect(signal: AbortSignal): Promise<ElectrumSession> {
    if (this.#closed) throw closedSource(this.url);
    if (this.#session?.isOver === false) return this.#session;
    const opening = this.#opening ?? this.#open();
    opening.waiters++;
    let onAbort = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => {
        reject(abortedError(this.url, signal.reason));
      };
    });
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await Promise.race([opening.session, aborted]);
    } finally {
      signal.removeEventListener("abort", onAbort);
      opening.waiters--;
      if (opening.waiters === 0) opening.abort.abort();
    }
  }

  /** Closes the connection; later calls fail. */
  close(): void {
    this.#closed = true;
    this.#stopIdleTimer?.();
    this.#opening?.abort.abort();
    this.#session?.close();
  }

  async #askOnce(
    request: ElectrumRequest | ((session: ElectrumSession) => ElectrumRequest),
    signal: AbortSignal,
  ): Promise<unknown> {
    for (let attempt = 0; ; attempt++) {
      const session = await this.connect(signal);
      try {
        return await session.request(typeof request === "function" ? request(session) : request, signal);
      } catch (error) {
        // An idle connection may have ended unnoticed, and another question may have brought this one down with it.
        // All questions may be asked twice: what a server already has, it does not take a second time.
        if (attempt > 0 || !isHawserError(error, "NETWORK_UNREACHABLE") || this.#closed) throw error;
      }
    }
  }

  #open(): Opening {
    const abort = new AbortController();
    const opening: Opening = { session: this.#openSession(abort.signal), abort, waiters: 0 };
    this.#opening = opening;
    const forget = (): void => {
      if (this.#opening === opening) this.#opening = null;
    };
    opening.session.then(forget, forget);
    // One that all gave up is replaced, not waited for.
    abort.signal.addEventListener("abort", forget, { once: true });
    return opening;
  }

  async #openSession(signal: AbortSignal): Promise<ElectrumSession> {
    const { clock } = this.#parts;
    const limit = { clock, timeoutMs: limits.sourceTimeoutMs, signal, what: this.url };
    const session = await withDeadline(limit, (inner) => ElectrumSession.open(this.#parts, inner));
    if (this.#closed) {
      session.close();
      throw closedSource(this.url);
    }
    this.#session = session;
    session.hold(this.#live > 0);
    return session;
  }

  #begin(): void {
    this.#stopIdleTimer?.();
    this.#stopIdleTimer = null;
    if (this.#live++ === 0) this.#session?.hold(true);
  }

  #finish(): void {
    if (--this.#live > 0) return;
    this.#session?.hold(false);
    this.#stopIdleTimer = this.#parts.timer(electrumLimits.idleMs, () => {
      this.#session?.close();
    });
  }
}

/** The error for a question to a source that its owner closed. */
export function closedSource(url: string): HawserError<"NETWORK_UNREACHABLE"> {
  const reason = "the source was closed";
  return new HawserError("NETWORK_UNREACHABLE", `${url} is not asked any more: ${reason}.`, { url, reason });
}
