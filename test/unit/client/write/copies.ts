import type { StorageProvider } from "../../../../src/ports.js";
import { objectPath, recordPath } from "../../../../src/route/layout.js";
import type { Author, WriteWorld } from "./world.js";

/** Which of the world's stores hold bytes at a path. */
export async function holders({ stores }: WriteWorld, path: string): Promise<readonly boolean[]> {
  return Promise.all(stores.map((store) => isAt(store, path)));
}

async function isAt(store: StorageProvider, path: string): Promise<boolean> {
  return (await store.read(path, { kind: "object", maxBytes: 2_000_000 })) !== null;
}

/** Where a record of the name alice lies. */
export function recordAt(id: string, epoch: number): string {
  return recordPath({ network: "regtest", name: "alice", id, epoch });
}

/** Where an object lies, by its key in an index. */
export function objectAt(key: string): string {
  return objectPath(key);
}

/** An author who holds the name, with what waits for blocks mined at once while that lasts. */
export async function ownerOf(world: WriteWorld, name: string): Promise<Author> {
  const author = await world.author(2_000_000n);
  await mining(world, () => author.writer.registerName(name));
  return author;
}

/** Runs something while blocks are mined whenever a writer waits. */
export async function mining<T>(world: WriteWorld, run: () => Promise<T>): Promise<T> {
  world.mineOnPoll();
  try {
    return await run();
  } finally {
    world.clock.onPoll = () => undefined;
  }
}
