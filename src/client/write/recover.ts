import { equalBytes } from "../../bytes/bytes.js";
import { HawserError } from "../../errors.js";
import { type FundingCoin, outpointKey } from "../../plan/coin-selection.js";
import { planRecover } from "../../plan/recover.js";
import { handleOf } from "./handle.js";
import type { OperationHandle } from "./operation.js";
import type { WriteOptions, WritePlan } from "./plan.js";
import { assertNotBeingUnsealed, heldPosition, profileHashOf, standOf } from "./position.js";
import { planContinued, planSingle, type SingleOperation } from "./single.js";
import type { WriterCore } from "./writer-core.js";

/** Options of `recoverName`. */
export interface RecoverOptions extends WriteOptions {
  /** Updates that the new seal can pay for at this fee rate. Default 20. */
  readonly reserveUpdates?: number | undefined;
}

/** Plans the RECOVER of an unsealed name with the profile that it has (C8), or goes on with the one that is journalled. */
export async function planRecoverName(
  core: WriterCore,
  given: string,
  options: RecoverOptions,
): Promise<WritePlan<OperationHandle>> {
  const stand = await standOf(core, given, options);
  const position = heldPosition(stand);
  const { name, ownerScript, lost } = position;
  const begun = position.entries.find((entry) => entry.kind === "recover" && !lost.includes(entry));
  if (begun !== undefined) return planContinued(core, begun, options);
  const { unsealed } = position.resolution.tipState;
  if (unsealed === null) {
    assertNotBeingUnsealed(position);
    throw new HawserError("NAME_SEALED", `${name} has its seal; there is nothing to recover.`, { name });
  }
  const owner = await core.ownerAccount(name, ownerScript);
  const profileHash = profileHashOf({ ...position, stack: [] });
  const operation: SingleOperation = {
    kind: "recover",
    spends: unsealed.txid,
    profileHash,
    objects: [],
    affectedIds: [],
    needsCoins: true,
    plan: ({ coins = [], reserved = new Set<string>(), voids = [], ...funds }) => {
      const [authority] = authorities(coins, owner.script, reserved, voids);
      const { reserveUpdates } = options;
      if (authority !== undefined) {
        return planRecover({
          ...funds,
          name,
          authority,
          voids: voids.filter((coin) => coin !== authority),
          coins,
          reserved,
          profileHash,
          reserveUpdates,
        });
      }
      // C2: nothing but an output of the owner script authorises a RECOVER.
      const message = `The owner script of ${name} holds no confirmed coin, which a RECOVER must spend; pay it one.`;
      throw new HawserError("WALLET_FUNDS_INSUFFICIENT", message, { neededSats: "1", availableSats: "0" });
    },
  };
  return planSingle(core, position, operation, options, (pending) => handleOf(pending, {}));
}

/** Outputs of the owner script that may authorise: first those that are to be made void anyway, then the largest. */
function authorities(
  coins: readonly FundingCoin[],
  ownerScript: Uint8Array,
  reserved: ReadonlySet<string>,
  voids: readonly FundingCoin[],
): readonly FundingCoin[] {
  const free = coins
    .filter(({ account, outpoint }) => equalBytes(account.script, ownerScript) && !reserved.has(outpointKey(outpoint)))
    .sort((a, b) => (a.valueSats < b.valueSats ? 1 : a.valueSats > b.valueSats ? -1 : 0));
  return [...voids.filter(({ account }) => equalBytes(account.script, ownerScript)), ...free];
}
