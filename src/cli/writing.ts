import { stat } from "node:fs/promises";
import { isHawserError } from "../errors.js";
import type { Signer } from "../ports.js";
import { systemRandom } from "../runtime/random.js";
import { decodeKeyFile, type PrivateKeyWallet, privateKeySigner, privateKeyWallet } from "../wallet/private-key.js";
import {
  createWriter,
  type OperationHandle,
  type PlanCost,
  type WriteOptions,
  type WritePlan,
  type Writer,
} from "../writer.js";
import type { Invocation } from "./command.js";
import type { Settings } from "./config.js";
import { fileUnusable, readFileAtMost } from "./files.js";
import { missingSetting, type Reading, withReader } from "./reading.js";
import { count } from "./text.js";
import { readWord, usageError } from "./usage.js";

/** A reader with a writer over it. */
export interface Writing extends Reading {
  readonly writer: Writer;
  readonly signer: Signer;
  /** Options of every write. */
  readonly writeOptions: WriteOptions;
}

const KEY_FILE_MAX_BYTES = 4096;

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
    const privateKey = await readKey(invocation, settings);
    const storage = stores.filter(({ setting }) => setting.writable === true).map(({ provider }) => provider);
    if (storage.length === 0) {
      throw missingSetting("stores", "no store to write to is named", "--write-store URL, HAWSER_WRITE_STORES");
    }
    const wallet = privateKeyWallet({ privateKey, network: settings.network, random: systemRandom });
    const signer = privateKeySigner({ privateKey, random: systemRandom });
    const writer = createWriter({ reader, storage, wallet, signer, required: settings.required });
    const { feeRateSatsPerVbyte, maxFeeSats, timeoutMs } = settings;
    const writeOptions = { feeRateSatsPerVbyte, maxFeeSats, timeoutMs, signal, waitFor, onEvent: output.progress };
    try {
      return await run({ ...reading, writer, signer, writeOptions });
    } catch (error) {
      hint(invocation, wallet, error);
      throw error;
    }
  });
}

/** What a write came to. */
export interface Carried<Handle extends OperationHandle> {
  readonly handle: Handle;
  readonly cost: PlanCost;
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
): Promise<Carried<Handle> | null> {
  const { cost, transactions, affectedIds } = plan;
  if (args.isSet("plan")) {
    if (output.json) {
      await output.document({
        plan: {
          cost: costJson(cost),
          transactions: transactions.map(({ description }) => ({ description })),
          affectedIds,
        },
      });
      return null;
    }
    await output.line(transactions.length === 0 ? "No new transaction is needed." : costLine(cost));
    // No txid: the write itself draws a new salt and may find other coins.
    for (const { description } of transactions) await output.line(`  ${description}`);
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
  if (bondSats > 0n) parts.push(`${bondSats} sat bond (comes back with a release)`);
  if (reserveSats > 0n) parts.push(`${reserveSats} sat for the fees of later updates`);
  if (beaconSats > 0n) parts.push(`${beaconSats} sat to the name's beacon`);
  return `Cost: ${parts.join(", ")}`;
}

async function readKey({ output }: Invocation, { keyFile, network }: Settings): Promise<Uint8Array> {
  if (keyFile === undefined) {
    const reason = 'no key is named ("hawser keygen --out FILE" makes one)';
    throw missingSetting("keyFile", reason, "--key-file FILE, HAWSER_KEY_FILE");
  }
  let bytes: Uint8Array;
  try {
    bytes = await readFileAtMost(keyFile, KEY_FILE_MAX_BYTES);
  } catch (error) {
    // Whoever types the key itself in place of the file must not find it in a log.
    if (looksLikeKey(keyFile))
      throw fileUnusable("the key file (not shown: it looks like a key)", "read", "no such file");
    if (isHawserError(error, "INPUT_TOO_LARGE")) throw fileUnusable(keyFile, "read", "it is too large for a key file");
    throw error;
  }
  const privateKey = decodeKeyFile(new TextDecoder().decode(bytes), network);
  const { mode } = await stat(keyFile);
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    await output.warning(`hawser: warning: others may read ${keyFile}; "chmod 600" it.`);
  }
  return privateKey;
}

function looksLikeKey(text: string): boolean {
  return /^(?:(?:0x)?[0-9a-f]{64}|[5KLc9][1-9A-HJ-NP-Za-km-z]{50,51})$/i.test(text.trim());
}

function hint({ output }: Invocation, wallet: PrivateKeyWallet, error: unknown): void {
  if (isHawserError(error, "WALLET_FUNDS_INSUFFICIENT")) {
    output.hint(`Fund ${wallet.addresses.join(" or ")} and wait for a confirmation.`);
  } else if (isHawserError(error, "NETWORK_ABORTED") || isHawserError(error, "CHAIN_TIMEOUT")) {
    output.hint("What was sent stays sent. Run the same command again to go on with it.");
  }
}
