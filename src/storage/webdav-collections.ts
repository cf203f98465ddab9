import type { HttpRequest } from "../runtime/http-client.js";
import { gone, httpRefusal, refused } from "./http-refusal.js";
import type { WebdavServer } from "./webdav-server.js";

/** mod_dav answers so now and then to one of several clients that make a folder at once, and 405 a moment later. */
const BUSY: readonly number[] = [403, 423];
const BUSY_ATTEMPTS = 5;
const BUSY_PAUSE_MS = 100;

/**
 * Makes the folders over a path, deepest first, so that one request does where only the last one is missing.
 *
 * @throws STORAGE_GONE where even the base cannot be made, and what {@link httpRefusal} gives
 */
export async function makeCollections(
  server: WebdavServer,
  label: string,
  path: string,
  sent: Pick<HttpRequest, "progress" | "signal">,
): Promise<void> {
  const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  const collection = parent === "" ? "" : `${parent}/`;
  const make = async (): Promise<boolean> => {
    let answer = await server.send("MKCOL", collection, sent);
    for (let attempts = 1; BUSY.includes(answer.status) && attempts < BUSY_ATTEMPTS; attempts++) {
      await server.pause(BUSY_PAUSE_MS, sent.signal);
      answer = await server.send("MKCOL", collection, sent);
    }
    // 405: RFC 4918 has it for one that is there; another writer may have been faster.
    if ([200, 201, 204, 405].includes(answer.status)) return true;
    if (answer.status === 404 || answer.status === 409) return false;
    if (answer.status === 423) throw refused(label, "make a folder", "status 423, locked by another client");
    throw httpRefusal({ label, url: server.shown(collection), operation: "make a folder" }, answer);
  };
  if (await make()) return;
  if (parent !== "") {
    await makeCollections(server, label, parent, sent);
    if (await make()) return;
  }
  throw gone(label, "its base is missing and cannot be made");
}
