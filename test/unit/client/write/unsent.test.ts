import { expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { useAlice } from "./alice.js";

const alice = useAlice();

const BROADCAST = { waitFor: "broadcast" } as const;

/** Runs a write whose transaction is sent and not mined, and then what says only at depth that it is done. */
async function twice(first: () => Promise<unknown>, second: () => Promise<{ readonly state: string }>): Promise<void> {
  const onPoll = alice.world.clock.onPoll;
  alice.world.clock.onPoll = () => undefined;
  await first();
  const { polls } = alice.world.clock;
  alice.world.clock.onPoll = onPoll;
  const updates = await alice.author.count("update");
  expect((await second()).state).toBe("done");
  expect(alice.world.clock.polls).toBeGreaterThan(polls);
  expect(await alice.author.count("update")).toBe(updates);
}

it("W2: immutable data that is put again is done when the transaction of the first put is at depth", async () => {
  const data = utf8("data");
  await twice(
    () => alice.author.writer.putImmutable("alice", data, BROADCAST),
    () => alice.author.writer.putImmutable("alice", data),
  );
  const { key } = await alice.author.writer.putImmutable("alice", data);
  expect(await alice.world.reader().getImmutable("alice", key)).toMatchObject({ found: true, data });
});

it("W2: a record under a route that is under way is done when readers see the route", async () => {
  await twice(
    () => alice.author.writer.putMutable("alice", "note", utf8("one"), BROADCAST),
    async () => {
      const handle = await alice.author.writer.putMutable("alice", "note", utf8("two"));
      expect(await alice.world.reader().getMutable("alice", "note")).toMatchObject({ data: utf8("two") });
      return handle;
    },
  );
});

it("W8: what is deleted again is gone from storage when the call says so", async () => {
  const { key } = await alice.author.writer.putImmutable("alice", utf8("data"));
  const { route } = await alice.author.writer.putMutable("alice", "note", utf8("one"));
  const path = new URL(route.urls[0] ?? "").pathname.slice(1);
  await twice(
    () => alice.author.writer.deleteMutable("alice", "note", BROADCAST),
    async () => {
      const handle = await alice.author.writer.deleteMutable("alice", "note");
      expect(handle).toMatchObject({ existed: false, removals: [{ removed: 1, failed: 0 }] });
      expect(await alice.world.store.read(path, { kind: "record", maxBytes: 10_000 })).toBeNull();
      return handle;
    },
  );
  // What is not under way is done at once.
  const { polls } = alice.world.clock;
  expect(await alice.author.writer.deleteMutable("alice", "note")).toMatchObject({ existed: false, state: "done" });
  expect(await alice.author.writer.putImmutable("alice", utf8("data"))).toMatchObject({ key, state: "done" });
  expect(alice.world.clock.polls).toBe(polls);
});
