import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import { contentKey } from "../../../src/immutable/key.js";
import type {
  AuditedItem,
  AuditOptions,
  FoundAudit,
  FoundMirror,
  MirroredItem,
  MirrorOptions,
  NotFound,
  Reader,
  StorageProvider,
} from "../../../src/index.js";
import { immutableEntry, mutableEntry, type Route } from "../../../src/profile/entry.js";
import { memoryStorage } from "../../../src/storage/memory.js";
import { wrapped } from "../route/places.js";
import { contentOf, type ReaderWorld, routeOf, type TestName } from "./reader-world.js";

/** A name with data, all of it at the stores that it was made with. */
export interface Published {
  readonly name: TestName;
  readonly profileHash: string;
  readonly routes: readonly Route[];
  /** Keys of the objects. */
  readonly keys: readonly string[];
  /** Every path of section 10 that belongs to the name. */
  readonly paths: readonly string[];
}

/** How much a name is to have. */
export interface PublishOptions {
  readonly objects?: number;
  readonly records?: number;
  readonly storage?: readonly string[];
  readonly route?: Partial<Route>;
}

/** Registers a name with objects and records (version 1) at the stores. */
export async function publish(
  world: ReaderWorld,
  name: string,
  stores: readonly StorageProvider[],
  { objects = 2, records = 2, storage = [], route = {} }: PublishOptions = {},
): Promise<Published> {
  const written = new Set<string>();
  const noted = stores.map((store) =>
    wrapped(store, {
      write: (path, body, options) => {
        written.add(path);
        return store.write(path, body, options);
      },
    }),
  );
  const bodies = Array.from({ length: objects }, (_, i) => utf8(`${name} object ${i}`));
  const routes = Array.from({ length: records }, (_, i) => routeOf(`record-${i}`, route));
  for (const body of bodies) await world.putObject(body, noted);
  const entries = [
    ...bodies.map((body) => immutableEntry(contentKey(body), contentOf(body))),
    ...routes.map((one) => mutableEntry(one)),
  ];
  const profileHash = await world.putProfile(name, { entries, storage }, noted);
  const registered = await world.register(name, profileHash);
  for (const one of routes) await world.putRecord(registered, one, { ver: 1, data: `${one.id} v1` }, noted);
  return {
    name: registered,
    profileHash: encodeHex(profileHash),
    routes,
    keys: bodies.map(contentKey),
    paths: [...written].sort(),
  };
}

/** Every path of a published name with what a store has there. */
export async function contentsOf(
  store: StorageProvider,
  { paths }: Pick<Published, "paths">,
): Promise<ReadonlyMap<string, string | null>> {
  const contents = new Map<string, string | null>();
  for (const path of paths) {
    const kind = path.startsWith("objects/") ? "object" : "record";
    const stored = await store.read(path, { kind, maxBytes: 2 ** 21 });
    contents.set(path, stored === null ? null : encodeHex(stored.bytes));
  }
  return contents;
}

/** An empty store in memory. */
export function emptyStore(label: string): StorageProvider {
  return memoryStorage({ label });
}

/** A store that notes the paths that were written. */
export function noting(store: StorageProvider): { readonly store: StorageProvider; readonly written: string[] } {
  const written: string[] = [];
  return {
    written,
    store: wrapped(store, {
      write: (path, body, options) => {
        written.push(path);
        return store.write(path, body, options);
      },
    }),
  };
}

export function found<T extends { readonly found: boolean }>(result: T): T & { readonly found: true } {
  if (!result.found) throw new Error("not found");
  return result as T & { readonly found: true };
}

/** Everything that an audit tells. */
export async function audited(
  reader: Reader,
  name: string,
  options: AuditOptions = {},
): Promise<readonly AuditedItem[]> {
  const result: FoundAudit | NotFound = await reader.audit(name, options);
  const items: AuditedItem[] = [];
  for await (const item of found(result).items) items.push(item);
  return items;
}

/** `kind label: verdict` of every replica of every item, without those that are present. */
export function faults(items: readonly AuditedItem[]): readonly string[] {
  return items.flatMap((item) => [
    ...(item.skipped === null ? [] : [`${item.kind} skipped: ${item.skipped.code}`]),
    ...item.replicas
      .filter(({ verdict }) => verdict !== "present")
      .map(({ label, verdict }) => `${item.kind} ${label}: ${verdict}`),
  ]);
}

/** A mirror with all that it told. */
export async function mirrored(
  reader: Reader,
  name: string,
  options: MirrorOptions,
): Promise<{ readonly result: FoundMirror; readonly items: readonly MirroredItem[] }> {
  const items: MirroredItem[] = [];
  const result = await reader.mirror(name, { ...options, onItem: (item) => void items.push(item) });
  return { result: found(result), items };
}

/** `kind label: outcome` of every item, with the code of the attempt. */
export function outcomes(items: readonly MirroredItem[]): readonly string[] {
  return items.flatMap(({ kind, outcomes: all }) =>
    all.map(
      ({ label, outcome, attempt }) => `${kind} ${label}: ${outcome}${attempt === null ? "" : ` ${attempt.code}`}`,
    ),
  );
}
