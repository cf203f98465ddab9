import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import type { AuditedItem, ProgressEvent, StorageProvider } from "../../../src/index.js";
import { limits } from "../../../src/limits.js";
import { mutableEntry } from "../../../src/profile/entry.js";
import { objectPath } from "../../../src/route/layout.js";
import { http } from "../../../src/storage/http.js";
import { memoryStorage } from "../../../src/storage/memory.js";
import { FakeClock, settle } from "../fake-clock.js";
import { fails, hangs, wrapped } from "../route/places.js";
import { reply, serve } from "../storage/serve.js";
import { ReaderWorld, recordPathOf, routeOf } from "./reader-world.js";
import { audited, emptyStore, faults, found, publish } from "./upkeep-world.js";

let world: ReaderWorld;
beforeAll(async () => {
  world = await ReaderWorld.start({ sources: 1, stores: 1 });
});
afterAll(() => world.close());

const missing = (store: StorageProvider, path: string): Promise<boolean> => store.remove(path);

describe("an audit", () => {
  it("finds everything present, the profile first, nodes before what is below them", async () => {
    const home = emptyStore("home");
    const name = await publish(world, "present", [home], { objects: 40, records: 3 });
    const events: ProgressEvent[] = [];
    const reader = world.reader({ storage: [home] });
    const result = found(await reader.audit("present", { onEvent: (event) => events.push(event) }));
    expect(result).toMatchObject({ from: "network", name: { status: "active", profileHash: name.profileHash } });
    const items = [];
    for await (const item of result.items) items.push(item);
    expect(faults(items)).toEqual([]);
    expect(items.map(({ path }) => path).sort()).toEqual(name.paths);
    expect(items[0]).toMatchObject({ kind: "profile", hash: name.profileHash, skipped: null });
    const read = items.flatMap((item) => (item.kind === "node" ? [item.prefix] : []));
    expect(read).toEqual([...read].sort());
    const record = items.find(({ kind }) => kind === "record");
    expect(record).toMatchObject({
      newestVer: 1,
      epoch: 1,
      replicas: [{ label: "home", url: null, public: false, verdict: "present", ver: 1, attempt: null }],
    });
    const told = events.filter(({ stage }) => stage === "audit");
    expect(told.map(({ done }) => done)).toEqual(items.map((_, i) => i + 1));
  });

  it("I2, M4: says what each replica lacks, and goes on", async () => {
    const [good, bad] = [emptyStore("good"), emptyStore("bad")];
    const { name, keys, routes, profileHash } = await publish(world, "faulty", [good, bad], { objects: 2, records: 3 });
    const [key = "", other = ""] = keys;
    const [settings = routeOf("x"), feed = routeOf("y"), note = routeOf("z")] = routes;
    await missing(bad, objectPath(key));
    await bad.write(objectPath(other), utf8("something else"), { kind: "object" });
    await bad.write(objectPath(profileHash), new Uint8Array(limits.profileMaxBytes + 1), { kind: "object" });
    await world.putRecord(name, settings, { ver: 5, data: "new" }, [good]);
    await bad.write(recordPathOf(name, feed), utf8("no record"), { kind: "record" });
    await missing(bad, recordPathOf(name, note));
    const items = await audited(world.reader({ storage: [good, bad] }), "faulty");
    expect([...faults(items)].sort()).toEqual([
      "object bad: missing",
      "object bad: wrong",
      "profile bad: wrong",
      "record bad: behind",
      "record bad: missing",
      "record bad: wrong",
    ]);
    const behind = items.find((item) => item.kind === "record" && item.id === settings.id);
    expect(behind).toMatchObject({ newestVer: 5, replicas: [{ ver: 5 }, { verdict: "behind", ver: 1 }] });
  });

  it("M9: both sides of a fork at the newest version are forked, one below it is behind", async () => {
    const [a, b, c] = [emptyStore("a"), emptyStore("b"), emptyStore("c")];
    const { name, routes } = await publish(world, "fork", [a, b, c], { objects: 0, records: 1 });
    const [route = routeOf("x")] = routes;
    await world.putRecord(name, route, { ver: 2, data: "one" }, [a]);
    await world.putRecord(name, route, { ver: 2, data: "two" }, [b]);
    const reader = world.reader({ storage: [a, b, c] });
    expect(faults(await audited(reader, "fork"))).toEqual(["record a: forked", "record b: forked", "record c: behind"]);
    await world.putRecord(name, route, { ver: 3, data: "healed" }, [c]);
    expect(faults(await audited(reader, "fork"))).toEqual(["record a: behind", "record b: behind"]);
  });

  it("M5, M7: what the reader has seen counts where no replica has it any more", async () => {
    const home = emptyStore("home");
    const { name, routes } = await publish(world, "floor", [home], { objects: 0, records: 1 });
    const [route = routeOf("x")] = routes;
    const reader = world.reader({ storage: [home] });
    const old = world.sign(name, route, { ver: 1, data: "old" });
    await world.putRecord(name, route, { ver: 7, data: "seen" }, [home]);
    await reader.getMutable("floor", route.id);
    await home.write(recordPathOf(name, route), old, { kind: "record" });
    const items = await audited(reader, "floor");
    expect(faults(items)).toEqual(["record home: behind"]);
    expect(items.at(-1)).toMatchObject({ newestVer: 7 });
  });

  it("M10: a record ahead of the clock is wrong", async () => {
    const home = emptyStore("home");
    const route = { maxAgeMs: 60_000 };
    const { name, routes } = await publish(world, "future", [home], { objects: 0, records: 1, route });
    await world.putRecord(name, routes[0] ?? routeOf("x"), { ver: Date.now() + 3_600_000, data: "later" }, [home]);
    const items = await audited(world.reader({ storage: [home] }), "future");
    expect(items.at(-1)).toMatchObject({
      newestVer: null,
      replicas: [{ verdict: "wrong", attempt: { code: "RECORD_FROM_FUTURE" } }],
    });
  });

  it("M2, M6: says why the record of a route that readers refuse was not audited", async () => {
    const home = emptyStore("home");
    const entries = [mutableEntry(routeOf("high", { epoch: 4_000_000 }))];
    await world.register("refused", await world.putProfile("refused", { entries }, [home]));
    const items = await audited(world.reader({ storage: [home] }), "refused");
    expect(items.at(-1)).toMatchObject({ kind: "record", replicas: [], skipped: { code: "ROUTE_EPOCH_INVALID" } });
  });

  it("reports a profile and a node that nobody has, and leaves out only what is below", async () => {
    const home = emptyStore("home");
    const { profileHash } = await publish(world, "holes", [home], { objects: 80, records: 0 });
    const whole = await audited(world.reader({ storage: [home] }), "holes");
    const [node] = whole.filter(({ kind }) => kind === "node");
    const prefix = node?.kind === "node" ? node.prefix : "?";
    await missing(home, node?.path ?? "");
    const items = await audited(world.reader({ storage: [home] }), "holes");
    expect(faults(items)).toEqual(["node skipped: INDEX_UNAVAILABLE", "node home: missing"]);
    const isBelow = ({ kind }: { kind: string }, i: number): boolean =>
      kind === "object" &&
      whole
        .slice(0, i)
        .filter((one) => one.kind === "node")
        .at(-1) === node;
    expect(prefix).toMatch(/^[0-9a-f]$/);
    expect(items).toHaveLength(whole.length - whole.filter(isBelow).length);
    expect(items.length).toBeLessThan(whole.length);
    await missing(home, objectPath(profileHash));
    const lost = await audited(world.reader({ storage: [home] }), "holes");
    expect(faults(lost)).toEqual(["profile skipped: PROFILE_UNAVAILABLE", "profile home: missing"]);
    expect(lost).toHaveLength(1);
  });

  it("goes on through what the cache still has", async () => {
    const home = emptyStore("home");
    const { profileHash } = await publish(world, "cached", [home], { objects: 80, records: 0 });
    const reader = world.reader({ storage: [home] });
    const list = found(await reader.list("cached"));
    for await (const entry of list.entries) expect(entry.kind).toBe("immutable");
    const whole = await audited(reader, "cached");
    for (const { kind, path } of whole) if (kind === "node") await missing(home, path ?? "");
    await missing(home, objectPath(profileHash));
    const items = await audited(reader, "cached");
    expect(items).toHaveLength(whole.length);
    expect(new Set(faults(items))).toEqual(new Set(["profile home: missing", "node home: missing"]));
  });

  it("says unknown, and why, for a replica that fails or is paused", async () => {
    const home = emptyStore("home");
    await publish(world, "unknown", [home], { objects: 1, records: 1 });
    const items = await audited(world.reader({ storage: [home, fails("broken")] }), "unknown");
    expect(faults(items)).toEqual(items.map(({ kind }) => `${kind} broken: unknown`));
    const [broken] = items.map(({ replicas }) => replicas[1]);
    expect(broken?.attempt).toMatchObject({ label: "broken", message: "boom" });
  });

  it("asks a provider for the kinds that it keeps, and for nothing else", async () => {
    const home = emptyStore("home");
    await publish(world, "kinds", [home], { objects: 1, records: 1 });
    const asked: string[] = [];
    const only = Object.assign(
      wrapped(home, {
        label: "records only",
        read: (path, options) => {
          asked.push(path);
          return home.read(path, options);
        },
      }),
      { kinds: ["record"] as const },
    );
    const items = await audited(world.reader({ storage: [home, only] }), "kinds");
    expect(faults(items)).toEqual([]);
    expect(items.map(({ kind, replicas }) => [kind, replicas.length])).toEqual(
      items.map(({ kind }) => [kind, kind === "record" ? 2 : 1]),
    );
    expect(asked.every((path) => path.startsWith("records/"))).toBe(true);
  });

  it("takes a prefix, and audits every node all the same", async () => {
    const home = emptyStore("home");
    await publish(world, "prefix", [home], { objects: 40, records: 2 });
    const items = await audited(world.reader({ storage: [home] }), "prefix", { prefix: "m:record-1" });
    expect(items.flatMap((item) => (item.kind === "record" ? [item.id] : []))).toEqual(["record-1"]);
    expect(items.some(({ kind }) => kind === "object")).toBe(false);
    expect(items.some(({ kind }) => kind === "node")).toBe(true);
  });

  it("proves that there is nothing, as other reads do", async () => {
    const reader = world.reader();
    expect(await reader.audit("nobody")).toMatchObject({ found: false, why: "no-name" });
    await world.register("empty");
    expect(await reader.audit("empty")).toMatchObject({ found: false, why: "no-profile" });
    for (const maxParallel of [0, 257, 1.5]) {
      await expect(reader.audit("empty", { maxParallel })).rejects.toMatchObject({ code: "INPUT_INVALID" });
    }
  });
});

