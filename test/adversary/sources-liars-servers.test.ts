import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SourceTamper } from "../../src/devnet/tamper.js";
import type { FoundName, NotFound } from "../../src/index.js";
import { memoryCache } from "../../src/index.js";
import { ReaderWorld, type TestName } from "../unit/client/reader-world.js";

/** Real servers over one chain, of which all but one deceive. */
describe("V4: n servers of which n - 1 deceive", () => {
  const SOURCES = 3;
  let world: ReaderWorld;
  let name: TestName;
  let profiles: readonly Uint8Array[] = [];
  let heights: readonly number[] = [];
  beforeAll(async () => {
    world = await ReaderWorld.start({ sources: SOURCES, stores: 1 });
    name = await world.register("alice", await world.putProfile("alice"));
    const first = world.devnet.height();
    profiles = [
      await world.putProfile("alice", { about: { n: 1 } }),
      await world.putProfile("alice", { about: { n: 2 } }),
    ];
    for (const profile of profiles) await world.update(name, profile);
    await world.devnet.mine(2);
    heights = [first, first + 1, first + 2, world.devnet.height()];
  });
  afterAll(() => world.close());

  const tamper = (hows: readonly SourceTamper[]): void => {
    hows.forEach((how, source) => {
      world.devnet.tamper({ source, how });
    });
  };
  const read = (options = {}): Promise<FoundName | NotFound> =>
    world.reader({ minSources: 1, ...options }).getName("alice");
  const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");

  it("V4: the answer is right, whoever is the honest one and whatever the others do", async () => {
    const [first = 0, second = 0] = heights;
    const ways: readonly (readonly [SourceTamper, SourceTamper])[] = [
      [`hide-after:${first}`, `lag:${second}`],
      [`hide-after:${first - 2}`, "down"],
      [`lag:${first - 1}`, `hide-after:${second}`],
      ["down", `lag:${first}`],
    ];
    for (const [i, [one, other]] of ways.entries()) {
      const honest = i % SOURCES;
      const hows: SourceTamper[] = [one, other];
      hows.splice(honest, 0, "honest");
      tamper(hows);
      const found = await read();
      expect(found).toMatchObject({ found: true, name: { profileHash: hex(profiles[1]), tenure: name.tenure } });
      expect(found.asOf.tipHeight).toBe(heights.at(-1));
      const verdicts = found.asOf.sources.map(({ verdict }) => verdict);
      expect(verdicts.map((verdict) => verdict === "agreed")).toEqual(hows.map((how) => how === "honest"));
      expect(found.asOf.partial).toBe(verdicts.some((verdict) => verdict === "behind" || verdict === "unreachable"));
    }
  });

  it("V4: where all leave out the same it is an older state, and never below what the reader stored", async () => {
    const [first = 0, second = 0, third = 0] = heights;
    tamper(Array.from({ length: SOURCES }, () => `hide-after:${second}` as const));
    const old = await read();
    expect(old).toMatchObject({ found: true, name: { profileHash: hex(profiles[0]) } });
    expect(old.asOf.sources.map(({ verdict }) => verdict)).toEqual(["agreed", "agreed", "agreed"]);
    tamper(["honest", "honest", "honest"]);
    const cache = memoryCache();
    await read({ cache });
    for (const height of [first - 2, first, second, third - 1]) {
      tamper(Array.from({ length: SOURCES }, () => `hide-after:${height}` as const));
      expect(await read({ cache })).toMatchObject({ found: true, name: { profileHash: hex(profiles[1]) } });
    }
  });
});
