import { invalidArgument } from "../bytes/guards.js";
import { encodeHex, isHex } from "../bytes/hex.js";
import { type HeaderChain, selectBestChain } from "../chain/header-chain.js";
import type { Network } from "../chain/network.js";
import { sha256 } from "../crypto/hash.js";
import { isHawserError } from "../errors.js";
import { parseRecord } from "../mutable/record.js";
import type { Name } from "../name/name.js";
import type { StoredName } from "../name/stored-name.js";
import type { ReplicaReply } from "../route/fetch.js";
import { type Bundle, parseBundle } from "./bundle-form.js";
import { assertBundleNetwork, readBundleName } from "./bundle-subject.js";
import { selectEvidence } from "./select-evidence.js";

/** A proof bundle (section 11) for a read that knows little; it may come from anywhere. */
export interface BundleHint {
  /** The file, as `exportBundle` gives it. */
  readonly bundle: Uint8Array;
  /** bytes - a longer bundle is refused. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
}

/** A hint of one read: a txid (V8), a bundle, or neither. Nothing in it is believed. */
export interface ReadHint {
  readonly txid: string | undefined;
  readonly bundle: HintBundle | null;
}

/** No hint. */
const noHint: ReadHint = { txid: undefined, bundle: null };

/**
 * A bundle that is for another network is a mistake of the caller, one that does not hold is merely of no use.
 *
 * @throws INPUT_INVALID, INPUT_TOO_LARGE, BUNDLE_INVALID, BUNDLE_UNSUPPORTED, CHAIN_NETWORK_MISMATCH
 */
export function parseHint(hint: unknown, network: Network): ReadHint {
  if (hint === undefined) return noHint;
  if (isHex(hint, 32)) return { txid: hint, bundle: null };
  if (typeof hint !== "object" || hint === null || !("bundle" in hint)) {
    throw invalidArgument("hint", "txid of 64 lower-case hex digits, or a bundle", hint);
  }
  const { bundle: bytes, maxBytes } = hint as BundleHint;
  const bundle = parseBundle(bytes, maxBytes);
  assertBundleNetwork(bundle, network);
  return { txid: undefined, bundle: new HintBundle(bundle, network) };
}

/** What a reader holds of the chain and of one name, and where it may read the beacon up to. */
export interface Held {
  readonly chain: HeaderChain;
  readonly stored: StoredName;
  readonly hint: string | undefined;
}

/** A bundle as a hint: what it holds is a report like a source's, and a copy like a replica's. */
export class HintBundle {
  readonly #bundle: Bundle;
  readonly #network: Network;
  #objects: ReadonlyMap<string, Uint8Array> | null = null;

  constructor(bundle: Bundle, network: Network) {
    this.#bundle = bundle;
    this.#network = network;
  }

  /**
   * What a reader holds with what the bundle reports. Headers are verified as those of a source (V1); transactions are
   * proven by whoever reads them, on the chain that turns out to be the best (V2).
   *
   * @throws BUNDLE_INVALID when it is of another name
   */
  join(name: Name, { chain, stored }: Omit<Held, "hint">, nowMs: number): Held {
    const { from, headers } = this.#bundle;
    readBundleName(this.#bundle, name);
    const evidence = selectEvidence(this.#bundle, this.#network, name);
    return {
      // V1: it competes by its work alone, and only the part of it that keeps the rules.
      chain: selectBestChain(chain, [chain.extend(from, headers, nowMs).chain]),
      stored: {
        // C11: what the reader has itself comes last and stays, since its witnesses may be the better ones.
        transactions: [...evidence.transactions, ...stored.transactions],
        coinbases: [...evidence.coinbases, ...stored.coinbases],
        previous: [...evidence.previous, ...stored.previous],
        // V5: an absence that no source told is none.
        beacon: stored.beacon,
      },
      // V6: where a reorganisation moved it, it is still a place to read the beacon up to.
      hint: evidence.lastInBeacon,
    };
  }

  /** The profile, node or object with that SHA-256, unless it has more than `maxBytes`; null where there is none. */
  object(hash: string, maxBytes: number): Uint8Array | null {
    const { profile, nodes, object } = this.#bundle;
    this.#objects ??= new Map(
      [profile, ...nodes, object].flatMap((bytes) => (bytes === null ? [] : [[encodeHex(sha256(bytes)), bytes]])),
    );
    const bytes = this.#objects.get(hash);
    return bytes === undefined || bytes.length > maxBytes ? null : bytes;
  }

  /** The record of `id` as one more replica's reply (M8), of which nothing is verified; undefined where it has none. */
  reply(id: string, maxDataBytes: number | undefined): ReplicaReply | undefined {
    const bytes = this.#bundle.record;
    if (bytes === null || recordId(bytes, maxDataBytes) !== id) return undefined;
    return { label: "bundle", outcome: "bytes", bytes, tag: null };
  }
}

function recordId(bytes: Uint8Array, maxDataBytes: number | undefined): string | null {
  try {
    return parseRecord(bytes, { maxDataBytes }).id;
  } catch (error) {
    if (isHawserError(error, "RECORD_INVALID")) return null;
    throw error;
  }
}
