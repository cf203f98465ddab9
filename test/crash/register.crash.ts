import { expect, it } from "vitest";
import { useCrashWorld } from "./crash-world.js";
import { killEverywhere } from "./kill-everywhere.js";

const world = useCrashWorld();

it("W3: name register, killed at every boundary, takes one PREORDER and one REGISTER and is there in the end", async () => {
  const tenures = new Set<unknown>();
  const kills = await killEverywhere(world, {
    command: (round) => ["name", "register", `name-${round}`],
    transactions: { preorder: 1, register: 1 },
    // Where all was done but the answer: it is the name's owner who is told that the name is taken.
    resume: (round) => [{ args: ["name", "register", `name-${round}`], exitCodes: [0, 5] }],
    check: async (reader, round) => {
      const name = `name-${round}`;
      const found = await reader.getProfile(name);
      expect(found).toMatchObject({ found: true, name: { status: "active" }, profile: { name } });
      tenures.add(found.name.tenure);
    },
  });
  // Each name is held by a PREORDER of this person's.
  expect(tenures).toEqual(new Set(world.person.txidsOf("preorder")));
  expect([...kills.at.keys()]).toEqual(
    expect.arrayContaining(["in cache put journal", "before signature", "after POST /tx", "after document"]),
  );
});
