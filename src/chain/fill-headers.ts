import { abortedError, withDeadline } from "../deadline.js";
import { HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { HeaderSource, ProgressEvent, SourceTip } from "../ports.js";
import { confirmedHeight } from "./confirm-headers.js";
import { HEADER_BYTES } from "./header.js";
import { type HeaderChain, selectBestChain } from "./header-chain.js";
import type { Tips } from "./sync-headers.js";
import { type Panel, type Seat, unreachableSource } from "./union.js";

/** headers - of the held chain that are asked for again, so that a fork near its tip is seen. */
const OVERLAP = 16;
/** headers - a chain source that gives fewer new ones in a call is of no help where many are missing. */
const LEAST_OF_SOURCE = 100;
/** ms - after which the next supplier is asked beside one that hesitates. */
const HEDGE_MS = 5_000;
/** ms - a call that took less may be followed by one for twice as many: that one still answers before the hedge. */
const FAST_MS = 2_000;

/** How missing headers are filled in. */
export interface FillOptions {
  readonly headerSources: readonly HeaderSource[];
  /** Keeps what was verified so far, so that a sync that is cut off goes on from there. */
  readonly save: (chain: HeaderChain) => Promise<void>;
  readonly onEvent?: ((event: ProgressEvent) => void) | undefined;
}

/** What one supplier gave. */
export interface Supply {
  readonly label: string;
  /** Whether it is one of the header sources, not a chain source. */
  readonly isHeaderSource: boolean;
  /** Headers that were taken from it. */
  readonly headers: number;
  /** Why no more was taken; null where there was nothing to complain about. */
  readonly failure: HawserError | null;
}

/** A longer chain and who it came from. */
export interface Filled {
  /** `stored`, or a chain with more work. */
  readonly chain: HeaderChain;
  readonly supplies: readonly Supply[];
}

interface Supplier {
  readonly source: HeaderSource;
  readonly seat: Seat | null;
  /** headers - of the next call. */
  span: number;
  headers: number;
  failure: HawserError | null;
  /** It is asked no more. */
  done: boolean;
}

/**
 * Where many headers are missing up to what the sources name, fetches them in bulk: from the header sources first, then
 * from the chain sources, those first that give many in one request. A supplier that fails, lies, forks or ends is left
 * for the next one, and one that hesitates is overtaken by it. What is still missing afterwards `syncHeaders` gets.
 *
 * V1: every header is verified. Those of a header source count only up to the last one that a chain source has as well,
 * so that a file can never hold a chain against the sources, where work is cheap.
 *
 * @throws NETWORK_ABORTED, and what `save` throws
 */
export async function fillHeaders(
  panel: Panel,
  tips: Tips,
  stored: HeaderChain,
  { headerSources, save, onEvent }: FillOptions,
): Promise<Filled> {
  const target = Math.max(stored.tipHeight, ...tips.map((tip) => tip?.height ?? 0));
  if (target - stored.tipHeight <= limits.headersBulkGap) return { chain: stored, supplies: [] };
  const suppliers = [...headerSources.map((source) => supplierOf(source, null)), ...seatSuppliers(panel, tips)];
  let chain = stored;
  for (;;) {
    const missing = target - chain.tipHeight;
    const open = suppliers.filter(({ done, seat }) => {
      return !done && missing > (seat === null ? 0 : limits.headersBulkGap);
    });
    const total = target - stored.tipHeight;
    onEvent?.({
      stage: "headers",
      message: `Fetching headers: ${chain.tipHeight} of ${target}`,
      done: total - missing,
      total,
    });
    const next = await raceSuppliers(panel, open, (supplier, signal) =>
      supply({ panel, tips, supplier, chain, stored, target, signal }),
    );
    if (next === null) break;
    chain = next;
    await save(chain);
  }
  return {
    chain: selectBestChain(stored, [chain]),
    supplies: suppliers.map(({ source: { label }, seat, headers, failure }) => {
      return { label, isHeaderSource: seat === null, headers, failure };
    }),
  };
}

function supplierOf(source: HeaderSource, seat: Seat | null): Supplier {
  return { source, seat, span: limits.headersPerCall, headers: 0, failure: null, done: false };
}

/** The sources that named a tip; a stable sort keeps the caller's order among those that give equally many. */
function seatSuppliers({ seats }: Panel, tips: Tips): readonly Supplier[] {
  const perRequest = ({ source }: Seat): number => source.headersPerRequest ?? limits.headersPerCall;
  return seats
    .filter((seat, i) => (tips[i] ?? null) !== null && !seat.gone)
    .sort((a, b) => perRequest(b) - perRequest(a))
    .map((seat) => supplierOf(seat.source, seat));
}

interface SupplyInput {
  readonly panel: Panel;
  readonly tips: readonly (SourceTip | null)[];
  readonly supplier: Supplier;
  readonly chain: HeaderChain;
  readonly stored: HeaderChain;
  readonly target: number;
  readonly signal: AbortSignal;
}

/** One call: a chain with more work than `chain`, or null, and then the supplier is done. */
async function supply(input: SupplyInput): Promise<HeaderChain | null> {
  const { panel, supplier, chain, stored, target, signal } = input;
  const overlap = chain === stored ? Math.min(OVERLAP, chain.tipHeight - chain.baseHeight) : 0;
  const start = chain.tipHeight + 1 - overlap;
  const count = Math.min(supplier.span, target - start + 1);
  const beganMs = panel.clock.nowMs();
  const headers = await fetchFrom(panel, supplier, start, count, signal);
  if (headers === null) return leave(supplier);
  const nowMs = panel.clock.nowMs();
  const step = chain.extend(start, headers, nowMs);
  let longer = step.chain;
  if (supplier.seat === null && longer !== chain) {
    // V1: headers cost nothing where blocks need a signature or are easy; without this a file could outweigh the sources.
    const until = await confirmedHeight(panel, input.tips, longer, start);
    if (until < longer.tipHeight) {
      supplier.failure ??= unconfirmed(supplier, until + 1);
      longer = chain.extend(start, headers.subarray(0, Math.max(0, until - start + 1) * HEADER_BYTES), nowMs).chain;
    }
  }
  if (step.stopped !== null) supplier.failure ??= step.stopped;
  if (longer.work <= chain.work) return leave(supplier);
  const added = longer.tipHeight - chain.tipHeight;
  supplier.headers += added;
  const endsHere = headers.length < count * HEADER_BYTES && (supplier.seat === null || added < LEAST_OF_SOURCE);
  if (supplier.failure !== null || endsHere) supplier.done = true;
  if (supplier.seat === null && nowMs - beganMs < FAST_MS) {
    supplier.span = Math.min(2 * supplier.span, limits.headersPerBulkCall);
  }
  return longer;
}

function leave(supplier: Supplier): null {
  supplier.done = true;
  return null;
}

/** What a supplier sends, cut to what was asked for; null with the failure noted. */
async function fetchFrom(
  { clock }: Panel,
  supplier: Supplier,
  start: number,
  count: number,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  const { source } = supplier;
  try {
    const limit = { clock, timeoutMs: limits.sourceTimeoutMs, signal, what: source.label };
    const headers: unknown = await withDeadline(limit, (inner) => source.headers(start, count, { signal: inner }));
    if (headers instanceof Uint8Array && headers.length >= HEADER_BYTES) {
      return headers.subarray(0, count * HEADER_BYTES);
    }
    const details = { url: source.label, reason: "expected at least one header" };
    supplier.failure ??= new HawserError("NETWORK_ANSWER_INVALID", `${source.label} sent no header.`, details);
  } catch (error) {
    supplier.failure ??= isHawserError(error) ? error : unreachableSource(source, error);
  }
  return null;
}

function unconfirmed({ source: { label } }: Supplier, height: number): HawserError<"NETWORK_ANSWER_INVALID"> {
  const reason = `no chain source has its block ${height}`;
  return new HawserError("NETWORK_ANSWER_INVALID", `The headers of ${label} are on a chain of their own: ${reason}.`, {
    url: label,
    reason,
  });
}

/**
 * The first chain that a supplier gives, asked one after the other: the next one when one gives none, and beside one that
 * hesitates. Those that were overtaken are asked no more. Null when nobody gives any.
 */
async function raceSuppliers(
  { clock, signal }: Panel,
  suppliers: readonly Supplier[],
  attempt: (supplier: Supplier, signal: AbortSignal) => Promise<HeaderChain | null>,
): Promise<HeaderChain | null> {
  const queue = [...suppliers];
  const running = new Set<Supplier>();
  const over = new AbortController();
  const inner = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  try {
    return await new Promise<HeaderChain | null>((resolve, reject) => {
      const next = (): void => {
        const supplier = queue.shift();
        if (supplier === undefined) {
          if (running.size === 0) resolve(null);
          return;
        }
        running.add(supplier);
        attempt(supplier, inner).then((chain) => {
          // One that was overtaken has nothing more to say.
          if (over.signal.aborted) return;
          running.delete(supplier);
          if (signal?.aborted === true) reject(abortedError("Fetching headers", signal.reason));
          else if (chain === null) next();
          else resolve(chain);
        }, reject);
        if (queue.length > 0) clock.delay(HEDGE_MS, over.signal).then(next, () => undefined);
      };
      next();
    });
  } finally {
    for (const supplier of running) {
      supplier.done = true;
      supplier.failure ??= overtaken(supplier);
    }
    over.abort();
  }
}

function overtaken({ source: { label } }: Supplier): HawserError<"NETWORK_TIMEOUT"> {
  const message = `${label} was slower than the next one by more than ${HEDGE_MS} ms.`;
  return new HawserError("NETWORK_TIMEOUT", message, { url: label, timeoutMs: HEDGE_MS });
}
