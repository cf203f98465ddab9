import { throwIfAborted } from "../../deadline.js";
import { HawserError } from "../../errors.js";
import type { Cell, Output } from "../output.js";
import { printable, wrap } from "../text.js";

/** Most columns of a line, where it has spaces to break it at. */
const WIDTH = 80;

/** Tells what happens, in numbered steps, and stops at the first thing that is other than expected. */
export class Stage {
  readonly #output: Output;
  readonly #signal: AbortSignal;
  #steps = 0;
  #checks = 0;

  constructor(output: Output, signal: AbortSignal) {
    this.#output = output;
    this.#signal = signal;
  }

  /** How many expectations held. */
  get checks(): number {
    return this.#checks;
  }

  headline(text: string): Promise<void> {
    return this.#output.styledLine(this.#output.tone("bold", printable(text)));
  }

  /** @throws NETWORK_ABORTED */
  async step(title: string): Promise<void> {
    throwIfAborted(this.#signal, "The demo");
    this.#steps++;
    await this.#output.line();
    await this.headline(`${this.#steps}. ${title}`);
  }

  async say(text: string): Promise<void> {
    for (const line of wrap(text, WIDTH - 3)) await this.#output.line(`   ${line}`);
  }

  /** A command that another process runs. */
  async command(words: readonly string[]): Promise<void> {
    // A flag stays on one line with its value.
    const text = words.join(" ").replace(/(?<=--[a-z-]+) /g, "\u00a0");
    const lines = wrap(text, WIDTH - 14).map((line) => printable(line.replaceAll("\u00a0", " ")));
    await this.#output.styledLine(this.#output.tone("dim", `   $ hawser ${lines.join(" \\\n       ")}`));
  }

  /** Rows in columns; the last one is broken into lines where it is long. */
  async table(rows: readonly (readonly Cell[])[]): Promise<void> {
    const indented = rows.map((row) => [" ", ...row]);
    const before = Math.max(...indented.map((row) => row.length - 1));
    const widths = Array.from({ length: before }, (_, column) =>
      Math.max(...indented.map((row) => textOf(row[column]).length)),
    );
    const room = WIDTH - 2 - widths.reduce((sum, width) => sum + width + 2, 0);
    await this.#output.table(
      indented.flatMap((row) => {
        const [first = "", ...more] = wrap(textOf(row[before]), room);
        if (more.length === 0) return [row];
        const empty = Array.from({ length: before }, () => "");
        return [[...row.slice(0, before), first], ...more.map((line) => [...empty, line])];
      }),
    );
  }

  /**
   * Checks and tells that something is as it should be.
   *
   * @throws BUG_UNREACHABLE, NETWORK_ABORTED
   */
  async expect(isSo: boolean, what: string, got: unknown): Promise<void> {
    throwIfAborted(this.#signal, "The demo");
    if (!isSo) {
      const shown = typeof got === "string" ? got : JSON.stringify(got);
      throw new HawserError("BUG_UNREACHABLE", `The demo expected: ${what}. It got: ${shown.slice(0, 600)}`, { what });
    }
    this.#checks++;
    const lines = wrap(what, WIDTH - 7).map(printable);
    await this.#output.styledLine(`   ${this.#output.tone("good", "ok")}  ${lines.join("\n       ")}`);
  }
}

function textOf(cell: Cell | undefined): string {
  return typeof cell === "string" ? cell : (cell?.text ?? "");
}
