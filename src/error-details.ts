import type { Attempt, ForkProof, NameNow } from "./error-evidence.js";

/** The details that an error of each code carries. */
export interface ErrorDetails {
  /** An argument or option does not have the form that its documentation asks for. */
  INPUT_INVALID: { readonly argument: string; readonly expected: string; readonly got: string };
  /** A URL is not one that protocol U1 admits. */
  INPUT_URL_INVALID: { readonly url: string; readonly reason: string };
  /** A mutable data id is not one that protocol M1 admits. */
  INPUT_ID_INVALID: { readonly id: string; readonly reason: string };
  /** A key file, private key or public key cannot be used. */
  INPUT_KEY_INVALID: { readonly reason: string };
  /** A configuration value is missing or wrong. */
  INPUT_CONFIG_INVALID: { readonly setting: string; readonly reason: string };
  /** Data is larger than the protocol or the caller allows. */
  INPUT_TOO_LARGE: { readonly what: string; readonly bytes: number; readonly maxBytes: number };
  /** A fee or fee rate is above the guard that the caller set (W9). */
  INPUT_FEE_TOO_HIGH: { readonly what: string; readonly got: string; readonly max: string };
  /** Floors of another device are damaged, of another network or not floors; none was taken over. */
  INPUT_FLOORS_INVALID: { readonly reason: string };
  /** JSON that was to be decoded is no result or error of hawser, or one of another kind or version. */
  INPUT_JSON_INVALID: { readonly reason: string };
  /** No operation of this name has the txid, or nothing of it was ever sent: there is nothing to store again (W2). */
  INPUT_TXID_UNKNOWN: { readonly name: string; readonly txid: string };
  /** The operation of this txid did not anchor what is to be stored again, or a later one replaced it (W2). */
  INPUT_TXID_MISMATCH: { readonly txid: string; readonly key: string; readonly reason: string };
  /**
   * No operation under way has this id or txid in this cache (`unknown`), or nothing of it can be helped: it is mined
   * (`mined`), or not all of its records are stored, so that nothing was sent (`unsent`).
   */
  INPUT_OPERATION_NOT_PENDING: { readonly operation: string; readonly state: "unknown" | "mined" | "unsent" };
  /** A file that the caller named cannot be read or written. */
  INPUT_FILE_UNUSABLE: { readonly path: string; readonly reason: string };
  /** The name does not follow protocol N1. */
  NAME_INVALID: { readonly name: string; readonly reason: string };
  /** The name cannot be written because it is not registered, or has ended. */
  NAME_NOT_REGISTERED: { readonly name: string; readonly status: string };
  /** The name's beacon had too many entries before registration; registering it could leave it unreadable (V8). */
  NAME_BEACON_FLOODED: { readonly name: string; readonly entries: number; readonly max: number };
  /**
   * The name's owner or tenure is not the one that the caller expected. What was not expected is null, and all of what
   * was got where nobody holds the name; owner scripts are hex.
   */
  NAME_OWNER_CHANGED: {
    readonly name: string;
    readonly expected: { readonly tenure: string | null; readonly ownerScript: string | null };
    readonly got: {
      readonly status: "free" | "active" | "grace" | "released";
      readonly tenure: string | null;
      readonly ownerScript: string | null;
    };
  };
  /** The PREORDER is too old for its REGISTER (C5); the name must be registered anew. */
  NAME_PREORDER_EXPIRED: { readonly name: string; readonly txid: string; readonly maxAgeBlocks: number };
  /** The name has its seal, so that there is nothing to recover (C8). */
  NAME_SEALED: { readonly name: string };
  /** The name's seal was spent by something that is no operation; it must be recovered before it can be written (C8). */
  NAME_UNSEALED: { readonly name: string; readonly txid: string };

