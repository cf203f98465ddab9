import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { memoryCache } from "../../../../src/cache/memory.js";
import { HawserError } from "../../../../src/errors.js";
import { systemRandom } from "../../../../src/runtime/random.js";
import { http } from "../../../../src/storage/http.js";
import { createPrivateKey, privateKeySigner } from "../../../../src/wallet/private-key.js";
import type { CurrentRecord, RecordRace, Writer } from "../../../../src/writer.js";
import { type Author, answering, type Gate, onlyFor, Recorder, through, WriteWorld } from "./world.js";

let world: WriteWorld;
let author: Author;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual", stores: 2 });
  world.mineOnPoll();
  author = await world.author();
  await author.writer.registerName("alice");
  await author.writer.putMutable("alice", "id", utf8("1"));
});
afterEach(() => world.devnet.close());

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const append =
  (word: string) =>
  ({ data }: CurrentRecord) =>
    utf8(`${text(data)} ${word}`);
const noSpace = new HawserError("STORAGE_FULL", "full", { label: "store", reason: "full" });
const full = answering("store.write", () => Promise.reject(noSpace));

async function read(): Promise<string> {
  const found = await world.reader().getMutable("alice", "id");
  return found.found ? `${found.ver}: ${text(found.data)}` : "nothing";
}

/** Runs something before the first write, and lets no write go on before that is done. */
function beforeFirstWrite(run: () => Promise<unknown>): Gate {
  let running: Promise<unknown> | null = null;
  return async (call, proceed) => {
    if (call.method === "write") await (running ??= run());
    return proceed();
  };
}

/** The same stores without conditional writes. */
function plainStores() {
  return world.devnet.storeUrls.map((url) => http(url, { writable: true, conditional: false }));
}

describe("updateMutable", () => {
  it("reads, changes and writes, and sends no transaction", async () => {
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    const seen: CurrentRecord[] = [];
    const handle = await writer.updateMutable("alice", "id", async (current) => {
      seen.push(current);
      return utf8("2");
    });
    expect(seen).toMatchObject([{ ver: 1, data: utf8("1"), forked: false, branches: [{ ver: 1, data: utf8("1") }] }]);
    expect(handle).toMatchObject({ changed: true, record: { ver: 2 }, route: { id: "id" }, txids: [], state: "done" });
    expect(recorder.count("source.broadcast") + recorder.count("wallet.signPsbts")).toBe(0);
    expect(await read()).toBe("2: 2");
  });

  it.each([null, undefined])("leaves the record alone where %s is returned", async (nothing) => {
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    const handle = await writer.updateMutable("alice", "id", () => nothing);
    expect(handle).toMatchObject({ changed: false, record: { ver: 1, data: utf8("1") }, route: { id: "id" } });
    expect(recorder.count("store.write") + recorder.count("signer.sign")).toBe(0);
    expect(await read()).toBe("1: 1");
  });

  it("has a plan without cost, which writes nothing before it runs", async () => {
    const plan = await author.writer.plan.updateMutable("alice", "id", append("2"));
    expect(plan).toMatchObject({ approvals: 0, transactions: [], affectedIds: [], cost: { feeSats: 0n } });
    expect(await read()).toBe("1: 1");
    expect(await plan.run()).toMatchObject({ changed: true, record: { ver: 2 } });
    expect(await read()).toBe("2: 1 2");
  });

  it("is ROUTE_MISSING for an id without route", async () => {
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    const update = writer.updateMutable("alice", "other", () => utf8("2"));
    await expect(update).rejects.toMatchObject({ code: "ROUTE_MISSING", details: { id: "other" } });
    expect(recorder.effects).toEqual([]);
  });

  it("with a key that the route does not name is ROUTE_KEY_MISMATCH before the record is asked for (W5)", async () => {
    const signer = privateKeySigner({ privateKey: createPrivateKey(systemRandom), random: systemRandom });
    let called = 0;
    const { writer } = author.start({ signer });
    const update = writer.updateMutable("alice", "id", () => {
      called++;
      return utf8("2");
    });
    await expect(update).rejects.toMatchObject({ code: "ROUTE_KEY_MISMATCH" });
    expect(called).toBe(0);
    expect(await read()).toBe("1: 1");
  });

  it.each([
    ["data that are no bytes", "text" as unknown as Uint8Array, "INPUT_INVALID"],
    ["too much data", new Uint8Array(1024 * 1024 + 1), "INPUT_TOO_LARGE"],
  ])("refuses %s and leaves the record", async (_, data, code) => {
    await expect(author.writer.updateMutable("alice", "id", () => data)).rejects.toMatchObject({ code });
    expect(await read()).toBe("1: 1");
  });

  it("fails as `next` does, and leaves the record", async () => {
    const failure = new Error("no JSON");
    await expect(author.writer.updateMutable("alice", "id", () => Promise.reject(failure))).rejects.toBe(failure);
    expect(await read()).toBe("1: 1");
  });

  it("M5: does not change what is older than this cache knows", async () => {
    const [old] = world.stores;
    if (old === undefined) throw new Error("no store");
    await author.start({ gate: onlyFor(old, full) }).writer.putMutable("alice", "id", utf8("2"));
    const { writer } = author.start({
      gate: onlyFor(
        world.stores[1],
        answering("store.read", () => Promise.reject(new Error("away"))),
      ),
      storage: world.stores,
    });
    const update = writer.updateMutable("alice", "id", append("3"));
    await expect(update).rejects.toMatchObject({ code: "RECORD_STALE" });
  });

  it("M9: is given every branch of a fork, and heals it", async () => {
    const [a, b] = world.stores;
    const other = author.onAnotherDevice().start({ gate: onlyFor(a, full) }).writer;
    const race = beforeFirstWrite(() => other.putMutable("alice", "id", utf8("theirs")));
    await author.start({ gate: through(race, onlyFor(b, full)) }).writer.putMutable("alice", "id", utf8("mine"));
    await expect(world.reader().getMutable("alice", "id")).rejects.toMatchObject({ code: "RECORD_FORKED" });
    const join = ({ branches }: CurrentRecord) =>
      utf8(
        branches
          .map(({ data }) => text(data))
          .sort()
          .join("+"),
      );
    const { record } = await author.onAnotherDevice().writer.updateMutable("alice", "id", join);
    expect(record.ver).toBe(3);
    expect(await read()).toBe("3: mine+theirs");
  });
});

