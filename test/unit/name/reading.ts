import { HeaderChain } from "../../../src/chain/header-chain.js";
import type { SourceVerdict } from "../../../src/chain/union.js";
import { type ErrorCode, HawserError, isHawserError } from "../../../src/errors.js";
import type { Resolution, ResolveInput } from "../../../src/name/resolution.js";
import { type ResolveOutcome, resolveName } from "../../../src/name/resolve.js";
import { decodeStoredName, encodeStoredName, nothingStored } from "../../../src/name/stored-name.js";
import type { ChainSource, Clock } from "../../../src/ports.js";
import { LATE_MS } from "../chain/mining.js";
import { FakeClock } from "../fake-clock.js";
import type { World } from "./builder.js";

/** One read of a world's name; what is left out is what a new reader would use. */
export interface Reading extends Partial<Omit<ResolveInput, "network" | "name" | "sources">> {
  readonly world: World;
  readonly sources: readonly ChainSource[];
  readonly clock?: Clock;
  /** The read before this one, of which the reader kept chain and operations. */
  readonly after?: ResolveOutcome;
}

export function readOutcome({ world, sources, after, ...rest }: Reading): Promise<ResolveOutcome> {
  const { network, name } = world;
  return resolveName({
    network,
    name,
    sources,
    clock: new FakeClock(LATE_MS),
    chain: after?.chain ?? HeaderChain.fromCheckpoint(network),
    // As it comes back from a cache.
    stored: after === undefined ? nothingStored : decodeStoredName(encodeStoredName(after.stored), "stored"),
    minSources: Math.min(2, sources.length),
    minConfirmations: 1,
    requireAllSources: false,
    ...rest,
  });
}

/** The resolution that an outcome holds; its error is thrown. */
export function resolutionOf({ result }: ResolveOutcome): Resolution {
  if (result instanceof HawserError) throw result;
  return result;
}

export async function read(reading: Reading): Promise<Resolution> {
  return resolutionOf(await readOutcome(reading));
}

/** The error that a read ends with, which must have `code`. */
export async function failureOf<Code extends ErrorCode>(code: Code, reading: Reading): Promise<HawserError<Code>> {
  const { result } = await readOutcome(reading);
  if (isHawserError(result, code)) return result;
  throw result instanceof HawserError ? result : new Error(`expected ${code}, got a resolution`);
}

export function verdicts({ asOf }: Resolution): Record<string, SourceVerdict> {
  return Object.fromEntries(asOf.sources.map(({ label, verdict }) => [label, verdict]));
}

/** The code that each source's attempt ended with. */
export function attemptCodes({ details }: HawserError<"CHAIN_UNAVAILABLE">): Record<string, string> {
  return Object.fromEntries(details.attempts.map(({ label, code }) => [label, code]));
}
