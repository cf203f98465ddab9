import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** How the double behaves. */
export interface FtpServerOptions {
  /** Instead of what it would do: a reply; `null` to go on, `"silent"` for no reply, `"drop"` to end the connection. */
  readonly intercept?: ((command: string, argument: string) => string | null) | undefined;
  /** What it says of a file that is not there. Default: the words of vsftpd, which say nothing. */
  readonly absent?: string | undefined;
  /** Bytes of an upload that it keeps, or of a download that it sends. Default: all. */
  readonly keeps?: number | undefined;
  /** Whether it keeps the first part of an upload and breaks the data connection, as vsftpd does on a full disk. */
  readonly breaksUploads?: boolean | undefined;
  /** What LIST gives, by folder. Default: as `ls -a`. */
  readonly list?: ((folder: string, names: readonly string[]) => readonly string[]) | undefined;
}

/** A double of an FTP server in this process: one tree of files for every login, passive transfers without TLS. */
export interface FtpServer {
  /** host:port. */
  readonly host: string;
  readonly files: Map<string, Buffer>;
  readonly folders: Set<string>;
  /** All commands, in order. */
  readonly seen: string[];
  /** Connections since it began. */
  readonly connections: () => number;
  /** Ends all control connections, as a server does with idle ones. */
  dropAll(): Promise<void>;
  close(): Promise<void>;
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";

/** Starts one. The login leads to `/home`. */
export async function serveFtp(options: FtpServerOptions = {}): Promise<FtpServer> {
  const files = new Map<string, Buffer>();
  const folders = new Set(["/", "/home"]);
  const seen: string[] = [];
  const controls = new Set<Socket>();
  let connections = 0;
  const absent = options.absent ?? "550 Failed.";

  const serveOne = (control: Socket): void => {
    let passive: Server | null = null;
    let folder = "/home";
    let from = "";
    const say = (reply: string): void => void control.write(`${reply}\r\n`);
    const at = (path: string): string => (path.startsWith("/") ? path : `${folder === "/" ? "" : folder}/${path}`);
    const transfer = async (run: (data: Socket) => void | Promise<void>): Promise<void> => {
      const server = passive;
      if (server === null) {
        say("425 no data connection");
        return;
      }
      const arrived = once(server, "connection") as Promise<[Socket]>;
      say("150 go on");
      const data = waiting.shift() ?? (await arrived)[0];
      data.on("error", () => undefined);
      await run(data);
      server.close();
      passive = null;
      say("226 done");
    };
    const waiting: Socket[] = [];
    const commands: Readonly<Record<string, (argument: string) => void | Promise<void>>> = {
      OPTS: () => say("200 ok"),
      USER: () => say("331 password"),
      PASS: () => say("230 in"),
      FEAT: () => say("211 none"),
      TYPE: () => say("200 ok"),
      STRU: () => say("200 ok"),
      PWD: () => say(`257 "${folder}" is it`),
      EPSV: async () => {
        passive?.close();
        for (const unused of waiting.splice(0)) unused.destroy();
        const server = createServer((socket) => {
          waiting.push(socket);
          socket.on("error", () => undefined);
        }).listen(0, "127.0.0.1");
        await once(server, "listening");
        passive = server;
        say(`229 (|||${(server.address() as AddressInfo).port}|)`);
      },
      SIZE: (path) => say(files.has(at(path)) ? `213 ${files.get(at(path))?.length ?? 0}` : absent),
      RETR: async (path) => {
        const file = files.get(at(path));
        if (file === undefined) say(absent);
        else await transfer((data) => void data.end(file.subarray(0, options.keeps)));
      },
      STOR: async (path) => {
        if (!folders.has(parentOf(at(path)))) {
          say("553 Could not create file.");
          return;
        }
        await transfer(async (data) => {
          const chunks: Buffer[] = [];
          for await (const chunk of data as AsyncIterable<Buffer>) {
            chunks.push(chunk);
            if (options.breaksUploads === true) break;
          }
          if (options.breaksUploads === true) data.resetAndDestroy();
          files.set(at(path), Buffer.concat(chunks).subarray(0, options.keeps));
        });
      },
      LIST: () =>
        transfer((data) => {
          const below = [...files.keys(), ...folders].filter((path) => path !== "/" && parentOf(path) === folder);
          const names = below.map((path) => path.slice(path.lastIndexOf("/") + 1));
          const lines =
            options.list?.(folder, names) ??
            [".", "..", ...names].map((name) => `-rw-r--r-- 1 u g 1 Jan 1 00:00 ${name}`);
          data.end(lines.map((line) => `${line}\r\n`).join(""));
        }),
      RNFR: (path) => {
        from = at(path);
        say(files.has(from) ? "350 to" : absent);
      },
      RNTO: (path) => {
        files.set(at(path), files.get(from) ?? Buffer.alloc(0));
        files.delete(from);
        say("250 ok");
      },
      DELE: (path) => say(files.delete(at(path)) ? "250 ok" : absent),
      MKD: (path) => {
        const able = folders.has(parentOf(at(path))) && !folders.has(at(path));
        if (able) folders.add(at(path));
        say(able ? "257 made" : "550 no");
      },
      CWD: (path) => {
        if (folders.has(at(path))) folder = at(path);
        say(folders.has(at(path)) ? "250 ok" : "550 no");
      },
      QUIT: () => void control.end("221 bye\r\n"),
    };
    const answer = async (line: string): Promise<void> => {
      const [command = "", ...rest] = line.split(" ");
      const argument = rest.join(" ");
      seen.push(line);
      const reply = options.intercept?.(command, argument) ?? null;
      if (reply === "drop") control.destroy();
      else if (reply === "silent") return;
      else if (reply !== null) say(reply);
      else await (commands[command] ?? (() => say("502 unknown")))(argument);
    };
    let turn = Promise.resolve();
    let text = "";
    control.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n")) {
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        turn = turn.then(() => answer(line));
      }
    });
    say("220 double");
  };

  const server = createServer((control) => {
    connections += 1;
    controls.add(control);
    control.on("error", () => undefined);
    control.on("close", () => controls.delete(control));
    serveOne(control);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const dropAll = async (): Promise<void> => {
    for (const control of controls) control.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    files,
    folders,
    seen,
    connections: () => connections,
    dropAll,
    close: async () => {
      await dropAll();
      server.close();
    },
  };
}
