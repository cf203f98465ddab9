import { describe, expect, it } from "vitest";
import { decodeBase32, encodeBase32 } from "../../../src/bytes/base32.js";
import { utf8 } from "../../../src/bytes/bytes.js";

describe("base32", () => {
  it.each([
    // RFC 4648 section 10, in lower case and without padding.
    ["", ""],
    ["f", "my"],
    ["fo", "mzxq"],
    ["foo", "mzxw6"],
    ["foob", "mzxw6yq"],
    ["fooba", "mzxw6ytb"],
    ["foobar", "mzxw6ytboi"],
  ])("%j is %j", (text, base32) => {
    expect(encodeBase32(utf8(text))).toBe(base32);
    expect(decodeBase32(base32)).toEqual(utf8(text));
  });

  it.each(["a", "maa", "aaaaaa", "MY", "my======", "mz", "m", "mzx", "mzxw6y", "m1", "m0", "m8", "m ", "m-", "mé"])(
    "refuses %j",
    (text) => {
      expect(decodeBase32(text)).toBeNull();
    },
  );
});
