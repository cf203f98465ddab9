import { unreachable } from "../bytes/guards.js";
import type { HeaderChain } from "../chain/header-chain.js";
import type { Network, NetworkId } from "../chain/network.js";
import { mintVerified, type Verified } from "../crypto/verified.js";
import type { Name } from "../name/name.js";
import type { Bundle } from "./bundle-form.js";
import { assertBundleNetwork, readBundleName } from "./bundle-subject.js";
import { describeState, type NameState } from "./results.js";
import { type BundleChainInput, verifyBundleChain } from "./verify-bundle-chain.js";
import { type BundleData, type BundleDataInput, verifyBundleData } from "./verify-bundle-data.js";

/** Which block a bundle is about: nothing is known of what came after it. */
export interface BundleAsOf {
  /** E of V6, counted from the bundle's last header: the height at which the state was read. */
  readonly height: number;
  readonly hash: string;
  /** Seconds since the Unix epoch: the time in the header of block `height`. */
  readonly time: number;
  /** Height of the bundle's last header. */
  readonly tipHeight: number;
  /** How old the time of that header is; null where the verifier gave no clock. */
  readonly tipAgeMs: number | null;
  /** As in `asOf` of a read. */
  readonly weakStart: boolean;
  /** As in `asOf` of a read. */
  readonly signaturesUnchecked: boolean;
}

/**
 * What a bundle proves. It is no read: nothing tells that whoever made the bundle left nothing out, neither a later
 * operation nor an earlier registration.
 */
export interface ProvenBundle extends BundleData {
  /** Always: of what a bundle leaves out there is no proof. */
  readonly complete: false;
  /** Whether the caller knew the txid of this REGISTER beforehand. It makes nothing complete. */
  readonly registrationPinned: boolean;
  readonly network: NetworkId;
  readonly name: string;
  /** txid of the REGISTER of the present tenure, or of the last one. */
  readonly register: string;
  /** As the operations in the bundle give it. */
  readonly state: Omit<NameState, "pending">;
  readonly asOf: BundleAsOf;
}

/** What a bundle is verified against. */
export interface BundleInput
  extends Omit<BundleChainInput, "name" | "network">,
    Pick<BundleDataInput, "knownFloor" | "nowMs"> {
  readonly network: Network;
  /** The name that the bundle has to be of; undefined for any. */
  readonly name: Name | undefined;
  /** txids of REGISTERs that the caller knows. */
  readonly pins: readonly string[];
  readonly held: HeaderChain;
}

/**
 * Verifies a bundle by every rule that needs no network (section 11).
 *
 * @throws as `verifyBundle` of bundle.ts
 */
export async function verifyParsedBundle(bundle: Bundle, input: BundleInput): Promise<Verified<ProvenBundle>> {
  const { network, pins, nowMs } = input;
  assertBundleNetwork(bundle, network);
  const name = readBundleName(bundle, input.name);
  const { state, register, chain, tipHeight } = verifyBundleChain(bundle, { ...input, name });
  const data = await verifyBundleData(bundle, { ...input, name, state });
  return mintVerified({
    complete: false,
    registrationPinned: pins.includes(register.txid),
    network: network.id,
    name,
    register: register.txid,
    state: describeState(state),
    asOf: asOfHeight(chain, state.height, tipHeight, nowMs),
    ...data,
  });
}

function asOfHeight(chain: HeaderChain, height: number, tipHeight: number, nowMs: number | null): BundleAsOf {
  const { network } = chain;
  const header = chain.headerAt(height) ?? unreachable("a state below the checkpoint");
  const tip = chain.headerAt(tipHeight) ?? unreachable("a bundle without a header");
  return {
    height,
    hash: header.hash,
    time: header.timeSec,
    tipHeight,
    tipAgeMs: nowMs === null ? null : Math.max(0, nowMs - tip.timeSec * 1000),
    weakStart: network.checkpoint.weakStart,
    signaturesUnchecked: network.rules === "signet",
  };
}
