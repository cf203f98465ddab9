import { isHawserError } from "../errors.js";
import { expectCode, expectSame, fail, settle } from "./contract.js";
import { readAll, recordAt, recordBody, type StorageCase, store } from "./storage-case.js";

/** Caps, parts and aborts. */
export const limitCases: readonly StorageCase[] = [
  {
    name: "U1: a body of maxBytes is read, a longer one is NETWORK_TOO_LARGE",
    check: async ({ open, fresh, kinds, maxBytes }) => {
      const storage = await open();
      for (const kind of kinds) {
        for (const length of [40, Math.min(maxBytes[kind], 200_000)]) {
          const sample = await fresh(kind, length);
          await store(storage, sample);
          expectSame(`a read up to ${length} bytes`, await readAll(storage, sample, length), sample.bytes);
          const less = `a read up to ${length - 1} bytes of a body of ${length}`;
          await expectCode(less, "NETWORK_TOO_LARGE", () => readAll(storage, sample, length - 1));
        }
      }
    },
  },
  {
    name: "a range gives these bytes alone, or is refused as STORAGE_UNSUPPORTED",
    check: async ({ open, fresh, kinds }) => {
      const storage = await open();
      for (const kind of kinds) {
        const sample = await fresh(kind, 300);
        await store(storage, sample);
        const part = async (start: number, end: number, maxBytes = 300): Promise<Uint8Array | undefined> => {
          const stored = await storage.read(sample.path, { kind, maxBytes, range: { start, end } });
          return stored?.bytes;
        };
        if (storage.ranges !== true) {
          await expectCode(`bytes 10 to 20 of a ${kind}`, "STORAGE_UNSUPPORTED", () => part(10, 20));
          continue;
        }
        const places = [
          [0, 1],
          [0, 300],
          [10, 20],
          [299, 300],
          [290, 400],
          [300, 310],
          [1_000, 2_000],
        ] as const;
        for (const [start, end] of places) {
          const what = `bytes ${start} to ${end} of a ${kind} of 300`;
          expectSame(what, await part(start, end), sample.bytes.slice(start, end));
        }
        expectSame("a range counts what it gives", await part(100, 110, 10), sample.bytes.slice(100, 110));
        await expectCode("a range of more than maxBytes", "NETWORK_TOO_LARGE", () => part(100, 111, 10));
        const missing = await fresh(kind);
        const none = await storage.read(missing.path, { kind, maxBytes: 300, range: { start: 0, end: 1 } });
        expectSame("a range of what is not there", none, null);
      }
    },
  },
  {
    name: "a caller that has aborted gets NETWORK_ABORTED, and nothing is done",
    check: async ({ open, fresh, kinds }) => {
      const storage = await open();
      const signal = AbortSignal.abort();
      for (const kind of kinds) {
        const { path, bytes } = await fresh(kind);
        await expectCode("a read", "NETWORK_ABORTED", () => storage.read(path, { kind, maxBytes: 100, signal }));
        await expectCode("a write", "NETWORK_ABORTED", () => storage.write(path, bytes, { kind, signal }));
        await expectCode("a removal", "NETWORK_ABORTED", () => storage.remove(path, { signal }));
        expectSame(`a read of ${path} afterwards`, await readAll(storage, { kind, path }), null);
      }
    },
  },
  {
    name: "an abort on the way ends a read and a write, and leaves the old bytes or the new",
    check: async ({ open, fresh, kinds, maxBytes }) => {
      const storage = await open();
      for (const kind of kinds) {
        const length = Math.min(maxBytes[kind], 500_000);
        const first = await fresh(kind, length);
        await store(storage, first);
        const second = kind === "record" ? { ...first, bytes: recordBody(length) } : await fresh(kind, length);
        for (const turns of [0, 1, 3, 10]) {
          const caller = new AbortController();
          const running = [
            storage.read(first.path, { kind, maxBytes: length, signal: caller.signal }).then(() => "done"),
            storage.write(second.path, second.bytes, { kind, signal: caller.signal }).then(() => "done"),
          ];
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          caller.abort();
          for (const outcome of await settle(running)) {
            // It may have been quicker than the abort.
            if (outcome.ok || isHawserError(outcome.error, "NETWORK_ABORTED")) continue;
            fail("what a call that is aborted comes to", "its answer or NETWORK_ABORTED", outcome.error);
          }
          const there = await readAll(storage, second);
          const isOld = kind === "object" ? there === null : isEqual(there, first.bytes);
          if (!isOld) expectSame(`a ${kind} after an aborted write`, there, second.bytes);
        }
        await store(storage, second);
        expectSame(`a ${kind} that is written after aborted writes`, await readAll(storage, second), second.bytes);
      }
    },
  },
  {
    name: "an answer that was capped or aborted leaves the provider usable",
    check: async ({ open }) => {
      const storage = await open();
      if (storage.kinds?.includes("record") === false) return;
      const sample = { kind: "record", path: recordAt("usable"), bytes: recordBody(800) } as const;
      await store(storage, sample);
      for (let again = 0; again < 6; again++) {
        await expectCode("a read up to 10 bytes", "NETWORK_TOO_LARGE", () => readAll(storage, sample, 10));
        const caller = new AbortController();
        const reading = storage.read(sample.path, { kind: "record", maxBytes: 1_000, signal: caller.signal });
        caller.abort();
        await settle([reading]);
      }
      expectSame("the record", await readAll(storage, sample), sample.bytes);
    },
  },
];

function isEqual(one: Uint8Array | null, other: Uint8Array): boolean {
  return one !== null && one.length === other.length && one.every((byte, i) => byte === other[i]);
}
