import { assertInteger } from "../bytes/guards.js";
import { type Filled, fillHeaders, type Supply } from "../chain/fill-headers.js";
import type { HeaderChain } from "../chain/header-chain.js";
import type { Network } from "../chain/network.js";
import { everySourceForeign } from "../chain/source-network.js";
import { askTips, syncHeaders, type Tips } from "../chain/sync-headers.js";
import { createPanel, dissolve, type Panel, type SourceVerdict, verdictOf } from "../chain/union.js";
import { type Attempt, attemptOf, HawserError } from "../errors.js";
import { limits } from "../limits.js";
import { describeBlocks } from "../name/as-of.js";
import type { AsOf } from "../name/resolution.js";
import type { ChainSource, Clock, HeaderSource, ProgressEvent } from "../ports.js";

/** The part of a reader that holds its headers. */
export interface HeaderKeeper {
  readonly parts: {
    readonly network: Network;
    readonly sources: readonly ChainSource[];
    readonly headerSources?: readonly HeaderSource[] | undefined;
    readonly clock: Clock;
    readonly minConfirmations: number;
  };
  chain(): Promise<HeaderChain>;
  adopt(chain: HeaderChain): Promise<void>;
  run<T>(
    what: string,
    options: HeaderSyncOptions,
    read: (session: { readonly signal: AbortSignal }) => Promise<T>,
  ): Promise<T>;
}

/** Options of `syncHeaders` of a reader. */
export interface HeaderSyncOptions {
  /** Aborts with `NETWORK_ABORTED`; what was verified by then is stored. */
  readonly signal?: AbortSignal | undefined;
  /** ms - for the whole of it. Default one hour; what was verified by then is stored. */
  readonly timeoutMs?: number | undefined;
  /** `done` of `total` headers, which are as many as the sources say. */
  readonly onEvent?: ((event: ProgressEvent) => void) | undefined;
}

/** What `syncHeaders` of a reader did. `height`, `hash` and `time` are those of the best chain's tip. */
export interface HeaderSync extends Omit<AsOf, "partial" | "sources" | "tipHeight"> {
  /** Work of the best chain, hex. */
  readonly work: string;
  /** Height of the stored chain before. */
  readonly from: number;
  /** Headers that came on top of it; after a reorganisation more were new than this says. */
  readonly added: number;
  /** What each chain source was worth, and how many headers were taken from it in bulk. */
  readonly sources: readonly { readonly label: string; readonly verdict: SourceVerdict; readonly headers: number }[];
  /** Likewise the header sources, and why one was left before it had given all. */
  readonly headerSources: readonly {
    readonly label: string;
    readonly headers: number;
    readonly failure: Attempt | null;
  }[];
}

/** Rounds: while a long sync runs the chain goes on, and in the end a few blocks are missing again. */
const MAX_ROUNDS = 3;

/** Brings the stored chain up to the sources' (V1). See `Reader.syncHeaders`. */
export async function syncReaderHeaders(core: HeaderKeeper, options: HeaderSyncOptions): Promise<HeaderSync> {
  const { timeoutMs = limits.headerSyncTimeoutMs, signal, onEvent } = options;
  return core.run("The header sync", { timeoutMs, signal, onEvent }, async (session) => {
    const { parts } = core;
    const panel = createPanel(parts.sources, parts.clock, session.signal);
    try {
      const before = await core.chain();
      const supplies: Supply[] = [];
      let chain = before;
      for (let round = 0; round < MAX_ROUNDS; round++) {
        onEvent?.({ stage: "headers", message: "Asking the chain sources for their tips" });
        const tips = await askTips(panel);
        const filled = await fillStored(core, panel, tips, chain, onEvent);
        supplies.push(...filled.supplies);
        chain = await syncHeaders(panel, tips, filled.chain);
        await core.adopt(chain);
        if (filled.supplies.length === 0) break;
      }
      if (panel.seats.every((seat) => seat.chain === null)) throw unanswered(core, panel);
      return describe(core, panel, before, chain, supplies);
    } finally {
      dissolve(panel);
    }
  });
}

/** Fills in many missing headers (V1) and keeps them as they come. */
export function fillStored(
  core: HeaderKeeper,
  panel: Panel,
  tips: Tips,
  held: HeaderChain,
  onEvent: HeaderSyncOptions["onEvent"],
): Promise<Filled> {
  const { headerSources = [] } = core.parts;
  return fillHeaders(panel, tips, held, { headerSources, save: (chain) => core.adopt(chain), onEvent });
}

function unanswered(core: HeaderKeeper, panel: Panel): HawserError {
  const foreign = everySourceForeign(panel, core.parts.network);
  if (foreign !== null) return foreign;
  const attempts = panel.seats.map((seat) => attemptOf(seat.label, seat.failure));
  const message = "No chain source gave headers that build on the checkpoint.";
  return new HawserError("CHAIN_UNAVAILABLE", message, { needed: 1, answered: 0, attempts });
}

function describe(
  { parts }: HeaderKeeper,
  panel: Panel,
  before: HeaderChain,
  chain: HeaderChain,
  supplies: readonly Supply[],
): HeaderSync {
  const { tipHeight: height, ...tip } = describeBlocks(chain, chain.tipHeight, chain.tipHeight, parts.clock.nowMs());
  // As a read would judge them: one that lacks the newest block is not behind for that.
  const judgedAt = Math.max(chain.baseHeight, chain.tipHeight - parts.minConfirmations + 1);
  const given = (label: string, isHeaderSource: boolean): { headers: number; failure: HawserError | null } => {
    const own = supplies.filter((one) => one.label === label && one.isHeaderSource === isHeaderSource);
    const headers = own.reduce((sum, one) => sum + one.headers, 0);
    return { headers, failure: own.find(({ failure }) => failure !== null)?.failure ?? null };
  };
  return {
    ...tip,
    height,
    work: chain.work.toString(16),
    from: before.tipHeight,
    added: chain.tipHeight - before.tipHeight,
    sources: panel.seats.map((seat) => {
      return {
        label: seat.label,
        verdict: verdictOf(seat, chain, judgedAt, true),
        headers: given(seat.label, false).headers,
      };
    }),
    headerSources: (parts.headerSources ?? []).map(({ label }) => {
      const { headers, failure } = given(label, true);
      return { label, headers, failure: failure === null ? null : attemptOf(label, failure) };
    }),
  };
}

/**
 * The headers of a chain from a height on, in pieces of at most 2,016.
 *
 * @throws INPUT_INVALID
 */
export function* exportChain(chain: HeaderChain, from = chain.baseHeight + 1): Generator<Uint8Array> {
  assertInteger("from", from, chain.baseHeight + 1, chain.tipHeight + 1);
  for (let start = from; start <= chain.tipHeight; start += limits.headersPerCall) {
    yield chain.rawRange(start, Math.min(limits.headersPerCall, chain.tipHeight - start + 1));
  }
}
