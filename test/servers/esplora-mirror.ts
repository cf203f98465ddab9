import { Block } from "bitcoinjs-lib/src/block";
import { decodeHex, encodeHex } from "../../src/bytes/hex.js";
import { esplora } from "../../src/chain/sources/esplora.js";
import { Chain } from "../../src/devnet/chain.js";
import { ChainView } from "../../src/devnet/chain-view.js";
import { answerEsplora } from "../../src/devnet/esplora-server.js";
import { startServer } from "../../src/devnet/http-server.js";
import { Mempool } from "../../src/devnet/mempool.js";
import type { ChainSource } from "../../src/ports.js";
import type { NodeRpc } from "./daemons/rpc.js";

/** An Esplora double over a real node's chain. */
export interface EsploraMirror extends AsyncDisposable {
  readonly url: string;
  readonly source: ChainSource;
}

/**
 * Starts a double of an Esplora server, for no registry has a real one: the devnet's, with the blocks and the mempool of
 * a real node, which it asks for what is new before each answer. What is sent to it goes to the node.
 */
export async function startEsploraMirror(rpc: NodeRpc): Promise<EsploraMirror> {
  const chain = new Chain();
  let mempool = new Mempool(chain);
  let running: Promise<void> = Promise.resolve();

  const follow = async (): Promise<void> => {
    const tipHash = await rpc.call<string>("getbestblockhash");
    if (chain.tip.hash !== tipHash) {
      const height = await rpc.call<number>("getblockcount");
      let shared = Math.min(height, chain.height);
      while (chain.blockAt(shared)?.hash !== (await rpc.call<string>("getblockhash", shared))) shared--;
      chain.truncate(shared);
      while (chain.height < height) {
        const hash = await rpc.call<string>("getblockhash", chain.height + 1);
        chain.connect(Block.fromBuffer(decodeHex(await rpc.call<string>("getblock", hash, 0))));
      }
    }
    // Parents before their children: what does not go in yet is tried again after the others.
    mempool = new Mempool(chain);
    const txids = await rpc.call<readonly string[]>("getrawmempool");
    let waiting = await Promise.all(txids.map((txid) => rpc.call<string>("getrawtransaction", txid)));
    for (let before = Number.POSITIVE_INFINITY; waiting.length < before; ) {
      before = waiting.length;
      waiting = waiting.filter((raw) => !isAccepted(mempool, raw));
    }
    if (waiting.length > 0) throw new Error(`the mirror cannot hold ${waiting.length} of ${txids.length} transactions`);
  };

  // Not within the time that a reader gives the first answer.
  await follow();
  const server = await startServer("127.0.0.1", 0, async (request) => {
    const sent = { hex: null as string | null };
    const answer = async () => {
      await follow();
      const view = new ChainView(chain, mempool, { tipHeight: null, hideAbove: null });
      return answerEsplora(view, request, (raw) => {
        sent.hex = encodeHex(raw);
        return mempool.accept(raw).txid;
      });
    };
    const done = running.then(answer);
    running = done.then(
      () => undefined,
      () => undefined,
    );
    const given = await done;
    if (sent.hex === null) return given;
    // The node decides; what the double thinks of a transaction does not count.
    try {
      return { status: 200, body: await rpc.call<string>("sendrawtransaction", sent.hex) };
    } catch (error) {
      return { status: 400, body: `sendrawtransaction RPC error: ${(error as Error).message}` };
    }
  });
  return {
    url: server.url,
    source: esplora(server.url, { label: "esplora" }),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

function isAccepted(mempool: Mempool, raw: string): boolean {
  try {
    mempool.accept(decodeHex(raw));
    return true;
  } catch {
    return false;
  }
}
