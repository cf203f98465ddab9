import { createHash } from "node:crypto";
import type { ProvenTransaction } from "../../src/chain/merkle.js";
import type { Network } from "../../src/chain/network.js";
import type { Transaction } from "../../src/chain/transaction.js";
import type { ThreadState } from "../../src/name/thread.js";

/*
 * A second reader of a name's thread, written from the text of protocol sections 2 and 3 and from nothing else. It
 * walks over every block and every transaction, keeps what it knows in plain variables, and shares no code with the
 * reader under test but the parsed form of a transaction and the table of constants. Bytes are hex throughout.
 */

/** What a chain holds: transactions at their places, in any order, and transactions that are known without one. */
export interface ModelChain {
  readonly network: Network;
  readonly name: string;
  readonly transactions: readonly ProvenTransaction[];
  readonly previous: ReadonlyMap<string, Transaction>;
}

type ModelOperation = ThreadState["operations"][number];

/** The last registration of the name that counted. */
interface Holding {
  tenure: string;
  registeredAt: number;
  owner: string;
  seal: { txid: string; valueSats: bigint } | null;
  unsealed: { txid: string; height: number } | null;
  unsupported: { txid: string; height: number } | null;
  profile: string;
  profileHeight: number;
  /** Height of what renewed the clock last. */
  renewedAt: number;
  releasedAt: number | null;
  operations: ModelOperation[];
  /** Operations whose vin 0 proves a key: what it spent, and the witnesses that were seen. */
  signed: { txid: string; spent: string; witnesses: string[][] }[];
}

