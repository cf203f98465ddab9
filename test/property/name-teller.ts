import { equalBytes } from "../../src/bytes/bytes.js";
import { type Network, networks } from "../../src/chain/network.js";
import type { Transaction, TransactionOutput } from "../../src/chain/transaction.js";
import type { ThreadState } from "../../src/name/thread.js";
import type { Outpoint } from "../../src/ports.js";
import {
  alice,
  anyOutpoint,
  bob,
  buildTransaction,
  headed,
  type InputDraft,
  outpoint,
  p2pkh,
  payloadOutput,
  profile,
  rawPayloadOutput,
  salt,
  World,
} from "../unit/name/builder.js";
import { modelStates } from "./name-model.js";
import {
  type Act,
  type Happening,
  key,
  type RecoverFlaw,
  type RegisterFlaw,
  type SpendAct,
  type SpendFlaw,
  signature,
} from "./name-story.js";

/** A network on which everything ends within few blocks. */
export const hasty: Network = {
  ...networks.regtest,
  protocolStart: 12,
  minAgeBlocks: 2,
  maxAgeBlocks: 6,
  termBlocks: 9,
  graceBlocks: 4,
  cooldownBlocks: 3,
};
const COINBASE: Outpoint = { txid: "00".repeat(32), vout: 0xffffffff };

/** What cannot be told on every kind of chain. */
export interface Telling {
  /**
   * Leaves out what only a list of transactions can hold: coinbases at other places than the first, copies with other
   * witnesses, and inputs of a REGISTER or RECOVER that spend what nobody has.
   */
  readonly mineable?: boolean;
}

/** Tells a story to a chain. Every transaction spends what is unspent and below it. */
export class Teller {
  readonly world: World;
  height: number;
  readonly #mineable: boolean;
  readonly #front = new Map<number, number>();
  readonly #back = new Map<number, number>();
  readonly #spent = new Set<string>();

  constructor(network: Network, { mineable = false }: Telling = {}) {
    this.world = new World(network);
    this.height = Math.max(network.protocolStart, network.checkpoint.height + 1) + network.minAgeBlocks;
    this.#mineable = mineable;
  }

  /** Tells it to its end and gives the height of its last block. */
  tell(happenings: readonly Happening[]): number {
    for (const [index, told] of happenings.entries()) {
      this.height = Math.max(this.height, this.#heightOf(told.when));
      const act = this.#actOf(told);
      switch (act.what) {
        case "register":
          this.#register(told, act.flaw, profile(index % 6));
          break;
        case "spend":
          this.#spend(told, act, profile(index % 6));
          break;
        case "recover":
          this.#recover(told, act.flaw, profile(index % 6));
          break;
        default:
          this.#mine(
            told,
            [this.#foreign()],
            [rawPayloadOutput(told.bytes), this.#sealOf(told.owner), this.world.beacon()],
          );
      }
    }
    return this.height;
  }

  /** Each height at which something happened or the clock changes the name, and its neighbours. */
  heights(): number[] {
    const { graceBlocks } = this.world.network;
    const around = (height: number): number[] => [height - 1, height, height + 1].filter((each) => each >= 0);
    const eventful = [...new Set(this.world.transactions.map(({ height }) => height))];
    const changes = [...modelStates(this.world, eventful).values()].flatMap(({ status, changesAtHeight: at }) => {
      if (at === null) return [];
      return status === "active" ? [at, at + graceBlocks] : [at];
    });
    return [...new Set([...eventful, ...changes].flatMap(around))];
  }

  #state(): ThreadState {
    const state = modelStates(this.world, [this.height]).get(this.height);
    if (state === undefined) throw new Error(`no state at ${this.height}`);
    return state;
  }

  #actOf({ act, apt }: Happening): Act {
    if (!apt || act.what !== "spend") return act;
    const { status, unsealed } = this.#state();
    if (status === "free") return { what: "register", flaw: null };
    return unsealed === null ? act : { what: "recover", flaw: null };
  }

