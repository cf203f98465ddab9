import { expectCode, expectSame, fail } from "./contract.js";
import { readAll, recordAt, recordBody, type StorageCase, store } from "./storage-case.js";

/** What is stored comes back, whole and alone. */
export const bodyCases: readonly StorageCase[] = [
  {
    name: "what was never written is absent: null, and no error",
    check: async ({ open, fresh, kinds }) => {
      const storage = await open();
      for (const kind of kinds) {
        const sample = await fresh(kind);
        expectSame(`a read of ${sample.path}`, await readAll(storage, sample), null);
      }
    },
  },
  {
    name: "what was stored is read back",
    check: async ({ open, fresh, kinds }) => {
      const storage = await open();
      for (const kind of kinds) {
        const sample = await fresh(kind);
        await store(storage, sample);
        expectSame(`a read of ${sample.path}`, await readAll(storage, sample), sample.bytes);
      }
    },
  },
  {
    name: "an object is bytes and no text: every byte value survives",
    needs: "object",
    check: async ({ open, fresh }) => {
      const storage = await open();
      const { bytes } = await fresh("object", 1_024);
      bytes.set(Uint8Array.from({ length: 256 }, (_, i) => i));
      bytes.set([0x0d, 0x0a, 0x0a, 0x0d, 0xff, 0xfe, 0x1a, 0x00], 256);
      const sample = await fresh("object", bytes);
      await store(storage, sample);
      expectSame("the object", await readAll(storage, sample), bytes);
    },
  },
  {
    name: "an empty object is kept, and is not absent",
    needs: "object",
    check: async ({ open, fresh }) => {
      const storage = await open();
      const sample = await fresh("object", 0);
      await store(storage, sample);
      expectSame("the object", await readAll(storage, sample), new Uint8Array(0));
    },
  },
  {
    name: "the largest body is kept whole",
    check: async ({ open, fresh, kinds, maxBytes }) => {
      const storage = await open();
      for (const kind of kinds) {
        const sample = await fresh(kind, maxBytes[kind]);
        await store(storage, sample);
        expectSame(`a ${kind} of ${maxBytes[kind]} bytes`, await readAll(storage, sample), sample.bytes);
      }
    },
  },
  {
    name: "a record is replaced, a longer one by a shorter one too",
    needs: "record",
    check: async ({ open }) => {
      const storage = await open();
      const path = recordAt("settings");
      for (const length of [60, 400, 40]) {
        const sample = { kind: "record", path, bytes: recordBody(length) } as const;
        await store(storage, sample);
        expectSame(`the record of ${length} bytes`, await readAll(storage, sample), sample.bytes);
      }
    },
  },
  {
    name: "the bytes of the caller are copied, those that are given are the caller's",
    check: async ({ open, fresh, kinds }) => {
      const storage = await open();
      for (const kind of kinds) {
        const { path, bytes } = await fresh(kind);
        const given = bytes.slice();
        const writing = storage.write(path, given, { kind });
        given.fill(0);
        await writing;
        (await readAll(storage, { kind, path }))?.fill(0);
        expectSame(`a read of ${path}`, await readAll(storage, { kind, path }), bytes);
      }
    },
  },
  {
    name: "what is removed is gone where remove says so",
    check: async ({ open, fresh, kinds }) => {
      const storage = await open();
      for (const kind of kinds) {
        const [sample, other] = [await fresh(kind), await fresh(kind)];
        await store(storage, sample);
        await store(storage, other);
        const isGone: unknown = await storage.remove(sample.path);
        if (typeof isGone !== "boolean") fail("what remove gives", "true or false", isGone);
        if (isGone) expectSame(`a read of ${sample.path} afterwards`, await readAll(storage, sample), null);
        expectSame(`a read of another ${kind} afterwards`, await readAll(storage, other), other.bytes);
        // A body that was removed can be stored again.
        await store(storage, sample);
        expectSame(`a read of ${sample.path} after it is stored again`, await readAll(storage, sample), sample.bytes);
      }
    },
  },
  {
    name: "removing what is not there is no error",
    check: async ({ open, fresh, kinds }) => {
      const storage = await open();
      for (const kind of kinds) {
        const isGone: unknown = await storage.remove((await fresh(kind)).path);
        if (typeof isGone !== "boolean") fail("what remove gives", "true or false", isGone);
      }
    },
  },
  {
    name: "a kind that it does not keep is refused as STORAGE_UNSUPPORTED",
    check: async ({ open, kinds }) => {
      const storage = await open();
      const other = (["record", "object"] as const).find((kind) => !kinds.includes(kind));
      if (other === undefined) return;
      const path = other === "record" ? recordAt("settings") : `objects/ab/ab${"01".repeat(31)}`;
      await expectCode(`a read of a ${other}`, "STORAGE_UNSUPPORTED", () => readAll(storage, { kind: other, path }));
      await expectCode(`a write of a ${other}`, "STORAGE_UNSUPPORTED", () =>
        storage.write(path, recordBody(40), { kind: other }),
      );
    },
  },
];
