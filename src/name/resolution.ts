import type { HeaderChain } from "../chain/header-chain.js";
import type { Network } from "../chain/network.js";
import type { Tips } from "../chain/sync-headers.js";
import type { Panel, SourceAnswer, SourceRest } from "../chain/union.js";
import type { ChainSource, Clock, ProgressEvent } from "../ports.js";
import type { Name } from "./name.js";
import type { StoredName } from "./stored-name.js";
import type { ThreadState } from "./thread.js";

/** Makes a chain longer where many headers are missing up to the tips; the headers are verified. */
export type FillHeaders = (panel: Panel, tips: Tips, chain: HeaderChain) => Promise<HeaderChain>;

/** Everything that one resolution needs. */
export interface ResolveInput {
  readonly network: Network;
  readonly name: Name;
  readonly sources: readonly ChainSource[];
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** The chain that the reader holds; it competes with what the sources serve (V1). */
  readonly chain: HeaderChain;
  readonly stored: StoredName;
  readonly minSources: number;
  readonly minConfirmations: number;
  readonly requireAllSources: boolean;
  /** txid, in display order, that is said to be of the name's REGISTER, or of a later RECOVER (V8). Nobody vouches. */
  readonly hint?: string | undefined;
  /** Sources that are not asked, by label: they failed too often of late. */
  readonly resting?: ReadonlyMap<string, SourceRest> | undefined;
  /** ms - for which the caller waits in all. */
  readonly timeoutMs?: number | undefined;
  /** Gets many missing headers before the sources are followed. Default: the sources alone give them. */
  readonly fillHeaders?: FillHeaders | undefined;
  readonly onEvent?: ((event: ProgressEvent) => void) | undefined;
}

/** How recent an answer is and who stood for it (V7). */
export interface AsOf {
  /** E of V6: the height at which the state was read. */
  readonly height: number;
  readonly hash: string;
  /** Seconds since the Unix epoch: the time in the header of block `height`. */
  readonly time: number;
  readonly tipHeight: number;
  readonly tipAgeMs: number;
  /** Whether a configured source did not answer (V5). */
  readonly partial: boolean;
  /**
   * Whether this network's checkpoint is shipped without the work and the bits that follow it (section 9): any chain
   * above it competes by the work above it alone. True on testnet4 and signet.
   */
  readonly weakStart: boolean;
  /**
   * Whether blocks of this network need a signature that is not in their headers (V1): nobody checked it, and proof of
   * work alone stands for the chain. True on signet.
   */
  readonly signaturesUnchecked: boolean;
  /** One verdict for each configured source, with what it failed with where it did. */
  readonly sources: readonly SourceAnswer[];
}

/** An operation that is seen but not applied (V6); in the mempool when `height` is null, and then unproven. */
export interface PendingOperation {
  readonly txid: string;
  /** The operation's name, or null for a spend that is none and would unseal the name. */
  readonly kind: string | null;
  readonly height: number | null;
  /** Labels of the sources that say so, while it is unmined; empty for what is proven. */
  readonly reportedBy: readonly string[];
}

export interface Resolution {
  readonly state: ThreadState;
  readonly pending: readonly PendingOperation[];
  readonly asOf: AsOf;
  readonly chain: HeaderChain;
  /** The state at the tip, pending blocks included: what a writer builds on. */
  readonly tipState: ThreadState;
  /** To be kept for the next read. */
  readonly stored: StoredName;
  /** Operations of this thread above b of M6 and up to the tip, applied or not, with their profile hashes. */
  readonly recentOperations: readonly { readonly height: number; readonly profileHash: Uint8Array | null }[];
}
