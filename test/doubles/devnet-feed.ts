import type { Chain } from "../../src/devnet/chain.js";
import type { Mempool } from "../../src/devnet/mempool.js";
import { isHawserError } from "../../src/errors.js";
import { type ChainFeed, SubmitRefused } from "./chain-view.js";

/** The devnet's fixed estimates. */
const feeRate = (targetBlocks: number): number => (targetBlocks <= 6 ? 2.5 : targetBlocks <= 25 ? 1.5 : 1);

/** The chain of a devnet, by one of its source URLs. */
export function devnetFeed(sourceUrl: string): ChainFeed {
  const ask = async (path: string, init?: RequestInit): Promise<Response> => fetch(`${sourceUrl}/${path}`, init);
  const text = async (path: string): Promise<string> => (await ask(path)).text();
  const bytes = async (path: string): Promise<Uint8Array | null> => {
    const answer = await ask(path);
    const body = new Uint8Array(await answer.arrayBuffer());
    return answer.status === 200 ? body : null;
  };
  return {
    tipHeight: async () => Number(await text("blocks/tip/height")),
    blockHash: (height) => text(`block-height/${height}`),
    block: async (hash) => {
      const raw = await bytes(`block/${hash}/raw`);
      if (raw === null) throw new Error(`The devnet has no block ${hash}.`);
      return raw;
    },
    mempool: async () => (await (await ask("mempool/txids")).json()) as readonly string[],
    pending: (txid) => bytes(`tx/${txid}/raw`),
    feeRate,
    submit: async (raw) => {
      const answer = await ask("tx", { method: "POST", body: Buffer.from(raw).toString("hex") });
      const body = await answer.text();
      if (answer.status === 200) return body;
      const { code, message } = JSON.parse(body.slice(body.indexOf("{"))) as { code: number; message: string };
      throw new SubmitRefused(code, message);
    },
  };
}

/** The chain of a devnet's parts, without any server. */
export function partsFeed(chain: Chain, mempool: Mempool): ChainFeed {
  const blockOf = (height: number): NonNullable<ReturnType<Chain["blockAt"]>> => {
    const block = chain.blockAt(height);
    if (block === null) throw new Error(`The chain has no block ${height}.`);
    return block;
  };
  return {
    tipHeight: async () => chain.height,
    blockHash: async (height) => blockOf(height).hash,
    block: async (hash) => blockOf(chain.heightOf(hash) ?? -1).raw,
    mempool: async () => mempool.entries().map(({ known }) => known.txid),
    pending: async (txid) => mempool.entry(txid)?.known.raw ?? null,
    feeRate,
    submit: async (raw) => {
      try {
        return mempool.accept(raw).txid;
      } catch (error) {
        const attempt = isHawserError(error, "CHAIN_BROADCAST_REFUSED") ? error.details.attempts[0] : undefined;
        if (attempt === undefined) throw error;
        throw new SubmitRefused(Number(attempt.code), attempt.message);
      }
    },
  };
}