interface Said {
  version: number;
  op: number;
  body: string;
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const sha256 = (hex: string): string => createHash("sha256").update(Buffer.from(hex, "hex")).digest("hex");
const hash160 = (hex: string): string =>
  createHash("ripemd160")
    .update(Buffer.from(sha256(hex), "hex"))
    .digest("hex");
const ascii = (text: string): string => Buffer.from(text, "latin1").toString("hex");
const tagged = (tag: string, hex: string): string => sha256(sha256(ascii(tag)) + sha256(ascii(tag)) + hex);
const internal = (displayed: string): string => hexOf(bytesOf(displayed).reverse());

/** Section 9 and N3: the minimal push of each network's delay. */
const pushedDelay = { mainnet: "02e010", testnet4: "02e010", signet: "029000", regtest: "5a" };
const zeros = "00".repeat(32);

/** The state of the name at each of these heights, as the thread must give it. */
export function modelStates(chain: ModelChain, heights: readonly number[]): Map<number, ThreadState> {
  const { network, name } = chain;
  const nid = tagged("hawser/name", ascii(name));
  const beacon = `0020${sha256(`20${nid}75${pushedDelay[network.id]}b2`)}`;
  const seen = new Map<string, { tx: Transaction; height: number }>();
  let holding: Holding | null = null;

  const states = new Map<number, ThreadState>();
  // A block without transactions changes nothing.
  const blocks = new Set([...heights, ...chain.transactions.map((entry) => entry.height)]);
  for (const at of [...blocks].sort((a, b) => a - b)) {
    for (const { tx, copies } of blockAt(chain.transactions, at)) {
      const status = statusOf(network, holding, at);
      if (!isCoinbase(tx)) {
        if (status === "free") holding = registration(tx, at, copies) ?? holding;
        else if (status !== "released" && holding !== null) operate(holding, tx, at, copies);
      }
      seen.set(tx.txid, { tx, height: at });
    }
    if (heights.includes(at)) states.set(at, shown(network, holding, at));
  }
  return states;

  /** C5. */
  function registration(tx: Transaction, at: number, copies: readonly Transaction[]): Holding | null {
    const said = payloadOf(tx);
    if (said?.version !== 1 || said.op !== 2) return null;
    if (said.body.length < 2 * 41 || said.body.slice(80) !== ascii(name)) return null;
    const salt = said.body.slice(0, 16);
    const owner = scriptAt(tx, 1);
    if (!mayOwn(owner) || valueAt(tx, 1) < network.bondSats || scriptAt(tx, 2) !== beacon) return null;
    const spent = tx.inputs[0]?.outpoint;
    const preorder = seen.get(spent?.txid ?? "");
    if (preorder === undefined || spent?.vout !== 1 || isCoinbase(preorder.tx)) return null;
    const promised = payloadOf(preorder.tx);
    if (promised?.version !== 1 || promised.op !== 1) return null;
    if (promised.body !== tagged("hawser/preorder", internal(network.genesisHash) + nid + salt + sha256(owner))) {
      return null;
    }
    if (scriptAt(preorder.tx, 1) !== owner) return null;
    const age = at - preorder.height;
    if (age < network.minAgeBlocks || age > network.maxAgeBlocks) return null;
    if (at < network.protocolStart || preorder.height < network.protocolStart) return null;
    const profile = said.body.slice(16, 80);
    return {
      tenure: preorder.tx.txid,
      registeredAt: at,
      owner,
      seal: { txid: tx.txid, valueSats: valueAt(tx, 1) },
      unsealed: null,
      unsupported: null,
      profile,
      profileHeight: at,
      renewedAt: at,
      releasedAt: null,
      operations: [
        operation(chain, "preorder", preorder.tx, preorder.height, zeros),
        operation(chain, "register", tx, at, profile),
      ],
      signed: [{ txid: tx.txid, spent: owner, witnesses: witnessesOf(copies) }],
    };
  }

  /** C7 and C8, while the tenure is active or in grace. */
  function operate(now: Holding, tx: Transaction, at: number, copies: readonly Transaction[]): void {
    const said = payloadOf(tx);
    const vin = tx.inputs.findIndex(({ outpoint }) => outpoint.txid === now.seal?.txid && outpoint.vout === 1);
    if (now.seal === null || vin < 0) {
      if (now.unsealed === null || said?.version !== 1 || said.op !== 6 || said.body.length !== 64) return;
      const spent = tx.inputs[0]?.outpoint;
      const from = seen.get(spent?.txid ?? "")?.tx ?? chain.previous.get(spent?.txid ?? "");
      if (from?.txid !== spent?.txid || from === undefined) return;
      if (scriptAt(from, spent?.vout ?? 0) !== now.owner) return;
      if (scriptAt(tx, 1) !== now.owner || valueAt(tx, 1) < network.bondSats || scriptAt(tx, 2) !== beacon) return;
      counted(now, "recover", tx, at, said.body, copies);
      return;
    }
    if (said !== null && (said.version !== 1 || said.op < 1 || said.op > 6)) {
      now.unsupported ??= { txid: tx.txid, height: at };
      now.renewedAt = at;
      now.seal = null;
      if (mayOwn(scriptAt(tx, 1)) && valueAt(tx, 1) >= network.bondSats) {
        now.seal = { txid: tx.txid, valueSats: valueAt(tx, 1) };
        now.owner = scriptAt(tx, 1);
      }
      return;
    }
    const bonded = mayOwn(scriptAt(tx, 1)) && valueAt(tx, 1) >= network.bondSats;
    if (vin === 0 && said?.op === 3 && said.body.length === 64 && bonded && scriptAt(tx, 1) === now.owner) {
      counted(now, "update", tx, at, said.body, copies);
    } else if (vin === 0 && said?.op === 4 && said.body.length === 64 && bonded) {
      counted(now, "transfer", tx, at, said.body, copies);
    } else if (vin === 0 && said?.op === 5 && said.body === "") {
      now.seal = null;
      now.releasedAt = at;
      now.operations.push(operation(chain, "release", tx, at, zeros));
    } else {
      now.seal = null;
      now.unsealed = { txid: tx.txid, height: at };
    }
  }

  /** An operation that carries a profile and whose vout 1 is the seal. */
  function counted(
    now: Holding,
    kind: "update" | "transfer" | "recover",
    tx: Transaction,
    at: number,
    profile: string,
    copies: readonly Transaction[],
  ): void {
    now.signed.push({ txid: tx.txid, spent: now.owner, witnesses: witnessesOf(copies) });
    now.operations.push(operation(chain, kind, tx, at, profile));
    now.owner = scriptAt(tx, 1);
    now.seal = { txid: tx.txid, valueSats: valueAt(tx, 1) };
    now.unsealed = null;
    now.profile = profile;
    now.profileHeight = at;
    now.renewedAt = at;
  }
}

/** C6: the transactions of a block by position; copies of one differ in their witnesses alone. */
function blockAt(all: readonly ProvenTransaction[], height: number): { tx: Transaction; copies: Transaction[] }[] {
  const block: { tx: Transaction; position: number; copies: Transaction[] }[] = [];
  for (const entry of all) {
    if (entry.height !== height) continue;
    const known = block.find(({ position }) => position === entry.position);
    if (known === undefined) block.push({ tx: entry.tx, position: entry.position, copies: [entry.tx] });
    else known.copies.push(entry.tx);
  }
  return block.sort((a, b) => a.position - b.position);
}

/** C9. */
function statusOf(network: Network, holding: Holding | null, at: number): ThreadState["status"] {
  if (holding === null) return "free";
  if (holding.releasedAt !== null) return at < holding.releasedAt + network.cooldownBlocks ? "released" : "free";
  const activeTo = holding.renewedAt + network.termBlocks;
  if (at <= activeTo) return "active";
  return at <= activeTo + network.graceBlocks ? "grace" : "free";
}

function changesAt(network: Network, holding: Holding, status: ThreadState["status"]): number | null {
  if (status === "active") return holding.renewedAt + network.termBlocks + 1;
  if (status === "grace") return holding.renewedAt + network.termBlocks + network.graceBlocks + 1;
  return status === "released" ? (holding.releasedAt ?? 0) + network.cooldownBlocks : null;
}

/** C1: `6a <len> <payload>` with 4 to 75 bytes and value 0; C2: "hws", then version and op. */
function payloadOf(tx: Transaction): Said | null {
  const script = scriptAt(tx, 0);
  const bytes = script.length / 2 - 2;
  if (bytes < 4 || bytes > 75 || valueAt(tx, 0) !== 0n) return null;
  if (!script.startsWith(`6a${bytes.toString(16).padStart(2, "0")}${ascii("hws")}`)) return null;
  return {
    version: Number.parseInt(script.charAt(10), 16),
    op: Number.parseInt(script.charAt(11), 16),
    body: script.slice(12),
  };
}

/** C3. */
function mayOwn(script: string): boolean {
  return /^(0014[0-9a-f]{40}|0020[0-9a-f]{64}|5120[0-9a-f]{64})$/.test(script);
}

function scriptAt(tx: Transaction, vout: number): string {
  const output = tx.outputs[vout];
  return output === undefined ? "none" : hexOf(output.script);
}

function valueAt(tx: Transaction, vout: number): bigint {
  return tx.outputs[vout]?.valueSats ?? -1n;
}

function isCoinbase(tx: Transaction): boolean {
  const [only] = tx.inputs;
  return tx.inputs.length === 1 && only?.outpoint.txid === zeros && only.outpoint.vout === 0xffffffff;
}

function witnessesOf(copies: readonly Transaction[]): string[][] {
  return copies.map((copy) => (copy.inputs[0]?.witness ?? []).map(hexOf));
}

function operation(
  chain: ModelChain,
  kind: ModelOperation["kind"],
  { txid }: Transaction,
  height: number,
  profile: string,
): ModelOperation {
  const position = chain.transactions.find(({ tx }) => tx.txid === txid)?.position ?? -1;
  return { kind, txid, height, position, profileHash: hashOf(profile) };
}

/** C10. */
function hashOf(profile: string): Uint8Array | null {
  return profile === zeros ? null : bytesOf(profile);
}

/** C11. */
function keyOf({ owner, signed }: Holding): { key: string | null; missingIn: string[] } {
  if (owner.startsWith("5120")) return { key: pointOf(owner.slice(4)), missingIn: [] };
  const missingIn: string[] = [];
  if (!owner.startsWith("0014")) return { key: null, missingIn };
  for (const { txid, spent, witnesses } of signed) {
    if (spent !== owner) continue;
    for (const items of witnesses) {
      const [, given = ""] = items;
      if (items.length !== 2 || hash160(given) !== owner.slice(4)) continue;
      return { key: /^0[23][0-9a-f]{64}$/.test(given) ? pointOf(given.slice(2)) : null, missingIn: [] };
    }
    missingIn.push(txid);
  }
  return { key: null, missingIn };
}

/** The x itself, if x^3 + 7 is a square modulo secp256k1's prime. */
function pointOf(x: string): string | null {
  const p = 2n ** 256n - 2n ** 32n - 977n;
  const value = BigInt(`0x${x}`);
  if (value >= p) return null;
  const square = (value ** 3n + 7n) % p;
  let power = 1n;
  let base = square;
  for (let exponent = (p - 1n) / 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) power = (power * base) % p;
    base = (base * base) % p;
  }
  return power === 1n ? x : null;
}

