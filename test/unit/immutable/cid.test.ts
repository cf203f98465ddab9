import { createCipheriv, createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { encodeBase32 } from "../../../src/bytes/base32.js";
import { utf8 } from "../../../src/bytes/bytes.js";
import { decodeRawCid, encodeRawCid, parseRawCid } from "../../../src/immutable/cid.js";
import { contentKey } from "../../../src/immutable/key.js";
import { hasSharedVectors, sharedVectors } from "../../vectors/shared.js";
import { expectCode } from "../storage/expect-code.js";

const HELLO = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
const hash = contentKey(utf8("hello world"));

interface Case {
  readonly profile: string;
  readonly case: string;
  readonly input: { readonly kind: string; readonly text?: string; readonly seed?: string; readonly bytes?: number };
  readonly cid: string;
}

function inputOf({ kind, text = "", seed = "", bytes = 0 }: Case["input"]): Uint8Array {
  if (kind === "utf8") return utf8(text);
  const key = createHash("sha256").update(seed).digest();
  return createCipheriv("chacha20", key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

describe("CIDs of objects", () => {
  it("I1: is the raw CIDv1 of the object's hash", () => {
    expect(encodeRawCid(hash)).toBe(HELLO);
    expect(decodeRawCid(HELLO)).toBe(hash);
    expect(parseRawCid(HELLO)).toBe(hash);
  });

  const digest = Buffer.from(hash, "hex");
  const cidOf = (...head: readonly number[]): string => `b${encodeBase32(Buffer.concat([Buffer.from(head), digest]))}`;
  it.each([
    ["of a UnixFS root", "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64"],
    ["of version 0", "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"],
    ["of the identity hash", "bafkqaaa"],
    ["of dag-cbor", cidOf(0x01, 0x71, 0x12, 0x20)],
    ["of another hash function", cidOf(0x01, 0x55, 0x1b, 0x20)],
    ["of another version", cidOf(0x02, 0x55, 0x12, 0x20)],
    ["that says another length", cidOf(0x01, 0x55, 0x12, 0x1f)],
    ["with a long varint", cidOf(0x81, 0x00, 0x55, 0x12, 0x20)],
    ["cut short", HELLO.slice(0, -2)],
    ["with more bytes", `${HELLO}aa`],
    ["with bits after the last byte", `${HELLO.slice(0, -1)}f`],
    ["in upper case", HELLO.toUpperCase()],
    ["in base16", `f01551220${hash}`],
    ["with a path", `${HELLO}/`],
    ["without its multibase", HELLO.slice(1)],
    ["of no text", ""],
  ])("refuses a CID %s", async (_, cid) => {
    expect(decodeRawCid(cid)).toBeNull();
    await expectCode("INPUT_INVALID", () => parseRawCid(cid));
  });

  it("refuses what is no text, and hashes that are none", async () => {
    await expectCode("INPUT_INVALID", () => parseRawCid(7));
    await expectCode("INPUT_INVALID", () => encodeRawCid(hash.toUpperCase()));
    await expectCode("INPUT_INVALID", () => encodeRawCid(hash.slice(2)));
  });

  it.skipIf(!hasSharedVectors())(
    "IPIP-499: one raw block is its object, a file of several blocks is refused",
    async () => {
      const path = join(sharedVectors, "ipfs", "ipip-0499_known_cids.json");
      const { cases } = JSON.parse(readFileSync(path, "utf8")) as { readonly cases: readonly Case[] };
      const wanted = cases.filter(({ profile }) => profile === "unixfs-v1-2025");
      const single = wanted.filter(({ cid }) => cid.startsWith("bafkrei"));
      expect(single.map((one) => one.case)).toEqual(["hello-world", "at-chunk-size"]);
      for (const { input, cid } of single) expect(encodeRawCid(contentKey(inputOf(input)))).toBe(cid);
      const others = cases.filter((one) => !single.includes(one));
      expect(others.length).toBeGreaterThan(3);
      for (const { cid } of others) await expectCode("INPUT_INVALID", () => parseRawCid(cid));
    },
  );
});
