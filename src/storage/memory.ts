import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import { throwIfAborted } from "../deadline.js";
import { HawserError } from "../errors.js";
import type {
  CallOptions,
  StorageProvider,
  StorageReadOptions,
  StorageWriteOptions,
  StoredBytes,
  WriteOutcome,
} from "../ports.js";
import { parseStoragePath, publicUrl } from "./path.js";
import { assertRange } from "./range.js";

/** Options of {@link memoryStorage}. */
export interface MemoryStorageOptions {
  /** Name in verdicts. Default `memory`. */
  readonly label?: string | undefined;
  /** Base of the URLs that {@link StorageProvider.urlOf} gives. Default: none. */
  readonly publicBaseUrl?: string | undefined;
}

/** A provider that lives as long as the process; conditional writes are atomic. For tests and examples. */
export function memoryStorage(options: MemoryStorageOptions = {}): StorageProvider {
  return new MemoryStorage(options);
}

class MemoryStorage implements StorageProvider {
  readonly label: string;
  readonly publicBaseUrl: string | null;
  readonly conditional = true;
  readonly ranges = true;
  readonly #files = new Map<string, StoredBytes>();

  constructor(options: MemoryStorageOptions) {
    this.label = options.label ?? "memory";
    this.publicBaseUrl = options.publicBaseUrl ?? null;
  }

  async read(path: string, options: StorageReadOptions): Promise<StoredBytes | null> {
    parseStoragePath(path);
    throwIfAborted(options.signal, this.label);
    const stored = this.#files.get(path);
    if (stored === undefined) return null;
    const { range } = options;
    if (range !== undefined) assertRange(range);
    const bytes = range === undefined ? stored.bytes.slice() : stored.bytes.slice(range.start, range.end);
    if (bytes.length > options.maxBytes) {
      throw new HawserError("NETWORK_TOO_LARGE", `${this.label} holds more than ${options.maxBytes} bytes at a path.`, {
        url: path,
        maxBytes: options.maxBytes,
      });
    }
    return { bytes, tag: stored.tag };
  }

  async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
    parseStoragePath(path);
    throwIfAborted(options.signal, this.label);
    const { condition } = options;
    const current = this.#files.get(path);
    if (condition !== undefined) {
      const holds = "ifAbsent" in condition ? current === undefined : current?.tag === condition.ifTag;
      if (!holds) return "moved";
    }
    this.#files.set(path, { bytes: body.slice(), tag: encodeHex(sha256(body)) });
    return "stored";
  }

  async remove(path: string, options: CallOptions = {}): Promise<boolean> {
    parseStoragePath(path);
    throwIfAborted(options.signal, this.label);
    this.#files.delete(path);
    return true;
  }

  urlOf(path: string): string | null {
    return publicUrl(this.publicBaseUrl, path);
  }
}
