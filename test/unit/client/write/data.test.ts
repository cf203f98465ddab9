import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { networks } from "../../../../src/chain/network.js";
import { checkedCache } from "../../../../src/client/checked-cache.js";
import { sha256 } from "../../../../src/crypto/hash.js";
import { HawserError } from "../../../../src/errors.js";
import { contentKey } from "../../../../src/immutable/key.js";
import { limits } from "../../../../src/limits.js";
import { floorKey } from "../../../../src/mutable/floor.js";
import { readFloor } from "../../../../src/mutable/floor-cache.js";
import { parseName } from "../../../../src/name/name.js";
import { checkSigned } from "../../../../src/plan/check-signed.js";
import { createCoin } from "../../../../src/plan/coin-selection.js";
import { planUpdate } from "../../../../src/plan/update.js";
import { immutableEntry, mutableEntry, type Route } from "../../../../src/profile/entry.js";
import { buildIndex, emptyIndex } from "../../../../src/profile/index-tree.js";
import { encodeProfile } from "../../../../src/profile/profile.js";
import { objectPath } from "../../../../src/route/layout.js";
import { systemRandom } from "../../../../src/runtime/random.js";
import { http } from "../../../../src/storage/http.js";
import { createPrivateKey, privateKeySigner } from "../../../../src/wallet/private-key.js";
import { type Author, answering, onlyFor, POLL_MS, Recorder, through, WriteWorld } from "./world.js";

let world: WriteWorld;

beforeEach(async () => {
  world = await WriteWorld.start({ mine: "manual", stores: 2 });
  world.mineOnPoll();
});
afterEach(() => world.devnet.close());

async function owner(name: string): Promise<Author & { readonly tenure: string }> {
  const author = await world.author();
  const { tenure } = await author.writer.registerName(name);
  return Object.assign(author, { tenure });
}

function writesOf({ calls }: Recorder): readonly string[] {
  return calls.flatMap(({ port, method, args }) =>
    method === "broadcast" ? ["broadcast"] : port === "store" && method === "write" ? [String(args[0])] : [],
  );
}

const noSpace = new HawserError("STORAGE_FULL", "full", { label: "store", reason: "full" });
const full = answering("store.write", () => Promise.reject(noSpace));

/** Anchors profiles by hand, all of them in one block, so that it can hold what no writer would make. */
async function anchor(author: Author, name: string, ...profileHashes: readonly Uint8Array[]): Promise<void> {
  const sent = await author.transactions();
  const last = sent.filter(({ kind }) => kind === "register" || kind === "update").at(-1);
  if (last === undefined) throw new Error("no seal");
  let seal = createCoin(last.tx, 1, author.account);
  for (const profileHash of profileHashes) {
    const { transactions } = planUpdate({
      network: networks.regtest,
      kind: "update",
      name,
      seal,
      profileHash,
      feeRateSatsPerVbyte: 1,
    });
    const [planned] = transactions;
    const [signed] = await author.wallet.signPsbts([{ psbt: planned.psbt, inputs: [0], description: "" }]);
    await world.devnet.submit(checkSigned(planned, signed ?? new Uint8Array()).raw);
    seal = createCoin(planned.transaction, 1, author.account);
  }
  await world.devnet.mine(1);
}

/** Stores a profile that lists one route, and gives its hash. */
async function profileWith(
  author: Author,
  name: string,
  route: Partial<Route> & { readonly id: string },
): Promise<Uint8Array> {
  const full = { urls: [], pubkey: null, epoch: 0, minVer: null, maxAgeMs: null, ...route };
  const pubkey = encodeHex(author.signer.publicKey);
  const index = { entries: [mutableEntry(full)] };
  return storeProfile(encodeProfile({ name, pubkey, storage: [], about: {}, index }));
}

async function storeProfile(bytes: Uint8Array): Promise<Uint8Array> {
  await world.store.write(objectPath(contentKey(bytes)), bytes, { kind: "object" });
  return sha256(bytes);
}

