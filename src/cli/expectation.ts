import { decodeHex, isHex } from "../bytes/hex.js";
import { getNetwork, type NetworkId } from "../chain/network.js";
import { isOwnerScript } from "../chain/script.js";
import type { ReadPolicy } from "../client/policy.js";
import type { ReadOptions } from "../client/read-options.js";
import { isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Arguments } from "./command.js";
import { isMissing, readFileAtMost } from "./files.js";
import { usageError } from "./usage.js";

/**
 * What `--hint`, `--expect-tenure` and `--expect-owner` say, for commands that have them.
 *
 * @throws INPUT_INVALID, INPUT_FILE_UNUSABLE, INPUT_TOO_LARGE
 */
export async function readExpectations(
  args: Arguments,
  networkId: NetworkId,
): Promise<Pick<ReadOptions, "hint" | "expect">> {
  if (!args.declares("hint")) return {};
  const tenure = readTxid(args, "expect-tenure");
  const hint = await readHint(args.text("hint"));
  const owner = args.text("expect-owner");
  const ownerScript = owner === undefined ? undefined : await readOwner(owner, networkId);
  return { hint, expect: tenure === undefined && ownerScript === undefined ? undefined : { tenure, ownerScript } };
}

const POLICIES: readonly ReadPolicy[] = ["network", "network-first", "cache-first", "cache-only"];

/** What `--policy` says, for commands that have it. @throws INPUT_INVALID */
export function readPolicy(args: Arguments): ReadPolicy | undefined {
  const text = args.declares("policy") ? args.text("policy") : undefined;
  const policy = POLICIES.find((one) => one === text);
  if (policy !== undefined || text === undefined) return policy;
  throw usageError("--policy", "network, network-first, cache-first or cache-only", JSON.stringify(text.slice(0, 80)));
}

/** A txid, or what the file of that name holds. */
async function readHint(text: string | undefined): Promise<ReadOptions["hint"]> {
  if (text === undefined) return undefined;
  const got = JSON.stringify(text.slice(0, 80));
  if (isHex(text, 32)) return text;
  try {
    return { bundle: await readFileAtMost(text, limits.bundleMaxBytes) };
  } catch (error) {
    if (!isHawserError(error) || !isMissing(error.cause)) throw error;
    const expected = "a txid of 64 lower-case hex digits, or a file that holds a bundle";
    throw usageError("--hint", expected, got);
  }
}

/** @throws INPUT_INVALID */
export function readTxid(args: Arguments, flag: string): string | undefined {
  const text = args.text(flag);
  if (text === undefined) return undefined;
  const got = JSON.stringify(text.slice(0, 80));
  if (!isHex(text, 32)) throw usageError(`--${flag}`, "a txid of 64 lower-case hex digits", got);
  return text;
}

/** The script in hex, as `name show` prints it, or the address of one. */
async function readOwner(text: string, networkId: NetworkId): Promise<Uint8Array> {
  if (isHex(text)) {
    const script = decodeHex(text);
    if (isOwnerScript(script)) return script;
  }
  const network = getNetwork(networkId);
  // Reads need nothing else of the writer's code.
  const { scriptOfAddress } = await import("../plan/address.js");
  try {
    return scriptOfAddress(text, network);
  } catch (error) {
    if (!isHawserError(error, "INPUT_INVALID")) throw error;
    const expected = `a P2WPKH, P2WSH or P2TR script in hex, or an address of one (${network.bech32Prefix}1...)`;
    throw usageError("--expect-owner", expected, JSON.stringify(text.slice(0, 80)));
  }
}
