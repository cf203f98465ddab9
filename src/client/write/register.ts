import { invalidArgument } from "../../bytes/guards.js";
import type { JsonObject } from "../../bytes/json.js";
import { askHistory } from "../../chain/source-calls.js";
import { createPanel } from "../../chain/union.js";
import { sha256 } from "../../crypto/hash.js";
import { throwIfAborted } from "../../deadline.js";
import { HawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import { beaconScript, type Name, parseName } from "../../name/name.js";
import { planRegistration } from "../../plan/registration.js";
import type { Profile } from "../../profile/profile.js";
import { encodeProfile } from "../../profile/profile.js";
import { handleOf } from "./handle.js";
import type { JournalEntry } from "./journal.js";
import type { OperationHandle, PendingOperation } from "./operation.js";
import { noCost, type WriteOptions, type WritePlan } from "./plan.js";
import type { WriterCore } from "./writer-core.js";

/** Options of `registerName`. */
export interface RegisterOptions extends WriteOptions {
  /** The owner's own JSON for the profile (P5). Default: empty. */
  readonly about?: JsonObject | undefined;
  /** Base URLs for the profile's `storage`. Default: the public base URLs of the writer's providers. */
  readonly storage?: readonly string[] | undefined;
  /** Updates that the seal can pay for at this fee rate. Default 20. */
  readonly reserveUpdates?: number | undefined;
  /** Register although the beacon is flooded, so that the name may never be readable (V8). Default false. */
  readonly force?: boolean | undefined;
}

/** A registration under way. */
export interface RegisterHandle extends OperationHandle {
  /** txid of the PREORDER: pins this registration for ever. */
  readonly tenure: string;
}

const SALT_BYTES = 8;

/** Plans PREORDER and REGISTER, or goes on with a registration that the journal still holds. */
export async function planRegister(
  core: WriterCore,
  given: string,
  options: RegisterOptions,
): Promise<WritePlan<RegisterHandle>> {
  const name = parseName(given);
  const [pending] = (await core.journal.entries(name)).filter(({ kind }) => kind === "register");
  if (pending !== undefined) return continued(core, pending, options);
  const required = core.required(options, "object");
  await assertFree(core, name, options);
  await assertBeaconQuiet(core, name, options);

  const { network } = core.parts.core.parts;
  const accounts = await core.accounts();
  const [owner] = accounts;
  if (owner === undefined) throw invalidArgument("wallet", "a wallet with an account", accounts);
  const profile: Profile = core.newProfile(name, {
    ...(options.about === undefined ? {} : { about: options.about }),
    ...(options.storage === undefined ? {} : { storage: options.storage }),
  });
  const profileBytes = encodeProfile(profile);
  const profileHash = sha256(profileBytes);
  const salt = core.parts.random.bytes(SALT_BYTES);
  const reserved = await core.reserved();
  const plan = planRegistration({
    network,
    name,
    salt,
    owner,
    profileHash,
    coins: await core.desk.coins(accounts, options.signal),
    changeScript: owner.script,
    feeRateSatsPerVbyte: await core.desk.feeRate(options.feeRateSatsPerVbyte, options.signal),
    reserveUpdates: options.reserveUpdates,
    feeGuards: core.feeGuards(options),
    reserved,
  });
  return {
    cost: plan.cost,
    approvals: 1,
    transactions: plan.transactions.map(({ psbt, txid, description }) => ({ psbt, txid, description })),
    affectedIds: [],
    run: async ({ signal = options.signal } = {}) => {
      const [preorder, register] = await core.sign(plan.transactions, options);
      if (preorder === undefined || register === undefined) throw invalidArgument("wallet", "two transactions", plan);
      throwIfAborted(signal, `The registration of ${name}`);
      const entry: JournalEntry = {
        id: core.newId(),
        kind: "register",
        name,
        tenure: plan.tenure,
        spends: null,
        salt,
        profileHash,
        transactions: [
          { kind: "preorder", txid: preorder.txid, raw: preorder.raw },
          { kind: "register", txid: register.txid, raw: register.raw },
        ],
        objects: [profileBytes],
        affectedIds: [],
        floors: [],
        removes: [],
        parts: [],
        ready: true,
        required,
        createdAtMs: core.parts.clock.nowMs(),
      };
      // Before anything is sent: a PREORDER whose salt is lost can never be followed by its REGISTER.
      await core.journal.put(entry);
      return start(core.operation(entry, { resumed: false }), { ...options, signal });
    },
  };
}

async function start(operation: PendingOperation, options: RegisterOptions): Promise<RegisterHandle> {
  const { signal, timeoutMs, onEvent } = options;
  await operation.wait({ until: "broadcast", signal, timeoutMs, onEvent });
  return handleOf(operation, { tenure: operation.entry.tenure });
}

function continued(core: WriterCore, entry: JournalEntry, options: RegisterOptions): WritePlan<RegisterHandle> {
  return {
    cost: noCost,
    approvals: 0,
    transactions: [],
    affectedIds: [],
    run: ({ signal = options.signal } = {}) => start(core.operation(entry, { resumed: true }), { ...options, signal }),
  };
}

async function assertFree(core: WriterCore, name: Name, options: RegisterOptions): Promise<void> {
  const { tipState } = await core.session(`The state of ${name}`, options, (session) =>
    core.parts.core.resolve(name, session),
  );
  if (tipState.status === "free") return;
  const details = { name, tenure: tipState.tenure ?? "" };
  const until = tipState.changesAtHeight === null ? "" : ` until at least height ${tipState.changesAtHeight}`;
  throw new HawserError("CONFLICT_NAME_TAKEN", `${name} is ${tipState.status}${until}.`, details);
}

/** V8: entries before the REGISTER can never be skipped, so a flooded beacon makes every cold read expensive. */
async function assertBeaconQuiet(core: WriterCore, name: Name, options: RegisterOptions): Promise<void> {
  if (options.force === true) return;
  const { network, sources, clock } = core.parts.core.parts;
  const panel = createPanel(sources, clock, options.signal);
  const script = beaconScript(name, network);
  const histories = await Promise.all(panel.seats.map((seat) => askHistory(panel, seat, script)));
  const entries = histories.reduce((most, history) => Math.max(most, history?.length ?? 0), 0);
  const max = limits.beaconMaxEntriesBeforeRegister;
  if (entries <= max) return;
  throw new HawserError(
    "NAME_BEACON_FLOODED",
    `The beacon of ${name} already has ${entries} entries, more than ${max}; pass force to register all the same.`,
    { name, entries, max },
  );
}
