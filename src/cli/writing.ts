import {
  createWriter,
  type OperationHandle,
  type PlanCost,
  type WriteOptions,
  type WritePlan,
  type Writer,
} from "../writer.js";
import type { Invocation } from "./command.js";
import { hintOf } from "./hints.js";
import { type Keys, loadKeys } from "./keys.js";
import type { Cell } from "./output.js";
import { missingSetting, type Reading, withReader } from "./reading.js";
import { count } from "./text.js";
import { readWord, usageError } from "./usage.js";

/** A reader with a writer over it. */
export interface Writing extends Reading {
  readonly writer: Writer;
  readonly keys: Keys;
  /** Options of every write. */
  readonly writeOptions: WriteOptions;
}

/**
 * Runs with a writer, whose cache is closed afterwards.
 *
 * @throws INPUT_CONFIG_INVALID, INPUT_KEY_INVALID, INPUT_FILE_UNUSABLE, and as `withReader`
 */
export function withWriter<T>(invocation: Invocation, run: (writing: Writing) => Promise<T>): Promise<T> {
  const { args, output, signal } = invocation;
  const given = args.text("wait") ?? "depth";
  const waitFor = readWord(given, (expected, got) => usageError("--wait", expected, got), [
    "broadcast",
    "depth",
  ] as const);
  return withReader(invocation, async (reading) => {
    const { settings, stores, reader } = reading;
    const keys = await loadKeys(invocation, settings);
    const storage = stores.flatMap(({ provider }) => (provider === null ? [] : [provider]));
    if (storage.length === 0) {
      throw missingSetting("stores", "no store to write to is named", "--write-store URL, HAWSER_WRITE_STORES");
    }
    const { wallet, signer } = keys;
    const writer = createWriter({ reader, storage, wallet, signer, required: settings.required });
    const { feeRateSatsPerVbyte, maxFeeSats, timeoutMs } = settings;
    const onEvent = output.progress;
    // A plan shows; what is pending is finished by what writes.
    const finishPending = !(args.declares("plan") && args.isSet("plan"));
    const writeOptions = { feeRateSatsPerVbyte, maxFeeSats, timeoutMs, signal, waitFor, onEvent, finishPending };
    try {
      return await run({ ...reading, writer, keys, writeOptions });
    } catch (error) {
      const hint = hintOf(error, { network: settings.network, addresses: wallet?.addresses ?? [] });
      if (hint !== null) output.hint(hint);
      throw error;
    }
  });
}

/** What a write came to. */
export interface Carried<Handle extends OperationHandle> {
  readonly handle: Handle;
  readonly cost: PlanCost;
}

/** What a command tells about its plan besides cost and transactions. */
export interface PlanNotes {
  /** Rows for a person. */
  readonly rows: readonly (readonly Cell[])[];
  /** The same for programs: members of the plan with `--json`. */
  readonly json: object;
}

/**
 * Carries out a plan; with `--plan` only prints it and gives null.
 *
 * @throws as the methods of the writer
 */
export async function carryOut<Handle extends OperationHandle>(
  { args, output }: Invocation,
  { writeOptions }: Writing,
  plan: WritePlan<Handle>,
  notes: PlanNotes = { rows: [], json: {} },
): Promise<Carried<Handle> | null> {
  const { cost, transactions, affectedIds } = plan;
  if (args.isSet("plan")) {
    if (output.json) {
      await output.document({
        plan: {
          cost: costJson(cost),
          transactions: transactions.map(({ description }) => ({ description })),
          affectedIds,
          ...notes.json,
        },
      });
      return null;
    }
    await output.line(transactions.length === 0 ? "No new transaction is needed." : costLine(cost));
    // No txid: the write itself draws a new salt and may find other coins.
    for (const { description } of transactions) await output.line(`  ${description}`);
    await output.table(notes.rows);
    return null;
  }
  if (transactions.length > 0) await output.note(costLine(cost));
  const { signal, timeoutMs, onEvent, waitFor } = writeOptions;
  const handle = await plan.run({ signal });
  await handle.wait({ until: waitFor, signal, timeoutMs, onEvent });
  output.endProgress();
  for (const { label, attempt } of handle.providers) {
    if (attempt !== null) await output.warning(`hawser: warning: ${label} does not hold the data: ${attempt.message}`);
  }
  return { handle, cost };
}

/** Members that every write prints with `--json`. */
export function operationJson({ handle, cost }: Carried<OperationHandle>): object {
  const { id, txids, state, providers } = handle;
  return { operation: id, state, txids, providers, cost: costJson(cost) };
}

/** How many stores hold the data. */
export function heldLine({ providers }: OperationHandle): string {
  const held = providers.filter(({ outcome }) => outcome === "stored" || outcome === "held").length;
  return `held by ${held} of ${count(providers.length, "store")}`;
}

/** Satoshis as decimal text: JSON numbers are not for money. */
function costJson(cost: PlanCost): object {
  return Object.fromEntries(Object.entries(cost).map(([name, sats]: [string, bigint]) => [name, String(sats)]));
}

function costLine({ feeSats, bondSats, reserveSats, beaconSats }: PlanCost): string {
  const parts = [`${feeSats} sat in fees`];
  if (bondSats < 0n) return `Cost: ${parts.join("")}, and ${-bondSats - reserveSats} sat of the seal come back`;
  if (bondSats > 0n) parts.push(`${bondSats} sat bond (comes back with a release)`);
  if (reserveSats > 0n) parts.push(`${reserveSats} sat for the fees of later updates`);
  if (beaconSats > 0n) parts.push(`${beaconSats} sat to the name's beacon`);
  return `Cost: ${parts.join(", ")}`;
}
