import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Certificate } from "../../doubles/certificate.js";
import { programs } from "../versions.js";
import { Daemon, freePorts } from "./daemon.js";
import { debianUser } from "./debian-user.js";

/** A running vsftpd over a folder of its own. */
export interface Vsftpd extends AsyncDisposable {
  /** host:port. */
  readonly host: string;
  /** What a login sees as `files`. */
  readonly folder: string;
  readonly username: string;
  readonly password: string;
}

/** How vsftpd is set up. */
export interface VsftpdOptions {
  /** Directory below which everything of it lies. Default: that of temporary files. */
  readonly parent?: string | undefined;
  /** Default: without TLS. */
  readonly tls?: { readonly certificate: Certificate; readonly implicit: boolean } | undefined;
  /** Further lines of its configuration. */
  readonly settings?: readonly string[] | undefined;
}

/**
 * Starts vsftpd. Its anonymous user may write and needs a password out of a list, which takes neither a user nor a PAM
 * service of this machine.
 */
export async function startVsftpd({ parent = tmpdir(), tls, settings = [] }: VsftpdOptions = {}): Promise<Vsftpd> {
  const dir = await mkdtemp(join(parent, "hawser-vsftpd-"));
  const login = join(dir, "login");
  const folder = join(login, "files");
  const empty = join(dir, "empty");
  for (const path of [folder, empty]) await mkdir(path, { recursive: true });
  const user = debianUser("ftp");
  if (user !== null) await chown(folder, user.uid, user.gid);
  await chmod(dir, 0o755);
  // It does not run where the user may write to the folder of the login itself.
  await chmod(login, 0o555);
  const [port = 0] = await freePorts(1);
  const password = "secret-1";
  await writeFile(join(dir, "passwords"), `${password}\n`);
  const config = [
    "listen=YES",
    "background=NO",
    "listen_address=127.0.0.1",
    `listen_port=${port}`,
    "anonymous_enable=YES",
    "secure_email_list_enable=YES",
    `email_password_file=${dir}/passwords`,
    `anon_root=${login}`,
    `secure_chroot_dir=${empty}`,
    "write_enable=YES",
    "anon_upload_enable=YES",
    "anon_mkdir_write_enable=YES",
    "anon_other_write_enable=YES",
    "anon_umask=022",
    // What it does by seccomp is more than some containers let it.
    "seccomp_sandbox=NO",
    ...(user === null ? ["run_as_launching_user=YES"] : []),
    ...(await tlsSettings(dir, tls)),
    ...settings,
  ];
  await writeFile(join(dir, "vsftpd.conf"), `${config.join("\n")}\n`);
  const daemon = await Daemon.start({
    program: programs.vsftpd,
    args: [join(dir, "vsftpd.conf")],
    ready: () => connects(port),
  });
  return {
    host: `127.0.0.1:${port}`,
    folder,
    username: "anonymous",
    password,
    async [Symbol.asyncDispose]() {
      await daemon.stop();
      await chmod(login, 0o755);
      await rm(dir, { recursive: true });
    },
  };
}

async function tlsSettings(dir: string, tls: VsftpdOptions["tls"]): Promise<readonly string[]> {
  if (tls === undefined) return [];
  const [certFile, keyFile] = [join(dir, "cert.pem"), join(dir, "key.pem")];
  await writeFile(certFile, tls.certificate.cert);
  await writeFile(keyFile, tls.certificate.key);
  return [
    "ssl_enable=YES",
    "allow_anon_ssl=YES",
    "force_anon_logins_ssl=YES",
    "force_anon_data_ssl=YES",
    `implicit_ssl=${tls.implicit ? "YES" : "NO"}`,
    `rsa_cert_file=${certFile}`,
    `rsa_private_key_file=${keyFile}`,
    "ssl_ciphers=HIGH",
  ];
}

function connects(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}
