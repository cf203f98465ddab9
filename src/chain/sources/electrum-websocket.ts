import { abortedError } from "../../deadline.js";
import type { HawserError } from "../../errors.js";
import type { Channel, ChannelHandler } from "./electrum-channel.js";
import { invalidAnswer, tooLarge, unreachable } from "./electrum-error.js";

/** What is used of a WebSocket, the browser's or undici's. */
export interface WebSocketLike {
  binaryType: string;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number }) => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  send(message: string): void;
  close(): void;
}

/** How a WebSocket is made and what becomes of it. */
export interface WebSocketSetup {
  readonly url: string;
  create(): WebSocketLike;
  /** Frees what lies under the socket. */
  destroy(): void;
  hold(held: boolean): void;
  /** A better reason for a failure than the platform gives, where there is one. */
  reason(): string | null;
}

/** Connects; a message is one WebSocket message, text or binary, or several on lines of their own. */
export function openWebSocket(setup: WebSocketSetup, handler: ChannelHandler, signal: AbortSignal): Promise<Channel> {
  const { url } = setup;
  return new Promise((resolve, reject) => {
    let opened = false;
    let over = false;
    let socket: WebSocketLike | null = null;
    const finish = (): boolean => {
      if (over) return false;
      over = true;
      signal.removeEventListener("abort", onAbort);
      try {
        socket?.close();
      } catch {
        // It was not open yet.
      }
      setup.destroy();
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
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      socket = setup.create();
    } catch (error) {
      fail(unreachable(url, "this runtime refuses the URL", error));
      return;
    }
    const open = socket;
    open.binaryType = "arraybuffer";
    open.addEventListener("open", () => {
      if (over) return;
      opened = true;
      signal.removeEventListener("abort", onAbort);
      resolve({
        send: (message) => {
          open.send(message);
        },
        hold: (held) => {
          setup.hold(held);
        },
        close: finish,
      });
    });
    open.addEventListener("error", () => {
      // What failed is hidden from scripts; where the connection stood, `close` follows and says more.
      if (!opened) fail(unreachable(url, setup.reason() ?? "no WebSocket connection"));
    });
    open.addEventListener("close", ({ code }) => {
      fail(closedError(url, code, handler, setup.reason()));
    });
    open.addEventListener("message", ({ data }) => {
      if (over) return;
      const text = textOf(data);
      if (text === null) fail(invalidAnswer(url, "not UTF-8"));
      else if (text.length > handler.maxMessageBytes) fail(tooLarge(url, handler.maxMessageBytes));
      else {
        for (const line of text.split("\n")) {
          if (line !== "" && !isOver()) handler.onMessage(line);
        }
      }
    });
    const isOver = (): boolean => over;
  });
}

function closedError(url: string, code: number, handler: ChannelHandler, reason: string | null): HawserError {
  // RFC 6455, 7.4.1: the codes with which an endpoint gives up a message that is not UTF-8, or too big.
  if (code === 1007) return invalidAnswer(url, "not UTF-8");
  if (code === 1009) return tooLarge(url, handler.maxMessageBytes);
  return unreachable(url, reason ?? `the connection was closed (${code})`);
}

function textOf(data: unknown): string | null {
  if (typeof data === "string") return data;
  if (!(data instanceof ArrayBuffer)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    return null;
  }
}
