import { beforeAll, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { contentKey } from "../../src/immutable/key.js";
import { useCrashWorld } from "./crash-world.js";
import { killEverywhere } from "./kill-everywhere.js";

const world = useCrashWorld();

beforeAll(async () => {
  await world.person.succeed(["name", "register", "alice"]);
});

it("W3: add, killed at every boundary, takes one transaction, and what was acknowledged is read", async () => {
  await killEverywhere(world, {
    command: () => ["add", "alice", "-"],
    input: (round) => `object ${round}`,
    transactions: { update: 1 },
    check: async (reader, _, input) => {
      const data = utf8(input);
      expect(await reader.getImmutable("alice", contentKey(data))).toMatchObject({ found: true, data });
    },
  });
});
