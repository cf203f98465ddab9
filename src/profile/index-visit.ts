import { throwIfAborted } from "../deadline.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import { type IndexEntry, keyPath } from "./entry.js";
import { type IndexNode, isLeaf } from "./index-node.js";
import { createLimiter } from "./limiter.js";

/** A place in an index: a node below the root, or an entry. */
export type IndexStep =
  /** `prefix`: the hex digits that lead to it. */
  | { readonly kind: "node"; readonly hash: string; readonly prefix: string }
  /** `path`: the 64 hex digits of its key (P2). */
  | { readonly kind: "entry"; readonly entry: IndexEntry; readonly path: string };

/** What a visit came to. */
export interface Visited<T> {
  readonly value: T;
  /** The node itself, whose children are visited next; null for an entry, and for a node that nobody has. */
  readonly node: IndexNode | null;
}

/** Options of {@link visitIndex}. */
export interface VisitOptions<T> {
  /** Visits at the same time. */
  readonly maxParallel: number;
  /** Leaves out everything up to this path; nodes that lead beyond it are visited. Default: nothing. */
  readonly after?: string | undefined;
  /** Nodes that cannot be had before it ends. Default 100,000. */
  readonly maxUnread?: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Entries for which it is false are left out. */
  readonly matches: (entry: IndexEntry) => boolean;
  /** `signal` aborts too when the iteration ends early. */
  readonly visit: (step: IndexStep, signal: AbortSignal) => Promise<Visited<T>>;
}

interface Pending<T> {
  readonly step: IndexStep;
  started: Promise<Visited<T>> | null;
}

/**
 * Visits every node and entry of an index, in the order of their paths, a node before what is below it. What is given is
 * in that order too, however long each visit takes. Memory does not depend on the size of the index.
 *
 * Unlike a listing it goes on where a node cannot be had, so it does not prove the shape of the index (P5).
 *
 * @throws NETWORK_TIME_LIMIT above `maxUnread` nodes that cannot be had: an index that names one node at many places
 * costs its owner nothing; NETWORK_ABORTED, and what `visit` throws
 */
export async function* visitIndex<T>(
  root: IndexNode,
  options: VisitOptions<T>,
): AsyncGenerator<{ readonly step: IndexStep; readonly value: T }, void, undefined> {
  const { maxParallel, after = "", maxUnread = limits.indexMaxUnread, matches, visit } = options;
  const running = new Set<AbortController>();
  let isOver = false;
  const stop = (): void => {
    isOver = true;
    for (const one of running) one.abort(options.signal?.reason);
  };
  // A signal for each visit: one for all would gather a listener for each call of each of them.
  const visitOne = async (step: IndexStep): Promise<Visited<T>> => {
    const own = new AbortController();
    if (isOver) own.abort(options.signal?.reason);
    running.add(own);
    try {
      return await visit(step, own.signal);
    } finally {
      running.delete(own);
    }
  };
  const run = createLimiter(maxParallel);
  // A stack: the next step is the last one.
  const pending: Pending<T>[] = [];
  let unread = 0;
  const open = (node: IndexNode, prefix: string): void => {
    const steps = isLeaf(node) ? entriesOf(node.entries, matches, after) : childrenOf(node.children, prefix, after);
    for (const step of steps.reverse()) pending.push({ step, started: null });
  };
  const startAhead = (): void => {
    for (const next of pending.slice(-maxParallel).reverse()) {
      if (next.started !== null) continue;
      next.started = run(() => visitOne(next.step));
      // Its failure counts when its turn comes; until then it must not end the process.
      next.started.catch(() => undefined);
    }
  };
  throwIfAborted(options.signal, "The walk of the index");
  options.signal?.addEventListener("abort", stop, { once: true });
  try {
    open(root, "");
    for (;;) {
      throwIfAborted(options.signal, "The walk of the index");
      startAhead();
      const next = pending.pop();
      if (next?.started === null || next === undefined) return;
      const { value, node } = await next.started;
      yield { step: next.step, value };
      if (next.step.kind === "entry") continue;
      if (node !== null) open(node, next.step.prefix);
      else if (++unread > maxUnread) throw tooManyUnread(maxUnread);
    }
  } finally {
    options.signal?.removeEventListener("abort", stop);
    stop();
  }
}

function entriesOf(
  entries: readonly IndexEntry[],
  matches: (entry: IndexEntry) => boolean,
  after: string,
): IndexStep[] {
  return entries
    .filter(matches)
    .map((entry): IndexStep & { kind: "entry" } => ({ kind: "entry", entry, path: keyPath(entry.key) }))
    .filter(({ path }) => path > after);
}

function childrenOf(children: readonly (string | null)[], parent: string, after: string): IndexStep[] {
  return children.flatMap((hash, digit): IndexStep[] => {
    const prefix = parent + digit.toString(16);
    return hash === null || after.slice(0, prefix.length) > prefix ? [] : [{ kind: "node", hash, prefix }];
  });
}

function tooManyUnread(max: number): HawserError<"NETWORK_TIME_LIMIT"> {
  return new HawserError("NETWORK_TIME_LIMIT", `More than ${max} nodes of the index cannot be had.`, {
    limit: "index nodes that cannot be had",
    max,
  });
}
