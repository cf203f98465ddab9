import type { Cache, CacheChange } from "../../../src/ports.js";
import { ModelCache, type Place, unavailable } from "./model-cache.js";

type Change<Result> = (current: Uint8Array | null) => CacheChange<Result>;
type Make = new (place: Place) => Cache;

/** What is wrong with a cache, by the one case of the contract that must find it. */
export interface BrokenCache {
  readonly finds: string;
  readonly fault: string;
  readonly make: Make;
}

const broken = (finds: string, fault: string, make: Make): BrokenCache => ({ finds, fault, make });

/** Each breaks its contract in one point. */
export const brokenCaches: readonly BrokenCache[] = [
  broken(
    "a key that was never written is null, to get and to change",
    "gives undefined to change",
    class extends ModelCache {
      override commit<R>(key: string, change: Change<R>): R {
        return super.commit(key, (current) =>
          change(this.place.written.has(key) ? current : (undefined as unknown as null)),
        );
      }
    },
  ),
  broken(
    "a value is kept and replaced",
    "leaves the end of a longer value",
    class extends ModelCache {
      override store(key: string, value: Uint8Array): void {
        const old = this.read(key) ?? value;
        super.store(key, new Uint8Array([...value, ...old.subarray(Math.min(old.length, value.length))]));
      }
    },
  ),
  broken(
    "null deletes, and the key can be written again",
    "keeps a tombstone for ever",
    class extends ModelCache {
      override store(key: string, value: Uint8Array): void {
        if (!this.place.deleted.has(key)) super.store(key, value);
      }
    },
  ),
  broken(
    "null deletes, and the key can be written again",
    "deletes later",
    class extends ModelCache {
      override read(key: string): Uint8Array | null {
        return key === "deleted" && this.place.deleted.has(key) && !this.place.entries.has(key)
          ? Uint8Array.of(0)
          : super.read(key);
      }
      override async get(key: string): Promise<Uint8Array | null> {
        this.guard(key);
        return super.read(key);
      }
    },
  ),
  broken(
    "deleting what is not there does nothing",
    "says that it is not there",
    class extends ModelCache {
      override write(key: string, value: Uint8Array | null): void {
        if (value === null && !this.place.entries.has(key)) throw unavailable("there is no such entry");
        super.write(key, value);
      }
    },
  ),
  broken(
    "an empty value is kept, and is not null",
    "takes empty for absent",
    class extends ModelCache {
      override read(key: string): Uint8Array | null {
        const value = super.read(key);
        return value?.length === 0 ? null : value;
      }
    },
  ),
  broken(
    "a value of one byte is kept, whichever byte it is",
    "takes a byte for a character",
    class extends ModelCache {
      override store(key: string, value: Uint8Array): void {
        super.store(key, value.length === 1 ? value.map((byte) => byte & 0x7f) : value);
      }
    },
  ),
  broken(
    "a value is bytes and no text",
    "keeps text",
    class extends ModelCache {
      override store(key: string, value: Uint8Array): void {
        const isShort = value.length > 1 && value.length < 1_000;
        super.store(key, isShort ? new TextEncoder().encode(new TextDecoder().decode(value)) : value);
      }
    },
  ),
  broken(
    "a value of 5 MiB is kept whole",
    "cuts at a mebibyte",
    class extends ModelCache {
      override store(key: string, value: Uint8Array): void {
        super.store(key, value.subarray(0, 1_048_576));
      }
    },
  ),
  broken(
    "a value of 5 MiB is kept whole",
    "loses a byte in the middle",
    class extends ModelCache {
      override read(key: string): Uint8Array | null {
        const value = super.read(key);
        if (value !== null && value.length > 1_000_000) value[777_777] = 0xff;
        return value;
      }
    },
  ),
  broken(
    "of a part of a buffer that part is kept",
    "keeps the whole buffer",
    class extends ModelCache {
      override store(key: string, value: Uint8Array): void {
        super.store(key, value.byteOffset > 0 ? new Uint8Array(value.buffer) : value);
      }
    },
  ),
  broken(
    "what the caller does with its bytes after an update changes no entry",
    "keeps the caller's bytes",
    class extends ModelCache {
      override store(key: string, value: Uint8Array): void {
        this.place.entries.set(key, value);
      }
    },
  ),
  broken(
    "what the caller does with bytes that it got changes no entry",
    "gives its own bytes to get",
    class extends ModelCache {
      override async get(key: string): Promise<Uint8Array | null> {
        this.guard(key);
        return this.place.entries.get(key) ?? null;
      }
    },
  ),
  broken(
    "what the caller does with bytes that it got changes no entry",
    "gives its own bytes to change",
    class extends ModelCache {
      override commit<R>(key: string, change: Change<R>): R {
        const own = this.place.entries.get(key) ?? null;
        return super.commit(key, () => change(own));
      }
    },
  ),
  broken(
    "1200 entries are kept, and none makes room for another",
    "makes room",
    class extends ModelCache {
      override store(key: string, value: Uint8Array): void {
        super.store(key, value);
        const [oldest = ""] = this.place.entries.keys();
        if (this.place.entries.size > 1_000) this.place.entries.delete(oldest);
      }
    },
  ),
  broken(
    "1200 entries are kept, and none makes room for another",
    "lists one page of keys",
    class extends ModelCache {
      override async keys(prefix: string): Promise<readonly string[]> {
        return (await super.keys(prefix)).slice(0, 1_000);
      }
    },
  ),
  broken(
    "a key has up to 400 characters, all of printable ASCII",
    "takes file names",
    class extends ModelCache {
      override guard(key: string): void {
        super.guard(key);
        if (/[<>|]/.test(key)) throw unavailable("no file can have that name");
      }
    },
  ),
  broken(
    "a key has up to 400 characters, all of printable ASCII",
    "lists nothing for a long prefix",
    class extends ModelCache {
      override hasPrefix(key: string, prefix: string): boolean {
        return prefix.length < 256 && super.hasPrefix(key, prefix);
      }
    },
  ),
  broken(
    "two keys of 400 characters that differ in the last one are two",
    "compares 399",
    class extends ModelCache {
      override read(key: string): Uint8Array | null {
        return super.read(this.#known(key));
      }
      override store(key: string, value: Uint8Array): void {
        super.store(this.#known(key), value);
      }
      #known(key: string): string {
        if (key.length < 400) return key;
        return [...this.place.entries.keys()].find((known) => known.startsWith(key.slice(0, 399))) ?? key;
      }
    },
  ),
  broken(
    "any other key is refused as INPUT_INVALID and changes nothing",
    "throws something else",
    class extends ModelCache {
      override guard(key: string): void {
        this.guardOpen();
        if (key.length > 400) throw new TypeError("the key is too long");
        super.guard(key);
      }
    },
  ),
  broken(
    "any other key is refused as INPUT_INVALID and changes nothing",
    "trims keys",
    class extends ModelCache {
      override guard(key: string): void {
        super.guard(key.trimEnd() === "" ? key : key.replace(/\n$/, ""));
      }
    },
  ),
  broken(
    "any other key is refused as INPUT_INVALID and changes nothing",
    "runs change first",
    class extends ModelCache {
      override async update<R>(key: string, change: Change<R>): Promise<R> {
        if (key.length > 400) change(null);
        return super.update(key, change);
      }
    },
  ),
  broken(
    "keys that look alike are different keys",
    "does not tell cases",
    class extends ModelCache {
      override read(key: string): Uint8Array | null {
        const found = super.read(key);
        if (found !== null) return found;
        const same = [...this.place.entries.keys()].find((known) => known.toLowerCase() === key.toLowerCase());
        return same === undefined ? null : super.read(same);
      }
    },
  ),
  broken(
    "keys that look alike are different keys",
    "keeps entries in an object",
    class extends ModelCache {
      override read(key: string): Uint8Array | null {
        return key === "__proto__" ? new Uint8Array(0) : super.read(key);
      }
    },
  ),
  broken(
    "keys come in byte order",
    "orders by language",
    class extends ModelCache {
      override async keys(prefix: string): Promise<readonly string[]> {
        return [...(await super.keys(prefix))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
      }
    },
  ),
  broken(
    "keys has those that begin with the prefix and no others",
    "does not tell cases",
    class extends ModelCache {
      override hasPrefix(key: string, prefix: string): boolean {
        return key.toLowerCase().startsWith(prefix.toLowerCase());
      }
    },
  ),
  broken(
    "keys has those that begin with the prefix and no others",
    "looks anywhere in the key",
    class extends ModelCache {
      override hasPrefix(key: string, prefix: string): boolean {
        return key.includes(prefix);
      }
    },
  ),
  broken(
    "a prefix is no pattern",
    "asks with LIKE",
    class extends ModelCache {
      override hasPrefix(key: string, prefix: string): boolean {
        return super.hasPrefix(key, prefix.replace(/%$/, ""));
      }
    },
  ),
  broken(
    "keys has no key that was deleted",
    "lists tombstones",
    class extends ModelCache {
      override async keys(prefix: string): Promise<readonly string[]> {
        return [...new Set([...(await super.keys(prefix)), ...this.place.deleted])].sort();
      }
    },
  ),
  broken(
    "update gives the result of change, as it is",
    "gives a copy",
    class extends ModelCache {
      override commit<R>(key: string, change: Change<R>): R {
        return structuredClone(super.commit(key, change));
      }
    },
  ),
  broken(
    "an update without value leaves the entry as it is",
    "deletes without value",
    class extends ModelCache {
      override commit<R>(key: string, change: Change<R>): R {
        return super.commit(key, (current) => (key === "left" ? { value: null, ...change(current) } : change(current)));
      }
    },
  ),
  broken(
    "an update without value makes no entry",
    "makes an empty one",
    class extends ModelCache {
      override commit<R>(key: string, change: Change<R>): R {
        return super.commit(key, (current) =>
          current === null ? { value: new Uint8Array(0), ...change(current) } : change(current),
        );
      }
    },
  ),
  broken(
    "a change that throws leaves the entry as it is, and update throws the same",
    "throws something else",
    class extends ModelCache {
      override async update<R>(key: string, change: Change<R>): Promise<R> {
        return super.update(key, change).catch((cause: unknown) => {
          throw cause instanceof RangeError ? new Error("the update failed", { cause }) : cause;
        });
      }
    },
  ),
  broken(
    "a change that throws leaves the entry as it is, and update throws the same",
    "says nothing",
    class extends ModelCache {
      override async update<R>(key: string, change: Change<R>): Promise<R> {
        return super.update(key, change).catch((cause: unknown) => {
          if (cause instanceof RangeError) return undefined as R;
          throw cause;
        });
      }
    },
  ),
  broken(
    "a change that throws leaves the entry as it is, and update throws the same",
    "deletes the entry",
    class extends ModelCache {
      override commit<R>(key: string, change: Change<R>): R {
        try {
          return super.commit(key, change);
        } catch (error) {
          if (key === "thrown") this.place.entries.delete(key);
          throw error;
        }
      }
    },
  ),
  broken(
    "a change that throws stops no other update",
    "stops after an error",
    class extends ModelCache {
      #failed = false;
      override commit<R>(key: string, change: Change<R>): R {
        if (this.#failed) throw unavailable("an update failed");
        try {
          return super.commit(key, change);
        } catch (error) {
          this.#failed = true;
          throw error;
        }
      }
    },
  ),
  broken(
    "value and result are of one and the same run of change",
    "runs change for each",
    class extends ModelCache {
      override commit<R>(key: string, change: Change<R>): R {
        const before = this.read(key);
        super.commit(key, change);
        return change(before).result;
      }
    },
  ),
  broken(
    "update resolves only when get shows what it wrote",
    "lets two reads share an answer that an update has made old",
    class extends ModelCache {
      readonly #reading = new Map<string, number>();
      readonly #old = new Map<string, Uint8Array | null>();
      override async get(key: string): Promise<Uint8Array | null> {
        const old = this.#old.get(key);
        this.#old.delete(key);
        if (old !== undefined) return old;
        this.#reading.set(key, (this.#reading.get(key) ?? 0) + 1);
        const value = await super.get(key);
        this.#reading.set(key, (this.#reading.get(key) ?? 0) - 1);
        return value;
      }
      override async update<R>(key: string, change: Change<R>): Promise<R> {
        if ((this.#reading.get(key) ?? 0) > 0) this.#old.set(key, this.read(key));
        return super.update(key, change);
      }
    },
  ),
  broken(
    "none of 100 updates of one key at once is lost",
    "gives up under load and says nothing",
    class extends ModelCache {
      override store(key: string, value: Uint8Array): void {
        if (key !== "count" || this.inFlight !== 60) super.store(key, value);
      }
    },
  ),
  broken(
    "updates of several keys at once keep to their own keys",
    "mixes two keys up",
    class extends ModelCache {
      override store(key: string, value: Uint8Array): void {
        super.store(key === "key/9" ? "key/8" : key, value);
      }
    },
  ),
  broken(
    "after close every call is CACHE_UNAVAILABLE",
    "drops updates",
    class extends ModelCache {
      override async update<R>(key: string, change: Change<R>): Promise<R> {
        return this.closed ? change(null).result : super.update(key, change);
      }
    },
  ),
  broken(
    "after close every call is CACHE_UNAVAILABLE",
    "lists nothing",
    class extends ModelCache {
      override async keys(prefix: string): Promise<readonly string[]> {
        return this.closed ? [] : super.keys(prefix);
      }
    },
  ),
  broken(
    "after close every call is CACHE_UNAVAILABLE",
    "gives nothing",
    class extends ModelCache {
      override async get(key: string): Promise<Uint8Array | null> {
        return this.closed && this.place.written.has(key) ? null : super.get(key);
      }
    },
  ),
  broken(
    "a cache can be closed twice, and before it was used",
    "fails the second time",
    class extends ModelCache {
      override async close(): Promise<void> {
        this.guardOpen();
        return super.close();
      }
    },
  ),
  broken(
    "durable is true or false, and true only where entries outlive the handle",
    "forgets a deletion",
    class extends ModelCache {
      readonly #before = new Map<string, Uint8Array>();
      override write(key: string, value: Uint8Array | null): void {
        const old = this.read(key);
        if (value === null && old !== null) this.#before.set(key, old);
        super.write(key, value);
      }
      override async close(): Promise<void> {
        for (const [key, value] of this.#before) this.place.entries.set(key, value);
        return super.close();
      }
    },
  ),
  broken(
    "durable is true or false, and true only where entries outlive the handle",
    "forgets an entry",
    class extends ModelCache {
      override async close(): Promise<void> {
        this.place.entries.delete("lasting");
        return super.close();
      }
    },
  ),
  broken(
    "durable is true or false, and true only where entries outlive the handle",
    "says it in a word",
    class extends ModelCache {
      override readonly durable = "yes" as unknown as boolean;
    },
  ),
  broken(
    "a second handle sees at once what the first one wrote",
    "remembers that there was nothing",
    class extends ModelCache {
      readonly #absent = new Set<string>();
      override async get(key: string): Promise<Uint8Array | null> {
        if (this.#absent.has(key)) return null;
        const value = await super.get(key);
        if (value === null) this.#absent.add(key);
        return value;
      }
      override write(key: string, value: Uint8Array | null): void {
        super.write(key, value);
        // Its own updates it does notice, also those that overtake a read.
        void Promise.resolve().then(() => this.#absent.delete(key));
      }
    },
  ),
  broken(
    "change is given what another handle committed",
    "goes on from what it wrote itself",
    class extends ModelCache {
      readonly #own = new Map<string, Uint8Array | null>();
      override async update<R>(key: string, change: Change<R>): Promise<R> {
        const isAlone = this.place.handles.every(({ inFlight }) => inFlight === 0);
        const own = isAlone ? this.#own.get(key) : undefined;
        return super.update(key, (current) => {
          const decided = change(own === undefined ? current : own);
          if (decided.value !== undefined) this.#own.set(key, decided.value?.slice() ?? null);
          return decided;
        });
      }
    },
  ),
  broken(
    "none of 100 updates of one key through two handles at once is lost",
    "locks against its own handle alone",
    class extends ModelCache {
      override store(key: string, value: Uint8Array): void {
        const others = this.place.handles.filter((handle) => handle !== this && handle.inFlight > 20);
        if (others.length === 0) super.store(key, value);
      }
    },
  ),
  broken(
    "closing one handle leaves the others at work",
    "closes all",
    class extends ModelCache {
      override async close(): Promise<void> {
        for (const handle of this.place.handles) handle.closed = true;
      }
    },
  ),
  broken(
    "an update that close overtakes is kept or is CACHE_UNAVAILABLE, and is not dropped in silence",
    "drops it",
    class extends ModelCache {
      override store(key: string, value: Uint8Array): void {
        if (!this.closed) super.store(key, value);
      }
    },
  ),
  broken(
    "an update that close overtakes is kept or is CACHE_UNAVAILABLE, and is not dropped in silence",
    "throws something else",
    class extends ModelCache {
      override store(key: string, value: Uint8Array): void {
        if (this.closed) throw new Error("the database is closed");
        super.store(key, value);
      }
    },
  ),
];

/** The case that finds a cache for which every place is the same. */
export const brokenPlaces = "two places have nothing in common";
