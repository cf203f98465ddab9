import { encodeHex } from "../bytes/hex.js";
import { HawserError, isHawserError } from "../errors.js";
import type {
  CallOptions,
  Clock,
  StorageProvider,
  StorageReadOptions,
  StorageWriteOptions,
  StoredBytes,
  StoredKind,
  WriteOutcome,
} from "../ports.js";
import { systemClock } from "../runtime/clock.js";
import { parseHttpBase } from "../runtime/http-base.js";
import { systemRandom } from "../runtime/random.js";
import { type BasicCredentials, resolveCredentials } from "./basic-auth.js";
import { isAbsent } from "./ftp-absence.js";
import { type FtpBase, parseFtpBase } from "./ftp-base.js";
import { FtpPool } from "./ftp-pool.js";
import { ftpRefusal, readWords, replyCode, unreachable } from "./ftp-refusal.js";
import { FtpSession, type FtpTls } from "./ftp-session.js";
import { gone, refused, unsupported } from "./http-refusal.js";
import { parseStoragePath, publicUrl } from "./path.js";
import { progressOf, type StorageProgress } from "./progress.js";

/** Options of {@link ftp}. */
export interface FtpOptions {
  /** A function is asked before each login. Default: anonymous. */
  readonly credentials?: BasicCredentials | undefined;
  /**
   * For `ftp:`: TLS before the login (AUTH TLS), and no login without it. Default: none, and everybody on the way reads
   * the password. `ftps:` has TLS from the first byte on, and takes no such option.
   */
  readonly secure?: "explicit" | undefined;
  readonly tls?: FtpTls | undefined;
  /** Connections at the same time, 1 to 3. Default 2. */
  readonly connections?: 1 | 2 | 3 | undefined;
  /** Base of the URLs under which a web server serves the folder. Default: none, and no URL is published. */
  readonly publicBaseUrl?: string | undefined;
  /** Name in verdicts. Default: host and path of the base URL. */
  readonly label?: string | undefined;
  /** How long the server may be silent. Default: {@link limits}. */
  readonly progress?: StorageProgress | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
}

const DEFAULT_CONNECTIONS = 2;
/** ms - of silence, after which a socket ends itself; the operation's own limits come first. */
const SOCKET_TIMEOUT_MS = 120_000;
const READS = 2;

/**
 * The layout of section 10 on an FTP server (RFC 959), for Node alone. A body is stored under a temporary name, its size
 * is asked for, and then it is renamed: readers see the old file or the new one where the server's rename replaces files
 * as POSIX has it. A crash or an abort may leave a temporary file (`@....tmp`) behind, which no reader asks for. No write is
 * conditional, and no part of a file can be read. Folders are made where they are missing, the base itself included; a
 * base that is not there reads as empty.
 *
 * Most servers refuse with one code what is not there and what may not be read. A file counts as absent where the server
 * says so in words, or where the listing of its folder shows it; otherwise the read throws.
 *
 * Calls throw `STORAGE_REFUSED` (no login, no rights), `STORAGE_GONE` (the base is missing and cannot be made),
 * `STORAGE_FULL` (452, 552), `STORAGE_UNSUPPORTED`, else `NETWORK_*`. `close` ends the connections.
 *
 * @param baseUrl - `ftp://host[:port]/path` or `ftps://host[:port]/path`, from the folder of the login on; with a second
 * slash (`ftp://host//srv/data`) from the root on.
 * @throws INPUT_URL_INVALID, INPUT_CONFIG_INVALID
 */
export function ftp(baseUrl: string, options: FtpOptions = {}): StorageProvider {
  return new FtpStorage(baseUrl, options);
}

class FtpStorage implements StorageProvider {
  readonly label: string;
  readonly publicBaseUrl: string | null;
  readonly conditional = false;
  readonly #base: FtpBase;
  readonly #pool: FtpPool;
  readonly #progress: StorageProgress | undefined;
  #closes = 0;

