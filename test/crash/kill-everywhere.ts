import { expect } from "vitest";
import type { Reader } from "../../src/index.js";
import { type CrashWorld, expectNotLowered, type Run } from "./crash-world.js";

/** A command of the program, and what it must have done once it is acknowledged. */
export interface Story {
  /** What the n-th round writes. */
  command(round: number): readonly string[];
  /** stdin of the n-th round. */
  input?(round: number): string;
  /** Brings the world to where the n-th round begins. */
  prepare?(round: number): Promise<unknown>;
  /** How many transactions of each kind a round takes, however often it is killed. */
  readonly transactions: Readonly<Record<string, number>>;
  /** Holds for every reader as soon as a run said so, and in the end of every round; `input` is that run's. */
  readonly check: (reader: Reader, round: number, input: string) => Promise<void>;
  /**
   * Whether nothing is mined before the last run of a round has ended, so that each finds what the one before has sent
   * unconfirmed. Then `check` holds once that is mined. Default false.
   */
  readonly unmined?: boolean;
  /**
   * What finishes a round that was killed, one run after the other. By default the same command again, in every third
   * round after `hawser resume`.
   */
  resume?(round: number): readonly Resumption[];
}

/** A run that goes on with a killed one. */
export interface Resumption {
  readonly args: readonly string[];
  readonly input?: string | undefined;
  /** Exit codes that are right. Default 0 alone. */
  readonly exitCodes?: readonly number[] | undefined;
}

/** What was killed, and where. */
export interface Kills {
  /** How often at each boundary, such as `after PUT /objects`. */
  readonly at: ReadonlyMap<string, number>;
  readonly count: number;
}

/**
 * Runs a command and kills it at its first boundary; in the next round at its second, and so on until it ends by itself.
 * After each kill it is resumed, and in every second round the resuming run is killed as well, each time somewhere else,
 * before one is left alone. Each round then has to hold what the crash test promises.
 */
export async function killEverywhere(world: CrashWorld, story: Story): Promise<Kills> {
  const at = new Map<string, number>();
  let count = 0;
  const note = ({ killedAt }: Run): void => {
    if (killedAt === null) return;
    count++;
    at.set(killedAt, (at.get(killedAt) ?? 0) + 1);
  };
  let spared = 0;
  for (let round = 1; ; round++) {
    let run: Run | null = null;
    try {
      run = await playRound(world, story, round, note);
    } catch (error) {
      const where = [...at].map(([boundary, times]) => `${boundary} (${times})`).join(", ");
      throw new Error(`round ${round}, killed so far: ${where}`, { cause: error });
    }
    // How many boundaries there are depends a little on what a run finds in its cache.
    spared = run.killedAt === null ? spared + 1 : 0;
    if (spared === 2) {
      console.log(`${story.command(round).slice(0, 2).join(" ")}: ${count} kills in ${round} rounds`);
      return { at, count };
    }
  }
}

async function playRound(world: CrashWorld, story: Story, round: number, note: (run: Run) => void): Promise<Run> {
  const { person } = world;
  await story.prepare?.(round);
  const command = story.command(round);
  let input = story.input?.(round);
  const sentBefore = person.sentKinds();
  let floors = round === 1 ? [] : await person.floors();
  const assertSound = async (run: Run, given: string | undefined): Promise<void> => {
    // The cache opens, whatever happened.
    const after = await person.floors();
    expectNotLowered(floors, after);
    floors = after;
    if (run.document !== null && story.unmined !== true) await assertReadable(world, story, round, given);
  };

  const first = await person.run(command, { at: round, input });
  note(first);
  if (first.killedAt === null) expect(first.exitCode, first.stderr).toBe(0);
  else expect(first.exitCode).toBeNull();
  if (first.killedAt === null || first.boundaries > 1) await assertSound(first, input);

  if (first.killedAt !== null) {
    // M6: an epoch that a dead run may have signed under is not used again, and the next one takes a block.
    if (story.unmined !== true) await world.devnet.mine(1);
    const again = story.resume?.(round) ?? [{ args: command, input }];
    const resumptions = round % 3 === 0 ? [resumeFor(command), ...again] : again;
    if (round % 2 === 0) {
      const [{ args, ...options } = { args: command, input }] = again;
      // Any order does that comes everywhere in time.
      const second = await person.run(args, { at: 1 + ((round * 7) % 23), input: options.input });
      note(second);
      await assertSound(second, options.input);
      if (story.unmined !== true) await world.devnet.mine(1);
    }
    for (const { args, exitCodes = [0], ...options } of resumptions) {
      const last = await person.run(args, options);
      expect(exitCodes, last.stderr).toContain(last.exitCode);
      if (args[0] !== "resume") await assertSound(last, options.input);
      else expectNotLowered(floors, await person.floors());
      if (args[0] !== "resume") input = options.input;
    }
  }
  if (story.unmined === true) await world.devnet.mine(1);
  await assertReadable(world, story, round, input);
  const sent = [...person.sentKinds()].map(([kind, times]) => [kind, times - (sentBefore.get(kind) ?? 0)] as const);
  expect(Object.fromEntries(sent.filter(([, times]) => times !== 0))).toEqual(story.transactions);
  person.expectNothingSpentTwice();
  return first;
}

/** `hawser resume` for what a command was about, waiting for as much. */
function resumeFor(command: readonly string[]): Resumption {
  const name = command[0] === "name" ? command[2] : command[1];
  const wait = command.indexOf("--wait");
  return { args: ["resume", name ?? "", ...(wait < 0 ? [] : command.slice(wait, wait + 2))] };
}

async function assertReadable(world: CrashWorld, { check }: Story, round: number, input = ""): Promise<void> {
  await check(world.fresh(), round, input);
  await world.person.reading((reader) => check(reader, round, input));
}
