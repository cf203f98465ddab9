import { HawserError, isHawserError } from "../../../src/errors.js";
import type {
  CallOptions,
  StorageReadOptions,
  StorageWriteOptions,
  StoredBytes,
  StoredKind,
  WriteOutcome,
} from "../../../src/ports.js";
import { type Files, ModelStorage } from "./model-storage.js";

type Make = new (files: Files) => ModelStorage;

/** What is wrong with a provider, by the one case of the contract that must find it. */
export interface BrokenStorage {
  readonly finds: string;
  /** Cases that stumble over it as well. */
  readonly also: readonly string[];
  readonly fault: string;
  readonly make: Make;
}

const broken = (finds: string, fault: string, make: Make, also: readonly string[] = []): BrokenStorage => {
  return { finds, also, fault, make };
};

const isNamed = (path: string, id: string): boolean => path.includes(`/${id}@`);

/** Each breaks its contract in one point. */
export const brokenStorages: readonly BrokenStorage[] = [
  broken(
    "what was never written is absent: null, and no error",
    "takes absence for a failure",
    class extends ModelStorage {
      #reads = 0;
      override async read(path: string, options: StorageReadOptions): Promise<StoredBytes | null> {
        this.#reads += 1;
        const stored = await super.read(path, options);
        // Only at first, since absence is looked at by other cases too.
        if (stored !== null || this.#reads > 1 || this.files.changes > 0 || !path.includes("/fresh/")) return stored;
        throw new HawserError("NETWORK_STATUS", "404.", { url: path, status: 404, reason: "not found" });
      }
    },
  ),
  broken(
    "what was stored is read back",
    "forgets the first body",
    class extends ModelStorage {
      override save(path: string, bytes: Uint8Array): void {
        super.save(path, bytes);
        if (this.files.changes === 1 && bytes.length === 200 && path.startsWith("records")) this.files.bytes.clear();
      }
    },
    [
      "the bytes of the caller are copied, those that are given are the caller's",
      "another handle at the same place reads what was stored",
    ],
  ),
  broken(
    "an object is bytes and no text: every byte value survives",
    "changes the ends of lines",
    class extends ModelStorage {
      override take(body: Uint8Array): Uint8Array {
        return body.length === 1_024 ? body.map((byte) => (byte === 0x0d ? 0x0a : byte)) : body.slice();
      }
    },
  ),
  broken(
    "an empty object is kept, and is not absent",
    "takes empty for absent",
    class extends ModelStorage {
      override load(path: string): Uint8Array | null {
        const bytes = super.load(path);
        return bytes?.length === 0 ? null : bytes;
      }
    },
  ),
  broken(
    "the largest body is kept whole",
    "cuts off the end",
    class extends ModelStorage {
      override take(body: Uint8Array): Uint8Array {
        return body.slice(0, 1_000_000);
      }
    },
  ),
  broken(
    "a record is replaced, a longer one by a shorter one too",
    "leaves the end of a longer body",
    class extends ModelStorage {
      override save(path: string, bytes: Uint8Array): void {
        const old = this.files.bytes.get(path);
        const tail = bytes.length === 40 && old !== undefined ? old.subarray(40) : new Uint8Array(0);
        super.save(path, new Uint8Array([...bytes, ...tail]));
      }
    },
  ),
  broken(
    "the bytes of the caller are copied, those that are given are the caller's",
    "keeps the caller's buffer",
    class extends ModelStorage {
      override take(body: Uint8Array): Uint8Array {
        return body;
      }
    },
  ),
  broken(
    "the bytes of the caller are copied, those that are given are the caller's",
    "gives its own buffer",
    class extends ModelStorage {
      override give(bytes: Uint8Array): Uint8Array {
        return bytes;
      }
    },
  ),
  broken(
    "what is removed is gone where remove says so",
    "removes nothing",
    class extends ModelStorage {
      override async remove(path: string, options: CallOptions = {}): Promise<boolean> {
        const bytes = this.load(path);
        await super.remove(path, options);
        if (bytes !== null && path.includes("/fresh/")) this.save(path, bytes);
        return true;
      }
    },
  ),
  broken(
    "what is removed is gone where remove says so",
    "removes the folder",
    class extends ModelStorage {
      override async remove(path: string, options: CallOptions = {}): Promise<boolean> {
        await super.remove(path, options);
        const folder = path.slice(0, path.lastIndexOf("/"));
        for (const other of [...this.files.bytes.keys()]) {
          if (other.startsWith(`${folder}/`)) this.files.bytes.delete(other);
        }
        return true;
      }
    },
  ),
  broken(
    "removing what is not there is no error",
    "says that it is not there",
    class extends ModelStorage {
      override async remove(path: string, options: CallOptions = {}): Promise<boolean> {
        if (this.files.changes === 0) {
          this.guard(path, path.startsWith("objects") ? "object" : "record");
          await this.pause(options.signal);
          throw new Error("no such file");
        }
        return super.remove(path, options);
      }
    },
  ),
  broken(
    "ids of which one is a folder of the other, and epochs of one id, are kept apart",
    "takes the epoch for no part of the name",
    class extends ModelStorage {
      override load(path: string): Uint8Array | null {
        return super.load(path.replace("/a@6.", "/a@5."));
      }
      override save(path: string, bytes: Uint8Array): void {
        super.save(path.replace("/a@6.", "/a@5."), bytes);
      }
    },
  ),
  broken(
    "every id of M1 can be stored, odd ones too",
    "knows devices",
    class extends ModelStorage {
      override load(path: string): Uint8Array | null {
        return isNamed(path, "con") ? new Uint8Array(0) : super.load(path);
      }
    },
  ),
  broken(
    "every id of M1 can be stored, odd ones too",
    "keeps no long names",
    class extends ModelStorage {
      override save(path: string, bytes: Uint8Array): void {
        const [name = ""] = path.split("/").slice(-1);
        if (name.length > 100 && name.startsWith("a")) throw new Error("ENAMETOOLONG");
        super.save(path, bytes);
      }
    },
  ),
  broken(
    "the longest path of all can be stored",
    "cuts paths",
    class extends ModelStorage {
      override load(path: string): Uint8Array | null {
        return path.length > 180 && path.includes("bbb") ? null : super.load(path);
      }
    },
  ),
  broken(
    "a path that is none of the layout is refused as INPUT_INVALID, and nothing is sent",
    "takes any path",
    class extends ModelStorage {
      override guard(path: string, kind: StoredKind): void {
        try {
          super.guard(path, kind);
        } catch (error) {
          if (!isHawserError(error, "INPUT_INVALID")) throw error;
        }
      }
    },
  ),
  broken(
    "urlOf gives a URL that may be published, or null",
    "publishes a password",
    class extends ModelStorage {
      override readonly publicBaseUrl = "https://user:password@model.example/";
    },
  ),
  broken(
    "urlOf gives a URL that may be published, or null",
    "publishes something else than its base",
    class extends ModelStorage {
      override urlOf(path: string): string | null {
        return `https://other.example/${path}`;
      }
    },
  ),
  broken(
    "U1: a body of maxBytes is read, a longer one is NETWORK_TOO_LARGE",
    "looks at the cap in parts of a kilobyte",
    class extends ModelStorage {
      override cap(length: number, maxBytes: number): void {
        super.cap(length === 40 ? 0 : length, maxBytes);
      }
    },
  ),
  broken(
    "a range gives these bytes alone, or is refused as STORAGE_UNSUPPORTED",
    "takes the end for included",
    class extends ModelStorage {
      override part(bytes: Uint8Array, start: number, end: number): Uint8Array {
        return super.part(bytes, start, end + 1);
      }
    },
  ),
  broken(
    "a range gives these bytes alone, or is refused as STORAGE_UNSUPPORTED",
    "ignores ranges, and says that it has none",
    class extends ModelStorage {
      override readonly ranges = false;
    },
  ),
  broken(
    "a caller that has aborted gets NETWORK_ABORTED, and nothing is done",
    "does not look at the signal first",
    class extends ModelStorage {
      override async pause(signal: AbortSignal | undefined): Promise<void> {
        if (this.files.changes > 0) return super.pause(signal);
      }
    },
  ),
  broken(
    "an abort on the way ends a read and a write, and leaves the old bytes or the new",
    "leaves a half when it is aborted",
    class extends ModelStorage {
      override async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
        try {
          return await super.write(path, body, options);
        } catch (error) {
          if (body.length > 100_000) this.save(path, body.slice(0, 100));
          throw error;
        }
      }
    },
  ),
  broken(
    "an answer that was capped or aborted leaves the provider usable",
    "loses a connection each time",
    class extends ModelStorage {
      #lost = 0;
      override async read(path: string, options: StorageReadOptions): Promise<StoredBytes | null> {
        if (this.#lost > 5) throw new HawserError("NETWORK_UNREACHABLE", "none left.", { url: path, reason: "none" });
        try {
          return await super.read(path, options);
        } catch (error) {
          if (isHawserError(error, "NETWORK_TOO_LARGE")) this.#lost += 1;
          throw error;
        }
      }
    },
  ),
  broken(
    "open can be called again, and conditional is fixed from then on",
    "changes its mind",
    class extends ModelStorage {
      #opened = 0;
      override async open(): Promise<void> {
        this.#opened += 1;
        this.conditional = this.#opened === 1;
      }
    },
  ),
  broken(
    "W5: a record is created only where none is, or the condition is refused",
    "ignores that something is there",
    class extends ModelStorage {
      override holds(path: string, condition: NonNullable<StorageWriteOptions["condition"]>): boolean {
        return path.startsWith("records") && "ifAbsent" in condition ? true : super.holds(path, condition);
      }
    },
  ),
  broken(
    "W5: a record is created only where none is, or the condition is refused",
    "looks first and writes later",
    class extends ModelStorage {
      override async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
        const { condition, ...rest } = options;
        if (condition === undefined || !("ifAbsent" in condition) || path.startsWith("objects")) {
          return super.write(path, body, options);
        }
        await this.pause(options.signal);
        if (!this.holds(path, condition)) return "moved";
        return super.write(path, body, rest);
      }
    },
  ),
  broken(
    "W5: a record is replaced only where it has the tag, or the condition is refused",
    "ignores the tag",
    class extends ModelStorage {
      override holds(path: string, condition: NonNullable<StorageWriteOptions["condition"]>): boolean {
        return "ifTag" in condition ? this.files.bytes.has(path) : super.holds(path, condition);
      }
    },
  ),
  broken(
    "W5: other bytes have another tag, also when they are written at once",
    "takes the second of the clock for the tag",
    class extends ModelStorage {
      #plain = 0;
      override async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
        const outcome = await super.write(path, body, options);
        this.#plain = options.condition === undefined ? this.#plain + 1 : 0;
        // The other case of tags writes without a condition once only.
        if (path.includes("settings") && this.#plain > 1) this.files.tags.set(path, '"same"');
        return outcome;
      }
    },
  ),
  broken(
    "W1: an object is created only where none is",
    "ignores that the object is there",
    class extends ModelStorage {
      override holds(path: string, condition: NonNullable<StorageWriteOptions["condition"]>): boolean {
        return path.startsWith("objects") ? true : super.holds(path, condition);
      }
    },
  ),
  broken(
    "many calls at once do not disturb each other",
    "has one buffer for all",
    class extends ModelStorage {
      #running = 0;
      override async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
        this.#running += 1;
        try {
          const mixed = this.#running > 6 && body.length >= 400 && body.length < 500;
          return await super.write(path, mixed ? body.map((byte) => byte ^ 1) : body, options);
        } finally {
          this.#running -= 1;
        }
      }
    },
  ),
  broken(
    "who reads while a record is replaced gets one body or another, never a part or a mixture",
    "writes in place",
    class extends ModelStorage {
      override async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
        if (isNamed(path, "replaced")) {
          this.save(path, body.slice(0, 1_000));
          await this.pause(options.signal);
        }
        return super.write(path, body, options);
      }
    },
  ),
  broken(
    "another handle at the same place reads what was stored",
    "throws everything away when it is closed",
    class extends ModelStorage {
      override async close(): Promise<void> {
        this.files.bytes.clear();
      }
    },
  ),
  broken(
    "it can be closed twice, and before it was used",
    "can be closed once",
    class extends ModelStorage {
      override async close(): Promise<void> {
        if (this.closed) throw new Error("it is closed");
        this.closed = true;
      }
    },
  ),
];

/** Providers that keep one kind, and break the one case about that. */
export const brokenKinds: readonly BrokenStorage[] = [
  broken(
    "a kind that it does not keep is refused as STORAGE_UNSUPPORTED",
    "takes records for objects",
    class extends ModelStorage {
      override readonly kinds: readonly StoredKind[] = ["object"];
      override guard(path: string): void {
        super.guard(path, "object");
      }
    },
  ),
];
