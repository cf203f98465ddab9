import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { type Bencoded, decodeBencode, encodeBencode } from "../../../src/storage/dht-bencode.js";
import { markDhtQuery, sanitizeDhtAnswer } from "../../../src/storage/dht-message.js";
import { numRuns } from "../../property/runs.js";

const map = (members: Readonly<Record<string, Bencoded>>): ReadonlyMap<string, Bencoded> =>
  new Map(Object.entries(members));
const zeros = (length: number): Uint8Array => new Uint8Array(length);
const id = zeros(20).fill(3);
const item = { k: zeros(32), seq: 4, sig: zeros(64), v: utf8("value") };
const t = Uint8Array.of(1, 2);

function response(r: Bencoded, more: Readonly<Record<string, Bencoded>> = {}): Uint8Array {
  return encodeBencode(map({ t, y: utf8("r"), r, ...more }));
}
const isAllowed = (address: string): boolean => address !== "10.0.0.1";
/** What is left of an answer. */
function left(datagram: Uint8Array): Bencoded | null {
  const answer = sanitizeDhtAnswer(datagram, isAllowed);
  return answer === null ? null : decodeBencode(answer.bytes);
}

describe("messages of the DHT", () => {
  it("an answer keeps what it should hold, and nothing else", () => {
    const r = map({ id, token: utf8("tok"), nodes: zeros(0), ...item });
    expect(left(response(r))).toEqual(map({ t, y: utf8("r"), r }));
    const more = map({ id, token: utf8("tok"), nodes: zeros(0), ...item, values: [utf8("x")], p: 7 });
    expect(left(response(more, { v: utf8("LT"), ip: zeros(6) }))).toEqual(map({ t, y: utf8("r"), r }));
    expect(sanitizeDhtAnswer(response(r), isAllowed)).toMatchObject({ transaction: "0102", isResponse: true });
  });

  it.each<readonly [string, Bencoded]>([
    ["k", 5],
    ["k", zeros(31)],
    ["seq", -1],
    ["seq", utf8("4")],
    ["sig", zeros(63)],
    ["v", 5],
    ["v", zeros(1_001)],
    ["v", map({})],
  ])("BEP44: an item whose %s is none is left out as a whole", (name, value) => {
    expect(left(response(map({ id, ...item, [name]: value })))).toEqual(map({ t, y: utf8("r"), r: map({ id }) }));
  });

  it.each<readonly [string, Bencoded]>([
    ["token", 5],
    ["token", zeros(129)],
    ["nodes", [zeros(26)]],
    ["nodes", zeros(101 * 26)],
  ])("a wrong %s is left out", (name, value) => {
    expect(left(response(map({ id, [name]: value })))).toEqual(map({ t, y: utf8("r"), r: map({ id }) }));
  });

  it("U1: nodes at places that are off limits are left out, and so is what is no node", () => {
    const node = (address: readonly number[], port: number): Uint8Array =>
      Uint8Array.from([...id, ...address, port >> 8, port & 255]);
    const good = node([192, 0, 43, 8], 6881);
    const nodes = Buffer.concat([node([10, 0, 0, 1], 6881), good, node([192, 0, 43, 9], 0), good.subarray(1)]);
    const kept = left(response(map({ id, nodes: new Uint8Array(nodes) })));
    expect(kept).toEqual(map({ t, y: utf8("r"), r: map({ id, nodes: good }) }));
  });

  it("an error keeps its number", () => {
    const error = (e: Bencoded): Bencoded | null => left(encodeBencode(map({ t, y: utf8("e"), e })));
    expect(error([302, utf8("older")])).toEqual(map({ t, y: utf8("e"), e: [302, zeros(0)] }));
    for (const e of [[], [utf8("302")], 302, utf8("x")] as const) expect(error(e)).toBeNull();
  });

  it.each<readonly [string, Bencoded]>([
    ["a query", map({ t, y: utf8("q"), q: utf8("ping"), a: map({ id }) })],
    ["no kind", map({ t, r: map({ id }) })],
    ["a kind that is no text", map({ t, y: 7, r: map({ id }) })],
    ["no transaction", map({ y: utf8("r"), r: map({ id }) })],
    ["a transaction of another length", map({ t: zeros(3), y: utf8("r"), r: map({ id }) })],
    ["no content", map({ t, y: utf8("r") })],
    ["content that is a list", map({ t, y: utf8("r"), r: [id] })],
    ["an id of another length", map({ t, y: utf8("r"), r: map({ id: zeros(19) }) })],
    ["a list", [t]],
    ["a number", 7],
  ])("what has %s is dropped", (_, message) => {
    expect(left(encodeBencode(message))).toBeNull();
  });

  it("takes any bytes without an error", () => {
    const whole = response(map({ id, token: utf8("tok"), nodes: zeros(52), ...item }));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
        const bytes = whole.slice();
        for (const [at, byte] of changes) bytes[at] = byte;
        const answer = sanitizeDhtAnswer(bytes, isAllowed);
        if (answer !== null) expect(decodeBencode(answer.bytes)).toBeInstanceOf(Map);
      }),
      { numRuns: numRuns * 20 },
    );
  });

  it("BEP43: a query says that it is of a node that answers nobody", () => {
    const query = map({ t, y: utf8("q"), q: utf8("get"), a: map({ id, target: id }) });
    const marked = markDhtQuery(encodeBencode(query));
    expect(marked).toMatchObject({ transaction: "0102", target: "03".repeat(20) });
    expect(decodeBencode(marked?.bytes ?? zeros(0))).toEqual(new Map([...query, ["ro", 1]]));
    const ping = markDhtQuery(encodeBencode(map({ t, y: utf8("q"), q: utf8("ping"), a: map({ id }) })));
    expect(ping?.target).toBeNull();
    for (const none of [
      map({ t, y: utf8("r"), r: map({ id }) }),
      map({ t, q: utf8("get"), a: 1 }),
      map({ q: utf8("get"), a: map({}) }),
    ]) {
      expect(markDhtQuery(encodeBencode(none))).toBeNull();
    }
  });
});
