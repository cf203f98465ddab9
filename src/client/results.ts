import { encodeHex } from "../bytes/hex.js";
import type { MutableRecord } from "../mutable/record.js";
import type { ReplicaVerdict } from "../mutable/select.js";
import type { AsOf, PendingOperation } from "../name/resolution.js";
import type { ThreadState } from "../name/thread.js";
import type { Content, IndexEntry, Route } from "../profile/entry.js";
import type { Profile } from "../profile/profile.js";

/** The state of a name at the height that `asOf` tells. */
export interface NameState {
  /** `free`: nobody holds it. `grace`: it still resolves, only its owner can act. `released`: given up, not yet free. */
  readonly status: "free" | "active" | "grace" | "released";
  /** The spend that unsealed the name, or null. Such a name still resolves and can be recovered (C8). */
  readonly unsealed: { readonly txid: string; readonly height: number } | null;
  /** txid of the PREORDER, display order; null when the name is free. */
  readonly tenure: string | null;
  /** scriptPubKey of the owner, hex. */
  readonly ownerScript: string | null;
  /** x-only key that the owner script reveals (C11), hex. */
  readonly ownerKey: string | null;
  /** SHA-256 of the profile, hex; null when the name has none. */
  readonly profileHash: string | null;
  /** The first height at which `status` changes unless the owner acts (C9). */
  readonly changesAtHeight: number | null;
  /** Operations that are seen but not yet at depth (V6). */
  readonly pending: readonly PendingOperation[];
}

/**
 * `network`: sources were asked about the name by this read, and replicas about the record. `cache`: nobody stands for
 * the answer but an earlier read, as old as `asOf` says; see the option `policy`.
 */
export type AnswerOrigin = "network" | "cache";

/** Proof that there is nothing: no such name, a name without a profile, or an index without the key. */
export interface NotFound {
  readonly found: false;
  readonly why: "no-name" | "no-profile" | "not-in-index";
  readonly name: NameState;
  readonly asOf: AsOf;
  readonly from: AnswerOrigin;
}

export interface FoundName {
  readonly found: true;
  readonly name: NameState;
  readonly asOf: AsOf;
  readonly from: AnswerOrigin;
}

export interface FoundProfile {
  readonly found: true;
  /** `index` is the root of the index tree; read it with `list`, `getMutable` and `getImmutable`. */
  readonly profile: Profile;
  readonly name: NameState;
  readonly asOf: AsOf;
  readonly from: AnswerOrigin;
}

export interface FoundMutable {
  readonly found: true;
  /** Verified and fresh. */
  readonly data: Uint8Array;
  readonly ver: number;
  readonly record: MutableRecord;
  readonly route: Route;
  readonly name: NameState;
  readonly asOf: AsOf;
  /** One verdict per replica (M8); none from the cache. */
  readonly replicas: readonly ReplicaVerdict[];
  readonly from: AnswerOrigin;
}

export interface FoundImmutable {
  readonly found: true;
  /** Bytes that hash to the key. */
  readonly data: Uint8Array;
  readonly key: string;
  /** What the owner says of the data; `type` and `name` are untrusted labels, never a path. */
  readonly content: Content;
  readonly name: NameState;
  readonly asOf: AsOf;
  /** Replicas that were tried before one served the data. */
  readonly attempts: readonly { readonly label: string; readonly code: string; readonly message: string }[];
  readonly from: AnswerOrigin;
}

export interface FoundList {
  readonly found: true;
  /** Verified entries in the order of their index paths; a node that cannot be had or is wrong throws. */
  readonly entries: AsyncIterable<IndexEntry>;
  readonly name: NameState;
  readonly asOf: AsOf;
  readonly from: AnswerOrigin;
}

export function describeName(state: ThreadState, pending: readonly PendingOperation[]): NameState {
  return { ...describeState(state), pending };
}

/** A name without what is pending, where nobody was asked for that. */
export function describeState(state: ThreadState): Omit<NameState, "pending"> {
  const hex = (bytes: Uint8Array | null): string | null => (bytes === null ? null : encodeHex(bytes));
  return {
    status: state.status,
    unsealed: state.unsealed,
    tenure: state.tenure,
    ownerScript: hex(state.ownerScript),
    ownerKey: hex(state.ownerKey),
    profileHash: hex(state.profileHash),
    changesAtHeight: state.changesAtHeight,
  };
}
