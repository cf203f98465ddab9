import { describe, expect, it } from "vitest";
import { findProblems, isAllowed, type LockFile, renderLicences, runtimePackages } from "../../scripts/licences.mjs";
import { read } from "./pages.js";

const lock = JSON.parse(read("package-lock.json")) as LockFile;

describe("licences", () => {
  it("docs/licences.md is what package-lock.json says, and all are allowed", () => {
    const packages = runtimePackages(lock);
    expect(findProblems(packages)).toEqual([]);
    expect(read("docs/licences.md"), 'run "npm run licences"').toBe(renderLicences(packages));
  });

  it.each([
    ["MIT", true],
    ["GPL-3.0-only", false],
    ["MIT OR GPL-3.0-only", true],
    ["(GPL-2.0 OR MIT)", true],
    ["MIT AND GPL-3.0-only", false],
    ["(MIT AND CC0-1.0)", true],
    ["MIT AND (GPL-3.0-only OR ISC)", false],
    ["Apache-2.0 WITH LLVM-exception", false],
    ["mit", false],
    ["", false],
    ["UNLICENSED", false],
    ["SEE LICENSE IN LICENSE.txt", false],
    [undefined, false],
  ])("%j is allowed: %j", (licence, expected) => {
    expect(isAllowed(licence)).toBe(expected);
  });

  it("a package is followed to the copy of its dependency that Node would load", () => {
    const own: LockFile = {
      packages: {
        "": { dependencies: { a: "1" }, optionalDependencies: { o: "1" }, devDependencies: { d: "1" } },
        "node_modules/a": { version: "1.0.0", license: "MIT", dependencies: { b: "2", "@s/c": "1" } },
        "node_modules/a/node_modules/b": { version: "2.0.0", license: "GPL-3.0-only", dependencies: { "@s/c": "1" } },
        "node_modules/b": { version: "1.0.0", license: "MIT" },
        "node_modules/@s/c": { version: "1.0.0" },
        "node_modules/o": { version: "1.0.0", license: "ISC", dependencies: { b: "1", "@s/c": "1" } },
        "node_modules/d": { version: "1.0.0", license: "GPL-3.0-only", dependencies: { b: "1" } },
      },
    };
    const packages = runtimePackages(own);
    expect(packages).toEqual([
      { name: "@s/c", version: "1.0.0", licence: undefined, optional: false },
      { name: "a", version: "1.0.0", licence: "MIT", optional: false },
      { name: "b", version: "1.0.0", licence: "MIT", optional: true },
      { name: "b", version: "2.0.0", licence: "GPL-3.0-only", optional: false },
      { name: "o", version: "1.0.0", licence: "ISC", optional: true },
    ]);
    expect(findProblems(packages)).toEqual([
      "@s/c 1.0.0 has the licence (none)",
      "b 2.0.0 has the licence GPL-3.0-only",
    ]);
  });

  it("a dependency that the lock file lacks is no licence that was looked at", () => {
    expect(() => runtimePackages({ packages: { "": { dependencies: { a: "1" } } } })).toThrow(/no a/);
    expect(runtimePackages({ packages: { "": { optionalDependencies: { a: "1" } } } })).toEqual([]);
  });
});
