import { describe, expect, it } from "vitest";
import { networks } from "../../../src/chain/network.js";
import { parseRecord } from "../../../src/mutable/record.js";
import { verifyRecord } from "../../../src/mutable/verify.js";
import { verifyReplies } from "../../../src/mutable/verify-replies.js";
import {
  absent,
  answered,
  context,
  errorOf,
  type SignedOptions,
  signed,
  stranger,
  unreachable,
  writer,
} from "./world.js";

describe("verifyRecord", () => {
  it("M4: accepts what the key signed for exactly this place", () => {
    const record = parseRecord(signed(1, "x"));
    expect(verifyRecord(record, context, writer.publicKey)).toBe(record);
  });

  const wrong: readonly (readonly [string, SignedOptions])[] = [
    ["network", { context: { network: networks.signet } }],
    ["name", { context: { name: "bob" } }],
    ["tenure", { context: { tenure: "2f".repeat(32) } }],
    ["epoch", { context: { epoch: 6 } }],
    ["key", { signer: stranger }],
  ];
  it.each(wrong)("M4: refuses a record of another %s", (_, options) => {
    const record = parseRecord(signed(1, "x", options));
    const error = errorOf("RECORD_SIGNATURE_INVALID", () => verifyRecord(record, context, writer.publicKey));
    expect(error.details.id).toBe("settings");
  });

  it("M3: refuses the writer's own record of another id", () => {
    const record = parseRecord(signed(1, "x", { context: { id: "other" } }));
    errorOf("RECORD_INVALID", () => verifyRecord(record, context, writer.publicKey));
  });

  it("M4: refuses changed version and data", () => {
    const record = parseRecord(signed(1, "x"));
    errorOf("RECORD_SIGNATURE_INVALID", () => verifyRecord({ ...record, ver: 2 }, context, writer.publicKey));
    const data = Uint8Array.of(0x79);
    errorOf("RECORD_SIGNATURE_INVALID", () => verifyRecord({ ...record, data }, context, writer.publicKey));
  });

  it("P5: a key that is no point verifies nothing", () => {
    const record = parseRecord(signed(1, "x"));
    errorOf("RECORD_SIGNATURE_INVALID", () => verifyRecord(record, context, new Uint8Array(32).fill(0xff)));
  });
});

describe("verifyReplies", () => {
  it("M8: replies are sorted by what they prove, equal bodies into one candidate", () => {
    const body = signed(1, "x");
    const checked = verifyReplies({
      context,
      publicKey: writer.publicKey,
      replies: [
        answered("a", body),
        answered("b", body.slice()),
        answered("c", signed(1, "x", { signer: stranger })),
        answered("d", new Uint8Array()),
        absent("e"),
        unreachable("f"),
      ],
    });
    expect(checked.map(({ kind }) => kind)).toEqual([
      "verified",
      "verified",
      "unverified",
      "unverified",
      "absent",
      "unreachable",
    ]);
    const [a, b] = checked;
    expect(a?.kind === "verified" && b?.kind === "verified" && a.candidate === b.candidate).toBe(true);
  });

  it("M8: a wrong argument is not taken for a forged record", () => {
    const replies = [answered("a", signed(1, "x"))];
    errorOf("NAME_INVALID", () =>
      verifyReplies({ context: { ...context, name: "Alice" }, publicKey: writer.publicKey, replies }),
    );
  });
});
