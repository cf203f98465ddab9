import type { Invocation } from "./command.js";
import { fileUnusable, readFileAtMost, readStreamAtMost } from "./files.js";

/**
 * The data of a write: a file, or stdin for `-` and for no file at all.
 *
 * @throws INPUT_FILE_UNUSABLE also for a key file, INPUT_TOO_LARGE, NETWORK_ABORTED
 */
export async function readInput(
  { output, signal }: Invocation,
  path: string | undefined,
  maxBytes: number,
): Promise<Uint8Array> {
  if (path !== undefined && path !== "-") return assertNoKeyFile(path, await readFileAtMost(path, maxBytes));
  if (process.stdin.isTTY) await output.note("Reading from the terminal; end with Ctrl-D.");
  return assertNoKeyFile("stdin", await readStreamAtMost(process.stdin, "stdin", maxBytes, signal));
}

/**
 * A key that is published by mistake is lost, with the names and coins that it owns.
 *
 * @throws INPUT_FILE_UNUSABLE
 */
export function assertNoKeyFile(path: string, bytes: Uint8Array): Uint8Array {
  if (!/^\s*\{\s*"hawserKey"/.test(new TextDecoder().decode(bytes.subarray(0, 256)))) return bytes;
  throw fileUnusable(path, "publish", "it is a key file");
}
