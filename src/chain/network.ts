import { invalidArgument } from "../bytes/guards.js";
import { decodeHex, reversed } from "../bytes/hex.js";

/** The networks of protocol section 9. */
export type NetworkId = "mainnet" | "testnet4" | "signet" | "regtest";

/** A block that every chain must contain; headers below it are never read. */
export interface Checkpoint {
  readonly height: number;
  /** Display order, hex. */
  readonly hash: string;
  /** The block's own 80 bytes in hex where they are shipped (a genesis block), else null. */
  readonly header: string | null;
  /** Work of the chain up to and including this block; 0 where it is not known. */
  readonly chainWork: bigint;
  /** Compact target of the block above; null where it is not known or follows from `header`. */
  readonly nextBits: number | null;
  /** Whether the first period's target is taken from its first header instead of from the checkpoint. */
  readonly weakStart: boolean;
}

/** The constants of one network (protocol section 9). Heights and spans are in blocks. */
export interface Network {
  readonly id: NetworkId;
  /** Display order, hex. */
  readonly genesisHash: string;
  /** Compact form of the easiest target. */
  readonly powLimitBits: number;
  /** Which header rules of V1 hold. */
  readonly rules: "mainnet" | "testnet4" | "signet" | "regtest";
  /** A chain with less work is refused (V1). */
  readonly minimumWork: bigint;
  readonly checkpoint: Checkpoint;
  /** Operations below this height do not count (C5). */
  readonly protocolStart: number;
  /** Least blocks from PREORDER to REGISTER (C5). */
  readonly minAgeBlocks: number;
  /** Most blocks from PREORDER to REGISTER (C5). */
  readonly maxAgeBlocks: number;
  /** A name is active for this long after its last valid operation (C9). */
  readonly termBlocks: number;
  /** Then in grace for this long (C9). */
  readonly graceBlocks: number;
  /** From a RELEASE to FREE (C9). */
  readonly cooldownBlocks: number;
  /** Default of `minConfirmations` (V6). */
  readonly minConfirmations: number;
  /** Relative lock time of the beacon output (N3). */
  readonly beaconDelayBlocks: number;
  /** Least value of a seal (C2). */
  readonly bondSats: bigint;
  /** Tip-age limit (V7); null means none. */
  readonly maxTipAgeMs: number | null;
  /** Human-readable part of segwit addresses. */
  readonly bech32Prefix: string;
}

const HOUR_MS = 60 * 60 * 1000;
const MAINNET_CHECKPOINT_WORK = 0x12fa7ecf8d5705e356fd4a680n;

/** Every network by its id. */
export const networks: { readonly [Id in NetworkId]: Network } = {
  mainnet: {
    id: "mainnet",
    genesisHash: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    powLimitBits: 0x1d00ffff,
    rules: "mainnet",
    minimumWork: MAINNET_CHECKPOINT_WORK,
    checkpoint: {
      height: 953_567,
      hash: "00000000000000000001b315e72169bef4867bf780527aa97c625ee9c001dc5d",
      header: null,
      chainWork: MAINNET_CHECKPOINT_WORK,
      nextBits: 0x170240c3,
      weakStart: false,
    },
    protocolStart: 953_568,
    minAgeBlocks: 6,
    maxAgeBlocks: 2_016,
    termBlocks: 105_120,
    graceBlocks: 8_640,
    cooldownBlocks: 1_008,
    minConfirmations: 6,
    beaconDelayBlocks: 4_320,
    bondSats: 10_000n,
    maxTipAgeMs: 8 * HOUR_MS,
    bech32Prefix: "bc",
  },
  testnet4: {
    id: "testnet4",
    genesisHash: "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
    powLimitBits: 0x1d00ffff,
    rules: "testnet4",
    minimumWork: 0n,
    checkpoint: {
      height: 110_879,
      hash: "00000000089663c835fe83325ffaced64ad9c924468d1e1339f400bf8ed57883",
      header: null,
      chainWork: 0n,
      nextBits: null,
      weakStart: true,
    },
    protocolStart: 110_880,
    minAgeBlocks: 3,
    maxAgeBlocks: 2_016,
    termBlocks: 52_560,
    graceBlocks: 4_320,
    cooldownBlocks: 144,
    minConfirmations: 12,
    beaconDelayBlocks: 4_320,
    bondSats: 1_000n,
    maxTipAgeMs: 8 * HOUR_MS,
    bech32Prefix: "tb",
  },
  signet: {
    id: "signet",
    genesisHash: "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
    powLimitBits: 0x1e0377ae,
    rules: "signet",
    minimumWork: 0n,
    checkpoint: {
      height: 290_303,
      hash: "000000102cd648540dabef56265de9ebfec7c43bd3192d873613f06e9bac372e",
      header: null,
      chainWork: 0n,
      nextBits: null,
      weakStart: true,
    },
    protocolStart: 290_304,
    minAgeBlocks: 1,
    maxAgeBlocks: 2_016,
    termBlocks: 52_560,
    graceBlocks: 4_320,
    cooldownBlocks: 144,
    minConfirmations: 2,
    beaconDelayBlocks: 144,
    bondSats: 1_000n,
    maxTipAgeMs: 8 * HOUR_MS,
    bech32Prefix: "tb",
  },
  regtest: {
    id: "regtest",
    genesisHash: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
    powLimitBits: 0x207fffff,
    rules: "regtest",
    minimumWork: 0n,
    checkpoint: {
      height: 0,
      hash: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
      header:
        "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000",
      chainWork: 2n,
      nextBits: 0x207fffff,
      weakStart: false,
    },
    protocolStart: 0,
    minAgeBlocks: 1,
    maxAgeBlocks: 200,
    termBlocks: 200,
    graceBlocks: 20,
    cooldownBlocks: 5,
    minConfirmations: 1,
    beaconDelayBlocks: 10,
    bondSats: 1_000n,
    maxTipAgeMs: null,
    bech32Prefix: "bcrt",
  },
};

/**
 * The network of that id (`mainnet`, `testnet4`, `signet`, `regtest`).
 *
 * @throws INPUT_INVALID
 */
export function getNetwork(id: string): Network {
  // An object's inherited members ("constructor") are no networks.
  if (!Object.hasOwn(networks, id)) throw invalidArgument("network", "mainnet, testnet4, signet or regtest", id);
  return networks[id as NetworkId];
}

/** The genesis block's hash in internal byte order: `G` of the protocol's notation. */
export function genesisInternal(network: Network): Uint8Array {
  return reversed(decodeHex(network.genesisHash, 32));
}
