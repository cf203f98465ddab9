import { describe, expect, it } from "vitest";
import { concatBytes, utf8 } from "../../../src/bytes/bytes.js";
import { getNetwork } from "../../../src/chain/network.js";
import { limits } from "../../../src/limits.js";
import { decodeFloors, encodeFloors, type PlacedFloor, parseFloorPlace } from "../../../src/mutable/floor-list.js";
import { parseName } from "../../../src/name/name.js";
import { parseId } from "../../../src/profile/id.js";
import { expectCode } from "../storage/expect-code.js";

const network = getNetwork("regtest");
const tenure = "ab".repeat(32);
const floors: readonly PlacedFloor[] = [
  {
    name: parseName("alice"),
    tenure,
    id: parseId("a/b.c~d_e-f"),
    floor: { epoch: 3, ver: 9, sha256: "12".repeat(32), sig: "34".repeat(64) },
  },
  { name: parseName("bob"), tenure, id: parseId("x"), floor: { epoch: 0, ver: 0, sha256: null, sig: null } },
];
const encoded = encodeFloors(network, floors);

/** A list whose checksum fits, whatever its lines say. */
async function withLines(lines: string): Promise<Uint8Array> {
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(utf8(`hawser-floors-1 regtest\n${lines}`)));
  return utf8(`hawser-floors-1 regtest ${Buffer.from(digest).toString("hex")}\n${lines}`);
}

const refusal = async (bytes: Uint8Array): Promise<string> =>
  (await expectCode("INPUT_FLOORS_INVALID", () => decodeFloors(network, bytes))).details.reason;

describe("floors of another device", () => {
  it("are what was exported, none included", () => {
    expect(decodeFloors(network, encoded)).toEqual(floors);
    expect(decodeFloors(network, encodeFloors(network, []))).toEqual([]);
  });

  it("are lines that people can read", async () => {
    const [head, ...lines] = new TextDecoder().decode(encoded).split("\n");
    expect(head).toMatch(/^hawser-floors-1 regtest [0-9a-f]{64}$/);
    expect(lines[1]).toBe(`bob/${tenure}/x {"epoch":0,"ver":0,"sha256":null,"sig":null}`);
    expect(encoded).toEqual(await withLines(lines.join("\n")));
  });

  it("with any byte changed, or cut anywhere, are refused", async () => {
    for (let at = 0; at < encoded.length; at++) {
      const changed = encoded.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      await refusal(changed);
      await refusal(encoded.slice(0, at));
    }
    await refusal(concatBytes(encoded, utf8("\n")));
  });

  it("of another network are refused by name", async () => {
    expect(await refusal(encodeFloors(getNetwork("mainnet"), floors))).toBe("floors of mainnet, expected regtest");
  });

  it.each([
    ["another format", utf8("PK")],
    ["a later version", utf8(new TextDecoder().decode(encoded).replace("floors-1", "floors-2"))],
    ["nothing", new Uint8Array(0)],
  ])("that are %s are refused", async (_, bytes) => {
    expect(await refusal(bytes)).toContain("not floors that this version");
  });

  it("that are no text are refused", async () => {
    expect(await refusal(concatBytes(encoded, Uint8Array.of(0xff)))).toBe("not valid UTF-8");
  });

  it("that are too large are refused unread", async () => {
    expect(await refusal(new Uint8Array(limits.floorsMaxBytes + 1))).toContain("more than");
  });

  const floor = '{"epoch":0,"ver":1,"sha256":null,"sig":null}';
  it.each([
    ["without a floor", `bob/${tenure}/x`],
    ["without a name", `/${tenure}/x ${floor}`],
    ["with a name that is none", `Bob/${tenure}/x ${floor}`],
    ["with half a tenure", `bob/${tenure.slice(2)}/x ${floor}`],
    ["without an id", `bob/${tenure}/ ${floor}`],
    ["with an id that is none", `bob/${tenure}/a//b ${floor}`],
    ["with a negative version", `bob/${tenure}/x ${floor.replace('"ver":1', '"ver":-1')}`],
    ["with a version that is no number", `bob/${tenure}/x ${floor.replace('"ver":1', '"ver":"1"')}`],
    ["with a member too many", `bob/${tenure}/x ${floor.replace("}", ',"more":1}')}`],
    ["that is empty", ""],
  ])("a line %s is refused, by its number", async (_, line) => {
    expect(await refusal(await withLines(`bob/${tenure}/x ${floor}\n${line}\n`))).toMatch(/^line 3: /);
  });

  it("places are read as they are written", () => {
    expect(parseFloorPlace(`alice/${tenure}/a/b`)).toEqual({ name: "alice", tenure, id: "a/b" });
    expect(parseFloorPlace(`alice/${tenure}`)).toBeNull();
  });
});
