import { createHash, createPrivateKey, createPublicKey } from "node:crypto";

/** An Ed25519 key of a test. */
export interface DhtKeys {
  /** The seed. */
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** The key of a word. */
export function dhtKeys(word: string): DhtKeys {
  const secretKey = createHash("sha256").update(word).digest();
  const head = Buffer.from("302e020100300506032b657004220420", "hex");
  const key = createPrivateKey({ key: Buffer.concat([head, secretKey]), format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return { secretKey: new Uint8Array(secretKey), publicKey: new Uint8Array(spki.subarray(-32)) };
}
