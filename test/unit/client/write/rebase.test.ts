import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { memoryCache } from "../../../../src/cache/memory.js";
import type { RecordRace, Writer } from "../../../../src/writer.js";
import { type Author, type Gate, POLL_MS, WriteWorld } from "./world.js";

let world: WriteWorld;
let author: Author;
/** A second device of the same owner. */
let other: Writer;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual" });
  world.mineOnPoll();
  author = await world.author(5_000_000n);
  await author.writer.registerName("alice");
  other = author.start({ cache: memoryCache() }).writer;
});
afterEach(() => world.devnet.close());

/** Runs something once, when the wallet is asked to sign: the plan is made by then. */
function beforeSigning(run: () => Promise<unknown>): Gate {
  let first = true;
  return async (call, proceed) => {
    if (first && call.method === "signPsbts") {
      first = false;
      await run();
    }
    return proceed();
  };
}

function about() {
  return world
    .reader()
    .getProfile("alice")
    .then((found) => (found.found ? found.profile.about : null));
}

describe("W4: a change whose seal another device spent", () => {
  it("is CONFLICT_NAME_MOVED with the newer state", async () => {
    let mined: readonly string[] = [];
    const gate = beforeSigning(async () => {
      mined = (await other.updateProfile("alice", { about: { by: "other" } })).txids;
    });
    const { writer } = author.start({ gate });
    const { tenure } = (await world.reader().getName("alice")).name;
    const [update] = mined;
    expect(update).toBeUndefined();
    const error: unknown = await writer.updateProfile("alice", { about: { by: "me" } }).catch((e: unknown) => e);
    const [txid = ""] = mined;
    const anchored = (await world.transaction(txid)).outputs[0]?.script ?? new Uint8Array();
    expect(error).toMatchObject({
      code: "CONFLICT_NAME_MOVED",
      details: {
        name: "alice",
        got: `${txid}:1`,
        state: {
          status: "active",
          tenure,
          ownerScript: encodeHex(author.account.script),
          seal: `${txid}:1`,
          txid,
          height: world.devnet.height(),
          profileHash: encodeHex(anchored.subarray(-32)),
        },
      },
    });
    expect(await about()).toEqual({ by: "other" });
  });

  it("is made again on the newer state as often as `rebase` says, and loses nothing of the other's", async () => {
    const gate = beforeSigning(() => other.putImmutable("alice", utf8("theirs")));
    const { key } = await author.start({ gate }).writer.putImmutable("alice", utf8("mine"), { rebase: 1 });
    const keys: string[] = [];
    const listed = await world.reader().list("alice");
    if (listed.found) for await (const entry of listed.entries) keys.push(entry.key);
    expect(keys).toHaveLength(2);
    expect(keys).toContain(`i:${key}`);
    expect(await author.journal()).toEqual([]);
  });

  it("fails when it is lost more often than that, or `rebase` is no number of times", async () => {
    let n = 0;
    const gate: Gate = async (call, proceed) => {
      if (call.method === "signPsbts") await other.updateProfile("alice", { about: { n: ++n } });
      return proceed();
    };
    const put = author.start({ gate }).writer.putImmutable("alice", utf8("mine"), { rebase: 2 });
    await expect(put).rejects.toMatchObject({ code: "CONFLICT_NAME_MOVED" });
    expect(n).toBe(3);
    for (const rebase of [-1, 1.5, 101]) {
      await expect(other.renewName("alice", { rebase })).rejects.toMatchObject({ code: "INPUT_INVALID" });
    }
  });

  it("is computed anew where it is a function of the profile", async () => {
    await other.updateProfile("alice", { about: { log: ["a"] } });
    const gate = beforeSigning(() =>
      other.updateProfile("alice", ({ about: now }) => ({ about: { log: [...(now["log"] as string[]), "b"] } })),
    );
    await author
      .start({ gate })
      .writer.updateProfile(
        "alice",
        async ({ about: now }) => ({ about: { log: [...(now["log"] as string[]), "c"] } }),
        {
          rebase: 1,
        },
      );
    expect(await about()).toEqual({ log: ["a", "b", "c"] });
  });

  it("is made again while its handle is waited for, which then is that of the new operation", async () => {
    const plan = await author.writer.plan.updateProfile("alice", { about: { by: "me" } }, { rebase: 1 });
    const rival = await other.plan.updateProfile("alice", { about: { by: "rival" } }, { feeRateSatsPerVbyte: 50 });
    world.clock.onPoll = () => undefined;
    const handle = await plan.run();
    const [lost] = handle.txids;
    await rival.run();
    world.mineOnPoll();
    await Promise.all([handle.wait(), handle.wait()]);
    expect(handle).toMatchObject({ state: "done", txids: [expect.not.stringMatching(lost ?? "") as string] });
    expect(await author.count("update")).toBe(2);
    expect(await about()).toEqual({ by: "me" });
  });

  it("waits for an operation of another device that is not mined, and for no longer than it may", async () => {
    world.clock.onPoll = () => undefined;
    await other.updateProfile("alice", { about: { by: "other" } }, { waitFor: "broadcast" });
    const events: string[] = [];
    const options = {
      rebase: 1,
      timeoutMs: 2 * POLL_MS,
      onEvent: ({ message }: { message: string }) => events.push(message),
    };
    await expect(author.writer.putImmutable("alice", utf8("mine"), options)).rejects.toMatchObject({
      code: "CHAIN_TIMEOUT",
      details: { waitedMs: 2 * POLL_MS },
    });
    expect(events).toContainEqual(expect.stringContaining("unconfirmed operation"));
    await expect(author.writer.putImmutable("alice", utf8("mine"))).rejects.toMatchObject({ code: "CONFLICT_PENDING" });
    world.mineOnPoll();
    await author.writer.putImmutable("alice", utf8("mine"), { rebase: 1 });
    expect(await about()).toEqual({ by: "other" });
  });

  it("leaves other errors as they are", async () => {
    const gate: Gate = async (call, proceed) => {
      if (call.method === "signPsbts") throw new Error("no");
      return proceed();
    };
    const put = author.start({ gate }).writer.putImmutable("alice", utf8("mine"), { rebase: 5 });
    await expect(put).rejects.toMatchObject({ code: "WALLET_REFUSED" });
  });
});