describe("W1: the order of a write", () => {
  it("is record, profile, transaction for a new id", async () => {
    const author = await owner("alice");
    const recorder = new Recorder();
    await author.start({ gate: recorder.gate }).writer.putMutable("alice", "settings", utf8("1"));
    expect(writesOf(recorder)).toEqual([
      ...[1, 2].map(() => expect.stringMatching(/^records\/regtest\/alice\/settings@\d+\.json$/) as string),
      ...[1, 2].map(() => expect.stringMatching(/^objects\//) as string),
      "broadcast",
    ]);
  });

  it("is data, index nodes, profile, transaction for immutable data", async () => {
    const author = await owner("alice");
    const entries = Array.from({ length: 32 }, (_, i) =>
      immutableEntry(contentKey(utf8(`${i}`)), { size: 1, type: null, name: null, urls: null }),
    );
    const index = await buildIndex(entries, () => Promise.reject(new Error("no nodes yet")));
    const profile = encodeProfile({ name: "alice", pubkey: null, storage: [], about: {}, index });
    await anchor(author, "alice", await storeProfile(profile));
    const recorder = new Recorder();
    const data = utf8("the thirty-third");
    const { txids } = await author.start({ gate: recorder.gate }).writer.putImmutable("alice", data);
    const writes = writesOf(recorder);
    const distinct = [...new Set(writes)];
    expect(distinct[0]).toBe(objectPath(contentKey(data)));
    // Sixteen children at most, each stored before the profile that leads to them.
    expect(distinct.length).toBeGreaterThan(3);
    const anchored = (await world.transaction(txids[0] ?? "")).outputs[0]?.script ?? new Uint8Array();
    expect(distinct.at(-2)).toBe(objectPath(encodeHex(anchored.subarray(-32))));
    expect(distinct.at(-1)).toBe("broadcast");
    expect(await world.reader().getImmutable("alice", contentKey(data))).toMatchObject({ data });
    expect(
      await world
        .reader()
        .getImmutable("alice", contentKey(utf8("3")))
        .catch((e: unknown) => e),
    ).toMatchObject({ code: "CONTENT_UNAVAILABLE" });
    // So do those of a new route: a reader that knows nothing finds it.
    await author.writer.putMutable("alice", "id", utf8("1"));
    expect(await world.reader().getMutable("alice", "id")).toMatchObject({ data: utf8("1") });
  });

  it("is the record alone for an id that has a route", async () => {
    const author = await owner("alice");
    await author.writer.putMutable("alice", "settings", utf8("1"));
    const recorder = new Recorder();
    const handle = await author.start({ gate: recorder.gate }).writer.putMutable("alice", "settings", utf8("2"));
    expect(writesOf(recorder)).toHaveLength(2);
    expect(handle).toMatchObject({
      txids: [],
      state: "done",
      record: { ver: 2 },
      providers: [{ outcome: "stored" }, { outcome: "stored" }],
    });
    await handle.wait();
    const plan = await author.writer.plan.putMutable("alice", "settings", utf8("3"));
    expect(plan).toMatchObject({ approvals: 0, transactions: [], affectedIds: [], cost: { feeSats: 0n } });
  });
});

describe("W7: providers that must hold the bytes", () => {
  const writes = [
    ["updateProfile", "alice"],
    ["putMutable of a new id", "alice"],
    ["putImmutable", "alice"],
    ["registerName", "bob"],
  ] as const;

  const write = (
    author: Author,
    method: (typeof writes)[number][0],
    gate: Recorder["gate"] | undefined,
    required: number,
  ) => {
    const { writer } = author.start({ gate });
    if (method === "registerName") return writer.registerName("bob", { required });
    if (method === "updateProfile") return writer.updateProfile("alice", { about: { n: 1 } }, { required });
    if (method === "putImmutable") return writer.putImmutable("alice", utf8("data"), { required });
    return writer.putMutable("alice", "id", utf8("data"), { required });
  };

  it.each(writes)("too few of them are STORAGE_UNAVAILABLE for %s, and nothing is sent", async (method, name) => {
    const author = await owner("alice");
    const recorder = new Recorder();
    const gate = through(recorder.gate, onlyFor(world.stores[1], full));
    await expect(write(author, method, gate, 2)).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      details: { required: 2, stored: 1, attempts: [{ label: world.stores[1]?.label, message: "full" }] },
    });
    expect(recorder.count("source.broadcast")).toBe(0);
    // With the provider back, the same call finishes what is journalled; its transaction may be mined only after it.
    await write(author, method, undefined, 2).catch((error: unknown) => {
      expect(error).toMatchObject({ code: "CONFLICT_PENDING" });
    });
    await world.devnet.mine(1);
    if (method !== "registerName") await write(author, method, undefined, 2);
    expect(await author.journal()).toEqual([]);
    expect(await world.reader().getProfile(name)).toMatchObject({ found: true });
  });

  it.each(writes)("one of two suffices by default for %s, and the result tells which", async (method) => {
    const author = await owner("alice");
    const handle = await write(author, method, onlyFor(world.stores[1], full), 1);
    expect(handle.providers).toMatchObject([
      { outcome: "stored" },
      { outcome: "failed", attempt: { message: "full" } },
    ]);
  });

  it.each(writes)("a number of them that cannot be is INPUT_INVALID for %s before anything happens", async (method) => {
    const author = await owner("alice");
    for (const required of [0, 3, 1.5]) {
      const recorder = new Recorder();
      await expect(write(author, method, recorder.gate, required)).rejects.toMatchObject({ code: "INPUT_INVALID" });
      expect(recorder.effects).toEqual([]);
    }
    const { writer } = author.start({ storage: [], reader: { storage: world.stores } });
    await expect(writer.registerName("bob")).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await expect(writer.updateProfile("alice", {})).rejects.toMatchObject({ code: "INPUT_INVALID" });
    expect(await author.journal()).toEqual([]);
  });

  it("are those of the writer where the call names none", async () => {
    const author = await owner("alice");
    const { writer } = author.start({ gate: onlyFor(world.stores[1], full), required: 2 });
    await expect(writer.updateProfile("alice", { about: { n: 1 } })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
    });
    const data = utf8("data");
    await author.writer.putImmutable("alice", data).catch(() => undefined);
    await world.devnet.mine(1);
    await author.writer.putImmutable("alice", data);
    await expect(writer.putImmutable("alice", data)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await author.writer.putMutable("alice", "id", utf8("1"));
    await expect(writer.putMutable("alice", "id", utf8("2"))).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      details: { required: 2, stored: 1 },
    });
  });

  it("are those that `resume` names, for operations as for records", async () => {
    const author = await owner("alice");
    await author.writer.putMutable("alice", "id", utf8("1"));
    const gate = onlyFor(world.stores[1], full);
    const both = { required: 2 };
    const { writer } = author.start({ gate });
    const failed = { code: "STORAGE_UNAVAILABLE", details: { required: 2, stored: 1 } };
    await expect(writer.putMutable("alice", "id", utf8("2"), both)).rejects.toMatchObject(failed);
    await expect(writer.putImmutable("alice", utf8("data"), both)).rejects.toMatchObject(failed);
    const recorder = new Recorder();
    const again = await author.start({ gate: onlyFor(world.stores[1], full) }).writer.resume(both);
    expect(again).toMatchObject([
      { kind: "update", outcome: "failed", error: failed },
      { kind: "record", outcome: "failed", error: failed },
    ]);
    const done = { outcome: "done", error: null };
    expect(await author.start({ gate: recorder.gate }).writer.resume(both)).toMatchObject([done, done]);
    expect(recorder.count("source.broadcast")).toBe(1);
  });

  it("that hold the record of a failed put get the same bytes when it is called again (W5)", async () => {
    const author = await owner("alice");
    await author.writer.putMutable("alice", "id", utf8("1"));
    const gate = onlyFor(world.stores[1], full);
    const put = { required: 2 };
    await expect(author.start({ gate }).writer.putMutable("alice", "id", utf8("2"), put)).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
    });
    const { record, providers } = await author.writer.putMutable("alice", "id", utf8("2"), put);
    expect(record.ver).toBe(2);
    expect(providers).toMatchObject([{ outcome: "held" }, { outcome: "stored" }]);
  });
});

