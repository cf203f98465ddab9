import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.js";
import { overallHelp } from "../../src/cli/help.js";
import { blocksOf, linksOf, pages, proseOf, read, root, slugsOf } from "./pages.js";
import { entryPoints, manifest } from "./samples.js";

describe("what pages refer to", () => {
  it.each(pages)("links of %s lead somewhere", (page) => {
    const broken: string[] = [];
    for (const target of linksOf(page)) {
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : relative(root, resolve(root, dirname(page), path));
      if (!existsSync(join(root, file))) broken.push(target);
      else if (anchor !== undefined && !slugsOf(file).has(anchor)) broken.push(target);
    }
    expect(broken).toEqual([]);
  });

  it.each(pages)("files that %s names exist", (page) => {
    const named = [...proseOf(page).matchAll(/`((?:test|src|scripts|docs)\/[\w./-]+\.\w+)`/g)].map(
      ([, path]) => path ?? "",
    );
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it("every page can be reached from the README", () => {
    const reached = new Set(["README.md"]);
    for (const page of reached) {
      for (const target of linksOf(page)) {
        const [path = ""] = target.split("#");
        if (path.endsWith(".md")) reached.add(relative(root, resolve(root, dirname(page), path)));
      }
    }
    expect(pages.filter((page) => !reached.has(page))).toEqual([]);
  });

  it("npm scripts exist", () => {
    const built = new Set(["ci", "install", "test"]);
    const missing = pages.flatMap((page) =>
      [...read(page).matchAll(/npm (run [\w:-]+|test)/g)]
        .map(([, words = ""]) => words.replace("run ", ""))
        .filter((name) => manifest.scripts[name] === undefined && (name === "test" || !built.has(name)))
        .map((name) => `${page}: ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it("commands and flags of hawser are those of its help", () => {
    const words = commands.map((command) => command.words.join(" "));
    const help = overallHelp();
    const inGroups = words.filter((word) => word.includes(" "));
    const called = new RegExp(`(?:^|\\(|\\| )hawser (${inGroups.join("|")}|[a-z]+)([^\\n|)]*)`, "gm");
    const commandsIn = (page: string): string[] => [
      ...blocksOf(page, "sh").map(({ code }) => code),
      ...[...proseOf(page).matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span),
    ];
    const used = pages.flatMap((page) =>
      commandsIn(page)
        .flatMap((text) => [...text.matchAll(called)])
        .map(([, name = "", rest = ""]) => ({
          page,
          name,
          flags: [...rest.matchAll(/ --([a-z-]+)/g)].map(([, flag = ""]) => flag),
        })),
    );
    expect(used.length).toBeGreaterThan(8);
    for (const { page, name, flags } of used) {
      expect(words, page).toContain(name);
      expect(help).toContain(name);
      const known = commands.find((command) => command.words.join(" ") === name)?.flags.map((flag) => flag.name);
      for (const flag of flags) expect(known, `${page}: hawser ${name} --${flag}`).toContain(flag);
    }
    for (const word of words) expect(read("README.md"), `hawser ${word}`).toContain(`hawser ${word}`);
  });

  it("every dependency is justified, and nothing else", () => {
    const page = read("docs/decisions/0002-dependencies.md");
    const names = [manifest.dependencies, manifest.optionalDependencies, manifest.devDependencies].flatMap(Object.keys);
    const listed = [...page.matchAll(/^\| ([^|]+) \|/gm)]
      .flatMap(([, cell = ""]) => cell.replace(" (optional)", "").split(", "))
      .filter((name) => !/^(package|-+)$/.test(name));
    expect(listed.sort()).toEqual(names.sort());
  });

  it("every entry point of the package is known by some page", () => {
    const text = pages.map(read).join("\n");
    expect(
      [...entryPoints.keys()].filter((name) => !text.includes(`${name}"`) && !text.includes(`\`${name}\``)),
    ).toEqual([]);
  });
});