describe("W5: two who change one record at the same moment", () => {
  it("both have their change in it: the slower is run again on the newer state", async () => {
    const other = author.onAnotherDevice().writer;
    const gate = beforeFirstWrite(() => other.updateMutable("alice", "id", append("b")));
    const seen: string[] = [];
    const { record } = await author.start({ gate }).writer.updateMutable("alice", "id", (current) => {
      seen.push(text(current.data));
      return append("a")(current);
    });
    expect(seen).toEqual(["1", "1 b"]);
    expect(record.ver).toBe(3);
    expect(await read()).toBe("3: 1 b a");
  });

  it("and the slower one stores nothing before it knows that: nobody builds on a change that is made again", async () => {
    const other = author.onAnotherDevice().writer;
    const [label] = world.stores.map((store) => store.label).sort();
    let raced = false;
    // The stores are not held up together: the second takes its write at once, if it is sent one.
    const gate: Gate = async (call, proceed) => {
      if (call.method === "write" && call.label === label && !raced) {
        raced = true;
        await other.updateMutable("alice", "id", append("b"));
      }
      return proceed();
    };
    await author.start({ gate }).writer.updateMutable("alice", "id", append("a"));
    expect(await read()).toBe("3: 1 b a");
    raced = false;
    const merge = ({ mine, theirs }: RecordRace) =>
      utf8([...theirs.map(({ data }) => text(data)), text(mine)].join("+"));
    await author.start({ gate }).writer.putMutable("alice", "id", utf8("c"), { merge });
    expect(await read()).toBe("5: 1 b a b+c");
  });

  it("both count, also where both come to the same data", async () => {
    const count = ({ data }: CurrentRecord) => utf8(`${Number(text(data)) + 1}`);
    const devices: Writer[] = [
      author.writer,
      author.writer,
      author.onAnotherDevice().writer,
      author.onAnotherDevice().writer,
    ];
    const handles = await Promise.all(
      devices.map((writer) => writer.updateMutable("alice", "id", count, { tries: 100 })),
    );
    expect(new Set(handles.map(({ record }) => record.ver)).size).toBe(4);
    const [value] = (await read()).split(": ").slice(1);
    expect(value).toBe("5");
  });

  it("the slower is CONFLICT_RECORD_MOVED with the newer record when its tries are used up", async () => {
    const other = author.onAnotherDevice().writer;
    let calls = 0;
    const rival: Gate = async (call, proceed) => {
      if (call.method === "write") await other.putMutable("alice", "id", utf8(`theirs ${calls}`));
      return proceed();
    };
    const update = author
      .start({ gate: rival })
      .writer.updateMutable("alice", "id", () => utf8(`mine ${++calls}`), { tries: 3 });
    await expect(update).rejects.toMatchObject({
      code: "CONFLICT_RECORD_MOVED",
      details: { id: "id", newer: { data: Buffer.from("theirs 3").toString("base64") } },
    });
    expect(calls).toBe(3);
    for (const tries of [0, 101, 1.5]) {
      const wrong = author.writer.updateMutable("alice", "id", () => utf8("x"), { tries });
      await expect(wrong).rejects.toMatchObject({ code: "INPUT_INVALID" });
      const put = author.writer.putMutable("alice", "id", utf8("x"), { tries });
      await expect(put).rejects.toMatchObject({ code: "INPUT_INVALID" });
    }
  });

  it("without conditional writes: the later version or a fork is seen, and the next change heals it", async () => {
    const storage = plainStores();
    const other = author.onAnotherDevice().start({ storage }).writer;
    const gate = beforeFirstWrite(() => other.updateMutable("alice", "id", append("b")));
    await author.start({ storage, gate }).writer.updateMutable("alice", "id", append("a"));
    // Nobody was told: both are version 2. Whoever knows both sees it.
    expect(await read()).toBe("2: 1 a");
    const { record } = await other.updateMutable("alice", "id", (current) => {
      expect(current.forked).toBe(true);
      return append("b")(current);
    });
    expect(record.ver).toBe(3);
    expect(await read()).toBe("3: 1 a b");
  });
});

