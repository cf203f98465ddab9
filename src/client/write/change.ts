import { sha256 } from "../../crypto/hash.js";
import { throwIfAborted } from "../../deadline.js";
import { HawserError } from "../../errors.js";
import { outpointKey } from "../../plan/coin-selection.js";
import { planUpdate, type UpdatePlan } from "../../plan/update.js";
import { encodeProfile, type Profile } from "../../profile/profile.js";
import type { JournalEntry, JournalFloor } from "./journal.js";
import type { OperationHandle, PendingOperation } from "./operation.js";
import type { WriteOptions, WritePlan } from "./plan.js";
import type { NameBase, WriterCore } from "./writer-core.js";

/** What a write makes of a profile. */
export interface ProfileChange {
  readonly profile: Profile;
  /** Data and index nodes to store before the profile (W1), in that order. */
  readonly objects: readonly Uint8Array[];
  readonly affectedIds: readonly string[];
  /**
   * Runs after the wallet signed and before anything is sent: signs and stores records. Returns the floors to raise once
   * the change is at depth.
   */
  readonly storeRecords?: ((signal: AbortSignal | undefined) => Promise<readonly JournalFloor[]>) | undefined;
}

/** Plans the UPDATE that replaces a name's profile (W4: it spends the seal that the change is based on). */
export async function planChange<Handle extends OperationHandle>(
  core: WriterCore,
  base: NameBase,
  change: ProfileChange,
  options: WriteOptions,
  toHandle: (operation: PendingOperation) => Handle,
): Promise<WritePlan<Handle>> {
  const { name, tenure, resolution } = base;
  const { network } = core.parts.core.parts;
  core.assertUncontested(base);
  const { ownerScript } = resolution.tipState;
  if (ownerScript === null) throw new HawserError("BUG_UNREACHABLE", `${name} has no owner.`, { what: "owner script" });
  const owner = await core.ownerAccount(name, ownerScript);
  const required = core.required(options);
  const profileBytes = encodeProfile(change.profile);
  const profileHash = sha256(profileBytes);
  const seal = core.sealCoin(base, owner);
  const rate = await core.desk.feeRate(options.feeRateSatsPerVbyte, options.signal);
  const plan = await planWithFunding(core, outpointKey(seal.outpoint), options, (coins, reserved) =>
    planUpdate({
      network,
      kind: "update",
      name,
      seal,
      profileHash,
      feeRateSatsPerVbyte: rate,
      coins,
      reserved,
      feeGuards: core.feeGuards(options),
    }),
  );
  return {
    cost: plan.cost,
    approvals: 1,
    transactions: plan.transactions.map(({ psbt, txid, description }) => ({ psbt, txid, description })),
    affectedIds: change.affectedIds,
    run: async ({ signal = options.signal } = {}) => {
      const [update] = await core.sign(plan.transactions, options);
      if (update === undefined) throw new HawserError("BUG_UNREACHABLE", "Nothing was signed.", { what: "sign" });
      throwIfAborted(signal, `The change of ${name}`);
      const { storeRecords } = change;
      const entry: JournalEntry = {
        id: core.newId(),
        kind: "update",
        name,
        tenure,
        spends: outpointKey(seal.outpoint),
        salt: null,
        profileHash,
        transactions: [{ kind: "update", txid: update.txid, raw: update.raw }],
        objects: [...change.objects, profileBytes],
        floors: [],
        ready: storeRecords === undefined,
        affectedIds: change.affectedIds,
        required,
        createdAtMs: core.parts.clock.nowMs(),
      };
      // W3: before the first effect, so that another run of this program can finish what this one began, or give it up.
      await core.journal.put(entry);
      const ready = storeRecords === undefined ? entry : await withRecords(core, entry, storeRecords, signal);
      const operation = core.operation(ready, { resumed: false });
      const { timeoutMs, onEvent } = options;
      await operation.wait({ until: "broadcast", signal, timeoutMs, onEvent });
      return toHandle(operation);
    },
  };
}

/** Stores the records and only then makes the entry one that may be sent (W1). What failed before is given up. */
async function withRecords(
  core: WriterCore,
  entry: JournalEntry,
  storeRecords: NonNullable<ProfileChange["storeRecords"]>,
  signal: AbortSignal | undefined,
): Promise<JournalEntry> {
  let floors: readonly JournalFloor[];
  try {
    floors = await storeRecords(signal);
  } catch (error) {
    await core.journal.drop(entry);
    throw error;
  }
  const ready: JournalEntry = { ...entry, floors, ready: true };
  if (await core.journal.amend(ready)) return ready;
  const message = `Another run of this program has given up the change of ${entry.name}; nothing was sent.`;
  throw new HawserError("CONFLICT_PENDING", message, { name: entry.name, operation: entry.id });
}

/** Tries with what the seal holds; the wallet's coins are looked up only if that does not suffice. */
async function planWithFunding(
  core: WriterCore,
  seal: string,
  options: WriteOptions,
  plan: (coins: Awaited<ReturnType<WriterCore["desk"]["coins"]>>, reserved: ReadonlySet<string>) => UpdatePlan,
): Promise<UpdatePlan> {
  const reserved = await core.reserved(seal);
  try {
    return plan([], reserved);
  } catch (error) {
    if (!(error instanceof HawserError) || error.code !== "WALLET_FUNDS_INSUFFICIENT") throw error;
    const accounts = await core.accounts();
    return plan(await core.desk.coins(accounts, options.signal), reserved);
  }
}
