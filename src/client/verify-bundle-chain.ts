import { unreachable } from "../bytes/guards.js";
import { HEADER_BYTES } from "../chain/header.js";
import { type HeaderChain, meetsMinimumWork } from "../chain/header-chain.js";
import { type InclusionToVerify, type ProvenTransaction, verifyBlockInclusions } from "../chain/merkle.js";
import type { Network } from "../chain/network.js";
import { parseTransaction, type Transaction } from "../chain/transaction.js";
import { invalidAt } from "../chain/verify-headers.js";
import type { Verified } from "../crypto/verified.js";
import { HawserError } from "../errors.js";
import { comparePlaces, type Place } from "../name/chain-order.js";
import type { Name } from "../name/name.js";
import { kindOf } from "../name/pending.js";
import { unsupported } from "../name/select-stored.js";
import { candidateRecover, candidateRegister, type Operation, runThread, type ThreadState } from "../name/thread.js";
import { type Bundle, bundleInvalid } from "./bundle-form.js";

/** What a bundle's chain part is verified against. */
export interface BundleChainInput {
  readonly network: Network;
  readonly name: Name;
  /** The headers that the verifier has; at least the checkpoint. */
  readonly held: HeaderChain;
  readonly minConfirmations: number;
  /** The verifier's clock; null where it has none, and no header is then too far ahead of it. */
  readonly nowMs: number | null;
}

/** The state of a name as the transactions of a bundle give it, if nothing was left out. */
export interface BundleState {
  readonly state: ThreadState;
  /** The REGISTER of the last tenure. */
  readonly register: Operation;
  /** The chain in which it was proven; with what the verifier has it may go beyond the bundle. */
  readonly chain: HeaderChain;
  /** Of the bundle's last header. */
  readonly tipHeight: number;
}

/**
 * Proves the transactions of a bundle on its headers and follows them (V1 to V3, V6, C1 to C11).
 *
 * @throws BUNDLE_INVALID, CHAIN_HEADER_INVALID, CHAIN_WORK_INSUFFICIENT, CHAIN_PROOF_INVALID,
 *   CHAIN_TRANSACTION_INVALID, CHAIN_UNSUPPORTED_OPERATION
 */
export function verifyBundleChain(bundle: Bundle, input: BundleChainInput): BundleState {
  const { network, name, minConfirmations } = input;
  const { chain, tipHeight } = joinHeaders(bundle, input);
  const height = tipHeight - minConfirmations + 1;
  const transactions = proveTransactions(bundle, chain, height);
  const proven = new Map(transactions.map(({ tx }) => [tx.txid, tx]));
  const previous = new Map([...proven, ...readPrevious(bundle, proven)]);
  assertWhole(proven, previous, input);

  const state = runThread({ network, name, transactions, previous }, height);
  const failure = unsupported(state);
  if (failure !== null) throw failure;
  const register = state.operations.find(({ kind }) => kind === "register");
  if (register === undefined) throw bundleInvalid(`it does not show that ${name} was registered`);
  // C11: there is no other source to ask for the witness, and whose key it is decides whose records count.
  const [keyless] = state.ownerKeyMissingIn;
  if (keyless !== undefined) throw bundleInvalid(`the witness of ${keyless} does not show the owner's key`);
  return { state, register, chain, tipHeight };
}

/** V1: the bundle's headers on top of what the verifier has. */
function joinHeaders(
  { from, headers }: Bundle,
  { network, held, nowMs }: BundleChainInput,
): { readonly chain: HeaderChain; readonly tipHeight: number } {
  // Headers that lie there are not looked at by anybody, so nothing in a bundle may rest on them.
  if (from <= network.checkpoint.height) throw invalidAt(from, "lies at or below the checkpoint");
  const { chain, stopped } = held.extend(from, headers, nowMs ?? Number.MAX_SAFE_INTEGER);
  if (stopped !== null) throw stopped;
  // V1: on a branch that lost, operations stand that never came to count.
  if (chain !== held && chain.work <= held.work) throw tooLittleWork(chain, held.work);
  if (!meetsMinimumWork(chain)) throw tooLittleWork(chain, network.minimumWork);
  return { chain, tipHeight: from + headers.length / HEADER_BYTES - 1 };
}

