import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import type { StorageProvider } from "../../../src/ports.js";
import { expectCode } from "./expect-code.js";

/** A provider under test, empty at first. */
export interface OpenedStorage {
  readonly storage: StorageProvider;
  close(): Promise<void>;
}

export const RECORD_PATH = "records/regtest/alice/settings@5.json";
export const OBJECT_PATH = `objects/ab/ab${"01".repeat(31)}`;

/** Paths that are none of the layout's; each would leave it or name something else. */
const FOREIGN_PATHS: readonly string[] = [
  "",
  "/",
  "..",
  "../x",
  "objects",
  "objects/",
  `objects/ab/AB${"01".repeat(31)}`,
  `objects/cd/ab${"01".repeat(31)}`,
  `objects/ab/ab${"01".repeat(31)}/`,
  `objects/../objects/ab/ab${"01".repeat(31)}`,
  `/${OBJECT_PATH}`,
  `${OBJECT_PATH}\n`,
  "records/regtest/alice/settings@5",
  "records/regtest/alice/settings.json",
  "records/regtest/alice/@5.json",
  "records/regtest/alice/../bob@5.json",
  "records/regtest/../alice/x@5.json",
  "records/regtest/alice/./x@5.json",
  "records/regtest/alice//x@5.json",
  "records/regtest/alice/x/@5.json",
  "records/regtest/alice/x.@5.json",
  "records/regtest/alice/x.json/y@5.json",
  "records/regtest/alice/x@05.json",
  "records/regtest/alice/x@4294967296.json",
  "records/regtest/alice/x@-1.json",
  "records/regtest/alice/X@5.json",
  "records/regtest/alice/x%2f@5.json",
  "records/regtest/alice/a\\b@5.json",
  "records/regtest/alice/a\0b@5.json",
  "records/regtest/Alice/x@5.json",
  "records/regtest/-alice/x@5.json",
  "records/regtest/xn--alice/x@5.json",
  `records/regtest/${"a".repeat(32)}/x@5.json`,
  `records/regtest/alice/${"a".repeat(129)}@5.json`,
  "records/othernet/alice/x@5.json",
];

const record = { kind: "record", maxBytes: 1_000 } as const;

