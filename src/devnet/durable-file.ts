import { closeSync, fsyncSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { basename, dirname } from "node:path";
import { HawserError } from "../errors.js";

/*
 * Calls of this folder's files wait for the disk without letting anything else run: a devnet's every change is one step,
 * in memory and on disk, and no server ever shows half of it.
 */

/** What a temporary file's name ends in. */
export const TEMPORARY = ".tmp";

/** Temporary file beside it, sync, rename, sync of the directory: after a crash there is the old file or the new. */
export function replaceFile(file: string, bytes: Uint8Array): void {
  const temporary = `${file}${TEMPORARY}`;
  const handle = openSync(temporary, "w", 0o644);
  try {
    writeWhole(handle, bytes, 0);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
  syncDirectory(dirname(file));
}

/** Removes a file for good. */
export function removeFile(file: string): void {
  unlinkSync(file);
  syncDirectory(dirname(file));
}

/** Writes all bytes at a position. */
export function writeWhole(handle: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(handle, bytes, done, bytes.length - done, position + done);
  }
}

/** Makes names in a directory last. */
export function syncDirectory(directory: string): void {
  // Windows has no such call.
  if (process.platform === "win32") return;
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** The error for a file or directory that the devnet cannot start with. */
export function unusable(path: string, reason: string, cause?: unknown): HawserError<"INPUT_FILE_UNUSABLE"> {
  return new HawserError("INPUT_FILE_UNUSABLE", `${path} cannot be used: ${reason}.`, { path, reason }, { cause });
}

/** Runs a write of a running devnet; what the file system throws becomes STORAGE_REFUSED. */
export function orRefused(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    const label = `devnet:${basename(path)}`;
    const reason = error instanceof Error ? error.message : "unknown failure";
    throw new HawserError(
      "STORAGE_REFUSED",
      `${label} could not be written: ${reason}.`,
      { label, reason },
      {
        cause: error,
      },
    );
  }
}
