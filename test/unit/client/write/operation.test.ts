import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { HawserError } from "../../../../src/errors.js";
import { type Author, answering, type Gate, onlyFor, POLL_MS, Recorder, through, WriteWorld } from "./world.js";

let world: WriteWorld;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual", sources: 2, stores: 2 });
});
afterEach(() => world.devnet.close());

async function owner(name: string, ...values: readonly bigint[]): Promise<Author> {
  const author = await world.author(...values);
  world.mineOnPoll();
  await author.writer.registerName(name);
  world.clock.onPoll = () => undefined;
  return author;
}

const away: Gate = answering("source.broadcast", () => Promise.reject(new Error("away")));

/** Sources that take the first transactions and pass none of them on. */
function swallow(first: number): Gate {
  let seen = 0;
  return answering("source.broadcast", (run) => (++seen > first ? run() : undefined));
}

describe("an operation's handle", () => {
  it("tells how far it has come and what the providers hold", async () => {
    const author = await owner("alice");
    const handle = await author.writer.updateProfile("alice", { about: { n: 1 } }, { waitFor: "broadcast" });
    expect(handle).toMatchObject({ state: "broadcast", id: expect.stringMatching(/^[0-9a-f]{32}$/) as string });
    expect(handle.txids).toEqual(
      (await author.transactions()).flatMap(({ txid, kind }) => (kind === "update" ? txid : [])),
    );
    expect(handle.providers).toEqual(world.stores.map(({ label }) => ({ label, outcome: "stored", attempt: null })));
    expect(await author.journal("alice")).toMatchObject([{ id: handle.id }]);
    await handle.wait({ until: "broadcast" });
    world.mineOnPoll();
    await handle.wait();
    expect(handle.state).toBe("done");
    expect(await author.journal()).toEqual([]);
    const { polls } = world.clock;
    await handle.wait();
    expect(world.clock.polls).toBe(polls);
  });

  it("waits until as many blocks hold it as the reader wants", async () => {
    const author = await owner("alice");
    world.mineOnPoll();
    const { txids } = await author.start({ reader: { minConfirmations: 4 } }).writer.updateProfile("alice", {});
    const update = (await author.transactions()).find(({ txid }) => txid === txids[0]);
    expect(world.devnet.height()).toBe((update?.height ?? 0) + 3);
  });

  it("shows the worse of the outcomes of several objects, for each provider", async () => {
    const author = await owner("alice");
    let writes = 0;
    const gate = onlyFor(
      world.stores[1],
      answering("store.write", (run) => (++writes === 1 ? run() : Promise.reject(new Error("full")))),
    );
    const { writer } = author.start({ gate });
    const { providers } = await writer.putImmutable("alice", utf8("data"), { waitFor: "broadcast" });
    expect(providers).toMatchObject([{ outcome: "stored" }, { outcome: "failed", attempt: { message: "full" } }]);
    await world.devnet.mine(1);
    let again = 0;
    const first = onlyFor(
      world.stores[1],
      answering("store.write", (run) => (++again === 1 ? Promise.reject(new Error("full")) : run())),
    );
    const put = await author
      .start({ gate: first })
      .writer.putImmutable("alice", utf8("more"), { waitFor: "broadcast" });
    expect(put.providers).toMatchObject([{ outcome: "stored" }, { outcome: "failed" }]);
  });

  it("ends with CHAIN_TIMEOUT after the caller's time, and a later program goes on", async () => {
    const author = await owner("alice");
    const options = { timeoutMs: 2 * POLL_MS };
    const events: string[] = [];
    const waiting = author.writer.updateProfile(
      "alice",
      { about: { n: 1 } },
      { ...options, onEvent: ({ stage }) => events.push(stage) },
    );
    const error = await waiting.catch((thrown: unknown) => thrown);
    const [entry] = await author.journal("alice");
    expect(error).toMatchObject({ code: "CHAIN_TIMEOUT", details: { operation: entry?.id, waitedMs: 2 * POLL_MS } });
    expect(events).toEqual(expect.arrayContaining(["sign", "store", "broadcast", "wait"]));
    expect(events.at(-1)).toBe("wait");
    world.mineOnPoll();
    await world.devnet.mine(1);
    await author.writer.updateProfile("alice", { storage: [] });
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 1 }, storage: [] } });
    expect(await author.journal()).toEqual([]);
  });
});

