import { describe, expect, it } from "vitest";
import { findProblems, loadChecks, renderTable, steps } from "../../scripts/checks.mjs";
import { read } from "./pages.js";

const { entries, problems } = await loadChecks();
const [first] = entries;
if (first === undefined) throw new Error("test/checks holds no entry");

describe("every check has a test", () => {
  it("every step has an entry, and every entry names code and a test that exist", () => {
    expect([...problems, ...findProblems(entries)]).toEqual([]);
  });

  it("docs/checks.md is what test/checks says", () => {
    expect(read("docs/checks.md"), 'run "npm run docs"').toBe(renderTable(entries));
  });
});

describe("what is wrong with a list is seen", () => {
  const problemsOf = (changed: object): readonly string[] => {
    const known = new Set(findProblems(entries));
    return findProblems([...entries, { ...first, ...changed }]).filter((problem) => !known.has(problem));
  };

  it.each(steps)("%s without an entry", (step) => {
    const others = entries.filter((entry) => entry.step !== step);
    const lacks = findProblems(others).includes(`${step} has no test`);
    expect(lacks || others.length === entries.length).toBe(true);
  });

  it.each([
    ["the same entry again", {}, "is there twice"],
    ["an unknown step", { step: "W1" }, "is no step of the protocol"],
    ["a file that is gone", { source: "src/gone.ts" }, "src/gone.ts does not exist"],
    ["a snippet that is gone", { remove: "no such snippet" }, "the snippet occurs 0 times"],
    ["a snippet that is not the only one", { remove: "const" }, "the snippet occurs"],
    ["a mutation that changes nothing", { put: first.remove }, "removes nothing"],
    ["a test file that is gone", { test: "test/gone.test.ts" }, "test/gone.test.ts does not exist"],
    ["a title that is gone", { name: `${first.step}: no such test` }, "has no test of this title"],
    ["a title without its step", { name: "no such test" }, "does not begin with the step"],
    ["an empty field", { check: "" }, "lacks check"],
  ])("%s", (_, changed, expected) => {
    expect(problemsOf(changed).join("\n")).toContain(expected);
  });
});
