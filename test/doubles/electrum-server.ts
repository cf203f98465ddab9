import { createHash } from "node:crypto";
import type { Certificate } from "./certificate.js";
import type { ChainView, ViewedChain, ViewTransaction } from "./chain-view.js";
import { answerElectrum, ElectrumError, type ElectrumProtocol, plainHash, reversedHex } from "./electrum-methods.js";
import { listenForPeers, type Peer, type PeerServer, type Transport } from "./peer.js";

/** A request of a client. */
export interface SeenRequest {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

/**
 * What a double does in place of an honest answer: gives another result, throws {@link ElectrumError}, or sends something
 * itself and gives `SILENCE`.
 */
export type Misbehaviour = (request: SeenRequest, honest: () => Promise<unknown>, peer: Peer) => unknown;

/** No answer, or none from here. */
export const SILENCE = Symbol("silence");

/** How a double is started. */
export interface ElectrumDoubleOptions {
  /** Default "tcp". */
  readonly transport?: Transport;
  /** The newest version that it speaks. Default "1.6". */
  readonly protocol?: ElectrumProtocol;
  readonly certificate?: Certificate | null;
  /** Whether it knows what spends an output; protocol 1.7 only. Default true. */
  readonly spendIndex?: boolean;
}

interface Client {
  readonly peer: Peer;
  protocol: ElectrumProtocol | null;
  /** The last header that it was told; null where it did not ask. */
  tip: string | null;
  /** Status by the key under which it asked. */
  readonly scripts: Map<string, string | null>;
}

/** A double of an Electrum server: answers by the published protocol from any chain, and misbehaves on demand. */
export class ElectrumDouble implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  /** Set by tests. */
  misbehave: Misbehaviour | null = null;
  /** How many connections were made so far. */
  connections = 0;
  readonly #chain: ViewedChain;
  readonly #protocol: ElectrumProtocol;
  readonly #spendIndex: boolean;
  readonly #clients = new Set<Client>();
  #server: PeerServer | null = null;

  private constructor(chain: ViewedChain, options: ElectrumDoubleOptions) {
    this.#chain = chain;
    this.#protocol = options.protocol ?? "1.6";
    this.#spendIndex = options.spendIndex ?? true;
  }

  static async start(chain: ViewedChain, options: ElectrumDoubleOptions = {}): Promise<ElectrumDouble> {
    const double = new ElectrumDouble(chain, options);
    double.#server = await listenForPeers(options.transport ?? "tcp", options.certificate ?? null, (peer) => {
      double.connections++;
      const client: Client = { peer, protocol: null, tip: null, scripts: new Map() };
      double.#clients.add(client);
      return {
        onMessage: (text) => void double.#receive(client, text),
        onClose: () => void double.#clients.delete(client),
      };
    });
    return double;
  }

  get url(): string {
    return this.#server?.url ?? "";
  }

  /** How many clients are connected now. */
  get open(): number {
    return this.#clients.size;
  }

  /** The methods that were asked for, in their order. */
  methods(): readonly string[] {
    return this.seen.map(({ method }) => method);
  }

  /** Breaks every connection off. */
  drop(): void {
    for (const { peer } of this.#clients) peer.destroy();
  }

  /** Tells subscribers what has changed since they were told last, as a server does when a block comes. */
  async notify(): Promise<void> {
    const view = await this.#chain.read();
    for (const client of this.#clients) {
      const tip = tipOf(view);
      if (client.tip !== null && client.tip !== tip.hex) {
        client.tip = tip.hex;
        client.peer.send(notification("blockchain.headers.subscribe", [tip]));
      }
      for (const [key, told] of client.scripts) {
        const status = statusOf(view.historyOfHash(plainHash(key, client.protocol)));
        if (status === told) continue;
        client.scripts.set(key, status);
        const kind = client.protocol === "1.7" ? "scriptpubkey" : "scripthash";
        const shown = client.protocol === "1.7" ? reversedHex(plainHash(key, "1.7")) : key;
        client.peer.send(notification(`blockchain.${kind}.subscribe`, [shown, status]));
      }
    }
  }

  /** Sends something to every client that nobody asked for. */
  broadcast(text: string): void {
    for (const { peer } of this.#clients) peer.send(text);
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #receive(client: Client, text: string): Promise<void> {
    const request = JSON.parse(text) as SeenRequest;
    this.seen.push(request);
    const honest = (): Promise<unknown> => this.#answer(client, request);
    const { id } = request;
    try {
      const result = await (this.misbehave === null ? honest() : this.misbehave(request, honest, client.peer));
      if (result !== SILENCE) client.peer.send(JSON.stringify({ jsonrpc: "2.0", result, id }));
    } catch (error) {
      const { code, message } = error instanceof ElectrumError ? error : { code: -32603, message: String(error) };
      client.peer.send(JSON.stringify({ jsonrpc: "2.0", error: { code, message }, id }));
      if (error instanceof ElectrumError && error.disconnects) client.peer.end();
    }
  }

  async #answer(client: Client, { method, params }: SeenRequest): Promise<unknown> {
    if (method === "server.version") {
      if (client.protocol !== null) throw new ElectrumError(1, "server.version already sent");
      const [low = "", high = ""] = params[1] as readonly string[];
      // The newest version that both speak.
      if (Number(low) > Number(this.#protocol) || Number(high) < 1.4) {
        throw new ElectrumError(1, `unsupported protocol version: ${low}-${high}`, true);
      }
      client.protocol = Number(high) < Number(this.#protocol) ? (high as ElectrumProtocol) : this.#protocol;
      return ["double 1.0", client.protocol];
    }
    if (client.protocol === null) throw new ElectrumError(1, "use server.version to identify client", true);
    if (method === "blockchain.transaction.broadcast") return answerElectrum.broadcast(this.#chain, String(params[0]));
    const view = await this.#chain.read();
    if (method === "blockchain.headers.subscribe") {
      const tip = tipOf(view);
      client.tip = tip.hex;
      return tip;
    }
    const kind = client.protocol === "1.7" ? "scriptpubkey" : "scripthash";
    if (method === `blockchain.${kind}.subscribe`) {
      const key = String(params[0]);
      const status = statusOf(view.historyOfHash(plainHash(key, client.protocol)));
      client.scripts.set(key, status);
      return status;
    }
    return answerElectrum.question(view, client.protocol, method, params, this.#spendIndex);
  }
}

function tipOf(view: ChainView): { readonly height: number; readonly hex: string } {
  const { header } = view.blockAt(view.tipHeight)!;
  return { height: view.tipHeight, hex: Buffer.from(header).toString("hex") };
}

/** SHA-256 over `txid:height:` of each transaction; null where there is none. */
function statusOf(history: readonly ViewTransaction[]): string | null {
  if (history.length === 0) return null;
  const text = history.map((tx) => `${tx.txid}:${tx.height ?? 0}:`).join("");
  return createHash("sha256").update(text).digest("hex");
}

function notification(method: string, params: readonly unknown[]): string {
  return JSON.stringify({ jsonrpc: "2.0", method, params });
}
