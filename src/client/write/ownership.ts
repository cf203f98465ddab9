import { equalBytes } from "../../bytes/bytes.js";
import { invalidArgument } from "../../bytes/guards.js";
import { decodeHex, encodeHex, isHex } from "../../bytes/hex.js";
import type { JsonObject } from "../../bytes/json.js";
import type { Network } from "../../chain/network.js";
import { isOwnerScript } from "../../chain/script.js";
import { parseTransaction } from "../../chain/transaction.js";
import { sha256 } from "../../crypto/hash.js";
import { isXOnlyPoint } from "../../crypto/schnorr.js";
import { HawserError } from "../../errors.js";
import { scriptOfAddress } from "../../plan/address.js";
import { outpointKey } from "../../plan/coin-selection.js";
import { planRelease } from "../../plan/release.js";
import { planUpdate } from "../../plan/update.js";
import { type IndexEntry, mutableEntry } from "../../profile/entry.js";
import { changeIndex, emptyIndex, getEntry } from "../../profile/index-tree.js";
import { encodeProfile } from "../../profile/profile.js";
import { newEpochs } from "./epochs.js";
import { handleOf } from "./handle.js";
import type { JournalEntry } from "./journal.js";
import type { OperationHandle } from "./operation.js";
import type { WriteOptions, WritePlan } from "./plan.js";
import { type NamePosition, positionOf, profileHashOf, standOf, withProfile } from "./position.js";
import { sealCoin } from "./seal-coins.js";
import { planContinued, planSingle, type SingleOperation } from "./single.js";
import type { WriterCore } from "./writer-core.js";

/** Options of `transferName`. */
export interface TransferOptions extends WriteOptions {
  /**
   * Index keys (`m:<id>`, `i:<key>`) that go over to the new owner. A record keeps its id under a new epoch, so that none
   * of the old ones can be shown in it: until the new owner puts one it is RECORD_UNAVAILABLE. Default: none, and then
   * the name has no profile at all (W9).
   */
  readonly keep?: readonly string[] | undefined;
  /** x-only key, 64 hex digits, that is to sign the new owner's records. Default: the owner's own key (C11). */
  readonly pubkey?: string | undefined;
  /** As in `updateProfile`; nothing of the old profile is taken over. */
  readonly about?: JsonObject | undefined;
  readonly storage?: readonly string[] | undefined;
}

/** Options of `releaseName`. */
export interface ReleaseOptions extends WriteOptions {
  /** Where bond and fee reserve go: a scriptPubKey, or an address of the network. Default: the owner script. */
  readonly payTo?: Uint8Array | string | undefined;
}

const NO_PROFILE = new Uint8Array(32);

/**
 * Plans an UPDATE that anchors what is anchored already and renews the clock (C9), or goes on with one that does so on its
 * way. It needs no profile from anybody.
 */
export async function planRenew(
  core: WriterCore,
  name: string,
  options: WriteOptions,
): Promise<WritePlan<OperationHandle>> {
  const position = positionOf(await standOf(core, name, options));
  const isRenewal = ({ kind, objects }: JournalEntry): boolean => kind === "update" && objects.length === 0;
  // C9: whatever is on its way renews, and so does a renewal that is mined but not at depth.
  const begun = position.stack.at(-1) ?? position.entries.find(isRenewal);
  if (begun !== undefined) return planContinued(core, begun, options);
  const seal = sealCoin(position, await core.ownerAccount(name, position.ownerScript));
  const profileHash = profileHashOf(position);
  const operation: SingleOperation = {
    kind: "update",
    spends: outpointKey(seal.outpoint),
    profileHash,
    objects: [],
    affectedIds: [],
    needsCoins: false,
    plan: (funds) => planUpdate({ ...funds, kind: "update", seal, profileHash }),
  };
  return planSingle(core, position, operation, options, (pending) => handleOf(pending, {}));
}

/** Plans a TRANSFER, or goes on with the one to the same owner that the journal holds. */
export async function planTransfer(
  core: WriterCore,
  name: string,
  to: Uint8Array | string,
  options: TransferOptions,
): Promise<WritePlan<OperationHandle>> {
  const { network } = core.parts.core.parts;
  const newOwnerScript = scriptOf("to", to, network);
  assertPubkey(options.pubkey);
  const stand = await standOf(core, name, options);
  const begun = stand.entries.find((entry) => entry.kind === "transfer" && paysSealTo(entry, newOwnerScript));
  if (begun !== undefined) return planContinued(core, begun, options);
  const position = positionOf(stand);
  if (equalBytes(newOwnerScript, position.ownerScript)) {
    throw invalidArgument("to", `another owner than the present one of ${name}`, encodeHex(newOwnerScript));
  }
  const seal = sealCoin(position, await core.ownerAccount(name, position.ownerScript));
  const { profileHash, objects, affectedIds } = await handedOver(core, position, options);
  const operation: SingleOperation = {
    kind: "transfer",
    spends: outpointKey(seal.outpoint),
    profileHash,
    objects,
    affectedIds,
    needsCoins: false,
    plan: (funds) => planUpdate({ ...funds, kind: "transfer", seal, newOwnerScript, profileHash }),
  };
  return planSingle(core, position, operation, options, (pending) => handleOf(pending, {}));
}

