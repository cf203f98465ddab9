// Runs single tests in a copy of the project, for scripts/checks-run.mjs: `node checks-worker.mjs COPY LIMIT_MS`. The
// copy's root is the working directory. Vitest stays loaded between runs; each run evaluates its modules anew in a
// thread of its own, and `changed` names files whose transformed text must be dropped first.
import { join } from "node:path";
import { createVitest } from "vitest/node";

const [copy, limitMs] = process.argv.slice(2);

// Ctrl-C reaches the whole group; the parent ends this process when it has cleaned up.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => process.exit());

const vitest = await createVitest("test", {
  root: copy,
  config: join(copy, "vitest.config.ts"),
  watch: false,
  pool: "threads",
  maxWorkers: 1,
  fileParallelism: false,
  testTimeout: Number(limitMs),
  hookTimeout: Number(limitMs),
  reporters: [{}],
  silent: true,
});
await vitest.standalone();

/** Runs the tests of one file that have one of these titles. What ran, and what kept the file from running. */
async function run({ test, names, changed }) {
  for (const path of changed) vitest.invalidateFile(join(copy, path));
  const titles = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  vitest.setGlobalTestNamePattern(new RegExp(`(?:^|\\s)(?:${titles.join("|")})$`));
  const path = join(copy, test);
  const { testModules } = await vitest.runTestSpecifications([vitest.getRootProject().createSpecification(path)]);
  const module = testModules.find(({ moduleId }) => moduleId === path);
  if (module === undefined) return { errors: ["the file did not run"], tests: [] };
  const tests = [...module.children.allTests()]
    .filter(({ name }) => names.includes(name))
    .map((found) => {
      const { state, errors } = found.result();
      return { name: found.name, state, kind: errors?.[0]?.name ?? null, error: errors?.[0]?.message ?? null };
    })
    .filter(({ state }) => state === "passed" || state === "failed");
  return { errors: module.errors().map(({ message }) => message), tests };
}

process.on("message", (task) => {
  run(task).then(
    (answer) => process.send(answer),
    (error) => process.send({ errors: [String(error)], tests: [] }),
  );
});
process.send("ready");
