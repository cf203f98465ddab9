import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { contentKey } from "../../src/immutable/key.js";
import type { Reader, StorageProvider } from "../../src/index.js";
import type { StorageReadOptions } from "../../src/ports.js";
import { immutableEntry } from "../../src/profile/entry.js";
import { objectPath } from "../../src/route/layout.js";
import { contentOf, ReaderWorld, type TestName } from "../unit/client/reader-world.js";
import { expectCode } from "../unit/storage/expect-code.js";

/** What a whole reader asks of its replicas, and what it does with immutable data and the caller's bounds. */
describe("reader over replicas", () => {
  let world: ReaderWorld;
  beforeAll(async () => {
    world = await ReaderWorld.start({ stores: 3 });
  });
  afterAll(() => world.close());

  const storeAt = (index: number): StorageProvider => world.stores[index] ?? expect.fail("no such store");
  const forge = (...stores: readonly number[]): void => {
    for (const store of stores) world.devnet.tamper({ store, how: "forge" });
  };

  describe("the caller's bounds", () => {
    const versionOf = async (found: ReturnType<Reader["getMutable"]>): Promise<number | null> => {
      const result = await found;
      return result.found ? result.ver : null;
    };
    let name: TestName;
    beforeAll(async () => {
      const made = await world.registerWithRecord("bounds");
      name = made.name;
      await world.putRecord(name, made.route, { ver: 2, data: "two" }, [storeAt(1)]);
      await world.putRecord(name, made.route, { ver: 3, data: "three" }, [storeAt(2)]);
    });

    it("M11: what is below a read's minVersion is RECORD_STALE", async () => {
      expect(await versionOf(world.reader().getMutable(name.name, "settings", { minVersion: 3 }))).toBe(3);
      await expectCode("RECORD_STALE", world.reader().getMutable(name.name, "settings", { minVersion: 4 }));
    });

    it("M11: what is above a read's maxVersion is not chosen", async () => {
      expect(await versionOf(world.reader().getMutable(name.name, "settings", { maxVersion: 2 }))).toBe(2);
    });

    it("M11: what a read's checkVersion refuses is not chosen", async () => {
      const checkVersion = ({ ver }: { readonly ver: number }): boolean => ver < 2;
      expect(await versionOf(world.reader().getMutable(name.name, "settings", { checkVersion }))).toBe(1);
    });

    it("M8: a read asks as many replicas as it chose", async () => {
      const found = await world.reader().getMutable(name.name, "settings", { replicas: 2 });
      expect(found).toMatchObject({ found: true, ver: 2, replicas: [{ verdict: "behind" }, { verdict: "fresh" }] });
    });
  });

  it("I2: bytes that hash to a key are not taken, nor asked for, where the name's index does not hold it", async () => {
    const bytes = utf8("somebody else's");
    const key = contentKey(bytes);
    await world.putObject(bytes);
    const { name } = await world.registerWithRecord("empty-vault");
    const asked: string[] = [];
    const storage = world.stores.map((store) => ({
      label: store.label,
      publicBaseUrl: store.publicBaseUrl,
      urlOf: (path: string) => store.urlOf(path),
      read: (path: string, options: StorageReadOptions) => {
        asked.push(path);
        return store.read(path, options);
      },
    }));
    const reader = world.reader({ storage });
    expect(await reader.getImmutable(name.name, key)).toMatchObject({ found: false, why: "not-in-index" });
    expect(asked).not.toContain(objectPath(key));
  });

  it("I2: an object that replicas forge is never returned, the honest replica's is", async () => {
    const bytes = utf8("precious");
    const key = contentKey(bytes);
    const entries = [immutableEntry(key, contentOf(bytes))];
    const name = await world.register("vault", await world.putProfile("vault", { entries }));
    await world.putObject(bytes);
    forge(0, 1);
    expect(await world.reader().getImmutable(name.name, key)).toMatchObject({ found: true, data: bytes });
    const reader = world.reader();
    expect(await reader.getProfile(name.name)).toMatchObject({ found: true });
    forge(2);
    await expectCode("CONTENT_UNVERIFIED", reader.getImmutable(name.name, key));
  });
});