describe("an abort", () => {
  it("before anything was signed has no effect", async () => {
    const author = await owner("alice");
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    const signal = AbortSignal.abort();
    await expect(writer.updateProfile("alice", {}, { signal })).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
    await expect(writer.registerName("bob", { signal })).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
    expect(recorder.effects).toEqual([]);
  });

  it.each(["registerName", "updateProfile", "putMutable"] as const)(
    "of %s while the wallet signs leaves nothing to be done",
    async (method) => {
      const author = await owner("alice");
      const controller = new AbortController();
      const { signal } = controller;
      const recorder = new Recorder();
      const abort = answering("wallet.signPsbts", (run) => {
        controller.abort();
        return run();
      });
      const { writer } = author.start({ gate: through(recorder.gate, abort) });
      const write =
        method === "registerName"
          ? writer.registerName("bob", { signal })
          : method === "updateProfile"
            ? writer.updateProfile("alice", {}, { signal })
            : writer.putMutable("alice", "id", utf8("1"), { signal });
      await expect(write).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
      expect(recorder.effects).toEqual(["wallet.signPsbts"]);
      expect(await author.journal()).toEqual([]);
    },
  );

  it.each(["registerName", "updateProfile"] as const)(
    "of %s while it waits only detaches, and names the operation",
    async (method) => {
      const author = await owner("alice");
      const controller = new AbortController();
      const { signal } = controller;
      world.clock.onPoll = () => {
        controller.abort();
      };
      const { writer } = author.start();
      const write =
        method === "registerName"
          ? writer.registerName("bob", { signal })
          : writer.updateProfile("alice", {}, { signal });
      const error = await write.catch((thrown: unknown) => thrown);
      const [entry] = await author.journal();
      expect(error).toMatchObject({
        code: "NETWORK_ABORTED",
        details: { operation: expect.stringContaining(entry?.id ?? "?") as string },
      });
      world.mineOnPoll();
      await world.devnet.mine(1);
      await (method === "registerName" ? author.writer.registerName("bob") : author.writer.updateProfile("alice", {}));
      expect(await author.journal()).toEqual([]);
    },
  );

  it("between two objects stores no more of them", async () => {
    const author = await owner("alice");
    const controller = new AbortController();
    const recorder = new Recorder();
    const abort = onlyFor(
      world.stores[1],
      answering("store.write", async (run) => {
        const outcome = await run();
        controller.abort();
        return outcome;
      }),
    );
    const { writer } = author.start({ gate: through(recorder.gate, abort) });
    const write = writer.putImmutable("alice", utf8("data"), { signal: controller.signal });
    await expect(write).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
    expect(recorder.count("store.write")).toBe(2);
    expect(recorder.count("source.broadcast")).toBe(0);
  });
});

