import { HawserError } from "../../errors.js";
import type { Cell, Output } from "../output.js";
import { printable } from "../text.js";

/** Tells what happens, in numbered steps, and stops at the first thing that is other than expected. */
export class Stage {
  readonly #output: Output;
  #steps = 0;
  #checks = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** How many expectations held. */
  get checks(): number {
    return this.#checks;
  }

  async step(title: string): Promise<void> {
    this.#steps++;
    await this.#output.line();
    await this.#output.styledLine(this.#output.tone("bold", printable(`${this.#steps}. ${title}`)));
  }

  say(text: string): Promise<void> {
    return this.#output.line(`   ${text}`);
  }

  /** A command that another process runs. */
  command(words: readonly string[]): Promise<void> {
    return this.#output.styledLine(this.#output.tone("dim", `   $ hawser ${printable(words.join(" "))}`));
  }

  async table(rows: readonly (readonly Cell[])[]): Promise<void> {
    await this.#output.table(rows.map((row) => ["", ...row]));
  }

  /**
   * Checks and tells that something is as it should be.
   *
   * @throws BUG_UNREACHABLE
   */
  async expect(isSo: boolean, what: string, got: unknown): Promise<void> {
    if (!isSo) {
      const shown = typeof got === "string" ? got : JSON.stringify(got);
      throw new HawserError("BUG_UNREACHABLE", `The demo expected: ${what}. It got: ${shown.slice(0, 600)}`, { what });
    }
    this.#checks++;
    await this.#output.styledLine(`   ${this.#output.tone("good", "ok")}  ${printable(what)}`);
  }
}
