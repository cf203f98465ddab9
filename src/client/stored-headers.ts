import { utf8 } from "../bytes/bytes.js";
import { PERIOD_BLOCKS } from "../chain/header.js";
import { HeaderChain } from "../chain/header-chain.js";
import type { Network } from "../chain/network.js";
import type { Cache, Clock } from "../ports.js";

/** headers - one cache entry holds one difficulty period. */
const CHUNK = PERIOD_BLOCKS;

/** A reader's headers between its runs. What is loaded is verified again from the checkpoint on (V1). */
export class StoredHeaders {
  readonly #cache: Cache;
  readonly #network: Network;
  readonly #clock: Clock;
  #saved: HeaderChain | null = null;
  #queue: Promise<void> = Promise.resolve();

  constructor(cache: Cache, network: Network, clock: Clock) {
    this.#cache = cache;
    this.#network = network;
    this.#clock = clock;
  }

  /** The stored chain; a damaged or outdated part ends it, and the sources supply the rest again. */
  async load(): Promise<HeaderChain> {
    this.#saved = await this.#read();
    return this.#saved;
  }

  /** Keeps `chain`, unless another process has kept one with more work. Writes only the chunks that changed. */
  save(chain: HeaderChain): Promise<void> {
    const saving = this.#queue.then(() => this.#write(chain));
    // One save that failed must not fail the next ones.
    this.#queue = saving.catch(() => undefined);
    return saving;
  }

  async #read(): Promise<HeaderChain> {
    const nowMs = this.#clock.nowMs();
    let chain = HeaderChain.fromCheckpoint(this.#network);
    for (let index = 0; ; index++) {
      const bytes = await this.#cache.get(this.#chunkKey(index));
      if (bytes === null) return chain;
      const step = chain.extend(chain.baseHeight + 1 + index * CHUNK, bytes, nowMs);
      chain = step.chain;
      // A chunk that is cut short ends it as well: the next one does not connect.
      if (step.stopped !== null) return chain;
    }
  }

  async #write(chain: HeaderChain): Promise<void> {
    let saved = this.#saved ?? HeaderChain.fromCheckpoint(this.#network);
    if (saved.tipHash === chain.tipHash) return;
    const work = chain.work.toString(16);
    const isBest = await this.#cache.update(`headers/${this.#network.id}/work`, (current) => {
      const kept = current === null ? 0n : parseWork(current);
      return kept > chain.work ? { result: false } : { value: utf8(work), result: true };
    });
    if (!isBest) {
      // Another process kept a better chain, or began to and died: then its headers are not there.
      saved = await this.#read();
      if (saved.work >= chain.work) return;
    }
    let shared = Math.min(saved.tipHeight, chain.tipHeight);
    while (shared > chain.baseHeight && saved.hashAt(shared) !== chain.hashAt(shared)) shared--;
    const first = chain.baseHeight + 1;
    for (let index = Math.floor((shared + 1 - first) / CHUNK); first + index * CHUNK <= chain.tipHeight; index++) {
      const start = first + index * CHUNK;
      const value = chain.rawRange(start, Math.min(CHUNK, chain.tipHeight - start + 1));
      await this.#cache.update(this.#chunkKey(index), () => ({ value, result: undefined }));
    }
    this.#saved = chain;
  }

  #chunkKey(index: number): string {
    return `headers/${this.#network.id}/${String(index).padStart(6, "0")}`;
  }
}

function parseWork(bytes: Uint8Array): bigint {
  const text = new TextDecoder().decode(bytes);
  return /^[0-9a-f]{1,64}$/.test(text) ? BigInt(`0x${text}`) : 0n;
}
