import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programs } from "../versions.js";
import { Daemon, freePorts } from "./daemon.js";

/** A running nginx over a folder. */
export interface Nginx extends AsyncDisposable {
  /** Of the folder, without a slash at the end. */
  readonly url: string;
  readonly folder: string;
}

/** How nginx is set up. */
export interface NginxOptions {
  /** Directory below which everything of it lies. Default: that of temporary files. */
  readonly parent?: string | undefined;
  /** A folder that is there; its owner removes it. Default: an empty one. */
  readonly folder?: string | undefined;
  /** Whether it takes PUT and DELETE. Default false. */
  readonly writable?: boolean | undefined;
  /** Directives of the `http` block, and of a `location` that is the folder. Default: none. */
  readonly directives?: { readonly http: string; readonly location: string } | undefined;
}

/** Starts nginx. */
export async function startNginx({
  parent = tmpdir(),
  folder,
  writable = false,
  directives = { http: "", location: "" },
}: NginxOptions = {}): Promise<Nginx> {
  const dir = await mkdtemp(join(parent, "hawser-nginx-"));
  const root = folder ?? join(dir, "files");
  await mkdir(root, { recursive: true });
  const [port = 0] = await freePorts(1);
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${dir}/${name};`,
  );
  const config = [
    // Its workers read what this process wrote.
    ...(process.getuid?.() === 0 ? ["user root;"] : []),
    `daemon off; worker_processes 1; pid ${dir}/pid; error_log ${dir}/errors;`,
    "events {}",
    `http { ${directives.http}`,
    `access_log off; ${places.join(" ")}`,
    `server { listen 127.0.0.1:${port}; root ${root}; client_max_body_size 8m;`,
    ...(writable ? ["dav_methods PUT DELETE; create_full_put_path on;"] : []),
    `location / { ${directives.location}\n}`,
    "} }",
  ];
  await writeFile(join(dir, "nginx.conf"), `${config.join("\n")}\n`);
  const url = `http://127.0.0.1:${port}`;
  const daemon = await Daemon.start({
    program: programs.nginx,
    args: ["-c", join(dir, "nginx.conf"), "-e", join(dir, "errors"), "-p", dir],
    ready: () => fetch(url),
  });
  return {
    url,
    folder: root,
    async [Symbol.asyncDispose]() {
      await daemon.stop();
      await rm(dir, { recursive: true });
    },
  };
}
