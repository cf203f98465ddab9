import { describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { encodeJson, type Json, type JsonObject, parseJson } from "../../../../src/bytes/json.js";
import { memoryCache } from "../../../../src/cache/memory.js";
import {
  Journal,
  type JournalChanges,
  type JournalEntry,
  type JournalFloor,
} from "../../../../src/client/write/journal.js";
import type { Cache } from "../../../../src/ports.js";
import { WriteWorld } from "./world.js";

const entry: JournalEntry = {
  id: "0123456789abcdef0123456789abcdef",
  kind: "update",
  name: "alice",
  tenure: "aa".repeat(32),
  spends: `${"bb".repeat(32)}:1`,
  salt: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  profileHash: new Uint8Array(32).fill(7),
  transactions: [
    { kind: "preorder", txid: "aa".repeat(32), raw: utf8("raw 1") },
    { kind: "register", txid: "cc".repeat(32), raw: utf8("raw 2") },
    { kind: "update", txid: "dd".repeat(32), raw: utf8("raw 3") },
  ],
  objects: [utf8("object"), new Uint8Array()],
  floors: [
    { id: "settings", epoch: 3, ver: 9, sha256: "ee".repeat(32), sig: "ff".repeat(64) },
    { id: "other", epoch: 3, ver: 1, sha256: null, sig: null },
  ],
  removes: [{ key: "m:settings", path: "records/regtest/alice/settings@2.json" }],
  parts: [],
  ready: true,
  affectedIds: ["m:settings"],
  required: 2,
  createdAtMs: 1_700_000_000_000,
};

function journalOf(cache: Cache): Journal {
  return new Journal(cache, "regtest");
}

describe("the journal", () => {
  it.each<[string, JournalEntry]>([
    ["an update", entry],
    ["a registration", { ...entry, kind: "register", spends: null, floors: [] }],
    ["an update without salt", { ...entry, salt: null }],
    [
      "an update with a higher fee",
      {
        ...entry,
        transactions: entry.transactions.map((transaction) => ({
          ...transaction,
          earlier: [{ txid: "0e".repeat(32), raw: Uint8Array.of(1) }],
          children: [{ txid: "0c".repeat(32), raw: Uint8Array.of(2) }],
        })),
      },
    ],
  ])("W3: keeps every part of %s", async (_, given) => {
    const cache = memoryCache();
    await journalOf(cache).put(given);
    expect(await journalOf(cache).entries("alice")).toEqual([given]);
  });

  it("gives the entries of one name, or of all names of its network, oldest first", async () => {
    const cache = memoryCache();
    const later = { ...entry, id: "00", spends: `${"cc".repeat(32)}:1`, createdAtMs: entry.createdAtMs + 1 };
    const longer = { ...entry, id: "11", name: "alice-2", createdAtMs: entry.createdAtMs - 1 };
    const journal = journalOf(cache);
    for (const one of [later, entry, longer]) await journal.put(one);
    await new Journal(cache, "mainnet").put({ ...entry, id: "22" });
    expect(await journal.entries("alice")).toEqual([entry, later]);
    expect(await journal.entries()).toEqual([longer, entry, later]);
  });

  it("keeps one registration of a name, whoever else begins one", async () => {
    const cache = memoryCache();
    const journal = journalOf(cache);
    const first: JournalEntry = { ...entry, kind: "register" };
    const second: JournalEntry = { ...first, id: "22".repeat(16) };
    await journal.put(first);
    await expect(journal.put(second)).rejects.toMatchObject({
      code: "CONFLICT_PENDING",
      details: { name: "alice", operation: first.id },
    });
    // Nor does the loser drop what is not its own.
    await journal.drop(second);
    expect(await journal.entries()).toEqual([first]);
    await journal.drop(first);
    expect(await journal.entries()).toEqual([]);
    await journal.drop(first);
    await journal.put(second);
    expect(await journal.entries()).toEqual([second]);
  });

  it("W4: keeps one update for each seal, and what was never made ready gives way", async () => {
    const journal = journalOf(memoryCache());
    const unready: JournalEntry = { ...entry, id: "22".repeat(16), ready: false };
    await journal.put(unready);
    expect(await journal.entries()).toEqual([unready]);
    await journal.put(entry);
    expect(await journal.entries()).toEqual([entry]);
    await expect(journal.put(unready)).rejects.toMatchObject({
      code: "CONFLICT_PENDING",
      details: { name: "alice", operation: entry.id },
    });
  });

  it("W3: revises the transactions of an entry as it is now, and leaves what else changed meanwhile", async () => {
    const journal = journalOf(memoryCache());
    await journal.put(entry);
    await journal.setFloor(entry, { id: "settings", epoch: 2, ver: 9, sha256: null, sig: null });
    const revised = await journal.revise(entry, ([first]) => (first === undefined ? [] : [{ ...first, txid: "new" }]));
    expect(revised).toMatchObject({ transactions: [{ txid: "new" }] });
    const [kept] = await journal.entries();
    expect(kept).toEqual(revised);
    expect(kept?.floors).toContainEqual({ id: "settings", epoch: 2, ver: 9, sha256: null, sig: null });
    expect(await journal.current(entry)).toEqual(kept);
    expect(await journal.revise(entry, () => null)).toBe(null);
    expect(await journal.entries()).toEqual([kept]);
    const other = { ...entry, id: "22".repeat(16) };
    expect(await journal.current(other)).toBe(null);
    expect(await journal.revise(other, () => [])).toBe(null);
    expect(await journal.entries()).toEqual([kept]);
  });

  it("W3: amends an entry that is still there, and no other", async () => {
    const journal = journalOf(memoryCache());
    const unready: JournalEntry = { ...entry, ready: false };
    await journal.put(unready);
    expect(await journal.amend(entry)).toBe(true);
    expect(await journal.entries()).toEqual([entry]);
    expect(await journal.amend({ ...entry, id: "22".repeat(16), floors: [] })).toBe(false);
    expect(await journal.entries()).toEqual([entry]);
    await journal.drop(entry);
    expect(await journal.amend(entry)).toBe(false);
    expect(await journal.entries()).toEqual([]);
  });

  it("keeps several updates of a name", async () => {
    const journal = journalOf(memoryCache());
    const second = { ...entry, id: "22".repeat(16), spends: `${"cc".repeat(32)}:1` };
    await journal.put(entry);
    await journal.put(second);
    await journal.drop(entry);
    expect(await journal.entries()).toEqual([second]);
  });
});

describe("changes that are too many for one entry", () => {
  const count = 2_500;
  const ids = Array.from({ length: count }, (_, at) => `id${at}`);
  const floorOf = (id: string): JournalFloor => ({ id, epoch: 1, ver: 1, sha256: "ee".repeat(32), sig: null });
  const large: JournalEntry = {
    ...entry,
    affectedIds: ids.map((id) => `m:${id}`),
    floors: ids.map(floorOf),
    removes: [{ key: "m:id7", path: "records/regtest/alice/id7@1.json" }],
  };

  async function changesOf(journal: Journal): Promise<JournalChanges> {
    const all: { [list in keyof JournalChanges]: unknown[] } = { affectedIds: [], floors: [], removes: [] };
    for await (const { affectedIds, floors, removes } of journal.changes(large)) {
      all.affectedIds.push(...affectedIds);
      all.floors.push(...floors);
      all.removes.push(...removes);
    }
    return all as unknown as JournalChanges;
  }

  it("lie beside it in parts of bounded size, none lost", async () => {
    const cache = memoryCache();
    const journal = journalOf(cache);
    await journal.put({ ...large, ready: false });
    expect(await journal.amend(large)).toBe(true);
    const [head] = await journal.entries();
    expect(head).toMatchObject({ affectedIds: [], floors: [], removes: [], ready: true });
    expect(head?.parts).toHaveLength(3);
    const changes = await changesOf(journal);
    expect(new Set(changes.affectedIds)).toEqual(new Set(large.affectedIds));
    expect(new Set(changes.floors.map(({ id }) => id))).toEqual(new Set(ids));
    expect(changes.removes).toEqual(large.removes);
    for (const key of await cache.keys("journal")) expect((await cache.get(key))?.length).toBeLessThan(300_000);
  });

  it("are found by key, and one floor can be set", async () => {
    const journal = journalOf(memoryCache());
    await journal.put(large);
    const [head = entry] = await journal.entries();
    for (const key of ["m:id0", "m:id999", "m:id2499", "m:id1730"]) expect(await journal.affects(head, key)).toBe(true);
    for (const key of ["m:id", "m:id2500", "i:id0", "z"]) expect(await journal.affects(head, key)).toBe(false);
    const newer = { ...floorOf("id1730"), ver: 9 };
    expect(await journal.setFloor(head, newer)).toBe(true);
    const changes = await changesOf(journal);
    expect(changes.floors).toHaveLength(count);
    expect(changes.floors.filter(({ ver }) => ver > 1)).toEqual([newer]);
    await journal.drop(large);
    expect(await journal.setFloor(head, newer)).toBe(false);
  });

  it("go with their entry, and with one that gives way", async () => {
    const cache = memoryCache();
    const journal = journalOf(cache);
    await journal.put({ ...large, ready: false });
    await journal.put({ ...entry, id: "22".repeat(16) });
    expect(await cache.keys("journal-part/")).toEqual([]);
    await journal.drop({ ...entry, id: "22".repeat(16) });
    await journal.put(large);
    await journal.drop(large);
    expect(await cache.keys("journal")).toEqual([]);
  });

  it("leave nothing where another run gave the entry up", async () => {
    const cache = memoryCache();
    expect(await journalOf(cache).amend(large)).toBe(false);
    expect(await cache.keys("")).toEqual([]);
  });
});

it("reads an entry of version 1, which had no removals", async () => {
  const cache = memoryCache();
  const journal = journalOf(cache);
  await journal.put(entry);
  const [key = ""] = await cache.keys("journal/");
  const { removes, parts, ...first } = decode((await cache.get(key)) ?? new Uint8Array());
  expect([removes, parts]).toEqual([entry.removes, []]);
  await cache.update(key, () => ({ value: utf8(encodeJson({ ...first, v: 1 })), result: undefined }));
  expect(await journal.entries()).toEqual([{ ...entry, removes: [] }]);
});

it("sets the floor of an entry that holds its changes itself", async () => {
  const journal = journalOf(memoryCache());
  await journal.put(entry);
  const newer = { id: "settings", epoch: 3, ver: 10, sha256: "aa".repeat(32), sig: null };
  expect(await journal.setFloor(entry, newer)).toBe(true);
  const [kept] = await journal.entries();
  expect(kept?.floors).toEqual([entry.floors[1], newer]);
  expect(await journal.affects(entry, "m:settings")).toBe(true);
  expect(await journal.affects(entry, "m:other")).toBe(false);
});

describe("an entry that does not decode is CACHE_CORRUPT and stays as it is", () => {
  const wrong: readonly (readonly [string, (json: JsonObject) => Json])[] = [
    ["of a later version", (json) => ({ ...json, v: 3 })],
    ["of no version", (json) => ({ ...json, v: 0 })],
    ["with removals that are no list", (json) => ({ ...json, removes: null })],
    ["with a removal that has no path", (json) => ({ ...json, removes: [{ key: "m:a" }] })],
    ["with parts that are no texts", (json) => ({ ...json, parts: [1] })],
    ["that is a list", () => []],
    ["that is nothing", () => null],
    ["with an id that is no text", (json) => ({ ...json, id: 5 })],
    ["with another kind", (json) => ({ ...json, kind: "preorder" })],
    ["with a name that is null", (json) => ({ ...json, name: null })],
    ["with a tenure that is no text", (json) => ({ ...json, tenure: null })],
    ["with a spent seal that is no text", (json) => ({ ...json, spends: 1 })],
    ["with a salt that is no hex", (json) => ({ ...json, salt: "xy" })],
    ["with a profile hash that is no hex", (json) => ({ ...json, profileHash: "0" })],
    ["with transactions that are no list", (json) => ({ ...json, transactions: {} })],
    ["with a transaction that is text", (json) => ({ ...json, transactions: ["raw"] })],
    ["with a transaction of another kind", (json) => ({ ...json, transactions: [{ kind: "x", txid: "", raw: "" }] })],
    [
      "with a transaction that is no hex",
      (json) => ({ ...json, transactions: [{ kind: "update", txid: "", raw: "g" }] }),
    ],
    ["with a txid that is no text", (json) => ({ ...json, transactions: [{ kind: "update", txid: 1, raw: "" }] })],
    ["with an object that is no base64", (json) => ({ ...json, objects: ["*"] })],
    ["with objects that are no texts", (json) => ({ ...json, objects: [1] })],
    ["with a floor of no epoch", (json) => ({ ...json, floors: [{ id: "", ver: 1, sha256: null, sig: null }] })],
    [
      "with a negative floor",
      (json) => ({ ...json, floors: [{ id: "", epoch: 0, ver: -1, sha256: null, sig: null }] }),
    ],
    [
      "with a floor whose digest is a number",
      (json) => ({ ...json, floors: [{ id: "", epoch: 0, ver: 1, sha256: 1, sig: null }] }),
    ],
    ["with a mark that is a number", (json) => ({ ...json, ready: 1 })],
    ["with affected ids that are no texts", (json) => ({ ...json, affectedIds: [null] })],
    ["with a required number that is text", (json) => ({ ...json, required: "1" })],
    ["with a time that is text", (json) => ({ ...json, createdAtMs: "now" })],
  ];

  it.each([
    ["that is no JSON", () => utf8("{")],
    ...wrong.map(([what, change]) => [what, (bytes: Uint8Array) => utf8(encodeJson(change(decode(bytes))))] as const),
  ] as const)("%s", async (_, change) => {
    const cache = memoryCache();
    const journal = journalOf(cache);
    const register: JournalEntry = { ...entry, kind: "register" };
    await journal.put(register);
    const [key = ""] = await cache.keys("journal/");
    const bad = change((await cache.get(key)) ?? new Uint8Array());
    await cache.update(key, () => ({ value: bad, result: undefined }));
    const corrupt = { code: "CACHE_CORRUPT", details: { key } };
    await expect(journal.entries("alice")).rejects.toMatchObject(corrupt);
    await expect(journal.put(register)).rejects.toMatchObject(corrupt);
    await expect(journal.drop(register)).rejects.toMatchObject(corrupt);
    expect(await cache.get(key)).toEqual(bad);
  });
});

it("M7, W3: a journal that is damaged stops every write, and nothing overwrites it", async () => {
  await using world = await WriteWorld.start({ mine: "manual" });
  const author = await world.author();
  await author.writer.registerName("alice", { waitFor: "broadcast" });
  const [key = ""] = await author.cache.keys("journal/");
  const damaged = (await author.cache.get(key))?.map((byte, i) => (i === 100 ? byte ^ 1 : byte)) ?? null;
  await author.cache.update(key, () => ({ value: damaged, result: undefined }));
  const sent = await author.transactions();
  world.mineOnPoll();
  await world.devnet.mine(1);
  const { writer } = author.start();
  for (const write of [
    () => writer.registerName("alice"),
    () => writer.registerName("bob"),
    () => writer.updateProfile("alice", {}),
    () => writer.putMutable("alice", "id", utf8("1")),
  ]) {
    await expect(write()).rejects.toMatchObject({ code: "CACHE_CORRUPT", details: { key } });
  }
  expect(await author.cache.get(key)).toEqual(damaged);
  expect((await author.transactions()).map(({ txid }) => txid)).toEqual(sent.map(({ txid }) => txid));
});

function decode(bytes: Uint8Array): JsonObject {
  return parseJson(bytes, { fail: (reason) => new Error(reason) }) as JsonObject;
}
