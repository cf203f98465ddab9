import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { type GetObjectInput, getObject } from "../../../src/immutable/get.js";
import { contentKey } from "../../../src/immutable/key.js";
import type { StorageReader } from "../../../src/ports.js";
import { ReadBudget } from "../../../src/route/budget.js";
import { memoryStorage } from "../../../src/storage/memory.js";
import { FakeClock } from "../fake-clock.js";
import { rejectionOf } from "../mutable/world.js";
import { fails, hangs, serves, urlsWith } from "../route/places.js";

const data = utf8("the data");
const key = contentKey(data);
const path = `objects/${key.slice(0, 2)}/${key}`;

function inputWith(storage: readonly StorageReader[], changes: Partial<GetObjectInput> = {}): GetObjectInput {
  const clock = changes.clock ?? new FakeClock();
  return {
    key,
    content: { size: data.length, type: null, name: null, urls: null },
    storage,
    urlReader: null,
    bases: [],
    clock,
    budget: new ReadBudget({ clock }),
    ...changes,
  };
}

describe("getObject", () => {
  it("I2: getObject takes the first replica whose bytes hash to the key", async () => {
    const provider = memoryStorage();
    await provider.write(path, data, { kind: "object" });
    const got = await getObject(inputWith([fails("a"), serves("b", utf8("other")), provider]));
    expect(got.bytes).toEqual(data);
    expect(got.label).toBe("memory");
    expect(got.attempts.map(({ label }) => label)).toEqual(["a", "b"]);
  });

  it("I2: getObject looks at the entry's URLs and under the profile's storage", async () => {
    const content = { size: 1, type: null, name: null, urls: ["https://a.example/o"] };
    const atUrl = urlsWith({ "https://a.example/o": data });
    expect((await getObject(inputWith([], { content, urlReader: atUrl }))).label).toBe("https://a.example/o");
    const atBase = urlsWith({ [`https://b.example/${path}`]: data });
    const got = await getObject(inputWith([], { bases: ["https://b.example"], urlReader: atBase }));
    expect(got.label).toBe(`https://b.example/${path}`);
  });

  it("P6: getObject tells wrong bytes from none", async () => {
    const wrong = await rejectionOf("CONTENT_UNVERIFIED", getObject(inputWith([fails("a"), serves("b", utf8("x"))])));
    expect(wrong.details).toMatchObject({ key, attempts: [{ label: "a" }, { label: "b" }] });
    const none = await rejectionOf("CONTENT_UNAVAILABLE", getObject(inputWith([fails("a"), serves("b", null)])));
    expect(none.details.attempts).toHaveLength(2);
  });

  it("I1, U1: an object of 1 MiB is admitted and no larger one", async () => {
    const large = new Uint8Array(1024 * 1024);
    expect((await getObject(inputWith([serves("a", large)], { key: contentKey(large) }))).bytes).toHaveLength(
      large.length,
    );
    const larger = new Uint8Array(1024 * 1024 + 1);
    await rejectionOf("CONTENT_UNAVAILABLE", getObject(inputWith([serves("a", larger)], { key: contentKey(larger) })));
  });

  it("I2: getObject goes on when a replica hangs", async () => {
    const clock = new FakeClock();
    const got = getObject(inputWith([hangs("a"), serves("b", data)], { clock }));
    await clock.advance(1_500);
    expect((await got).label).toBe("b");
  });

  it("I3: getObject refuses a key that it cannot read", async () => {
    const cid = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
    await rejectionOf("INPUT_INVALID", getObject(inputWith([], { key: cid })));
    await rejectionOf("INPUT_INVALID", getObject(inputWith([], { key: key.toUpperCase() })));
  });
});