describe("addresses", () => {
  it("that are public go into profile and routes, private ones and credentials do not", async () => {
    const [first = "", second = ""] = world.devnet.storeUrls;
    const secret = { Authorization: "Bearer secret-token" };
    const storage = [
      http(first, { writable: true, conditional: true, headers: secret, publicBaseUrl: "https://data.example/a" }),
      http(second, { writable: true, conditional: true, headers: secret, publicBaseUrl: null }),
    ];
    const author = await world.author();
    const { writer } = author.start({ storage });
    await writer.registerName("alice");
    const { route } = await writer.putMutable("alice", "id", utf8("1"));
    expect(route.urls).toEqual([`https://data.example/a/records/regtest/alice/id@${route.epoch}.json`]);
    const found = await world.reader().getProfile("alice");
    expect(found).toMatchObject({ profile: { storage: ["https://data.example/a"] } });
    for (const { raw } of (await author.transactions()).map(({ tx }) => tx))
      expect(encodeHex(raw)).not.toContain(encodeHex(utf8("secret")));
    const profile = JSON.stringify(found);
    expect(profile).not.toContain("secret");
    expect(profile).not.toContain(second);
  });

  it("that two providers share are named once", async () => {
    const [first = "", second = ""] = world.devnet.storeUrls;
    const publicBaseUrl = "https://data.example";
    const storage = [first, second].map((url, i) =>
      http(url, { writable: true, conditional: true, publicBaseUrl, label: `${i}` }),
    );
    const author = await world.author();
    const { writer } = author.start({ storage });
    await writer.registerName("alice");
    const { route } = await writer.putMutable("alice", "id", utf8("1"));
    expect(route.urls).toHaveLength(1);
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { storage: [publicBaseUrl] } });
  });

  it("are those that the caller names, where it names some", async () => {
    const author = await world.author();
    await author.writer.registerName("alice", { storage: ["https://mine.example"] });
    expect(await world.reader().getProfile("alice")).toMatchObject({ profile: { storage: ["https://mine.example"] } });
  });

  it("are at most sixteen (U1)", async () => {
    const url = world.devnet.storeUrls[0] ?? "";
    const storage = Array.from({ length: 17 }, (_, i) =>
      http(url, { writable: true, conditional: true, publicBaseUrl: `https://${i}.example`, label: `${i}` }),
    );
    const author = await world.author();
    const { writer } = author.start({ storage });
    await writer.registerName("alice");
    const { route } = await writer.putMutable("alice", "id", utf8("1"));
    expect(route.urls).toHaveLength(16);
    const found = await world.reader().getProfile("alice");
    expect(found.found && found.profile.storage).toHaveLength(16);
  });
});

