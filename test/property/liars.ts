import { networks } from "../../src/chain/network.js";
import type { Transaction } from "../../src/chain/transaction.js";
import type { ChainSource } from "../../src/ports.js";
import { buildTransaction, World } from "../unit/name/builder.js";
import { hiding, MinedChain, sourceOf, type Twist, unreachable } from "../unit/name/chain-world.js";

/** How a source deceives, as a test draws it; numbers are reduced to what the scene has. */
export type Deceit =
  /** Shows none of the transactions that `hides` picks, one bit for each in turn. */
  | { readonly how: "withhold"; readonly hides: readonly boolean[] }
  /** Its chain and mempool end some blocks below the tip. */
  | { readonly how: "lag"; readonly blocks: number }
  /** Reports what was never mined, one of several ways. */
  | { readonly how: "lie"; readonly way: "forged-spend" | "wrong-bytes" | "wrong-place" | "mempool-as-mined" }
  /** Follows a branch of its own with less work, on which other things happened. */
  | { readonly how: "fork"; readonly depth: number }
  /** Gives no answer to one method, or to all. */
  | { readonly how: "hang" | "fail"; readonly method: Method | "all" }
  | { readonly how: "other-network" };

const METHODS = ["tip", "headers", "history", "transaction", "inclusion", "outspend", "coinbaseTxid"] as const;
export type Method = (typeof METHODS)[number];

/** What a deceit needs to know of the truth. */
export interface Truth {
  readonly world: World;
  readonly chain: MinedChain;
  /** Operations that exist, are valid by themselves, and were never mined. */
  readonly unmined: readonly Transaction[];
}

/** A source that deceives about the truth in one way. */
export function deceiving(label: string, truth: Truth, deceit: Deceit): ChainSource {
  const { world, chain } = truth;
  switch (deceit.how) {
    case "withhold":
      return sourceOf(label, chain, withholding(world, deceit.hides));
    case "lag": {
      const upTo = Math.max(1, chain.tipHeight - deceit.blocks);
      return sourceOf(label, MinedChain.of(world, upTo, { onto: { chain, upTo } }));
    }
    case "lie":
      return sourceOf(label, chain, lying(truth, deceit.way));
    case "fork":
      return sourceOf(label, branch(truth, deceit.depth));
    case "other-network":
      return sourceOf(label, MinedChain.of(new World(networks.regtest, "bob"), chain.tipHeight), elsewhere);
    default:
      return sourceOf(label, chain, silent(label, deceit.how, deceit.method));
  }
}

function withholding(world: World, hides: readonly boolean[]): Twist {
  return hiding(...world.transactions.filter((_, i) => hides[i % hides.length] === true).map(({ tx }) => tx));
}

/** A branch with less work than the chain, whose newest block holds what was never mined. */
function branch({ world, chain, unmined }: Truth, depth: number): MinedChain {
  const upTo = Math.max(0, chain.tipHeight - Math.max(2, depth));
  const other = new World(world.network, world.name);
  for (const { tx, height, position } of world.transactions) if (height <= upTo) other.prove(tx, height, position);
  unmined.forEach((tx, i) => {
    other.prove(tx, upTo + 1, i + 1);
  });
  for (const [txid, tx] of world.previous) other.previous.set(txid, tx);
  return MinedChain.of(other, chain.tipHeight - 1, { onto: { chain, upTo }, version: 7 });
}

function lying(
  { world, unmined }: Truth,
  way: "forged-spend" | "wrong-bytes" | "wrong-place" | "mempool-as-mined",
): Twist {
  const [operation] = unmined;
  return (honest) => {
    const proofOfAnother: Partial<ChainSource> = {
      // The proof of a transaction that was mined, for one that was not.
      inclusion: async (txid, height) => {
        const other = world.transactions[0]?.tx.txid ?? txid;
        return unmined.some((tx) => tx.txid === txid)
          ? honest.inclusion(other, height)
          : honest.inclusion(txid, height);
      },
      transaction: async (txid) => unmined.find((tx) => tx.txid === txid)?.raw ?? honest.transaction(txid),
    };
    const spendOf: ChainSource["outspend"] = async (outpoint, script) => {
      const forged = unmined.find(({ inputs }) =>
        inputs.some(({ outpoint: { txid, vout } }) => txid === outpoint.txid && vout === outpoint.vout),
      );
      return forged === undefined
        ? honest.outspend(outpoint, script)
        : { spent: true, txid: forged.txid, height: way === "mempool-as-mined" ? 2 : 1 };
    };
    switch (way) {
      case "forged-spend":
      case "mempool-as-mined":
        return {
          ...proofOfAnother,
          outspend: spendOf,
          history: async (script) => {
            const named = unmined.map(({ txid }) => ({ txid, height: 1 }));
            return [...(await honest.history(script)), ...named];
          },
        };
      case "wrong-bytes":
        return {
          transaction: async (txid) => {
            const raw = await honest.transaction(txid);
            return operation === undefined || raw === null ? raw : operation.raw;
          },
        };
      case "wrong-place":
        return {
          inclusion: async (txid, height) => {
            const claim = await honest.inclusion(txid, height);
            return claim === null ? null : { ...claim, height: Math.max(1, claim.height - 1) };
          },
        };
    }
  };
}

/** Its block 0 is of another network, and nothing above builds on ours. */
const elsewhere: Twist = (honest) => ({
  tip: async () => {
    const { recentHeaders, ...tip } = await honest.tip();
    return { ...tip, recentHeaders: recentHeaders.slice(-80) };
  },
  headers: async (start, count) => {
    const headers = (await honest.headers(start, count)).slice();
    // Of block 0 and 1 the hash of the block before.
    for (const height of [0, 1]) {
      const at = (height - start) * 80 + 4;
      if (at >= 0 && at < headers.length) headers[at] = (headers[at] ?? 0) ^ 1;
    }
    return headers;
  },
});

function silent(label: string, how: "hang" | "fail", method: Method | "all"): Twist {
  const nothing = (): Promise<never> =>
    how === "hang" ? new Promise<never>(() => undefined) : Promise.reject(unreachable(label));
  const methods = method === "all" ? METHODS : [method];
  return () => Object.fromEntries(methods.map((each) => [each, nothing]));
}

/** An UPDATE of the present seal and a RELEASE that nobody ever mined. */
export function neverMined(parent: Transaction, world: World): readonly Transaction[] {
  const copy = new World(world.network, world.name);
  return [copy.update(1, parent, new Uint8Array(32).fill(0xee)), copy.release(1, parent)].map(({ inputs, outputs }) =>
    buildTransaction({ inputs: inputs.map(({ outpoint }) => outpoint), outputs }),
  );
}
