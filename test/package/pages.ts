import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

/** The text of a file, by its path in the repository. */
export const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** Every page of documentation, by its path in the repository. */
export const pages: readonly string[] = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
].sort();

const FENCE = /^(```+)(\w*)$/;

/** The blocks of one language in a page, each with the line of its code and the line before it. */
export function blocksOf(
  page: string,
  language: string,
): { readonly line: number; readonly code: string; readonly before: string }[] {
  const lines = read(page).split("\n");
  const blocks: { line: number; code: string; before: string }[] = [];
  for (let i = 0; i < lines.length; i++) {
    const [, fence, tag] = FENCE.exec(lines[i] ?? "") ?? [];
    if (fence === undefined) continue;
    const end = lines.indexOf(fence, i + 1);
    if (tag === language)
      blocks.push({ line: i + 2, code: lines.slice(i + 1, end).join("\n"), before: lines[i - 1] ?? "" });
    i = end;
  }
  return blocks;
}

/** A page without its blocks of code. */
export function proseOf(page: string): string {
  return read(page).replace(/^(```+)\w*\n[\s\S]*?\n\1$/gm, "");
}

/** Where the links of a page lead, other sites left out. */
export function linksOf(page: string): readonly string[] {
  // What looks like a link in a span of code is none; a title that is a span of code stays.
  const text = proseOf(page).replace(/(?<!\[)`[^`\n]*`/g, "");
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors of a page, as GitHub makes them of its titles. */
export function slugsOf(page: string): ReadonlySet<string> {
  const slugs = new Set<string>();
  for (const [, title = ""] of proseOf(page).matchAll(/^#{1,6} (.*)$/gm)) {
    const plain = title.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "");
    const slug = plain.replace(/ /g, "-");
    let unique = slug;
    for (let i = 1; slugs.has(unique); i++) unique = `${slug}-${i}`;
    slugs.add(unique);
  }
  return slugs;
}
