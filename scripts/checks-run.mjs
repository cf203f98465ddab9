// Removes checks, one at a time, in copies of the project, and runs their tests there (scripts/checks.mjs --run).
import { fork } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const worker = fileURLToPath(new URL("checks-worker.mjs", import.meta.url));
const copied = ["src", "test", "package.json", "tsconfig.json", "vitest.config.ts"];

/** ms - for which one test may run. */
const LIMIT_MS = 60_000;
/** ms - after that, until a process that does not even notice its limit is ended. */
const GRACE_MS = 15_000;

/** Which entry is meant, in a few words. */
export const describeEntry = ({ step, list, check }) => `${step} (${list}) "${check}"`;

/** How often a snippet occurs in a text. */
export const occurrences = (text, snippet) => text.split(snippet).length - 1;

/** Runs every entry and prints what fails; how many passed and failed. */
export async function runChecks(entries, { jobs }) {
  const places = mkdtempSync(join(tmpdir(), "hawser-checks-"));
  const copies = [];
  const cleanUp = () => {
    for (const copy of copies) copy.stop();
    rmSync(places, { recursive: true, force: true });
  };
  const interrupted = (signal) => {
    cleanUp();
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    if (existsSync(join(root, "../shared"))) symlinkSync(join(root, "../shared"), join(places, "shared"));
    for (let i = 0; i < jobs; i++) copies.push(new Copy(join(places, `copy-${i}`)));
    const unmutated = await runUnmutated(entries, copies);
    return await runMutated(entries, unmutated, copies);
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    cleanUp();
  }
}

/** Every named test as the sources are: what is wrong with it, by file and title. */
async function runUnmutated(entries, copies) {
  const byFile = new Map(entries.map(({ test }) => [test, new Set()]));
  for (const { test, name } of entries) byFile.get(test).add(name);
  const wrong = new Map();
  await inTurns([...byFile], copies, async ([test, titles], copy) => {
    const names = [...titles];
    const exists = existsSync(join(root, test));
    const { errors, tests } = exists
      ? await copy.run({ test, names, changed: [] })
      : { errors: [`${test} does not exist`], tests: [] };
    for (const name of names) {
      const ran = tests.filter((found) => found.name === name);
      const failure = ran.find(({ state }) => state === "failed");
      let reason = null;
      if (failure !== undefined) reason = `fails although nothing is removed: ${firstLine(failure.error)}`;
      else if (ran.length > 1) reason = "is the title of more than one test";
      else if (ran.length === 0) reason = `did not run${errors.length > 0 ? `: ${firstLine(errors[0])}` : ""}`;
      if (reason !== null) wrong.set(keyOf({ test, name }), reason);
    }
  });
  return wrong;
}

async function runMutated(entries, unmutated, copies) {
  let [passed, failed] = [0, 0];
  // Neighbours share what the copy has loaded.
  const sorted = [...entries].sort((a, b) => (a.test + a.source < b.test + b.source ? -1 : 1));
  await inTurns(sorted, copies, async (entry, copy) => {
    const reason = unmutated.get(keyOf(entry));
    const outcome = reason === undefined ? await judge(entry, copy) : { failed: `the test ${reason}` };
    if (outcome.failed === undefined) passed++;
    else {
      failed++;
      console.log(
        `FAILED ${describeEntry(entry)}\n       ${entry.source} by ${entry.test}\n       "${entry.name}": ${outcome.failed}`,
      );
    }
    if (outcome.note !== undefined) console.log(`note   ${describeEntry(entry)}: ${outcome.note}`);
  });
  return { passed, failed };
}

/** Removes one check and runs its test. */
async function judge({ source, remove, put, test, name }, copy) {
  const path = join(copy.root, source);
  if (!existsSync(path)) return { failed: `broken entry: ${source} does not exist` };
  const text = readFileSync(path, "utf8");
  const count = occurrences(text, remove);
  if (count !== 1) return { failed: `broken entry: the snippet occurs ${count} times, expected once` };
  // Not String.replace with a string, which would read "$&" in what is put.
  writeFileSync(path, text.split(remove).join(put));
  try {
    const { errors, tests, overdue } = await copy.run({ test, names: [name], changed: [source] });
    if (overdue) return { note: `counts as failed: it was ended after ${LIMIT_MS + GRACE_MS} ms` };
    const [found] = tests;
    if (found === undefined) return { failed: `broken entry: the test did not run: ${firstLine(errors[0])}` };
    if (found.state === "passed") return { failed: "SURVIVES: the test passes without the check" };
    // Code that names what is not there fails whatever the check was.
    if (found.kind === "ReferenceError") return { failed: `broken entry: ${firstLine(found.error)}` };
    const isTimeout = /timed out in \d+ms/.test(found.error ?? "");
    return isTimeout ? { note: `failed only by the time limit: ${firstLine(found.error)}` } : {};
  } finally {
    writeFileSync(path, text);
    copy.restored(source);
  }
}

/** A copy of the project with a process that runs tests in it. */
class Copy {
  #child = null;
  #stale = [];
  #output = "";

  constructor(place) {
    this.root = place;
    mkdirSync(place);
    for (const name of copied) cpSync(join(root, name), join(place, name), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(place, "node_modules"));
  }

  /** Notes that a file is as it was before, while the process may still have its other text. */
  restored(path) {
    this.#stale.push(path);
  }

  async run(task) {
    const child = (this.#child ??= await this.#start());
    const changed = [...this.#stale, ...task.changed];
    this.#stale = [];
    return new Promise((resolve) => {
      const finish = (answer) => {
        clearTimeout(timer);
        child.removeAllListeners("message").removeAllListeners("exit");
        resolve(answer);
      };
      const timer = setTimeout(() => {
        this.stop();
        finish({ errors: [], tests: [], overdue: true });
      }, LIMIT_MS + GRACE_MS);
      child.once("message", finish);
      child.once("exit", (code, signal) => {
        this.#child = null;
        const reason = `the process ended (${code ?? signal}): ${this.#output}`;
        finish({ errors: [reason], tests: [] });
      });
      child.send({ ...task, changed });
    });
  }

  stop() {
    this.#child?.kill("SIGKILL");
    this.#child = null;
  }

  #start() {
    const child = fork(worker, [this.root, String(LIMIT_MS)], {
      cwd: this.root,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const keep = (chunk) => {
      this.#output = `${this.#output}${chunk}`.slice(-2_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    return new Promise((resolve, reject) => {
      child.once("message", () => {
        child.removeAllListeners("exit");
        resolve(child);
      });
      child.once("exit", (code) => reject(new Error(`Vitest did not start (${code}): ${this.#output}`)));
    });
  }
}

/** Runs every task, each copy with one at a time. */
async function inTurns(tasks, copies, run) {
  const queue = [...tasks];
  await Promise.all(
    copies.map(async (copy) => {
      for (let task = queue.shift(); task !== undefined; task = queue.shift()) await run(task, copy);
    }),
  );
}

const keyOf = ({ test, name }) => `${test}\n${name}`;

const firstLine = (text) =>
  String(text ?? "no reason given")
    .split("\n")
    .slice(0, 4)
    .join(" ")
    .slice(0, 300);
