// One list per part of the protocol, each kept beside nothing but data: scripts/checks.mjs runs and prints them.
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = new URL("./", import.meta.url);

/**
 * Every entry of every list in this folder, each with the `list` that it comes from. A list that cannot be loaded is a
 * problem by itself and does not hide the others.
 */
export async function loadChecks() {
  const entries = [];
  const problems = [];
  const lists = readdirSync(fileURLToPath(here))
    .filter((name) => name.endsWith(".mjs") && name !== "index.mjs")
    .sort();
  for (const list of lists) {
    try {
      const { checks } = await import(new URL(list, here).href);
      entries.push(...checks.map((check) => ({ ...check, list })));
    } catch (error) {
      problems.push(`test/checks/${list} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { entries, problems };
}
