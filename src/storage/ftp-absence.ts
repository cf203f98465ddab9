import type { FtpSession } from "./ftp-session.js";

/**
 * Whether a file that the server would not give is not there, as its folder's listing shows; where a folder cannot be
 * entered, as the listing of the one above it shows. Null where nothing shows it: then it may be there and be hidden.
 */
export async function isAbsent(session: FtpSession, path: string): Promise<boolean | null> {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return null;
  const [folder, name] = [path.slice(0, slash), path.slice(slash + 1)];
  if (!(await session.enter(folder))) return folder === "" ? null : isAbsent(session, folder);
  const lines = (await session.list()).map((line) => line.trimEnd()).filter((line) => line !== "");
  const has = (entry: string): boolean =>
    lines.some((line) => line === entry || line.endsWith(` ${entry}`) || line.includes(` ${entry} -> `));
  if (has(name)) return false;
  // Some servers list nothing of a folder that may not be listed, and say that all went well.
  return lines.some((line) => !line.startsWith("total ")) ? true : null;
}
