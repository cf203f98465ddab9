/** What the details of errors are made of. */

/** What one source or provider said when a read had to fall back to another. */
export interface Attempt {
  /** The source's or provider's label, or the URL that was asked. */
  readonly label: string;
  /** The code of the error that it ended with, or a short word. */
  readonly code: string;
  /** One sentence for a person. */
  readonly message: string;
}

/** Both sides of a fork (M9): enough for anyone to check both signatures. */
export interface ForkProof {
  readonly network: string;
  readonly name: string;
  /** txid of the PREORDER, display order. */
  readonly tenure: string;
  readonly id: string;
  readonly epoch: number;
  readonly ver: number;
  /** x-only public key, hex. */
  readonly pubkey: string;
  /** The bodies of the two records as they were served. */
  readonly records: readonly [string, string];
}

/** What a name has come to, up to the tip. What belongs to a holder is null where nobody holds it. */
export interface NameNow {
  readonly status: "free" | "active" | "grace" | "released";
  /** txid of the PREORDER, display order. */
  readonly tenure: string | null;
  /** Hex. */
  readonly ownerScript: string | null;
  /** `txid:vout` of the output that the next operation spends. */
  readonly seal: string | null;
  /** Of the newest operation. */
  readonly txid: string | null;
  readonly height: number | null;
  /** Hex; null for no profile. */
  readonly profileHash: string | null;
}

/** What an error says about the world; `docs/errors.md` maps it to the CLI's exit codes. */
export type Outcome = "input" | "unknown" | "wrong" | "conflict" | "wallet" | "bug";

/** `yes`: the same call may succeed later. `changed`: only after the caller changed something. `no`: never. */
export type Retry = "yes" | "changed" | "no";