describe("M2: the key of a new route", () => {
  it("is left out where the profile names it, and named where it is another", async () => {
    const author = await owner("alice");
    const { route } = await author.writer.putMutable("alice", "own", utf8("1"));
    expect(route.pubkey).toBeNull();
    const signer = privateKeySigner({ privateKey: createPrivateKey(systemRandom), random: systemRandom });
    const delegate = author.start({ signer });
    await expect(delegate.writer.putMutable("alice", "delegated", utf8("2"))).rejects.toMatchObject({
      code: "ROUTE_KEY_MISMATCH",
      details: { id: "delegated", expected: encodeHex(author.signer.publicKey) },
    });
    const other = await delegate.writer.putMutable("alice", "delegated", utf8("2"), { delegate: true });
    expect(other.route.pubkey).toBe(encodeHex(signer.publicKey));
    expect(await world.reader().getMutable("alice", "delegated")).toMatchObject({ data: utf8("2") });
  });

  it("is the owner's where the profile names none (C11)", async () => {
    const author = await world.author();
    await author.start({ signer: null }).writer.registerName("alice");
    const { route } = await author.writer.putMutable("alice", "id", utf8("1"));
    expect(route.pubkey).toBe(encodeHex(author.signer.publicKey));
    expect(await world.reader().getMutable("alice", "id")).toMatchObject({ data: utf8("1") });
  });

  it("that is not the signer's is ROUTE_KEY_MISMATCH before anything is asked of providers (W5)", async () => {
    const author = await owner("alice");
    await author.writer.putMutable("alice", "id", utf8("1"));
    const signer = privateKeySigner({ privateKey: createPrivateKey(systemRandom), random: systemRandom });
    const recorder = new Recorder();
    await expect(
      author.start({ signer, gate: recorder.gate }).writer.putMutable("alice", "id", utf8("2")),
    ).rejects.toMatchObject({
      code: "ROUTE_KEY_MISMATCH",
    });
    expect(recorder.count("signer.sign") + recorder.count("store.write")).toBe(0);
  });
});

