import fc from "fast-check";
import { expect, it } from "vitest";
import { merkleBranch, merkleRoot } from "../../src/chain/merkle.js";
import { parseMerkleBlock } from "../../src/chain/merkle-block.js";
import { HawserError, isHawserError } from "../../src/errors.js";
import { buildMerkleBlock } from "../doubles/merkle-block.js";
import { numRuns } from "./runs.js";

const refuse = (reason: string): HawserError => new HawserError("NETWORK_ANSWER_INVALID", reason, { url: "a", reason });
const txid = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const txids = fc.uniqueArray(txid, { minLength: 1, maxLength: 70 });

function headerOf(ids: readonly string[]): Uint8Array {
  const header = new Uint8Array(80);
  header.set(merkleRoot(ids), 36);
  return header;
}

it("V2: a merkle block leads to the places and branches of the whole tree", () => {
  fc.assert(
    fc.property(txids, fc.func(fc.boolean()), (ids, wanted) => {
      const raw = buildMerkleBlock(headerOf(ids), ids, wanted);
      const { matches, transactionCount } = parseMerkleBlock(raw, refuse);
      expect(transactionCount).toBe(ids.length);
      const expected = ids.flatMap((id, position) =>
        wanted(id) ? [{ txid: id, position, branch: merkleBranch(ids, position) }] : [],
      );
      expect(matches).toEqual(expected);
    }),
    { numRuns },
  );
});

it("V2: bytes that were changed give the same proof or none", () => {
  fc.assert(
    fc.property(txids, fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), (ids, chosen, at, change) => {
      const wanted = ids[chosen % ids.length];
      const raw = buildMerkleBlock(headerOf(ids), ids, (id) => id === wanted);
      const place = at % raw.length;
      const changed = raw.slice();
      changed[place] = (raw[place] ?? 0) ^ change;
      let matches: readonly { readonly branch: readonly Uint8Array[]; readonly position: number; txid: string }[] = [];
      try {
        ({ matches } = parseMerkleBlock(changed, refuse));
      } catch (error) {
        if (!isHawserError(error, "NETWORK_ANSWER_INVALID")) throw error;
      }
      // The count of transactions is in no hash, so that another one may fit the same tree.
      for (const { position, branch } of matches.filter((match) => match.txid === wanted && place < 80)) {
        expect(branch).toEqual(merkleBranch(ids, position));
      }
    }),
    { numRuns },
  );
});
