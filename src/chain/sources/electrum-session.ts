import * as z from "zod/mini";
import { abortedError } from "../../deadline.js";
import type { HawserError } from "../../errors.js";
import type { Clock } from "../../ports.js";
import type { Channel, ChannelHandler, ElectrumTls, OpenChannel } from "./electrum-channel.js";
import { invalidAnswer, refusedAnswer, tooLarge, unreachable } from "./electrum-error.js";
import { electrumLimits } from "./electrum-limits.js";
import { nestsDeeper } from "./electrum-lines.js";
import { isPadding, Nudger, paddedBytes, paddingBytes } from "./electrum-nudge.js";
import type { ElectrumPlace } from "./electrum-url.js";

/** A protocol version that a server chose: 1.4 is `[1, 4]`. */
export type ProtocolVersion = readonly [major: number, minor: number];

/** One question to a server. */
export interface ElectrumRequest {
  readonly method: string;
  readonly params: readonly unknown[];
  /** bytes - of the answer. */
  readonly maxBytes: number;
}

/** What a server sends without being asked. */
export type NotificationListener = (method: string, params: readonly unknown[]) => void;

/** What a session is made of. */
export interface SessionParts {
  readonly place: ElectrumPlace;
  readonly tls: ElectrumTls | undefined;
  readonly open: OpenChannel;
  readonly clock: Clock;
}

interface Entry extends ElectrumRequest {
  /** Asked for the sake of the answers before it. */
  readonly isNudge: boolean;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: HawserError) => void;
  /** null while it waits for its turn. */
  sentAtMs: number | null;
  abandoned: boolean;
}

const OLDEST: ProtocolVersion = [1, 4];
const NEWEST: ProtocolVersion = [1, 7];

const envelope = z.union([
  z.object({ id: z.number(), result: z.optional(z.unknown()), error: z.optional(z.unknown()) }),
  z.object({ id: z.optional(z.null()), method: z.string(), params: z.optional(z.array(z.unknown())) }),
]);
const versionAnswer = z.tuple([z.string(), z.string()]);

/** One connection on which a protocol version was agreed. It ends at the first message that breaks the protocol. */
export class ElectrumSession implements ChannelHandler {
  readonly #parts: SessionParts;
  readonly #entries = new Map<number, Entry>();
  readonly #waiting: number[] = [];
  readonly #onEnd = new Set<(error: HawserError) => void>();
  readonly #nudger: Nudger;
  /** Whether the server keeps small answers back, and fills up what it sends. */
  #keepsBack = false;
  /** bytes - of the largest answer that was ever asked for. */
  #mostAsked: number = electrumLimits.answerMaxBytes;
  #channel: Channel | null = null;
  #version: ProtocolVersion = OLDEST;
  #listener: NotificationListener | null = null;
  #ended: HawserError | null = null;
  #nextId = 0;
  #inFlight = 0;
  #abandoned = 0;
  #unaskedBytes = 0;
  #heardAtMs = 0;

