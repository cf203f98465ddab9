import { concatBytes } from "../../src/bytes/bytes.js";
import { decodeHex, encodeHex } from "../../src/bytes/hex.js";
import { memoryCache } from "../../src/cache/memory.js";
import { parseTransaction, type Transaction, type TransactionOutput } from "../../src/chain/transaction.js";
import { addressOf } from "../../src/devnet/script-kind.js";
import { createReader, type Reader, type ReaderOptions } from "../../src/index.js";
import { checkSigned } from "../../src/plan/check-signed.js";
import { createCoin } from "../../src/plan/coin-selection.js";
import { createPsbt } from "../../src/plan/psbt.js";
import type { Cache, ChainSource, Clock, Outpoint, Signer, StorageProvider, WalletAccount } from "../../src/ports.js";
import { systemClock } from "../../src/runtime/clock.js";
import { systemRandom } from "../../src/runtime/random.js";
import { memoryStorage } from "../../src/storage/memory.js";
import {
  createPrivateKey,
  type PrivateKeyWallet,
  privateKeySigner,
  privateKeyWallet,
} from "../../src/wallet/private-key.js";
import { createWriter, type Writer } from "../../src/writer.js";
import { type Btcd, startBtcd } from "./daemons/btcd.js";
import { eventually } from "./daemons/daemon.js";
import type { NodeRpc } from "./daemons/rpc.js";

/** ms - what every writer here waits between two looks; no other delay has this length. */
const POLL_MS = 7_001;
/** BIP141, BIP112 and BIP341 are active on btcd's regtest after three windows of 144 blocks. */
const ACTIVATION_BLOCKS = 450;
const FEE_SATS = 1_000n;
/** How often the faucet can pay. */
const COINS = 20;

/** What somebody signs with. */
export class Person {
  readonly wallet: PrivateKeyWallet;
  readonly signer: Signer;
  readonly account: WalletAccount;
  readonly cache: Cache = memoryCache();

  private constructor(wallet: PrivateKeyWallet, signer: Signer, account: WalletAccount) {
    this.wallet = wallet;
    this.signer = signer;
    this.account = account;
  }

  static async create(): Promise<Person> {
    const privateKey = createPrivateKey(systemRandom);
    const wallet = privateKeyWallet({ privateKey, network: "regtest", random: systemRandom });
    const [account] = await wallet.accounts();
    if (account === undefined) throw new Error("a wallet without accounts");
    return new Person(wallet, privateKeySigner({ privateKey, random: systemRandom }), account);
  }

  /** Signs a transaction that spends outputs of this person's account. */
  async sign(
    coins: readonly { readonly tx: Transaction; readonly vout: number }[],
    outputs: readonly TransactionOutput[],
  ): Promise<Uint8Array> {
    const { psbt } = createPsbt(
      coins.map(({ tx, vout }) => createCoin(tx, vout, this.account)),
      outputs,
    );
    const [signed = new Uint8Array()] = await this.wallet.signPsbts([
      { psbt, inputs: coins.map((_, index) => index), description: "plain" },
    ]);
    return checkSigned({ psbt }, signed).raw;
  }
}

/**
 * A btcd on regtest, and people who use it. While a writer waits, a block is mined of what btcd's mempool took.
 */
export class NodeWorld implements AsyncDisposable {
  readonly btcd: Btcd;
  readonly store: StorageProvider = memoryStorage();
  readonly clock: Clock;
  /** Looks at every transaction that waits for a block, before it is mined. */
  beforeMining: (raw: readonly string[]) => Promise<void> = () => Promise.resolve();
  /** Nodes that have each block before anything goes on. */
  readonly followers: NodeRpc[] = [];
  readonly #miner: Person;
  readonly #coinbases: Transaction[] = [];

  private constructor(btcd: Btcd, miner: Person) {
    this.btcd = btcd;
    this.#miner = miner;
    this.clock = {
      nowMs: () => systemClock.nowMs(),
      delay: async (ms, signal) => {
        if (ms !== POLL_MS) return systemClock.delay(ms, signal);
        await this.mine(1);
        signal?.throwIfAborted();
      },
    };
  }

