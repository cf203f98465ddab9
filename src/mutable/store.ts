import { equalBytes } from "../bytes/bytes.js";
import { limits } from "../limits.js";
import type { StorageProvider, WriteCondition } from "../ports.js";
import { confirmStored } from "../route/confirm-write.js";
import { fetchOne, type ReplicaReply } from "../route/fetch.js";
import {
  isAmbiguous,
  openEach,
  type ProviderOutcome,
  storeOnEach,
  type WriteOptions,
  waitToWriteAgain,
  writeOnce,
} from "../route/provider-writes.js";
import { keepersOf } from "../route/replicas.js";
import { isFromFuture } from "./select.js";
import { type SurveyedReplica, type SurveyInput, surveyFetch } from "./survey.js";
import { type Candidate, type CheckedReply, verifyReplies } from "./verify-replies.js";

const MAX_TRIES = 3;

/** A signed record on its way to the providers. */
export interface StoreInput {
  readonly survey: SurveyInput;
  /** What each provider held when the version was chosen. */
  readonly replicas: readonly SurveyedReplica[];
  /** Section 10's path. */
  readonly path: string;
  readonly candidate: Candidate;
  /** Whether the same data under the same version counts as another writer's unless it is the same bytes. Default false. */
  readonly alone?: boolean | undefined;
  /**
   * Whether providers that write conditionally are written to one after the other, in the order of their labels, which is
   * the same for every writer. A race is then lost before anything is stored: nobody builds on data that is to be made
   * anew. Default false: all at once.
   */
  readonly inTurn?: boolean | undefined;
  /** Providers that must hold it (W7): so many are written to although they took no writes of late. Default 1. */
  readonly required?: number | undefined;
}

/** What became of the record at the providers. */
export interface Stored {
  /** Those that could not be opened, then those that write conditionally; without those that were not asked any more. */
  readonly providers: readonly ProviderOutcome[];
  /** The highest record that another writer stored first, or null: where there is one this write lost a race (W5). */
  readonly movedTo: Candidate | null;
}

/**
 * Stores a record on every provider that keeps records. Those that write conditionally come first: if another writer was faster there, the
 * others, where a race would go unseen, are left alone.
 *
 * @throws NETWORK_ABORTED
 */
export async function storeRecord(input: StoreInput): Promise<Stored> {
  const { clock, signal, policy, recordTimeoutMs } = input.survey;
  const timeoutMs = recordTimeoutMs ?? policy?.settings.recordTimeoutMs ?? limits.recordTimeoutMs;
  const options: WriteOptions = { clock, signal, policy, timeoutMs };
  const rivals: Candidate[] = [];
  const { ready, failed } = await openEach(keepersOf(input.survey.storage, "record"), input.required ?? 1, options);
  const outcomes = [...failed];
  const conditional = ready.filter((provider) => provider.conditional);
  const first = input.inTurn === true ? inTurn(conditional) : [conditional];
  for (const group of [...first, ready.filter((provider) => !provider.conditional)]) {
    if (rivals.length > 0 || group.length === 0) continue;
    outcomes.push(...(await storeOnEach(group, options, (provider) => storeOne(provider, input, options, rivals))));
  }
  const [found = null, ...others] = rivals;
  const highest = others.reduce(
    (best, other) => (best !== null && best.record.ver >= other.record.ver ? best : other),
    found,
  );
  return { providers: outcomes, movedTo: highest };
}

function inTurn(providers: readonly StorageProvider[]): readonly (readonly StorageProvider[])[] {
  return [...providers].sort((a, b) => (a.label < b.label ? -1 : 1)).map((provider) => [provider]);
}

interface There {
  readonly reply: ReplicaReply;
  readonly checked: CheckedReply;
}

