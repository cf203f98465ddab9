/** Removes what earlier builds left in dist/ and no file of src/ becomes any more: the package publishes all of dist/. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The files below dist/ without a source, as paths relative to dist/. */
export function strayFiles() {
  if (!existsSync(join(root, "dist"))) return [];
  return readdirSync(join(root, "dist"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(root, "dist/").length))
    .filter((file) => !existsSync(join(root, "src", file.replace(/(?:\.d\.ts|\.js|\.js\.map)$/, ".ts"))));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const file of strayFiles()) rmSync(join(root, "dist", file));
}
