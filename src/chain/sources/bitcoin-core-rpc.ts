import { utf8 } from "../../bytes/bytes.js";
import { HawserError, isHawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { CallOptions } from "../../ports.js";
import type { HttpBase } from "../../runtime/http-base.js";
import { fetchHttp, type HttpAnswer, statusError } from "../../runtime/http-client.js";
import { type Authorization, type BitcoinCoreCredentials, resolveCredentials } from "./bitcoin-core-auth.js";
import { Turns } from "./bitcoin-core-turns.js";

/** One call of a method, its parameters by position. */
export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** What the server answered to one call. */
export type RpcReply =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: number; readonly message: string };

/** How one call, or one batch, is answered. */
export interface RpcOptions extends CallOptions {
  /** Default `limits.sourceAnswerMaxBytes`. */
  readonly maxBytes?: number | undefined;
}

/** The code of a method that the server does not know. */
export const METHOD_NOT_FOUND = -32_601;
const IN_WARMUP = -28;
/** requests - under way at one server at a time; its queue holds few more. */
const PARALLEL_REQUESTS = 8;
/** Core before version 28 sends errors with these, and JSON in their body. */
const STATUSES_WITH_BODY: readonly number[] = [200, 400, 403, 404, 500, 503];

/** JSON-RPC with one server. Every answer must bear the id of its question; a batch is put in the order of its calls. */
export class CoreRpc {
  readonly label: string;
  /** As errors show it. */
  readonly url: string;
  readonly #credentials: BitcoinCoreCredentials;
  readonly #missing = new Set<string>();
  readonly #turns = new Turns(PARALLEL_REQUESTS);
  #lastId = 0;
  #secrets: readonly string[] = [];

  constructor(base: HttpBase, credentials: BitcoinCoreCredentials, label: string) {
    this.#credentials = credentials;
    this.label = label;
    this.url = base.href;
  }

  /** Whether the server has said that it does not know a method. */
  lacks(method: string): boolean {
    return this.#missing.has(method);
  }

  /** The result of a call. @throws CHAIN_SOURCE_UNABLE for an error of the server, and what {@link CoreRpc.batch} throws */
  async call(method: string, params: readonly unknown[], options: RpcOptions = {}): Promise<unknown> {
    return this.resultOf(method, await this.try(method, params, options));
  }

  /** What the server answered to a call, be it an error. @throws what {@link CoreRpc.batch} throws */
  async try(method: string, params: readonly unknown[], options: RpcOptions = {}): Promise<RpcReply> {
    if (this.lacks(method)) return { ok: false, code: METHOD_NOT_FOUND, message: "Method not found" };
    const id = ++this.#lastId;
    const value = await this.#post({ jsonrpc: "2.0", id, method, params }, options);
    return this.#note(method, this.#readReply(value, new Set([id])).reply);
  }

  /**
   * What the server answered to each of these calls, in their order. The server works through them one after the other.
   *
   * @throws NETWORK_UNREACHABLE, NETWORK_STATUS, NETWORK_TOO_LARGE, NETWORK_ANSWER_INVALID, NETWORK_ABORTED,
   * INPUT_FILE_UNUSABLE, INPUT_CONFIG_INVALID; CHAIN_SOURCE_UNABLE while the server starts
   */
  async batch(calls: readonly RpcCall[], options: RpcOptions = {}): Promise<readonly RpcReply[]> {
    if (calls.length === 0) return [];
    const first = this.#lastId + 1;
    this.#lastId += calls.length;
    const open = new Set(calls.map((_, i) => first + i));
    const requests = calls.map(({ method, params }, i) => ({ jsonrpc: "2.0", id: first + i, method, params }));
    const values = await this.#post(requests, options);
    if (!Array.isArray(values)) throw this.invalid("an answer to a batch that is no list");
    const replies = new Map<number, RpcReply>();
    for (const value of values) {
      const { id, reply } = this.#readReply(value, open);
      open.delete(id);
      replies.set(id, reply);
    }
    return calls.map(({ method }, i) => {
      const reply = replies.get(first + i);
      if (reply === undefined) throw this.invalid(`no answer to call ${i} (${method}) of a batch`);
      return this.#note(method, reply);
    });
  }

  /** The result in a reply. @throws CHAIN_SOURCE_UNABLE */
  resultOf(method: string, reply: RpcReply): unknown {
    if (reply.ok) return reply.result;
    throw this.unable(null, `${method} gave error ${reply.code}: ${reply.message}`);
  }

