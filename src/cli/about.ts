import { isJsonObject, type JsonObject, parseJson } from "../bytes/json.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Invocation } from "./command.js";
import { readFileAtMost } from "./files.js";
import { assertNoKeyFile } from "./input.js";

/**
 * The JSON object in the file of `--about`, or undefined where none is named.
 *
 * @throws INPUT_FILE_UNUSABLE, INPUT_TOO_LARGE
 */
export async function readAbout({ args }: Invocation): Promise<JsonObject | undefined> {
  const path = args.text("about");
  if (path === undefined) return undefined;
  const fail = (reason: string): HawserError => {
    return new HawserError("INPUT_FILE_UNUSABLE", `${path} cannot be used as about: ${reason}.`, { path, reason });
  };
  const bytes = assertNoKeyFile(path, await readFileAtMost(path, limits.aboutMaxBytes));
  const about = parseJson(bytes, { fail });
  if (!isJsonObject(about)) throw fail("not a JSON object");
  return about;
}