/** Plans a RELEASE, or goes on with the one that the journal holds. */
export async function planReleaseName(
  core: WriterCore,
  name: string,
  options: ReleaseOptions,
): Promise<WritePlan<OperationHandle>> {
  const { network } = core.parts.core.parts;
  const { payTo } = options;
  const changeScript = payTo === undefined ? undefined : scriptOf("payTo", payTo, network);
  const stand = await standOf(core, name, options);
  const begun = stand.entries.find(({ kind }) => kind === "release");
  if (begun !== undefined) return planContinued(core, begun, options);
  const position = positionOf(stand);
  const seal = sealCoin(position, await core.ownerAccount(name, position.ownerScript));
  const operation: SingleOperation = {
    kind: "release",
    spends: outpointKey(seal.outpoint),
    profileHash: NO_PROFILE,
    objects: [],
    affectedIds: [],
    needsCoins: false,
    plan: (funds) => planRelease({ ...funds, seal, changeScript }),
  };
  return planSingle(core, position, operation, options, (pending) => handleOf(pending, {}));
}

/** What a TRANSFER anchors: nothing, or a profile of the kept entries alone. */
async function handedOver(
  core: WriterCore,
  position: NamePosition,
  options: TransferOptions,
): Promise<{
  readonly profileHash: Uint8Array;
  readonly objects: readonly Uint8Array[];
  readonly affectedIds: readonly string[];
}> {
  const { keep = [], pubkey, about, storage } = options;
  if (keep.length === 0 && pubkey === undefined && about === undefined && storage === undefined) {
    return { profileHash: NO_PROFILE, objects: [], affectedIds: [] };
  }
  const { profile, load } = await withProfile(core, position, options);
  const entries: IndexEntry[] = [];
  for (const key of new Set(keep)) {
    const { entry } = await getEntry(profile.index, key, load);
    if (entry === null) throw new HawserError("ROUTE_MISSING", `${position.name} has no entry ${key}.`, { id: key });
    entries.push(entry);
  }
  const ids = entries.flatMap((entry) => (entry.kind === "mutable" ? [entry.route.id] : []));
  // M6: an id that is kept in the first profile under a new owner begins a new life.
  const epochs = await newEpochs(core, position, ids, options);
  const changes = entries.map((entry) => {
    if (entry.kind === "immutable") return { key: entry.key, entry };
    const { route } = entry;
    // The old owner's keys and places are no business of the new one.
    const kept = { ...route, urls: [], pubkey: null, epoch: epochs.get(route.id) ?? route.epoch, minVer: null };
    return { key: entry.key, entry: mutableEntry(kept) };
  });
  const { root, written } = await changeIndex(emptyIndex, changes, load);
  const bytes = encodeProfile({
    name: position.name,
    pubkey: pubkey ?? null,
    storage: storage ?? [],
    about: about ?? {},
    index: root,
  });
  return {
    profileHash: sha256(bytes),
    objects: [...written.values(), bytes],
    affectedIds: changes.map(({ key }) => key),
  };
}

/** A C3 script, or the script of an address. @throws INPUT_INVALID */
function scriptOf(argument: string, to: unknown, network: Network): Uint8Array {
  if (typeof to === "string") return scriptOfAddress(to, network);
  if (to instanceof Uint8Array && isOwnerScript(to)) return to;
  throw invalidArgument(argument, "an address, or a P2WPKH, P2WSH or P2TR script (C3)", to);
}

/** @throws INPUT_KEY_INVALID */
function assertPubkey(pubkey: unknown): void {
  if (pubkey === undefined || (isHex(pubkey, 32) && isXOnlyPoint(decodeHex(pubkey)))) return;
  const reason = "expected 64 hex digits that are the x coordinate of a point";
  throw new HawserError("INPUT_KEY_INVALID", `The public key cannot be used: ${reason}.`, { reason });
}

function paysSealTo({ transactions }: JournalEntry, script: Uint8Array): boolean {
  const last = transactions.at(-1);
  const output = last === undefined ? undefined : parseTransaction(last.raw).outputs[1];
  return output !== undefined && equalBytes(output.script, script);
}
