import { describe, expect, it } from "vitest";
import { Evidence, type Report } from "../../../src/chain/evidence.js";
import type { Transaction } from "../../../src/chain/transaction.js";
import { dismiss, type Panel, type Seat } from "../../../src/chain/union.js";
import { limits } from "../../../src/limits.js";
import type { ChainSource } from "../../../src/ports.js";
import { anyOutpoint, buildTransaction, p2pkh, profile, World } from "../name/builder.js";
import { MinedChain, never, sourceOf, type Twist, unreachable } from "../name/chain-world.js";
import { panelOf } from "./seats.js";

const world = new World();
const { preorder, register } = world.register(3);
const update = world.update(5, register, profile(2));
const mined = MinedChain.of(world, 6);
const chain = mined.headerChain();
const invented = buildTransaction({ inputs: [anyOutpoint()], outputs: [{ valueSats: 1n, script: p2pkh }] });

/** Evidence from these sources, and what each of them would report. */
function evidenceOf(...sources: readonly ChainSource[]): {
  evidence: Evidence;
  panel: Panel;
  seats: readonly [Seat, ...Seat[]];
  reports: (tx: Transaction, height: number) => readonly Report[];
} {
  const { panel, seats } = panelOf(sources);
  const reports = (tx: Transaction, height: number): readonly Report[] =>
    seats.map((seat) => ({ txid: tx.txid, height, seat }));
  return { evidence: new Evidence(panel), panel, seats, reports };
}

const without =
  (...methods: readonly (keyof ChainSource)[]): Twist =>
  () =>
    Object.fromEntries(methods.map((method) => [method, () => Promise.resolve(null)]));
const failing =
  (...methods: readonly (keyof ChainSource)[]): Twist =>
  () =>
    Object.fromEntries(methods.map((method) => [method, () => Promise.reject(unreachable("x"))]));

describe("V3: transactions by their txid", () => {
  it("V3: come from the first source that has them, and are asked for once", async () => {
    const [a, b, c] = [sourceOf("a", mined, without("transaction")), sourceOf("b", mined), sourceOf("c", mined)];
    const { evidence, seats } = evidenceOf(a, b, c);
    expect((await evidence.transaction(update.txid, seats))?.raw).toEqual(update.raw);
    expect((await evidence.transaction(update.txid, seats))?.raw).toEqual(update.raw);
    expect([a, b, c].map(({ calls }) => calls)).toEqual([["transaction"], ["transaction"], []]);
    expect(await evidence.transaction(invented.txid, seats)).toBeNull();
    expect(evidence.previous.get(update.txid)?.raw).toEqual(update.raw);
  });

  it("V3: other bytes are a lie, and no transaction", async () => {
    const other: Twist = () => ({ transaction: () => Promise.resolve(register.raw) });
    const { evidence, seats } = evidenceOf(sourceOf("a", mined, other));
    expect(await evidence.transaction(update.txid, seats)).toBeNull();
    expect(seats[0]).toMatchObject({ lies: 1, gone: false, failure: { code: "CHAIN_TRANSACTION_INVALID" } });
    expect(evidence.previous.size).toBe(0);
  });

  it("C11: the copy that came first stays", async () => {
    const stripped = buildTransaction({ inputs: [anyOutpoint()], outputs: [{ valueSats: 2n, script: p2pkh }] });
    const input = stripped.inputs[0]?.outpoint ?? anyOutpoint();
    const full = buildTransaction({ inputs: [{ ...input, witness: [profile(1)] }], outputs: stripped.outputs });
    expect(full.txid).toBe(stripped.txid);
    const sends =
      (tx: Transaction): Twist =>
      () => ({ transaction: () => Promise.resolve(tx.raw) });
    const { evidence, seats } = evidenceOf(sourceOf("a", mined, sends(full)), sourceOf("b", mined, sends(stripped)));
    evidence.prefetch({ txid: full.txid, height: 3, seat: seats[0] });
    evidence.prefetch({ txid: full.txid, height: 3, seat: seats[1] ?? seats[0] });
    expect((await evidence.transaction(full.txid, seats.slice(1)))?.raw).toEqual(full.raw);
    expect(evidence.previous.get(full.txid)?.raw).toEqual(full.raw);
  });
});

