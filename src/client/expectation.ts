import { equalBytes } from "../bytes/bytes.js";
import { invalidArgument } from "../bytes/guards.js";
import { encodeHex, isHex } from "../bytes/hex.js";
import { isOwnerScript } from "../chain/script.js";
import { HawserError } from "../errors.js";
import type { Name } from "../name/name.js";
import type { ThreadState } from "../name/thread.js";

/** Who a caller expects to hold a name. At least one member must be given. */
export interface Expectation {
  /**
   * txid of the PREORDER, display order: `name.tenure` of an earlier result. It is another one after every new
   * registration, and the same one after a TRANSFER.
   */
  readonly tenure?: string | undefined;
  /** scriptPubKey of the owner: the bytes of `name.ownerScript`. It is another one after a TRANSFER. */
  readonly ownerScript?: Uint8Array | undefined;
}

const MEMBERS: readonly string[] = ["tenure", "ownerScript"];

/** An expectation as a caller without types may give it, copied. @throws INPUT_INVALID */
export function parseExpectation(value: unknown): Expectation | null {
  if (value === undefined) return null;
  if (typeof value !== "object" || value === null) throw invalidArgument("expect", "object", value);
  const { tenure, ownerScript } = value as Readonly<Record<string, unknown>>;
  // A misspelt or missing member would expect nothing, and say so to nobody.
  const isOther = Object.keys(value).some((member) => !MEMBERS.includes(member));
  if (isOther || (tenure === undefined && ownerScript === undefined)) {
    throw invalidArgument("expect", "tenure, ownerScript or both, and nothing else", value);
  }
  if (tenure !== undefined && !isHex(tenure, 32)) {
    throw invalidArgument("expect.tenure", "64 lower-case hex digits", tenure);
  }
  if (ownerScript === undefined) return { tenure };
  if (!(ownerScript instanceof Uint8Array) || !isOwnerScript(ownerScript)) {
    throw invalidArgument("expect.ownerScript", "P2WPKH, P2WSH or P2TR script as a Uint8Array", ownerScript);
  }
  return { tenure, ownerScript: ownerScript.slice() };
}

/** Whether a name is held as expected. One that nobody holds never is. */
export function meetsExpectation(state: ThreadState, expect: Expectation | null): boolean {
  if (expect === null) return true;
  const { tenure, ownerScript } = expect;
  if (tenure !== undefined && state.tenure !== tenure) return false;
  return ownerScript === undefined || (state.ownerScript !== null && equalBytes(state.ownerScript, ownerScript));
}

/** Refuses the state of a name that is not held as expected, whatever it would lead to. @throws NAME_OWNER_CHANGED */
export function assertExpectation(name: Name, state: ThreadState, expect: Expectation | null): void {
  if (expect === null || meetsExpectation(state, expect)) return;
  const hex = (script: Uint8Array | null): string | null => (script === null ? null : encodeHex(script));
  const expected = { tenure: expect.tenure ?? null, ownerScript: hex(expect.ownerScript ?? null) };
  const got = { status: state.status, tenure: state.tenure, ownerScript: hex(state.ownerScript) };
  const holder = ({ tenure, ownerScript }: typeof expected): string =>
    [...(tenure === null ? [] : [`tenure ${tenure}`]), ...(ownerScript === null ? [] : [`owner ${ownerScript}`])].join(
      " and ",
    );
  const found = got.tenure === null ? `nobody: it is ${got.status}` : holder(got);
  throw new HawserError("NAME_OWNER_CHANGED", `Expected ${name} to have ${holder(expected)}, got ${found}.`, {
    name,
    expected,
    got,
  });
}
