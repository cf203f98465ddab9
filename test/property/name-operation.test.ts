import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isHawserError } from "../../src/errors.js";
import { parseName } from "../../src/name/name.js";
import { decodePayload, encodePayload, type Payload, payloadScript } from "../../src/name/operation.js";
import { alice, headed, outpoint, rawPayloadOutput, World } from "../unit/name/builder.js";
import { numRuns } from "./runs.js";

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const name = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,29}[a-z0-9])?$/).filter((text) => text.slice(2, 4) !== "--");
const payload: fc.Arbitrary<Payload> = fc.oneof(
  fc.record({ kind: fc.constant("preorder" as const), commitment: hash }),
  fc.record({
    kind: fc.constant("register" as const),
    salt: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    profileHash: hash,
    name,
  }),
  fc.record({ kind: fc.constantFrom("update" as const, "transfer" as const, "recover" as const), profileHash: hash }),
  fc.constant({ kind: "release" as const }),
);

describe("payloads", () => {
  it("C2: are read back as they were written", () => {
    fc.assert(
      fc.property(payload, (value) => {
        const decoded = decodePayload(payloadScript(encodePayload(value)), 0n);
        expect(decoded).toEqual({ is: "known", payload: value });
      }),
      { numRuns },
    );
  });

  it("C1: any script gives a payload that is written back as the same bytes, or a defined refusal", () => {
    const mutated = fc
      .tuple(payload, fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 3 }), fc.integer({ min: -3, max: 3 }))
      .map(([value, edits, longer]) => {
        const script = payloadScript(encodePayload(value));
        const bytes = new Uint8Array(Math.max(0, script.length + longer));
        bytes.set(script.subarray(0, bytes.length));
        for (const [at, byte] of edits) if (at < bytes.length) bytes[at] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 90 })), (script) => {
        const decoded = decodePayload(script, 0n);
        if (decoded?.is === "known") expect(payloadScript(encodePayload(decoded.payload))).toEqual(script);
        else expect([undefined, "unknown", "malformed"]).toContain(decoded?.is);
        expect(decodePayload(script, 1n)).toBeNull();
      }),
      { numRuns: numRuns * 20 },
    );
  });

  it("C7: any payload that spends the seal has one of the outcomes of C7", () => {
    const start = headed(1, 3).script.slice(2, 6);
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 75 }),
      fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 71 })).map(([head, body]) => {
        return Uint8Array.from([...start.slice(0, 3), head, ...body]);
      }),
      payload.map(encodePayload),
    );
    fc.assert(
      fc.property(bytes, fc.boolean(), (written, first) => {
        const world = new World();
        const { preorder, register } = world.register(100);
        const inputs = [outpoint(register), outpoint(preorder, 0)];
        const outputs = [rawPayloadOutput(written), world.seal(alice)];
        world.mine(110, { inputs: first ? inputs : inputs.reverse(), outputs });
        const state = world.state(110);
        const outcomes = [
          state.status === "released",
          state.unsealed !== null,
          state.unsupported !== null,
          state.lastOperation?.height === 110 && state.seal !== null,
        ];
        expect(outcomes.filter(Boolean)).toHaveLength(1);
        if (!first) expect(state.unsealed ?? state.unsupported).not.toBeNull();
      }),
      { numRuns: numRuns * 4 },
    );
  });
});

describe("names", () => {
  it("N1: are admitted as they are or refused, whatever the string", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[a-z0-9-]{0,33}$/)), (text) => {
        try {
          expect(parseName(text)).toBe(text);
          expect(Buffer.from(text).length).toBeLessThanOrEqual(31);
        } catch (error) {
          expect(isHawserError(error, "NAME_INVALID")).toBe(true);
        }
      }),
      { numRuns: numRuns * 4 },
    );
  });
});
