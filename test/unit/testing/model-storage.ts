import { abortedError, throwIfAborted } from "../../../src/deadline.js";
import { HawserError } from "../../../src/errors.js";
import type {
  CallOptions,
  StorageProvider,
  StorageReadOptions,
  StorageWriteOptions,
  StoredBytes,
  StoredKind,
  WriteOutcome,
} from "../../../src/ports.js";
import { parseStoragePath, publicUrl } from "../../../src/storage/path.js";

/** What providers at one place share. */
export class Files {
  readonly bytes = new Map<string, Uint8Array>();
  readonly tags = new Map<string, string>();
  changes = 0;
}

const unsupported = (operation: string): HawserError =>
  new HawserError("STORAGE_UNSUPPORTED", `model cannot ${operation}.`, { label: "model", operation });

/** A provider that keeps its contract, written so that each part of it can be broken alone. */
export class ModelStorage implements StorageProvider {
  readonly label = "model";
  readonly publicBaseUrl: string | null = "https://model.example/base";
  readonly kinds: readonly StoredKind[] | undefined = undefined;
  readonly ranges: boolean = true;
  readonly files: Files;
  conditional = true;
  closed = false;

  constructor(files: Files) {
    this.files = files;
  }

  async read(path: string, { range, maxBytes, kind, signal }: StorageReadOptions): Promise<StoredBytes | null> {
    this.guard(path, kind);
    await this.pause(signal);
    const all = this.load(path);
    if (all === null) return null;
    const bytes = range === undefined ? all : this.part(all, range.start, range.end);
    this.cap(bytes.length, maxBytes);
    return { bytes: this.give(bytes), tag: this.tagOf(path) };
  }

  async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
    const { kind, condition, signal } = options;
    this.guard(path, kind);
    if (condition !== undefined && !this.conditional) throw unsupported("write conditionally");
    const bytes = this.take(body);
    await this.pause(signal);
    if (condition !== undefined && !this.holds(path, condition)) return "moved";
    this.save(path, bytes);
    return "stored";
  }

  async remove(path: string, { signal }: CallOptions = {}): Promise<boolean> {
    this.guard(path, path.startsWith("objects") ? "object" : "record");
    await this.pause(signal);
    this.files.bytes.delete(path);
    this.files.tags.delete(path);
    return true;
  }

  urlOf(path: string): string | null {
    return publicUrl(this.publicBaseUrl, path);
  }

  async open(): Promise<void> {
    // Nothing to find out.
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  guard(path: string, kind: StoredKind): void {
    parseStoragePath(path);
    if (this.kinds?.includes(kind) === false) throw unsupported(`keep a ${kind}`);
  }

  /** The time that a server takes. */
  async pause(signal: AbortSignal | undefined): Promise<void> {
    throwIfAborted(signal, this.label);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    if (signal?.aborted === true) throw abortedError(this.label);
  }

  load(path: string): Uint8Array | null {
    return this.files.bytes.get(path) ?? null;
  }

  save(path: string, bytes: Uint8Array): void {
    this.files.changes += 1;
    this.files.bytes.set(path, bytes);
    this.files.tags.set(path, `"${this.files.changes}"`);
  }

  tagOf(path: string): string | null {
    return this.files.tags.get(path) ?? null;
  }

  holds(path: string, condition: NonNullable<StorageWriteOptions["condition"]>): boolean {
    const tag = this.files.tags.get(path);
    return "ifAbsent" in condition ? tag === undefined : tag === condition.ifTag;
  }

  part(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return bytes.subarray(start, end);
  }

  cap(length: number, maxBytes: number): void {
    if (length <= maxBytes) return;
    throw new HawserError("NETWORK_TOO_LARGE", "model holds more.", { url: "model", maxBytes });
  }

  take(body: Uint8Array): Uint8Array {
    return body.slice();
  }

  give(bytes: Uint8Array): Uint8Array {
    return bytes.slice();
  }
}
