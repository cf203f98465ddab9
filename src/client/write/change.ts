import { sha256 } from "../../crypto/hash.js";
import { outpointKey } from "../../plan/coin-selection.js";
import { planUpdate } from "../../plan/update.js";
import type { StoredKind } from "../../ports.js";
import { encodeProfile, type Profile } from "../../profile/profile.js";
import type { JournalRemoval } from "./journal.js";
import type { OperationHandle, PendingOperation } from "./operation.js";
import type { WriteOptions, WritePlan } from "./plan.js";
import type { NameBase } from "./position.js";
import { sealCoin } from "./seal-coins.js";
import { planSingle, type SingleOperation, type StoreRecords } from "./single.js";
import type { WriterCore } from "./writer-core.js";

/** What a write makes of a profile. */
export interface ProfileChange {
  readonly profile: Profile;
  /** Data and index nodes to store before the profile (W1), in that order. */
  readonly objects: readonly Uint8Array[];
  readonly affectedIds: readonly string[];
  /** Copies to remove once the change is at depth (W8). Default: none. */
  readonly removes?: readonly JournalRemoval[] | undefined;
  /** Signs and stores records. */
  readonly storeRecords?: StoreRecords | undefined;
  /** What `storeRecords` stores. Default: nothing. */
  readonly storedKinds?: readonly StoredKind[] | undefined;
}

/** Plans the UPDATE that replaces a name's profile (W4: it spends the seal that the change is based on). */
export async function planChange<Handle extends OperationHandle>(
  core: WriterCore,
  base: NameBase,
  change: ProfileChange,
  options: WriteOptions,
  toHandle: (operation: PendingOperation) => Handle,
): Promise<WritePlan<Handle>> {
  const owner = await core.ownerAccount(base.name, base.ownerScript);
  const seal = sealCoin(base, owner);
  const profileBytes = encodeProfile(change.profile);
  const profileHash = sha256(profileBytes);
  const operation: SingleOperation = {
    kind: "update",
    spends: outpointKey(seal.outpoint),
    profileHash,
    objects: [...change.objects, profileBytes],
    affectedIds: change.affectedIds,
    removes: change.removes,
    storeRecords: change.storeRecords,
    storedKinds: change.storedKinds,
    needsCoins: false,
    plan: (funds) => planUpdate({ ...funds, kind: "update", seal, profileHash }),
  };
  return planSingle(core, base, operation, options, toHandle);
}
