import { describe, expect, it } from "vitest";
import { keyPath } from "../../../src/profile/entry.js";
import { encodeNode, type IndexNode, parseNode } from "../../../src/profile/index-node.js";
import { buildIndex } from "../../../src/profile/index-tree.js";
import { type IndexStep, type VisitOptions, visitIndex } from "../../../src/profile/index-visit.js";
import { settle } from "../fake-clock.js";
import { contentEntry, NodeStore, rejected, routeEntries } from "./fixtures.js";

/** What a step is called: the digits that lead to it, for an entry all of them. */
const nameOf = (step: IndexStep): string => (step.kind === "node" ? step.prefix : step.path);

/** Visits with the nodes of a store, as its readers do; one that is not there cannot be had. */
function visiting(store: NodeStore, options: Partial<VisitOptions<string>> = {}): VisitOptions<string> {
  return {
    maxParallel: 4,
    signal: undefined,
    matches: () => true,
    visit: async (step) => {
      if (step.kind === "entry") return { value: nameOf(step), node: null };
      const bytes = store.nodes.get(step.hash);
      store.loaded.push(step.hash);
      return Promise.resolve({
        value: nameOf(step),
        node: bytes === undefined ? null : parseNode(bytes, step.prefix),
      });
    },
    ...options,
  };
}

async function visited(root: IndexNode, options: VisitOptions<string>): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { step, value } of visitIndex(root, options)) {
    expect(value).toBe(nameOf(step));
    names.push(value);
  }
  return names;
}

/** An inner node with one child at each of these digits. */
const innerOf = (hash: string, digits = "0123456789abcdef"): IndexNode => ({
  children: Array.from({ length: 16 }, (_, digit) => (digits.includes(digit.toString(16)) ? hash : null)),
});

/** Inner nodes one below the other, each naming the next at all of these digits; `bottom` is what the last one names. */
function chainOf(store: NodeStore, levels: number, bottom: string, digits?: string): IndexNode {
  let hash = bottom;
  for (let level = 1; level < levels; level++) hash = store.put(encodeNode(innerOf(hash, digits), ""));
  return innerOf(hash, digits);
}

const nobody = "00".repeat(32);

