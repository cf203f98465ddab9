import type { HawserError } from "../../errors.js";
import type { ElectrumPlace } from "./electrum-url.js";

/** What TLS certificates of a server are accepted. */
export interface ElectrumTls {
  /** Certificates in PEM, one or many in each text, that the server's must come from, in place of the system's. */
  readonly ca?: string | readonly string[] | undefined;
  /**
   * SHA-256 of the one certificate (DER) that is accepted, in hex with or without colons. Names, dates and issuers do
   * not count then: this is for servers with certificates of their own making.
   */
  readonly fingerprint256?: string | undefined;
}

/** An open connection that carries messages. */
export interface Channel {
  send(message: string): void;
  /** Whether the connection keeps a Node process from ending; it does until it is told otherwise. */
  hold(held: boolean): void;
  /** Ends the connection at once; its handler hears nothing more. */
  close(): void;
}

/** Who hears what comes out of a {@link Channel}. */
export interface ChannelHandler {
  /** bytes - the largest message that is of any use now. */
  readonly maxMessageBytes: number;
  onMessage(text: string): void;
  /** The connection is over; called once, and not after {@link Channel.close}. */
  onClose(error: HawserError): void;
}

/**
 * Connects.
 *
 * @throws NETWORK_UNREACHABLE, NETWORK_ABORTED
 */
export type OpenChannel = (
  place: ElectrumPlace,
  tls: ElectrumTls | undefined,
  handler: ChannelHandler,
  signal: AbortSignal,
) => Promise<Channel>;
