import type { Channel, ChannelHandler, ElectrumTls } from "./electrum-channel.js";
import type { ElectrumPlace } from "./electrum-url.js";
import { openWebSocket } from "./electrum-websocket.js";

/** Transports that exist here. Browsers open no other sockets. */
export const transports: readonly string[] = ["ws", "wss"];
/** Whether certificates can be chosen here. The platform judges them by itself. */
export const choosesCertificates: boolean = false;

/** A connection by the platform's own WebSocket. */
export function openChannel(
  place: ElectrumPlace,
  _tls: ElectrumTls | undefined,
  handler: ChannelHandler,
  signal: AbortSignal,
): Promise<Channel> {
  const setup = {
    url: place.href,
    create: () => new WebSocket(place.href),
    destroy: () => undefined,
    hold: () => undefined,
    reason: () => null,
  };
  return openWebSocket(setup, handler, signal);
}