function shown(network: Network, holding: Holding | null, height: number): ThreadState {
  const status = statusOf(network, holding, height);
  const operations = [...(holding?.operations ?? [])];
  const state: ThreadState = {
    height,
    status,
    tenure: null,
    ownerScript: null,
    ownerKey: null,
    ownerKeyMissingIn: [],
    unsealed: null,
    profileHash: null,
    profileHeight: null,
    seal: null,
    registeredAtHeight: null,
    lastOperation: operations.at(-1) ?? null,
    operations,
    changesAtHeight: holding === null ? null : changesAt(network, holding, status),
    unsupported: null,
  };
  if (holding === null || status === "free" || status === "released") return state;
  const { key, missingIn } = keyOf(holding);
  const ownerScript = bytesOf(holding.owner);
  const { seal } = holding;
  return {
    ...state,
    tenure: holding.tenure,
    ownerScript,
    ownerKey: key === null ? null : bytesOf(key),
    ownerKeyMissingIn: missingIn,
    unsealed: holding.unsealed,
    profileHash: hashOf(holding.profile),
    profileHeight: holding.profileHeight,
    seal:
      seal === null ? null : { outpoint: { txid: seal.txid, vout: 1 }, valueSats: seal.valueSats, script: ownerScript },
    registeredAtHeight: holding.registeredAt,
    unsupported: holding.unsupported,
  };
}