describe("M6: the epoch of a new route", () => {
  const { minConfirmations } = networks.regtest;

  it("is above b, and readers accept it", async () => {
    const author = await owner("alice");
    const tip = world.devnet.height();
    const { route } = await author.writer.putMutable("alice", "id", utf8("1"));
    expect(route.epoch).toBe(1 + tip - minConfirmations);
    expect(await world.reader().getMutable("alice", "id")).toMatchObject({
      data: utf8("1"),
      ver: 1,
      route: { epoch: route.epoch },
    });
  });

  it("is above every life of the id that this cache knows, also one that never came to be", async () => {
    const author = await owner("alice");
    const gone = answering("source.broadcast", () => Promise.reject(new Error("away")));
    const first = author.start({ gate: gone }).writer.putMutable("alice", "id", utf8("1"));
    await expect(first).rejects.toMatchObject({ code: "CHAIN_BROADCAST_REFUSED" });
    const [entry] = await author.journal("alice");
    const lost = entry?.floors[0]?.epoch ?? -1;
    // The seal goes elsewhere, so the first life is over before it began.
    await anchor(
      author,
      "alice",
      sha256(encodeProfile({ name: "alice", pubkey: null, storage: [], about: {}, index: emptyIndex })),
    );
    await storeProfile(encodeProfile({ name: "alice", pubkey: null, storage: [], about: {}, index: emptyIndex }));
    await expect(author.writer.putMutable("alice", "id", utf8("2"))).rejects.toMatchObject({
      code: "CONFLICT_NAME_MOVED",
    });
    expect(await author.journal()).toEqual([]);
    const { route } = await author.writer.putMutable("alice", "id", utf8("2"));
    expect(route.epoch).toBeGreaterThan(lost);
    expect(await world.reader().getMutable("alice", "id")).toMatchObject({ data: utf8("2") });
  });

  it("waits for a block where the last life is too recent, or for as long as the caller lets it", async () => {
    const author = await owner("alice");
    const tip = world.devnet.height();
    const ahead = tip + 3;
    const key = `signed/regtest/alice/${author.tenure}/id@${ahead - 1}`;
    await checkedCache(author.cache).update(key, () => ({ value: utf8("{}"), result: undefined }));
    world.clock.onPoll = () => undefined;
    const events: string[] = [];
    const late = author.writer.putMutable("alice", "id", utf8("1"), {
      timeoutMs: 2 * POLL_MS,
      onEvent: ({ message }) => events.push(message),
    });
    await expect(late).rejects.toMatchObject({
      code: "CHAIN_TIMEOUT",
      details: { operation: "alice", waitedMs: 2 * POLL_MS },
    });
    expect(events).toContainEqual(expect.stringContaining(`Waiting for block ${ahead - 1}`));
    world.mineOnPoll();
    const { route } = await author.writer.putMutable("alice", "id", utf8("1"));
    expect(route.epoch).toBe(ahead);
    expect(world.devnet.height()).toBe(ahead);
    expect(await world.reader().getMutable("alice", "id")).toMatchObject({ data: utf8("1") });
  });

  it("is above a life in a profile of the last blocks", async () => {
    const author = await owner("alice");
    const next = world.devnet.height() + 1;
    const alive = await profileWith(author, "alice", { id: "id", epoch: next });
    const refused = await profileWith(author, "alice", { id: "refused", epoch: next + 40 });
    const unserved = new Uint8Array(32).fill(5);
    const none = await profileWith(author, "alice", { id: "last" });
    await anchor(author, "alice", alive, refused, none);
    expect((await author.writer.plan.putMutable("alice", "id", utf8("1"))).affectedIds).toEqual(["m:id"]);
    const { route } = await author.writer.putMutable("alice", "id", utf8("1"), { waitFor: "broadcast" });
    expect(route.epoch).toBe(next + 1);
    await world.devnet.mine(1);

    // A route that readers refuse is no life.
    await anchor(author, "alice", refused, none);
    const tip = world.devnet.height();
    const free = await author.writer.putMutable("alice", "refused", utf8("1"), { waitFor: "broadcast" });
    expect(free.route.epoch).toBe(tip);
    await world.devnet.mine(1);

    // Of a profile that nobody serves any life may be in it that readers would have accepted, and a release has none.
    await anchor(author, "alice", unserved, new Uint8Array(32), none);
    const height = world.devnet.height();
    const safe = await author.writer.putMutable("alice", "hidden", utf8("1"), { waitFor: "broadcast" });
    expect(safe.route.epoch).toBe(height + 1);
  });

  it("above its operation's height is ROUTE_EPOCH_INVALID for writers too", async () => {
    const author = await owner("alice");
    const epoch = world.devnet.height() + 2;
    await anchor(author, "alice", await profileWith(author, "alice", { id: "id", epoch }));
    const recorder = new Recorder();
    await expect(
      author.start({ gate: recorder.gate }).writer.putMutable("alice", "id", utf8("1")),
    ).rejects.toMatchObject({
      code: "ROUTE_EPOCH_INVALID",
      details: { epoch, height: epoch - 1 },
    });
    expect(recorder.effects).toEqual([]);
  });

  it("leaves a profile out that every reader refuses", async () => {
    const author = await owner("alice");
    const wrong = await storeProfile(utf8("{}"));
    const none = await profileWith(author, "alice", { id: "last" });
    await anchor(author, "alice", wrong, none);
    const before = world.devnet.height();
    const { route } = await author.writer.putMutable("alice", "id", utf8("1"));
    expect(route.epoch).toBe(before);
    expect(await world.reader().getMutable("alice", "id")).toMatchObject({ data: utf8("1") });
  });
});

