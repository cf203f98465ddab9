import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import * as z from "zod/mini";
import { utf8 } from "../bytes/bytes.js";
import { isHawserError } from "../errors.js";
import { systemClock } from "../runtime/clock.js";
import { type DiskLock, takeDiskLock } from "../storage/disk-lock.js";
import type { Chain } from "./chain.js";
import { ChainKeeper } from "./chain-keeper.js";
import { isChainLog } from "./chain-log.js";
import { orRefused, replaceFile, TEMPORARY, unusable } from "./durable-file.js";
import type { Mempool } from "./mempool.js";
import type { StoreKeeper } from "./store.js";
import { StoreFiles } from "./store-files.js";

/** The ports of the last run, and so how many servers it had. */
export interface DevnetLayout {
  readonly sources: readonly number[];
  readonly stores: readonly number[];
}

const CHAIN = "chain.log";
const LAYOUT = "layout.json";
const STORES = "stores";
const LOCK = "lock";
/** How long two devnets that start at the same moment make way for one another. */
const LOCK_TIMEOUT_MS = 500;

const port = z.int().check(z.gte(1), z.lte(65_535));
const layoutFile = z.strictObject({ sources: z.array(port), stores: z.array(port) });

/** The directory in which a devnet outlives its process; one process has it at a time. */
export class DataDir {
  readonly path: string;
  readonly #lock: DiskLock;
  #keeper: ChainKeeper | null = null;

  private constructor(path: string, lock: DiskLock) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Takes a directory, which is made where there is none.
   *
   * @throws INPUT_FILE_UNUSABLE: another devnet runs on it, it holds something else, or it cannot be read or written.
   * Nothing in it is then changed.
   */
  static async open(directory: string): Promise<DataDir> {
    const path = resolve(directory);
    return orUnusable(path, async () => {
      refuseForeign(path);
      const locks = join(path, LOCK);
      mkdirSync(locks, { recursive: true });
      const lock = await takeDiskLock(locks, "devnet", {
        timeoutMs: LOCK_TIMEOUT_MS,
        pause: (ms) => systemClock.delay(ms),
        nowMs: () => systemClock.nowMs(),
      });
      if ("heldBy" in lock) {
        const file = join(locks, lock.heldBy);
        throw unusable(path, `a devnet runs on it (if none does, after a restart of the machine, delete ${file})`);
      }
      try {
        refuseForeign(path);
      } catch (error) {
        await lock.release();
        throw error;
      }
      return new DataDir(path, lock);
    });
  }

  /**
   * Brings an empty chain and mempool to where they were, or makes them anew by `begin`; both are kept from then on.
   * Gives sentences about what was not as it should be.
   *
   * @throws INPUT_FILE_UNUSABLE
   */
  async restore(chain: Chain, mempool: Mempool, begin: () => void): Promise<readonly string[]> {
    return orUnusable(this.path, () => {
      const file = join(this.path, CHAIN);
      if (!existsSync(file)) {
        begin();
        this.#keeper = ChainKeeper.create(file, chain, mempool);
        return [];
      }
      const { keeper, notices } = ChainKeeper.open(file, chain, mempool);
      this.#keeper = keeper;
      return notices;
    });
  }

  /** Writes what changed in chain and mempool, and waits for the disk. @throws STORAGE_REFUSED */
  save(): void {
    this.#keeper?.save();
  }

  /** The files of a store. */
  store(index: number): StoreKeeper {
    return new StoreFiles(join(this.path, STORES, String(index)));
  }

  /** @throws STORAGE_REFUSED */
  saveLayout(layout: DevnetLayout): void {
    const file = join(this.path, LAYOUT);
    orRefused(file, () => {
      replaceFile(file, utf8(`${JSON.stringify(layout)}\n`));
    });
  }

  /** Lets the directory go; may be called again. */
  async close(): Promise<void> {
    this.#keeper?.close();
    this.#keeper = null;
    await this.#lock.release();
  }
}

/**
 * The servers of the last run on a directory, or null where there was none.
 *
 * @throws INPUT_FILE_UNUSABLE
 */
export async function readLayout(directory: string): Promise<DevnetLayout | null> {
  const file = join(resolve(directory), LAYOUT);
  return orUnusable(file, () => {
    if (!existsSync(file)) return null;
    const parsed = layoutFile.safeParse(jsonOf(readFileSync(file, "utf8")));
    if (!parsed.success) throw unusable(file, "it is damaged; without it the devnet takes free ports");
    return parsed.data;
  });
}

/** A directory is a devnet's when it holds a chain; one without may be made one only while it is empty. */
function refuseForeign(path: string): void {
  if (!existsSync(path)) return;
  const names = readdirSync(path);
  const chain = join(path, CHAIN);
  if (names.includes(CHAIN)) {
    if (!isChainLog(readFileSync(chain))) throw unusable(chain, "it is not a devnet's chain");
    return;
  }
  const other = names.find((name) => name !== LOCK && name !== `${CHAIN}${TEMPORARY}`);
  if (other !== undefined) throw unusable(path, `it holds ${other}, but no ${CHAIN}: it is not a devnet's directory`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function orUnusable<T>(path: string, act: () => T | Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (isHawserError(error)) throw error;
    throw unusable(path, error instanceof Error ? error.message : "unknown failure", error);
  }
}
