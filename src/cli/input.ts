import type { Invocation } from "./command.js";
import { readFileAtMost, readStreamAtMost } from "./files.js";

/**
 * The data of a write: a file, or stdin for `-` and for no file at all.
 *
 * @throws INPUT_FILE_UNUSABLE, INPUT_TOO_LARGE, NETWORK_ABORTED
 */
export async function readInput(
  { output, signal }: Invocation,
  path: string | undefined,
  maxBytes: number,
): Promise<Uint8Array> {
  if (path !== undefined && path !== "-") return readFileAtMost(path, maxBytes);
  if (process.stdin.isTTY) await output.note("Reading from the terminal; end with Ctrl-D.");
  return readStreamAtMost(process.stdin, "stdin", maxBytes, signal);
}
