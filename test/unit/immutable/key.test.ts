import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { contentKey, parseContentKey } from "../../../src/immutable/key.js";
import { verifyObject } from "../../../src/immutable/verify.js";
import { errorOf } from "../mutable/world.js";

const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const CID = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

describe("the key of data", () => {
  it("I1: the key of data is its SHA-256 in hex", () => {
    expect(contentKey(utf8("abc"))).toBe(ABC);
    expect(parseContentKey(ABC)).toEqual({ kind: "sha256", key: ABC });
  });

  it("I3: a key may be the CID of a UnixFS root", () => {
    expect(parseContentKey(CID)).toEqual({ kind: "unixfs", key: CID });
  });

  it.each([[ABC.toUpperCase()], [ABC.slice(2)], [CID.slice(1)], [CID.toUpperCase()], [`${CID}a`], [""], [null], [7]])(
    "I1: %j is no key",
    (value) => {
      errorOf("INPUT_INVALID", () => parseContentKey(value));
    },
  );
});

describe("verifyObject", () => {
  it("I2: verifyObject accepts the bytes of the hash and no others", () => {
    const bytes = utf8("abc");
    expect(verifyObject(bytes, ABC)).toBe(bytes);
    expect(errorOf("CONTENT_UNVERIFIED", () => verifyObject(utf8("abd"), ABC)).details.key).toBe(ABC);
  });
});
