import { afterAll, beforeAll, expect, it } from "vitest";
import { isHawserError } from "../../../../src/errors.js";
import { atEveryCall, faultModes, WriteWorld } from "./world.js";

let world: WriteWorld;

beforeAll(async () => {
  world = await WriteWorld.start();
  world.mineOnPoll();
});
afterAll(() => world.devnet.close());

it.each(faultModes)(
  "W3: a registration that is disturbed (%s) at any call ends as the one that was begun",
  {
    timeout: 300_000,
  },
  async (mode) => {
    const struck = await atEveryCall(mode, async (fault, at) => {
      const name = `${mode}-${at}`;
      const author = await world.author();
      const reader = mode === "glitch" ? {} : { minConfirmations: 2 };
      const first = author.start({ gate: fault.gate, reader }).writer.registerName(name, { about: { at } });
      const begun = await first.catch(() => null);
      const sent = (await author.transactions()).find(({ kind }) => kind === "preorder")?.txid ?? null;

      const resumed = author.start({ reader }).writer.registerName(name, { about: { at } });
      const finished = await resumed.catch((error: unknown) => {
        // Where the last answer alone was lost there is nothing left to go on with.
        if (isHawserError(error, "CONFLICT_NAME_TAKEN")) return error.details;
        throw error;
      });
      expect(await author.count("preorder")).toBe(1);
      expect(await author.count("register")).toBe(1);
      expect(begun?.tenure ?? finished.tenure).toBe(finished.tenure);
      expect(sent ?? finished.tenure).toBe(finished.tenure);
      expect(await author.journal()).toEqual([]);
      const found = await world.reader().getProfile(name);
      expect(found).toMatchObject({ found: true, name: { tenure: finished.tenure }, profile: { about: { at } } });
    });
    const effects = ["wallet.signPsbts", "cache.update", "store.write", "source.broadcast"];
    for (const effect of effects) expect(struck).toContain(`${mode} ${effect}`);
  },
);
