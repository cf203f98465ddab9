import { invalidArgument } from "../bytes/guards.js";

const OBJECT = /^objects\/([0-9a-f]{2})\/\1[0-9a-f]{62}$/;
const RECORD =
  /^records\/(?:mainnet|testnet4|signet|regtest)\/([a-z0-9-]{1,31})\/([a-z0-9._~/-]{1,128})@(\d{1,10})\.json$/;
const NAME = /^(?!..--)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const MAX_EPOCH = 2 ** 32 - 1;
const MAX_URL_BYTES = 255;

/**
 * Guards a path of the layout in protocol section 10, and returns its segments. No such path has an empty, `.` or `..`
 * segment, so none can lead out of the place that it is joined to.
 *
 * @throws INPUT_INVALID
 */
export function parseStoragePath(path: string): readonly string[] {
  if (!OBJECT.test(path) && !isRecordPath(path)) throw invalidArgument("path", "a path of the storage layout", path);
  return path.split("/");
}

function isRecordPath(path: string): boolean {
  const match = RECORD.exec(path);
  if (match === null) return false;
  const [, name = "", id = "", epoch = ""] = match;
  return (
    NAME.test(name) &&
    // M1: the segments of an id.
    id.split("/").every((segment) => segment !== "" && !segment.endsWith(".") && !segment.endsWith(".json")) &&
    String(Number(epoch)) === epoch &&
    Number(epoch) <= MAX_EPOCH
  );
}

/** Section 10: the base URL, `/` if missing, and the path. Null where U1 would refuse the URL as too long. */
export function publicUrl(baseUrl: string | null, path: string): string | null {
  if (baseUrl === null) return null;
  const url = joinBaseUrl(baseUrl, path);
  return url.length <= MAX_URL_BYTES ? url : null;
}

/** Section 10: the base URL, `/` if missing, and the path. */
export function joinBaseUrl(baseUrl: string, path: string): string {
  return baseUrl.endsWith("/") ? baseUrl + path : `${baseUrl}/${path}`;
}
