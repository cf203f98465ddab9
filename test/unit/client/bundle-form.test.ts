import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { type Bundle, encodeBundle, parseBundle } from "../../../src/client/bundle-form.js";
import { limits } from "../../../src/limits.js";
import { expectCode } from "../storage/expect-code.js";

const bundle: Bundle = {
  network: "regtest",
  name: "alice",
  from: 1,
  headers: new Uint8Array(160).fill(1),
  txs: [{ raw: Uint8Array.of(1, 2), height: 3, position: 4, branch: [new Uint8Array(32)] }],
  prev: [Uint8Array.of(5)],
  profile: Uint8Array.of(6),
  nodes: [Uint8Array.of(7)],
  record: Uint8Array.of(8),
  object: new Uint8Array(0),
};
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- documents of wrong shapes
type Document = any;
const document = (): Document => JSON.parse(new TextDecoder().decode(encodeBundle(bundle)));
const parse = (json: Document): Bundle => parseBundle(utf8(JSON.stringify(json)));

describe("parseBundle", () => {
  it("gives back what encodeBundle wrote, with and without the members that may be missing", () => {
    expect(parseBundle(encodeBundle(bundle))).toEqual(bundle);
    const small = { ...bundle, profile: null, record: null, object: null };
    expect(parseBundle(encodeBundle(small))).toEqual(small);
    expect(Object.keys(document())).toEqual(
      "hawserBundle network name from headers txs prev profile nodes record object".split(" "),
    );
  });

  it("section 11: refuses a missing, an unknown and a repeated member, also in a transaction", async () => {
    for (const member of ["network", "name", "from", "headers", "txs", "prev", "nodes", "hawserBundle"]) {
      await expectCode("BUNDLE_INVALID", () => parse({ ...document(), [member]: undefined }));
    }
    for (const member of ["raw", "height", "pos", "branch"]) {
      const txs = [{ ...document().txs[0], [member]: undefined }];
      const { details } = await expectCode("BUNDLE_INVALID", () => parse({ ...document(), txs }));
      expect(details.reason).toBe(`one of txs has no member ${member}`);
    }
    await expectCode("BUNDLE_INVALID", () => parse({ ...document(), more: 1 }));
    await expectCode("BUNDLE_INVALID", () => parse({ ...document(), txs: [{ ...document().txs[0], more: 1 }] }));
    const text = JSON.stringify(document());
    await expectCode("BUNDLE_INVALID", () => parseBundle(utf8(text.replace('"from":1', '"from":1,"from":1'))));
    await expectCode("BUNDLE_INVALID", () => parseBundle(utf8(text.replace('"pos":4', '"pos":4,"pos":4'))));
    expect(parseBundle(utf8(`\n${text.replace('"from":1,', '"from" : 1,')} `))).toEqual(bundle);
  });

  it("section 11: refuses members of another form", async () => {
    for (const [member, values] of Object.entries({
      network: [1, null],
      name: [1, null],
      from: ["1", -1, null],
      headers: ["", "0", "AA", null, 1],
      txs: [{}, [1], [null], null],
      prev: [{}, [1], ["0"], ["xx"], null],
      nodes: [{}, [1], ["A"], null],
      profile: ["A", "AB==", null, 1],
      record: ["A", null],
      object: ["A", null],
    })) {
      for (const value of values) await expectCode("BUNDLE_INVALID", () => parse({ ...document(), [member]: value }));
    }
    for (const [member, values] of Object.entries({
      raw: [1, "0"],
      height: [-1, "1"],
      pos: [-1, "1"],
      branch: [{}, [1], ["00"], ["00".repeat(33)]],
    })) {
      for (const value of values) {
        const json = document();
        json.txs[0][member] = value;
        await expectCode("BUNDLE_INVALID", () => parse(json));
      }
    }
    for (const text of ["", "[]", "1", "{", '{"hawserBundle":1', "\u{feff}{}"]) {
      await expectCode("BUNDLE_INVALID", () => parseBundle(utf8(text)));
    }
  });

  it("section 11: a later version is told apart before its form is judged", async () => {
    const { details } = await expectCode("BUNDLE_UNSUPPORTED", () => parse({ hawserBundle: 2, other: [] }));
    expect(details.version).toBe("2");
    await expectCode("BUNDLE_INVALID", () => parse({ ...document(), hawserBundle: "1" }));
  });

  it("section 11: refuses what is larger than the caller allows, before it looks at it", async () => {
    const bytes = encodeBundle(bundle);
    expect(parseBundle(bytes, bytes.length)).toEqual(bundle);
    const { details } = await expectCode("INPUT_TOO_LARGE", () => parseBundle(bytes, bytes.length - 1));
    expect(details).toEqual({ what: "bundle", bytes: bytes.length, maxBytes: bytes.length - 1 });
    await expectCode("INPUT_TOO_LARGE", () => parseBundle(new Uint8Array(limits.bundleMaxBytes + 1)));
    await expectCode("INPUT_INVALID", () => parseBundle(bytes, Number.NaN));
    await expectCode("INPUT_INVALID", () => parseBundle("{}" as unknown as Uint8Array));
  });

  it("section 11: refuses every truncation", async () => {
    const bytes = encodeBundle(bundle);
    for (let length = 0; length < bytes.length; length++) {
      await expectCode("BUNDLE_INVALID", () => parseBundle(bytes.subarray(0, length)));
    }
  });
});
