import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Makes a directory with its parents; one that is there is left as it is. Node's own recursive mkdir never returns where
 * a file system answers "no such directory" for the child of one that exists, as /proc does.
 *
 * @param mode - of the directories that it makes
 * @throws what `mkdirSync` throws
 */
export function makeDirectory(path: string, mode = 0o777): void {
  const directory = resolve(path);
  try {
    mkdirSync(directory, { mode });
    return;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" && dirname(directory) !== directory) {
      makeDirectory(dirname(directory), mode);
    } else if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) {
      return;
    } else {
      throw error;
    }
  }
  try {
    mkdirSync(directory, { mode });
  } catch (error) {
    // Another process may have been faster.
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}
