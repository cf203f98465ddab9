import { encodeHex } from "../bytes/hex.js";
import { type Name, parseName } from "../name/name.js";
import type { ThreadState } from "../name/thread.js";
import type { ReaderCore, SessionOptions } from "./reader-core.js";
import { describeName, type FoundName, type NotFound } from "./results.js";

/** A name that has a profile, as a fresh read found it. */
export interface OpenedName extends Omit<FoundName, "name"> {
  readonly parsed: Name;
  readonly state: ThreadState;
  readonly name: FoundName["name"];
  /** SHA-256 of the profile, hex. */
  readonly profileHash: string;
}

/**
 * Resolves a name for what then goes through all of its data, with a time limit of its own for each part.
 *
 * @throws as `getName` of a reader
 */
export async function openName(
  core: ReaderCore,
  what: string,
  nameText: string,
  options: SessionOptions,
): Promise<OpenedName | NotFound> {
  const parsed = parseName(nameText);
  return core.run(`${what} ${parsed}`, options, async (session) => {
    const { state, pending, asOf } = await core.resolve(parsed, session);
    const read = { name: describeName(state, pending), asOf, from: "network" } as const;
    if (state.status !== "active" && state.status !== "grace") return { found: false, why: "no-name", ...read };
    if (state.profileHash === null) return { found: false, why: "no-profile", ...read };
    return { found: true, parsed, state, profileHash: encodeHex(state.profileHash), ...read };
  });
}
