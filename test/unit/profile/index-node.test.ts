import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { limits } from "../../../src/limits.js";
import { type IndexEntry, keyPath } from "../../../src/profile/entry.js";
import { encodeNode, type IndexNode, parseNode, readNode } from "../../../src/profile/index-node.js";
import { caught, contentEntry, routeEntries, routeEntry } from "./fixtures.js";

const parse = (text: string, prefix: string): IndexNode => parseNode(utf8(text), prefix);
const textOf = (node: IndexNode, prefix: string): string => new TextDecoder().decode(encodeNode(node, prefix));

const sorted = (entries: readonly IndexEntry[]): readonly IndexEntry[] =>
  [...entries].sort((a, b) => (keyPath(a.key) < keyPath(b.key) ? -1 : 1));
const below = (prefix: string, count: number): readonly IndexEntry[] =>
  sorted(routeEntries(2_000).filter((entry) => keyPath(entry.key).startsWith(prefix))).slice(0, count);

const hash = "12".repeat(32);
const inner = { children: Array.from({ length: 16 }, (_, i) => (i === 5 ? hash : null)) };
const innerText = `{"children":[null,null,null,null,null,"${hash}",null,null,null,null,null,null,null,null,null,null]}`;
const leaf = { entries: below("3", 3) };
const leafText = textOf(leaf, "3");

describe("index nodes", () => {
  it("P3: writes and reads an inner node", () => {
    expect(textOf(inner, "ab")).toBe(innerText);
    expect(parse(innerText, "ab")).toEqual(inner);
  });

  it("P3: writes and reads a leaf", () => {
    expect(parse(leafText, "3")).toEqual(leaf);
    expect(leafText).toMatch(/^\{"entries":\[\{"key":"m:item\//);
  });

  it("P3: admits a leaf of 32 and 16 children", () => {
    const most = { entries: below("", 32) };
    expect(parse(textOf(most, ""), "")).toEqual(most);
    const wide = { children: Array.from({ length: 16 }, () => hash) };
    expect(parse(textOf(wide, "f"), "f")).toEqual(wide);
  });

  it("P3: admits an empty root and a leaf at depth 16", () => {
    expect(parse('{"entries":[]}', "")).toEqual({ entries: [] });
    const deep = routeEntry("deep");
    const path = keyPath(deep.key);
    expect(parse(textOf({ entries: [deep] }, path.slice(0, 16)), path.slice(0, 16))).toEqual({ entries: [deep] });
  });

  it("P3: fits the largest entries into 256 KiB", () => {
    const urls = Array.from({ length: 16 }, () => `a:${"&".repeat(253)}`);
    const label = { size: Number.MAX_SAFE_INTEGER, type: '"'.repeat(127), name: '"'.repeat(255), urls };
    const entries = sorted(Array.from({ length: 32 }, (_, i) => contentEntry(i.toString(16).padStart(64, "0"), label)));
    expect(encodeNode({ entries }, "").length).toBeLessThan(limits.nodeMaxBytes);
  });
});

describe("nodes that are refused", () => {
  const [first, second, third] = leaf.entries.map((entry) => textOf({ entries: [entry] }, "").slice(12, -2));
  const deep = keyPath("m:deep");

  it.each([
    ["neither leaf nor inner", "{}", "", "neither entries nor children"],
    ["both leaf and inner", `{"entries":[],"children":[]}`, "", "both"],
    ["an unknown member", leafText.replace("{", '{"x":1,'), "3", "unknown member"],
    ["__proto__", leafText.replace("{", '{"__proto__":{"entries":[]},'), "3", "unknown member"],
    ["a duplicate member", leafText.replace("{", '{"entries":[],'), "3", "duplicate"],
    ["no object", "[]", "", "not an object"],
    ["entries that are no array", '{"entries":{}}', "", "not an array"],
    ["entries null", '{"entries":null}', "", "not an array"],
    ["an entry with a fault", '{"entries":[{}]}', "", "no member key"],
    ["an entry off its path", leafText, "4", "off its path"],
    ["the same off its path at depth 2", leafText, "3f", "off its path"],
    ["wrong path order", `{"entries":[${second ?? ""},${first ?? ""}]}`, "3", "path order"],
    ["wrong path order at the end", `{"entries":[${first ?? ""},${third ?? ""},${second ?? ""}]}`, "3", "path order"],
    ["a duplicate key", `{"entries":[${first ?? ""},${first ?? ""}]}`, "3", "twice"],
    ["an empty leaf that is not the root", '{"entries":[]}', "3", "empty"],
    ["15 children", innerText.replace("[null,", "["), "a", "15 children"],
    ["17 children", innerText.replace("[", "[null,"), "a", "17 children"],
    ["16 nulls", innerText.replace(`"${hash}"`, "null"), "a", "no child"],
    ["an upper-case hash", innerText.replace(hash, "AB".repeat(32)), "a", "64 lower-case"],
    ["a short hash", innerText.replace(hash, "ab"), "a", "64 lower-case"],
    ["a child that is no string", innerText.replace(`"${hash}"`, "{}"), "a", "64 lower-case"],
    ["children null", '{"children":null}', "a", "not an array"],
    ["an inner node at depth 16", innerText, deep.slice(0, 16), "depth 16"],
    [
      "a node at depth 17",
      `{"entries":[{"key":"m:deep","route":{"id":"deep","urls":[],"epoch":0}}]}`,
      deep.slice(0, 17),
      "deeper than 16",
    ],
    ["white space", `${leafText} `, "3", "byte form"],
    ["a needless escape", leafText.replace("m:item", "\\u006d:item"), "3", "byte form"],
    ["invalid JSON", leafText.slice(0, -1), "3", "expected"],
    ["a BOM", `\ufeff${leafText}`, "3", "not a JSON value"],
  ])("P5: refuses %s", (_, text, prefix, reason) => {
    const message = caught(() => parse(text, prefix));
    expect(message).toMatch(/^INDEX_INVALID/);
    expect(message).toContain(reason);
  });

  it("P5: refuses a leaf with 33 entries", () => {
    const texts = below("", 33).map((entry) => textOf({ entries: [entry] }, "").slice(12, -2));
    expect(caught(() => parse(`{"entries":[${texts.join(",")}]}`, ""))).toMatch(/^INDEX_INVALID.*33 entries/);
    expect(caught(() => encodeNode({ entries: below("", 33) }, ""))).toMatch(/^INPUT_INVALID.*33 entries/);
  });

  it("P5: refuses invalid UTF-8 in a node", () => {
    expect(caught(() => parseNode(Uint8Array.of(0x22, 0xff, 0x22), ""))).toMatch(/^INDEX_INVALID.*UTF-8/);
  });

  it("P3: refuses a node of more than 256 KiB, before anything is parsed", () => {
    const bytes = new Uint8Array(limits.nodeMaxBytes + 1).fill(0x20);
    expect(caught(() => parseNode(bytes, ""))).toMatch(/^INDEX_INVALID.*262145 bytes/);
    expect(caught(() => parseNode(bytes.subarray(1), ""))).toMatch(/^INDEX_INVALID.*not a JSON value/);
  });

  it("P5: a refused node is the caller's own error", () => {
    expect(caught(() => readNode(1, "", (reason) => new RangeError(reason)))).toContain("not an object");
  });
});
