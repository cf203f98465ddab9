import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, join, resolve, sep } from "node:path";
import { throwIfAborted } from "../deadline.js";
import { HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type {
  CallOptions,
  StorageProvider,
  StorageReadOptions,
  StorageWriteOptions,
  StoredBytes,
  WriteOutcome,
} from "../ports.js";
import { systemClock } from "../runtime/clock.js";
import { makeDirectory } from "../runtime/make-directory.js";
import { isDiskFull } from "./disk-full.js";
import { type DiskLock, takeDiskLock } from "./disk-lock.js";
import { diskName } from "./disk-name.js";
import { parseStoragePath, publicUrl } from "./path.js";
import { assertRange } from "./range.js";

/** Options of {@link diskStorage}. */
export interface DiskStorageOptions {
  /** Base of the URLs under which a web server serves the directory. Default: none, and no URL is published. */
  readonly publicBaseUrl?: string | undefined;
  /** Name in verdicts. Default: `disk:` and the directory's name. */
  readonly label?: string | undefined;
}

const LOCK_TIMEOUT_MS = 10_000;
// No segment of the layout has an "@" in it but the name of a record, which ends in .json.
const LOCK_DIRECTORY = "@locks";

/**
 * The layout of section 10 as a folder tree. A write is on disk, whole or not at all, before it resolves; conditions
 * are atomic against every process of this machine that writes through hawser (not on network file systems). A missing
 * directory reads as empty and is created by the first write. Names of Windows devices get a leading `!`.
 *
 * Calls throw `INPUT_INVALID` for a path outside the layout, `STORAGE_FULL` when there is no space or quota left, and
 * `STORAGE_REFUSED` when the file system does not let them: no rights, no directory, a symbolic link that leads out of the directory, or a lock file left by a process that
 * cannot be judged from here (it is named, and may be deleted when no writer runs).
 *
 * @param directory - The root of the tree.
 */
export function diskStorage(directory: string, options: DiskStorageOptions = {}): StorageProvider {
  return new DiskStorage(directory, options);
}

class DiskStorage implements StorageProvider {
  readonly label: string;
  readonly publicBaseUrl: string | null;
  readonly conditional = true;
  readonly ranges = true;
  readonly #root: string;

  constructor(directory: string, options: DiskStorageOptions) {
    this.#root = resolve(directory);
    this.label = options.label ?? `disk:${basename(this.#root)}`;
    this.publicBaseUrl = options.publicBaseUrl ?? null;
  }

  async read(path: string, options: StorageReadOptions): Promise<StoredBytes | null> {
    const segments = diskSegments(path);
    const { range, maxBytes } = options;
    if (range === undefined) return this.#guard(options.signal, () => this.#readFile(segments, path, maxBytes));
    assertRange(range);
    return this.#guard(options.signal, async () => {
      // The tag is the hash of the whole, and no body of the layout is large.
      const whole = await this.#readFile(segments, path, Math.max(maxBytes, range.end, limits.recordBodyMaxBytes));
      if (whole === null) return null;
      const bytes = whole.bytes.slice(range.start, range.end);
      if (bytes.length > maxBytes) throw this.#tooLarge(path, maxBytes);
      return { bytes, tag: whole.tag };
    });
  }

  async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
    const segments = diskSegments(path);
    const bytes = body.slice();
    return this.#guard(options.signal, async () => {
      const parent = await this.#makeParent(segments);
      return this.#locked(path, options.signal, async (lock) => {
        // What a writer of this path left when it was killed.
        for (const token of lock.abandoned) await removeFile(join(parent, temporaryName(token)));
        const { condition } = options;
        if (condition !== undefined) {
          const tag = await this.#currentTag(segments, path);
          if ("ifAbsent" in condition ? tag !== null : tag !== condition.ifTag) return "moved";
        }
        await replaceFile(parent, segments[segments.length - 1] ?? "", temporaryName(lock.token), bytes);
        return "stored";
      });
    });
  }

  async remove(path: string, options: CallOptions = {}): Promise<boolean> {
    const segments = diskSegments(path);
    return this.#guard(options.signal, async () => {
      const root = await realRoot(this.#root);
      if (root === null) return true;
      const parent = await this.#inside(root, join(root, ...segments.slice(0, -1)));
      if (parent === null) return true;
      const run = async (): Promise<boolean> => {
        await removeFile(join(parent, segments[segments.length - 1] ?? ""));
        await syncDirectory(parent);
        return true;
      };
      try {
        return await this.#locked(path, options.signal, run);
      } catch (error) {
        // No room for a lock: nobody held one a moment before, who comes now gets none either, and this makes room.
        if (isDiskFull(error)) return run();
        throw error;
      }
    });
  }

  urlOf(path: string): string | null {
    return publicUrl(this.publicBaseUrl, diskSegments(path).join("/"));
  }

  async #readFile(segments: readonly string[], path: string, maxBytes: number): Promise<StoredBytes | null> {
    const root = await realRoot(this.#root);
    const file = root === null ? null : await this.#inside(root, join(root, ...segments));
    if (file === null) return null;
    let handle: FileHandle;
    try {
      // O_NONBLOCK: opening a named pipe would otherwise wait for a writer.
      const flags = process.platform === "win32" ? 0 : constants.O_NONBLOCK | constants.O_NOFOLLOW;
      handle = await open(file, constants.O_RDONLY | flags);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return null;
      throw error;
    }
    try {
      if (!(await handle.stat()).isFile()) throw this.#refused("not a regular file");
      const bytes = await readAtMost(handle, maxBytes);
      if (bytes === null) throw this.#tooLarge(path, maxBytes);
      return { bytes, tag: tagOf(bytes) };
    } finally {
      await handle.close();
    }
  }

  async #currentTag(segments: readonly string[], path: string): Promise<string | null> {
    return (await this.#readFile(segments, path, Number.MAX_SAFE_INTEGER))?.tag ?? null;
  }

  /** The real path of a file's directory, created where missing; one step at a time, so that no link is followed out. */
  async #makeParent(segments: readonly string[]): Promise<string> {
    makeDirectory(this.#root);
    const root = await realpath(this.#root);
    const there = await this.#inside(root, join(root, ...segments.slice(0, -1)));
    if (there !== null) return there;
    let current = root;
    for (const segment of segments.slice(0, -1)) {
      const next = join(current, segment);
      try {
        await mkdir(next);
        await syncDirectory(current);
      } catch (error) {
        if (errorCode(error) !== "EEXIST") throw error;
      }
      const real = await this.#inside(root, next);
      if (real === null) throw this.#refused("a directory that vanished or leads nowhere");
      current = real;
    }
    return current;
  }

  /** The real path of something in the tree, or null if it is not there. */
  async #inside(root: string, path: string): Promise<string | null> {
    let real: string;
    try {
      real = await realpath(path);
    } catch (error) {
      if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return null;
      throw error;
    }
    // A link in a copied tree must not open other files of this machine to readers, or to overwriting.
    if (!real.startsWith(root.endsWith(sep) ? root : root + sep)) {
      throw this.#refused("a symbolic link that leads out of the directory");
    }
    return real;
  }

  async #locked<T>(path: string, signal: AbortSignal | undefined, run: (lock: DiskLock) => Promise<T>): Promise<T> {
    const lock = await takeDiskLock(await this.#makeParent([LOCK_DIRECTORY, ""]), path, {
      timeoutMs: LOCK_TIMEOUT_MS,
      pause: (ms) => systemClock.delay(ms, signal),
      nowMs: () => systemClock.nowMs(),
    });
    if ("heldBy" in lock) throw this.#refused(`the lock file ${LOCK_DIRECTORY}/${lock.heldBy} is in the way`);
    try {
      return await run(lock);
    } finally {
      await lock.release();
    }
  }

  async #guard<T>(signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    throwIfAborted(signal, this.label);
    try {
      return await run();
    } catch (error) {
      if (isHawserError(error)) throw error;
      const code = errorCode(error) ?? "the file system failed";
      if (isDiskFull(error)) {
        const details = { label: this.label, reason: code };
        throw new HawserError("STORAGE_FULL", `${this.label} has no space left: ${code}.`, details, { cause: error });
      }
      throw this.#refused(code, error);
    }
  }

  #tooLarge(url: string, maxBytes: number): HawserError<"NETWORK_TOO_LARGE"> {
    const message = `${this.label} holds more than ${maxBytes} bytes at a path.`;
    return new HawserError("NETWORK_TOO_LARGE", message, { url, maxBytes });
  }

  #refused(reason: string, cause?: unknown): HawserError<"STORAGE_REFUSED"> {
    const details = { label: this.label, reason };
    return new HawserError("STORAGE_REFUSED", `${this.label} refused: ${reason}.`, details, { cause });
  }
}

