import { HawserError, isHawserError } from "../../errors.js";
import type { Clock } from "../../ports.js";
import { parseAnswer, statusAnswer, tipAnswer } from "./electrum-answers.js";
import { scriptHash, scriptRequest } from "./electrum-calls.js";
import type { ElectrumClient } from "./electrum-client.js";
import { electrumLimits } from "./electrum-limits.js";
import type { ElectrumSession } from "./electrum-session.js";

const HEADERS = "blockchain.headers.subscribe";
const CHANGES: readonly string[] = [HEADERS, "blockchain.scripthash.subscribe", "blockchain.scriptpubkey.subscribe"];

/**
 * Waits for changes on a connection of its own: subscribes to the tip and to scripts, says `onChange` for every change,
 * asks for a sign of life now and then, and makes the connection anew when it is lost. What changed meanwhile shows in
 * the statuses that the server gives then.
 *
 * @returns when the signal aborts
 * @throws the failure of the last of several attempts in a row to get a connection
 */
export async function watchScripts(
  client: ElectrumClient,
  clock: Clock,
  scripts: readonly Uint8Array[],
  onChange: () => void,
  signal: AbortSignal,
): Promise<void> {
  const known = new Map<string, string>();
  const isAborted = (): boolean => signal.aborted;
  let failures = 0;
  client.hold();
  while (!isAborted()) {
    try {
      const session = await client.connect(signal);
      const changes = new Changes(session);
      if (await subscribe(client, session, scripts, known, signal)) onChange();
      failures = 0;
      await follow({ client, clock, session, changes, known, onChange, signal });
    } catch (error) {
      if (isAborted()) return;
      if (!isHawserError(error)) throw error;
      if (++failures >= electrumLimits.maxAttempts || !isLoss(error)) throw error;
      await clock.delay(electrumLimits.backoffMs * 2 ** (failures - 1), signal).catch(() => undefined);
    }
  }
}

/** Whether a new connection may do better. A server that breaks the protocol would do so again. */
function isLoss(error: HawserError): boolean {
  return isHawserError(error, "NETWORK_UNREACHABLE") || isHawserError(error, "NETWORK_TIMEOUT");
}

/** Subscribes to all and notes their statuses; whether one is other than it was on the last connection. */
async function subscribe(
  client: ElectrumClient,
  session: ElectrumSession,
  scripts: readonly Uint8Array[],
  known: Map<string, string>,
  signal: AbortSignal,
): Promise<boolean> {
  const ask = (method: string, params: readonly unknown[]): Promise<unknown> =>
    client.use(signal, (inner) => {
      return session.request({ method, params, maxBytes: electrumLimits.answerMaxBytes }, inner);
    });
  const isFirst = known.size === 0;
  const tip = parseAnswer(tipAnswer, await ask(HEADERS, []), client.url).hex;
  let changed = note(known, HEADERS, tip);
  await Promise.all(
    scripts.map(async (script) => {
      const { method, params } = scriptRequest(session, "subscribe", script);
      const status = parseAnswer(statusAnswer, await ask(method, params), client.url);
      changed = note(known, scriptHash(script), status ?? "") || changed;
    }),
  );
  return changed && !isFirst;
}

function note(known: Map<string, string>, key: string, status: string): boolean {
  const changed = known.get(key) !== status;
  known.set(key, status);
  return changed;
}

interface Following {
  readonly client: ElectrumClient;
  readonly clock: Clock;
  readonly session: ElectrumSession;
  readonly changes: Changes;
  readonly known: Map<string, string>;
  readonly onChange: () => void;
  readonly signal: AbortSignal;
}

/** Passes changes on until the connection is lost or the signal aborts. */
async function follow({ client, clock, session, changes, known, onChange, signal }: Following): Promise<void> {
  const isAborted = (): boolean => signal.aborted;
  while (!isAborted()) {
    const timer = new AbortController();
    const stop = (): void => {
      timer.abort();
    };
    signal.addEventListener("abort", stop, { once: true });
    const quiet = clock.delay(electrumLimits.pingMs, timer.signal).then(
      () => true,
      () => false,
    );
    const isQuiet = await Promise.race([quiet, changes.next()]).finally(() => {
      signal.removeEventListener("abort", stop);
      timer.abort();
    });
    if (isAborted()) return;
    if (isQuiet) {
      // A connection that died without a sign would tell nothing any more, and that looks like no change.
      const ping = { method: "server.ping", params: [], maxBytes: electrumLimits.answerMaxBytes };
      await client.use(signal, (inner) => session.request(ping, inner));
      continue;
    }
    for (const [key, status] of changes.take()) known.set(key, status);
    onChange();
  }
}

/** Notifications of one connection, gathered while nobody looks: a burst of them is one change. */
class Changes {
  readonly #seen = new Map<string, string>();
  #hasChanged = false;
  #lost: HawserError | null = null;
  #wake: (() => void) | null = null;

  constructor(session: ElectrumSession) {
    session.listen((method, params) => {
      if (!CHANGES.includes(method)) return;
      this.#hasChanged = true;
      this.#note(method, params);
      this.#wake?.();
    });
    session.whenOver((error) => {
      this.#lost = error;
      this.#wake?.();
    });
  }

  /** Resolves to false once there is a change. @throws NETWORK_UNREACHABLE and others when the connection is lost */
  async next(): Promise<boolean> {
    while (!this.#hasChanged) {
      if (this.#lost !== null) throw this.#lost;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return false;
  }

  take(): ReadonlyMap<string, string> {
    this.#hasChanged = false;
    const taken = new Map(this.#seen);
    this.#seen.clear();
    return taken;
  }

  /** What the next connection is compared with; a notification that cannot be read is a change all the same. */
  #note(method: string, [first, second]: readonly unknown[]): void {
    if (method === HEADERS) {
      const tip = tipAnswer.safeParse(first);
      if (tip.success) this.#seen.set(HEADERS, tip.data.hex);
    } else if (typeof first === "string") {
      const status = statusAnswer.safeParse(second);
      if (status.success) this.#seen.set(first, status.data ?? "");
    }
  }
}
