import type { HawserErrorJson } from "../errors.js";
import { HawserError } from "../errors.js";
import type { ProgressEvent } from "../ports.js";
import { printable, terminalJson } from "./text.js";

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

/** A cell of a table; its text may be untrusted. */
export type Cell = string | { readonly text: string; readonly tone: Tone };

const TONES: Readonly<Record<Tone, string>> = { good: "32", bad: "31", warn: "33", dim: "2", bold: "1" };
/** Stages that take long or have effects; the others are told on a terminal only. */
const LASTING_STAGES: readonly string[] = ["sign", "store", "broadcast", "wait", "sync"];
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
  #hint: string | null = null;
  #lastProgress = "";
  #lastTenth: number | null = null;
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

  get stderrIsTerminal(): boolean {
    return this.#stderr.isTTY === true;
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

  /** Rows in columns on stderr, unless quiet. */
  async notes(rows: readonly (readonly Cell[])[]): Promise<void> {
    if (!this.quiet) await this.warnings(rows);
  }

  /** Rows in columns on stdout. */
  async table(rows: readonly (readonly Cell[])[]): Promise<void> {
    for (const line of this.#columns(rows)) await this.#write(this.#stdout, `${line}\n`);
  }

  /** What to do about an error, should one follow; printed below it. */
  hint(text: string): void {
    this.#hint = text;
  }

  /** A line on stderr, quiet or not. */
  warning(text: string): Promise<void> {
    return this.#write(this.#stderr, `${printable(text)}\n`);
  }

  /** Rows in columns on stderr, quiet or not. */
  async warnings(rows: readonly (readonly Cell[])[]): Promise<void> {
    for (const line of this.#columns(rows)) await this.#write(this.#stderr, `${line}\n`);
  }

  /** A question on stderr, quiet or not; the line stays open for the answer. */
  ask(question: string): Promise<void> {
    return this.#write(this.#stderr, printable(question));
  }

  /** An error: one line, and one for each source or provider that was tried. With `json` also a document on stdout. */
  async error(error: HawserError): Promise<void> {
    const lines = [`hawser: ${error.code}: ${error.message}`, ...attemptLines(error)];
    if (this.#hint !== null) lines.push(`  ${this.#hint}`);
    for (const line of lines) await this.warning(line);
    if (this.json) await this.document({ error: error.toJSON() satisfies HawserErrorJson });
  }

  /** What a long call does: on a terminal one line that changes, elsewhere a line for each step that lasts. */
  readonly progress = ({ stage, message, done = 0, total = 0 }: ProgressEvent): void => {
    if (this.quiet || message === this.#lastProgress) return;
    // A log has no use for a line for each of many thousand things.
    const tenth = total > 0 ? Math.floor((done * 10) / total) : null;
    if (tenth !== null && done > 0 && tenth === this.#lastTenth && this.#stderr.isTTY !== true) return;
    this.#lastTenth = tenth;
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

  /** Two spaces between cells and in front. */
  #columns(rows: readonly (readonly Cell[])[]): readonly string[] {
    const cells = rows.map((row) =>
      row.map((cell) =>
        typeof cell === "string"
          ? { text: printable(cell), tone: null }
          : { text: printable(cell.text), tone: cell.tone },
      ),
    );
    const widths: number[] = [];
    for (const row of cells) {
      for (const [index, { text }] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, text.length);
    }
    return cells.map((row) => {
      const padded = row.map(({ text, tone }, index) => {
        const space = " ".repeat(index === row.length - 1 ? 0 : (widths[index] ?? 0) - text.length);
        return (tone === null ? text : this.tone(tone, text)) + space;
      });
      return `  ${padded.join("  ")}`.trimEnd();
    });
  }

  #write(stream: TextStream, chunk: string | Uint8Array): Promise<void> {
    this.endProgress();
    return new Promise((resolve, reject) => {
      stream.write(chunk, (error) => {
        if (error === null || error === undefined) resolve();
        // A reader that has gone ends the program without a word, which is not done here: this promise stays open.
        else if (!("code" in error) || error.code !== "EPIPE")
          reject(unwritable(stream === this.#stdout ? "stdout" : "stderr", error));
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
