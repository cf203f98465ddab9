import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system of its own that is soon full. */
export interface SmallDisk extends AsyncDisposable {
  readonly folder: string;
  /** bytes - that are free. */
  freeBytes(): number;
}

/** How large it is. */
export interface SmallDiskOptions {
  /** Default: 2 MiB. */
  readonly bytes?: number | undefined;
  /** Files and folders that there may be. Default: as many as fit. */
  readonly inodes?: number | undefined;
}

const DEFAULT_BYTES = 2 * 1024 * 1024;

/** Mounts an empty tmpfs, which needs root. It is unmounted when it is disposed of, or however this process ends. */
export function mountSmallDisk({ bytes = DEFAULT_BYTES, inodes }: SmallDiskOptions = {}): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), "hawser-disk-"));
  const owner = `uid=${process.getuid?.() ?? 0},gid=${process.getgid?.() ?? 0}`;
  const options = `size=${bytes},mode=755,${owner}${inodes === undefined ? "" : `,nr_inodes=${inodes}`}`;
  try {
    execFileSync(...asRoot("mount", "-t", "tmpfs", "-o", options, "hawser-test", folder), { stdio: "pipe" });
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
  const unmount = (): void => {
    // Where something still has a file open it goes when that ends.
    for (const flags of [[], ["-l"]]) {
      if (spawnSync(...asRoot("umount", ...flags, folder)).status === 0) break;
    }
    rmdirSync(folder);
  };
  process.once("exit", unmount);
  return {
    folder,
    freeBytes() {
      const { bavail, bsize } = statfsSync(folder);
      return bavail * bsize;
    },
    [Symbol.asyncDispose]: async () => {
      process.off("exit", unmount);
      unmount();
    },
  };
}

/** Whether a file system can be mounted here. In CI it must be. */
export async function canMountSmallDisk(): Promise<boolean> {
  try {
    await mountSmallDisk()[Symbol.asyncDispose]();
    return true;
  } catch (cause) {
    if (process.env["CI"] === undefined) return false;
    throw new Error("A tmpfs cannot be mounted, which needs root or sudo, and CI must not skip its tests.", { cause });
  }
}

function asRoot(...command: readonly string[]): [string, string[]] {
  const all = process.getuid?.() === 0 ? command : ["sudo", "-n", ...command];
  const [program = "", ...args] = all;
  return [program, args];
}
