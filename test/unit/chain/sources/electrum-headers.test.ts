import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encodeHex, reversed } from "../../../../src/bytes/hex.js";
import { HEADER_BYTES, hashHeader } from "../../../../src/chain/header.js";
import { merkleBranch, merkleRoot } from "../../../../src/chain/merkle.js";
import type { ElectrumSource } from "../../../../src/chain/sources/electrum.js";
import { type HeaderProof, isHeaderProven } from "../../../../src/chain/sources/electrum-header-proof.js";
import { ElectrumError } from "../../../doubles/electrum-methods.js";
import type { ElectrumDouble, Misbehaviour } from "../../../doubles/electrum-server.js";
import { expectCode } from "../../storage/expect-code.js";
import { mineHeader } from "../mining.js";
import { ElectrumWorld } from "./electrum-world.js";

describe("the proof that a header is in a list", () => {
  const headers = Array.from({ length: 13 }, (_, i) => new Uint8Array(HEADER_BYTES).fill(i + 1));
  const hashes = headers.map((header) => encodeHex(reversed(hashHeader(header))));
  const proofOf = (height: number, count: number): HeaderProof => ({
    header: headers[height]!,
    height,
    proofHeight: count - 1,
    branch: merkleBranch(hashes.slice(0, count), height),
    root: merkleRoot(hashes.slice(0, count)),
  });

  it("holds for every header of lists of any length", () => {
    for (let count = 1; count <= headers.length; count++) {
      for (let height = 0; height < count; height++) expect(isHeaderProven(proofOf(height, count))).toBe(true);
    }
  });

  it("does not hold for another header, height, list, branch or root", () => {
    for (let count = 1; count <= headers.length; count++) {
      for (let height = 0; height < count; height++) {
        const proof = proofOf(height, count);
        const { branch } = proof;
        const wrong: HeaderProof[] = [
          { ...proof, header: new Uint8Array(HEADER_BYTES) },
          { ...proof, root: new Uint8Array(32) },
          { ...proof, branch: [...branch, new Uint8Array(32)] },
          { ...proof, height: count },
          { ...proof, height: -1 },
        ];
        if (branch.length > 0) {
          wrong.push({ ...proof, branch: branch.slice(0, -1) });
          wrong.push({ ...proof, branch: [branch[0]!.slice(1), ...branch.slice(1)] });
        }
        for (let other = 0; other < count; other++) if (other !== height) wrong.push({ ...proof, height: other });
        for (const one of wrong) expect(isHeaderProven(one)).toBe(false);
      }
    }
  });

  it("does not hold for a branch that is too short for the list, whatever root is named", () => {
    const header = headers[0]!;
    const proof = { header, height: 0, proofHeight: 3, branch: [], root: hashHeader(header) };
    expect(isHeaderProven(proof)).toBe(false);
    expect(isHeaderProven({ ...proof, proofHeight: 0 })).toBe(true);
  });

  it("CVE-2012-2459: the copy that fills an odd row is no header of its own", () => {
    // Three headers have the root of four whose last is the third again.
    const doubled = [...hashes.slice(0, 3), hashes[2]!];
    const proof = {
      header: headers[2]!,
      height: 3,
      proofHeight: 3,
      branch: merkleBranch(doubled, 3),
      root: merkleRoot(doubled),
    };
    expect(encodeHex(proof.root)).toBe(encodeHex(merkleRoot(hashes.slice(0, 3))));
    expect(isHeaderProven(proof)).toBe(false);
    expect(isHeaderProven({ ...proof, height: 2, proofHeight: 2 })).toBe(true);
  });
});

