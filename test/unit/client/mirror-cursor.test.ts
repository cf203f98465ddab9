import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { memoryCache } from "../../../src/cache/memory.js";
import {
  decodeMirrorPlace,
  encodeMirrorPlace,
  MirrorCursor,
  type MirrorRun,
  pathOfPlace,
} from "../../../src/client/mirror-cursor.js";
import { limits } from "../../../src/limits.js";
import { keyPath } from "../../../src/profile/entry.js";
import { numRuns } from "../../property/runs.js";
import { FakeClock } from "../fake-clock.js";
import { wrapped } from "../route/places.js";
import { emptyStore } from "./upkeep-world.js";

const hex = (byte: string): string => byte.repeat(32);
const [profileHash, first, last, other] = [hex("aa"), hex("01"), hex("02"), hex("03")];
const kept = { profileHash, atMs: 1_700_000_000_000, place: { witnesses: [first, last] } } as const;
const text = new TextDecoder().decode(encodeMirrorPlace(kept));

function runOf(changes: Partial<MirrorRun> = {}): MirrorRun {
  const [cache, clock] = [memoryCache(), new FakeClock()];
  return { cache, clock, network: "regtest", name: "alice", profileHash, targets: [emptyStore("a")], ...changes };
}

/** Keeps the place of a run that copied a node and two objects. */
async function keptBy(run: MirrorRun): Promise<void> {
  const cursor = new MirrorCursor(run);
  await cursor.note(first, "node", true);
  await cursor.note(other, "entry", true);
  await cursor.note(last, "entry", true);
  await cursor.keep();
}

describe("the place of a mirror as it is kept", () => {
  it("is read as it was written", () => {
    const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
    fc.assert(
      fc.property(hash, fc.nat(), hash, hash, (one, atMs, from, to) => {
        const place = { profileHash: one, atMs, place: { witnesses: [from, to] } } as const;
        expect(decodeMirrorPlace(encodeMirrorPlace(place))).toEqual(place);
      }),
      { numRuns },
    );
  });

  it.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["no object", "[]"],
    ["null", "null"],
    ["a member twice", text.replace('"atMs"', '"atMs":1,"atMs"')],
    ["another member", text.replace("{", '{"path":"00",')],
    ["no profile", text.replace(`"${profileHash}"`, "null")],
    ["a profile that is none", text.replace(profileHash, "aa")],
    ["a time that is none", text.replace("1700000000000", '"1700000000000"')],
    ["a time that is no integer", text.replace("1700000000000", "1.5")],
    ["no witnesses", text.replace(/\[.*\]/, "null")],
    ["one witness", text.replace(`,"${last}"`, "")],
    ["three witnesses", text.replace("]", `,"${last}"]`)],
    ["a witness that is no hash", text.replace(last, last.slice(2))],
    ["a witness in capitals", text.replace(first, hex("AB"))],
    ["a witness that is a path", text.replace(last, `../${last.slice(3)}`)],
    ["a nest of arrays", "[".repeat(100_000)],
    ["a member of the prototype", text.replace("{", '{"__proto__":{},')],
  ])("is none in %s", (_, damaged) => {
    expect(decodeMirrorPlace(utf8(damaged))).toBeNull();
  });

  it("is one in its own form or none, whatever bytes are there", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.json().map(utf8),
          fc.tuple(fc.nat({ max: text.length - 1 }), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => {
            return encodeMirrorPlace(kept).map((byte, i) => (i === at ? byte ^ flip : byte));
          }),
        ),
        (bytes) => {
          const read = decodeMirrorPlace(bytes);
          if (read === null) return;
          expect(read.profileHash).toMatch(/^[0-9a-f]{64}$/);
          for (const witness of read.place.witnesses) expect(witness).toMatch(/^[0-9a-f]{64}$/);
          expect(decodeMirrorPlace(encodeMirrorPlace(read))).toEqual(read);
        },
      ),
      { numRuns: numRuns * 20 },
    );
  });

  it("leads no further than to the object whose presence shows it", () => {
    expect(pathOfPlace(kept.place)).toBe(keyPath(`i:${last}`));
  });
});

describe("the cursor of a mirror", () => {
  it("goes on from the last of what is everywhere, and not past what is not", async () => {
    const run = runOf();
    const cursor = new MirrorCursor(run);
    await cursor.keep();
    expect(await run.cache.keys("")).toEqual([]);
    // A node alone is no place: what is below it comes first.
    await cursor.note(first, "node", true);
    await cursor.keep();
    expect(await cursor.load()).toBeNull();
    await cursor.note(other, "entry", true);
    await cursor.note(last, "entry", true);
    await cursor.note(hex("04"), "node", true);
    await cursor.note(hex("05"), "entry", false);
    await cursor.note(hex("06"), "entry", true);
    await cursor.keep();
    expect(await new MirrorCursor(run).load()).toEqual({ witnesses: [first, last] });
  });

  it("does not pass what has no object, such as a key that cannot be read yet", async () => {
    const run = runOf();
    const cursor = new MirrorCursor(run);
    await cursor.note(first, "entry", true);
    await cursor.note(null, "entry", true);
    await cursor.note(last, "entry", true);
    await cursor.keep();
    expect(await cursor.load()).toEqual({ witnesses: [first, first] });
  });

  it("is kept now and then, so that a process that dies loses little", async () => {
    const run = runOf();
    const cursor = new MirrorCursor(run);
    const hashAt = (i: number): string => i.toString(16).padStart(64, "0");
    for (let i = 1; i <= 300; i++) await cursor.note(hashAt(i), "entry", true);
    expect(await new MirrorCursor(run).load()).toEqual({ witnesses: [hashAt(1), hashAt(256)] });
  });

  it("goes on from where it was, with the first of then", async () => {
    const run = runOf();
    await keptBy(run);
    const cursor = new MirrorCursor(run);
    cursor.resume((await cursor.load()) ?? expect.fail());
    await cursor.note(hex("07"), "node", true);
    await cursor.note(hex("08"), "entry", true);
    await cursor.keep();
    expect(await cursor.load()).toEqual({ witnesses: [first, hex("08")] });
  });

  it("is that of one network, name, profile and list of targets", async () => {
    const run = runOf();
    await keptBy(run);
    expect(await new MirrorCursor(run).load()).toEqual(kept.place);
    for (const changes of [
      { network: "mainnet" },
      { name: "bob" },
      { profileHash: hex("ab") },
      { targets: [] },
      { targets: [emptyStore("b")] },
      { targets: [emptyStore("a"), emptyStore("a")] },
      { targets: [{ ...wrapped(emptyStore("a"), {}), publicBaseUrl: "https://a.example" }] },
    ]) {
      expect(await new MirrorCursor({ ...run, ...changes }).load()).toBeNull();
    }
  });

  it("is none once it is a day old, nor from a time to come", async () => {
    const run = runOf();
    await keptBy(run);
    const start = run.clock.nowMs();
    const at = (nowMs: number): Promise<unknown> => new MirrorCursor({ ...run, clock: new FakeClock(nowMs) }).load();
    expect(await at(start + limits.mirrorResumeMs)).not.toBeNull();
    expect(await at(start + limits.mirrorResumeMs + 1)).toBeNull();
    expect(await at(start - 1)).toBeNull();
  });

  it("is forgotten, and not there before", async () => {
    const run = runOf();
    await new MirrorCursor(run).forget();
    await keptBy(run);
    await new MirrorCursor(run).forget();
    expect(await run.cache.keys("")).toEqual([]);
  });
});
