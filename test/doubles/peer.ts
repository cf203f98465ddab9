import { createHash } from "node:crypto";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Certificate } from "./certificate.js";

export type Transport = "tcp" | "tls" | "ws" | "wss";

/** One client of a double. */
export interface Peer {
  /** Sends a message in the transport's frame. */
  send(text: string): void;
  /** Sends bytes as they are, outside or in the middle of a frame. */
  raw(bytes: string | Uint8Array): void;
  /** Sends a message as WebSocket binary, or the bytes and a newline. */
  binary(bytes: Uint8Array): void;
  /** Closes this half of the connection. */
  end(): void;
  destroy(): void;
}

/** What becomes of a client's messages. */
export interface PeerHandler {
  onMessage(text: string): void;
  onClose(): void;
}

/** A listening server. */
export interface PeerServer {
  /** `tcp://127.0.0.1:1234` and so on. */
  readonly url: string;
  /** Clients that are connected now. */
  readonly open: ReadonlySet<Socket>;
  close(): Promise<void>;
}

const WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Listens on a free port of 127.0.0.1. `tls` and `wss` need a certificate. */
export async function listenForPeers(
  transport: Transport,
  certificate: Certificate | null,
  accept: (peer: Peer) => PeerHandler,
): Promise<PeerServer> {
  const open = new Set<Socket>();
  const track = (socket: Socket): void => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => undefined);
  };
  const options = certificate ?? { key: "", cert: "" };
  const onLines = (socket: Socket): void => acceptLines(socket, accept);
  const server: Server | HttpServer =
    transport === "tcp"
      ? createTcpServer({ allowHalfOpen: true }, onLines)
      : transport === "tls"
        ? createTlsServer(options, onLines)
        : transport === "ws"
          ? createHttpServer()
          : createHttpsServer(options);
  server.on("connection", track);
  // A client that breaks off the handshake is none of the server's trouble.
  server.on("tlsClientError", () => undefined);
  server.on("secureConnection", (socket: Socket) => socket.on("error", () => undefined));
  server.on("upgrade", (request: { headers: Record<string, string | undefined> }, socket: Socket) => {
    acceptWebSocket(request.headers["sec-websocket-key"] ?? "", socket, accept);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${transport}://127.0.0.1:${port}`,
    open,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

function acceptLines(socket: Socket, accept: (peer: Peer) => PeerHandler): void {
  const write = (bytes: string | Uint8Array): void => {
    if (socket.writable) socket.write(bytes);
  };
  const handler = accept({
    send: (text) => write(`${text}\n`),
    raw: write,
    binary: (bytes) => {
      write(bytes);
      write("\n");
    },
    end: () => socket.end(),
    destroy: () => socket.destroy(),
  });
  let rest = "";
  socket.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString("utf8")).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) handler.onMessage(line);
  });
  socket.on("end", () => socket.end());
  socket.on("close", () => handler.onClose());
  socket.on("error", () => undefined);
}

/** RFC 6455 as far as a test needs it: whole messages in both directions, no extensions. */
function acceptWebSocket(key: string, socket: Socket, accept: (peer: Peer) => PeerHandler): void {
  const proof = createHash("sha1")
    .update(key + WEBSOCKET_GUID)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${proof}\r\n\r\n`,
  );
  const write = (bytes: string | Uint8Array): void => {
    if (socket.writable) socket.write(bytes);
  };
  const handler = accept({
    send: (text) => write(frame(1, Buffer.from(text))),
    raw: write,
    binary: (bytes) => write(frame(2, bytes)),
    end: () => write(frame(8, Buffer.from([0x03, 0xe8]))),
    destroy: () => socket.destroy(),
  });
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (let message = readFrame(rest); message !== null; message = readFrame(rest)) {
      rest = rest.subarray(message.size);
      if (message.opcode === 1) handler.onMessage(message.payload.toString("utf8"));
      if (message.opcode === 8) socket.end();
    }
  });
  socket.on("close", () => handler.onClose());
  socket.on("error", () => undefined);
}

function frame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extended);
  head[0] = 0x80 | opcode;
  head[1] = extended === 0 ? length : extended === 2 ? 126 : 127;
  if (extended === 2) head.writeUInt16BE(length, 2);
  if (extended === 8) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

/** The first whole frame of a client, unmasked; null where there is none yet. */
function readFrame(bytes: Buffer): { readonly opcode: number; readonly payload: Buffer; readonly size: number } | null {
  if (bytes.length < 2) return null;
  const short = (bytes[1] ?? 0) & 0x7f;
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
  const start = 2 + extended + 4;
  if (bytes.length < start) return null;
  const length = extended === 0 ? short : extended === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < start + length) return null;
  const mask = bytes.subarray(start - 4, start);
  const payload = Buffer.from(bytes.subarray(start, start + length));
  for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] ?? 0) ^ (mask[i % 4] ?? 0);
  return { opcode: (bytes[0] ?? 0) & 0x0f, payload, size: start + length };
}