describe("V4: proving reports", () => {
  it("V4: one report is enough", async () => {
    const { evidence, reports } = evidenceOf(sourceOf("a", mined));
    expect(evidence.isProven(update.txid)).toBe(false);
    expect(await evidence.prove(chain, update.txid, reports(update, 5))).toBe(true);
    expect(evidence.isProven(update.txid)).toBe(true);
    expect(evidence.proven).toMatchObject([{ height: 5, position: 1 }]);
  });

  it("V4: what is proven is not asked for again", async () => {
    const source = sourceOf("a", mined);
    const { evidence, reports } = evidenceOf(source);
    await evidence.prove(chain, update.txid, reports(update, 5));
    const calls = source.calls.length;
    expect(await evidence.prove(chain, update.txid, reports(update, 4))).toBe(true);
    expect(await evidence.search(chain, update.txid, 4)).toBe(true);
    expect(source.calls).toHaveLength(calls);
  });

  it("V4: the place comes from any source that reports it", async () => {
    const { evidence, reports, seats } = evidenceOf(sourceOf("a", mined, without("inclusion")), sourceOf("b", mined));
    expect(await evidence.prove(chain, update.txid, reports(update, 5))).toBe(true);
    expect(seats.map(({ lies }) => lies)).toEqual([0, 0]);
  });

  it("V4: the bytes come from any source that reported it", async () => {
    const { evidence, reports } = evidenceOf(sourceOf("a", mined, without("transaction")), sourceOf("b", mined));
    expect(await evidence.prove(chain, update.txid, reports(update, 5))).toBe(true);
  });

  it("V8: nobody is asked for bytes who did not report it, nor pays for what another reported", async () => {
    const [a, b] = [sourceOf("a", mined, without("transaction")), sourceOf("b", mined)];
    const { evidence, reports, seats } = evidenceOf(a, b);
    expect(await evidence.prove(chain, update.txid, reports(update, 5).slice(0, 1))).toBe(false);
    expect(b.calls).not.toContain("transaction");
    expect(seats.map(({ lies, bytes }) => [lies, bytes > 0])).toMatchObject([
      [1, expect.any(Boolean)],
      [0, false],
    ]);
  });

  it("V4: nobody is asked for a place who did not report it", async () => {
    const [a, b] = [sourceOf("a", mined, without("inclusion")), sourceOf("b", mined)];
    const { evidence, reports, seats } = evidenceOf(a, b);
    expect(await evidence.prove(chain, update.txid, reports(update, 5).slice(0, 1))).toBe(false);
    expect(b.calls).not.toContain("inclusion");
    expect(seats.map(({ lies }) => lies)).toEqual([1, 0]);
  });

  it.each([
    ["a place that does not prove", (): Twist => () => ({ inclusion: () => Promise.resolve(claimAt(6)) }), 1, false],
    ["no place", (): Twist => without("inclusion"), 1, false],
    ["no bytes", (): Twist => without("transaction"), 1, false],
    ["no answer for the place", (): Twist => failing("inclusion"), 0, true],
    ["no answer for the bytes", (): Twist => failing("transaction"), 0, true],
  ])("V4: a source that reports and then gives %s", async (_, twist, lies, gone) => {
    const { evidence, reports, seats } = evidenceOf(sourceOf("a", mined, twist()));
    expect(await evidence.prove(chain, update.txid, reports(update, 5))).toBe(false);
    expect(seats[0]).toMatchObject({ lies, gone });
    if (gone) expect(seats[0].failure).not.toBeNull();
  });

  it("V5: a source that was dismissed meanwhile did not lie", async () => {
    const { evidence, reports, seats } = evidenceOf(
      sourceOf("a", mined, () => ({ inclusion: () => Promise.resolve(claimAt(6)) })),
      sourceOf("b", mined),
    );
    const late = seats[1] ?? seats[0];
    dismiss(late, unreachable("b"));
    expect(await evidence.prove(chain, update.txid, reports(update, 5))).toBe(false);
    expect(seats.map(({ lies }) => lies)).toEqual([1, 0]);
  });

  it("V4: a place is proven on the chain that is read", async () => {
    const other = MinedChain.of(world, 6, { onto: { chain: mined, upTo: 4 }, version: 5 });
    const empty = MinedChain.of(new World(), 6, { onto: { chain: mined, upTo: 4 }, version: 6 });
    const { evidence, reports } = evidenceOf(sourceOf("a", mined));
    expect(await evidence.prove(empty.headerChain(), update.txid, reports(update, 5))).toBe(false);
    expect(await evidence.prove(other.headerChain(), update.txid, reports(update, 5))).toBe(true);
  });

  it("C5: what must exist is looked for at every source", async () => {
    const [a, b] = [sourceOf("a", mined, without("transaction", "inclusion")), sourceOf("b", mined)];
    const { evidence, seats } = evidenceOf(a, b);
    expect(await evidence.search(chain, preorder.txid, 3)).toBe(true);
    expect(evidence.proven).toMatchObject([{ height: 2 }]);
    expect(seats.map(({ lies }) => lies)).toEqual([0, 0]);
    expect(await evidence.search(chain, invented.txid, 3)).toBe(false);
    expect(seats.map(({ lies }) => lies)).toEqual([0, 0]);
  });

  function claimAt(height: number): { height: number; position: number; branch: Uint8Array[] } {
    return { height, position: 1, branch: [new Uint8Array(32)] };
  }
});

