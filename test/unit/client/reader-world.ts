import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import type { JsonObject } from "../../../src/bytes/json.js";
import { networks } from "../../../src/chain/network.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { signSchnorr } from "../../../src/crypto/schnorr.js";
import { type Devnet, type DevnetOptions, startDevnet } from "../../../src/devnet/index.js";
import { contentKey } from "../../../src/immutable/key.js";
import { createReader, type Reader, type ReaderOptions } from "../../../src/index.js";
import { encodeRecord, recordDigest } from "../../../src/mutable/record.js";
import { beaconScript, parseName } from "../../../src/name/name.js";
import { encodePayload, type Payload, payloadScript, preorderCommitment } from "../../../src/name/operation.js";
import type { StorageProvider } from "../../../src/ports.js";
import { type Content, type IndexEntry, immutableEntry, mutableEntry, type Route } from "../../../src/profile/entry.js";
import { buildIndex, emptyIndex } from "../../../src/profile/index-tree.js";
import { encodeProfile, type Profile } from "../../../src/profile/profile.js";
import { objectPath, recordPath } from "../../../src/route/layout.js";
import { http } from "../../../src/storage/http.js";
import { payment, type TestCoin, TestKey } from "../devnet/wallet.js";

const SEAL_SATS = 500_000n;
const FEE_SATS = 1_000n;

/** A name on the devnet's chain and the seal that its next operation spends. */
export interface TestName {
  readonly name: string;
  /** txid of the PREORDER. */
  readonly tenure: string;
  seal: TestCoin;
}

/** What a profile holds beside its name. */
export interface ProfileParts {
  readonly pubkey?: string | null;
  readonly storage?: readonly string[];
  readonly about?: JsonObject;
  readonly entries?: readonly IndexEntry[];
}

/** A record to sign. */
export interface RecordParts {
  readonly ver: number;
  readonly data: string | Uint8Array;
  readonly key?: TestKey;
  readonly tenure?: string;
  readonly id?: string;
  readonly epoch?: number;
}

/**
 * A devnet with names whose every operation, object and record a test makes by hand, also such that no writer of this
 * library would make.
 */
export class ReaderWorld implements AsyncDisposable {
  readonly devnet: Devnet;
  readonly key = new TestKey("owner");
  /** One per store, to write with. */
  readonly stores: readonly StorageProvider[];

  private constructor(devnet: Devnet) {
    this.devnet = devnet;
    this.stores = devnet.storeUrls.map((url) => http(url, { writable: true }));
  }

  static async start(options: DevnetOptions = {}): Promise<ReaderWorld> {
    return new ReaderWorld(await startDevnet({ sources: 2, stores: 2, ...options }));
  }

  reader(options: Partial<ReaderOptions> = {}): Reader {
    return createReader({ ...this.devnet.readerOptions(), ...options });
  }

