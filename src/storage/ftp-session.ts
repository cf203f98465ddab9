import { once } from "node:events";
import { Readable, Writable } from "node:stream";
import { TLSSocket } from "node:tls";
import { Client } from "basic-ftp";
import { HawserError } from "../errors.js";
import type { UserPassword } from "./basic-auth.js";
import type { FtpBase } from "./ftp-base.js";
import { replyCode, unreachable } from "./ftp-refusal.js";

/** How a connection is made. */
export interface FtpAccess {
  readonly base: FtpBase;
  /** AUTH TLS before the login. */
  readonly explicitTls: boolean;
  readonly tls: FtpTls;
  readonly credentials: UserPassword | null;
  /** ms - a second line behind the clock of the operation. */
  readonly timeoutMs: number;
}

/** Whom to trust. The certificate is always checked. */
export interface FtpTls {
  /** Certificates in PEM that are trusted instead of those of the runtime. */
  readonly ca?: string | readonly string[] | undefined;
  /** The name that the certificate must be for. Default: the host of the URL. */
  readonly servername?: string | undefined;
}

const CHUNK_BYTES = 65_536;
const MOST_LISTING_BYTES = 4 * 1024 * 1024;

/** One connection, for one operation at a time. Paths are absolute. */
export class FtpSession {
  /** Replies of the server since {@link begin}. */
  replies = 0;
  #arrived: () => void = () => undefined;
  #folder = "";
  #ended = false;
  readonly #client: Client;
  readonly #access: FtpAccess;

  constructor(access: FtpAccess) {
    this.#access = access;
    this.#client = new Client(access.timeoutMs, {
      // A server must not have this machine connect to a third one.
      allowSeparateTransferHost: false,
      maxListingBytes: MOST_LISTING_BYTES,
    });
    this.#client.ftp.log = (message) => {
      if (!message.startsWith("< ")) return;
      this.replies += 1;
      this.#arrived();
    };
  }

  get closed(): boolean {
    return this.#client.closed;
  }

  /** The base folder, absolute and without a slash at the end; `""` is the root. */
  get folder(): string {
    return this.#folder;
  }

  /** Starts an operation; `arrived` is called with each sign of life. */
  begin(arrived: () => void): void {
    this.replies = 0;
    this.#arrived = arrived;
    this.#client.ftp.socket.ref();
  }

  /** Between two operations: keeps no process from ending. */
  rest(): void {
    this.#arrived = () => undefined;
    this.#client.ftp.socket.unref();
  }

  close(): void {
    this.#ended = true;
    this.#client.close();
  }

  async connect(): Promise<void> {
    // The client would open itself again.
    if (this.#ended) throw new Error("ended before it began");
    const { base, explicitTls, tls, credentials } = this.#access;
    await this.#client.access({
      host: base.host,
      port: base.port,
      ...(credentials === null ? {} : { user: credentials.username, password: credentials.password }),
      secure: base.implicitTls ? "implicit" : explicitTls,
      secureOptions: {
        minVersion: "TLSv1.2",
        ...(tls.ca === undefined ? {} : { ca: typeof tls.ca === "string" ? tls.ca : [...tls.ca] }),
        ...(tls.servername === undefined ? {} : { servername: tls.servername }),
      },
    });
    const login = base.folder.startsWith("/") ? "" : await this.#client.pwd();
    const folder = base.folder.startsWith("/") ? base.folder : `${login.replace(/\/+$/, "")}/${base.folder}`;
    this.#folder = folder.replace(/\/+$/, "");
  }

  /** Null where the server knows no such command. */
  async size(path: string): Promise<number | null> {
    try {
      return await this.#client.size(path);
    } catch (error) {
      if ([500, 502, 504].includes(replyCode(error) ?? 0)) return null;
      throw error;
    }
  }

  /** All bytes of a file. @throws NETWORK_TOO_LARGE */
  async download(path: string, maxBytes: number, url: string): Promise<Uint8Array> {
    const chunks: Buffer[] = [];
    let length = 0;
    const tooLarge: HawserError[] = [];
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#arrived();
        length += chunk.length;
        if (length > maxBytes) {
          const error = new HawserError("NETWORK_TOO_LARGE", `${url} sent more than ${maxBytes} bytes.`, {
            url,
            maxBytes,
          });
          tooLarge.push(error);
          // It ends the connection: there is no other way to have the server stop.
          done(error);
          return;
        }
        chunks.push(chunk);
        done();
      },
    });
    try {
      await this.#client.downloadTo(sink, path);
    } catch (error) {
      throw tooLarge[0] ?? error;
    }
    return new Uint8Array(Buffer.concat(chunks));
  }

  /** Stores a body and makes sure of its size. */
  async upload(path: string, body: Uint8Array, url: string): Promise<void> {
    const arrived = (): void => {
      this.#arrived();
    };
    const shaken = (): Promise<void> => this.#dataHandshake();
    async function* chunks(): AsyncGenerator<Uint8Array> {
      if (body.length === 0) await shaken();
      for (let start = 0; start < body.length; start += CHUNK_BYTES) {
        arrived();
        yield body.subarray(start, start + CHUNK_BYTES);
      }
    }
    await this.#client.uploadFrom(Readable.from(chunks(), { objectMode: false }), path);
    // A data connection that breaks looks like the end of the file to the server.
    const size = await this.#client.size(path);
    if (size !== body.length) throw unreachable(url, `${size} of ${body.length} bytes were stored`);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#client.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await this.#client.remove(path);
  }

  /** Whether the folder is there now; false where the server does not say why not. */
  async makeFolder(path: string): Promise<boolean> {
    return this.#try(`MKD ${path}`);
  }

  /** Goes to a folder; false where the server refuses. */
  async enter(path: string): Promise<boolean> {
    return this.#try(`CWD ${path === "" ? "/" : path}`);
  }

  /** What the server lists of the folder that it is in, as lines. */
  async list(): Promise<readonly string[]> {
    let lines: readonly string[] = [];
    this.#client.parseList = (text) => {
      lines = text.split(/\r?\n/);
      return [];
    };
    await this.#client.list();
    return lines;
  }

  /** An empty body would end the data connection before TLS stands, which servers take for an attack. */
  async #dataHandshake(): Promise<void> {
    const socket = this.#client.ftp.dataSocket;
    if (socket instanceof TLSSocket && socket.getPeerFinished() === undefined) await once(socket, "secureConnect");
  }

  async #try(command: string): Promise<boolean> {
    try {
      await this.#client.send(command);
      return true;
    } catch (error) {
      const code = replyCode(error);
      if (code !== null && code >= 500 && code !== 530) return false;
      throw error;
    }
  }
}
