import { describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { memoryCache } from "../../../../src/cache/memory.js";
import { checkedCache } from "../../../../src/client/checked-cache.js";
import type { JournalRemoval } from "../../../../src/client/write/journal.js";
import { Removals } from "../../../../src/client/write/removals.js";

const operation = { name: "alice", id: "0123456789abcdef0123456789abcdef", createdAtMs: 5 };
const removalOf = (id: string): JournalRemoval => ({ key: `m:${id}`, path: `records/regtest/alice/${id}@7.json` });

describe("W8: the copies that are still to be removed", () => {
  it("are kept for each part of an operation, however much alike the parts begin", async () => {
    const removals = new Removals(checkedCache(memoryCache()), "regtest");
    const tail = "x".repeat(100);
    const parts = [[removalOf(`a/${tail}`), removalOf("a/b")], [removalOf(`b/${tail}`)]];
    for (const part of parts) await removals.add(operation, part);
    const lists = await removals.lists("alice");
    expect(lists.map(({ removes }) => removes)).toEqual(parts);
    expect(lists[0]).toMatchObject({ name: "alice", operation: operation.id, createdAtMs: 5 });
    // A second settlement of the same operation adds nothing.
    for (const part of parts) await removals.add(operation, part);
    expect(await removals.lists()).toHaveLength(2);
    expect(await removals.lists("alic")).toEqual([]);
    await removals.add({ ...operation, name: "bob" }, []);
    expect(await removals.lists("bob")).toEqual([]);
  });

  it("shrink to what is left, and do not come back once nothing is", async () => {
    const removals = new Removals(checkedCache(memoryCache()), "regtest");
    await removals.add(operation, [removalOf("a"), removalOf("b")]);
    const [list] = await removals.lists();
    if (list === undefined) throw new Error("no list");
    await removals.replace(list, [removalOf("b")]);
    expect(await removals.lists()).toMatchObject([{ removes: [removalOf("b")] }]);
    await removals.replace(list, []);
    expect(await removals.lists()).toEqual([]);
    // Another run that was slower.
    await removals.replace(list, [removalOf("b")]);
    expect(await removals.lists()).toEqual([]);
  });

  it("that are damaged are CACHE_CORRUPT, name their place and stay", async () => {
    const cache = checkedCache(memoryCache());
    const removals = new Removals(cache, "regtest");
    await removals.add(operation, [removalOf("a")]);
    const [{ key } = { key: "" }] = await removals.lists();
    const good = new TextDecoder().decode((await cache.get(key)) ?? new Uint8Array());
    const damaged = ["", "[]", good.slice(1), good.replace('"v":1', '"v":2'), good.replace('"path"', '"way"')];
    for (const text of [...damaged, good.replace('"createdAtMs":5', '"createdAtMs":"5"')]) {
      await cache.update(key, () => ({ value: utf8(text), result: undefined }));
      await expect(removals.lists()).rejects.toMatchObject({ code: "CACHE_CORRUPT", details: { key } });
      expect(await cache.get(key)).toEqual(utf8(text));
    }
  });
});
