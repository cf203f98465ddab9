import type { PlanCost } from "../../plan/registration.js";
import type { ProgressEvent } from "../../ports.js";
import type { OperationHandle } from "./operation.js";

/** Options of every write. */
export interface WriteOptions {
  /** sat/vB. Default: the median over all sources (W9). */
  readonly feeRateSatsPerVbyte?: number | undefined;
  /** sat/vB - refuse above with `INPUT_FEE_TOO_HIGH`. Default 500. */
  readonly maxFeeRateSatsPerVbyte?: number | undefined;
  /** sat - refuse a write whose transactions cost more in all. Default: none. */
  readonly maxFeeSats?: bigint | undefined;
  /** Providers that must hold the bytes (W7). Default: the writer's, which is 1. */
  readonly required?: number | undefined;
  /**
   * How often a change that lost its seal to another operation (CONFLICT_NAME_MOVED, W4) is made again on the newer state:
   * planned, signed and sent anew, while it runs or is waited for. It then also waits, instead of failing with
   * CONFLICT_PENDING, until what stands in its way is mined. What is signed after that is not what a plan showed.
   * `registerName` takes no notice of it. Default 0.
   */
  readonly rebase?: number | undefined;
  /** What the direct methods wait for. Default `depth`. */
  readonly waitFor?: "broadcast" | "depth" | undefined;
  /** ms - stop waiting with `CHAIN_TIMEOUT`; the operation stays journalled. Default: none. */
  readonly timeoutMs?: number | undefined;
  /**
   * Whether what an earlier run journalled of the name is sent again first, a registration until it is at depth. Default:
   * true for the direct methods, false for plans, which have no effect until they run.
   */
  readonly finishPending?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: ProgressEvent) => void) | undefined;
}

/** What a write will do, before it has any effect. */
export interface WritePlan<Handle extends OperationHandle> {
  /** All zero for a write without transaction, and for one that goes on with a journalled operation. */
  readonly cost: PlanCost;
  /** How often the wallet will ask its person. */
  readonly approvals: number;
  readonly transactions: readonly {
    /** BIP174, version 0, unsigned. */
    readonly psbt: Uint8Array;
    readonly txid: string;
    readonly description: string;
  }[];
  /** Keys of the index that it changes, such as `m:settings`. */
  readonly affectedIds: readonly string[];
  /** Signs exactly what this plan shows, journals it, stores the data and sends the first transaction. Once only. */
  run(options?: { readonly signal?: AbortSignal | undefined }): Promise<Handle>;
}

/** The cost of a write that sends nothing new. */
export const noCost: PlanCost = { feeSats: 0n, bondSats: 0n, reserveSats: 0n, beaconSats: 0n };
