import { afterEach, beforeEach, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { contentKey } from "../../../../src/immutable/key.js";
import type { Writer } from "../../../../src/writer.js";
import { type Author, atEveryCall, Recorder, through, WriteWorld } from "./world.js";

let world: WriteWorld;

beforeEach(async () => {
  world = await WriteWorld.start();
  world.mineOnPoll();
});
afterEach(() => world.devnet.close());

const LONG = { timeout: 300_000 };
const NAME = "alice";
/** More than any of these writes has effects. */
const MOST = 30;

interface Kind {
  readonly write: (writer: Writer, at: string) => Promise<unknown>;
  /** Whether a reader that knows nothing sees it, and sees all of it. */
  readonly isDone: (at: string) => Promise<boolean>;
  readonly transactions: 0 | 1;
}

async function text(id: string, reader = world.reader()): Promise<string | null> {
  const read = await reader.getMutable(NAME, id);
  return read.found ? new TextDecoder().decode(read.data) : null;
}

async function has(data: string, reader = world.reader()): Promise<boolean> {
  return (await reader.getImmutable(NAME, contentKey(utf8(data)))).found;
}

const kinds: Readonly<Record<string, Kind>> = {
  record: {
    write: (writer, at) => writer.putMutable(NAME, "notes", utf8(at)),
    isDone: async (at) => (await text("notes")) === at,
    transactions: 0,
  },
  "new id": {
    write: (writer, at) => writer.putMutable(NAME, `new/${at}`, utf8("1")),
    isDone: async (at) => (await text(`new/${at}`)) === "1",
    transactions: 1,
  },
  add: {
    write: (writer, at) => writer.putImmutable(NAME, utf8(at)),
    isDone: (at) => has(at),
    transactions: 1,
  },
  delete: {
    write: (writer, at) => writer.deleteMutable(NAME, `old/${at}`),
    isDone: async (at) => (await text(`old/${at}`)) === null,
    transactions: 1,
  },
  batch: {
    write: (writer, at) => {
      const batch = writer
        .batch(NAME)
        .putMutable(`both/${at}`, utf8("1"))
        .putImmutable(utf8(`both ${at}`));
      return batch.deleteMutable(`gone/${at}`).commit();
    },
    isDone: async (at) => {
      const reader = world.reader();
      const put = (await text(`both/${at}`, reader)) === "1";
      const parts = [put, await has(`both ${at}`, reader), (await text(`gone/${at}`, reader)) === null];
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

async function owner(): Promise<Author> {
  const author = await world.author(5_000_000n);
  await author.writer.registerName(NAME);
  const batch = author.writer.batch(NAME).putMutable("notes", utf8("0"));
  for (let at = 1; at <= MOST; at++) batch.putMutable(`old/${at}`, utf8("1")).putMutable(`gone/${at}`, utf8("1"));
  await batch.commit();
  return author;
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
    const author = await owner();
    const outcomes = new Set<string>();
    const struck = await atEveryCall(mode, async (fault, n) => {
      const at = String(n);
      const recorder = new Recorder();
      const { writer } = author.start({ gate: through(fault.gate, recorder.gate) });
      const again = () => author.start({ gate: recorder.gate }).writer;
      const isAcknowledged = await write(writer, at)
        .then(() => true)
        .catch(() => false);
      if (isAcknowledged) expect(await isDone(at)).toBe(true);

      const shown = await author.writer.pending(NAME);
      const wasSent = recorder.count("source.broadcast") > 0;
      const resumed = await again().resume();
      expect(resumed.map(({ id }) => id)).toEqual(shown.map(({ id }) => id));
      for (const { outcome, error } of resumed) {
        outcomes.add(outcome);
        expect([outcome, error]).toEqual([outcome === "interrupted" ? outcome : "done", null]);
      }
      const wasFinished = await isDone(at);
      if (isAcknowledged) expect(wasFinished).toBe(true);
      // What it had sent is there, or it had sent nothing that counts and a call again takes its place.
      if (wasSent) expect(wasFinished).toBe(true);
      if (shown.some(({ state }) => state === "pending")) expect(wasFinished).toBe(true);
      const left = await author.writer.pending();
      expect(left.every(({ state }) => state === "interrupted")).toBe(true);

      await write(again(), at);
      expect(await isDone(at)).toBe(true);
      expect(sentBy(recorder).size).toBe(transactions);
      expect(await author.writer.pending()).toEqual([]);
    });
    expect(struck.length).toBeGreaterThan(3);
    expect(struck.length).toBeLessThan(MOST);
    expect(outcomes.has("done")).toBe(true);
  },
);
