import { withDeadline } from "../../deadline.js";
import type { Clock } from "../../ports.js";

/** ms - one request of a check. */
const PROBE_TIMEOUT_MS = 15_000;
/** An origin that nobody has: what a server lets it see, it lets any page see. */
export const PROBE_ORIGIN = "https://hawser-doctor.invalid";

/** What a server said beside the body, which is not read. */
export interface ProbeAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Of this machine, halfway between request and answer. */
  readonly atMs: number;
}

/** What is asked. */
export interface Probe {
  readonly url: string;
  readonly method?: "GET" | "OPTIONS" | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Asks as a script of a web page would, without credentials. Null where there was no answer. */
export async function probeHttp(
  { url, method = "GET", headers }: Probe,
  clock: Clock,
  signal?: AbortSignal,
): Promise<ProbeAnswer | null> {
  const startMs = clock.nowMs();
  const options = { clock, timeoutMs: PROBE_TIMEOUT_MS, signal, what: url };
  try {
    return await withDeadline(options, async (inner) => {
      const response = await fetch(url, {
        method,
        headers: { origin: PROBE_ORIGIN, ...headers },
        redirect: "manual",
        signal: inner,
      });
      const atMs = (startMs + clock.nowMs()) / 2;
      await response.body?.cancel().catch(() => undefined);
      return { status: response.status, headers: response.headers, atMs };
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return null;
  }
}

/** Whether any page may see an answer. */
export function isOpenToPages({ headers }: ProbeAnswer): boolean {
  const allowed = headers.get("access-control-allow-origin");
  return allowed === "*" || allowed === PROBE_ORIGIN;
}

/** Whether a list in a header names something. */
export function lists(headers: Headers, header: string, word: string): boolean {
  const words = (headers.get(header) ?? "").split(",").map((one) => one.trim().toLowerCase());
  return words.includes(word.toLowerCase()) || words.includes("*");
}

/** How far a server's clock is ahead of this one, in ms; null where it does not tell. `Date` has whole seconds. */
export function clockAheadMs({ headers, atMs }: ProbeAnswer): number | null {
  const serverMs = Date.parse(headers.get("date") ?? "");
  return Number.isFinite(serverMs) ? serverMs + 500 - atMs : null;
}
