import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HawserError } from "../../../src/errors.js";
import { limits } from "../../../src/limits.js";
import { wrapped } from "../route/places.js";
import { ReaderWorld } from "./reader-world.js";
import { contentsOf, emptyStore, mirrored, noting, outcomes, publish } from "./upkeep-world.js";

let world: ReaderWorld;
beforeAll(async () => {
  world = await ReaderWorld.start({ sources: 1, stores: 1 });
});
afterAll(() => world.close());

describe("a mirror", () => {
  it("I2, M8: does not believe a target that says that it stored", async () => {
    const home = emptyStore("home");
    await publish(world, "liar", [home], { objects: 1, records: 1 });
    const nothing = wrapped(emptyStore("liar"), { write: async () => "stored" });
    const kept = emptyStore("mangler");
    const mangler = wrapped(kept, {
      write: (path, body, options) =>
        kept.write(
          path,
          body.map((byte) => byte ^ 1),
          options,
        ),
    });
    const to = [nothing, mangler];
    const { result, items } = await mirrored(world.reader({ storage: [home] }), "liar", { to });
    expect(new Set(outcomes(items).map((line) => line.replace(/^\w+ /, "")))).toEqual(
      new Set(["liar: failed STORAGE_LOST", "mangler: failed STORAGE_LOST"]),
    );
    expect(result.complete).toBe(false);
    expect(result.providers.map(({ stored, failed }) => [stored, failed])).toEqual([
      [0, 3],
      [0, 3],
    ]);
  });

  it("P6: leaves a target alone of which it cannot tell what it holds", async () => {
    const home = emptyStore("home");
    await publish(world, "blind", [home], { objects: 1, records: 1 });
    const blind = noting(emptyStore("blind"));
    const target = wrapped(blind.store, {
      read: async () => {
        throw new HawserError("STORAGE_REFUSED", "No.", { label: "blind", reason: "no rights" });
      },
    });
    const to = [target, emptyStore("lacking")];
    const { result, items } = await mirrored(world.reader({ storage: [home] }), "blind", { to });
    expect(new Set(outcomes(items).map((line) => line.replace(/^\w+ /, "")))).toEqual(
      new Set(["blind: failed STORAGE_REFUSED", "lacking: stored"]),
    );
    expect(blind.written).toEqual([]);
    expect(result.complete).toBe(false);
  });

  it("gives every provider an outcome, and one that fails stops no other", async () => {
    const home = emptyStore("home");
    const name = await publish(world, "several", [home], { objects: 2, records: 2 });
    const full = wrapped(emptyStore("full"), {
      write: async () => {
        throw new HawserError("STORAGE_FULL", "No space.", { label: "full", reason: "no space" });
      },
    });
    const good = emptyStore("good");
    const { result, items } = await mirrored(world.reader({ storage: [home] }), "several", { to: [full, good] });
    expect(new Set(outcomes(items).map((line) => line.replace(/^\w+ /, "")))).toEqual(
      new Set(["full: failed STORAGE_FULL", "good: stored"]),
    );
    expect(result.providers.map(({ label, stored, failed }) => [label, stored, failed])).toEqual([
      ["full", 0, name.paths.length],
      ["good", name.paths.length, 0],
    ]);
    expect(await contentsOf(good, name)).toEqual(await contentsOf(home, name));
  });

  it("opens targets first, and does without one that cannot be opened", async () => {
    const home = emptyStore("home");
    const name = await publish(world, "opens", [home], { objects: 1, records: 1 });
    const calls: string[] = [];
    const noted = noting(emptyStore("opened"));
    const opened = Object.assign(
      wrapped(noted.store, {
        write: (path, body, options) => {
          calls.push("write");
          return noted.store.write(path, body, options);
        },
      }),
      { open: async () => void calls.push("open") },
    );
    const refused = Object.assign(emptyStore("refused"), {
      open: async () => {
        throw new HawserError("STORAGE_REFUSED", "No.", { label: "refused", reason: "no rights" });
      },
    });
    const reader = world.reader({ storage: [home] });
    const { items } = await mirrored(reader, "opens", { to: [opened, refused] });
    expect(calls[0]).toBe("open");
    expect(calls.filter((call) => call === "write")).toHaveLength(name.paths.length);
    expect(outcomes(items)).toContain("record refused: failed STORAGE_REFUSED");
    expect(outcomes(items)).toContain("profile refused: failed STORAGE_REFUSED");
    await expect(reader.mirror("opens", { to: refused })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      details: { attempts: [{ label: "refused", code: "STORAGE_REFUSED" }] },
    });
  });

  it("ends where every target fails again and again, and not after each of a million items", async () => {
    const home = emptyStore("home");
    await publish(world, "dead", [home], { objects: 60, records: 0 });
    let calls = 0;
    const dead = wrapped(emptyStore("dead"), {
      read: async () => {
        calls++;
        throw new HawserError("NETWORK_UNREACHABLE", "Gone.", { url: "dead", reason: "gone" });
      },
    });
    const reader = world.reader({ storage: [home], storagePolicy: { attempts: 1 } });
    await expect(reader.mirror("dead", { to: dead, maxParallel: 1 })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      details: { attempts: [{ code: "NETWORK_UNREACHABLE" }] },
    });
    expect(calls).toBeLessThanOrEqual(limits.mirrorMaxFailures + 2);
  });

  it("keeps to the kinds that a provider keeps", async () => {
    const home = emptyStore("home");
    const name = await publish(world, "kinds", [home], { objects: 40, records: 2 });
    const [records, objects] = [emptyStore("records"), emptyStore("objects")];
    const to = [
      Object.assign(records, { kinds: ["record"] as const }),
      Object.assign(objects, { kinds: ["object"] as const }),
    ];
    const reader = world.reader({ storage: [home] });
    const { result } = await mirrored(reader, "kinds", { to });
    expect(result).toMatchObject({ complete: true, providers: [{ stored: 2 }, { stored: name.paths.length - 2 }] });
    const alone = await mirrored(reader, "kinds", {
      to: Object.assign(emptyStore("x"), { kinds: ["record"] as const }),
    });
    expect(alone.result).toMatchObject({ complete: true, providers: [{ stored: 2 }] });
    for (const [path, bytes] of await contentsOf(records, name))
      expect(bytes !== null).toBe(path.startsWith("records"));
    for (const [path, bytes] of await contentsOf(objects, name))
      expect(bytes !== null).toBe(path.startsWith("objects"));
  });
});