  #heightOf({ from, blocks }: Happening["when"]): number {
    if (from === "before") return this.height + blocks;
    const { status, changesAtHeight } = this.#state();
    if (changesAtHeight === null) return this.height + 1;
    const more = from === "end" && status === "active" ? this.world.network.graceBlocks : 0;
    return changesAtHeight + more + blocks;
  }

  #register(told: Happening, flaw: RegisterFlaw, profileHash: Uint8Array): void {
    const { world } = this;
    const { network } = world;
    const { owner } = told;
    const other = owner === alice ? bob : alice;
    const ages: { readonly [Flaw in string]?: number } = {
      "too-young": network.minAgeBlocks - 1,
      oldest: network.maxAgeBlocks,
      "too-old": network.maxAgeBlocks + 1,
    };
    const age = ages[flaw ?? ""] ?? network.minAgeBlocks;
    const target = flaw === "script" ? noOwner(told) : owner;
    const committed = flaw === "committed" ? other : target;
    const salted = flaw === "other-salt" ? new Uint8Array(8) : salt;
    const promise =
      flaw === "preorder-kind"
        ? payloadOutput({ kind: "update", profileHash: world.commitment(committed) })
        : flaw === "preorder-version"
          ? headed(2, 1, world.commitment(committed))
          : payloadOutput({ kind: "preorder", commitment: world.commitment(committed) });
    const preorder = {
      inputs: [flaw === "coinbase" && !this.#mineable ? COINBASE : anyOutpoint()],
      outputs: [
        flaw === "preorder-value" ? { ...promise, valueSats: 1n } : promise,
        { valueSats: 1n, script: flaw === "preorder-vout" ? other : target },
        { valueSats: BigInt(world.transactions.length), script: target },
      ],
    };
    const below = Math.max(1, this.height - age);
    const parent =
      flaw === "unproven" && !this.#mineable
        ? world.keep(preorder)
        : world.mine(below, preorder, this.#place(below, true));
    const vout = flaw === "vout-0" ? 0 : flaw === "vout-2" ? 2 : 1;
    const spends = { ...outpoint(parent, vout), witness: told.witness };
    const named = payloadOutput({
      kind: "register",
      salt: salted,
      profileHash,
      name: flaw === "other-name" ? "alicf" : world.name,
    });
    const upper = {
      ...named,
      script: named.script.map((byte, at) => (at === named.script.length - 1 ? byte - 32 : byte)),
    };
    const said = flaw === "bad-name" ? upper : flaw === "value" ? { ...named, valueSats: 1n } : named;
    const paid = this.#sealOf(flaw === "paid" ? other : target, flaw === "bond");
    const inputs = flaw === "vin" ? [this.#foreign(), spends] : [spends];
    this.#mine({ ...told, early: told.early && age > 0 }, inputs, [said, paid, ...this.#beacons(flaw)]);
  }

  #spend(told: Happening, act: SpendAct, profileHash: Uint8Array): void {
    const { flaw } = act;
    const state = this.#state();
    const present = state.ownerScript ?? told.owner;
    const spends = { ...(this.#sealToSpend(told, state) ?? this.#foreign()), witness: told.witness };
    const said = this.#said(act, told, profileHash);
    const vout0 = misframed(said, flaw);
    const heir = act.says === "transfer" || act.says === "later" ? told.owner : present;
    const stranger = present === alice ? bob : alice;
    const script = flaw === "script" ? noOwner(told) : flaw === "stranger" ? stranger : heir;
    const paid = this.#sealOf(script, flaw === "bond");
    const outputs = flaw === "no-vout-1" ? [vout0] : flaw === "swapped" ? [paid, vout0] : [vout0, paid];
    const first = told.early ? this.world.coinOf(present) : this.#foreign();
    const beacon = outputs.length === 2 && told.twice ? [this.world.beacon()] : [];
    this.#mine({ ...told, early: false }, flaw === "vin" ? [first, spends] : [spends], [...outputs, ...beacon]);
  }

  #said({ says, flaw }: SpendAct, told: Happening, profileHash: Uint8Array): TransactionOutput {
    const cut = flaw === "short" ? 31 : flaw === "long" ? 33 : 32;
    const body = new Uint8Array(cut).fill(profileHash[0] ?? 0);
    const headByte = told.bytes[0] ?? 0;
    switch (says) {
      case "update":
        return headed(1, 3, body);
      case "transfer":
        return headed(1, 4, body);
      case "release":
        return headed(1, 5, cut === 32 ? new Uint8Array(0) : body);
      case "later":
        return headed([0, 2, 15][headByte % 3] ?? 2, headByte >> 4, body.subarray(0, headByte % 32));
      case "other-op":
        return headed(1, [0, 7, 15][headByte % 3] ?? 7, body);
      case "preorder":
        return payloadOutput({ kind: "preorder", commitment: this.world.commitment(told.owner) });
      case "register":
        return payloadOutput({ kind: "register", salt, profileHash, name: this.world.name });
      case "recover":
        return payloadOutput({ kind: "recover", profileHash });
      case "foreign":
        // One byte of "hws" is another.
        return rawPayloadOutput(
          Uint8Array.from([0x68, 0x77, 0x73, 0x23], (byte, i) => (i === headByte % 3 ? 0x74 : byte)),
        );
      case "bytes":
        return rawPayloadOutput(told.bytes);
      default:
        return { valueSats: 5n, script: told.owner };
    }
  }

  #recover(told: Happening, flaw: RecoverFlaw, profileHash: Uint8Array): void {
    const { world } = this;
    const state = this.#state();
    const present = told.old ? told.owner : (state.ownerScript ?? told.owner);
    const stranger = present === alice ? bob : alice;
    const known = world.keep({
      inputs: [anyOutpoint()],
      outputs: [
        { valueSats: 9n, script: stranger },
        { valueSats: 9n, script: present },
      ],
    });
    const coin: Outpoint = flaw === "unknown-coin" ? this.#foreign() : outpoint(known, flaw === "coin-0" ? 0 : 1);
    // What unsealed the name may have paid the owner.
    const change = state.unsealed === null ? null : this.#unspentOf(state.unsealed.txid, present);
    const spends: InputDraft = { ...(told.twice && flaw === null ? (change ?? coin) : coin), witness: told.witness };
    const said = flaw === "short" ? headed(1, 6, new Uint8Array(31)) : payloadOutput({ kind: "recover", profileHash });
    const vout0 = flaw === "value" ? { ...said, valueSats: 1n } : said;
    const paid = this.#sealOf(flaw === "script" ? stranger : present, flaw === "bond");
    const inputs = flaw === "vin" ? [this.#foreign(), spends] : [spends];
    this.#mine({ ...told, early: told.early && change === null }, inputs, [vout0, paid, ...this.#beacons(flaw)]);
  }

  /** An output of somebody else. */
  #foreign(): Outpoint {
    return this.#mineable ? this.world.coinOf(p2pkh) : anyOutpoint();
  }

  #beacons(flaw: string | null): readonly TransactionOutput[] {
    const own = this.world.beacon();
    if (flaw === "beacon") return [];
    if (flaw === "late-beacon") return [{ valueSats: 5n, script: p2pkh }, own];
    if (flaw === "foreign-beacon") return [new World(this.world.network, "bob").beacon()];
    return [own];
  }

  #sealOf(script: Uint8Array, low = false): TransactionOutput {
    return this.world.seal(script, this.world.network.bondSats - (low ? 1n : 0n));
  }

  /** The present seal, or an output that was one or looks like one. */
  #sealToSpend({ old }: Happening, { seal }: ThreadState): Outpoint | null {
    if (seal !== null && !old) return seal.outpoint;
    const loose = this.world.transactions
      .filter(({ tx, height }) => height <= this.height && tx.outputs.length > 1)
      .map(({ tx }) => outpoint(tx))
      .filter((each) => !this.#spent.has(`${each.txid}:${each.vout}`) && each.txid !== seal?.outpoint.txid);
    return loose.at(-1) ?? seal?.outpoint ?? null;
  }

  #unspentOf(txid: string, script: Uint8Array): Outpoint | null {
    const tx = this.world.transactions.find((entry) => entry.tx.txid === txid)?.tx;
    const free = (at: number): boolean => !this.#spent.has(`${txid}:${at}`);
    const vout = tx?.outputs.findIndex((output, at) => equalBytes(output.script, script) && free(at)) ?? -1;
    return vout < 0 ? null : { txid, vout };
  }

  #mine(
    { early, twice }: Happening,
    inputs: readonly InputDraft[],
    outputs: readonly TransactionOutput[],
  ): Transaction {
    const at = this.height;
    const position = this.#place(at, early);
    const tx = this.world.mine(at, { inputs, outputs }, position);
    for (const { txid, vout } of inputs) this.#spent.add(`${txid}:${vout}`);
    if (twice && !this.#mineable) {
      const [first, ...rest] = inputs;
      const other = [...(first === undefined ? [] : [{ ...first, witness: [signature, key] }]), ...rest];
      this.world.prove(buildTransaction({ inputs: other, outputs }), at, position);
    }
    return tx;
  }

  #place(height: number, early: boolean): number {
    const [ends, step, start] = early ? ([this.#front, -1, 499] as const) : ([this.#back, 1, 500] as const);
    const position = ends.get(height) ?? start;
    ends.set(height, position + step);
    return position;
  }
}

