import { encodeHex } from "../../../src/bytes/hex.js";
import { HeaderChain } from "../../../src/chain/header-chain.js";
import { merkleBranch } from "../../../src/chain/merkle.js";
import { networks } from "../../../src/chain/network.js";
import type { Bundle } from "../../../src/client/bundle-form.js";
import { type BundleInput, type ProvenBundle, verifyParsedBundle } from "../../../src/client/verify-bundle.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { signSchnorr } from "../../../src/crypto/schnorr.js";
import { encodeRecord, type RecordContext, recordDigest } from "../../../src/mutable/record.js";
import { comparePlaces } from "../../../src/name/chain-order.js";
import type { IndexEntry } from "../../../src/profile/entry.js";
import { buildIndex } from "../../../src/profile/index-tree.js";
import { encodeProfile } from "../../../src/profile/profile.js";
import { World } from "../name/builder.js";
import { MinedChain } from "../name/chain-world.js";
import { profileOf } from "./reader-world.js";

/** The private key of the builder's `alice`, whose script is the point G. */
const aliceKey = Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? 1 : 0));

/** The bundle of everything that a world holds, over all headers of its chain. */
export function bundleOf(world: World, chain: MinedChain, changes: Partial<Bundle> = {}): Bundle {
  const txs = [...world.transactions].sort(comparePlaces).map(({ tx, height }) => {
    const { position } = chain.placeOf(tx.txid) ?? { position: -1 };
    return { raw: tx.raw, height, position, branch: merkleBranch(chain.txids(height), position) };
  });
  return {
    network: "regtest",
    name: world.name,
    from: 1,
    headers: chain.headers(1, chain.tipHeight),
    txs,
    prev: [...world.previous.values()].map(({ raw }) => raw),
    profile: null,
    nodes: [],
    record: null,
    object: null,
    ...changes,
  };
}

/** Verifies a bundle as somebody who has the checkpoint and nothing else. */
export function check(bundle: Bundle, changes: Partial<BundleInput> = {}): Promise<ProvenBundle> {
  const { network = networks.regtest } = changes;
  return verifyParsedBundle(bundle, {
    network,
    name: undefined,
    held: HeaderChain.fromCheckpoint(network),
    pins: [],
    minConfirmations: 1,
    nowMs: null,
    knownFloor: () => Promise.resolve(null),
    ...changes,
  });
}

/** A name whose profile has these entries, registered at height 20 of a chain of 25 blocks, with its bundle. */
export interface DataWorld {
  readonly world: World;
  readonly chain: MinedChain;
  readonly bundle: Bundle;
  readonly tenure: string;
  readonly register: string;
}

export async function worldWithData(
  entries: readonly IndexEntry[],
  changes: Partial<Bundle> = {},
  owner?: Uint8Array,
): Promise<DataWorld> {
  const nodes: Uint8Array[] = [];
  const index = await buildIndex(entries, (_, bytes) => {
    nodes.push(bytes);
    return Promise.resolve();
  });
  const profile = encodeProfile(profileOf("alice", { index }));
  const world = new World();
  const how = { profileHash: sha256(profile), ...(owner === undefined ? {} : { owner }) };
  const { preorder, register } = world.register(20, how);
  const chain = MinedChain.of(world, 25);
  const bundle = bundleOf(world, chain, { profile, nodes, ...changes });
  return { world, chain, bundle, tenure: preorder.txid, register: register.txid };
}

/** A record of alice, signed by the owner's key. */
export function signRecord(
  at: Pick<RecordContext, "tenure" | "id" | "epoch">,
  ver: number,
  data: Uint8Array,
): Uint8Array {
  const digest = recordDigest({ network: networks.regtest, name: "alice", ...at }, ver, data);
  const sig = encodeHex(signSchnorr(digest, aliceKey, new Uint8Array(32)));
  return encodeRecord({ id: at.id, data, ver, sig });
}
