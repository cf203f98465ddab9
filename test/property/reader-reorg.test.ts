import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeHex } from "../../src/bytes/hex.js";
import { memoryCache } from "../../src/cache/memory.js";
import type { NameState } from "../../src/client/results.js";
import { isHawserError } from "../../src/errors.js";
import type { Cache, NotFound, Reader } from "../../src/index.js";
import type { AsOf } from "../../src/name/resolution.js";
import { mutableEntry } from "../../src/profile/entry.js";
import { ReaderWorld, routeOf, type TestName } from "../unit/client/reader-world.js";
import { numRuns } from "./runs.js";

const NAME = "alice";
const FROZEN = 2;
const route = routeOf("settings");

type Step =
  | { readonly kind: "register"; readonly rival: boolean }
  | { readonly kind: "update" | "transfer" | "release" | "spend" | "record" | "freeze" | "thaw" }
  | { readonly kind: "mine"; readonly blocks: number }
  | {
      readonly kind: "reorg";
      readonly depth: number;
      readonly more: number;
      readonly drop: boolean;
      readonly remine: boolean;
    };

const reorg = fc.record({
  kind: fc.constant("reorg" as const),
  depth: fc.integer({ min: 1, max: 9 }),
  more: fc.integer({ min: 1, max: 2 }),
  drop: fc.boolean(),
  remine: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("register" as const), rival: fc.boolean() }) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: "update" }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: "record" }) },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ kind: "transfer" }, { kind: "release" }, { kind: "spend" }) },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ kind: "freeze" }, { kind: "thaw" }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("mine" as const), blocks: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 5, arbitrary: reorg },
);

/** A devnet on which one name lives through a history. */
class History {
  readonly world: ReaderWorld;
  /** Claims to the name, each with the seals that it has had; a reorganisation may take any of them back. */
  readonly #claims: { readonly name: TestName; readonly seals: TestName["seal"][] }[] = [];
  #profiles = 0;
  #records = 0;

  constructor(world: ReaderWorld) {
    this.world = world;
  }

  async run(one: Step): Promise<void> {
    const { devnet } = this.world;
    try {
      if (one.kind === "register") await this.#register(one.rival);
      else if (one.kind === "mine") await devnet.mine(one.blocks);
      else if (one.kind === "freeze") devnet.tamper({ source: FROZEN, how: "freeze" });
      else if (one.kind === "thaw") devnet.tamper({ source: FROZEN, how: "honest" });
      else if (one.kind === "reorg") {
        const { depth, more, drop, remine } = one;
        await devnet.reorg({ depth, blocks: depth + more, drop, remine });
      } else await this.#operate(one.kind);
    } catch (error) {
      // What is spent, or was when it was last looked at, is refused.
      if (!isHawserError(error, "CHAIN_BROADCAST_REFUSED")) throw error;
    }
  }

