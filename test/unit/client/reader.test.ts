import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ReaderWorld } from "./reader-world.js";

describe("x", () => {
  let world: ReaderWorld;
  beforeAll(async () => {
    world = await ReaderWorld.start();
  });
  afterAll(() => world.close());
  it("reads", async () => {
    await world.registerWithRecord("alice");
    console.log(JSON.stringify(await world.reader().getMutable("alice", "settings"), null, 1));
  });
});