  constructor(baseUrl: string, options: FtpOptions) {
    const { credentials, secure, tls = {}, connections = DEFAULT_CONNECTIONS, clock = systemClock } = options;
    const base = parseFtpBase(baseUrl);
    if (base.implicitTls && secure !== undefined) throw invalidSetting("secure", "ftps: has TLS already");
    if (![1, 2, 3].includes(connections)) throw invalidSetting("connections", "not 1 to 3");
    this.#base = base;
    this.#progress = options.progress;
    this.label = options.label ?? base.label;
    this.publicBaseUrl = options.publicBaseUrl ?? null;
    if (this.publicBaseUrl !== null) parseHttpBase(this.publicBaseUrl);
    this.#pool = new FtpPool(connections, clock, async () => {
      const login = credentials === undefined ? null : await resolveCredentials(credentials);
      const explicitTls = secure === "explicit";
      return new FtpSession({ base, explicitTls, tls, credentials: login, timeoutMs: SOCKET_TIMEOUT_MS });
    });
  }

  async read(path: string, options: StorageReadOptions): Promise<StoredBytes | null> {
    parseStoragePath(path);
    const { kind, maxBytes, signal } = options;
    if (options.range !== undefined) throw unsupported(this.label, "a read of a part");
    return this.#run("read", path, { kind, signal }, (session) => this.#readFile(session, path, maxBytes));
  }

  async write(path: string, body: Uint8Array, options: StorageWriteOptions): Promise<WriteOutcome> {
    parseStoragePath(path);
    if (options.condition !== undefined) throw unsupported(this.label, "conditional write");
    // Copied before anything is awaited: the caller may reuse its buffer.
    const bytes = body.slice();
    const { kind, signal } = options;
    const temporary = `${path.slice(0, path.lastIndexOf("/"))}/@${encodeHex(systemRandom.bytes(12))}.tmp`;
    const closes = this.#closes;
    let used: FtpSession | null = null;
    try {
      await this.#run("write", path, { kind, signal, uploadBytes: bytes.length }, (session) => {
        used = session;
        return this.#writeFile(session, path, temporary, bytes);
      });
    } catch (error) {
      const broke = isHawserError(error, "NETWORK_UNREACHABLE") && isClosed(used) && closes === this.#closes;
      // A server whose disk is full may break the connection, and what came so far would keep the disk full.
      if (broke) await this.#removeLeft(temporary, signal);
      throw error;
    }
    return "stored";
  }

  async remove(path: string, options: CallOptions = {}): Promise<boolean> {
    parseStoragePath(path);
    return this.#run("remove", path, { kind: "object", signal: options.signal }, async (session) => {
      const file = `${session.folder}/${path}`;
      try {
        await session.remove(file);
      } catch (error) {
        if (!(await this.#absent(session, "remove", file, error))) throw this.#hidden("remove", error);
      }
      return true;
    });
  }

  urlOf(path: string): string | null {
    parseStoragePath(path);
    return publicUrl(this.publicBaseUrl, path);
  }

  async close(): Promise<void> {
    this.#closes += 1;
    this.#pool.close();
  }

  async #run<T>(
    operation: string,
    path: string,
    patience: { readonly kind: StoredKind; readonly signal: AbortSignal | undefined; readonly uploadBytes?: number },
    run: (session: FtpSession) => Promise<T>,
  ): Promise<T> {
    const { kind, signal, uploadBytes } = patience;
    const url = this.#shown(path);
    const progress = progressOf(kind, this.#progress, uploadBytes);
    try {
      return await this.#pool.use({ url, progress, signal }, run);
    } catch (error) {
      throw ftpRefusal({ label: this.label, url, operation }, error);
    }
  }

  async #readFile(session: FtpSession, path: string, maxBytes: number): Promise<StoredBytes | null> {
    const file = `${session.folder}/${path}`;
    const url = this.#shown(path);
    for (let reads = 1; ; reads++) {
      let size: number | null;
      let bytes: Uint8Array;
      try {
        size = await session.size(file);
        if (size !== null && size > maxBytes) {
          throw new HawserError("NETWORK_TOO_LARGE", `${url} has more than ${maxBytes} bytes.`, { url, maxBytes });
        }
        bytes = await session.download(file, maxBytes, url);
      } catch (error) {
        if (await this.#absent(session, "read", file, error)) return null;
        // It may have come in the meantime.
        if (reads === READS) throw this.#hidden("read", error);
        continue;
      }
      if (size === null || size === bytes.length) return { bytes, tag: null };
      // A writer may have replaced the file between the two; otherwise the connection broke, which looks like its end.
      if (reads === READS) throw unreachable(url, `${bytes.length} of ${size} bytes were sent`);
    }
  }

  async #writeFile(session: FtpSession, path: string, temporaryPath: string, body: Uint8Array): Promise<void> {
    const file = `${session.folder}/${path}`;
    const temporary = `${session.folder}/${temporaryPath}`;
    const upload = (): Promise<void> => session.upload(temporary, body, this.#shown(path));
    try {
      try {
        await upload();
      } catch (error) {
        // 553 and 550: the folder may be missing. Others do as RFC 959 has it and say 450 or 451.
        if (![450, 451, 550, 553].includes(replyCode(error) ?? 0)) throw error;
        await this.#makeFolders(session, path);
        await upload();
      }
      await session.rename(temporary, file);
    } catch (error) {
      if (!session.closed) await session.remove(temporary).catch(() => undefined);
      throw error;
    }
  }

  /** Over another connection. The outcome is told already; what stays is no path of the layout. */
  async #removeLeft(temporary: string, signal: AbortSignal | undefined): Promise<void> {
    const remove = (session: FtpSession): Promise<void> => session.remove(`${session.folder}/${temporary}`);
    await this.#run("remove", temporary, { kind: "record", signal }, remove).catch(() => undefined);
  }

  async #makeFolders(session: FtpSession, path: string): Promise<void> {
    // The base, but not what is above it: a mistyped one should show.
    const folders = [session.folder];
    for (const segment of path.split("/").slice(0, -1)) folders.push(`${folders[folders.length - 1] ?? ""}/${segment}`);
    for (const folder of folders) if (folder !== "") await session.makeFolder(folder);
    if (await session.enter(folders[folders.length - 1] ?? "")) return;
    if (await session.enter(session.folder)) throw refused(this.label, "write", "it does not let a folder be made");
    throw gone(this.label, "its base is missing and cannot be made");
  }

  /** What a refusal means: true where the file is not there, false where it is. Throws where nothing shows either. */
  async #absent(session: FtpSession, operation: string, file: string, error: unknown): Promise<boolean> {
    const code = replyCode(error);
    if (code !== 550 && code !== 450) throw error;
    const words = readWords(error);
    const absent = words === null ? await isAbsent(session, file) : words === "absent";
    if (absent === null) throw this.#hidden(operation, error);
    return absent;
  }

  #hidden(operation: string, error: unknown): HawserError<"STORAGE_REFUSED"> {
    return refused(
      this.label,
      operation,
      `reply ${replyCode(error) ?? 0}, and nothing shows that the file is not there`,
    );
  }

  #shown(path: string): string {
    return `${this.#base.href}${path}`;
  }
}

/** Of a connection that came about. */
function isClosed(session: FtpSession | null): boolean {
  return session?.closed === true;
}

function invalidSetting(setting: string, reason: string): HawserError<"INPUT_CONFIG_INVALID"> {
  const details = { setting, reason };
  return new HawserError("INPUT_CONFIG_INVALID", `The setting ${setting} cannot be used: ${reason}.`, details);
}
