import fc from "fast-check";
import { contentKey } from "../../src/immutable/key.js";
import { type Change, type Disturbance, dataOf, Stage, type StoreFault } from "./writer-stage.js";

interface Changing {
  readonly device: number;
  readonly disturbance: Disturbance | null;
}

/** One command of a history: plain data, so that a counterexample can be played again as it was printed. */
export type Command =
  | (Changing & { readonly do: "put"; readonly id: string })
  | (Changing & { readonly do: "delete"; readonly id: string })
  | (Changing & { readonly do: "add"; readonly data: string })
  | (Changing & { readonly do: "drop"; readonly data: string })
  | (Changing & { readonly do: "batch"; readonly ids: readonly string[]; readonly isLastDeleted: boolean })
  | (Changing & { readonly do: "resume"; readonly waitFor: "broadcast" | "depth" })
  | { readonly do: "providers"; readonly fault: { readonly store: number; readonly how: StoreFault } | null }
  | { readonly do: "mine" };

const device = fc.nat({ max: 1 });
const id = fc.constantFrom("notes", "other", "third");
const data = fc.constantFrom("data 1", "data 2");
/** A new route takes more than twenty effects, of which sending its transaction is one of the last. */
const at = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 22 }) },
  { weight: 1, arbitrary: fc.constant("source.broadcast") },
);
const disturbance: fc.Arbitrary<Disturbance | null> = fc.option(
  fc.record({ mode: fc.constantFrom("before", "after", "lost", "glitch"), at }),
  { freq: 2 },
);
const fault = fc.option(
  fc.record({
    store: fc.nat({ max: 2 }),
    how: fc.constantFrom<StoreFault>("refuse", "lose", "down", "truncate", "lag"),
  }),
  { freq: 3 },
);

function commands<What extends string, More extends object>(
  what: What,
  more: { readonly [K in keyof More]: fc.Arbitrary<More[K]> },
): fc.Arbitrary<{ do: What } & More> {
  return fc.record({ do: fc.constant(what), ...more }) as fc.Arbitrary<{ do: What } & More>;
}

const changing = { device, disturbance };

/** Every sort of command; puts are the commonest. */
export const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: commands("put", { ...changing, id }) },
  commands("delete", { ...changing, id }),
  commands("add", { ...changing, data }),
  commands("drop", { ...changing, data }),
  commands("batch", { ...changing, ids: fc.uniqueArray(id, { minLength: 1 }), isLastDeleted: fc.boolean() }),
  commands("resume", { ...changing, waitFor: fc.constantFrom("broadcast", "depth") }),
  commands("providers", { fault }),
  commands("mine", {}),
);

/** Plays a whole history on a stage of its own, looking at everything after each command, and tells what reads gave. */
export async function play(history: readonly Command[]): Promise<Stage["tally"]> {
  const stage = await Stage.start();
  try {
    for (const command of history) {
      await carryOut(stage, command);
      await stage.check();
    }
    await stage.end();
  } finally {
    await stage.close();
  }
  return stage.tally;
}

async function carryOut(stage: Stage, command: Command): Promise<void> {
  if (command.do === "mine") await stage.world.devnet.mine(1);
  else if (command.do === "providers") stage.fault = command.fault;
  else if (command.do === "resume") await stage.resume(command.device, command.waitFor, command.disturbance);
  else await write(stage, command);
}

type Write = Extract<Command, { readonly do: "put" | "delete" | "add" | "drop" | "batch" }>;

function write(stage: Stage, command: Write): Promise<void> {
  const { device, disturbance } = command;
  if (command.do === "put") {
    const value = stage.fresh(command.id);
    return stage.write(device, [{ key: `m:${command.id}`, value }], disturbance, (writer) =>
      writer.putMutable("alice", command.id, dataOf(value)),
    );
  }
  if (command.do === "delete") {
    return stage.write(device, [{ key: `m:${command.id}`, value: null }], disturbance, (writer) =>
      writer.deleteMutable("alice", command.id),
    );
  }
  if (command.do === "batch") return writeBatch(stage, command);
  const bytes = dataOf(command.data);
  const key = contentKey(bytes);
  const value = command.do === "add" ? command.data : null;
  return stage.write(device, [{ key: `i:${key}`, value }], disturbance, (writer) =>
    value === null ? writer.deleteImmutable("alice", key) : writer.putImmutable("alice", bytes),
  );
}

function writeBatch(
  stage: Stage,
  { device, ids, isLastDeleted, disturbance }: Extract<Command, { readonly do: "batch" }>,
): Promise<void> {
  const changes = ids.map((id, at): Change => {
    return { key: `m:${id}`, value: isLastDeleted && at === ids.length - 1 ? null : stage.fresh(id) };
  });
  const value = stage.fresh("in a batch");
  const all = [...changes, { key: `i:${contentKey(dataOf(value))}`, value }];
  return stage.write(device, all, disturbance, (writer) => {
    const batch = writer.batch("alice").putImmutable(dataOf(value));
    for (const { key, value } of changes) {
      if (value === null) batch.deleteMutable(key.slice(2));
      else batch.putMutable(key.slice(2), dataOf(value));
    }
    return batch.commit();
  });
}
