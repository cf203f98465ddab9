import { describe, expect, it } from "vitest";
import { joinBase, objectPath, recordPath } from "../../../src/route/layout.js";

const hash = "ab".repeat(32);
const place = { network: "regtest", name: "alice", id: "app/settings", epoch: 7 } as const;

describe("layout of section 10", () => {
  it("U1: puts an object in a folder of its first two digits", () => {
    expect(objectPath(hash)).toBe(`objects/ab/${hash}`);
  });

  it.each([["AB".repeat(32)], [hash.slice(2)], [`../${hash.slice(3)}`], [""]])(
    "U1: refuses %j as an object's hash",
    (wrong) => {
      expect(() => objectPath(wrong)).toThrow(expect.objectContaining({ code: "INPUT_INVALID" }));
    },
  );

  it("U1: puts network, name, id and epoch in a record's path", () => {
    expect(recordPath(place)).toBe("records/regtest/alice/app/settings@7.json");
  });

  it.each([
    [{ id: "../bob/settings" }, "INPUT_ID_INVALID"],
    [{ id: "a//b" }, "INPUT_ID_INVALID"],
    [{ name: ".." }, "NAME_INVALID"],
    [{ epoch: -1 }, "INPUT_INVALID"],
    [{ epoch: 2 ** 32 }, "INPUT_INVALID"],
    [{ epoch: 1.5 }, "INPUT_INVALID"],
    [{ network: "../x" as "regtest" }, "INPUT_INVALID"],
  ])("U1: refuses a place with %j", (change, code) => {
    expect(() => recordPath({ ...place, ...change })).toThrow(expect.objectContaining({ code }));
  });

  it("U1: puts a slash between base and path only where it is missing", () => {
    expect(joinBase("https://a.example/x", "objects/1")).toBe("https://a.example/x/objects/1");
    expect(joinBase("https://a.example/x/", "objects/1")).toBe("https://a.example/x/objects/1");
  });
});
