import fc from "fast-check";
import { contentKey } from "../../src/immutable/key.js";
import { type Change, type Disturbance, dataOf, type Stage, type StoreFault } from "./writer-stage.js";

/** Nothing is kept apart from the real thing: the stage holds the model. */
export type Command = fc.AsyncCommand<object, Stage>;

const IDS = ["notes", "other", "third"];
const DATA = ["data 1", "data 2"];

const device = fc.nat({ max: 1 });
const id = fc.constantFrom(...IDS);
const data = fc.constantFrom(...DATA);
const disturbance: fc.Arbitrary<Disturbance | null> = fc.option(
  fc.record({ mode: fc.constantFrom("before", "after", "lost", "glitch"), at: fc.integer({ min: 1, max: 22 }) }),
  { freq: 2 },
);
const storeFault = fc.option(
  fc.record({
    store: fc.nat({ max: 2 }),
    how: fc.constantFrom<StoreFault>("refuse", "lose", "down", "truncate", "lag"),
  }),
  { freq: 3 },
);

let serial = 0;

/** Each try has data of its own, so that a read tells which one it saw. */
function fresh(what: string): string {
  return `${what} ${++serial}`;
}

function command(label: string, act: (stage: Stage) => Promise<void>): Command {
  return {
    check: () => true,
    run: async (_, stage) => {
      await act(stage);
      await stage.check();
    },
    toString: () => label,
  };
}

const changing = fc.record({ device, disturbance });

const put = fc.tuple(changing, id).map(([{ device, disturbance }, id]) =>
  command(`put ${JSON.stringify({ device, id, disturbance })}`, (stage) => {
    const value = fresh(id);
    return stage.write(device, [{ key: `m:${id}`, value }], disturbance, async (writer) => {
      return (await writer.putMutable("alice", id, dataOf(value))).txids;
    });
  }),
);

const remove = fc.tuple(changing, id).map(([{ device, disturbance }, id]) =>
  command(`delete ${JSON.stringify({ device, id, disturbance })}`, (stage) =>
    stage.write(device, [{ key: `m:${id}`, value: null }], disturbance, async (writer) => {
      return (await writer.deleteMutable("alice", id)).txids;
    }),
  ),
);

const add = fc.tuple(changing, data).map(([{ device, disturbance }, value]) =>
  command(`add ${JSON.stringify({ device, value, disturbance })}`, (stage) =>
    stage.write(device, [{ key: `i:${contentKey(dataOf(value))}`, value }], disturbance, async (writer) => {
      return (await writer.putImmutable("alice", dataOf(value))).txids;
    }),
  ),
);

const drop = fc.tuple(changing, data).map(([{ device, disturbance }, value]) =>
  command(`drop ${JSON.stringify({ device, value, disturbance })}`, (stage) => {
    const key = contentKey(dataOf(value));
    return stage.write(device, [{ key: `i:${key}`, value: null }], disturbance, async (writer) => {
      return (await writer.deleteImmutable("alice", key)).txids;
    });
  }),
);

const batch = fc
  .tuple(changing, fc.uniqueArray(id, { minLength: 1 }), fc.boolean())
  .map(([{ device, disturbance }, ids, isLastDeleted]) =>
    command(`batch ${JSON.stringify({ device, ids, isLastDeleted, disturbance })}`, (stage) => {
      const changes = ids.map((id, at): Change => {
        return { key: `m:${id}`, value: isLastDeleted && at === ids.length - 1 ? null : fresh(id) };
      });
      const value = fresh("in a batch");
      const all = [...changes, { key: `i:${contentKey(dataOf(value))}`, value }];
      return stage.write(device, all, disturbance, async (writer) => {
        const batch = writer.batch("alice").putImmutable(dataOf(value));
        for (const { key, value } of changes) {
          if (value === null) batch.deleteMutable(key.slice(2));
          else batch.putMutable(key.slice(2), dataOf(value));
        }
        return (await batch.commit()).txids;
      });
    }),
  );

const resume = fc
  .tuple(changing, fc.constantFrom("broadcast" as const, "depth" as const))
  .map(([{ device, disturbance }, waitFor]) =>
    command(`resume ${JSON.stringify({ device, waitFor, disturbance })}`, (stage) =>
      stage.resume(device, waitFor, disturbance),
    ),
  );

const fault = storeFault.map((fault) =>
  command(`providers ${JSON.stringify(fault)}`, async (stage) => {
    stage.fault = fault;
    await Promise.resolve();
  }),
);

const mine = fc.constant(command("mine", (stage) => stage.world.devnet.mine(1).then(() => undefined)));

/** Every sort of command; puts are the commonest. */
export const anyCommand: readonly fc.Arbitrary<Command>[] = [put, put, remove, add, drop, batch, resume, fault, mine];
