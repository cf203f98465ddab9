import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { open, readdir, readFile, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

/** A held lock. */
export interface DiskLock {
  /** A word that no other lock has. */
  readonly token: string;
  /** Tokens of locks on the same thing whose processes died. */
  readonly abandoned: readonly string[];
  release(): Promise<void>;
}

const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 60;

/**
 * Takes the lock on `what` in `directory`, which exists, against all processes of this machine, or gives the name of the lock file that
 * is in the way after `timeoutMs`.
 *
 * Everyone who wants the lock first creates a file of its own and then looks for others. Whoever sees another live one
 * withdraws, pauses and tries again, so two never hold it: the later of two creations is always followed by a look that
 * shows the earlier one. File names are never used twice, so clearing away the file of a dead process cannot hit a live
 * one. Only files whose process provably died are cleared; others (another machine, before a reboot) stay, because a
 * wrong guess would lose a write.
 */
export async function takeDiskLock(
  directory: string,
  what: string,
  options: { readonly timeoutMs: number; readonly pause: (ms: number) => Promise<void>; readonly nowMs: () => number },
): Promise<DiskLock | { readonly heldBy: string }> {
  const prefix = createHash("sha256").update(what).digest("hex").slice(0, 32);
  const abandoned: string[] = [];
  const deadline = options.nowMs() + options.timeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    let rival = await findRival(directory, prefix, null, abandoned);
    if (rival === null) {
      const token = randomBytes(12).toString("hex");
      const file = `${prefix}.${await ownIdentity()}.${token}`;
      await (await open(join(directory, file), "wx")).close();
      rival = await findRival(directory, prefix, file, abandoned);
      if (rival === null) return { token, abandoned, release: () => remove(directory, file) };
      await remove(directory, file);
    }
    if (options.nowMs() >= deadline) return { heldBy: rival };
    await options.pause(pauseMs * (0.5 + randomBytes(1).readUInt8() / 256));
  }
}

async function findRival(
  directory: string,
  prefix: string,
  own: string | null,
  abandoned: string[],
): Promise<string | null> {
  for (const file of await readdir(directory)) {
    if (!file.startsWith(`${prefix}.`) || file === own) continue;
    if (!(await isDead(file))) return file;
    abandoned.push(file.slice(file.lastIndexOf(".") + 1));
    await remove(directory, file);
  }
  return null;
}

async function remove(directory: string, file: string): Promise<void> {
  try {
    await unlink(join(directory, file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Within one boot and one process namespace of one machine, a process id and a start time name one process. */
const namespace = createHash("sha256")
  .update([hostname(), process.platform, ...systemFacts()].join("\n"))
  .digest("hex")
  .slice(0, 16);

function systemFacts(): readonly string[] {
  if (process.platform !== "linux") return [];
  try {
    return [readFileSync("/proc/sys/kernel/random/boot_id", "utf8"), readlinkSync("/proc/self/ns/pid")];
  } catch {
    // Without them no other process can be judged: a word that no other process has.
    return [randomBytes(16).toString("hex")];
  }
}

let identity: Promise<string> | undefined;

function ownIdentity(): Promise<string> {
  identity ??= startTime(process.pid).then((started) => `${namespace}.${process.pid}.${started ?? "0"}`);
  return identity;
}

async function isDead(file: string): Promise<boolean> {
  const [, theirs, pid = "", started] = file.split(".");
  // Another machine, container or boot: not ours to judge.
  if (theirs !== namespace || !/^[1-9][0-9]*$/.test(pid)) return false;
  if (process.platform === "linux") return (await startTime(Number(pid))) !== started;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** When a process began, in clock ticks since boot, or null if there is none (or this is not Linux). */
async function startTime(pid: number): Promise<string | null> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, "utf8");
  } catch {
    return null;
  }
  // The second field is the program's name in parentheses and may hold anything; the start time is the 22nd.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}
