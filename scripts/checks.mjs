// Proves that every check a reader makes has a test which fails when the check is removed. The entries are in
// test/checks; each names a step, a snippet of a source file, what is left when the check is gone, and the test.
//
//   node scripts/checks.mjs [--verify]                       entries, snippets, titles and steps; runs no test
//   node scripts/checks.mjs --table                          writes docs/checks.md
//   node scripts/checks.mjs --run [--only WHAT] [--jobs N]   removes each check in a copy and runs its test there
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { loadChecks } from "../test/checks/index.mjs";
import { describeEntry, occurrences, runChecks } from "./checks-run.mjs";

export { loadChecks };

const root = fileURLToPath(new URL("../", import.meta.url));

const numbered = (letter, last) => Array.from({ length: last }, (_, i) => `${letter}${i + 1}`);

/** Every step of sections 2 to 7 of the protocol, and U1, in its order. */
export const steps = [
  ...numbered("N", 3),
  ...numbered("C", 11),
  ...numbered("V", 8),
  ...numbered("P", 6),
  ...numbered("M", 11),
  ...numbered("I", 3),
  "U1",
];

/** Steps that no reader checks, with the reason. */
export const unchecked = {
  I3: "This release reads objects of at most 1 MiB: a key that is a CID of a UnixFS root is refused as input.",
};

const fields = ["step", "check", "source", "remove", "put", "test", "name"];

/** What was read of each file; null where there is none. */
const texts = new Map();
const titles = new Map();

function cached(map, path, make) {
  if (!map.has(path)) map.set(path, existsSync(join(root, path)) ? make(path) : null);
  return map.get(path);
}

const textOf = (path) => cached(texts, path, (at) => readFileSync(join(root, at), "utf8"));
const titlesOf = (path) => cached(titles, path, (at) => readTitles(at, textOf(at)));

/** What is wrong with the entries, one sentence each; reads files and runs nothing. */
export function findProblems(entries) {
  const problems = [];
  const seen = new Set();
  for (const entry of entries) {
    const say = (what) => problems.push(`${describeEntry(entry)}: ${what}`);
    const missing = fields.filter(
      (field) => typeof entry[field] !== "string" || (entry[field] === "" && field !== "put"),
    );
    if (missing.length > 0) {
      say(`lacks ${missing.join(", ")}`);
      continue;
    }
    const { step, source, remove, put, test, name } = entry;
    if (!steps.includes(step)) say("is no step of the protocol");
    const key = JSON.stringify([step, source, remove, put, test, name]);
    if (seen.has(key)) say("is there twice");
    seen.add(key);
    if (remove === put) say("removes nothing");
    const code = textOf(source);
    if (code === null) say(`${source} does not exist`);
    else if (occurrences(code, remove) !== 1) {
      say(`the snippet occurs ${occurrences(code, remove)} times in ${source}, expected once: ${oneLine(remove)}`);
    }
    if (!stepsOfTitle(name).includes(step)) say("the title of its test does not begin with the step");
    const known = titlesOf(test);
    if (known === null) say(`${test} does not exist`);
    else if (!known.some((title) => title.test(name))) say(`${test} has no test of this title`);
  }
  for (const step of steps) {
    const has = entries.some((entry) => entry.step === step);
    if (!has && unchecked[step] === undefined) problems.push(`${step} has no test`);
    if (has && unchecked[step] !== undefined) problems.push(`${step} has a test and is listed as not checked`);
  }
  return problems;
}

/** `C1, C2: ...` begins with both steps. */
function stepsOfTitle(title) {
  const [, list] = /^([A-Z]\d+(?:(?:, | and )[A-Z]\d+)*): /.exec(title) ?? [];
  return list === undefined ? [] : list.split(/, | and /);
}

