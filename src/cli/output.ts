import type { HawserErrorJson } from "../errors.js";
import { HawserError } from "../errors.js";
import type { ProgressEvent } from "../ports.js";
import { columns, printable, terminalJson } from "./text.js";

/** A stream that a command writes to, such as `process.stdout`. */
export interface TextStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(chunk: string | Uint8Array, done: (error?: Error | null) => void): boolean;
}

/** Where output goes and in which form. */
export interface OutputOptions {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Whether a terminal may be coloured; never without one. */
  readonly color: boolean;
}

/** How a word is coloured. */
export type Tone = "good" | "bad" | "warn" | "dim" | "bold";

const TONES: Readonly<Record<Tone, string>> = { good: "32", bad: "31", warn: "33", dim: "2", bold: "1" };
/** Stages that take long or have effects; the others are told on a terminal only. */
const LASTING_STAGES: readonly string[] = ["sign", "store", "broadcast", "wait"];
const CLEAR_LINE = "\r\u001b[K";

/**
 * Results go to stdout, all else to stderr. With `json` stdout holds JSON alone: one document, or one a line where a
 * command says so.
 */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly #stdout: TextStream;
  readonly #stderr: TextStream;
  readonly #color: boolean;
  #lastProgress = "";
  #progressShown = false;

  constructor({ stdout, stderr, json, quiet, color }: OutputOptions) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.json = json;
    this.quiet = quiet;
    this.#color = color;
  }

  get stdoutIsTerminal(): boolean {
    return this.#stdout.isTTY === true;
  }

  /** One document on stdout. Members that are bytes or bigint must have been turned into text. */
  document(value: unknown): Promise<void> {
    return this.#write(this.#stdout, `${terminalJson(value)}\n`);
  }

  /** A line of the result on stdout; control characters are escaped. */
  line(text = ""): Promise<void> {
    return this.#write(this.#stdout, `${printable(text)}\n`);
  }

  /** A line on stdout with colours of ours, whose untrusted parts the caller has made {@link printable}. */
  styledLine(text: string): Promise<void> {
    return this.#write(this.#stdout, `${text}\n`);
  }

  /** Bytes on stdout as they are. */
  bytes(bytes: Uint8Array): Promise<void> {
    return this.#write(this.#stdout, bytes);
  }

  /** A line on stderr, unless quiet. */
  async note(text: string): Promise<void> {
    if (!this.quiet) await this.#write(this.#stderr, `${printable(text)}\n`);
  }

  /** Rows on stderr, unless quiet. */
  async notes(rows: readonly (readonly string[])[]): Promise<void> {
    for (const line of columns(rows.map((row) => row.map(printable)))) await this.note(line);
  }

  /** A line on stderr, quiet or not. */
  warning(text: string): Promise<void> {
    return this.#write(this.#stderr, `${printable(text)}\n`);
  }

  /** An error: one line, and one for each source or provider that was tried. With `json` also a document on stdout. */
  async error(error: HawserError, hint?: string): Promise<void> {
    const lines = [`hawser: ${error.code}: ${error.message}`, ...attemptLines(error)];
    if (hint !== undefined) lines.push(`  ${hint}`);
    for (const line of lines) await this.warning(line);
    if (this.json) await this.document({ error: error.toJSON() satisfies HawserErrorJson });
  }

  /** What a long call does: on a terminal one line that changes, elsewhere a line for each step that lasts. */
  readonly progress = ({ stage, message }: ProgressEvent): void => {
    if (this.quiet || message === this.#lastProgress) return;
    this.#lastProgress = message;
    const text = printable(message);
    if (this.#stderr.isTTY === true) {
      const width = Math.max(20, (this.#stderr.columns ?? 80) - 5);
      const shown = text.length > width ? `${text.slice(0, width)}...` : text;
      this.#stderr.write(`${CLEAR_LINE}${this.tone("dim", `${shown} `)}`, ignoreOutcome);
      this.#progressShown = true;
    } else if (LASTING_STAGES.includes(stage)) this.#stderr.write(`${text}\n`, ignoreOutcome);
  };

  /** Removes the line of {@link Output.progress} from a terminal. */
  endProgress(): void {
    if (this.#progressShown) this.#stderr.write(CLEAR_LINE, ignoreOutcome);
    this.#progressShown = false;
  }

  /** Coloured where the output may be. */
  tone(tone: Tone, text: string): string {
    return this.#color ? `\u001b[${TONES[tone]}m${text}\u001b[0m` : text;
  }

  #write(stream: TextStream, chunk: string | Uint8Array): Promise<void> {
    this.endProgress();
    return new Promise((resolve, reject) => {
      stream.write(chunk, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(unwritable(stream === this.#stdout ? "stdout" : "stderr", error));
      });
    });
  }
}

/** One line for each entry of an error's `attempts`. */
function attemptLines({ details }: HawserError): readonly string[] {
  if (!("attempts" in details)) return [];
  return details.attempts.map(({ label, code, message }) => `  ${label}: ${code}: ${message}`);
}

function unwritable(path: string, cause: Error): HawserError<"INPUT_FILE_UNUSABLE"> {
  const reason = cause.message;
  return new HawserError("INPUT_FILE_UNUSABLE", `Cannot write to ${path}: ${reason}.`, { path, reason }, { cause });
}

/** Progress that nobody can see is no reason to end. */
function ignoreOutcome(): void {
  return;
}
