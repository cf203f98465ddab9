import type { Verified } from "../crypto/verified.js";
import type { HeaderChain } from "./header-chain.js";
import { type InclusionToVerify, type ProvenTransaction, verifyBlockInclusions } from "./merkle.js";

/** What became of a claim: `open` when only a coinbase proof could make it stand (V2). */
export type ProofOutcome = "proven" | "refused" | "open";

/** The claims about blocks of one chain, and which of them stand. Those about one block are judged together (V2). */
export class BlockProofs {
  readonly #blocks = new Map<number, Map<string, InclusionToVerify>>();
  readonly #coinbases = new Map<number, InclusionToVerify>();
  readonly #proven = new Map<string, Verified<ProvenTransaction>>();

  get proven(): readonly Verified<ProvenTransaction>[] {
    return [...this.#proven.values()];
  }

  get coinbases(): ReadonlyMap<number, InclusionToVerify> {
    return this.#coinbases;
  }

  get(txid: string): Verified<ProvenTransaction> | null {
    return this.#proven.get(txid) ?? null;
  }

  /** Judges one more claim about the block at `height`. A transaction that is proven already may get a new witness. */
  add(chain: HeaderChain, height: number, claim: InclusionToVerify): ProofOutcome {
    const block = this.#blocks.get(height) ?? new Map<string, InclusionToVerify>();
    this.#blocks.set(height, block);
    const { txid } = claim.tx;
    const before = block.get(txid);
    block.set(txid, claim);
    const { coinbaseWouldHelp } = this.#judge(chain, height, block);
    if (this.#proven.get(txid)?.height === height) return "proven";
    // V2: of proofs that lead to one root at two depths none stands without a coinbase, so such a claim stays.
    if (coinbaseWouldHelp) return "open";
    // A wrong claim must not take down what others have proven of the block.
    if (before === undefined) block.delete(txid);
    else block.set(txid, before);
    this.#judge(chain, height, block);
    return "refused";
  }

  /** Takes the coinbase of the block at `height`, if it is proven to be that. */
  addCoinbase(chain: HeaderChain, height: number, coinbase: InclusionToVerify): boolean {
    const header = chain.headerAt(height);
    if (header === null || this.#coinbases.has(height)) return this.#coinbases.has(height);
    // Else a wrong one would keep the right one out, and with it every proof that needs it.
    if (verifyBlockInclusions({ header, height, claims: [], coinbase }).refused.length > 0) return false;
    this.#coinbases.set(height, { ...coinbase, position: 0 });
    const block = this.#blocks.get(height);
    if (block !== undefined) this.#judge(chain, height, block);
    return true;
  }

  #judge(
    chain: HeaderChain,
    height: number,
    block: ReadonlyMap<string, InclusionToVerify>,
  ): { readonly coinbaseWouldHelp: boolean } {
    for (const txid of block.keys()) if (this.#proven.get(txid)?.height === height) this.#proven.delete(txid);
    const header = chain.headerAt(height);
    if (header === null) return { coinbaseWouldHelp: false };
    const coinbase = this.#coinbases.get(height) ?? null;
    const result = verifyBlockInclusions({ header, height, claims: [...block.values()], coinbase });
    for (const entry of result.proven) this.#proven.set(entry.tx.txid, entry);
    return result;
  }
}