function tooLittleWork(chain: HeaderChain, least: bigint): HawserError<"CHAIN_WORK_INSUFFICIENT"> {
  const [work, minimumWork] = [chain.work.toString(16), least.toString(16)];
  return new HawserError(
    "CHAIN_WORK_INSUFFICIENT",
    `The bundle's chain has work 0x${work}, which is not enough beside 0x${minimumWork}.`,
    { work, minimumWork },
  );
}

/** V2: every transaction of the bundle in its block, all of one block judged together. */
function proveTransactions(
  { txs }: Bundle,
  chain: HeaderChain,
  height: number,
): readonly Verified<ProvenTransaction>[] {
  const blocks = new Map<number, InclusionToVerify[]>();
  let before: Place = { height: -1, position: 0 };
  for (const { raw, branch, ...place } of txs) {
    if (comparePlaces(place, before) <= 0) throw bundleInvalid("its transactions are not in chain order");
    // V6: what a reorganisation may still take away moves nothing.
    if (place.height > height) {
      throw bundleInvalid(`its transaction at height ${place.height} is not deep enough below its last header`);
    }
    const claims = blocks.get(place.height) ?? [];
    claims.push({ tx: parseTransaction(raw), position: place.position, branch });
    blocks.set(place.height, claims);
    before = place;
  }
  return [...blocks].flatMap(([at, claims]) => proveBlock(chain, at, claims));
}

function proveBlock(
  chain: HeaderChain,
  height: number,
  claims: readonly InclusionToVerify[],
): readonly Verified<ProvenTransaction>[] {
  const header = chain.headerAt(height);
  const { proven, refused } =
    header === null
      ? { proven: [], refused: claims.map(({ tx }) => ({ txid: tx.txid, reason: "no header of its block is there" })) }
      : verifyBlockInclusions({ header, height, claims, coinbase: null });
  const [first] = refused;
  if (first === undefined) return proven;
  const message = `The bundle does not prove ${first.txid} at height ${height}: ${first.reason}.`;
  throw new HawserError("CHAIN_PROOF_INVALID", message, first);
}

/** V3: `prev` by the txids that its bytes hash to. */
function readPrevious({ prev }: Bundle, proven: ReadonlyMap<string, Transaction>): ReadonlyMap<string, Transaction> {
  const wanted = new Set([...proven.values()].flatMap(({ inputs }) => inputs[0]?.outpoint.txid ?? []));
  const found = new Map<string, Transaction>();
  for (const raw of prev) {
    const tx = parseTransaction(raw);
    if (!wanted.has(tx.txid) || proven.has(tx.txid) || found.has(tx.txid)) {
      throw bundleInvalid(`prev holds ${tx.txid}, which nothing needs`);
    }
    found.set(tx.txid, tx);
  }
  return found;
}

/** V5: what a REGISTER or RECOVER in the chain spends was mined, so a bundle without it hides whether they count. */
function assertWhole(
  proven: ReadonlyMap<string, Transaction>,
  previous: ReadonlyMap<string, Transaction>,
  { name, network }: BundleChainInput,
): void {
  for (const tx of proven.values()) {
    const isRegister = candidateRegister(tx, name, network);
    if (!isRegister && !candidateRecover(tx, name, network)) continue;
    const txid = tx.inputs[0]?.outpoint.txid ?? unreachable("a transaction without inputs");
    const spent = previous.get(txid);
    const needsPlace = isRegister && spent !== undefined && kindOf(spent) === "preorder";
    if (spent === undefined || (needsPlace && !proven.has(txid))) {
      throw bundleInvalid(`it does not hold ${txid}, which ${tx.txid} spends`);
    }
  }
}
