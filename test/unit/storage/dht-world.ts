import { expect } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { encodeHex } from "../../../src/bytes/hex.js";
import type { StorageReader } from "../../../src/ports.js";
import { createDht, type DhtOptions, type DhtStorage } from "../../../src/storage/dht.js";
import { type DhtItem, dhtSalt, dhtSignedBytes, isDhtItem } from "../../../src/storage/dht-item.js";
import { createDhtSign } from "../../../src/storage/dht-key.js";
import type { DhtNode, DhtNodeOptions } from "../../../src/storage/dht-node.js";
import { RECORD_PATH } from "./contract.js";
import { dhtKeys } from "./dht-keys.js";

export const options = { kind: "record", maxBytes: 10_000 } as const;
export const kind = "record";

/** A double of a DHT's nodes, which keep one item a key and salt. */
export class NodeDouble implements DhtNode {
  readonly items = new Map<string, DhtItem>();
  readonly put: (item: DhtItem) => Promise<{ nodes: number; isOutrun: boolean }>;
  answers = 5;
  /** What nodes say to a put, in turn; then they do as BEP44 says. */
  readonly told: { nodes: number; isOutrun: boolean }[] = [];
  readonly sent: DhtItem[] = [];
  met = 0;
  closed = 0;

  constructor() {
    this.put = async (item) => {
      this.sent.push(item);
      const told = this.told.shift();
      if (told !== undefined) return told;
      if (!isDhtItem(item)) return { nodes: 0, isOutrun: false };
      const key = this.key(item.publicKey, item.salt);
      if ((this.items.get(key)?.seq ?? -1) >= item.seq) return { nodes: 0, isOutrun: true };
      this.items.set(key, item);
      return { nodes: 3, isOutrun: false };
    };
  }
  key(publicKey: Uint8Array, salt: Uint8Array): string {
    return `${encodeHex(publicKey)}/${encodeHex(salt)}`;
  }
  async meet(): Promise<void> {
    this.met++;
  }
  get: DhtNode["get"] = async (publicKey, salt) => ({
    answers: this.answers,
    item: this.items.get(this.key(publicKey, salt)) ?? null,
  });
  async close(): Promise<void> {
    this.closed++;
  }
}

export const keys = dhtKeys("mine");
export interface World {
  readonly node: NodeDouble;
  readonly storage: DhtStorage;
  readonly opened: DhtNodeOptions[];
}
export function open(more: Partial<DhtOptions> = {}, node = new NodeDouble()): World {
  const opened: DhtNodeOptions[] = [];
  const storage = createDht({ ...keys, bootstrap: ["a.example:6881"], ...more }, async (given) => {
    opened.push(given);
    return node;
  });
  return { node, storage, opened };
}
export async function put(node: NodeDouble, seq: number, value: Uint8Array): Promise<void> {
  const unsigned = { publicKey: keys.publicKey, salt: dhtSalt(RECORD_PATH), seq, value };
  const signature = (await createDhtSign(keys)?.(dhtSignedBytes(unsigned))) ?? expect.fail();
  await node.put({ ...unsigned, signature });
}
export const place = (url: string | null): StorageReader => ({
  label: "place",
  publicBaseUrl: null,
  urlOf: () => url,
  read: () => Promise.reject(new Error("not asked")),
});

export async function foreign({ publicKey, secretKey }: typeof keys, salt: Uint8Array): Promise<DhtItem> {
  const unsigned = { publicKey, salt, seq: 9, value: utf8("foreign") };
  const signature = (await createDhtSign({ publicKey, secretKey })?.(dhtSignedBytes(unsigned))) ?? expect.fail();
  return { ...unsigned, signature };
}