  private constructor(parts: SessionParts) {
    this.#parts = parts;
    const isWaiting = (): boolean =>
      [...this.#entries.values()].some(({ isNudge, sentAtMs }) => !isNudge && sentAtMs !== null);
    this.#nudger = new Nudger(parts.clock, isWaiting, () => {
      this.#nudge();
    });
  }

  /**
   * Connects and agrees on a version.
   *
   * @throws NETWORK_UNREACHABLE, NETWORK_ABORTED, NETWORK_ANSWER_INVALID, NETWORK_TOO_LARGE, NETWORK_STATUS
   */
  static async open(parts: SessionParts, signal: AbortSignal): Promise<ElectrumSession> {
    const session = new ElectrumSession(parts);
    const { place, tls } = parts;
    session.#channel = await parts.open(place, tls, session, signal);
    try {
      const params = ["hawser", [OLDEST.join("."), NEWEST.join(".")]];
      const maxBytes = electrumLimits.answerMaxBytes;
      const answer = await session.request({ method: "server.version", params, maxBytes }, signal);
      session.#version = parseVersion(answer, place.href);
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  get version(): ProtocolVersion {
    return this.#version;
  }

  /** Whether the agreed version is at least 1.`minor`. */
  speaks(minor: number): boolean {
    return this.#version[1] >= minor;
  }

  get isOver(): boolean {
    return this.#ended !== null;
  }

  get maxMessageBytes(): number {
    // A server that fills up what it sends may do so behind a small answer that follows a large one.
    return this.#keepsBack ? paddedBytes(this.#mostAsked) : this.#mostWanted;
  }

  /** bytes - of the largest answer that is still to come. */
  get #mostWanted(): number {
    let most: number = electrumLimits.answerMaxBytes;
    for (const { maxBytes } of this.#entries.values()) most = Math.max(most, maxBytes);
    return most;
  }

  /** Whether the connection keeps a Node process from ending. */
  hold(held: boolean): void {
    this.#channel?.hold(held);
  }

  /** Who hears what the server sends without being asked. */
  listen(listener: NotificationListener): void {
    this.#listener = listener;
  }

  /** Calls `onEnd` once when the connection is lost, or at once where it is. */
  whenOver(onEnd: (error: HawserError) => void): void {
    if (this.#ended === null) this.#onEnd.add(onEnd);
    else onEnd(this.#ended);
  }

  /**
   * Sends a question, in its turn, and gives the result as the server sent it.
   *
   * @throws NETWORK_STATUS (the server's error answer), NETWORK_ABORTED, NETWORK_UNREACHABLE (the connection was lost),
   * NETWORK_ANSWER_INVALID, NETWORK_TOO_LARGE
   */
  request(asked: ElectrumRequest, signal: AbortSignal): Promise<unknown> {
    return this.#request(asked, false, signal);
  }

  #request(asked: ElectrumRequest, isNudge: boolean, signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) {
        reject(this.#ended);
        return;
      }
      if (signal.aborted) {
        reject(abortedError(asked.method, signal.reason));
        return;
      }
      const id = this.#nextId++;
      const onAbort = (): void => {
        reject(abortedError(asked.method, signal.reason));
        this.#giveUp(id);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      const done = (): void => {
        signal.removeEventListener("abort", onAbort);
      };
      this.#entries.set(id, {
        ...asked,
        isNudge,
        resolve: (result) => {
          done();
          resolve(result);
        },
        reject: (error) => {
          done();
          reject(error);
        },
        sentAtMs: null,
        abandoned: false,
      });
      this.#waiting.push(id);
      this.#pump();
    });
  }

  onMessage(text: string): void {
    if (this.#ended !== null) return;
    this.#heardAtMs = this.#parts.clock.nowMs();
    this.#keepsBack ||= isPadding(paddingBytes(text));
    const parsed = this.#parse(text);
    if (typeof parsed === "string") {
      this.#end(invalidAnswer(this.#url, parsed));
      return;
    }
    const bytes = text.length - paddingBytes(text);
    if ("method" in parsed) this.#notified(parsed.method, parsed.params ?? [], bytes);
    else this.#answered(parsed.id, parsed, bytes);
  }

  onClose(error: HawserError): void {
    this.#end(error);
  }

  /** Ends the connection; what is under way fails as on a lost one. */
  close(): void {
    this.#end(unreachable(this.#url, "the connection was given up"));
  }

  get #url(): string {
    return this.#parts.place.href;
  }

  #parse(text: string): z.infer<typeof envelope> | string {
    if (nestsDeeper(text, electrumLimits.maxDepth)) return "JSON that is nested too deeply";
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return "not JSON";
    }
    const parsed = envelope.safeParse(value);
    return parsed.success ? parsed.data : "neither an answer nor a notification";
  }

  #answered(id: number, { result, error }: { result?: unknown; error?: unknown }, bytes: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.sentAtMs === null) {
      // Whose answer it is cannot be told, so nothing on this connection can be believed to be the answer to anything.
      this.#end(invalidAnswer(this.#url, "an answer with an id that nothing was asked with"));
      return;
    }
    this.#entries.delete(id);
    this.#unaskedBytes = 0;
    if (entry.abandoned) this.#abandoned--;
    else this.#inFlight--;
    if (bytes > entry.maxBytes) entry.reject(tooLarge(this.#url, entry.maxBytes));
    else if (error !== undefined && error !== null) entry.reject(refusedAnswer(this.#url, error));
    else if (result === undefined) entry.reject(invalidAnswer(this.#url, "neither a result nor an error"));
    else entry.resolve(result);
    this.#pump();
  }

  #notified(method: string, params: readonly unknown[], bytes: number): void {
    this.#unaskedBytes += bytes;
    if (this.#unaskedBytes > electrumLimits.unaskedMaxBytes) {
      this.#end(invalidAnswer(this.#url, "it keeps sending what nobody asked for"));
      return;
    }
    this.#listener?.(method, params);
  }

  #pump(): void {
    while (this.#inFlight < electrumLimits.maxInFlight && this.#ended === null) {
      const id = this.#waiting.shift();
      if (id === undefined) return;
      const entry = this.#entries.get(id);
      if (entry === undefined) continue;
      this.#inFlight++;
      this.#mostAsked = Math.max(this.#mostAsked, entry.maxBytes);
      entry.sentAtMs = this.#parts.clock.nowMs();
      const { method, params } = entry;
      this.#channel?.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
      if (this.#keepsBack && !entry.isNudge) this.#nudger.asked();
    }
  }

  #nudge(): void {
    const { answerMaxBytes: maxBytes, nudgeDigits } = electrumLimits;
    const asked = this.speaks(7)
      ? { method: "server.ping", params: [nudgeDigits], maxBytes }
      : { method: "blockchain.block.headers", params: [0, nudgeDigits / 160], maxBytes };
    this.#request(asked, true, new AbortController().signal).catch(() => undefined);
  }

  /** The caller waits no longer. The answer may still come, and is then dropped. */
  #giveUp(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    if (entry.sentAtMs === null) {
      this.#entries.delete(id);
      return;
    }
    entry.abandoned = true;
    this.#abandoned++;
    this.#inFlight--;
    const silentMs = this.#parts.clock.nowMs() - Math.max(entry.sentAtMs, this.#heardAtMs);
    // A connection that died without a sign, as after a sleep of the machine, would hang every later call, too.
    if (silentMs >= electrumLimits.silenceMs) this.#end(unreachable(this.#url, "the server fell silent"));
    else if (this.#abandoned > electrumLimits.maxAbandoned) {
      this.#end(unreachable(this.#url, "the server leaves too much unanswered"));
    } else this.#pump();
  }

  #end(error: HawserError): void {
    if (this.#ended !== null) return;
    const most = this.#mostWanted;
    this.#ended = error;
    this.#nudger.stop();
    this.#channel?.close();
    for (const { maxBytes, reject } of this.#entries.values()) {
      // A message that is too long for all can only be the answer to what may be longest: the rest was merely cut off.
      const isCause = error.code !== "NETWORK_TOO_LARGE" || maxBytes === most;
      reject(isCause ? error : unreachable(this.#url, "the connection was closed", error));
    }
    this.#entries.clear();
    this.#waiting.length = 0;
    for (const onEnd of this.#onEnd) onEnd(error);
    this.#onEnd.clear();
  }
}

function parseVersion(answer: unknown, url: string): ProtocolVersion {
  const text = versionAnswer.safeParse(answer).data?.[1] ?? "";
  const match = /^1\.([0-9]{1,3})(?:\.[0-9]{1,3})?$/.exec(text);
  const minor = Number(match?.[1]);
  if (match === null || minor < OLDEST[1] || minor > NEWEST[1]) {
    const range = `${OLDEST.join(".")} to ${NEWEST.join(".")}`;
    throw invalidAnswer(url, `protocol version ${JSON.stringify(text.slice(0, 16))} is none of ${range}`);
  }
  return [1, minor];
}