describe("an audit asks as strangers do", () => {
  it("U1: by public URLs, without the credentials that a provider has", async () => {
    const files = memoryStorage();
    const server = await serve(async ({ method, path, headers, body }, response) => {
      const isOpen = path.startsWith("/public/");
      const place = path.replace(/^\/(?:public|api)\//, "");
      const kind = place.startsWith("objects/") ? "object" : "record";
      if (!isOpen && headers.authorization !== "Bearer secret") reply(response, 401);
      else if (method === "PUT") {
        await files.write(place, new Uint8Array(body), { kind });
        reply(response, 201);
      } else if (isOpen && place === hidden) reply(response, 403);
      else {
        const stored = await files.read(place, { kind, maxBytes: 2 ** 21 });
        if (stored === null) reply(response, 404);
        else reply(response, 200, stored.bytes);
      }
    });
    let hidden = "";
    const store = http(`${server.url}/api`, {
      label: "api",
      writable: true,
      publicBaseUrl: `${server.url}/public`,
      headers: async () => ({ authorization: "Bearer secret" }),
    });
    const { keys } = await publish(world, "public", [store], { objects: 1, records: 1 });
    hidden = objectPath(keys[0] ?? "");
    server.seen.length = 0;
    // Storage that readers get at through the API alone is no use to them.
    const items = await audited(world.reader({ storage: [store], allowHosts: [server.host] }), "public");
    expect(faults(items)).toEqual(["object api: unknown"]);
    expect(items[0]?.replicas).toEqual([
      {
        label: "api",
        url: `${server.url}/public/${items[0]?.path ?? ""}`,
        public: true,
        verdict: "present",
        ver: null,
        attempt: null,
      },
    ]);
    const audits = server.seen.filter(({ path }) => path.startsWith("/public/"));
    expect(audits.length).toBe(items.length);
    expect(audits.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);

    // U1: a public URL on this machine is none to anybody else.
    const refused = await audited(world.reader({ storage: [store] }), "public");
    expect(faults(refused)).toEqual(refused.map(({ kind }) => `${kind} api: unknown`));
    expect(refused[0]?.replicas[0]?.attempt).toMatchObject({ code: "NETWORK_HOST_REFUSED" });
    await server.close();
  });

  it("U1: URLs of routes, entries and the profile are asked too, but none that leads to a private host", async () => {
    const home = emptyStore("home");
    const server = await serve((_, response) => {
      reply(response, 404);
    });
    const url = `${server.url}/elsewhere`;
    const route = { urls: ["https://127.0.0.1:1/r", url] };
    await publish(world, "private", [home], { objects: 1, records: 1, storage: [`${url}/base`], route });
    const labels = (items: Awaited<ReturnType<typeof audited>>): unknown =>
      items.map(({ kind, replicas }) => [
        kind,
        ...replicas.slice(1).map(({ verdict, attempt }) => `${verdict} ${attempt?.code ?? ""}`),
      ]);
    const refused = "unknown NETWORK_HOST_REFUSED";
    const closed = await audited(world.reader({ storage: [home] }), "private");
    expect(server.seen).toEqual([]);
    expect(labels(closed)).toEqual(
      expect.arrayContaining([
        ["profile", refused],
        ["object", refused],
        ["record", refused, refused],
      ]),
    );
    const open = await audited(world.reader({ storage: [home], allowHosts: [server.host] }), "private");
    expect(labels(open)).toEqual(
      expect.arrayContaining([
        ["profile", "missing absent"],
        ["object", "missing absent"],
        ["record", refused, "missing absent"],
      ]),
    );
    await server.close();
  });
});

describe("an audit's time", () => {
  it("is bounded for each item and not in all", async () => {
    const home = emptyStore("home");
    const { paths } = await publish(world, "slow", [home], { objects: 6, records: 2 });
    const clock = new FakeClock(Date.now());
    const started = clock.nowMs();
    const reader = world.reader({ storage: [home, hangs("hanging")], clock });
    const result = found(await reader.audit("slow", { maxParallel: 1 }));
    const items: AuditedItem[] = [];
    const all = { over: false };
    const iteration = (async () => {
      for await (const item of result.items) items.push(item);
      all.over = true;
    })();
    for (let i = 0; i < 1_000 && !all.over; i++) {
      await clock.advance(1_000);
      await settle();
    }
    await iteration;
    expect(items).toHaveLength(paths.length);
    const [objects, records] = [paths.length - 2, 2];
    const passedMs = clock.nowMs() - started;
    expect(passedMs).toBeGreaterThanOrEqual(objects * limits.objectTimeoutMs + records * limits.recordTimeoutMs);
    expect(passedMs).toBeGreaterThan(limits.readTimeoutMs);
  });

  it("timeoutMs is that of one item, and an abort ends it", async () => {
    const home = emptyStore("home");
    await publish(world, "abort", [home], { objects: 1, records: 0 });
    const reader = world.reader({ storage: [home, hangs("hanging")] });
    const items = await audited(reader, "abort", { timeoutMs: 400 });
    expect(items.map(({ replicas }) => replicas[1]?.attempt?.code)).toEqual(["NETWORK_TIMEOUT", "NETWORK_TIMEOUT"]);
    const controller = new AbortController();
    const result = found(await reader.audit("abort", { signal: controller.signal }));
    setImmediate(() => {
      controller.abort();
    });
    await expect(result.items[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
  });

  it("leaves nothing running behind when it is not iterated to its end", async () => {
    const home = emptyStore("home");
    await publish(world, "left", [home], { objects: 30, records: 0 });
    let running = 0;
    const counting = wrapped(home, {
      read: async (path, options) => {
        running++;
        try {
          await new Promise((resolve) => setImmediate(resolve));
          return await home.read(path, options);
        } finally {
          running--;
        }
      },
    });
    const result = found(await world.reader({ storage: [counting] }).audit("left", { maxParallel: 4 }));
    for await (const item of result.items) if (item.kind === "object") break;
    for (let i = 0; i < 10; i++) await settle();
    expect(running).toBe(0);
  });
});

describe("a large name", () => {
  it("is audited with at most so many requests at once", { timeout: 60_000 }, async () => {
    const home = emptyStore("home");
    const { paths } = await publish(world, "large", [home], { objects: 1_990, records: 10 });
    let running = 0;
    let most = 0;
    const counting = wrapped(home, {
      read: async (path, options) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return home.read(path, options);
      },
    });
    const items = await audited(world.reader({ storage: [counting] }), "large", { maxParallel: 5 });
    expect(items.map(({ path }) => path).sort()).toEqual(paths);
    expect(faults(items)).toEqual([]);
    expect(most).toBe(5);
  });
});
