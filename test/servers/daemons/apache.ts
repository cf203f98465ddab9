import { createHash } from "node:crypto";
import { chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programs } from "../versions.js";
import { Daemon, freePorts } from "./daemon.js";
import { debianUser } from "./debian-user.js";

/** A running Apache with mod_dav over a folder of its own, behind Basic authentication. */
export interface Apache extends AsyncDisposable {
  /** Of the folder, without a slash at the end. */
  readonly url: string;
  /** The folder, as the file system has it. */
  readonly folder: string;
  readonly username: string;
  readonly password: string;
}

const MODULES = "/usr/lib/apache2/modules";
const MODULE_NAMES = [
  "mpm_event",
  "authn_core",
  "authn_file",
  "authz_core",
  "authz_user",
  "auth_basic",
  "dav",
  "dav_fs",
  "headers",
];
/** Characters beyond ASCII show that credentials go out as UTF-8. */
const USERNAME = "ålice";
const PASSWORD = "pässword:1";

/** How Apache is set up. */
export interface ApacheOptions {
  /** Directory below which everything of it lies. Default: that of temporary files. */
  readonly parent?: string | undefined;
  /** Lines for its folder, which say who may do what. Default: whoever logs in may do everything. */
  readonly rules?: string | undefined;
}

/** Starts Apache on an empty folder. */
export async function startApache({
  parent = tmpdir(),
  rules = "Require valid-user",
}: ApacheOptions = {}): Promise<Apache> {
  const dir = await mkdtemp(join(parent, "hawser-apache-"));
  const folder = join(dir, "files");
  await mkdir(folder);
  const user = debianUser("www-data");
  if (user !== null) for (const path of [dir, folder]) await chown(path, user.uid, user.gid);
  const [port = 0] = await freePorts(1);
  const sha1 = createHash("sha1").update(PASSWORD).digest("base64");
  await writeFile(join(dir, "users"), `${USERNAME}:{SHA}${sha1}\n`);
  const config = [
    ...MODULE_NAMES.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`),
    ...(user === null ? [] : ["User www-data", "Group www-data"]),
    "ServerName localhost",
    `ServerRoot ${dir}`,
    `PidFile ${dir}/pid`,
    `ErrorLog ${dir}/errors`,
    `Listen 127.0.0.1:${port}`,
    `DocumentRoot ${folder}`,
    `DavLockDB ${dir}/locks`,
    `<Directory ${folder}>`,
    "Dav On",
    "AuthType Basic",
    "AuthName files",
    `AuthUserFile ${dir}/users`,
    rules,
    "</Directory>",
  ];
  await writeFile(join(dir, "httpd.conf"), `${config.join("\n")}\n`);
  const url = `http://127.0.0.1:${port}`;
  const daemon = await Daemon.start({
    program: programs.apache,
    args: ["-d", dir, "-f", join(dir, "httpd.conf"), "-DFOREGROUND"],
    ready: () => fetch(url),
  });
  return {
    url,
    folder,
    username: USERNAME,
    password: PASSWORD,
    async [Symbol.asyncDispose]() {
      await daemon.stop();
      await rm(dir, { recursive: true });
    },
  };
}
