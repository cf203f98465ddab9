import { equalBytes } from "../../bytes/bytes.js";
import { encodeHex } from "../../bytes/hex.js";
import { parseTransaction } from "../../chain/transaction.js";
import { HawserError, isHawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import { type Name, parseName } from "../../name/name.js";
import type { Resolution } from "../../name/resolution.js";
import { unsupported } from "../../name/resolve.js";
import type { ThreadState } from "../../name/thread.js";
import { checkSigned, type SignedTransaction } from "../../plan/check-signed.js";
import { createCoin, type FundingCoin, outpointKey } from "../../plan/coin-selection.js";
import type { FeeGuards } from "../../plan/fee.js";
import type { PlannedTransaction } from "../../plan/psbt.js";
import type { Clock, Random, Signer, StorageProvider, Wallet, WalletAccount } from "../../ports.js";
import { emptyIndex, type LoadNode } from "../../profile/index-tree.js";
import { type Profile, parseProfile } from "../../profile/profile.js";
import { assertRequired } from "../../route/provider-writes.js";
import { loadProfile, nodeLoader } from "../documents.js";
import type { ReaderCore, Session } from "../reader-core.js";
import { ChainDesk } from "./chain-desk.js";
import { Journal, type JournalEntry } from "./journal.js";
import { type OperationParts, PendingOperation } from "./operation.js";
import type { WriteOptions } from "./plan.js";
import { isLeftBehind, stackOf } from "./stack.js";

/** transactions - unconfirmed on top of each other: policy relays 25 in a row, and a foreign parent may be one. */
const MAX_STACK = 24;

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
}

/** A name as a change finds it: its newest state, own writes that are not mined yet included, with its profile. */
export interface NameBase {
  readonly name: Name;
  readonly resolution: Resolution;
  readonly tenure: string;
  readonly ownerKey: Uint8Array | null;
  /** This writer's own UPDATEs that are not mined yet, the oldest first: the change spends the last one's seal (W4). */
  readonly stack: readonly JournalEntry[];
  readonly profile: Profile;
  readonly load: LoadNode;
}

/** What all writes share: the desk, the journal, the wallet and what is checked around them. */
export class WriterCore {
  readonly parts: WriterParts;
  readonly desk: ChainDesk;
  readonly journal: Journal;

  constructor(parts: WriterParts) {
    this.parts = parts;
    this.desk = new ChainDesk(parts.core);
    this.journal = new Journal(parts.core.parts.cache, parts.core.parts.network.id);
  }