  /** The error for what the server cannot answer as it is set up. */
  unable(setting: string | null, reason: string): HawserError<"CHAIN_SOURCE_UNABLE"> {
    const advice = setting === null ? "" : ` Its operator can set ${setting}.`;
    const details = { source: this.label, setting, reason };
    return new HawserError("CHAIN_SOURCE_UNABLE", `${this.label} cannot answer: ${reason}.${advice}`, details);
  }

  /** The error for an answer that cannot be right. */
  invalid(reason: string): HawserError<"NETWORK_ANSWER_INVALID"> {
    const details = { url: this.url, reason };
    return new HawserError(
      "NETWORK_ANSWER_INVALID",
      `${this.label} gave an answer that cannot be used: ${reason}.`,
      details,
    );
  }

  #note(method: string, reply: RpcReply): RpcReply {
    if (!reply.ok && reply.code === METHOD_NOT_FOUND) this.#missing.add(method);
    if (!reply.ok && reply.code === IN_WARMUP) {
      throw this.unable(null, `it is still starting: ${reply.message}`);
    }
    return reply;
  }

  async #post(request: unknown, options: RpcOptions): Promise<unknown> {
    const body = utf8(JSON.stringify(request));
    return this.#turns.run(options.signal, this.label, async () => {
      const authorization = await resolveCredentials(this.#credentials);
      const sent = await this.#send(body, authorization, options);
      if (sent.status !== 401) return this.#readBody(sent);
      // A server that was started again has other methods, and wrote another cookie.
      this.#missing.clear();
      const renewed = await resolveCredentials(this.#credentials);
      if (renewed.header !== authorization.header) {
        const again = await this.#send(body, renewed, options);
        if (again.status !== 401) return this.#readBody(again);
      }
      throw statusError(this.url, 401, "the server does not accept these credentials");
    });
  }

  #send(body: Uint8Array, { header, secrets }: Authorization, { signal, maxBytes }: RpcOptions): Promise<HttpAnswer> {
    this.#secrets = secrets;
    return fetchHttp({
      url: new URL(this.url),
      shownUrl: this.url,
      method: "POST",
      body,
      headers: { authorization: header, "content-type": "application/json" },
      cache: "no-store",
      signal,
      maxBytes: maxBytes ?? limits.sourceAnswerMaxBytes,
      bodyStatuses: STATUSES_WITH_BODY,
    }).catch((error: unknown) => {
      if (isHawserError(error, "NETWORK_UNREACHABLE")) this.#missing.clear();
      throw error;
    });
  }

  #readBody({ status, bytes }: HttpAnswer): unknown {
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      if (status === 200) throw this.invalid("not JSON");
      throw statusError(this.url, status, reasonOf(status));
    }
    // Only an answer to a call explains a status other than 200.
    const isReply = Array.isArray(value) || (isObject(value) && isObject(value["error"]));
    if (status !== 200 && !isReply) throw statusError(this.url, status, reasonOf(status));
    return value;
  }

  #readReply(value: unknown, open: ReadonlySet<number>): { readonly id: number; readonly reply: RpcReply } {
    if (!isObject(value)) throw this.invalid("a reply that is no object");
    const { id, error } = value;
    // An answer to another question, however well it fits, is none to this one.
    if (typeof id !== "number" || !open.has(id)) throw this.invalid("a reply to a call that was not made");
    if (error === undefined || error === null) {
      // One without a result is of no documented shape, which whoever reads it finds.
      return { id, reply: { ok: true, result: value["result"] } };
    }
    if (!isObject(error) || !Number.isSafeInteger(error["code"])) throw this.invalid("an error without a code");
    const message = typeof error["message"] === "string" ? error["message"] : "";
    return { id, reply: { ok: false, code: Number(error["code"]), message: this.#shown(message) } };
  }

  /** A message of the server, without what it may have repeated of the credentials. */
  #shown(message: string): string {
    const text = this.#secrets.reduce((shown, secret) => shown.replaceAll(secret, "(hidden)"), message);
    const line = text.replace(/[^\x20-\x7e]+/g, " ").trim();
    return line === "" ? "no reason given" : line.slice(0, 300).replace(/\.$/, "");
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function reasonOf(status: number): string {
  if (status === 403) return "this address or user may not ask this (rpcallowip, rpcwhitelist)";
  if (status === 503) return "the server is starting or has too many requests under way (rpcworkqueue)";
  return "not an answer to a JSON-RPC call";
}