describe("two devices that change one name at the same moment", () => {
  it("with `rebase` both succeed, and nothing of either is lost", async () => {
    const devices = [author.writer, other, author.start({ cache: memoryCache() }).writer];
    const puts = await Promise.all(
      devices.map((writer, i) => writer.putImmutable("alice", utf8(`by ${i}`), { rebase: 10 })),
    );
    for (const { key } of puts) {
      expect(await world.reader().getImmutable("alice", key)).toMatchObject({ found: true });
    }
  });
});

describe("two devices that create one id at the same moment (W4, W5)", () => {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const merge = ({ mine, theirs }: RecordRace) => utf8([...theirs.map(({ data }) => text(data)), text(mine)].join("+"));
  /** In one block both choose one epoch, so that their records would lie at one path; later ones have paths of their own. */
  const race = (blocks: number) =>
    beforeSigning(async () => {
      await world.devnet.mine(blocks);
      await other.putMutable("alice", "id", utf8("theirs"));
    });

  it.each([
    ["under one epoch", 0, "CONFLICT_RECORD_MOVED"],
    ["under two epochs", 1, "CONFLICT_NAME_MOVED"],
  ])("%s: one wins, the other gets a conflict, and the record stays", async (_, blocks, code) => {
    const put = author.start({ gate: race(blocks) }).writer.putMutable("alice", "id", utf8("mine"));
    await expect(put).rejects.toMatchObject({ code });
    expect(await world.reader().getMutable("alice", "id")).toMatchObject({ data: utf8("theirs") });
    expect(await author.count("update")).toBe(1);
  });

  it.each([0, 1])(
    "with `rebase` alone a record that appeared is not overwritten (%s blocks between)",
    async (blocks) => {
      const put = author.start({ gate: race(blocks) }).writer.putMutable("alice", "id", utf8("mine"), { rebase: 3 });
      await expect(put).rejects.toMatchObject({
        code: "CONFLICT_RECORD_MOVED",
        details: { newer: { ver: 1, data: Buffer.from("theirs").toString("base64") } },
      });
      expect(await world.reader().getMutable("alice", "id")).toMatchObject({ data: utf8("theirs") });
    },
  );

  it.each([0, 1])("with `rebase` and `merge` it holds both (%s blocks between)", async (blocks) => {
    const { writer } = author.start({ gate: race(blocks) });
    const put = await writer.putMutable("alice", "id", utf8("mine"), { rebase: 3, merge });
    expect(put.record.ver).toBe(2);
    expect(await world.reader().getMutable("alice", "id")).toMatchObject({ data: utf8("theirs+mine") });
  });
});