  static async start(): Promise<NodeWorld> {
    const miner = await Person.create();
    const address = addressOf(miner.account.script);
    if (address === null) throw new Error("no address");
    const world = new NodeWorld(await startBtcd({ miningAddress: address }), miner);
    await world.mine(ACTIVATION_BLOCKS);
    for (let height = 1; height <= COINS; height++) world.#coinbases.push(await world.#coinbaseAt(height));
    return world;
  }

  /** Where the blocks' rewards go. */
  get minerAddress(): string {
    return addressOf(this.#miner.account.script) ?? "";
  }

  get rpc(): NodeRpc {
    return this.btcd.rpc;
  }

  height(): Promise<number> {
    return this.rpc.call<number>("getblockcount");
  }

  async mine(blocks: number): Promise<number> {
    const txids = await this.rpc.call<readonly string[]>("getrawmempool");
    if (txids.length > 0) await this.beforeMining(await Promise.all(txids.map((txid) => this.raw(txid))));
    if (blocks > 0) await this.rpc.call("generate", blocks);
    for (const follower of this.followers) await this.synced(() => follower.call("getbestblockhash"));
    return this.height();
  }

  raw(txid: string): Promise<string> {
    return this.rpc.call<string>("getrawtransaction", txid);
  }

  async transaction(txid: string): Promise<Transaction> {
    return parseTransaction(decodeHex(await this.raw(txid)));
  }

  /** Sends a raw transaction to btcd; gives its txid. @throws RpcError */
  submit(raw: Uint8Array): Promise<string> {
    return this.rpc.call<string>("sendrawtransaction", encodeHex(raw));
  }

  /** Pays to a script, confirmed by one block. */
  async faucet(script: Uint8Array, valueSats: bigint): Promise<Outpoint> {
    const tx = this.#coinbases.shift();
    if (tx === undefined) throw new Error("no coins are left");
    const left = (tx.outputs[0]?.valueSats ?? 0n) - valueSats - FEE_SATS;
    const outputs = [
      { script, valueSats },
      { script: this.#miner.account.script, valueSats: left },
    ];
    const txid = await this.submit(await this.#miner.sign([{ tx, vout: 0 }], outputs));
    await this.mine(1);
    return { txid, vout: 0 };
  }

  /** Somebody with a confirmed coin. */
  async person(valueSats = 1_000_000n): Promise<Person> {
    const person = await Person.create();
    await this.faucet(person.account.script, valueSats);
    return person;
  }

  reader(sources: readonly ChainSource[], options: Partial<ReaderOptions> = {}): Reader {
    return createReader({ network: "regtest", sources, storage: [this.store], clock: this.clock, ...options });
  }

  writer(person: Person, sources: readonly ChainSource[]): Writer {
    const { wallet, signer, cache } = person;
    const reader = this.reader(sources, { cache });
    return createWriter({ reader, storage: [this.store], wallet, signer, pollIntervalMs: POLL_MS });
  }

  /** Until another node, or a server over one, has btcd's tip. */
  async synced(tipHash: () => Promise<string>): Promise<void> {
    await eventually("the tip of btcd", async () => (await tipHash()) === (await this.rpc.call("getbestblockhash")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.btcd.stop();
  }

  async #coinbaseAt(height: number): Promise<Transaction> {
    const hash = await this.rpc.call<string>("getblockhash", height);
    const { tx } = await this.rpc.call<{ readonly tx: readonly string[] }>("getblock", hash, 1);
    return this.transaction(tx[0] ?? "");
  }
}

/** A version 2 transaction with one input that nobody has to sign for, such as a beacon's sweep. */
export function unsignedSpend(
  spent: Outpoint,
  sequence: number,
  witness: readonly Uint8Array[],
  output: TransactionOutput,
): Uint8Array {
  const number = (value: bigint | number, bytes: number): Uint8Array =>
    Uint8Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
  return concatBytes(
    number(2, 4),
    Uint8Array.of(0, 1, 1),
    decodeHex(spent.txid).reverse(),
    number(spent.vout, 4),
    Uint8Array.of(0),
    number(sequence, 4),
    Uint8Array.of(1),
    number(output.valueSats, 8),
    Uint8Array.of(output.script.length),
    output.script,
    Uint8Array.of(witness.length),
    ...witness.flatMap((item) => [Uint8Array.of(item.length), item]),
    number(0, 4),
  );
}
