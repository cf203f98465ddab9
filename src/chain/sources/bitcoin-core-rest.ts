import { isHawserError } from "../../errors.js";
import type { CallOptions } from "../../ports.js";
import type { HttpBase } from "../../runtime/http-base.js";
import { fetchHttp, statusError } from "../../runtime/http-client.js";
import type { CoreRpc } from "./bitcoin-core-rpc.js";

/** Whether REST is used: where the server has it, always, or never. */
export type RestUse = "auto" | boolean;

const INFO_MAX_BYTES = 65_536;

/** The REST interface of a server: bytes instead of hex in JSON. It takes no credentials, and gets none. */
export class CoreRest {
  readonly #base: HttpBase;
  readonly #use: RestUse;
  readonly #rpc: CoreRpc;
  #found: boolean | null;

  constructor(base: HttpBase, use: RestUse, rpc: CoreRpc) {
    this.#base = base;
    this.#use = use;
    this.#rpc = rpc;
    this.#found = use === false ? false : null;
  }

  /**
   * The bytes at a path below `rest/`, or null where the server has no REST or nothing there; RPC tells why.
   *
   * @throws CHAIN_SOURCE_UNABLE where the caller asked for REST and there is none, and what `fetchHttp` throws
   */
  async find(path: string, maxBytes: number, options: CallOptions): Promise<Uint8Array | null> {
    this.#found ??= await this.#probe(options);
    if (!this.#found) return null;
    const answer = await this.#get(path, maxBytes, options);
    if (answer.status === 200) return answer.bytes;
    if (answer.status === 404) return null;
    throw statusError(`${this.#base.href}rest/${path}`, answer.status, "not an answer");
  }

  async #probe(options: CallOptions): Promise<boolean> {
    const { status, bytes } = await this.#get("chaininfo.json", INFO_MAX_BYTES, options).catch((error: unknown) => {
      // A server that is no Core may answer anything to a path that it does not know, a broken connection included.
      const isOdd = isHawserError(error, "NETWORK_TOO_LARGE") || isHawserError(error, "NETWORK_UNREACHABLE");
      if (isOdd && this.#use === "auto") return { status: 404, bytes: new Uint8Array(0) };
      throw error;
    });
    // It says so while it starts; what it will have is not known then.
    if (status === 503) throw statusError(`${this.#base.href}rest/chaininfo.json`, status, "the server is starting");
    if (status === 200 && /"bestblockhash"/.test(new TextDecoder().decode(bytes))) return true;
    if (this.#use === true) throw this.#rpc.unable("rest=1", "it has no REST interface");
    return false;
  }

  #get(
    path: string,
    maxBytes: number,
    { signal }: CallOptions,
  ): Promise<{ readonly status: number; readonly bytes: Uint8Array }> {
    const url = `${this.#base.href}rest/${path}`;
    return fetchHttp({ url: new URL(url), shownUrl: url, cache: "no-store", signal, maxBytes });
  }
}
