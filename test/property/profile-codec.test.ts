import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { equalBytes, utf8 } from "../../src/bytes/bytes.js";
import { encodeHex } from "../../src/bytes/hex.js";
import { canonicalJson } from "../../src/bytes/json.js";
import { sha256 } from "../../src/crypto/hash.js";
import { isHawserError } from "../../src/errors.js";
import { keyPath } from "../../src/profile/entry.js";
import { encodeNode, isLeaf, parseNode } from "../../src/profile/index-node.js";
import { getEntry } from "../../src/profile/index-tree.js";
import { encodeProfile, parseProfile } from "../../src/profile/profile.js";
import { anyAbout, anyEntry, anyInner, anyLeaf, anyProfile, mutated } from "./profile-arbitraries.js";
import { numRuns } from "./runs.js";

vi.setConfig({ testTimeout: 60_000 + 1_000 * numRuns });

/** What `act` gives, or null if it throws a HawserError of one of `codes`; anything else that it throws is a defect. */
function orRefused<T>(codes: readonly string[], act: () => T): T | null {
  try {
    return act();
  } catch (error) {
    if (!isHawserError(error)) throw error;
    expect(codes).toContain(error.code);
    return null;
  }
}

const profileCodes = ["PROFILE_INVALID", "PROFILE_UNSUPPORTED"];

describe("codecs", () => {
  it("P5: profiles survive encode and decode", () => {
    fc.assert(
      fc.property(anyProfile, (profile) => {
        const bytes = encodeProfile(profile);
        const { about, ...rest } = parseProfile(bytes, "alice");
        const { about: aboutBefore, ...restBefore } = profile;
        expect(rest).toEqual(restBefore);
        expect(canonicalJson(about)).toBe(canonicalJson(aboutBefore));
        expect(encodeProfile({ ...rest, about })).toEqual(bytes);
      }),
      { numRuns },
    );
  });

  it("P5: nodes survive encode and decode", () => {
    fc.assert(
      fc.property(fc.oneof(anyLeaf, anyInner), (node) => {
        expect(parseNode(encodeNode(node, ""), "")).toEqual(node);
      }),
      { numRuns },
    );
  });

  it("P5: about has one text, whatever the order of its members", () => {
    fc.assert(
      fc.property(anyAbout, (about) => {
        const reversed = Object.create(null) as Record<string, (typeof about)[string]>;
        for (const [name, value] of Object.entries(about).reverse()) reversed[name] = value;
        expect(canonicalJson(reversed)).toBe(canonicalJson(about));
        expect(JSON.parse(canonicalJson(about))).toEqual(JSON.parse(JSON.stringify(about)));
      }),
      { numRuns },
    );
  });

  it("P5: a profile with one flipped bit is refused, or is another profile in its own one form", () => {
    fc.assert(
      fc.property(anyProfile, fc.nat(), (profile, bit) => {
        const bytes = encodeProfile(profile);
        const flipped = flip(bytes, bit);
        const other = orRefused(profileCodes, () => parseProfile(flipped, "alice"));
        if (other !== null) expect(encodeProfile(other)).toEqual(flipped);
      }),
      { numRuns: 10 * numRuns },
    );
  });

  it("P5: a node with one flipped bit is refused by its hash, at every bit", async () => {
    await fc.assert(
      fc.asyncProperty(anyEntry, fc.nat(), async (entry, bit) => {
        const bytes = encodeNode({ entries: [entry] }, "");
        const hash = encodeHex(sha256(bytes));
        const digit = Number.parseInt(keyPath(entry.key).charAt(0), 16);
        const root = { children: Array.from({ length: 16 }, (_, i) => (i === digit ? hash : null)) };
        const honest = await getEntry(root, entry.key, async () => Promise.resolve(bytes));
        expect(honest.entry).toEqual(entry);
        const lie = getEntry(root, entry.key, async () => Promise.resolve(flip(bytes, bit)));
        await expect(lie).rejects.toMatchObject({ code: "INDEX_INVALID" });
      }),
      { numRuns: 4 * numRuns },
    );
  });

  it("P5: mutated bytes give a HawserError or a document in its one form", () => {
    fc.assert(
      fc.property(
        anyProfile.chain((profile) => mutated(encodeProfile(profile))),
        (bytes) => {
          const profile = orRefused(profileCodes, () => parseProfile(bytes, "alice"));
          if (profile !== null) expect(equalBytes(encodeProfile(profile), bytes)).toBe(true);
        },
      ),
      { numRuns: 15 * numRuns },
    );
    fc.assert(
      fc.property(
        fc.oneof(anyLeaf, anyInner).chain((node) => mutated(encodeNode(node, ""))),
        (bytes) => {
          const node = orRefused(["INDEX_INVALID"], () => parseNode(bytes, ""));
          if (node !== null) expect(equalBytes(encodeNode(node, ""), bytes)).toBe(true);
        },
      ),
      { numRuns: 15 * numRuns },
    );
  });

  it("P5: arbitrary bytes and JSON give nothing but a HawserError", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(utf8)), (bytes) => {
        expect(orRefused(profileCodes, () => parseProfile(bytes, "alice"))).toBeNull();
        const node = orRefused(["INDEX_INVALID"], () => parseNode(bytes, ""));
        if (node !== null) expect(isLeaf(node)).toBe(true);
      }),
      { numRuns: 10 * numRuns },
    );
  });
});

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const at = Math.floor(bit / 8) % bytes.length;
  return bytes.map((byte, i) => (i === at ? byte ^ (1 << (bit % 8)) : byte));
}
