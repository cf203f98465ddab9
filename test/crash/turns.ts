import type { CrashWorld } from "./crash-world.js";

/** How many rounds one name serves: a thread that grew with every round would cost each run more than the last. */
const ROUNDS = 8;

/** The name that a round is about. */
export function nameOf(round: number): string {
  return `alice-${Math.ceil(round / ROUNDS)}`;
}

/** The rounds that are about the same name as a round with which a name begins; none for every other round. */
export function roundsFrom(round: number): readonly number[] {
  return round % ROUNDS === 1 ? Array.from({ length: ROUNDS }, (_, n) => round + n) : [];
}

/** Registers the name of a round with which a name begins. */
export async function registerInTurn({ person }: CrashWorld, round: number): Promise<void> {
  if (roundsFrom(round).length === 0) return;
  await person.register(nameOf(round));
  await person.look(nameOf(round));
}