describe("a transaction", () => {
  it("that one source takes is sent", async () => {
    const author = await owner("alice");
    world.mineOnPoll();
    const { writer } = author.start({ gate: onlyFor(world.sources[0], away) });
    await writer.updateProfile("alice", { about: { n: 1 } });
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 1 } } });
  });

  it("that no source takes is CHAIN_BROADCAST_REFUSED with what each said, and is sent by the next program", async () => {
    const author = await owner("alice");
    const attempt = { code: "NETWORK_UNREACHABLE" };
    const write = author.start({ gate: away }).writer.updateProfile("alice", { about: { n: 1 } });
    await expect(write).rejects.toMatchObject({
      code: "CHAIN_BROADCAST_REFUSED",
      message: expect.stringMatching(/UPDATE .*away/) as string,
      details: { attempts: [attempt, attempt] },
    });
    expect(await author.journal("alice")).toHaveLength(1);
    const storage = ["https://data.example/"];
    await author.writer.updateProfile("alice", { storage }, { waitFor: "broadcast" });
    await world.devnet.mine(1);
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 1 }, storage } });
  });

  it("that cannot even be looked for, with all sources gone, is CHAIN_UNAVAILABLE and is kept", async () => {
    const author = await owner("alice");
    let signed = false;
    const gone: Gate = (call, run) => {
      signed ||= call.port === "wallet" && call.method === "signPsbts";
      return call.port === "source" && signed ? Promise.reject(new Error("gone")) : run();
    };
    await expect(author.start({ gate: gone }).writer.updateProfile("alice", {})).rejects.toMatchObject({
      code: "CHAIN_UNAVAILABLE",
      details: { needed: 1, answered: 0, attempts: [{ message: expect.stringContaining("gone") as string }, {}] },
    });
    expect(await author.journal("alice")).toHaveLength(1);
  });

  it("that a source has although its answer was lost counts as sent", async () => {
    const author = await owner("alice");
    const lost = answering("source.broadcast", async (run) => {
      await run();
      throw new Error("lost");
    });
    const handle = await author.start({ gate: lost }).writer.updateProfile("alice", {}, { waitFor: "broadcast" });
    expect(handle.state).toBe("broadcast");
  });

  it("that servers forgot is sent again while its writer waits", async () => {
    const author = await owner("alice");
    world.mineOnPoll();
    await author.start({ gate: swallow(2) }).writer.updateProfile("alice", { about: { n: 1 } });
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 1 } } });
    // Both of a registration: the PREORDER once, the REGISTER once.
    await author.start({ gate: swallow(2) }).writer.registerName("bob");
    let registers = 0;
    const forgetful = answering("source.broadcast", (run) => (++registers > 2 && registers <= 4 ? undefined : run()));
    await author.start({ gate: forgetful }).writer.registerName("carol");
    expect(registers).toBeGreaterThan(4);
  });

  it("is not sent again while sources show it", async () => {
    const author = await owner("alice");
    const recorder = new Recorder();
    let polls = 0;
    world.clock.onPoll = () => (++polls < 4 ? undefined : world.devnet.mine(1));
    const { writer } = author.start({ gate: recorder.gate });
    await writer.updateProfile("alice", {});
    expect(recorder.count("source.broadcast")).toBe(2);
    polls = 0;
    await writer.registerName("bob");
    expect(recorder.count("source.broadcast")).toBe(6);
  });

  it("is waited for while sources are away", async () => {
    const author = await owner("alice");
    let polls = 0;
    world.clock.onPoll = () => {
      polls++;
      world.devnet.tamper({ source: 0, how: polls < 3 ? "down" : "honest" });
      return world.devnet.mine(1);
    };
    await author.writer.updateProfile("alice", { about: { n: 1 } });
    expect(polls).toBeGreaterThanOrEqual(3);
  });
});

describe("an operation that is refused", () => {
  const refuse: Gate = answering("source.broadcast", () =>
    Promise.reject(new HawserError("CHAIN_BROADCAST_REFUSED", "No.", { txid: "", attempts: [] })),
  );
  const unknown: Gate = answering("source.transaction", () => null);

  it("by all sources at its first sending leaves the journal", async () => {
    const author = await owner("alice");
    const { writer } = author.start({ gate: refuse });
    await expect(writer.updateProfile("alice", {})).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
    await expect(writer.registerName("bob")).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
    expect(await author.journal()).toEqual([]);
  });

  it.each(["registerName", "updateProfile"] as const)("stays where another source may have it (%s)", async (method) => {
    const author = await owner("alice");
    const gate = through(onlyFor(world.sources[0], refuse), onlyFor(world.sources[1], away));
    const { writer } = author.start({ gate });
    const write = method === "registerName" ? writer.registerName("bob") : writer.updateProfile("alice", {});
    await expect(write).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
    expect(await author.journal()).toHaveLength(1);
  });

  it("stays where an earlier run may have sent it: its salt is not thrown away on anybody's word", async () => {
    const author = await owner("alice");
    const { tenure } = await author.writer.registerName("bob", { waitFor: "broadcast" });
    const denying = author.start({ gate: through(refuse, unknown) }).writer.registerName("bob");
    await expect(denying).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED", details: { txid: tenure } });
    expect(await author.journal("bob")).toHaveLength(1);
    world.mineOnPoll();
    expect(await author.writer.registerName("bob")).toMatchObject({ tenure });
  });

  it("stays where it is itself what sources show in their mempool", async () => {
    const author = await owner("alice");
    const { txids } = await author.writer.updateProfile("alice", {}, { waitFor: "broadcast" });
    let hidden = 0;
    const gate: Gate = (call, run) => {
      if (call.method === "broadcast") hidden = 4;
      if (call.method === "broadcast") return refuse(call, run);
      return call.method === "transaction" && call.args[0] === txids[0] && --hidden >= 2
        ? Promise.resolve(null)
        : run();
    };
    await expect(author.start({ gate }).writer.updateProfile("alice", {})).rejects.toMatchObject({
      code: "CHAIN_BROADCAST_REFUSED",
      details: { txid: txids[0] },
    });
    expect(await author.journal("alice")).toHaveLength(1);
  });

  it("stays where the same run sent it before: a REGISTER that is refused is sent by the next program", async () => {
    const author = await owner("alice");
    world.mineOnPoll();
    let sent = 0;
    const gate = answering("source.broadcast", (run, call) => (++sent > 2 ? refuse(call, run) : run()));
    await expect(author.start({ gate }).writer.registerName("bob")).rejects.toMatchObject({
      code: "CHAIN_BROADCAST_REFUSED",
    });
    expect(await author.journal("bob")).toHaveLength(1);
    await author.writer.registerName("bob");
    expect(await author.count("preorder")).toBe(2);
  });
});

