import { invalidArgument } from "../bytes/guards.js";
import { getNetwork } from "../chain/network.js";
import { isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import { joinBase, objectPath, recordPath } from "../route/layout.js";

/**
 * Guards a path of the layout in protocol section 10, and returns its segments. No such path has an empty, `.` or `..`
 * segment, so none can lead out of the place that it is joined to.
 *
 * @throws INPUT_INVALID
 */
export function parseStoragePath(path: string): readonly string[] {
  if (rebuild(path) !== path) throw invalidArgument("path", "a path of the storage layout", path);
  return path.split("/");
}

/** The path that the layout gives for what this one names, or null: one path is right if it comes out the same. */
function rebuild(path: string): string | null {
  try {
    const object = /^objects\/[^/]*\/(.*)$/.exec(path);
    if (object !== null) return objectPath(object[1] ?? "");
    const record = /^records\/([^/]*)\/([^/]*)\/(.*)@([0-9]+)\.json$/.exec(path);
    if (record === null) return null;
    const [, network = "", name = "", id = "", epoch = ""] = record;
    return recordPath({ network: getNetwork(network).id, name, id, epoch: Number(epoch) });
  } catch (error) {
    if (isHawserError(error) && error.outcome === "input") return null;
    throw error;
  }
}

/** Section 10: the URL of a path under a base. Null without a base, and where U1 would refuse the URL as too long. */
export function publicUrl(baseUrl: string | null, path: string): string | null {
  if (baseUrl === null) return null;
  const url = joinBase(baseUrl, path);
  return url.length <= limits.urlMaxBytes ? url : null;
}
