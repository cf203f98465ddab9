import { expectSame, fail } from "./contract.js";
import { readAll, recordAt, type StorageCase, store } from "./storage-case.js";

const AT_ONCE = 12;

/** Several calls at once, and several handles. */
export const togetherCases: readonly StorageCase[] = [
  {
    name: "many calls at once do not disturb each other",
    check: async ({ open, fresh, kinds }) => {
      const storage = await open();
      const samples = await Promise.all(
        Array.from({ length: AT_ONCE }, async (_, i) => fresh(kinds[i % kinds.length] ?? "object", 400 + i)),
      );
      await Promise.all(samples.map((sample) => store(storage, sample)));
      const read = await Promise.all(samples.map((sample) => readAll(storage, sample)));
      samples.forEach(({ path, bytes }, i) => {
        expectSame(`a read of ${path}`, read[i], bytes);
      });
    },
  },
  {
    name: "who reads while a record is replaced gets one body or another, never a part or a mixture",
    needs: "record",
    check: async ({ open, maxBytes }) => {
      const storage = await open();
      const reader = await open();
      const path = recordAt("replaced");
      const length = Math.min(maxBytes.record, 60_000);
      const body = (i: number): Uint8Array => new Uint8Array(length).fill(0x61 + i);
      await store(storage, { kind: "record", path, bytes: body(0) });
      let isOver = false;
      const writing = (async () => {
        try {
          for (let i = 1; i < 8; i++) await store(storage, { kind: "record", path, bytes: body(i) });
        } finally {
          isOver = true;
        }
      })();
      const look = async (): Promise<void> => {
        do {
          const seen = await readAll(reader, { kind: "record", path });
          const [first] = seen ?? [];
          const isWhole = seen?.length === length && seen.every((byte) => byte === first);
          if (!isWhole) fail("a read while the record is replaced", `${length} equal bytes`, seen);
        } while (!isOver);
      };
      // Where one fails the other must still have ended, or it would run into the next case.
      const [written, looked] = await Promise.allSettled([writing, look()]);
      if (written.status === "rejected") throw written.reason;
      if (looked.status === "rejected") throw looked.reason;
      expectSame("the record in the end", await readAll(storage, { kind: "record", path }), body(7));
    },
  },
  {
    name: "another handle at the same place reads what was stored",
    check: async ({ open, fresh, kinds }) => {
      const storage = await open();
      const samples = await Promise.all(kinds.map((kind) => fresh(kind)));
      for (const sample of samples) await store(storage, sample);
      await storage.close?.();
      const again = await open();
      for (const sample of samples) expectSame(`a read of ${sample.path}`, await readAll(again, sample), sample.bytes);
    },
  },
  {
    name: "it can be closed twice, and before it was used",
    check: async ({ open }) => {
      const storage = await open();
      await storage.close?.();
      await storage.close?.();
    },
  },
];
