import { afterEach, beforeEach } from "vitest";
import { type Author, WriteWorld } from "./world.js";

/** A world of one test's own with an author who has registered alice. */
export interface AliceWorld {
  readonly world: WriteWorld;
  readonly author: Author;
}

/** Makes one before each test of a file: a block is mined whenever a writer waits, and at no other time. */
export function useAlice(): AliceWorld {
  let parts: AliceWorld | null = null;
  const running = (): AliceWorld => {
    if (parts === null) throw new Error("the world is there in tests only");
    return parts;
  };
  beforeEach(async () => {
    const world = await WriteWorld.start({ mine: "manual" });
    const author = await world.author();
    parts = { world, author };
    world.mineOnPoll();
    await author.writer.registerName("alice");
  });
  afterEach(() => running().world.devnet.close());
  return {
    get world() {
      return running().world;
    },
    get author() {
      return running().author;
    },
  };
}