  /** The hash that the source which is frozen at times shows at a height. */
  async frozenHashAt(height: number): Promise<string> {
    return (await this.#ask(`/block-height/${height}`, FROZEN)).text;
  }

  async #register(rival: boolean): Promise<void> {
    const { key } = this.world;
    const name = await this.world.register(NAME, await this.#profile(), rival ? key.p2wpkh : key.p2tr);
    this.#claims.push({ name, seals: [name.seal] });
  }

  async #operate(kind: "update" | "transfer" | "release" | "spend" | "record"): Promise<void> {
    const { world } = this;
    for (const { name, seals } of this.#claims.slice().reverse()) {
      const seal = await this.#lastUnspent(seals);
      if (seal === undefined) continue;
      name.seal = seal;
      if (kind === "record") {
        await world.putRecord(name, route, { ver: ++this.#records, data: `record ${this.#records}` });
      } else if (kind === "update") await world.update(name, await this.#profile());
      else if (kind === "transfer") {
        await world.transfer(
          name,
          seal.script === world.key.p2tr ? world.key.p2wpkh : world.key.p2tr,
          await this.#profile(),
        );
      } else if (kind === "release") await world.release(name);
      else await world.spendSeal(name);
      if (name.seal !== seal) seals.push(name.seal);
      return;
    }
  }

  #profile(): Promise<Uint8Array> {
    const about = { n: ++this.#profiles };
    return this.world.putProfile(NAME, {
      about,
      entries: [mutableEntry(route)],
      pubkey: encodeHex(this.world.key.p2tr.slice(2)),
    });
  }

  async #lastUnspent(seals: readonly TestName["seal"][]): Promise<TestName["seal"] | undefined> {
    for (const seal of seals.slice().reverse()) {
      const { status } = await this.#ask(`/tx/${seal.txid}/hex`);
      if (status !== 200) continue;
      const { text } = await this.#ask(`/tx/${seal.txid}/outspend/${seal.vout}`);
      if ((JSON.parse(text) as { spent: boolean }).spent) continue;
      return seal;
    }
    return undefined;
  }

  async #ask(path: string, source = 0): Promise<{ readonly status: number; readonly text: string }> {
    const reply = await fetch(`${this.world.devnet.sourceUrls[source] ?? ""}${path}`);
    return { status: reply.status, text: await reply.text() };
  }
}

/** What a reader says, as far as it depends on the world alone. */
async function answersOf(reader: Reader): Promise<{ readonly asOf: AsOf | null; readonly told: unknown }> {
  const told: unknown[] = [];
  let asOf: AsOf | null = null;
  const ask = async <T extends { readonly name: NameState; readonly asOf: AsOf }>(
    asked: Promise<T | NotFound>,
    more: (found: T) => unknown,
  ): Promise<void> => {
    try {
      const answer = await asked;
      asOf = answer.asOf;
      // Who reported first is a matter of chance, and time goes on.
      const pending = answer.name.pending.map((one) => ({ ...one, reportedBy: one.reportedBy.slice().sort() }));
      const rest = "why" in answer ? answer.why : more(answer);
      told.push({ name: { ...answer.name, pending }, asOf: { ...answer.asOf, tipAgeMs: 0 }, rest });
    } catch (error) {
      if (!isHawserError(error)) throw error;
      told.push(error.code);
    }
  };
  await ask(reader.getName(NAME), () => null);
  await ask(reader.getProfile(NAME), ({ profile }) => profile.about);
  await ask(reader.getMutable(NAME, route.id), ({ ver, data }) => [ver, new TextDecoder().decode(data)]);
  return { asOf, told };
}

it(
  "V6: after any reorganisation a reader that knows the old branch says what a reader from scratch says",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 10 }), reorg, async (steps, last) => {
        await using world = await ReaderWorld.start({ sources: 3, stores: 1 });
        const history = new History(world);
        await history.run({ kind: "register", rival: false });
        const warm = [1, 3].map((minConfirmations) => {
          const cache: Cache = memoryCache();
          return { minConfirmations, cache, reader: world.reader({ cache, minConfirmations }) };
        });
        for (const one of [...steps, last]) {
          await history.run(one);
          for (const { reader, cache, minConfirmations } of warm) {
            const known = await answersOf(reader);
            if (one.kind !== "reorg") continue;
            const fresh = await answersOf(world.reader({ minConfirmations }));
            expect(known.told).toEqual(fresh.told);
            // The same cache in another process.
            expect((await answersOf(world.reader({ cache, minConfirmations }))).told).toEqual(fresh.told);
            // V4: who is on another branch up to E witnesses nothing.
            const { asOf } = fresh;
            if (asOf === null) expect.fail("two sources are honest, and yet there is no answer");
            const sees = (await history.frozenHashAt(asOf.height)) === asOf.hash;
            expect(asOf.sources[FROZEN]?.verdict === "agreed").toBe(sees);
            expect(asOf.partial).toBe(!sees);
          }
        }
      }),
      { numRuns: Math.ceil(numRuns / 3) },
    );
  },
  60_000 + numRuns * 20_000,
);
