import { equalBytes } from "../../bytes/bytes.js";
import { encodeHex } from "../../bytes/hex.js";
import { parseTransaction } from "../../chain/transaction.js";
import { HawserError, isHawserError } from "../../errors.js";
import type { PutObjectInput } from "../../immutable/put.js";
import { limits } from "../../limits.js";
import type { Name } from "../../name/name.js";
import { checkSigned, type SignedTransaction } from "../../plan/check-signed.js";
import { outpointKey } from "../../plan/coin-selection.js";
import type { FeeGuards } from "../../plan/fee.js";
import type { PlannedTransaction } from "../../plan/psbt.js";
import type { Clock, Random, Signer, StorageProvider, StoredKind, Wallet, WalletAccount } from "../../ports.js";
import { emptyIndex } from "../../profile/index-tree.js";
import type { Profile } from "../../profile/profile.js";
import { assertRequired } from "../../route/provider-writes.js";
import { keepersOf } from "../../route/replicas.js";
import type { ReaderCore, Session } from "../reader-core.js";
import { ChainDesk } from "./chain-desk.js";
import { Fate } from "./fate.js";
import { Journal, type JournalEntry } from "./journal.js";
import { type OperationParts, PendingOperation } from "./operation.js";
import type { WriteOptions } from "./plan.js";
import { Removals } from "./removals.js";
import { signedFor } from "./versions.js";

/** What a writer is made of once its defaults are filled in. */
export interface WriterParts {
  readonly core: ReaderCore;
  readonly storage: readonly StorageProvider[];
  readonly wallet: Wallet | null;
  readonly signer: Signer | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly required: number;
  readonly pollIntervalMs: number;
  /** Whether the application still needs an object (SHA-256, hex) that no index known here lists. */
  readonly isReferenced: ((hash: string) => boolean | Promise<boolean>) | null;
}

/** What all writes share: the desk, the journal, the wallet and what is checked around them. */
export class WriterCore {
  readonly parts: WriterParts;
  readonly desk: ChainDesk;
  readonly journal: Journal;
  readonly removals: Removals;

  constructor(parts: WriterParts) {
    this.parts = parts;
    this.desk = new ChainDesk(parts.core);
    const { cache, network } = parts.core.parts;
    this.journal = new Journal(cache, network.id);
    this.removals = new Removals(cache, network.id);
  }

  /**
   * @param resumed - whether the entry was found in the journal, so that its transactions may be out already. How many
   *   providers must hold it is then for this writer to say, which may have others than the one that began it.
   * @param required - Providers that must hold it, where it was resumed. Default: the writer's.
   */
  operation(
    entry: JournalEntry,
    { resumed, required = this.parts.required }: { readonly resumed: boolean; readonly required?: number | undefined },
  ): PendingOperation {
    const { core, storage, clock, pollIntervalMs } = this.parts;
    const { desk, journal, removals } = this;
    const parts: OperationParts = { core, desk, journal, removals, storage, clock, pollIntervalMs };
    return new PendingOperation(parts, resumed ? { ...entry, required } : entry, { resumed });
  }

  fate(entry: JournalEntry): Fate {
    return new Fate({ core: this.parts.core, desk: this.desk, journal: this.journal }, entry);
  }

  newId(): string {
    return encodeHex(this.parts.random.bytes(16));
  }

  session<T>(what: string, options: WriteOptions, run: (session: Session) => Promise<T>): Promise<T> {
    const { signal, onEvent } = options;
    return this.parts.core.run(what, { signal, onEvent }, run);
  }

  wallet(): Wallet {
    if (this.parts.wallet !== null) return this.parts.wallet;
    const reason = "this write needs a transaction, and the writer has no wallet";
    throw new HawserError("INPUT_CONFIG_INVALID", `Cannot write: ${reason}.`, { setting: "wallet", reason });
  }

  /** The wallet's accounts. @throws WALLET_REFUSED */
  accounts(): Promise<readonly WalletAccount[]> {
    const wallet = this.wallet();
    return fromWallet("tell its accounts", () => wallet.accounts());
  }

