import { abortedError, throwIfAborted } from "../deadline.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { IndexEntry } from "./entry.js";
import { type IndexNode, isLeaf, nodeInvalid } from "./index-node.js";
import { getNode, type LoadNode } from "./index-walk.js";

/** Options of {@link listEntries}. */
export interface ListOptions {
  /** Only keys that begin so, for example `m:` or `m:photos/`. Every node is read all the same. Default "". */
  readonly prefix?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Nodes below the root that may be read. Default: no limit. */
  readonly maxNodes?: number | undefined;
}

/** An inner node whose children are being listed. */
interface Frame {
  readonly parent: Frame | null;
  /** Children not finished. */
  open: number;
  /** Entries in finished children. */
  count: number;
}

/** A node that is still to be listed. */
interface Pending {
  readonly hash: string;
  readonly prefix: string;
  readonly frame: Frame;
  node: Promise<IndexNode> | null;
}

/**
 * Every entry of an index, in path order (P3), loading a few nodes ahead. Entries below an inner node are held back
 * until it is known to have more than 32, so that the one shape of an index is enforced before anything of it is seen.
 *
 * @param root - the index of a profile that was parsed or encoded
 * @throws INDEX_INVALID, NETWORK_ABORTED, NETWORK_TIME_LIMIT above `maxNodes`, and what `load` throws
 */
export async function* listEntries(
  root: IndexNode,
  load: LoadNode,
  options: ListOptions = {},
): AsyncGenerator<IndexEntry, void, undefined> {
  const { prefix = "", signal, maxNodes = Number.POSITIVE_INFINITY } = options;
  const matches = (entry: IndexEntry): boolean => entry.key.startsWith(prefix);
  // A stack: the next node is the last one.
  const pending: Pending[] = [];
  let held: IndexEntry[] = [];
  let started = 0;
  const startAhead = (): void => {
    for (let at = pending.length - 1; at >= 0 && at >= pending.length - limits.indexMaxParallel; at--) {
      const next = pending[at];
      if (next === undefined || next.node !== null || started >= maxNodes) continue;
      started++;
      next.node = getNode(next.hash, next.prefix, load);
      // Its failure counts when its turn comes; until then it must not end the process.
      next.node.catch(() => undefined);
    }
  };
  throwIfAborted(signal, "listing");
  if (isLeaf(root)) yield* root.entries.filter(matches);
  else open(root.children, "", null, pending);
  for (;;) {
    startAhead();
    const next = pending.pop();
    if (next === undefined) return;
    if (next.node === null) throw tooManyNodes(maxNodes);
    const node = await abortable(next.node, signal);
    if (!isLeaf(node)) {
      open(node.children, next.prefix, next.frame, pending);
      continue;
    }
    held.push(...node.entries);
    next.frame.count += node.entries.length;
    if (next.frame.count > limits.leafMaxEntries) {
      // Whatever is held lies below this node or around it, and what is around it has even more entries.
      const ready = held;
      held = [];
      yield* ready.filter(matches);
    }
    close(next.frame);
  }
}

function open(children: readonly (string | null)[], prefix: string, parent: Frame | null, pending: Pending[]): void {
  const frame: Frame = { parent, open: 0, count: 0 };
  for (let digit = children.length - 1; digit >= 0; digit--) {
    const hash = children[digit];
    if (typeof hash !== "string") continue;
    frame.open++;
    pending.push({ hash, prefix: prefix + digit.toString(16), frame, node: null });
  }
}

function close(finished: Frame): void {
  let frame: Frame | null = finished;
  while (frame !== null && --frame.open === 0) {
    if (frame.count <= limits.leafMaxEntries) {
      // P5: two shapes of one set of entries would have two roots.
      throw nodeInvalid(`an inner node has ${frame.count} entries below it, which a leaf would hold`);
    }
    if (frame.parent !== null) frame.parent.count += frame.count;
    frame = frame.parent;
  }
}

function tooManyNodes(max: number): HawserError<"NETWORK_TIME_LIMIT"> {
  return new HawserError("NETWORK_TIME_LIMIT", `The index has more than ${max} nodes below its root.`, {
    limit: "index nodes",
    max,
  });
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  throwIfAborted(signal, "listing");
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(abortedError("listing", signal.reason));
    };
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
  }
}
