import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programs } from "../versions.js";
import { Daemon, freePorts } from "./daemon.js";

/** rclone's WebDAV server over a folder of its own. */
export interface RcloneWebdav extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  readonly folder: string;
  readonly username: string;
  readonly password: string;
}

/** How it is set up. */
export interface RcloneOptions {
  /** Directory below which everything of it lies. Default: that of temporary files. */
  readonly parent?: string | undefined;
}

/** Starts `rclone serve webdav`. */
export async function startRcloneWebdav({ parent = tmpdir() }: RcloneOptions = {}): Promise<RcloneWebdav> {
  const folder = await mkdtemp(join(parent, "hawser-rclone-"));
  const [port = 0] = await freePorts(1);
  const [username, password] = ["user", "password"];
  const url = `http://127.0.0.1:${port}`;
  const place = ["--addr", `127.0.0.1:${port}`, "--user", username, "--pass", password];
  const daemon = await Daemon.start({
    program: programs.rclone,
    args: ["serve", "webdav", folder, ...place, "--config", "/dev/null"],
    ready: () => fetch(url),
  });
  return {
    url,
    folder,
    username,
    password,
    async [Symbol.asyncDispose]() {
      await daemon.stop();
      await rm(folder, { recursive: true });
    },
  };
}
