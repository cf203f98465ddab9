import { describe, expect, it } from "vitest";
import { printable, printableLines, terminalJson, wrap } from "../../../src/cli/text.js";
import { HawserError } from "../../../src/errors.js";
import { collectingOutput } from "./terminal.js";

const HOSTILE = "a\u001b[2Jb\u202ec\u2028d\u0085e\nf";

describe("text for a terminal", () => {
  it("shows what could move the cursor, end a line or turn its direction around", () => {
    expect(printable(HOSTILE)).toBe("a\\u{1b}[2Jb\\u{202e}c\\u{2028}d\\u{85}e\\u{a}f");
    expect(printable("\u{e0041}\ud800")).toBe("\\u{e0041}\\u{d800}");
    expect(printable("Grüße, 世界 \u{1f30a}")).toBe("Grüße, 世界 \u{1f30a}");
  });

  it("leaves lines and tabs where lines are wanted", () => {
    expect(printableLines("a\r\n\tb\rc\u001b")).toBe("a\n\tb\\u{d}c\\u{1b}");
  });

  it("keeps JSON JSON", () => {
    const value = { text: `${HOSTILE}\u{e0041}` };
    expect(terminalJson(value)).toMatch(/^[\x20-\x7e]+$/);
    expect(JSON.parse(terminalJson(value))).toEqual(value);
  });

  it("breaks lines at spaces alone", () => {
    expect(wrap("one two three", 7)).toEqual(["one two", "three"]);
    expect(wrap("0123456789 x", 4)).toEqual(["0123456789", "x"]);
    expect(wrap("", 4)).toEqual([""]);
  });
});

describe("Output", () => {
  const event = (stage: "headers" | "wait", message: string) => ({ stage, message }) as const;

  it("tells progress on one changing line of a terminal, which is gone before anything else is written", async () => {
    const { output, stdout, stderr } = collectingOutput({ tty: true });
    output.progress(event("headers", "Asking"));
    output.progress(event("headers", "Asking"));
    output.progress(event("wait", `${"x".repeat(100)}\u001b`));
    await output.line("result");
    const told = `\r\u001b[K\u001b[2mAsking \u001b[0m\r\u001b[K\u001b[2m${"x".repeat(55)}... \u001b[0m\r\u001b[K`;
    expect(stderr()).toBe(told);
    expect(stdout()).toBe("result\n");
    output.endProgress();
    expect(stderr()).toBe(told);
  });

  it("tells elsewhere only what lasts, a line each", () => {
    const { output, stderr } = collectingOutput();
    output.progress(event("headers", "Asking"));
    output.progress(event("wait", "Waiting"));
    output.progress(event("wait", "Waiting"));
    expect(stderr()).toBe("Waiting\n");
  });

  it("tells of many things a line for each tenth, and for the first and last", () => {
    const { output, stderr } = collectingOutput();
    for (let done = 0; done <= 1_000; done++)
      output.progress({ stage: "store", message: `${done} stored`, done, total: 1_000 });
    expect(stderr().split("\n")).toEqual([...Array.from({ length: 11 }, (_, at) => `${at * 100} stored`), ""]);
  });

  it("says nothing but warnings and errors when it is to be quiet", async () => {
    const { output, stdout, stderr } = collectingOutput({ quiet: true });
    output.progress(event("wait", "Waiting"));
    await output.note("note");
    await output.notes([["a", "b"]]);
    await output.warning("warning");
    expect([stdout(), stderr()]).toEqual(["", "warning\n"]);
  });

  it("shows an error on one line, its attempts and the hint below it, and with --json a document too", async () => {
    const attempts = [{ label: "a\u001b.example", code: "NETWORK_UNREACHABLE" as const, message: "gone\nfake line" }];
    const error = new HawserError("CHAIN_UNAVAILABLE", "None answered.", { needed: 1, answered: 0, attempts });
    const { output, stdout, stderr } = collectingOutput({ json: true });
    output.hint("Try again.");
    await output.error(error);
    expect(stderr()).toBe(
      "hawser: CHAIN_UNAVAILABLE: None answered.\n" +
        "  a\\u{1b}.example: NETWORK_UNREACHABLE: gone\\u{a}fake line\n" +
        "  Try again.\n",
    );
    expect(JSON.parse(stdout())).toEqual({ error: JSON.parse(JSON.stringify(error.toJSON())) });
    expect(stdout()).not.toContain("stack");
  });

  it("puts rows in columns, whatever colours they have", async () => {
    const rows = [
      ["a", { text: "good", tone: "good" as const }, "1"],
      ["long", "x", "22"],
    ];
    const plain = collectingOutput();
    await plain.output.table(rows);
    expect(plain.stdout()).toBe("  a     good  1\n  long  x     22\n");
    const coloured = collectingOutput({ tty: true });
    await coloured.output.table(rows);
    expect(coloured.stdout()).toBe("  a     \u001b[32mgood\u001b[0m  1\n  long  x     22\n");
  });
});