describe("putMutable with merge (W5)", () => {
  const merge = ({ mine, theirs }: RecordRace) => utf8([...theirs.map(({ data }) => text(data)), text(mine)].join("+"));

  it("puts what it makes of both above the record that came first", async () => {
    const other = author.onAnotherDevice().writer;
    const gate = beforeFirstWrite(() => other.putMutable("alice", "id", utf8("theirs")));
    const { record } = await author
      .start({ gate })
      .writer.putMutable("alice", "id", utf8("mine"), { merge, version: 2 });
    expect(record.ver).toBe(3);
    expect(await read()).toBe("3: theirs+mine");
  });

  it("is not asked where nothing came first", async () => {
    const never = () => {
      throw new Error("asked");
    };
    const { record } = await author.writer.putMutable("alice", "id", utf8("mine"), { merge: never });
    expect(record.ver).toBe(2);
  });

  it("gives up with the conflict where it returns null, or where there is none", async () => {
    const other = author.onAnotherDevice().writer;
    for (const options of [{ merge: () => null }, {}]) {
      const gate = beforeFirstWrite(() => other.putMutable("alice", "id", utf8("theirs")));
      const put = author.start({ gate, cache: memoryCache() }).writer.putMutable("alice", "id", utf8("mine"), options);
      await expect(put).rejects.toMatchObject({
        code: "CONFLICT_RECORD_MOVED",
        details: { newer: { data: Buffer.from("theirs").toString("base64") } },
      });
      expect(await read()).toMatch(/: theirs$/);
    }
  });

  it("is asked again when yet another comes first, at most `tries` times", async () => {
    const other = author.onAnotherDevice().writer;
    let calls = 0;
    const rival: Gate = async (call, proceed) => {
      if (call.method === "write") await other.putMutable("alice", "id", utf8(`theirs ${calls}`));
      return proceed();
    };
    const counted = (race: RecordRace) => {
      calls++;
      return merge(race);
    };
    const put = author
      .start({ gate: rival })
      .writer.putMutable("alice", "id", utf8("mine"), { merge: counted, tries: 3 });
    await expect(put).rejects.toMatchObject({ code: "CONFLICT_RECORD_MOVED" });
    expect(calls).toBe(2);
  });
});
