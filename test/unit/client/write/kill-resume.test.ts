import { afterEach, beforeEach, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { contentKey } from "../../../../src/immutable/key.js";
import type { Writer } from "../../../../src/writer.js";
import { inTurns } from "./turns.js";
import { type Author, atEveryCall, Recorder, through, WriteWorld } from "./world.js";

let world: WriteWorld;

beforeEach(async () => {
  world = await WriteWorld.start();
  world.mineOnPoll();
});
afterEach(() => world.devnet.close());

const LONG = { timeout: 300_000 };
/** How many steps one name serves. */
const STEPS = 14;
/** More than any of these writes has effects; and without what the steps delete, more than one node of an index holds. */
const MOST = 48;

interface Kind {
  readonly write: (writer: Writer, name: string, at: number) => Promise<unknown>;
  /** Whether a reader that knows nothing sees it, and sees all of it. */
  readonly isDone: (name: string, at: number) => Promise<boolean>;
  readonly transactions: 0 | 1;
}

async function text(name: string, id: string, reader = world.reader()): Promise<string | null> {
  const read = await reader.getMutable(name, id);
  return read.found ? new TextDecoder().decode(read.data) : null;
}

async function has(name: string, data: string, reader = world.reader()): Promise<boolean> {
  return (await reader.getImmutable(name, contentKey(utf8(data)))).found;
}

const kinds: Readonly<Record<string, Kind>> = {
  record: {
    write: (writer, name, at) => writer.putMutable(name, "notes", utf8(String(at))),
    isDone: async (name, at) => (await text(name, "notes")) === String(at),
    transactions: 0,
  },
  "new id": {
    write: (writer, name, at) => writer.putMutable(name, `new/${at}`, utf8("1")),
    isDone: async (name, at) => (await text(name, `new/${at}`)) === "1",
    transactions: 1,
  },
  add: {
    write: (writer, name, at) => writer.putImmutable(name, utf8(String(at))),
    isDone: (name, at) => has(name, String(at)),
    transactions: 1,
  },
  delete: {
    write: (writer, name, at) => writer.deleteMutable(name, `old/${at}`),
    isDone: async (name, at) => (await text(name, `old/${at}`)) === null,
    transactions: 1,
  },
  batch: {
    write: (writer, name, at) => {
      const batch = writer
        .batch(name)
        .putMutable(`both/${at}`, utf8("1"))
        .putImmutable(utf8(`both ${at}`));
      return batch.deleteMutable(`old/${at}`).commit();
    },
    isDone: async (name, at) => {
      const reader = world.reader();
      const put = (await text(name, `both/${at}`, reader)) === "1";
      const parts = [put, await has(name, `both ${at}`, reader), (await text(name, `old/${at}`, reader)) === null];
      // All or nothing.
      expect(new Set(parts).size).toBe(1);
      return parts.every((part) => part);
    },
    transactions: 1,
  },
};

// What dies after one effect dies before the next.
const modes = ["before", "lost"] as const;
const cases = Object.entries(kinds).flatMap(([kind, value]) => modes.map((mode) => [kind, mode, value] as const));

interface Owned {
  readonly name: string;
  readonly author: Author;
}

/** The n-th name, with what any step changes and deletes: the index is as large for each. */
async function owner(n: number): Promise<Owned> {
  const name = `alice-${n}`;
  const author = await world.author(5_000_000n);
  await world.showHeaders(author);
  await author.writer.registerName(name);
  const batch = author.writer.batch(name).putMutable("notes", utf8("0"));
  for (let at = 1; at <= MOST; at++) batch.putMutable(`old/${at}`, utf8("1"));
  await batch.commit();
  return { name, author };
}

/** Every transaction that a recorder saw on its way to the source, each once. */
function sentBy({ calls }: Recorder): ReadonlySet<string> {
  return new Set(
    calls.flatMap(({ method, args }) => (method === "broadcast" ? [encodeHex(args[0] as Uint8Array)] : [])),
  );
}

it.each(cases)(
  "W3: %s, disturbed (%s) at any effect, is finished or shown by `resume`",
  LONG,
  async (_, mode, { write, isDone, transactions }) => {
    const ownerAt = inTurns(STEPS, owner);
    const outcomes = new Set<string>();
    const struck = await atEveryCall(mode, async (fault, at) => {
      const { name, author } = await ownerAt(at);
      const recorder = new Recorder();
      const { writer } = author.start({ gate: through(fault.gate, recorder.gate) });
      const again = () => author.start({ gate: recorder.gate }).writer;
      const isAcknowledged = await write(writer, name, at)
        .then(() => true)
        .catch(() => false);
      if (isAcknowledged) expect(await isDone(name, at)).toBe(true);

      const shown = await author.writer.pending(name);
      const wasSent = recorder.count("source.broadcast") > 0;
      const resumed = await again().resume();
      expect(resumed.map(({ id }) => id)).toEqual(shown.map(({ id }) => id));
      for (const { outcome, error } of resumed) {
        outcomes.add(outcome);
        expect([outcome, error]).toEqual([outcome === "interrupted" ? outcome : "done", null]);
      }
      const wasFinished = await isDone(name, at);
      if (isAcknowledged) expect(wasFinished).toBe(true);
      // What it had sent is there, or it had sent nothing that counts and a call again takes its place.
      if (wasSent) expect(wasFinished).toBe(true);
      if (shown.some(({ state }) => state === "pending")) expect(wasFinished).toBe(true);
      const left = await author.writer.pending();
      expect(left.every(({ state }) => state === "interrupted")).toBe(true);

      await write(again(), name, at);
      expect(await isDone(name, at)).toBe(true);
      expect(sentBy(recorder).size).toBe(transactions);
      expect(await author.writer.pending()).toEqual([]);
    });
    expect(struck.length).toBeGreaterThan(3);
    expect(struck.length).toBeLessThan(MOST);
    expect(outcomes.has("done")).toBe(true);
  },
);