describe("large chunks of headers from an Electrum server", () => {
  const world = new ElectrumWorld();
  let double: ElectrumDouble;
  let source: ElectrumSource;
  beforeAll(() => world.chain.mine(150));
  beforeEach(async () => {
    await world.close();
    double = await world.double();
    source = world.source(double);
  });
  afterAll(() => world.close());

  const asked = (method: string): number => double.methods().filter((one) => one === method).length;
  const change = (method: string, by: (result: Record<string, unknown>) => unknown): Misbehaviour => {
    return async (request, honest) => {
      const result = await honest();
      return request.method === method ? by(result as Record<string, unknown>) : result;
    };
  };
  const tipHeight = (): number => world.chain.chain.height;

  it("come with the proof that they are of the chain of the tip, whose root is asked for once", async () => {
    await source.tip();
    const headers = await source.headers(10, 220);
    expect(headers).toHaveLength(220 * HEADER_BYTES);
    expect(encodeHex(headers.slice(0, HEADER_BYTES))).toBe(encodeHex(world.chain.chain.blockAt(10)!.header));
    await source.headers(0, 210);
    expect(double.seen.at(-1)?.params).toEqual([0, 210, tipHeight()]);
    expect(asked("blockchain.block.header")).toBe(1);
  });

  it("are few where no tip was named, or they are few or reach above it: then they come without", async () => {
    await source.headers(10, 220);
    await source.tip();
    await source.headers(10, 199);
    await source.headers(tipHeight() - 200, 2_016);
    expect(asked("blockchain.block.header")).toBe(0);
    expect(double.seen.filter(({ params }) => params.length === 3)).toEqual([]);
  });

  it("are refused where the proof does not fit the header", async () => {
    await source.tip();
    const wrong = new Array(8).fill("ab".repeat(32));
    double.misbehave = change("blockchain.block.headers", (result) => ({ ...result, branch: wrong }));
    const error = await expectCode("NETWORK_ANSWER_INVALID", source.headers(10, 220));
    expect(error.details.reason).toBe("a proof that header 229 does not fit");
    await source.tip();
    double.misbehave = change("blockchain.block.header", (result) => ({ ...result, branch: wrong }));
    await expectCode("NETWORK_ANSWER_INVALID", source.headers(10, 220));
  });

  it("are refused where they are proven under the root of another chain, as behind a load balancer", async () => {
    await source.tip();
    // The same heights of a chain that is another from block 1 on.
    const foreign = [world.chain.chain.blockAt(0)!.header];
    while (foreign.length <= tipHeight()) {
      foreign.push(
        mineHeader({
          previousHash: encodeHex(reversed(hashHeader(foreign.at(-1)!))),
          timeSec: 1_900_000_000 + foreign.length,
        }),
      );
    }
    const hashes = foreign.map((header) => encodeHex(reversed(hashHeader(header))));
    double.misbehave = change("blockchain.block.headers", (result) => ({
      ...result,
      headers: foreign.slice(10, 230).map(encodeHex),
      branch: merkleBranch(hashes, 229).map((hash) => encodeHex(reversed(hash))),
      root: encodeHex(reversed(merkleRoot(hashes))),
    }));
    const error = await expectCode("NETWORK_ANSWER_INVALID", source.headers(10, 220));
    expect(error.details.reason).toBe("headers that are not of the chain of its tip");
    // Asked twice, since a block might have come in between.
    expect(asked("blockchain.block.headers")).toBe(2);
  });

  it("are taken as they are from a server that has no proofs, or has another tip by now", async () => {
    await source.tip();
    double.misbehave = change("blockchain.block.headers", (result) => ({
      ...result,
      branch: undefined,
      root: undefined,
    }));
    expect(await source.headers(10, 220)).toHaveLength(220 * HEADER_BYTES);
    double.misbehave = (request, honest) => {
      if (request.params.length === 3) throw new ElectrumError(1, "cp_height is not supported");
      return honest();
    };
    expect(await source.headers(10, 220)).toHaveLength(220 * HEADER_BYTES);
    double.misbehave = null;
    const before = double.seen.length;
    expect(await source.headers(10, 220)).toHaveLength(220 * HEADER_BYTES);
    expect(double.seen.slice(before).map(({ params }) => params)).toEqual([[10, 220]]);
  });

  it("after a reorganisation of the tip they are still headers", async () => {
    await source.tip();
    world.chain.reorg({ depth: 2 });
    expect(await source.headers(10, 220)).toHaveLength(220 * HEADER_BYTES);
  });

  it("are as many as the server says that it gives", async () => {
    double.misbehave = change("blockchain.block.headers", (result) => ({
      ...result,
      count: 5,
      max: 5,
      headers: (result["headers"] as string[]).slice(0, 5),
    }));
    expect(await source.headers(0, 20)).toHaveLength(5 * HEADER_BYTES);
    double.misbehave = null;
    expect(await source.headers(0, 20)).toHaveLength(5 * HEADER_BYTES);
    expect(double.seen.at(-1)?.params).toEqual([0, 5]);
  });
});
