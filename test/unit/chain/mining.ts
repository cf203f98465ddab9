import { concatBytes } from "../../../src/bytes/bytes.js";
import { decodeHex, encodeHex, reversed } from "../../../src/bytes/hex.js";
import { hashHeader, parseHeader, targetOfBits } from "../../../src/chain/header.js";
import { type Network, type NetworkId, networks } from "../../../src/chain/network.js";

/** The easiest target: every second hash meets it. */
export const EASY_BITS = 0x207fffff;

/** Mainnet's first block. */
export const mainnetGenesisHeader =
  "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c";

/** The first block of every network; their hashes are in the table of section 9. */
export const genesisHeaders: Readonly<Record<NetworkId, Uint8Array>> = {
  mainnet: decodeHex(mainnetGenesisHeader),
  testnet4: decodeHex(
    "0100000000000000000000000000000000000000000000000000000000000000000000004e7b2b9128fe0291db0693af2ae418b767e657cd407e80cb1434221eaea7a07a046f3566ffff001dbb0c7817",
  ),
  signet: decodeHex(
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a008f4d5fae77031e8ad22203",
  ),
  regtest: decodeHex(networks.regtest.checkpoint.header ?? ""),
};

/** Mainnet read from its first block on. */
export const mainnetFromGenesis: Network = {
  ...networks.mainnet,
  minimumWork: 0n,
  checkpoint: {
    height: 0,
    hash: networks.mainnet.genesisHash,
    header: mainnetGenesisHeader,
    chainWork: 0x100010001n,
    nextBits: null,
    weakStart: false,
  },
};

/** Mainnet's rules at regtest's difficulty, above a checkpoint that is the last block of a period. */
export const easyMainnet: Network = {
  ...networks.mainnet,
  powLimitBits: EASY_BITS,
  minimumWork: 1_000n,
  checkpoint: {
    height: 2_015,
    hash: networks.regtest.genesisHash,
    header: null,
    chainWork: 1_000n,
    nextBits: EASY_BITS,
    weakStart: false,
  },
};

/** A target half as great as that of {@link EASY_BITS}. */
export const HALF_BITS = 0x203fffff;

/** BIP94's rules with a limit that can be mined, above a checkpoint of which nothing but the hash is known. */
export const easyTestnet4: Network = weakAt2015(networks.testnet4);
/** Signet's rules, likewise. */
export const easySignet: Network = weakAt2015(networks.signet);

function weakAt2015(network: Network): Network {
  const checkpoint = { ...network.checkpoint, height: 2_015, hash: networks.regtest.genesisHash };
  return { ...network, powLimitBits: EASY_BITS, checkpoint, protocolStart: 2_016 };
}

export const GENESIS_TIME_SEC = 1_296_688_602;
/** A reader's clock that is far above every header's time. */
export const LATE_MS = (GENESIS_TIME_SEC + 100_000_000) * 1000;

export interface HeaderFields {
  /** Display order, hex. */
  readonly previousHash: string;
  readonly timeSec: number;
  readonly bits?: number;
  readonly merkleRoot?: Uint8Array;
  readonly version?: number;
  /** Look for a hash above the target instead. */
  readonly miss?: boolean;
}

/** A header with a nonce that meets (or misses) its target. */
export function mineHeader(fields: HeaderFields): Uint8Array {
  const { previousHash, timeSec, bits = EASY_BITS, merkleRoot, version = 4, miss = false } = fields;
  const header = new Uint8Array(80);
  const view = new DataView(header.buffer);
  view.setInt32(0, version, true);
  header.set(reversed(decodeHex(previousHash, 32)), 4);
  if (merkleRoot !== undefined) header.set(merkleRoot, 36);
  view.setUint32(68, timeSec, true);
  view.setUint32(72, bits, true);
  const target = targetOfBits(bits) ?? 0n;
  for (let nonce = 0; ; nonce++) {
    view.setUint32(76, nonce, true);
    const value = BigInt(`0x${encodeHex(reversed(hashHeader(header)))}`);
    if (value <= target !== miss) return header;
  }
}

export interface RunFields {
  readonly previousHash: string;
  /** Time of the first header. */
  readonly timeSec: number;
  readonly count: number;
  readonly spacingSec?: number;
  readonly bits?: number;
  /** Tells branches apart. */
  readonly version?: number;
}

/** Headers on top of one another. */
export function mineRun(fields: RunFields): Uint8Array {
  const { count, spacingSec = 600, ...rest } = fields;
  let { previousHash, timeSec } = rest;
  const headers: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const header = mineHeader({ ...rest, previousHash, timeSec });
    headers.push(header);
    previousHash = parseHeader(header).hash;
    timeSec += spacingSec;
  }
  return concatBytes(...headers);
}

/** What a test decides of a header in a run. */
export interface Step {
  readonly timeSec: number;
  readonly bits?: number;
}

/** Headers on top of one another, each with a time and bits of its own. */
export function mineSteps(previousHash: string, steps: readonly Step[], version = 4): Uint8Array {
  const headers: Uint8Array[] = [];
  let hash = previousHash;
  for (const step of steps) {
    const header = mineHeader({ ...step, previousHash: hash, version });
    headers.push(header);
    hash = parseHeader(header).hash;
  }
  return concatBytes(...headers);
}

/** A run on top of regtest's genesis block. */
export function mineRegtest(count: number, fields: Partial<RunFields> = {}): Uint8Array {
  const { genesisHash } = networks.regtest;
  return mineRun({ previousHash: genesisHash, timeSec: GENESIS_TIME_SEC + 600, ...fields, count });
}

/** The header at `index` of a run. */
export function headerOf(run: Uint8Array, index: number): Uint8Array {
  return run.slice(80 * index, 80 * (index + 1));
}
