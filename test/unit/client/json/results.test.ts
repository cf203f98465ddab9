import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import type { Results } from "../../../../src/client/json/result-shapes.js";
import type { Verified } from "../../../../src/crypto/verified.js";
import { contentKey } from "../../../../src/immutable/key.js";
import { type FoundMutable, type ProvenBundle, type Reader, verifyBundle } from "../../../../src/index.js";
import { decodeResult, encodeResult, type Relayed, type ResultJson } from "../../../../src/json.js";
import { immutableEntry, mutableEntry } from "../../../../src/profile/entry.js";
import { expectCode } from "../../storage/expect-code.js";
import { contentOf, ReaderWorld, routeOf } from "../reader-world.js";

const photo = utf8("a photo");

describe("results as JSON", () => {
  let world: ReaderWorld;
  let reader: Reader;
  beforeAll(async () => {
    world = await ReaderWorld.start();
    const route = routeOf("settings", { maxAgeMs: null, minVer: 1 });
    const entries = [mutableEntry(route), immutableEntry(contentKey(photo), contentOf(photo, { type: "text/plain" }))];
    const about = { $bytes: "AA==", nested: { $: [1] }, text: "\u20ac" };
    const name = await world.register("alice", await world.putProfile("alice", { about, entries }));
    await world.putObject(photo);
    await world.putRecord(name, route, { ver: 7, data: "dark" });
    reader = world.reader();
  });
  afterAll(() => world.close());

  const expectSame = <Kind extends keyof Results>(kind: Kind, result: Results[Kind]): void => {
    const json: unknown = JSON.parse(JSON.stringify(encodeResult(kind, result)));
    expect(decodeResult(kind, json)).toEqual(result);
    expect(structuredClone(decodeResult(kind, json))).toEqual(result);
  };

  it("of every read come back as they were, absence included", async () => {
    expectSame("name", await reader.getName("alice"));
    expectSame("profile", await reader.getProfile("alice"));
    expectSame("mutable", await reader.getMutable("alice", "settings"));
    expectSame("immutable", await reader.getImmutable("alice", contentKey(photo)));
    for (const kind of ["name", "profile", "mutable", "immutable", "list", "export"] as const) {
      expectSame(kind, (await reader.getName("nobody")) as Results["name"] & { readonly found: false });
    }
    const exported = await reader.exportBundle("alice", { id: "settings", key: contentKey(photo) });
    expectSame("export", exported);
    if (!exported.found) throw new Error(exported.why);
    expectSame("bundle", await verifyBundle(exported.bundle, { network: "regtest" }));
  });

  it("of a list need its entries in an array", async () => {
    const list = await reader.list("alice");
    if (!list.found) throw new Error(list.why);
    await expectCode("INPUT_INVALID", () => encodeResult("list", list as unknown as Results["list"]));
    const entries = [];
    for await (const entry of list.entries) entries.push(entry);
    expect(entries).toHaveLength(2);
    expectSame("list", { ...list, entries });
  });

  it("of another kind, version or form are refused", async () => {
    const found = await reader.getMutable("alice", "settings");
    const json = encodeResult("mutable", found);
    const value = json.value as Readonly<Record<string, unknown>>;
    const withValue = (changes: object): unknown => ({ ...json, value: { ...value, ...changes } });
    for (const wrong of [
      null,
      7,
      "text",
      [],
      {},
      { ...json, kind: "name" },
      { ...json, hawserResult: 2 },
      { ...json, other: 1 },
      { hawserResult: 1, kind: "mutable" },
      { ...json, value: null },
      withValue({ data: "ZGFyaw==" }),
      withValue({ data: { $bytes: "ZGFyaw" } }),
      withValue({ ver: -1 }),
      withValue({ ver: 1.5 }),
      withValue({ other: 1 }),
      withValue({ found: 1 }),
      withValue({ from: "message" }),
      withValue({ replicas: [{ label: "a", verdict: "good", ver: null, reason: null }] }),
    ]) {
      await expectCode("INPUT_JSON_INVALID", () => decodeResult("mutable", wrong));
    }
    await expectCode("INPUT_JSON_INVALID", () => decodeResult("name", json));
    for (const kind of ["", "toString", "__proto__", undefined]) {
      await expectCode("INPUT_INVALID", () => decodeResult(kind as "name", json));
      await expectCode("INPUT_INVALID", () => encodeResult(kind as "name", found));
    }
    for (const wrong of [undefined, {}, { ...found, data: "text" }, { ...found, more: undefined }]) {
      await expectCode("INPUT_INVALID", () => encodeResult("mutable", wrong as unknown as FoundMutable));
    }
  });

  it("are not verified by being decoded", () => {
    expectTypeOf(decodeResult<"bundle">).returns.toEqualTypeOf<Relayed<ProvenBundle>>();
    expectTypeOf<Relayed<ProvenBundle>>().not.toExtend<Verified<ProvenBundle>>();
    expectTypeOf<Relayed<ProvenBundle>>().toExtend<ProvenBundle>();
    expectTypeOf<ResultJson["hawserResult"]>().toEqualTypeOf<1>();
  });
});