  /**
   * @param resumed - whether the entry was found in the journal, so that its transactions may be out already. How many
   *   providers must hold it is then for this writer to say, which may have others than the one that began it.
   */
  operation(entry: JournalEntry, { resumed }: { readonly resumed: boolean }): PendingOperation {
    const { core, storage, clock, pollIntervalMs } = this.parts;
    const parts: OperationParts = { core, desk: this.desk, journal: this.journal, storage, clock, pollIntervalMs };
    return new PendingOperation(parts, resumed ? { ...entry, required: this.parts.required } : entry, { resumed });
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

  /** Providers that must hold the bytes (W7), guarded before anything is signed or kept. @throws INPUT_INVALID */
  required({ required = this.parts.required }: WriteOptions): number {
    assertRequired(required, [...new Set(this.parts.storage)]);
    return required;
  }

  signer(): Signer {
    if (this.parts.signer !== null) return this.parts.signer;
    const reason = "records must be signed, and the writer has no signer";
    throw new HawserError("INPUT_CONFIG_INVALID", `Cannot write: ${reason}.`, { setting: "signer", reason });
  }

  feeGuards({ maxFeeRateSatsPerVbyte, maxFeeSats }: WriteOptions): FeeGuards {
    return { maxFeeRateSatsPerVbyte, maxFeeSats };
  }

  /**
   * The newest state of a name that can be changed, after journalled writes of it were sent again (W3).
   *
   * @param replace - whether a profile that cannot be had may be taken for an empty one; default false
   * @throws NAME_NOT_REGISTERED, NAME_UNSEALED, CHAIN_UNSUPPORTED_OPERATION, CONFLICT_PENDING, and what reads throw
   */
  async base(name: string, options: WriteOptions, replace = false): Promise<NameBase> {
    const parsed = parseName(name);
    await this.#resendJournalled(parsed, options);
    return this.session(`The state of ${parsed}`, options, async (session) => {
      const { core } = this.parts;
      const resolution = await core.resolve(parsed, session);
      await this.#settleJournalled(parsed, resolution);
      const { tipState } = resolution;
      const { status, tenure, unsealed, profileHash, ownerKey } = tipState;
      if ((status !== "active" && status !== "grace") || tenure === null) {
        throw new HawserError("NAME_NOT_REGISTERED", `${parsed} cannot be written: it is ${status}.`, {
          name: parsed,
          status,
        });
      }
      if (unsealed !== null) {
        const details = { name: parsed, txid: unsealed.txid };
        throw new HawserError(
          "NAME_UNSEALED",
          `The seal of ${parsed} was spent by ${unsealed.txid}; recover it first.`,
          details,
        );
      }
      // C7: also above E, where a read does not fail yet: what is unknown must not be overwritten with what was before.
      const unknown = unsupported(tipState);
      if (unknown !== null) throw unknown;
      const stack = stackOf(await this.journal.entries(parsed), tipState);
      const own = stack.at(-1)?.objects.at(-1);
      const profile =
        own === undefined ? await this.#minedProfile(parsed, session, profileHash, replace) : parseProfile(own, parsed);
      return { name: parsed, resolution, tenure, ownerKey, stack, profile, load: this.#loader(profile, options) };
    });
  }

  async #minedProfile(
    name: Name,
    session: Session,
    profileHash: Uint8Array | null,
    replace: boolean,
  ): Promise<Profile> {
    if (profileHash === null) return this.newProfile(name);
    try {
      return (await loadProfile(this.parts.core, session, name, profileHash)).value;
    } catch (error) {
      const isLost = isHawserError(error, "PROFILE_UNAVAILABLE") || isHawserError(error, "PROFILE_INVALID");
      if (replace && isLost) return this.newProfile(name);
      throw error;
    }
  }

  /**
   * W4: of two transactions that spend one seal a later one with a higher fee drives the other out, so a change does not
   * compete with one that waits already. One source's word for that is not enough where others do not see it: what it
   * names may be unsigned, and nodes refuse a real conflict by themselves.
   *
   * @throws CONFLICT_PENDING
   */
  assertUncontested({ name, resolution, stack }: NameBase): void {
    const own = new Set(stack.flatMap(({ transactions }) => transactions.map(({ txid }) => txid)));
    const { pending, asOf } = resolution;
    const agreed = asOf.sources.filter(({ verdict }) => verdict === "agreed").map(({ label }) => label);
    const rival = pending.find(
      ({ height, txid, reportedBy }) =>
        height === null && !own.has(txid) && agreed.every((label) => reportedBy.includes(label)),
    );
    if (rival !== undefined) {
      const message = `${name} has the unconfirmed operation ${rival.txid}; wait until it is mined.`;
      throw new HawserError("CONFLICT_PENDING", message, { name, operation: rival.txid });
    }
    if (stack.length >= MAX_STACK) {
      const message = `${name} has ${stack.length} unconfirmed changes; wait until one is mined.`;
      throw new HawserError("CONFLICT_PENDING", message, { name, operation: stack.at(-1)?.id ?? "" });
    }
  }

  /** A profile without entries that names this writer's key and the public places of its storage. */
  newProfile(name: Name, given: Partial<Pick<Profile, "about" | "storage">> = {}): Profile {
    const { signer, storage } = this.parts;
    const bases = storage.flatMap(({ publicBaseUrl }) => (publicBaseUrl === null ? [] : [publicBaseUrl]));
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

  /** The seal of a name as an input. The transaction that made it is one of the proven ones, or this writer's own. */
  sealCoin({ name, resolution, stack }: NameBase, owner: WalletAccount): FundingCoin {
    const pending = stack.at(-1)?.transactions.at(-1);
    if (pending !== undefined) return createCoin(parseTransaction(pending.raw), 1, owner);
    const { seal } = resolution.tipState;
    if (seal !== null) {
      for (const { raw } of resolution.stored.transactions) {
        const tx = parseTransaction(raw);
        if (tx.txid === seal.outpoint.txid) return createCoin(tx, seal.outpoint.vout, owner);
      }
    }
    throw new HawserError("BUG_UNREACHABLE", `The seal of ${name} is not among its operations.`, { what: "seal" });
  }

  /**
   * Outputs that must not pay for anything else: what pending writes spend, whether sources have seen them or not.
   *
   * @param seal - `txid:vout` that is to be spent: an entry for it that was never made ready gives way, with its coins
   */
  async reserved(seal: string | null = null): Promise<ReadonlySet<string>> {
    const reserved = new Set<string>();
    for (const { transactions, ready, spends } of await this.journal.entries()) {
      if (!ready && spends === seal) continue;
      for (const { raw } of transactions) {
        for (const { outpoint } of parseTransaction(raw).inputs) reserved.add(outpointKey(outpoint));
      }
    }
    return reserved;
  }

  /** Has the wallet sign what was planned and checks what it returns (W9). @throws WALLET_REFUSED, WALLET_ANSWER_INVALID */
  async sign(planned: readonly PlannedTransaction[], options: WriteOptions): Promise<readonly SignedTransaction[]> {
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

  /** Sends the journalled writes of a name again: another run may have died before any of its steps. */
  async #resendJournalled(name: Name, options: WriteOptions): Promise<void> {
    const entries = await this.journal.entries(name);
    if (entries.length === 0) return;
    const { core } = this.parts;
    const resolution = await this.session(`The state of ${name}`, options, (session) => core.resolve(name, session));
    for (const entry of entries) {
      const isRegister = entry.kind === "register";
      // Another run is still storing what it needs, or died at it; then the next change takes its place.
      if (!entry.ready) continue;
      if (isSettled(entry, resolution) || (!isRegister && isMined(entry, resolution.tipState))) continue;
      const { signal, onEvent, timeoutMs } = options;
      const operation = this.operation(entry, { resumed: true });
      await operation.wait({ until: isRegister ? "depth" : "broadcast", signal, onEvent, timeoutMs });
    }
  }

  /** What is at depth leaves the journal, also where nobody waited for it, and so does what nothing was sent of. */
  async #settleJournalled(name: Name, resolution: Resolution): Promise<void> {
    const entries = await this.journal.entries(name);
    for (const entry of entries) {
      if (isSettled(entry, resolution)) await this.operation(entry, { resumed: true }).settle();
      else if (isLeftBehind(entry, entries, resolution.tipState)) await this.journal.drop(entry);
    }
  }

  /** Each node that a change reads has the requests and the time of a read of its own. */
  #loader(profile: Profile, options: WriteOptions): LoadNode {
    const { core } = this.parts;
    return (hash) =>
      this.session(`The index of ${profile.name}`, options, (session) => nodeLoader(core, session, profile)(hash));
  }
}

function isMined({ transactions }: JournalEntry, state: ThreadState): boolean {
  return state.operations.some(({ txid }) => txid === transactions.at(-1)?.txid);
}

/** Whether nothing is left to be sent: its last transaction is at depth, or the tenure that it changes has ended. */
function isSettled(entry: JournalEntry, { state, tipState }: Resolution): boolean {
  const isOver = entry.kind === "update" && ![state.tenure, tipState.tenure].includes(entry.tenure);
  return isOver || isMined(entry, state);
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
