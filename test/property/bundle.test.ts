import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { verifyBundle } from "../../src/client/bundle.js";
import { encodeBundle } from "../../src/client/bundle-form.js";
import type { ProvenBundle } from "../../src/client/verify-bundle.js";
import { isHawserError } from "../../src/errors.js";
import { contentKey } from "../../src/immutable/key.js";
import { immutableEntry, mutableEntry } from "../../src/profile/entry.js";
import { signRecord, worldWithData } from "../unit/client/bundle-world.js";
import { contentOf, manyEntries, routeOf } from "../unit/client/reader-world.js";
import { numRuns } from "./runs.js";

/** What a bundle says that somebody could be deceived about: all but the time and tip that its last header tells. */
function contentOfProof(proof: ProvenBundle): unknown {
  return { ...proof, asOf: null };
}

describe("a bundle with any byte changed", () => {
  let bytes = new Uint8Array();
  let proven: ProvenBundle;
  beforeAll(async () => {
    const photo = utf8("a photo");
    const entries = [
      mutableEntry(routeOf("settings")),
      immutableEntry(contentKey(photo), contentOf(photo)),
      ...manyEntries(40),
    ];
    const { bundle, tenure } = await worldWithData(entries);
    const record = signRecord({ tenure, id: "settings", epoch: 1 }, 3, utf8("dark"));
    bytes = new Uint8Array(encodeBundle({ ...bundle, record, object: photo }));
    proven = await verifyBundle(bytes, { network: "regtest" });
  });

  /** Never anything else than the same content or a HawserError. */
  async function expectSafe(changed: Uint8Array): Promise<void> {
    let result: ProvenBundle;
    try {
      result = await verifyBundle(changed, { network: "regtest" });
    } catch (error) {
      if (isHawserError(error) && error.outcome !== "bug") return;
      throw error;
    }
    expect(contentOfProof(result)).toEqual(contentOfProof(proven));
    // Regtest's target admits every second hash, so its last header, under which nothing stands, may be another.
    expect([result.asOf.height, result.asOf.tipHeight]).toEqual([proven.asOf.height, proven.asOf.tipHeight]);
  }

  it("is the same content or a typed error, byte by byte", async () => {
    for (let i = 0; i < bytes.length; i += 7) {
      const changed = bytes.slice();
      changed[i] = (changed[i] ?? 0) ^ (1 << (i % 7));
      await expectSafe(changed);
    }
  }, 120_000);

  it("is the same content or a typed error, wherever pieces are changed, taken out or put in", async () => {
    const edit = fc.record({ at: fc.nat(), remove: fc.nat({ max: 300 }), insert: fc.uint8Array({ maxLength: 4 }) });
    const digits = fc.record({
      at: fc.nat(),
      remove: fc.constant(1),
      insert: fc.constantFrom("0", "a", "9", '"', ","),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(edit, digits), { minLength: 1, maxLength: 3 }), async (edits) => {
        let changed: Uint8Array = bytes;
        for (const { at, remove, insert } of edits) {
          const start = at % (changed.length + 1);
          const piece = typeof insert === "string" ? utf8(insert) : insert;
          changed = Buffer.concat([changed.subarray(0, start), piece, changed.subarray(start + remove)]);
        }
        await expectSafe(new Uint8Array(changed));
      }),
      { numRuns: numRuns * 8 },
    );
  });
});
