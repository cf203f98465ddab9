import { describe, expect, it } from "vitest";
import { encodeHex } from "../../../src/bytes/hex.js";
import { type ErrorCode, type ForkProof, isHawserError } from "../../../src/errors.js";
import { parseRecord } from "../../../src/mutable/record.js";
import { verifyForkProof } from "../../../src/mutable/verify-fork.js";
import { context, digestOf, errorOf, signed, stranger, writer } from "./world.js";

const text = (body: Uint8Array): string => new TextDecoder().decode(body);

const proof: ForkProof = {
  network: "regtest",
  name: "alice",
  tenure: context.tenure,
  id: "settings",
  epoch: 7,
  ver: 5,
  pubkey: encodeHex(writer.publicKey),
  records: [text(signed(5, "x")), text(signed(5, "y"))],
};
const { sig } = parseRecord(signed(5, "y"));
const known = JSON.stringify({ id: "settings", sha256: digestOf("y"), ver: 5, sig });

const boom = (): never => {
  throw new Error("boom");
};
const idA = [known, known].map((side) => side.replace("settings", "A"));

describe("a fork's proof", () => {
  it("M9: a fork's proof is checked without anything but itself", () => {
    expect(verifyForkProof(proof)).toEqual(proof);
    expect(verifyForkProof(JSON.parse(JSON.stringify(proof)) as ForkProof)).toEqual(proof);
  });

  it("M9: a fork's proof may know one side by its digest alone", () => {
    const cached: ForkProof = { ...proof, records: [proof.records[0], known] };
    expect(verifyForkProof(cached)).toEqual(cached);
  });

  it.each<[string, Partial<Record<keyof ForkProof, unknown>>, ErrorCode]>([
    ["the same data twice", { records: [proof.records[0], ` ${proof.records[0]}`] }, "RECORD_INVALID"],
    ["the same data by its digest", { records: [proof.records[1], known] }, "RECORD_INVALID"],
    ["another version", { records: [proof.records[0], text(signed(6, "y"))] }, "RECORD_INVALID"],
    ["another id", { records: [proof.records[0], text(signed(5, "y", { context: { id: "b" } }))] }, "RECORD_INVALID"],
    [
      "a forged side",
      { records: [proof.records[0], text(signed(5, "y", { signer: stranger }))] },
      "RECORD_SIGNATURE_INVALID",
    ],
    ["another epoch", { epoch: 8 }, "RECORD_SIGNATURE_INVALID"],
    ["another tenure", { tenure: "2f".repeat(32) }, "RECORD_SIGNATURE_INVALID"],
    ["another name", { name: "bob" }, "RECORD_SIGNATURE_INVALID"],
    ["another network", { network: "signet" }, "RECORD_SIGNATURE_INVALID"],
    ["another key", { pubkey: encodeHex(stranger.publicKey) }, "RECORD_SIGNATURE_INVALID"],
    ["a digest without signature", { records: [proof.records[0], known.replace(sig, "")] }, "RECORD_INVALID"],
    ["a digest that is none", { records: [proof.records[0], known.replace(digestOf("y"), "y")] }, "RECORD_INVALID"],
    ["a side that is no object", { records: [proof.records[0], "7"] }, "RECORD_INVALID"],
    ["a side with more members", { records: [proof.records[0], known.replace("{", '{"x":1,')] }, "RECORD_INVALID"],
    ["one record", { records: [proof.records[0]] }, "INPUT_INVALID"],
    ["no records", { records: undefined }, "INPUT_INVALID"],
    ["three records", { records: [...proof.records, "x"] }, "INPUT_INVALID"],
    ["records in an object", { records: { 0: proof.records[0], 1: proof.records[1], length: 2 } }, "INPUT_INVALID"],
    ["a first record that is no string", { records: [7, proof.records[1]] }, "INPUT_INVALID"],
    ["a second record that is no string", { records: [proof.records[0], null] }, "INPUT_INVALID"],
    ["a network that is no string", { network: { toString: boom } }, "INPUT_INVALID"],
    ["a network that every object has", { network: "constructor" }, "INPUT_INVALID"],
    ["a name that is no string", { name: { length: 5, toString: boom } }, "INPUT_INVALID"],
    ["a name that is none", { name: "A" }, "NAME_INVALID"],
    ["a tenure that is no string", { tenure: 7 }, "INPUT_INVALID"],
    ["a tenure that is too long", { tenure: "1f".repeat(1_000_000) }, "INPUT_INVALID"],
    ["an id that is no string", { id: Symbol("id") }, "INPUT_INVALID"],
    ["an epoch that is no number", { epoch: "7" }, "INPUT_INVALID"],
    ["an epoch that is too great", { epoch: 2 ** 32 }, "INPUT_INVALID"],
    ["a version of 0", { ver: 0 }, "INPUT_INVALID"],
    ["a version that is no number", { ver: 5n }, "INPUT_INVALID"],
    ["a key that is no point", { pubkey: "ff".repeat(32) }, "RECORD_SIGNATURE_INVALID"],
    ["a digest under an id that is none", { id: "A", records: idA }, "INPUT_ID_INVALID"],
    ["a nested record", { records: ["[".repeat(100_000), proof.records[1]] }, "RECORD_INVALID"],
    ["an unknown network", { network: "x" }, "INPUT_INVALID"],
    ["a number for a key", { pubkey: 7 }, "INPUT_INVALID"],
  ])("M9: there is no proof of a fork with %s", (_, changes, code) => {
    errorOf(code, () => verifyForkProof({ ...proof, ...changes } as ForkProof));
  });

  it("M9: of a proof only its own members are kept", () => {
    const more = { ...proof, note: "x" };
    expect(verifyForkProof(more)).toEqual(proof);
    expect(verifyForkProof(more)).not.toBe(more);
  });

  it.each<[string, unknown]>([
    ["undefined", undefined],
    ["null", null],
    ["a number", 7],
    ["a string", "proof"],
    ["an array", [proof]],
    ["an empty object", {}],
    ["a function", boom],
    ["a getter that throws", Object.defineProperty({ ...proof }, "name", { get: boom })],
    ["a record that throws", { ...proof, records: Object.defineProperty(["", ""], 0, { get: boom }) }],
    ["a proxy that throws", new Proxy(proof, { get: boom })],
    ["a proxy that is revoked", revoked()],
  ])("M9: %s is no proof, and breaks nothing", (_, given) => {
    let error: unknown;
    try {
      verifyForkProof(given as ForkProof);
    } catch (thrown) {
      error = thrown;
    }
    expect(isHawserError(error)).toBe(true);
    expect(JSON.stringify(error).length).toBeLessThan(1_000);
  });

  it("M9: a getter that changes its mind cannot give the checks one value and the caller another", () => {
    let reads = 0;
    const shifty = Object.defineProperty({ ...proof }, "name", {
      enumerable: true,
      get: () => (reads++ === 0 ? "alice" : "bob"),
    });
    expect(verifyForkProof(shifty).name).toBe("alice");
    expect(reads).toBe(1);
  });

  it("M9: a record of a proof is measured before anything is made of it", () => {
    const huge = proof.records[0].padEnd(3 * 1024 * 1024, " ");
    const error = errorOf("RECORD_INVALID", () => verifyForkProof({ ...proof, records: [huge, proof.records[1]] }));
    expect(error.details.reason).toBe("a record has more than 1572864 bytes");
    const large: ForkProof = { ...proof, records: [known.padEnd(1_600_000, " "), proof.records[0]] };
    errorOf("RECORD_INVALID", () => verifyForkProof(large));
    expect(verifyForkProof(large, { maxDataBytes: 2 * 1024 * 1024 })).toEqual(large);
  });

  it("M9: every member of a proof that is left out or turned into something else is refused", () => {
    const others: readonly unknown[] = [undefined, null, true, -1, 1.5, Number.NaN, "", "x", [], {}, boom];
    for (const member of Object.keys(proof)) {
      for (const other of others) {
        try {
          verifyForkProof({ ...proof, [member]: other });
        } catch (error) {
          if (isHawserError(error)) continue;
        }
        expect.fail(`${member} as ${typeof other}`);
      }
    }
  });
});

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({ ...proof }, {});
  revoke();
  return proxy;
}
