import fc from "fast-check";
import { alice, bob, carol, compressed, p2wsh, points } from "../unit/name/builder.js";

/** Owners of every kind that C3 knows. */
const owners = [alice, bob, carol, p2wsh(points[1])] as const;
export const signature = new Uint8Array(71).fill(0x30);
/** The key of the owner that is P2WPKH. */
export const key = compressed(points[2]);
const witnesses: readonly (readonly Uint8Array[])[] = [
  [],
  [signature, key],
  [signature, key],
  [signature, compressed(points[0])],
  [signature, key, key],
];

/** When it happens: blocks after what happened before, or next to the height at which the clock changes the name. */
const when = fc.oneof(
  { weight: 8, arbitrary: fc.record({ from: fc.constant("before"), blocks: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ from: fc.constant("change"), blocks: fc.integer({ min: -1, max: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ from: fc.constant("end"), blocks: fc.integer({ min: -1, max: 1 }) }) },
);

const registerFlaws = [
  "bond",
  "beacon",
  "foreign-beacon",
  "late-beacon",
  "script",
  "paid",
  "other-name",
  "bad-name",
  "value",
  "vin",
  "vout-0",
  "vout-2",
  "committed",
  "other-salt",
  "preorder-vout",
  "preorder-kind",
  "preorder-version",
  "preorder-value",
  "coinbase",
  "unproven",
  "too-young",
  "oldest",
  "too-old",
] as const;
const spendFlaws = [
  "bond",
  "script",
  "stranger",
  "no-vout-1",
  "vin",
  "value",
  "swapped",
  "short",
  "long",
  "opcode",
  "pushdata",
  "trailing",
  "three-bytes",
  "76-bytes",
] as const;
const recoverFlaws = [
  "bond",
  "script",
  "beacon",
  "late-beacon",
  "value",
  "vin",
  "unknown-coin",
  "coin-0",
  "short",
] as const;
/** What is wrong with an operation; null for nothing. */
export type SpendFlaw = (typeof spendFlaws)[number] | null;
export type RegisterFlaw = (typeof registerFlaws)[number] | null;
export type RecoverFlaw = (typeof recoverFlaws)[number] | null;

/** No flaw, in two cases of three. */
function mostly<Flaw>(flaws: readonly Flaw[]): fc.Arbitrary<Flaw | null> {
  return fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.constantFrom(...flaws) });
}

const register = fc.record({
  what: fc.constant("register"),
  flaw: mostly(registerFlaws),
});
const spend = fc.record({
  what: fc.constant("spend"),
  says: fc.constantFrom(
    ...(["update", "update", "update", "update", "transfer", "transfer", "transfer", "release", "later"] as const),
    ...(["other-op", "nothing", "nothing", "foreign", "preorder", "register", "recover", "bytes"] as const),
  ),
  flaw: mostly(spendFlaws),
});
const recover = fc.record({
  what: fc.constant("recover"),
  flaw: mostly(recoverFlaws),
});
const junk = fc.record({ what: fc.constant("junk"), flaw: fc.constant(null) });

const happening = fc.record({
  when,
  /** Whether a spend gives way to what can be done when there is no seal to spend. */
  apt: fc.boolean(),
  act: fc.oneof(
    { weight: 3, arbitrary: register },
    { weight: 8, arbitrary: spend },
    { weight: 3, arbitrary: recover },
    { weight: 1, arbitrary: junk },
  ),
  owner: fc.constantFrom(...owners),
  witness: fc.constantFrom(...witnesses),
  /** Whether it stands before the rest of its block. */
  early: fc.boolean(),
  /** Spends a former seal, where there is one, instead of the present one. */
  old: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  /** Whether a second copy with another witness is proven too. */
  twice: fc.boolean(),
  bytes: fc.uint8Array({ minLength: 4, maxLength: 75 }),
});

/** What happens to a name over its lives. */
export const story = fc.array(happening, { minLength: 1, maxLength: 24, size: "max" });
export type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;
export type Act = Happening["act"];
/** A transaction that spends the seal. */
export type SpendAct = Extract<Act, { what: "spend" }>;