describe("visitIndex", () => {
  it.each([0, 1, 32, 33, 700])("P3: visits every node and all of %i entries once, in order", async (count) => {
    const store = new NodeStore();
    const entries = routeEntries(count);
    const root = await buildIndex(entries, store.write);
    const names = await visited(root, visiting(store));
    expect(names).toEqual([...names].sort());
    expect(names.filter((name) => name.length === 64)).toEqual(entries.map(({ key }) => keyPath(key)).sort());
    expect([...store.loaded].sort()).toEqual([...store.nodes.keys()].sort());
  });

  it("P3: keeps the order whichever visit ends first, and runs at most so many at once", async () => {
    const store = new NodeStore();
    const root = await buildIndex(routeEntries(700), store.write);
    const calm = await visited(root, visiting(store));
    const { visit } = visiting(store);
    let [running, most, turn] = [0, 0, 0];
    const hurried = visiting(store, {
      maxParallel: 6,
      visit: async (step, signal) => {
        most = Math.max(most, ++running);
        for (let wait = (turn++ * 7) % 5; wait >= 0; wait--) await settle();
        running--;
        return visit(step, signal);
      },
    });
    expect(await visited(root, hurried)).toEqual(calm);
    expect(most).toBe(6);
  });

  it("gives only entries that match, and every node all the same", async () => {
    const store = new NodeStore();
    const contents = Array.from({ length: 40 }, (_, i) => contentEntry(i.toString(16).padStart(64, "0")));
    const root = await buildIndex([...routeEntries(40), ...contents], store.write);
    const names = await visited(root, visiting(store, { matches: ({ kind }) => kind === "immutable" }));
    expect(names.filter((name) => name.length === 64)).toEqual(contents.map(({ key }) => keyPath(key)).sort());
    expect(names.filter((name) => name.length < 64)).toHaveLength(store.nodes.size);
  });

  it("P6: goes on where a node cannot be had, without what is below it", async () => {
    const store = new NodeStore();
    const root = await buildIndex(routeEntries(700), store.write);
    const whole = await visited(root, visiting(store));
    const gone = whole.filter((name) => name.length < 64)[3] ?? "";
    const missing = visiting(store);
    const names = await visited(root, {
      ...missing,
      visit: async (step, signal) => {
        const done = await missing.visit(step, signal);
        return nameOf(step) === gone ? { ...done, node: null } : done;
      },
    });
    expect(names).toEqual(whole.filter((name) => name === gone || !name.startsWith(gone)));
    expect(names.length).toBeLessThan(whole.length);
  });

  it("P5: ends at a node that is none, or that belongs elsewhere", async () => {
    const store = new NodeStore();
    const own = routeEntries(20).filter(({ key }) => keyPath(key).startsWith("5"));
    const hash = store.put(encodeNode({ entries: own }, "5"));
    const names: string[] = [];
    const run = async (): Promise<void> => {
      for await (const { value } of visitIndex(innerOf(hash, "58"), visiting(store))) names.push(value);
    };
    // The owner's own node, named at a second place: its entries are off their path there.
    expect(await rejected(run())).toMatch(/^INDEX_INVALID.*off its path/);
    expect(names).toEqual(["5", ...own.map(({ key }) => keyPath(key)).sort()].slice(0, names.length));
    const junk = store.put(new Uint8Array(300_000));
    expect(await rejected(visited(innerOf(junk, "0"), visiting(store)))).toMatch(/^INDEX_INVALID/);
  });

  it("P5: a tree deeper than 16 levels ends there", async () => {
    const store = new NodeStore();
    expect(await visited(chainOf(store, 16, nobody, "7"), visiting(store))).toEqual(
      Array.from({ length: 16 }, (_, level) => "7".repeat(level + 1)),
    );
    expect(await rejected(visited(chainOf(store, 17, nobody, "7"), visiting(store)))).toMatch(/^INDEX_INVALID/);
  });

  it("U1: ends above so many nodes that cannot be had", async () => {
    const store = new NodeStore();
    const root = innerOf(nobody);
    expect(await visited(root, visiting(store, { maxUnread: 16 }))).toHaveLength(16);
    const names: string[] = [];
    const run = async (): Promise<void> => {
      for await (const { value } of visitIndex(root, visiting(store, { maxUnread: 9 }))) names.push(value);
    };
    expect(await rejected(run())).toMatch(/^NETWORK_TIME_LIMIT: More than 9 nodes/);
    expect(names).toHaveLength(10);
    // Nodes that can be had are no part of it, however many they are.
    const large = await buildIndex(routeEntries(700), store.write);
    expect(await visited(large, visiting(store, { maxUnread: 0 }))).toHaveLength(700 + store.nodes.size);
  });

  it("U1: by default it ends above 100,000 of them", async () => {
    const store = new NodeStore();
    let unread = 0;
    const { visit } = visiting(store);
    const counting = visiting(store, {
      visit: async (step, signal) => {
        const done = await visit(step, signal);
        if (done.node === null && ++unread > 110_000) throw new Error("it does not end");
        return done;
      },
    });
    const run = async (): Promise<void> => {
      let names = 0;
      for await (const { value } of visitIndex(chainOf(store, 5, nobody), counting)) names += Math.sign(value.length);
      expect(names).toBe(0);
    };
    expect(await rejected(run())).toMatch(/^NETWORK_TIME_LIMIT: More than 100000 nodes/);
    expect(unread).toBeLessThanOrEqual(100_001 + 16 * 5);
  });

  it("U1: 16 small nodes that name each other at all places are no endless work, nor do they fill the memory", async () => {
    const store = new NodeStore();
    // 16 to the power of 16 places in all.
    const root = chainOf(store, 16, nobody);
    expect(store.nodes.size).toBe(15);
    let [steps, open, most] = [0, 0, 0];
    const { visit } = visiting(store);
    const counting = visiting(store, {
      maxUnread: 500,
      maxParallel: 8,
      visit: async (step, signal) => {
        if (++steps > 5_000) throw new Error("it does not end");
        most = Math.max(most, ++open);
        return visit(step, signal);
      },
    });
    const run = async (): Promise<void> => {
      for await (const { value } of visitIndex(root, counting)) open -= value.length > 0 ? 1 : 0;
    };
    expect(await rejected(run())).toMatch(/^NETWORK_TIME_LIMIT/);
    expect(steps).toBeLessThan(700);
    // Visits whose outcome waits for its turn: at most those of one path.
    expect(most).toBeLessThanOrEqual(16 * 16);
  });

  it("leaves out what is up to a path, but for nodes that lead beyond it", async () => {
    const store = new NodeStore();
    const root = await buildIndex(routeEntries(700), store.write);
    const whole = await visited(root, visiting(store));
    const paths = whole.filter((name) => name.length === 64);
    for (const at of [0, 1, 350, 698, 699]) {
      const after = paths[at] ?? "";
      const names = await visited(root, visiting(store, { after }));
      const leads = (name: string): boolean => name.length < 64 && after.startsWith(name);
      expect(names).toEqual(whole.filter((name) => leads(name) || name > after));
    }
    expect(await visited(root, visiting(store, { after: "f".repeat(64) }))).toEqual(
      whole.filter((name) => /^f+$/.test(name)),
    );
  });

  it("ends with the error of a visit, and begins few others after it", async () => {
    const store = new NodeStore();
    const root = await buildIndex(routeEntries(700), store.write);
    const { visit } = visiting(store);
    let begun = 0;
    const failing = visiting(store, {
      visit: async (step, signal) => {
        if (begun++ === 20) throw new Error("the cache is gone");
        return visit(step, signal);
      },
    });
    expect(await rejected(visited(root, failing))).toContain("the cache is gone");
    for (let i = 0; i < 5; i++) await settle();
    expect(begun).toBeLessThanOrEqual(21 + failing.maxParallel);
  });

  it("an abort ends it, before it begins and at any time later, and tells every visit", async () => {
    const store = new NodeStore();
    const root = await buildIndex(routeEntries(700), store.write);
    const before = visiting(store, { signal: AbortSignal.abort() });
    expect(await rejected(visited(root, before))).toMatch(/^NETWORK_ABORTED/);
    expect(store.loaded).toEqual([]);
    const controller = new AbortController();
    const { visit } = visiting(store);
    const told: unknown[] = [];
    const hanging = visiting(store, {
      signal: controller.signal,
      visit: (step, signal) => {
        if (step.kind === "node") return visit(step, signal);
        return new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            told.push(signal.reason);
            reject(new Error("told"));
          });
        });
      },
    });
    const ended = rejected(visited(root, hanging));
    for (let i = 0; i < 5; i++) await settle();
    controller.abort("enough");
    expect(await ended).toContain("told");
    expect(told).toEqual(["enough", "enough", "enough", "enough"]);
    const second = new AbortController();
    const between = async (): Promise<void> => {
      for await (const { step } of visitIndex(root, visiting(store, { signal: second.signal }))) {
        if (step.kind === "entry") second.abort();
      }
    };
    expect(await rejected(between())).toMatch(/^NETWORK_ABORTED/);
  });

  it("leaving it early tells the visits that are under way, and those that fail then end nothing", async () => {
    const store = new NodeStore();
    const root = await buildIndex(routeEntries(700), store.write);
    const { visit } = visiting(store);
    let aborted = 0;
    let entries = 0;
    const leaving = visiting(store, {
      visit: (step, signal) => {
        if (step.kind === "node" || entries++ === 0) return visit(step, signal);
        return new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            aborted++;
            reject(new Error("told"));
          });
        });
      },
    });
    for await (const { step } of visitIndex(root, leaving)) if (step.kind === "entry") break;
    expect(aborted).toBe(entries - 1);
    expect(aborted).toBeGreaterThan(0);
    for (let i = 0; i < 5; i++) await settle();
  });
});