  /** No complete answer from enough chain sources (V5). */
  CHAIN_UNAVAILABLE: { readonly needed: number; readonly answered: number; readonly attempts: readonly Attempt[] };
  /** The best chain's tip is older than the tip-age limit (V7). */
  CHAIN_STALE: { readonly tipAgeMs: number; readonly maxTipAgeMs: number; readonly tipHeight: number };
  /** The seal was spent by an operation of a later protocol version; the older profile is not an answer (C7). */
  CHAIN_UNSUPPORTED_OPERATION: { readonly txid: string; readonly height: number };
  /**
   * This machine's clock is behind the chain: headers of every source that answers are more than 2 hours ahead of it
   * (V1). Whatever was read with it would be of the past.
   */
  CHAIN_CLOCK_BEHIND: { readonly height: number; readonly nowMs: number };
  /** A header breaks a rule of V1. */
  CHAIN_HEADER_INVALID: { readonly height: number; readonly reason: string };
  /** A chain forks below the checkpoint or has less than the minimum work (V1). */
  CHAIN_WORK_INSUFFICIENT: { readonly work: string; readonly minimumWork: string };
  /** A source serves another network than the one that is read (V1); `network` is null for one that hawser does not know. */
  CHAIN_NETWORK_MISMATCH: {
    readonly expected: string;
    readonly found: readonly {
      readonly source: string;
      readonly network: string | null;
      readonly genesisHash: string;
    }[];
  };
  /** A source has not reached the checkpoint yet; it may still be syncing (V1). */
  CHAIN_SOURCE_BEHIND: { readonly source: string; readonly tipHeight: number; readonly checkpointHeight: number };
  /**
   * A source's server says that it cannot answer: an error of its own, an index that it does not keep, blocks that it has
   * pruned. `setting` is what its operator would set for it to answer, for example `blockfilterindex=1`; null where no
   * setting would help. Whatever was asked is not answered, never absent (V5).
   */
  CHAIN_SOURCE_UNABLE: { readonly source: string; readonly setting: string | null; readonly reason: string };
  /** A Merkle proof does not prove what it claims (V2). */
  CHAIN_PROOF_INVALID: { readonly txid: string; readonly reason: string };
  /** Bytes are not exactly one transaction, or not the one asked for (V2, V3). */
  CHAIN_TRANSACTION_INVALID: { readonly reason: string };
  /** No source accepted the transaction. */
  CHAIN_BROADCAST_REFUSED: { readonly txid: string; readonly attempts: readonly Attempt[] };
  /** A transaction did not reach the wanted depth in the time that the caller gave. */
  CHAIN_TIMEOUT: { readonly operation: string; readonly waitedMs: number };

  /** The anchored profile is on no provider that answered (P6). */
  PROFILE_UNAVAILABLE: { readonly profileHash: string; readonly attempts: readonly Attempt[] };
  /** The profile has the anchored hash but does not follow section 5. */
  PROFILE_INVALID: { readonly reason: string };
  /** The profile is of a later version of the protocol (P5). */
  PROFILE_UNSUPPORTED: { readonly version: string };
  /** An index node is on no provider that answered. */
  INDEX_UNAVAILABLE: { readonly hash: string; readonly attempts: readonly Attempt[] };
  /** An index node has the right hash but does not follow section 5. */
  INDEX_INVALID: { readonly reason: string };
  /** The index does not hold the id and the caller forbade creating it. */
  ROUTE_MISSING: { readonly id: string };
  /** Neither route, profile nor owner script gives a key, so nothing can be verified (M2). */
  ROUTE_NO_KEY: { readonly id: string };
  /** The route's epoch exceeds the height of its operation (M6). */
  ROUTE_EPOCH_INVALID: { readonly id: string; readonly epoch: number; readonly height: number };
  /** The signer's key is not the one that the route names (W5). */
  ROUTE_KEY_MISMATCH: { readonly id: string; readonly expected: string; readonly got: string };

  /** The bytes are not a record (M3). */
  RECORD_INVALID: { readonly reason: string };
  /** The signature is not of the expected key over this network, name, tenure, id, epoch and data (M4). */
  RECORD_SIGNATURE_INVALID: { readonly id: string; readonly pubkey: string };
  /** No replica answered with the record (M8). */
  RECORD_UNAVAILABLE: { readonly id: string; readonly attempts: readonly Attempt[] };
  /** Replicas answered, none with a record that verifies (M8). */
  RECORD_UNVERIFIED: { readonly id: string; readonly attempts: readonly Attempt[] };
  /** The best record that any replica holds is older than what is already known (M5). */
  RECORD_STALE: {
    readonly id: string;
    readonly got: { readonly epoch: number; readonly ver: number };
    readonly floor: { readonly epoch: number; readonly ver: number };
    readonly attempts: readonly Attempt[];
  };
  /** Two different data were signed under one version (M9). */
  RECORD_FORKED: { readonly proof: ForkProof; readonly attempts: readonly Attempt[] };
  /** The record is older than its route's `maxAgeMs` (M10). */
  RECORD_EXPIRED: { readonly id: string; readonly ageMs: number; readonly maxAgeMs: number };
  /** Only records dated ahead of the reader's clock were served (M10). */
  RECORD_FROM_FUTURE: { readonly id: string; readonly attempts: readonly Attempt[] };
  /** No replica answered with the data (I2). */
  CONTENT_UNAVAILABLE: { readonly key: string; readonly attempts: readonly Attempt[] };
  /** Replicas answered, none with bytes that hash to the key (I2). */
  CONTENT_UNVERIFIED: { readonly key: string; readonly attempts: readonly Attempt[] };

  /** The bytes are not a proof bundle, or one that does not prove what it holds (section 11). */
  BUNDLE_INVALID: { readonly reason: string };
  /** The bundle is of a later version of the format (section 11). */
  BUNDLE_UNSUPPORTED: { readonly version: string };