  /** Providers that must hold each of the kinds (W7), guarded before anything is signed or kept. @throws INPUT_INVALID */
  required({ required = this.parts.required }: WriteOptions, ...kinds: readonly StoredKind[]): number {
    for (const kind of kinds) assertRequired(required, this.parts.storage, kind);
    return required;
  }

  /** How objects are stored. */
  objectWrite(signal: AbortSignal | undefined): Pick<PutObjectInput, "storage" | "clock" | "policy" | "signal"> {
    const { storage, clock, core } = this.parts;
    return { storage, clock, policy: core.parts.policy, signal };
  }

  signer(): Signer {
    if (this.parts.signer !== null) return this.parts.signer;
    const reason = "records must be signed, and the writer has no signer";
    throw new HawserError("INPUT_CONFIG_INVALID", `Cannot write: ${reason}.`, { setting: "signer", reason });
  }

  feeGuards({ maxFeeRateSatsPerVbyte, maxFeeSats }: WriteOptions): FeeGuards {
    return { maxFeeRateSatsPerVbyte, maxFeeSats };
  }

  /** A profile without entries that names this writer's key and the public places of its storage. */
  newProfile(name: Name, given: Partial<Pick<Profile, "about" | "storage">> = {}): Profile {
    const { signer, storage } = this.parts;
    const bases = keepersOf(storage, "object").flatMap(({ publicBaseUrl }) =>
      publicBaseUrl === null ? [] : [publicBaseUrl],
    );
    return {
      name,
      pubkey: signer === null ? null : encodeHex(signer.publicKey),
      storage: given.storage ?? [...new Set(bases)].slice(0, limits.urlsMax),
      about: given.about ?? {},
      index: emptyIndex,
    };
  }

  /** The account that owns a script. @throws WALLET_NOT_OWNER */
  async ownerAccount(name: string, ownerScript: Uint8Array): Promise<WalletAccount> {
    const account = (await this.accounts()).find(({ script }) => equalBytes(script, ownerScript));
    if (account !== undefined) return account;
    const details = { name, ownerScript: encodeHex(ownerScript) };
    throw new HawserError("WALLET_NOT_OWNER", `The wallet does not hold the owner script of ${name}.`, details);
  }

  /**
   * Outputs that must not pay for anything else: what pending writes spend, whether sources have seen them or not.
   *
   * @param spends - that of a journal entry which is to be made: one for it that was never made ready gives way, with its
   *   coins
   */
  async reserved(spends: string | null = null): Promise<ReadonlySet<string>> {
    const reserved = new Set<string>();
    for (const entry of await this.journal.entries()) {
      if (!entry.ready && spends === entry.spends) continue;
      for (const { raw } of signedFor(entry)) {
        for (const { outpoint } of parseTransaction(raw).inputs) reserved.add(outpointKey(outpoint));
      }
    }
    return reserved;
  }

  /** Has the wallet sign what was planned and checks what it returns (W9). @throws WALLET_REFUSED, WALLET_ANSWER_INVALID */
  async sign(
    planned: readonly Omit<PlannedTransaction, "kind">[],
    options: WriteOptions,
  ): Promise<readonly SignedTransaction[]> {
    options.onEvent?.({
      stage: "sign",
      message: `Asking the wallet to sign ${planned.length === 1 ? "a transaction" : `${planned.length} transactions`}`,
    });
    const requests = planned.map(({ psbt, inputsToSign, description }) => ({
      psbt,
      inputs: inputsToSign,
      description,
    }));
    const wallet = this.wallet();
    const signed: unknown = await fromWallet("sign", () => wallet.signPsbts(requests));
    const answers: readonly unknown[] = Array.isArray(signed) ? signed : [];
    return planned.map((transaction, index) => {
      const answer = answers[index];
      if (answer instanceof Uint8Array) return checkSigned(transaction, answer, this.feeGuards(options));
      const reason = `expected ${planned.length} signed transactions, got ${answers.length}`;
      throw new HawserError("WALLET_ANSWER_INVALID", `The wallet's answer is wrong: ${reason}.`, { reason });
    });
  }
}

/** A wallet may be anybody's code: however it fails, nothing was signed. */
async function fromWallet<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (isHawserError(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : "it failed";
    throw new HawserError("WALLET_REFUSED", `The wallet does not ${what}: ${reason}.`, { reason }, { cause });
  }
}