/** What every storage provider must do. */
export function describeStorageContract(name: string, open: () => Promise<OpenedStorage>): void {
  describe(`storage contract: ${name}`, () => {
    let opened: OpenedStorage;
    let storage: StorageProvider;
    const text = async (path: string): Promise<string | null> => {
      const stored = await storage.read(path, record);
      return stored === null ? null : new TextDecoder().decode(stored.bytes);
    };

    beforeEach(async () => {
      opened = await open();
      storage = opened.storage;
    });
    afterEach(async () => {
      await opened.close();
    });

    it("says absent for what was never written", async () => {
      expect(await storage.read(RECORD_PATH, record)).toBeNull();
      expect(await storage.read(OBJECT_PATH, { kind: "object", maxBytes: 10 })).toBeNull();
    });

    it("reads back what was written, empty bodies included", async () => {
      expect(await storage.write(RECORD_PATH, utf8("one"), { kind: "record" })).toBe("stored");
      expect(await text(RECORD_PATH)).toBe("one");
      expect(await storage.write(OBJECT_PATH, new Uint8Array(0), { kind: "object" })).toBe("stored");
      expect((await storage.read(OBJECT_PATH, { kind: "object", maxBytes: 0 }))?.bytes).toEqual(new Uint8Array(0));
    });

    it("replaces what was there", async () => {
      await storage.write(RECORD_PATH, utf8("one, and longer"), { kind: "record" });
      await storage.write(RECORD_PATH, utf8("two"), { kind: "record" });
      expect(await text(RECORD_PATH)).toBe("two");
    });

    it("keeps ids apart of which one is a folder of the other, and epochs of one id", async () => {
      const paths = ["a@5.json", "a/b@5.json", "a/b/c@5.json", "a@6.json"].map(
        (tail) => `records/regtest/alice/${tail}`,
      );
      for (const path of paths) await storage.write(path, utf8(path), { kind: "record" });
      for (const path of paths) expect(await text(path)).toBe(path);
    });

    it.each(["con", "nul/x", "x/aux", "com1.txt", "lpt9", "prn.a.b"])("stores the id %s", async (id) => {
      const path = `records/regtest/alice/${id}@5.json`;
      await storage.write(path, utf8(id), { kind: "record" });
      expect(await text(path)).toBe(id);
    });

    it("does not share memory with its caller", async () => {
      const body = utf8("one");
      const writing = storage.write(RECORD_PATH, body, { kind: "record" });
      body.fill(0);
      await writing;
      const stored = await storage.read(RECORD_PATH, record);
      stored?.bytes.fill(0);
      expect(await text(RECORD_PATH)).toBe("one");
    });

    it("U1: stops at maxBytes", async () => {
      await storage.write(RECORD_PATH, utf8("12345"), { kind: "record" });
      expect((await storage.read(RECORD_PATH, { kind: "record", maxBytes: 5 }))?.bytes.length).toBe(5);
      const error = await expectCode("NETWORK_TOO_LARGE", storage.read(RECORD_PATH, { kind: "record", maxBytes: 4 }));
      expect(error.details.maxBytes).toBe(4);
    });

    it("removes, and says gone also for what was not there", async () => {
      await storage.write(RECORD_PATH, utf8("one"), { kind: "record" });
      expect(await storage.remove(RECORD_PATH)).toBe(true);
      expect(await text(RECORD_PATH)).toBeNull();
      expect(await storage.remove(RECORD_PATH)).toBe(true);
      expect(await storage.remove(OBJECT_PATH)).toBe(true);
    });

    it.each(FOREIGN_PATHS)("refuses the path %j, which is none of the layout", async (path) => {
      await expectCode("INPUT_INVALID", () => storage.read(path, record));
      await expectCode("INPUT_INVALID", () => storage.write(path, utf8("x"), { kind: "record" }));
      await expectCode("INPUT_INVALID", () => storage.remove(path));
    });

    it("does nothing for a caller that has aborted", async () => {
      const signal = AbortSignal.abort();
      await expectCode("NETWORK_ABORTED", () => storage.read(RECORD_PATH, { ...record, signal }));
      await expectCode("NETWORK_ABORTED", () => storage.write(RECORD_PATH, utf8("x"), { kind: "record", signal }));
      expect(await text(RECORD_PATH)).toBeNull();
    });

    it("publishes the base, one slash and the path, or nothing", () => {
      const url = storage.urlOf(RECORD_PATH);
      if (storage.publicBaseUrl === null) expect(url).toBeNull();
      else expect(url).toBe(`${storage.publicBaseUrl.replace(/\/$/, "")}/${RECORD_PATH}`);
    });

    it("W5: creates only where nothing is, or refuses conditions altogether", async () => {
      const create = (body: string): Promise<unknown> =>
        storage.write(RECORD_PATH, utf8(body), { kind: "record", condition: { ifAbsent: true } });
      if (!storage.conditional) {
        await expectCode("STORAGE_UNSUPPORTED", create("one"));
        expect(await text(RECORD_PATH)).toBeNull();
        return;
      }
      expect(await create("one")).toBe("stored");
      expect(await create("two")).toBe("moved");
      expect(await text(RECORD_PATH)).toBe("one");
      await storage.remove(RECORD_PATH);
      const outcomes = await Promise.all(["a", "b", "c", "d", "e"].map(create));
      expect(outcomes.filter((outcome) => outcome === "stored")).toHaveLength(1);
    });

    it("W5: replaces only what has the tag, or refuses conditions altogether", async () => {
      const replace = (body: string, ifTag: string): Promise<unknown> =>
        storage.write(RECORD_PATH, utf8(body), { kind: "record", condition: { ifTag } });
      if (!storage.conditional) {
        await expectCode("STORAGE_UNSUPPORTED", replace("one", '"x"'));
        expect(await text(RECORD_PATH)).toBeNull();
        return;
      }
      const tag = async (): Promise<string> => {
        const found = (await storage.read(RECORD_PATH, record))?.tag;
        if (found === undefined || found === null) expect.fail("no tag");
        return found;
      };
      await storage.write(RECORD_PATH, utf8("one"), { kind: "record" });
      const first = await tag();
      expect(await replace("two", first)).toBe("stored");
      expect(await replace("three", first)).toBe("moved");
      expect(await text(RECORD_PATH)).toBe("two");
      const second = await tag();
      const outcomes = await Promise.all(["a", "b", "c", "d", "e"].map((body) => replace(body, second)));
      expect(outcomes.filter((outcome) => outcome === "stored")).toHaveLength(1);
      const third = await tag();
      await storage.remove(RECORD_PATH);
      expect(await replace("x", third)).toBe("moved");
      expect(await text(RECORD_PATH)).toBeNull();
    });
  });
}