describe("M7: the floor of a new route", () => {
  it("rises when its operation is at depth, not before", async () => {
    const author = await owner("alice");
    const key = floorKey({ network: networks.regtest, name: parseName("alice"), tenure: author.tenure, id: "id" });
    const deep = author.start({ reader: { minConfirmations: 3 } });
    await world.devnet.mine(3);
    const handle = await deep.writer.putMutable("alice", "id", utf8("1"), { waitFor: "broadcast" });
    await world.devnet.mine(1);
    expect(await readFloor(checkedCache(author.cache), key)).toBeNull();
    await handle.wait();
    expect(await readFloor(checkedCache(author.cache), key)).toMatchObject({
      epoch: handle.route.epoch,
      ver: 1,
      sha256: encodeHex(sha256(utf8("1"))),
      sig: handle.record.sig,
    });
  });

  it("rises at once for a route that exists", async () => {
    const author = await owner("alice");
    await author.writer.putMutable("alice", "id", utf8("1"));
    await author.writer.putMutable("alice", "id", utf8("2"));
    const key = floorKey({ network: networks.regtest, name: parseName("alice"), tenure: author.tenure, id: "id" });
    expect(await readFloor(checkedCache(author.cache), key)).toMatchObject({ ver: 2 });
  });
});

describe("putMutable", () => {
  it("with create false is ROUTE_MISSING for an id without route", async () => {
    const author = await owner("alice");
    const recorder = new Recorder();
    const put = author.start({ gate: recorder.gate }).writer.putMutable("alice", "id", utf8("1"), { create: false });
    await expect(put).rejects.toMatchObject({ code: "ROUTE_MISSING", details: { id: "id" } });
    expect(recorder.effects).toEqual([]);
    await author.writer.putMutable("alice", "id", utf8("1"));
    await expect(author.writer.putMutable("alice", "id", utf8("2"), { create: false })).resolves.toMatchObject({
      txids: [],
    });
  });

  it("takes the version that the caller names, and refuses one that is not above what is known", async () => {
    const author = await owner("alice");
    const { record } = await author.writer.putMutable("alice", "id", utf8("1"), { version: 7 });
    expect(record.ver).toBe(7);
    await expect(author.writer.putMutable("alice", "id", utf8("2"), { version: 7 })).rejects.toMatchObject({
      code: "CONFLICT_RECORD_MOVED",
      details: { ver: 7, got: 7 },
    });
    const next = await author.writer.putMutable("alice", "id", utf8("2"), {
      nextVersion: ({ highest }) => highest + 10,
    });
    expect(next.record.ver).toBe(17);
  });

  it("reads what is known also where the reader alone looks", async () => {
    const author = await owner("alice");
    // Without public addresses, so that no URL of the route leads there.
    const [first, second] = world.devnet.storeUrls.map((url) =>
      http(url, { writable: true, conditional: true, publicBaseUrl: null }),
    );
    if (first === undefined || second === undefined) throw new Error("no stores");
    await author.start({ storage: [first] }).writer.putMutable("alice", "id", utf8("1"), { version: 9 });
    const { cache } = await world.author(1_000n);
    const { writer } = author.start({ cache, storage: [second], reader: { storage: [first] } });
    expect((await writer.putMutable("alice", "id", utf8("2"))).record.ver).toBe(10);
  });

  it.each([
    ["an id that is none", "No Id", new Uint8Array(1), "INPUT_ID_INVALID"],
    ["too much data", "id", new Uint8Array(limits.recordDataMaxBytes + 1), "INPUT_TOO_LARGE"],
    ["data that are no bytes", "id", "text" as unknown as Uint8Array, "INPUT_INVALID"],
  ])("refuses %s before anything is asked", async (_, id, data, code) => {
    const author = await world.author();
    const recorder = new Recorder();
    await expect(author.start({ gate: recorder.gate }).writer.putMutable("alice", id, data)).rejects.toMatchObject({
      code,
    });
    expect(recorder.calls).toEqual([]);
  });

  it("takes as much data as a record may have", async () => {
    const author = await owner("alice");
    const data = new Uint8Array(limits.recordDataMaxBytes).fill(7);
    await author.writer.putMutable("alice", "id", data);
    const found = await world.reader().getMutable("alice", "id");
    expect(found.found && found.data.length).toBe(data.length);
  });
});