async function storeOne(
  provider: StorageProvider,
  input: StoreInput,
  options: WriteOptions,
  rivals: Candidate[],
): Promise<ProviderOutcome> {
  const { label } = provider;
  const surveyed = input.replicas.find(({ replica }) => replica.provider === provider);
  let there: There | undefined = surveyed;
  const startedAtMs = options.clock.nowMs();
  for (let tries = 0; tries < MAX_TRIES && there !== undefined; tries++) {
    const { reply, checked } = there;
    // A provider whose content is unknown may hold something newer, which a write would bury.
    if (checked.kind === "unreachable") return { label, outcome: "failed", attempt: checked.attempt };
    const found = checked.kind === "verified" ? checked.candidate : null;
    if (found !== null && sameRecord(found, input)) return { label, outcome: "held", attempt: null };
    if (found !== null && isRival(found, input)) return movedBy(provider, found, rivals);
    const condition = conditionFor(provider, reply);
    // W5: without a tag the write would be unconditional, and bury what a faster writer stores in between.
    if (provider.conditional && condition === undefined) {
      const message = "It gave no strong ETag with the record, so it cannot be replaced conditionally.";
      return { label, outcome: "failed", attempt: { label, code: "no-tag", message } };
    }
    const write = { kind: "record" as const, ...(condition === undefined ? {} : { condition }) };
    let lost: { readonly error: unknown } | null = null;
    try {
      if ((await writeOnce(provider, input.path, input.candidate.body, write, options)) === "stored") {
        return await confirmStored(provider, input.path, options, () =>
          outcomeThere(provider, surveyed, input, rivals),
        );
      }
    } catch (error) {
      // Without a condition it was repeated already, where that makes sense.
      if (condition === undefined || !isAmbiguous(error)) throw error;
      lost = { error };
    }
    there = surveyed === undefined ? undefined : await lookAgain(surveyed, input);
    if (lost === null) continue;
    // Only the answer was lost: the very bytes are there.
    if (there !== undefined && hasBytes(there, input)) return { label, outcome: "stored", attempt: null };
    const other = there?.checked.kind === "verified" ? there.checked.candidate : null;
    if (other !== null && isRival(other, input)) return movedBy(provider, other, rivals);
    const mayRepeat = there !== undefined && there.checked.kind !== "unreachable";
    if (!mayRepeat || !(await waitToWriteAgain(lost.error, tries + 1, options, startedAtMs))) throw lost.error;
  }
  const attempt = { label, code: "moved", message: "What it holds keeps changing." };
  return { label, outcome: "failed", attempt };
}

function movedBy({ label }: StorageProvider, rival: Candidate, rivals: Candidate[]): ProviderOutcome {
  rivals.push(rival);
  const message = `Another writer stored version ${rival.record.ver} first.`;
  return { label, outcome: "moved", attempt: { label, code: "moved", message } };
}

function hasBytes({ reply }: There, { candidate }: StoreInput): boolean {
  return reply.outcome === "bytes" && equalBytes(reply.bytes, candidate.body);
}

/** What became of a write as what lies there shows it; null where that is neither the record nor another writer's. */
async function outcomeThere(
  provider: StorageProvider,
  surveyed: SurveyedReplica | undefined,
  input: StoreInput,
  rivals: Candidate[],
): Promise<ProviderOutcome | null> {
  const { label } = provider;
  const there = surveyed === undefined ? undefined : await lookAgain(surveyed, input);
  if (there === undefined) return null;
  if (there.checked.kind === "unreachable") return { label, outcome: "failed", attempt: there.checked.attempt };
  const found = there.checked.kind === "verified" ? there.checked.candidate : null;
  if (found === null || !isRival(found, input)) return null;
  // Whoever wrote above it saw it; two under one version are a race that nobody noticed.
  const isAbove = found.record.ver > input.candidate.record.ver;
  if (isAbove || hasBytes(there, input)) return { label, outcome: "stored", attempt: null };
  return sameRecord(found, input) ? { label, outcome: "held", attempt: null } : movedBy(provider, found, rivals);
}

function sameRecord(found: Candidate, { candidate: ours, alone = false }: StoreInput): boolean {
  const same = found.record.ver === ours.record.ver && found.sha256 === ours.sha256;
  return same && (!alone || found.record.sig === ours.record.sig);
}

/** Whether a record is another writer's that this one must not overwrite; readers drop one from the future (M10). */
function isRival(found: Candidate, { candidate, survey }: StoreInput): boolean {
  const { ver } = found.record;
  return ver >= candidate.record.ver && !isFromFuture(survey.route, ver, survey.clock.nowMs());
}

function conditionFor(provider: StorageProvider, reply: ReplicaReply): WriteCondition | undefined {
  if (!provider.conditional) return undefined;
  if (reply.outcome === "absent") return { ifAbsent: true };
  return reply.outcome === "bytes" && reply.tag !== null ? { ifTag: reply.tag } : undefined;
}

/** After a refused condition: the same bytes mean that an earlier try went through although its answer was lost. */
async function lookAgain({ replica }: SurveyedReplica, { survey }: StoreInput): Promise<There | undefined> {
  const reply = await fetchOne(replica, surveyFetch(survey));
  const [checked] = verifyReplies({ ...survey, replies: [reply] });
  return checked === undefined ? undefined : { reply, checked };
}
