import { describe, expect, it } from "vitest";
import { parseId } from "../../../src/profile/id.js";
import { caught } from "./fixtures.js";

describe("ids", () => {
  it.each(["a", "settings", "photos/2026/1.jpg", ".hidden", "a.jsonx/b", "~-_.a", "a".repeat(128), "json", "con"])(
    "M1: admits the id %s",
    (id) => {
      expect(parseId(id)).toBe(id);
    },
  );

  it.each([
    [undefined, "not a string"],
    [{}, "not a string"],
    ["", "1 to 128"],
    ["a".repeat(129), "1 to 128"],
    ["A", "character"],
    ["a b", "character"],
    ["a\\b", "character"],
    ["a:b", "character"],
    ["a%2fb", "character"],
    ["\u00e9", "character"],
    ["a\n", "character"],
    ["/a", "empty segment"],
    ["a/", "empty segment"],
    ["a//b", "empty segment"],
    [".", "segment . or .."],
    ["a/./b", "segment . or .."],
    ["..", "segment . or .."],
    ["a/../b", "segment . or .."],
    ["a.", "ends in a dot"],
    ["...", "ends in a dot"],
    ["a./b", "ends in a dot"],
    ["a.json", "ends in .json"],
    [".json", "ends in .json"],
    ["a.json/b", "ends in .json"],
  ])("M1: refuses the id %j", (id, reason) => {
    const message = caught(() => parseId(id));
    expect(message).toMatch(/^INPUT_ID_INVALID/);
    expect(message).toContain(reason);
  });
});