/** A script that is none of C3's, some of them by a byte. */
function noOwner({ bytes }: Happening): Uint8Array {
  const scripts = [
    p2pkh,
    Uint8Array.of(0x51, 0x14, ...new Uint8Array(20)),
    Uint8Array.of(0x00, 0x14, ...new Uint8Array(21)),
    Uint8Array.of(0x00, 0x13, ...new Uint8Array(20)),
    Uint8Array.of(0x52, 0x20, ...new Uint8Array(32)),
    Uint8Array.of(0x51, 0x20, ...new Uint8Array(33)),
    Uint8Array.of(0x00, 0x21, ...new Uint8Array(32)),
  ];
  return scripts[(bytes[1] ?? 0) % scripts.length] ?? p2pkh;
}

/** An output whose form or value makes its payload none (C1), if the flaw is one of those. */
function misframed(output: TransactionOutput, flaw: SpendFlaw): TransactionOutput {
  const { script } = output;
  const payload = script.slice(2);
  switch (flaw) {
    case "value":
      return { ...output, valueSats: 1n };
    case "opcode":
      return { ...output, script: Uint8Array.from([0x6b, ...script.slice(1)]) };
    case "pushdata":
      return { ...output, script: Uint8Array.from([0x6a, 0x4c, payload.length, ...payload]) };
    case "trailing":
      return { ...output, script: Uint8Array.from([...script, 0]) };
    case "three-bytes":
      return { ...output, script: Uint8Array.of(0x6a, 3, ...payload.slice(0, 3)) };
    case "76-bytes":
      return { ...output, script: Uint8Array.of(0x6a, 76, 0x68, 0x77, 0x73, 0x23, ...new Uint8Array(72)) };
    default:
      return output;
  }
}