  /** Registers a name for {@link key}; a null profile hash is that of a name without profile. */
  async register(
    name: string,
    profileHash: Uint8Array | null = null,
    ownerScript: Uint8Array = this.key.p2tr,
  ): Promise<TestName> {
    const parsed = parseName(name);
    const salt = sha256(utf8(name)).subarray(0, 8);
    const commitment = preorderCommitment({ network: networks.regtest, name: parsed, salt, ownerScript });
    const coin = await this.#coin(SEAL_SATS + 20_000n);
    const tenure = await this.#operate(coin, { kind: "preorder", commitment }, [
      [ownerScript, coin.valueSats - FEE_SATS],
    ]);
    const preorder: TestCoin = { txid: tenure, vout: 1, valueSats: coin.valueSats - FEE_SATS, script: ownerScript };
    const payload: Payload = { kind: "register", salt, profileHash: profileHash ?? new Uint8Array(32), name };
    const txid = await this.#operate(preorder, payload, [
      [ownerScript, SEAL_SATS],
      [beaconScript(parsed, networks.regtest), 1_000n],
    ]);
    return { name, tenure, seal: { txid, vout: 1, valueSats: SEAL_SATS, script: ownerScript } };
  }

  /** Anchors another profile. */
  update(name: TestName, profileHash: Uint8Array | null): Promise<string> {
    return this.#next(name, { kind: "update", profileHash: profileHash ?? new Uint8Array(32) }, name.seal.script);
  }

  /** Hands a name to another script, with a profile. */
  transfer(name: TestName, ownerScript: Uint8Array, profileHash: Uint8Array): Promise<string> {
    return this.#next(name, { kind: "transfer", profileHash }, ownerScript);
  }

  release(name: TestName): Promise<string> {
    return this.#next(name, { kind: "release" }, name.seal.script);
  }

  /** Spends a seal by a payment that is no operation, which leaves the name unsealed. */
  spendSeal({ seal }: TestName): Promise<string> {
    return this.devnet.submit(payment(this.key, [seal], [[this.key.p2tr, seal.valueSats - FEE_SATS]]));
  }

  /** Puts an object at the stores and gives its hash. */
  async putObject(bytes: Uint8Array, stores: readonly StorageProvider[] = this.stores): Promise<Uint8Array> {
    for (const store of stores) await store.write(objectPath(contentKey(bytes)), bytes, { kind: "object" });
    return sha256(bytes);
  }

  /** Puts a profile, and the nodes of its index, at the stores and gives its hash. */
  async putProfile(
    name: string,
    parts: ProfileParts = {},
    stores: readonly StorageProvider[] = this.stores,
  ): Promise<Uint8Array> {
    const index = await buildIndex(parts.entries ?? [], async (_, bytes) => {
      await this.putObject(bytes, stores);
    });
    return this.putObject(encodeProfile(profileOf(name, { ...parts, index })), stores);
  }

  /** Puts a signed record at the stores. */
  async putRecord(
    name: TestName,
    route: Route,
    parts: RecordParts,
    stores: readonly StorageProvider[] = this.stores,
  ): Promise<Uint8Array> {
    const body = this.sign(name, route, parts);
    const path = recordPathOf(name, route);
    for (const store of stores) await store.write(path, body, { kind: "record" });
    return body;
  }

  /** The body of a record. */
  sign(name: TestName, route: Route, { ver, data, key = this.key, ...changed }: RecordParts): Uint8Array {
    const bytes = typeof data === "string" ? utf8(data) : data;
    const { tenure = name.tenure, id = route.id, epoch = route.epoch } = changed;
    const digest = recordDigest({ network: networks.regtest, name: name.name, tenure, id, epoch }, ver, bytes);
    const sig = encodeHex(signSchnorr(digest, key.privateKey, new Uint8Array(32)));
    return encodeRecord({ id, data: bytes, ver, sig });
  }

  /** Registers a name whose profile has one route, with version 1 of its record at every store. */
  async registerWithRecord(
    name: string,
    changes: Partial<Route> = {},
  ): Promise<{ readonly name: TestName; readonly route: Route }> {
    const route = routeOf("settings", changes);
    const registered = await this.register(name, await this.putProfile(name, { entries: [mutableEntry(route)] }));
    await this.putRecord(registered, route, { ver: 1, data: "one" });
    return { name: registered, route };
  }

  close(): Promise<void> {
    return this.devnet.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #coin(valueSats: bigint): Promise<TestCoin> {
    const script = this.key.p2tr;
    return { ...(await this.devnet.faucet(script, valueSats)), valueSats, script };
  }

  async #next(name: TestName, payload: Payload, ownerScript: Uint8Array): Promise<string> {
    const { seal } = name;
    const valueSats = seal.valueSats - FEE_SATS;
    const txid = await this.#operate(seal, payload, [[ownerScript, valueSats]]);
    name.seal = { txid, vout: 1, valueSats, script: ownerScript };
    return txid;
  }

  #operate(coin: TestCoin, payload: Payload, outputs: readonly (readonly [Uint8Array, bigint])[]): Promise<string> {
    const data = payloadScript(encodePayload(payload));
    return this.devnet.submit(payment(this.key, [coin], [[data, 0n], ...outputs]));
  }
}

export function routeOf(id: string, changes: Partial<Route> = {}): Route {
  return { id, urls: [], pubkey: null, epoch: 1, minVer: null, maxAgeMs: null, ...changes };
}

export function contentOf(bytes: Uint8Array, changes: Partial<Content> = {}): Content {
  return { size: bytes.length, type: null, name: null, urls: null, ...changes };
}

export function recordPathOf(name: TestName, route: Route): string {
  return recordPath({ network: "regtest", name: name.name, id: route.id, epoch: route.epoch });
}

export function profileOf(name: string, parts: Partial<Profile> = {}): Profile {
  const { pubkey = null, storage = [], about = {}, index = emptyIndex } = parts;
  return { name, pubkey, storage, about, index };
}

/** Entries enough that the index has nodes below its root. */
export function manyEntries(count: number): IndexEntry[] {
  return Array.from({ length: count }, (_, i) => {
    const bytes = utf8(`object ${i}`);
    return immutableEntry(contentKey(bytes), contentOf(bytes));
  });
}
