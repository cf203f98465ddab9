import { HawserError } from "../../errors.js";

/** Where there are no files. @throws INPUT_FILE_UNUSABLE */
export function readFileRange(place: string): Promise<Uint8Array> {
  const reason = "this runtime has no files; name an http: or https: URL";
  return Promise.reject(
    new HawserError("INPUT_FILE_UNUSABLE", `Cannot read ${place}: ${reason}.`, { path: place, reason }),
  );
}