/** A pattern for the title of each test of a file; what `it.each` and templates put into one stands for any text. */
function readTitles(path, text) {
  const titles = [];
  const visit = (node) => {
    if (ts.isCallExpression(node) && ["it", "test"].includes(calledName(node.expression))) {
      const title = node.arguments[0];
      if (title !== undefined && ts.isStringLiteralLike(title)) {
        const isTemplate = ts.isCallExpression(node.expression);
        titles.push(pattern(isTemplate ? title.text.split(/%[a-zA-Z#$%]|\$[\w.]+/) : [title.text]));
      } else if (title !== undefined && ts.isTemplateExpression(title)) {
        const rest = title.templateSpans.map(({ literal }) => literal.text);
        titles.push(pattern([title.head.text, ...rest]));
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true));
  return titles;
}

/** The name at the root of what is called: `it` in `it`, `it.each(rows)` and `it.skipIf(x)`. */
function calledName(expression) {
  if (ts.isIdentifier(expression)) return expression.text;
  if (ts.isPropertyAccessExpression(expression) || ts.isCallExpression(expression)) {
    return calledName(expression.expression);
  }
  return ts.isTaggedTemplateExpression(expression) ? calledName(expression.tag) : null;
}

function pattern(parts) {
  return new RegExp(`^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("[\\s\\S]*")}$`);
}

const oneLine = (text) => (text.length > 80 ? `${text.slice(0, 80)}...` : text).replace(/\s+/g, " ");

/** The text of docs/checks.md. */
export function renderTable(entries) {
  const sections = steps.map((step) => {
    const own = entries.filter((entry) => entry.step === step).sort(bySource);
    if (own.length === 0) return `## ${step}\n\nNot checked by a reader. ${unchecked[step] ?? "No test."}\n`;
    const rows = own.map(({ check, source, test, name }) => {
      return `| ${cell(check)} | ${shown(source, "src/")} | ${shown(test, "test/")} | ${cell(name)} |`;
    });
    return `## ${step}\n\n| check | source | test file | test |\n|---|---|---|---|\n${rows.join("\n")}\n`;
  });
  const files = new Set(entries.map(({ source }) => source));
  return `<!-- Generated by "npm run docs" from test/checks. Edit those lists. -->

# Checks

What a reader checks, step by step of [the protocol](protocol.md), where the check is, and the test that fails when it
is removed: ${entries.length} checks in ${files.size} files. Source files are below \`src/\`, test files below \`test/\`.

\`\`\`text
node scripts/checks.mjs                 # every step has an entry, every entry names code and a test that exist
node scripts/checks.mjs --run           # removes each check in a copy of the sources and demands that its test fails
node scripts/checks.mjs --run --only C5 # one step; part of a path works as well
\`\`\`

A check counts as tested when the named test passes on the sources as they are, and then runs and fails without the
check. A copy that does not compile shows nothing and is an error. To add a check, add an entry to a list in
\`test/checks/\`: \`remove\` is a snippet that occurs once in its source file, \`put\` is what is left when the check is gone.

${sections.join("\n")}`;
}

function bySource(a, b) {
  if (a.source !== b.source) return a.source < b.source ? -1 : 1;
  return 0;
}

const shown = (path, folder) => `\`${path.startsWith(folder) ? path.slice(folder.length) : path}\``;

const cell = (text) => text.replace(/\s+/g, " ").replace(/[\\|<[\]`*_]/g, "\\$&");

/** Whether `--only WHAT` means an entry: a step, the letter of a section, or a part of a path. */
export function isMeant(entry, what) {
  if (/^[A-Z]\d*$/.test(what)) return /\d/.test(what) ? entry.step === what : entry.step.startsWith(what);
  return [entry.source, entry.test, `test/checks/${entry.list}`].some((path) => path.includes(what));
}

function readArguments(words) {
  const options = { mode: "--verify", only: [], jobs: availableParallelism() };
  const rest = [...words];
  while (rest.length > 0) {
    const word = rest.shift();
    if (["--verify", "--table", "--run"].includes(word)) options.mode = word;
    else if (word === "--only" && rest.length > 0) options.only.push(...rest.shift().split(","));
    else if (word === "--jobs" && /^[1-9]\d?$/.test(rest[0] ?? "")) options.jobs = Number(rest.shift());
    else throw new Error(`Expected --verify, --table, --run, --only WHAT or --jobs N, got ${word}`);
  }
  return options;
}

async function main() {
  const { mode, only, jobs } = readArguments(process.argv.slice(2));
  const { entries, problems } = await loadChecks();
  const meant = only.length === 0 ? entries : entries.filter((entry) => only.some((what) => isMeant(entry, what)));
  if (mode === "--table") {
    writeFileSync(join(root, "docs/checks.md"), renderTable(entries));
    return 0;
  }
  if (mode === "--run") {
    for (const problem of problems) console.log(`FAILED ${problem}`);
    const { passed, failed } = await runChecks(meant, { jobs });
    console.log(`${passed} passed, ${failed + problems.length} failed`);
    return failed + problems.length > 0 || passed === 0 ? 1 : 0;
  }
  problems.push(...findProblems(entries));
  for (const problem of problems) console.log(problem);
  console.log(`${entries.length} entries, ${problems.length} problems`);
  return problems.length > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
