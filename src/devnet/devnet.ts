import { assertInteger, assertString, invalidArgument } from "../bytes/guards.js";
import { systemClock } from "../runtime/clock.js";
import { DataDir, type DevnetLayout, readLayout } from "./data-dir.js";
import type { Devnet, DevnetOptions } from "./interface.js";
import { LocalDevnet, type WantedPort } from "./local-devnet.js";

export type { Devnet, DevnetOptions, MinePolicy } from "./interface.js";

const MOST_SERVERS = 16;
const LOOPBACK_HOST = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|::1)$/;

/**
 * Starts a regtest chain with its servers in this process: of 101 blocks, or where `dataDir` left it.
 *
 * @throws INPUT_INVALID, INPUT_CONFIG_INVALID (a port that is taken), INPUT_FILE_UNUSABLE (`dataDir` is in use, holds
 * something else, is damaged, or cannot be read or written; nothing in it is changed)
 */
export async function startDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  const { mine = "on-transaction", control = false, host = "127.0.0.1", dataDir } = options;
  if (dataDir !== undefined) {
    assertString("dataDir", dataDir);
    if (dataDir === "") throw invalidArgument("dataDir", "a directory", dataDir);
  }
  if (typeof mine === "object") assertInteger("mine.intervalMs", mine.intervalMs, 1);
  if (control && !LOOPBACK_HOST.test(host))
    throw invalidArgument("host", "a loopback address while control is on", host);
  // Wrong numbers are refused before anything is made.
  serversOf(options, null);
  const data = dataDir === undefined ? null : await DataDir.open(dataDir);
  const devnet = new LocalDevnet(mine, control, options.clock ?? systemClock, data);
  try {
    const { sources, stores } = serversOf(options, dataDir === undefined ? null : await readLayout(dataDir));
    await devnet.restore();
    await devnet.listen(sources, stores, host);
  } catch (error) {
    await devnet.close();
    throw error;
  }
  return devnet;
}

/** @throws INPUT_INVALID */
function serversOf(
  { sources, stores, port = 0 }: DevnetOptions,
  last: DevnetLayout | null,
): { readonly sources: readonly WantedPort[]; readonly stores: readonly WantedPort[] } {
  const sourceCount = sources ?? last?.sources.length ?? 1;
  const storeCount = stores ?? last?.stores.length ?? 1;
  assertInteger("sources", sourceCount, 1, MOST_SERVERS);
  assertInteger("stores", storeCount, 0, MOST_SERVERS);
  assertInteger("port", port, 0, 65_536 - sourceCount - storeCount);
  const wanted = (count: number, offset: number, remembered: readonly number[] = []): readonly WantedPort[] =>
    Array.from({ length: count }, (_, i) =>
      port === 0 ? { port: remembered[i] ?? 0, must: false } : { port: port + offset + i, must: true },
    );
  return { sources: wanted(sourceCount, 0, last?.sources), stores: wanted(storeCount, sourceCount, last?.stores) };
}
