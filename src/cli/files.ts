import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { addAbortSignal, type Readable } from "node:stream";
import { concatBytes } from "../bytes/bytes.js";
import { abortedError } from "../deadline.js";
import { HawserError } from "../errors.js";

const READABLE_REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is not a directory",
  EEXIST: "it exists already",
  ENOSPC: "no space left on the device",
  EROFS: "the file system is read-only",
  ENAMETOOLONG: "the name is too long",
};

/** The error for a file that the caller named. */
export function fileUnusable(
  path: string,
  verb: "read" | "write" | "publish",
  cause: unknown,
): HawserError<"INPUT_FILE_UNUSABLE"> {
  const reason = reasonOf(cause);
  return new HawserError("INPUT_FILE_UNUSABLE", `Cannot ${verb} ${path}: ${reason}.`, { path, reason }, { cause });
}

function reasonOf(cause: unknown): string {
  if (typeof cause === "string") return cause;
  if (!(cause instanceof Error)) return "unknown failure";
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  return READABLE_REASONS[code] ?? (code === "" ? cause.message : code);
}

/** Whether a file is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/**
 * Reads a file of at most `maxBytes`.
 *
 * @throws INPUT_FILE_UNUSABLE, INPUT_TOO_LARGE
 */
export async function readFileAtMost(path: string, maxBytes: number): Promise<Uint8Array> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(path, "r");
    const { size, isFile } = await kindOf(handle);
    if (isFile && size > maxBytes) throw tooLarge(path, size, maxBytes);
    return await collect(handle.createReadStream({ autoClose: false }), path, maxBytes);
  } catch (error) {
    throw error instanceof HawserError ? error : fileUnusable(path, "read", error);
  } finally {
    await handle?.close();
  }
}

async function kindOf(handle: FileHandle): Promise<{ readonly size: number; readonly isFile: boolean }> {
  const found = await handle.stat();
  return { size: found.size, isFile: found.isFile() };
}

/**
 * Reads a stream such as stdin to its end.
 *
 * @throws INPUT_TOO_LARGE, INPUT_FILE_UNUSABLE, NETWORK_ABORTED
 */
export async function readStreamAtMost(
  stream: Readable,
  label: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    return await collect(addAbortSignal(signal, stream), label, maxBytes);
  } catch (error) {
    if (signal.aborted) throw abortedError(`Reading ${label}`, error);
    throw error instanceof HawserError ? error : fileUnusable(label, "read", error);
  }
}

async function collect(stream: Readable, label: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    if (!(chunk instanceof Uint8Array)) throw fileUnusable(label, "read", "it is not a stream of bytes");
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(label, size, maxBytes);
    chunks.push(chunk);
  }
  return concatBytes(...chunks);
}

function tooLarge(what: string, bytes: number, maxBytes: number): HawserError<"INPUT_TOO_LARGE"> {
  const message = `${what} has more than the ${maxBytes} bytes that are possible.`;
  return new HawserError("INPUT_TOO_LARGE", message, { what, bytes, maxBytes });
}

/**
 * Writes a file whole or not at all; one that exists is replaced. Devices and pipes, which cannot be replaced, are
 * written to.
 *
 * @throws INPUT_FILE_UNUSABLE
 */
export async function writeFileAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.part`);
  try {
    const special = await isSpecial(path);
    const handle = await open(special ? path : temporary, special ? "w" : "wx");
    try {
      await handle.writeFile(bytes);
      if (!special) await handle.sync();
    } finally {
      await handle.close();
    }
    if (!special) await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error instanceof HawserError ? error : fileUnusable(path, "write", error);
  }
}

async function isSpecial(path: string): Promise<boolean> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw fileUnusable(path, "write", "it is a directory");
    return !found.isFile();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/**
 * Writes a secret to a new file that only its owner can read.
 *
 * @throws INPUT_FILE_UNUSABLE also when the file exists
 */
export async function writeNewSecret(path: string, text: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(path, "wx", 0o600);
  } catch (error) {
    throw fileUnusable(path, "write", error);
  }
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw fileUnusable(path, "write", error);
  } finally {
    await handle.close();
  }
}
