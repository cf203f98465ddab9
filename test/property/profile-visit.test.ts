import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { encodeHex } from "../../src/bytes/hex.js";
import { sha256 } from "../../src/crypto/hash.js";
import { keyPath, mutableEntry } from "../../src/profile/entry.js";
import { encodeNode, type IndexNode, parseNode } from "../../src/profile/index-node.js";
import { buildIndex, listEntries } from "../../src/profile/index-tree.js";
import { type VisitOptions, visitIndex } from "../../src/profile/index-visit.js";
import { numRuns } from "./runs.js";

vi.setConfig({ testTimeout: 60_000 + 1_000 * numRuns });

type Store = Map<string, Uint8Array>;

async function build(count: number, from: number): Promise<{ readonly root: IndexNode; readonly store: Store }> {
  const store: Store = new Map();
  const entries = Array.from({ length: count }, (_, i) =>
    mutableEntry({ id: `n/${from + i}`, urls: [], pubkey: null, epoch: 0, minVer: null, maxAgeMs: null }),
  );
  const root = await buildIndex(entries, async (hash, bytes) => {
    store.set(hash, bytes);
    return Promise.resolve();
  });
  return { root, store };
}

interface Walk {
  readonly names: string[];
  visits: number;
  code: unknown;
}

/** Visits all that a store leads to; each visit ends after as many turns as `turns` says. */
async function walk(root: IndexNode, store: Store, options: Partial<VisitOptions<string>>, turns: readonly number[]) {
  const result: Walk = { names: [], visits: 0, code: null };
  const all: VisitOptions<string> = {
    maxParallel: 4,
    signal: undefined,
    matches: () => true,
    visit: async (step) => {
      if (result.visits > 20_000) throw new Error("it does not end");
      for (let wait = turns[result.visits++ % turns.length] ?? 0; wait > 0; wait--) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (step.kind === "entry") return { value: step.path, node: null };
      const bytes = store.get(step.hash);
      return { value: step.prefix, node: bytes === undefined ? null : parseNode(bytes, step.prefix) };
    },
    ...options,
  };
  try {
    for await (const { value } of visitIndex(root, all)) result.names.push(value);
  } catch (error) {
    result.code = (error as { readonly code?: unknown }).code ?? error;
  }
  return result;
}

const turns = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 7 });
const maxParallel = fc.integer({ min: 1, max: 12 });
const isNode = (name: string): boolean => name.length < 64;

describe("a visit of an index", () => {
  it("P3: gives what a listing gives, and each node once, a node before what is below it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 400 }), fc.nat(), maxParallel, turns, async (count, from, most, waits) => {
        const { root, store } = await build(count, from);
        const { names, code } = await walk(root, store, { maxParallel: most }, waits);
        expect(code).toBeNull();
        const listed: string[] = [];
        const load = async (hash: string): Promise<Uint8Array> => Promise.resolve(store.get(hash) ?? new Uint8Array());
        for await (const { key } of listEntries(root, load)) listed.push(keyPath(key));
        expect(names.filter((name) => !isNode(name))).toEqual(listed);
        expect(names.filter(isNode)).toHaveLength(store.size);
        expect(names).toEqual([...new Set(names)].sort());
      }),
      { numRuns },
    );
  });

  it("P6: without some nodes it leaves out what is below them, and nothing else; so does a place to go on from", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 33, max: 400 }),
        fc.array(fc.nat(), { maxLength: 5 }),
        fc.option(fc.nat()),
        maxParallel,
        turns,
        async (count, lost, place, most, waits) => {
          const { root, store } = await build(count, 0);
          const whole = (await walk(root, store, {}, [0])).names;
          const nodes = whole.filter(isNode);
          const entries = whole.filter((name) => !isNode(name));
          const gone = new Set(lost.map((i) => nodes[i % nodes.length]));
          const after = place === null ? "" : (entries[place % entries.length] ?? "");
          const isGone = (name: string): boolean =>
            nodes.some((node) => gone.has(node) && node !== name && name.startsWith(node));
          const expected = whole.filter((name) => {
            return !isGone(name) && (isNode(name) ? after.slice(0, name.length) <= name : name > after);
          });
          const visit: VisitOptions<string>["visit"] = async (step) => {
            if (step.kind === "entry") return Promise.resolve({ value: step.path, node: null });
            const node = gone.has(step.prefix)
              ? null
              : parseNode(store.get(step.hash) ?? new Uint8Array(), step.prefix);
            return Promise.resolve({ value: step.prefix, node });
          };
          const { names, code } = await walk(root, store, { maxParallel: most, after, visit }, waits);
          expect(code).toBeNull();
          expect(names).toEqual(expected);
        },
      ),
      { numRuns },
    );
  });

  it("U1: of any nodes that name each other it visits a bounded number, and ends", async () => {
    // Nodes from the bottom up; each child is a node made before, or one that nobody has.
    const shape = fc.array(fc.array(fc.option(fc.nat({ max: 30 }), { freq: 4 }), { minLength: 16, maxLength: 16 }), {
      minLength: 1,
      maxLength: 18,
    });
    await fc.assert(
      fc.asyncProperty(
        shape,
        fc.integer({ min: 0, max: 60 }),
        maxParallel,
        turns,
        async (levels, maxUnread, most, waits) => {
          const store: Store = new Map();
          const hashes: string[] = [];
          let root: IndexNode = { entries: [] };
          for (const children of levels) {
            const node: IndexNode = {
              children: children.map((i) =>
                i === null ? null : (hashes[hashes.length - 1 - (i % 3)] ?? "00".repeat(32)),
              ),
            };
            if (node.children.every((child) => child === null)) continue;
            root = node;
            const bytes = encodeNode(node, "");
            hashes.push(encodeHex(sha256(bytes)));
            store.set(hashes.at(-1) ?? "", bytes);
          }
          const { names, visits, code } = await walk(root, store, { maxParallel: most, maxUnread }, waits);
          expect([null, "NETWORK_TIME_LIMIT", "INDEX_INVALID"]).toContain(code);
          // 16 levels lead to each node that cannot be had; what was begun ahead is at most one path with its neighbours.
          expect(names.length).toBeLessThanOrEqual(16 * (maxUnread + 1));
          expect(visits).toBeLessThanOrEqual(16 * (maxUnread + 1) + 16 * 16);
          expect(names).toEqual([...new Set(names)].sort());
        },
      ),
      { numRuns },
    );
  });
});
