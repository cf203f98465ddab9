import { describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { memoryCache } from "../../src/cache/memory.js";
import { networks } from "../../src/chain/network.js";
import { floorKey } from "../../src/mutable/floor.js";
import { readFloor } from "../../src/mutable/floor-cache.js";
import { type GetRecordInput, getRecord } from "../../src/mutable/get.js";
import type { RecordContext } from "../../src/mutable/record.js";
import type { Cache, StorageReader } from "../../src/ports.js";
import { ReadBudget } from "../../src/route/budget.js";
import { memoryStorage } from "../../src/storage/memory.js";
import { FakeClock } from "../unit/fake-clock.js";
import { context, rejectionOf, routeWith, signed, signerOf, type TestSigner, writer } from "../unit/mutable/world.js";
import { serves } from "../unit/route/places.js";

/**
 * Attack: records that were genuine once, or are genuine elsewhere, shown where the chain now names another life of the
 * id, another holder, another key. All of them have a far higher version than the honest record.
 */

/** A place, and the key of that time, at which a record was validly signed. */
interface Life {
  readonly context: RecordContext;
  readonly signer: TestSigner;
}

const now: Life = { context: { ...context, epoch: 20 }, signer: writer };
const lives: readonly (readonly [string, string, Life])[] = [
  [
    "M4",
    "the earlier holder's registration, same key",
    { ...now, context: { ...now.context, tenure: "2f".repeat(32) } },
  ],
  [
    "M4",
    "an earlier holder with a key of their own",
    {
      context: { ...now.context, tenure: "2f".repeat(32), epoch: 19 },
      signer: signerOf("earlier holder"),
    },
  ],
  ["M4", "an earlier life of the id", { ...now, context: { ...now.context, epoch: 7 } }],
  ["M4", "the life just before", { ...now, context: { ...now.context, epoch: 19 } }],
  ["M4", "a later life that is not anchored", { ...now, context: { ...now.context, epoch: 21 } }],
  ["M2", "the key before it was rotated", { ...now, signer: signerOf("rotated out") }],
  ["M4", "another name of the same owner", { ...now, context: { ...now.context, name: "bob" } }],
  ["M4", "the same name on another network", { ...now, context: { ...now.context, network: networks.mainnet } }],
  ["M3", "another id of the same name", { ...now, context: { ...now.context, id: "secrets" } }],
];

const bodyOf = (life: Life, ver: number, data: string): Uint8Array => signed(ver, data, life);

function read(life: Life, storage: readonly StorageReader[], changes: Partial<GetRecordInput> = {}) {
  const clock = new FakeClock();
  return getRecord({
    context: life.context,
    publicKey: life.signer.publicKey,
    route: routeWith({ id: life.context.id, epoch: life.context.epoch }),
    storage,
    urlReader: null,
    cache: memoryCache(),
    clock,
    budget: new ReadBudget({ clock }),
    ...changes,
  });
}

/** A cache whose reader has read version 99 of that life. */
async function cacheThatRead(life: Life): Promise<Cache> {
  const cache = memoryCache();
  expect((await read(life, [serves("then", bodyOf(life, 99, "then"))], { cache })).record.ver).toBe(99);
  return cache;
}

/** Whether a life's floor is rightly above all of now's versions. */
const isLater = ({ context: { epoch } }: Life): boolean => epoch > now.context.epoch;

describe("records of other lives", () => {
  it.each(lives)(
    "%s: a record of %s is refused without a cache, alone and beside the honest one",
    async (_step, _what, life) => {
      const old = serves("old", bodyOf(life, 99, "then"));
      await rejectionOf("RECORD_UNVERIFIED", read(now, [old]));
      const got = await read(now, [old, serves("honest", bodyOf(now, 1, "now"))]);
      expect(got.data).toEqual(utf8("now"));
      expect(got.replicas.map(({ verdict }) => verdict)).toEqual(["unverified", "fresh"]);
    },
  );

  it.each(lives)("%s: a record of %s is refused by a reader that read it in its time", async (_step, _what, life) => {
    const cache = await cacheThatRead(life);
    await rejectionOf("RECORD_UNVERIFIED", read(now, [serves("old", bodyOf(life, 99, "then"))], { cache }));
  });

  it.each(lives)(
    "%s: a record of %s does not raise the floor of a reader that sees it now",
    async (_step, _what, life) => {
      const cache = memoryCache();
      await read(now, [serves("old", bodyOf(life, 99, "then")), serves("honest", bodyOf(now, 1, "now"))], { cache });
      expect(await readFloor(cache, floorKey(now.context))).toMatchObject({ epoch: 20, ver: 1 });
      await rejectionOf("RECORD_UNVERIFIED", read(now, [serves("old", bodyOf(life, 99, "then"))], { cache }));
    },
  );

  const sameKey = lives.flatMap(([, what, life]) =>
    !isLater(life) && life.signer === writer ? [[what, life] as const] : [],
  );
  it.each(sameKey)("M5: the floor of %s does not lock out version 1 of now", async (_, life) => {
    const cache = await cacheThatRead(life);
    const got = await read(now, [serves("honest", bodyOf(now, 1, "now"))], { cache });
    expect(got.data).toEqual(utf8("now"));
  });

  it("M6: a rotated key needs a new epoch: under the old one the floor of the lost key locks its reader out", async () => {
    const thief: Life = { ...now, signer: signerOf("stolen") };
    const cache = await cacheThatRead(thief);
    const same = [serves("honest", bodyOf(now, 1, "now"))];
    await rejectionOf("RECORD_STALE", read(now, same, { cache }));
    const next: Life = { ...now, context: { ...now.context, epoch: 21 } };
    expect((await read(next, [serves("honest", bodyOf(next, 1, "now"))], { cache })).record.ver).toBe(1);
  });

  it("M5: a route that goes back to an earlier epoch is RECORD_STALE for a reader that saw the later one", async () => {
    const later: Life = { ...now, context: { ...now.context, epoch: 21 } };
    const cache = await cacheThatRead(later);
    await rejectionOf("RECORD_STALE", read(now, [serves("honest", bodyOf(now, 100, "back"))], { cache }));
  });

  it("U1: a record of an earlier life lies at another path and is not even asked for", async () => {
    const provider = memoryStorage();
    await provider.write("records/regtest/alice/settings@7.json", bodyOf(now, 9, "moved here"), { kind: "record" });
    await rejectionOf("RECORD_UNAVAILABLE", read(now, [provider]));
    await provider.write("records/regtest/alice/settings@20.json", bodyOf(now, 1, "now"), { kind: "record" });
    expect((await read(now, [provider])).data).toEqual(utf8("now"));
  });
});
