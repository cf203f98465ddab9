import { Output } from "../../../src/cli/output.js";

/** What a command wrote, as text. */
export interface Written {
  readonly output: Output;
  stdout(): string;
  stderr(): string;
}

/** An output over streams that only collect. */
export function collectingOutput(
  options: {
    readonly tty?: boolean;
    readonly json?: boolean;
    readonly quiet?: boolean;
    readonly columns?: number;
  } = {},
): Written {
  const { tty = false, json = false, quiet = false, columns = 60 } = options;
  const stream = () => {
    const chunks: Buffer[] = [];
    const write = (chunk: string | Uint8Array, done: () => void): boolean => {
      chunks.push(Buffer.from(chunk));
      done();
      return true;
    };
    return { isTTY: tty, columns, write, text: () => Buffer.concat(chunks).toString("utf8") };
  };
  const [stdout, stderr] = [stream(), stream()];
  const output = new Output({ stdout, stderr, json, quiet, color: tty });
  return { output, stdout: () => stdout.text(), stderr: () => stderr.text() };
}
