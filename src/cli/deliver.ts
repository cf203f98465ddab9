import type { Invocation } from "./command.js";
import { writeFileAtomically } from "./files.js";
import { printableLines } from "./text.js";
import { usageError } from "./usage.js";

/**
 * Puts what was read where the caller wants it: into the file of `--out`, else on stdout, byte for byte. On a terminal
 * control characters are escaped, since whoever owns the name chose them. With `--json` and without `--out` nothing is
 * written here.
 *
 * @returns the file that was written, or null
 * @throws INPUT_FILE_UNUSABLE; INPUT_INVALID for data that is not text on a terminal
 */
export async function deliver({ args, output }: Invocation, data: Uint8Array): Promise<string | null> {
  const out = args.text("out");
  if (out !== undefined) {
    await writeFileAtomically(out, data);
    return out;
  }
  if (output.json) return null;
  if (!output.stdoutIsTerminal) await output.bytes(data);
  else {
    const text = printableLines(textOf(data));
    await output.styledLine(text.endsWith("\n") ? text.slice(0, -1) : text);
  }
  return null;
}

function textOf(data: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    throw usageError("stdout", "a file or a pipe for data that is not text, or --out FILE", "a terminal");
  }
}
