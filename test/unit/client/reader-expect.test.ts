import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { decodeHex, encodeHex } from "../../../src/bytes/hex.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { contentKey } from "../../../src/immutable/key.js";
import type { Expectation, Reader, ReadOptions } from "../../../src/index.js";
import { immutableEntry, mutableEntry } from "../../../src/profile/entry.js";
import { TestKey } from "../devnet/wallet.js";
import { expectCode } from "../storage/expect-code.js";
import { contentOf, ReaderWorld, routeOf, type TestName } from "./reader-world.js";

const OTHER_TXID = "ab".repeat(32);
const data = utf8("an object");

describe("expect", () => {
  let world: ReaderWorld;
  let name: TestName;
  const stranger = new TestKey("stranger");
  beforeAll(async () => {
    world = await ReaderWorld.start();
    name = await registered("alice");
  });
  afterAll(() => world.close());

  async function registered(text: string): Promise<TestName> {
    await world.putObject(data);
    const route = routeOf("settings");
    const entries = [mutableEntry(route), immutableEntry(contentKey(data), contentOf(data))];
    const made = await world.register(text, await world.putProfile(text, { entries }));
    await world.putRecord(made, route, { ver: 1, data: "one" });
    return made;
  }

  const reads = (
    reader: Reader,
    given: string,
    options: ReadOptions,
  ): readonly (() => Promise<{ found: boolean }>)[] => [
    () => reader.getName(given, options),
    () => reader.getProfile(given, options),
    () => reader.getMutable(given, "settings", options),
    () => reader.getImmutable(given, contentKey(data), options),
    () => reader.list(given, options),
  ];

  it("V6: a name that is held as expected is read", async () => {
    const expected: readonly Expectation[] = [
      { tenure: name.tenure },
      { ownerScript: world.key.p2tr },
      { tenure: name.tenure, ownerScript: world.key.p2tr },
      { tenure: name.tenure, ownerScript: undefined },
    ];
    for (const holder of expected) {
      for (const read of reads(world.reader(), "alice", { expect: holder })) {
        expect(await read()).toMatchObject({ found: true });
      }
    }
  });

  it("V6: another tenure or owner is NAME_OWNER_CHANGED in every read, and nothing is fetched for it", async () => {
    const held = { status: "active", tenure: name.tenure, ownerScript: encodeHex(world.key.p2tr) };
    const cases: readonly (readonly [Expectation, object])[] = [
      [{ tenure: OTHER_TXID }, { tenure: OTHER_TXID, ownerScript: null }],
      [{ ownerScript: stranger.p2tr }, { tenure: null, ownerScript: encodeHex(stranger.p2tr) }],
      // One that holds does not make up for the other.
      [{ tenure: name.tenure, ownerScript: stranger.p2tr }, { tenure: name.tenure }],
      [{ tenure: OTHER_TXID, ownerScript: world.key.p2tr }, { tenure: OTHER_TXID }],
    ];
    for (const [expected, shown] of cases) {
      const asked: string[] = [];
      const storage = world.stores.map((store) => ({
        label: store.label,
        publicBaseUrl: null,
        urlOf: () => null,
        read: (path: string) => {
          asked.push(path);
          return Promise.resolve(null);
        },
      }));
      for (const read of reads(world.reader({ storage }), "alice", { expect: expected })) {
        const error = await expectCode("NAME_OWNER_CHANGED", read);
        expect(error.details).toMatchObject({ name: "alice", expected: shown, got: held });
        expect(error.outcome).toBe("wrong");
        expect(JSON.parse(JSON.stringify(error))).toMatchObject({ details: error.details });
      }
      expect(asked).toEqual([]);
    }
  });

  it("M7: neither is a floor raised, nor the record of a known name asked early", async () => {
    const cache = memoryCache();
    await world.reader({ cache }).getMutable("alice", "settings");
    const floors = async (): Promise<unknown> => Promise.all((await cache.keys("floor/")).map((key) => cache.get(key)));
    const before = await floors();
    await world.putRecord(name, routeOf("settings"), { ver: 2, data: "two" });
    const asked: string[] = [];
    const [store] = world.stores;
    if (store === undefined) expect.fail("a store");
    const storage = [
      {
        label: store.label,
        publicBaseUrl: null,
        urlOf: () => null,
        read: (path: string) => {
          asked.push(path);
          return store.read(path, { kind: "record", maxBytes: 1_000_000 });
        },
      },
    ];
    const reader = world.reader({ cache, storage });
    await expectCode("NAME_OWNER_CHANGED", reader.getMutable("alice", "settings", { expect: { tenure: OTHER_TXID } }));
    expect(asked).toEqual([]);
    expect(await floors()).toEqual(before);
    const found = await reader.getMutable("alice", "settings", { expect: { tenure: name.tenure } });
    expect(found).toMatchObject({ found: true, ver: 2 });
  });

  it("V6: a TRANSFER changes the owner, not the tenure, once it is at depth", async () => {
    const sold = await registered("sold");
    const expected = { ownerScript: world.key.p2tr };
    const deep = world.reader({ minConfirmations: 2 });
    await world.devnet.mine(1);
    expect(await deep.getName("sold", { expect: expected })).toMatchObject({ found: true });
    await world.transfer(sold, stranger.p2tr, new Uint8Array(32));
    // What is pending is told and is no error yet.
    expect(await deep.getName("sold", { expect: expected })).toMatchObject({
      found: true,
      name: { pending: [{ kind: "transfer" }] },
    });
    await world.devnet.mine(1);
    for (const read of reads(deep, "sold", { expect: expected })) await expectCode("NAME_OWNER_CHANGED", read);
    expect(await deep.getName("sold", { expect: { tenure: sold.tenure } })).toMatchObject({ found: true });
  });

  it("C9: a name that nobody holds any more is not as expected, whatever was expected", async () => {
    const left = await registered("left");
    await world.release(left);
    for (const [given, status] of [
      ["left", "released"],
      ["never", "free"],
    ] as const) {
      for (const expected of [{ tenure: left.tenure }, { ownerScript: world.key.p2tr }]) {
        for (const read of reads(world.reader(), given, { expect: expected })) {
          const error = await expectCode("NAME_OWNER_CHANGED", read);
          expect(error.details.got).toEqual({ status, tenure: null, ownerScript: null });
        }
      }
      expect(await world.reader().getName(given)).toMatchObject({ found: false, why: "no-name" });
    }
  });

  it("is taken as it was when the read began", async () => {
    const ownerScript = world.key.p2tr.slice();
    const read = world.reader().getName("alice", { expect: { ownerScript } });
    ownerScript.fill(0, 2);
    expect(await read).toMatchObject({ found: true });
  });

  const malformed: readonly (readonly [string, unknown, string])[] = [
    ["null", null, "expect"],
    ["a txid", OTHER_TXID, "expect"],
    ["nothing expected", {}, "expect"],
    ["only undefined", { tenure: undefined, ownerScript: undefined }, "expect"],
    ["another member", { tenure: OTHER_TXID, owner: "x" }, "expect"],
    ["a misspelt member", { ownerscript: decodeHex(`5120${"11".repeat(32)}`) }, "expect"],
    ["a short tenure", { tenure: OTHER_TXID.slice(2) }, "expect.tenure"],
    ["an upper-case tenure", { tenure: OTHER_TXID.toUpperCase() }, "expect.tenure"],
    ["a tenure of null", { tenure: null }, "expect.tenure"],
    ["a script in hex", { ownerScript: `5120${"11".repeat(32)}` }, "expect.ownerScript"],
    ["a script that owns nothing", { ownerScript: decodeHex(`76a914${"11".repeat(20)}88ac`) }, "expect.ownerScript"],
    ["an empty script", { ownerScript: new Uint8Array(0) }, "expect.ownerScript"],
  ];
  it.each(malformed)("V6: %s is INPUT_INVALID", async (_, expected, argument) => {
    for (const read of reads(world.reader(), "alice", { expect: expected as Expectation })) {
      expect((await expectCode("INPUT_INVALID", read)).details.argument).toBe(argument);
    }
  });

  it.each(["", "00", OTHER_TXID.toUpperCase(), `${OTHER_TXID}00`, 7, null, {}])(
    "V8: a hint of %j is INPUT_INVALID",
    async (hint) => {
      for (const read of reads(world.reader(), "alice", { hint: hint as string })) {
        expect((await expectCode("INPUT_INVALID", read)).details.argument).toBe("hint");
      }
    },
  );

  it("V8: a hint that is right or nothing at all changes no answer", async () => {
    const { txid } = name.seal;
    for (const hint of [txid, OTHER_TXID, name.tenure]) {
      for (const read of reads(world.reader(), "alice", { hint, expect: { tenure: name.tenure } })) {
        expect(await read()).toMatchObject({ found: true });
      }
      expect(await world.reader().getName("nobody", { hint })).toMatchObject({ found: false, why: "no-name" });
    }
  });
});