describe("a change", () => {
  it("of a name that nobody holds is NAME_NOT_REGISTERED", async () => {
    const author = await world.author();
    const details = { name: "nobody", status: "free" };
    await expect(author.writer.updateProfile("nobody", {})).rejects.toMatchObject({
      code: "NAME_NOT_REGISTERED",
      details,
    });
    await expect(author.writer.putMutable("nobody", "id", utf8("1"))).rejects.toMatchObject({
      code: "NAME_NOT_REGISTERED",
    });
    await expect(author.writer.updateProfile("No", {})).rejects.toMatchObject({ code: "NAME_INVALID" });
    await expect(author.writer.registerName("No")).rejects.toMatchObject({ code: "NAME_INVALID" });
  });

  it("of a name that has lapsed is NAME_NOT_REGISTERED, and within its grace it renews it", async () => {
    const author = await owner("alice");
    await world.devnet.mine(210);
    expect(await world.reader().getName("alice")).toMatchObject({ name: { status: "grace" } });
    world.mineOnPoll();
    await author.writer.updateProfile("alice", {});
    expect(await world.reader().getName("alice")).toMatchObject({ name: { status: "active" } });
    await world.devnet.mine(221);
    await expect(author.writer.updateProfile("alice", {})).rejects.toMatchObject({ code: "NAME_NOT_REGISTERED" });
  });

  it("W4: builds on one that is mined and not yet at depth", async () => {
    const author = await owner("alice");
    await world.devnet.mine(4);
    const deep = { reader: { minConfirmations: 4 } };
    await author.start(deep).writer.updateProfile("alice", { about: { n: 1 } }, { waitFor: "broadcast" });
    await world.devnet.mine(1);
    await author.start(deep).writer.updateProfile("alice", { storage: [] }, { waitFor: "broadcast" });
    expect(await author.journal("alice")).toHaveLength(2);
    await world.devnet.mine(1);
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { n: 1 }, storage: [] } });
    await world.devnet.mine(4);
    world.mineOnPoll();
    await author.start(deep).writer.updateProfile("alice", {});
    expect(await author.journal()).toEqual([]);
    expect(await author.count("update")).toBe(3);
  });

  it("of a tenure that has ended leaves the journal unsent", async () => {
    const author = await owner("alice", 500_000n, 500_000n);
    const lost = author.start({ gate: away }).writer.updateProfile("alice", { about: { old: true } });
    await expect(lost).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
    await world.devnet.mine(221);
    world.mineOnPoll();
    await author.writer.registerName("alice");
    await author.writer.updateProfile("alice", { about: { new: true } });
    expect(await author.journal()).toEqual([]);
    expect(await author.count("update")).toBe(1);
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { about: { new: true } } });
  });

  it("keeps the rest of the profile", async () => {
    const author = await owner("alice");
    world.mineOnPoll();
    const { key } = await author.writer.putImmutable("alice", utf8("data"));
    await author.writer.updateProfile("alice", { about: { n: 1 } });
    await author.writer.updateProfile("alice", { storage: ["https://data.example"] });
    const found = await world.reader().getProfile("alice");
    expect(found).toMatchObject({ profile: { about: { n: 1 }, storage: ["https://data.example"] } });
    expect(await world.reader().getImmutable("alice", key)).toMatchObject({ found: true });
  });
});
