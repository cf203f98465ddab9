import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { HawserError } from "../../src/errors.js";
import type { StorageProvider } from "../../src/index.js";
import { http } from "../../src/storage/http.js";
import { ReaderWorld, routeOf } from "../unit/client/reader-world.js";
import {
  audited,
  contentsOf,
  emptyStore,
  faults,
  found,
  type Published,
  publish,
} from "../unit/client/upkeep-world.js";
import { wrapped } from "../unit/route/places.js";
import { serveFiles } from "../unit/storage/file-server.js";
import type { TestServer } from "../unit/storage/serve.js";

// Six providers of which five are corrupted, emptied or stopped: what one still has is read, and all are made whole again.

type Harm = "corrupted" | "emptied" | "stopped";
const harms: readonly Harm[] = ["corrupted", "emptied", "stopped"];
let world: ReaderWorld;
const servers: TestServer[] = [];
beforeAll(async () => {
  world = await ReaderWorld.start({ sources: 1, stores: 1 });
});
afterAll(async () => {
  for (const server of servers) await server.close();
  await world.close();
});

/** Three stores in memory and three behind HTTP servers. */
async function sixStores(): Promise<readonly StorageProvider[]> {
  const behind = await Promise.all([0, 1, 2].map(() => serveFiles()));
  servers.push(...behind);
  return [
    ...["m0", "m1", "m2"].map(emptyStore),
    ...behind.map(({ url }, i) =>
      http(url, { label: `h${i}`, writable: true, conditional: i > 0, publicBaseUrl: null }),
    ),
  ];
}

async function harm(store: StorageProvider, how: Harm, { paths }: Published): Promise<void> {
  for (const path of paths) {
    const kind = path.startsWith("objects/") ? "object" : "record";
    if (how === "corrupted") await store.write(path, utf8(`corrupted ${path}`), { kind });
    if (how === "emptied") await store.remove(path);
  }
}

function stopped(store: StorageProvider): StorageProvider {
  const fail = async (): Promise<never> => {
    throw new HawserError("NETWORK_UNREACHABLE", "Stopped.", { url: store.label, reason: "stopped" });
  };
  return wrapped(store, { read: fail, write: fail });
}

describe("five of six providers are lost", () => {
  it.each([0, 1, 2, 3, 4, 5])("the one with number %i makes the others whole", { timeout: 60_000 }, async (left) => {
    const stores = await sixStores();
    const name = await publish(world, `six-${left}`, stores, { objects: 3, records: 2 });
    const good = stores[left] ?? emptyStore("none");
    await world.putRecord(name.name, name.routes[0] ?? routeOf("x"), { ver: 2, data: "newest" }, [good]);
    const whole = await contentsOf(good, name);
    const states = await Promise.all(
      stores.map(async (store, i): Promise<StorageProvider> => {
        const how = harms[(i + left) % harms.length] ?? "emptied";
        if (i !== left) await harm(store, how, name);
        return i !== left && how === "stopped" ? stopped(store) : store;
      }),
    );
    const options = { storagePolicy: { attempts: 1 } };
    const reader = world.reader({ storage: states, ...options });
    expect(await reader.getMutable(`six-${left}`, "record-0")).toMatchObject({ found: true, ver: 2 });
    const told = await audited(reader, `six-${left}`);
    expect(told.every(({ skipped }) => skipped === null)).toBe(true);
    expect(new Set(told.map(({ replicas }) => replicas[left]?.verdict))).toEqual(new Set(["present"]));
    const first = found(await reader.repair(`six-${left}`, { to: states }));
    const isStopped = (i: number): boolean => i !== left && harms[(i + left) % harms.length] === "stopped";
    expect(first.complete).toBe(!states.some((_, i) => isStopped(i)));
    for (const [i, store] of stores.entries()) if (!isStopped(i)) expect(await contentsOf(store, name)).toEqual(whole);
    // Those that were stopped come back, with what they had.
    const back = world.reader({ storage: stores, ...options });
    expect(found(await back.repair(`six-${left}`, { to: stores })).complete).toBe(true);
    for (const store of stores) expect(await contentsOf(store, name)).toEqual(whole);
    expect(faults(await audited(back, `six-${left}`))).toEqual([]);
  });
});