describe("putImmutable", () => {
  it("lists data with its size and labels", async () => {
    const author = await owner("alice");
    const data = utf8("<svg/>");
    const handle = await author.writer.putImmutable("alice", data, { type: "image/svg+xml", fileName: "a.svg" });
    const content = { size: 6, type: "image/svg+xml", name: "a.svg", urls: null };
    expect(handle).toMatchObject({ key: contentKey(data), content, state: "done" });
    expect(await world.reader().getImmutable("alice", handle.key)).toMatchObject({ data, content });
  });

  it("of what is listed stores the bytes again and sends nothing (W2)", async () => {
    const author = await owner("alice");
    const data = utf8("data");
    const labels = { type: "text/plain", fileName: "a.txt" };
    const { key, content } = await author.writer.putImmutable("alice", data, labels);
    for (const store of world.stores) await store.remove(objectPath(key));
    for (const options of [{}, labels, { type: "text/plain" }]) {
      const plan = await author.writer.plan.putImmutable("alice", data, options);
      expect(plan).toMatchObject({ approvals: 0, transactions: [], affectedIds: [], cost: { feeSats: 0n } });
      expect(await plan.run()).toMatchObject({ key, content, txids: [], state: "done" });
    }
    expect(await author.count("update")).toBe(1);
    expect(await world.reader().getImmutable("alice", key)).toMatchObject({ data });
  });

  it("with another label changes that one and keeps the rest of the entry", async () => {
    const author = await owner("alice");
    const data = utf8("data");
    const urls = ["https://else.example/data"];
    const entry = immutableEntry(contentKey(data), { size: 4, type: "text/plain", name: "a.txt", urls });
    const profile = encodeProfile({ name: "alice", pubkey: null, storage: [], about: {}, index: { entries: [entry] } });
    await anchor(author, "alice", await storeProfile(profile));
    const named = await author.writer.putImmutable("alice", data, { fileName: "b.txt" });
    expect(named).toMatchObject({
      txids: [expect.any(String) as string],
      content: { type: "text/plain", name: "b.txt", urls },
    });
    const typed = await author.writer.putImmutable("alice", data, { type: "text/html" });
    expect(typed).toMatchObject({ content: { type: "text/html", name: "b.txt", urls } });
    expect(await world.reader().getImmutable("alice", named.key)).toMatchObject({ content: typed.content });
  });

  it.each([
    ["too much data", new Uint8Array(limits.objectMaxBytes + 1), "INPUT_TOO_LARGE"],
    ["data that are no bytes", "text" as unknown as Uint8Array, "INPUT_INVALID"],
  ])("refuses %s before anything is asked", async (_, data, code) => {
    const author = await world.author();
    const recorder = new Recorder();
    await expect(author.start({ gate: recorder.gate }).writer.putImmutable("alice", data)).rejects.toMatchObject({
      code,
    });
    expect(recorder.calls).toEqual([]);
  });

  it("refuses labels that no reader accepts, before anything is signed", async () => {
    const author = await owner("alice");
    const recorder = new Recorder();
    const { writer } = author.start({ gate: recorder.gate });
    await expect(writer.putImmutable("alice", utf8("1"), { type: "x".repeat(128) })).rejects.toMatchObject({
      outcome: "input",
    });
    expect(recorder.effects).toEqual([]);
  });
});