describe("C11: fetching a witness again", () => {
  const witnessed = new World();
  const signed = witnessed.register(3, { witness: [profile(8), profile(9)] }).register;
  const first = signed.inputs[0]?.outpoint ?? anyOutpoint();
  const bare = buildTransaction({ inputs: [first], outputs: signed.outputs });
  const own = MinedChain.of(witnessed, 4);
  const header = own.headerChain();
  const sends =
    (raw: Uint8Array | null): Twist =>
    () => ({ transaction: () => Promise.resolve(raw) });

  async function refetch(twist: Twist): Promise<{ changed: boolean; raw: Uint8Array | undefined; seat: Seat }> {
    const { evidence, seats } = evidenceOf(sourceOf("a", own, sends(bare.raw)), sourceOf("b", own, twist));
    await evidence.prove(header, signed.txid, [{ txid: signed.txid, height: 3, seat: seats[0] }]);
    const seat = seats[1] ?? seats[0];
    const changed = await evidence.refetch(header, signed.txid, seat);
    return { changed, raw: evidence.proven[0]?.tx.raw, seat };
  }

  it("C11: takes another copy of the same transaction", async () => {
    expect(await refetch(() => ({}))).toMatchObject({ changed: true, raw: signed.raw, seat: { transactions: 1 } });
  });

  it.each([
    ["the same bytes", sends(bare.raw)],
    ["another transaction", sends(invented.raw)],
    ["no transaction", sends(Uint8Array.of(1))],
    ["nothing", sends(null)],
    ["no answer", (() => ({ transaction: () => Promise.reject(unreachable("b")) })) satisfies Twist],
  ])("C11: %s changes nothing", async (_, twist) => {
    expect(await refetch(twist)).toMatchObject({ changed: false, raw: bare.raw });
  });

  it("C11: only of a transaction that is proven", async () => {
    const { evidence, seats } = evidenceOf(sourceOf("a", own));
    expect(await evidence.refetch(header, signed.txid, seats[0])).toBe(false);
    expect(evidence.proven).toEqual([]);
  });
});