function diskSegments(path: string): readonly string[] {
  return parseStoragePath(path).map(diskName);
}

async function realRoot(root: string): Promise<string | null> {
  try {
    const real = await realpath(root);
    // What lies "below" a file is not absent: the place is none.
    if ((await stat(real)).isDirectory()) return real;
    throw Object.assign(new Error("not a directory"), { code: "ENOTDIR" });
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** All bytes of a file, or null if there are more than `maxBytes`; a file that grows while it is read included. */
async function readAtMost(handle: FileHandle, maxBytes: number): Promise<Uint8Array | null> {
  const { size } = await handle.stat();
  if (size > maxBytes) return null;
  // One byte more than there should be shows growth.
  const buffer = new Uint8Array(size + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) return buffer.slice(0, length);
    length += bytesRead;
  }
  // Whole files replace one another here, so one that grows is being written by something else.
  throw new Error("the file changes while it is read");
}

/** What a condition compares. The platform's own hash: a mirror of a large name spends most of its time hashing. */
function tagOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function temporaryName(token: string): string {
  return `@${token}.tmp`;
}

/** Temporary file in the same directory, sync, rename, sync of the directory: after a crash the old file or the new. */
async function replaceFile(directory: string, name: string, temporary: string, bytes: Uint8Array): Promise<void> {
  const path = join(directory, temporary);
  try {
    const handle = await open(path, "wx");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(path, join(directory, name));
  } catch (error) {
    await removeFile(path);
    throw error;
  }
  await syncDirectory(directory);
}

async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows has no such call.
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
