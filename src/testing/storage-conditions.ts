import type { StorageProvider, WriteCondition } from "../ports.js";
import { expectCode, expectSame, fail } from "./contract.js";
import { readAll, recordAt, recordBody, type StorageCase, store } from "./storage-case.js";

const path = recordAt("settings");
const kind = "record";
const WRITERS = 5;

/** W5: of several writers one wins, or none is told that it could. */
export const conditionCases: readonly StorageCase[] = [
  {
    name: "open can be called again, and conditional is fixed from then on",
    check: async ({ open }) => {
      const storage = await open();
      const before: unknown = storage.conditional;
      if (typeof before !== "boolean") fail("conditional", "true or false", before);
      await storage.open?.();
      expectSame("conditional after another open", storage.conditional, before);
    },
  },
  {
    name: "W5: a record is created only where none is, or the condition is refused",
    needs: "record",
    check: async ({ open }) => {
      const storage = await open();
      const [one, two] = [recordBody(60), recordBody(60)];
      if (!storage.conditional) {
        await expectRefused(storage, { ifAbsent: true });
        return;
      }
      expectSame("creating", await write(storage, one, { ifAbsent: true }), "stored");
      expectSame("creating once more", await write(storage, two, { ifAbsent: true }), "moved");
      expectSame("the record", await readAll(storage, { kind, path }), one);
      await storage.remove(path);
      await expectOneWinner(storage, { ifAbsent: true });
    },
  },
  {
    name: "W5: a record is replaced only where it has the tag, or the condition is refused",
    needs: "record",
    check: async ({ open }) => {
      const storage = await open();
      const [one, two, three] = [recordBody(60), recordBody(60), recordBody(60)];
      if (!storage.conditional) {
        await expectRefused(storage, { ifTag: '"0123456789abcdef0123456789abcdef"' });
        return;
      }
      await store(storage, { kind, path, bytes: one });
      const first = await tagOf(storage);
      expectSame("replacing by its tag", await write(storage, two, { ifTag: first }), "stored");
      expectSame("replacing by the old tag", await write(storage, three, { ifTag: first }), "moved");
      expectSame("the record", await readAll(storage, { kind, path }), two);
      await expectOneWinner(storage, { ifTag: await tagOf(storage) });
      const last = await tagOf(storage);
      await storage.remove(path);
      expectSame("replacing what was removed", await write(storage, three, { ifTag: last }), "moved");
      expectSame("a read of what was removed", await readAll(storage, { kind, path }), null);
    },
  },
  {
    name: "W5: other bytes have another tag, also when they are written at once",
    needs: "record",
    check: async ({ open }) => {
      const storage = await open();
      if (!storage.conditional) return;
      const tags = new Set<string>();
      for (let i = 0; i < WRITERS; i++) {
        await store(storage, { kind, path, bytes: recordBody(60) });
        tags.add(await tagOf(storage));
      }
      expectSame("different tags", tags.size, WRITERS);
    },
  },
  {
    name: "W1: an object is created only where none is",
    needs: "object",
    check: async ({ open, fresh }) => {
      const storage = await open();
      const sample = await fresh("object");
      const create = (): Promise<unknown> =>
        storage.write(sample.path, sample.bytes, { kind: "object", condition: { ifAbsent: true } });
      if (!storage.conditional) {
        await expectCode("creating", "STORAGE_UNSUPPORTED", create);
        expectSame("a read afterwards", await readAll(storage, sample), null);
        return;
      }
      expectSame("creating", await create(), "stored");
      expectSame("creating once more", await create(), "moved");
      expectSame("the object", await readAll(storage, sample), sample.bytes);
    },
  },
];

function write(storage: StorageProvider, body: Uint8Array, condition: WriteCondition): Promise<unknown> {
  return storage.write(path, body, { kind, condition });
}

/** A condition that is ignored buries what another writer stored. */
async function expectRefused(storage: StorageProvider, condition: WriteCondition): Promise<void> {
  await expectCode("a write with a condition", "STORAGE_UNSUPPORTED", () => write(storage, recordBody(60), condition));
  expectSame("a read afterwards", await readAll(storage, { kind, path }), null);
}

async function expectOneWinner(storage: StorageProvider, condition: WriteCondition): Promise<void> {
  const bodies = Array.from({ length: WRITERS }, () => recordBody(60));
  const outcomes = await Promise.all(bodies.map((body) => write(storage, body, condition)));
  const winners = bodies.filter((_, i) => outcomes[i] === "stored");
  expectSame(`writers of ${WRITERS} at once that were told "stored"`, winners.length, 1);
  expectSame('outcomes that are neither "stored" nor "moved"', outcomes.filter(isOther), []);
  expectSame("the record", await readAll(storage, { kind, path }), winners[0]);
}

function isOther(outcome: unknown): boolean {
  return outcome !== "stored" && outcome !== "moved";
}

async function tagOf(storage: StorageProvider): Promise<string> {
  const stored = await storage.read(path, { kind, maxBytes: 1_000 });
  if (stored === null) fail("a read for the tag", "the record", stored);
  if (stored.tag === null) fail("the tag of a record, where writes are conditional", "a string", stored.tag);
  return stored.tag;
}
