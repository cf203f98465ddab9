import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { judgeObject } from "../../../src/client/audit-object.js";
import { contentKey } from "../../../src/immutable/key.js";
import type { ReplicaReply } from "../../../src/route/fetch.js";

const body = utf8("hello world");
const hash = contentKey(body);
const bytes = (given: Uint8Array): ReplicaReply => ({ label: "a", outcome: "bytes", bytes: given, tag: null });
const failed = (code: string): ReplicaReply => {
  return { label: "a", outcome: "unreachable", attempt: { label: "a", code, message: "It failed." } };
};

describe("what a replica's reply is worth as an object", () => {
  it("I2: it is present where it hashes to the key, and wrong otherwise", () => {
    expect(judgeObject(bytes(body), hash)).toEqual({ verdict: "present", attempt: null, bytes: body });
    for (const other of [utf8("hello worlD"), body.subarray(1), new Uint8Array(0)]) {
      expect(judgeObject(bytes(other), hash)).toMatchObject({
        verdict: "wrong",
        attempt: { label: "a", code: "CONTENT_UNVERIFIED" },
        bytes: null,
      });
    }
  });

  it("P6: it is missing only where the server says so; what failed leaves it unknown", () => {
    const absent = judgeObject({ label: "a", outcome: "absent" }, hash);
    expect(absent).toMatchObject({ verdict: "missing", attempt: { code: "absent" }, bytes: null });
    for (const code of ["NETWORK_TIMEOUT", "NETWORK_STATUS", "STORAGE_GONE", "STORAGE_REFUSED", "STORAGE_PAUSED"]) {
      expect(judgeObject(failed(code), hash)).toMatchObject({ verdict: "unknown", attempt: { code }, bytes: null });
    }
    expect(judgeObject(failed("NETWORK_TOO_LARGE"), hash)).toMatchObject({ verdict: "wrong" });
  });
});
