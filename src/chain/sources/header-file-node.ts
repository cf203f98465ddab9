import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { throwIfAborted } from "../../deadline.js";
import { HawserError, isHawserError } from "../../errors.js";
import type { CallOptions } from "../../ports.js";
import { assertWholeHeaders, invalidFile } from "./header-file-range.js";

/**
 * A part of a file on disk. It is opened for each part: it may be replaced by a longer one in between.
 *
 * @throws INPUT_FILE_UNUSABLE, NETWORK_ANSWER_INVALID, NETWORK_ABORTED
 */
export async function readFileRange(
  place: string,
  offset: number,
  length: number,
  { signal }: CallOptions,
): Promise<Uint8Array> {
  throwIfAborted(signal, place);
  try {
    const handle = await open(/^file:/i.test(place) ? fileURLToPath(place) : place, "r");
    try {
      const found = await handle.stat();
      if (!found.isFile()) throw invalidFile(place, "it is not a file");
      assertWholeHeaders(place, found.size);
      const bytes = new Uint8Array(Math.max(0, Math.min(length, found.size - offset)));
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, offset + filled);
        // Cut short since its size was looked at.
        if (bytesRead === 0) throw invalidFile(place, "it became shorter while it was read");
        filled += bytesRead;
      }
      return bytes;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isHawserError(error)) throw error;
    const reason = error instanceof Error && "code" in error ? String(error.code) : "it cannot be opened";
    const message = `Cannot read ${place}: ${reason}.`;
    throw new HawserError("INPUT_FILE_UNUSABLE", message, { path: place, reason }, { cause: error });
  }
}
