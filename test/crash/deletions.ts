import { expect } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import type { Reader } from "../../src/index.js";
import type { CrashWorld } from "./crash-world.js";
import { roundsFrom } from "./turns.js";

/** More than one node of an index holds, beside what rounds delete. */
const OTHERS = Array.from({ length: 64 }, (_, n) => `other-${n}`);

/** Records that rounds delete: of each round the one with its number as its id. */
export class Deletions {
  readonly #world: CrashWorld;
  /** Where the copies of each record lie. */
  readonly #copies = new Map<string, readonly string[]>();

  constructor(world: CrashWorld) {
    this.#world = world;
  }

  /** Where a name begins: registers it, and puts what its rounds change and delete. */
  async prepare(name: string, round: number): Promise<void> {
    const { person, fresh } = this.#world;
    const rounds = roundsFrom(round);
    if (rounds.length === 0) return;
    await person.register(name);
    await person.writing((writer) => {
      const batch = writer.batch(name);
      for (const id of [...rounds.map(String), "known", ...OTHERS]) batch.putMutable(id, utf8("to be deleted"));
      return batch.commit();
    });
    await person.look(name);
    const found = await fresh().list(name);
    if (!found.found) throw new Error("nothing was put");
    for await (const entry of found.entries)
      if ("route" in entry) this.#copies.set(`${name}/${entry.route.id}`, entry.route.urls);
  }

  /** W8: neither the index nor any store has the record of a round. */
  async expectDeleted(reader: Reader, name: string, round: number): Promise<void> {
    const id = String(round);
    expect(await reader.getMutable(name, id)).toMatchObject({ found: false, why: "not-in-index" });
    const urls = this.#copies.get(`${name}/${id}`) ?? [];
    expect(urls).toHaveLength(this.#world.devnet.storeUrls.length);
    for (const url of urls) expect((await fetch(url)).status).toBe(404);
  }
}
