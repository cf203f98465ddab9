import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { decodeHex, encodeHex } from "../../../src/bytes/hex.js";
import {
  type DhtItem,
  dhtSalt,
  dhtSignedBytes,
  dhtTarget,
  fitsDht,
  isDhtItem,
  isDhtSignature,
} from "../../../src/storage/dht-item.js";
import { createDhtSign } from "../../../src/storage/dht-key.js";
import { hasSharedVectors, sharedVectors } from "../../vectors/shared.js";
import { dhtKeys } from "./dht-keys.js";
import { expectCode } from "./expect-code.js";

interface Case {
  readonly kind: string;
  readonly salt?: string;
  readonly seq: number;
  readonly signed_buffer: string;
  readonly public_key: string;
  readonly signature: string;
  readonly target: string;
}

describe("items of the DHT", () => {
  it.skipIf(!hasSharedVectors())("BEP44's own examples: target, signed bytes, signature", () => {
    const path = join(sharedVectors, "dht", "bep44.json");
    const { cases } = JSON.parse(readFileSync(path, "utf8")) as { readonly cases: readonly Case[] };
    const mutable = cases.filter(({ kind }) => kind === "mutable");
    expect(mutable).toHaveLength(2);
    for (const one of mutable) {
      const item: DhtItem = {
        publicKey: decodeHex(one.public_key),
        salt: utf8(one.salt ?? ""),
        seq: one.seq,
        value: utf8("Hello World!"),
        signature: decodeHex(one.signature),
      };
      expect(encodeHex(dhtTarget(item.publicKey, item.salt))).toBe(one.target);
      expect(new TextDecoder().decode(dhtSignedBytes(item))).toBe(one.signed_buffer);
      expect(isDhtItem(item)).toBe(true);
      const other = decodeHex("00".repeat(32));
      for (const changed of [
        { ...item, seq: 2 },
        { ...item, value: utf8("Hello World?") },
        { ...item, salt: utf8("foobaz") },
        { ...item, publicKey: other },
        { ...item, signature: new Uint8Array(64) },
      ]) {
        expect(isDhtItem(changed)).toBe(false);
      }
    }
  });

  it("takes nothing for a signature or key that has another length, or is no point", () => {
    const { publicKey, secretKey } = dhtKeys("x");
    const message = utf8("message");
    const signature = createDhtSign({ publicKey, secretKey })?.(message) as Uint8Array;
    expect(isDhtSignature(publicKey, message, signature)).toBe(true);
    expect(isDhtSignature(publicKey, message, signature.subarray(1))).toBe(false);
    expect(isDhtSignature(publicKey.subarray(1), message, signature)).toBe(false);
    expect(isDhtSignature(new Uint8Array(32).fill(0xff), message, signature)).toBe(false);
  });

  it("gives each path a salt of its own", () => {
    const [one, other] = [dhtSalt("records/regtest/alice/a@5.json"), dhtSalt("records/regtest/alice/a@6.json")];
    expect(one).toHaveLength(32);
    expect(one).not.toEqual(other);
  });

  it("BEP44: a bencoded value has fewer than 1,000 bytes", () => {
    expect(fitsDht(new Uint8Array(995))).toBe(true);
    expect(fitsDht(new Uint8Array(996))).toBe(false);
  });
});

describe("keys of the DHT", () => {
  const { publicKey, secretKey } = dhtKeys("mine");
  const message = utf8("message");

  it("signs with a seed, a seed with its public key, or a function", async () => {
    const whole = new Uint8Array([...secretKey, ...publicKey]);
    const own = createDhtSign({ publicKey, secretKey });
    for (const signs of [
      own,
      createDhtSign({ publicKey, secretKey: whole }),
      createDhtSign({ publicKey, sign: own ?? undefined }),
    ]) {
      expect(isDhtSignature(publicKey, message, (await signs?.(message)) ?? message)).toBe(true);
    }
    expect(createDhtSign({ publicKey })).toBeNull();
  });

  it("refuses keys that do not belong together, and shows none", async () => {
    const other = dhtKeys("other");
    const shown: unknown[] = [];
    for (const wrong of [
      other.secretKey,
      secretKey.subarray(1),
      new Uint8Array([...secretKey, ...other.publicKey]),
      new Uint8Array(48),
    ]) {
      shown.push(await expectCode("INPUT_KEY_INVALID", () => createDhtSign({ publicKey, secretKey: wrong })));
    }
    expect(JSON.stringify(shown)).not.toContain(encodeHex(secretKey));
    await expectCode("INPUT_INVALID", () => createDhtSign({ publicKey: publicKey.subarray(1), secretKey }));
    await expectCode("INPUT_INVALID", () => createDhtSign({ publicKey, secretKey: "x" as unknown as Uint8Array }));
  });

  it("a function whose signature does not verify, or that fails, is told of", async () => {
    const key = createPrivateKey({
      key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), dhtKeys("other").secretKey]),
      format: "der",
      type: "pkcs8",
    });
    expect(createPublicKey(key).asymmetricKeyType).toBe("ed25519");
    for (const signs of [
      () => new Uint8Array(sign(null, message, key)),
      () => new Uint8Array(63),
      () => "x" as unknown as Uint8Array,
      (): Uint8Array => {
        throw new Error("marker-secret");
      },
    ]) {
      const error = await expectCode("INPUT_KEY_INVALID", async () =>
        createDhtSign({ publicKey, sign: signs })?.(message),
      );
      expect(`${error.message}${JSON.stringify(error)}`).not.toContain("marker-secret");
    }
  });
});