  /** Fewer providers hold the bytes than the caller requires (W7). */
  STORAGE_UNAVAILABLE: { readonly required: number; readonly stored: number; readonly attempts: readonly Attempt[] };
  /** The provider cannot do what was asked, such as write or write conditionally. */
  STORAGE_UNSUPPORTED: { readonly label: string; readonly operation: string };
  /** The provider refused the request, for example for lack of rights. */
  STORAGE_REFUSED: { readonly label: string; readonly reason: string };
  /** The place itself is missing on the provider: its bucket, container, folder or account. Never taken for "absent". */
  STORAGE_GONE: { readonly label: string; readonly reason: string };
  /** The provider has no space left, or none for this caller. */
  STORAGE_FULL: { readonly label: string; readonly reason: string };
  /**
   * The provider refuses requests because its clock and this one are too far apart, and correcting for it did not help.
   * `skewMs` is how far its clock is ahead, null where it did not say.
   */
  STORAGE_CLOCK_SKEW: { readonly label: string; readonly skewMs: number | null };
  /** The provider failed so often that it is left alone until `untilMs` (Unix time); others were asked. */
  STORAGE_PAUSED: { readonly label: string; readonly operation: string; readonly untilMs: number };
  /** The provider said that it stored the bytes, and then did not give them back. */
  STORAGE_LOST: { readonly label: string; readonly path: string };

  /** A server could not be reached, or broke off. */
  NETWORK_UNREACHABLE: { readonly url: string; readonly reason: string };
  /** A server did not answer in time. */
  NETWORK_TIMEOUT: { readonly url: string; readonly timeoutMs: number };
  /** A server answered with a status that is neither success nor "absent". */
  NETWORK_STATUS: {
    readonly url: string;
    readonly status: number;
    readonly reason: string;
    /** ms - for which the server asks to be left alone (`Retry-After`). */
    readonly retryAfterMs?: number | undefined;
  };
  /** A server sent more bytes than the cap. */
  NETWORK_TOO_LARGE: { readonly url: string; readonly maxBytes: number };
  /** A server's answer does not have the documented shape. */
  NETWORK_ANSWER_INVALID: { readonly url: string; readonly reason: string };
  /** A URL out of a profile or route leads where readers may not go (U1). */
  NETWORK_HOST_REFUSED: { readonly url: string; readonly reason: string };
  /** The caller aborted. */
  NETWORK_ABORTED: { readonly operation: string };
  /** The read used up its requests or its time (U1). */
  NETWORK_TIME_LIMIT: { readonly limit: string; readonly max: number };

  /** The cache cannot be opened or written; nothing was returned on the strength of it. */
  CACHE_UNAVAILABLE: { readonly reason: string };
  /** Nobody was to be asked, and the cache does not hold the answer. */
  CACHE_MISS: {
    readonly what: "name" | "profile" | "node" | "record" | "object" | "headers";
    /** The name, the hash, the id, or the network. */
    readonly which: string;
  };
  /** A cache entry does not decode. */
  CACHE_CORRUPT: { readonly key: string; readonly reason: string };

  /**
   * Another operation spent the seal that the change was based on (W4). `state` is what is proven of the name now, up to
   * the tip; where the other operation is not mined yet, `got` is its txid and `state` is still the one before it.
   */
  CONFLICT_NAME_MOVED: {
    readonly name: string;
    readonly expected: string;
    readonly got: string;
    readonly state: NameNow;
  };
  /**
   * Another writer stored or took version `got` first (W5). `newer` is its record where this writer saw it, and of that
   * the data in base64 where it has at most 64 KiB.
   */
  CONFLICT_RECORD_MOVED: {
    readonly id: string;
    readonly ver: number;
    readonly got: number;
    readonly newer: { readonly ver: number; readonly sha256: string; readonly data: string | null } | null;
  };
  /** The name is held by somebody else, or was registered first by another. */
  CONFLICT_NAME_TAKEN: { readonly name: string; readonly tenure: string };
  /**
   * A pending write of this name must be finished or given up first. With `unseals` it is an unmined payment that spends
   * the seal and is no operation: once it is mined, the name has to be recovered (C7).
   */
  CONFLICT_PENDING: { readonly name: string; readonly operation: string; readonly unseals?: true | undefined };

  /** The wallet refused to sign. */
  WALLET_REFUSED: { readonly reason: string };
  /** What the wallet returned is not what it was asked to sign (W9). */
  WALLET_ANSWER_INVALID: { readonly reason: string };
  /** The wallet's coins do not suffice. */
  WALLET_FUNDS_INSUFFICIENT: { readonly neededSats: string; readonly availableSats: string };
  /** The wallet does not hold the owner script of the name. */
  WALLET_NOT_OWNER: { readonly name: string; readonly ownerScript: string };

  /** A defect in hawser: please report it. */
  BUG_UNREACHABLE: { readonly what: string };
}