describe("V8: what a source sends counts against it", () => {
  it("V8: the branch of a proof", async () => {
    const { evidence, seats } = evidenceOf(sourceOf("a", mined, without("inclusion")), sourceOf("b", mined));
    const [first, second = first] = seats;
    second.bytes = limits.sourceMaxBytes - 32;
    const report = (seat: Seat): Report => ({ txid: update.txid, height: 5, seat });
    // One hash leads to the root of a block of two; the bytes themselves come from the other source.
    expect(await evidence.prove(chain, update.txid, [report(first), report(second)])).toBe(true);
    expect(second).toMatchObject({ gone: false, bytes: limits.sourceMaxBytes, transactions: 0 });

    const { evidence: again, seats: seatsAgain } = evidenceOf(
      sourceOf("a", mined, without("inclusion")),
      sourceOf("b", mined),
    );
    const [one, other = one] = seatsAgain;
    other.bytes = limits.sourceMaxBytes - 31;
    expect(await again.prove(chain, update.txid, [report(one), report(other)])).toBe(false);
    expect(other).toMatchObject({ gone: true, lies: 0, failure: { code: "NETWORK_ANSWER_INVALID" } });
  });

  it("V8: bytes that are fetched again for their witness", async () => {
    const signed = new World();
    const { register: own } = signed.register(3, { witness: [profile(8), profile(9)] });
    const input = own.inputs[0]?.outpoint ?? anyOutpoint();
    const bare = buildTransaction({ inputs: [input], outputs: own.outputs });
    const block = MinedChain.of(signed, 4);
    const first: Twist = () => ({ transaction: () => Promise.resolve(bare.raw) });
    const { evidence, seats } = evidenceOf(sourceOf("a", block, first), sourceOf("b", block));
    const [one, other = one] = seats;
    await evidence.prove(block.headerChain(), own.txid, [{ txid: own.txid, height: 3, seat: one }]);
    other.bytes = limits.sourceMaxBytes;
    expect(await evidence.refetch(block.headerChain(), own.txid, other)).toBe(false);
    expect(other).toMatchObject({ gone: true, transactions: 1 });
    expect(evidence.proven[0]?.tx.raw).toEqual(bare.raw);
  });
});

describe("V6: evidence between reads", () => {
  async function collected(): Promise<Evidence> {
    const { evidence, reports, seats } = evidenceOf(sourceOf("a", mined));
    await evidence.prove(chain, register.txid, reports(register, 3));
    await evidence.prove(chain, update.txid, reports(update, 5));
    await evidence.transaction(preorder.txid, seats);
    await evidence.transaction(mined.txids(1)[0] ?? "", seats);
    return evidence;
  }

  it("V3: keeps what was proven and what that spends first, and nothing foreign", async () => {
    const evidence = await collected();
    const { transactions, coinbases, previous } = evidence.stored();
    expect(transactions.map(({ raw, height }) => [raw, height])).toEqual([
      [register.raw, 3],
      [update.raw, 5],
    ]);
    expect(coinbases).toEqual([]);
    expect(previous).toEqual([preorder.raw]);
  });

  it("V6: is proven again without asking", async () => {
    const stored = (await collected()).stored();
    const { evidence } = evidenceOf(sourceOf("a", mined, () => ({ transaction: () => never() })));
    evidence.restore(chain, stored);
    expect(evidence.stored()).toEqual(stored);
    expect(evidence.previous.has(preorder.txid)).toBe(true);
  });

  it("V6: what is not in the chain any more, or is damaged, is dropped", async () => {
    const stored = (await collected()).stored();
    const other = MinedChain.of(new World(), 6, { onto: { chain: mined, upTo: 4 }, version: 5 });
    const { evidence } = evidenceOf(sourceOf("a", mined));
    evidence.restore(other.headerChain(), stored);
    expect(evidence.proven.map(({ tx }) => tx.txid)).toEqual([register.txid]);

    const { evidence: damaged } = evidenceOf(sourceOf("a", mined));
    const [first, second] = stored.transactions;
    if (first === undefined || second === undefined) throw new Error("nothing was stored");
    damaged.restore(chain, {
      transactions: [{ ...first, raw: first.raw.slice(1) }, { ...second, height: 4 }, second],
      coinbases: [{ ...first, raw: Uint8Array.of(0) }, second],
      previous: [Uint8Array.of(1, 2), preorder.raw],
    });
    expect(damaged.proven.map(({ tx }) => tx.txid)).toEqual([update.txid]);
    expect(damaged.stored().coinbases).toEqual([]);
    expect(damaged.previous.has(preorder.txid)).toBe(true);
  });

  it("V3: outputs are read from what the stored bytes hash to", async () => {
    const { evidence } = evidenceOf(sourceOf("a", mined));
    evidence.restore(chain, { transactions: [], coinbases: [], previous: [invented.raw] });
    expect([...evidence.previous.keys()]).toEqual([invented.txid]);
    expect(await evidence.transaction(invented.txid, [])).toMatchObject({ txid: invented.txid });
  });
});
