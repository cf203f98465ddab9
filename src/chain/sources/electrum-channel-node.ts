import { isIP, type Socket, connect as tcpConnect } from "node:net";
import { TLSSocket, connect as tlsConnect } from "node:tls";
import { Agent, buildConnector, WebSocket } from "undici";
import { abortedError } from "../../deadline.js";
import { type HawserError, isHawserError } from "../../errors.js";
import type { Channel, ChannelHandler, ElectrumTls } from "./electrum-channel.js";
import { invalidAnswer, tooLarge, unreachable } from "./electrum-error.js";
import { electrumLimits } from "./electrum-limits.js";
import { LineSplitter } from "./electrum-lines.js";
import type { ElectrumPlace } from "./electrum-url.js";
import { openWebSocket } from "./electrum-websocket.js";

/** Transports that exist here. */
export const transports: readonly string[] = ["tcp", "tls", "ws", "wss"];
/** Whether certificates can be chosen here. */
export const choosesCertificates: boolean = true;

/** A connection by a socket of Node, or by undici's WebSocket over one: Node 20 has none of its own. */
export function openChannel(
  place: ElectrumPlace,
  tls: ElectrumTls | undefined,
  handler: ChannelHandler,
  signal: AbortSignal,
): Promise<Channel> {
  return place.transport === "tcp" || place.transport === "tls"
    ? openSocket(place, tls, handler, signal)
    : openWebSocket(nodeWebSocket(place, tls), handler, signal);
}

function openSocket(
  place: ElectrumPlace,
  tls: ElectrumTls | undefined,
  handler: ChannelHandler,
  signal: AbortSignal,
): Promise<Channel> {
  const { hostname: host, port, href: url } = place;
  return new Promise((resolve, reject) => {
    const secure = place.transport === "tls";
    const socket = secure ? tlsConnect({ host, port, ...tlsOptions(host, tls) }) : tcpConnect({ host, port });
    const splitter = new LineSplitter(
      () => handler.maxMessageBytes,
      (maxBytes) => tooLarge(url, maxBytes),
    );
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    let opened = false;
    let over = false;
    const finish = (): boolean => {
      if (over) return false;
      over = true;
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      return true;
    };
    const fail = (error: HawserError): void => {
      if (!finish()) return;
      if (opened) handler.onClose(error);
      else reject(error);
    };
    const onAbort = (): void => {
      fail(abortedError(url, signal.reason));
    };
    const isOver = (): boolean => over;
    signal.addEventListener("abort", onAbort, { once: true });
    socket.setNoDelay(true);
    socket.on("error", (error) => {
      fail(unreachable(url, codeOf(error), error));
    });
    // A server that closes its half has said all; what was asked of it will not be answered.
    socket.on("end", () => {
      fail(unreachable(url, "the server closed the connection"));
    });
    socket.on("close", () => {
      fail(unreachable(url, "the connection was closed"));
    });
    socket.on("data", (chunk: Uint8Array) => {
      try {
        for (const line of splitter.split(chunk)) {
          if (isOver()) return;
          if (line.length > 0) handler.onMessage(decoder.decode(line));
        }
      } catch (error) {
        fail(isHawserError(error) ? error : invalidAnswer(url, "not UTF-8"));
      }
    });
    socket.once(secure ? "secureConnect" : "connect", () => {
      const refusal = pinRefusal(socket, tls);
      if (refusal !== null) {
        fail(unreachable(url, refusal));
        return;
      }
      opened = true;
      signal.removeEventListener("abort", onAbort);
      resolve({
        send: (message) => {
          socket.write(`${message}\n`);
        },
        hold: (held) => {
          if (held) socket.ref();
          else socket.unref();
        },
        close: finish,
      });
    });
  });
}

function nodeWebSocket(place: ElectrumPlace, tls: ElectrumTls | undefined): Parameters<typeof openWebSocket>[0] {
  // A resumed session shows no certificate to compare with the pinned one.
  const connector = buildConnector({ ...tlsOptions(place.hostname, tls), maxCachedSessions: 0 });
  let socket: Socket | null = null;
  let failure: string | null = null;
  const agent = new Agent({
    webSocket: { maxPayloadSize: electrumLimits.transactionMaxBytes },
    connect: (options, callback) => {
      connector(options, (...[error, connected]) => {
        if (error !== null) {
          failure = codeOf(error);
          callback(error, null);
          return;
        }
        const refusal = pinRefusal(connected, tls);
        if (refusal === null) {
          socket = connected;
          callback(null, connected);
          return;
        }
        failure = refusal;
        connected.destroy();
        callback(new Error(refusal), null);
      });
    },
  });
  return {
    url: place.href,
    create: () => new WebSocket(place.href, { dispatcher: agent }),
    destroy: () => {
      agent.destroy().catch(() => undefined);
      socket?.destroy();
    },
    hold: (held) => {
      if (held) socket?.ref();
      else socket?.unref();
    },
    reason: () => failure,
  };
}

function tlsOptions(
  host: string,
  tls: ElectrumTls | undefined,
): { readonly servername?: string; readonly ca?: string | string[]; readonly rejectUnauthorized: boolean } {
  return {
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(tls?.ca === undefined ? {} : { ca: typeof tls.ca === "string" ? tls.ca : [...tls.ca] }),
    // A pinned certificate is compared as a whole, before anything is sent.
    rejectUnauthorized: tls?.fingerprint256 === undefined,
  };
}

/** Why the server's certificate is not the pinned one; null where it is, or where none is pinned. */
function pinRefusal(socket: Socket, tls: ElectrumTls | undefined): string | null {
  if (tls?.fingerprint256 === undefined) return null;
  const shown = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.fingerprint256 : undefined;
  if (shown !== undefined && plain(shown) === plain(tls.fingerprint256)) return null;
  return shown === undefined ? "it shows no certificate" : `its certificate is not the pinned one but ${plain(shown)}`;
}

const plain = (fingerprint: string): string => fingerprint.replaceAll(":", "").toLowerCase();

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "no connection";
}
