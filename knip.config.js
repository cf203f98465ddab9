import { readFileSync } from "node:fs";

const { bin, exports, imports } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

/** The paths of built files anywhere in a part of package.json. */
const built = (value) => (typeof value === "string" ? [value] : Object.values(value).flatMap(built));

/** What the package publishes, as sources: the only exports of src/ that need no user inside the repository. */
const published = [bin, exports, imports]
  .flatMap(built)
  .filter((path) => path.endsWith(".js"))
  .map((path) => path.replace(/^\.\/dist\/(.*)\.js$/, "src/$1.ts"));

// Programs and tests. Tests start the workers by their path, which no import shows.
const started = [
  "scripts/*.mjs",
  "bench/*.mjs",
  "test/**/*.test.ts",
  "test/**/*-worker.ts",
  "test/browser/*.browser.ts",
  "test/browser/program.mjs",
  "test/browser/vitest.config.ts",
  "test/crash/*.crash.ts",
  "test/crash/kill-hook.mjs",
  "test/crash/vitest.config.ts",
  "test/servers/*.servers.ts",
  "test/servers/install.ts",
  "test/servers/vitest.config.ts",
  "bench/kinds.ts",
];

export default {
  entry: [...new Set(published), ...started],
  project: ["src/**/*.ts", "test/**/*.ts", "test/{browser,crash}/*.mjs", "scripts/**/*.mjs", "bench/**/*.mjs"],
  // A type that an exported signature mentions is exported with it, so that a caller can name it.
  ignoreExportsUsedInFile: { interface: true, type: true },
  // Tests and scripts start these as child processes.
  ignoreDependencies: ["@arethetypeswrong/cli", "publint", "tsx"],
  ignoreBinaries: ["mkfifo", "openssl"],
  // Benchmarks and scripts run what was built, and a checkout without a build has no dist/.
  ignoreUnresolved: [/^\.\.\/dist\//],
  // Its plug-in would take every file that tsup compiles for an entry point.
  tsup: false,
};
