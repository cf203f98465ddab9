import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { readLayout } from "../../devnet/data-dir.js";
import { type Devnet, type MinePolicy, startDevnet } from "../../devnet/devnet.js";
import type { Invocation } from "../command.js";
import { integerFlag } from "../integer-flag.js";
import { usageError } from "../usage.js";

/** `hawser devnet`: runs until it is interrupted. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output, signal } = invocation;
  const host = args.text("host");
  if (host === "") throw usageError("--host", "an address to listen on", "nothing");
  const dataDir = args.text("data-dir");
  if (dataDir === "") throw usageError("--data-dir", "a directory", "nothing");
  const last = dataDir === undefined ? null : await readLayout(dataDir);
  const devnet = await startDevnet({
    sources: integerFlag(invocation, "sources", 1, 16) ?? last?.sources.length ?? 2,
    stores: integerFlag(invocation, "stores", 0, 16) ?? last?.stores.length ?? 3,
    mine: minePolicy(args.text("mine") ?? "on-transaction"),
    control: args.isSet("control"),
    port: integerFlag(invocation, "port", 0, 65_000),
    host,
    dataDir,
  });
  try {
    for (const notice of devnet.notices) await output.warning(notice);
    // A chain of its own takes a cache of its own: another devnet's blocks would look like the better chain.
    const cache =
      dataDir === undefined ? await mkdtemp(join(tmpdir(), "hawser-devnet-")) : join(resolve(dataDir), "cache");
    try {
      await announce(invocation, devnet, cache);
      await aborted(signal);
    } finally {
      if (dataDir === undefined) await rm(cache, { recursive: true, force: true });
    }
  } finally {
    await devnet.close();
  }
  return 0;
}

function dataDirOf(args: Invocation["args"]): string | null {
  const directory = args.text("data-dir");
  return directory === undefined ? null : resolve(directory);
}

function minePolicy(text: string): MinePolicy {
  if (text === "on-transaction" || text === "manual") return text;
  const [, digits] = /^interval:([1-9][0-9]{0,8})$/.exec(text) ?? [];
  if (digits !== undefined) return { intervalMs: Number(digits) };
  throw usageError("--mine", "on-transaction, manual or interval:MS", JSON.stringify(text.slice(0, 40)));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => {
      resolve();
    });
    // Servers alone keep the process alive, but not on every platform once all of them are idle.
  });
}

async function announce({ args, output }: Invocation, devnet: Devnet, cache: string): Promise<void> {
  const { network, sourceUrls, storeUrls, controlUrl } = devnet;
  const { allowHosts } = devnet.readerOptions();
  const common = [
    ...["--network", network],
    ...sourceUrls.flatMap((url) => ["--source", url]),
    ...allowHosts.flatMap((host) => ["--allow-host", host]),
    ...["--cache", cache],
  ];
  const flags = {
    read: [...common, ...storeUrls.flatMap((url) => ["--store", url])],
    write: [...common, ...storeUrls.flatMap((url) => ["--write-store", url])],
  };
  if (output.json) {
    const height = devnet.height();
    await output.document({
      network,
      height,
      sources: sourceUrls,
      stores: storeUrls,
      allowHosts,
      controlUrl,
      dataDir: dataDirOf(args),
      notices: devnet.notices,
      cache,
      flags,
    });
    return;
  }
  const [first = ""] = sourceUrls;
  const mine = args.text("mine") ?? "on-transaction";
  const dataDir = dataDirOf(args);
  const end = dataDir === null ? "Everything is gone when it ends." : `Everything is kept in ${dataDir}.`;
  await output.line(`A regtest chain at block ${devnet.height()} (mine ${mine}). ${end}`);
  await output.line();
  await output.table([
    ...sourceUrls.map((url, index) => [index === 0 ? "chain sources" : "", url]),
    ...storeUrls.map((url, index) => [index === 0 ? "stores" : "", url]),
    ...(controlUrl === null ? [] : [["control", `${controlUrl}/control`]]),
  ]);
  const lines = [
    "",
    "In another shell:",
    "",
    `  export HAWSER_NETWORK=${network} HAWSER_CACHE=${shellWord(cache)}`,
    `  export HAWSER_SOURCES=${sourceUrls.join(",")}`,
    `  export HAWSER_WRITE_STORES=${storeUrls.join(",")}`,
    `  export HAWSER_ALLOW_HOSTS=${allowHosts.join(",")}`,
    "  export HAWSER_KEY_FILE=alice.key",
    "",
    "  hawser keygen --out alice.key",
    `  curl ${first}/devnet/faucet -d '{"address": "ADDRESS", "sats": 1000000}'`,
    "  hawser name register alice",
    `  echo '{"theme": "dark"}' | hawser put alice settings`,
    "  hawser get alice settings",
    "",
    `Mine blocks:             curl ${first}/devnet/mine -d '{"blocks": 1}'`,
    `Replace the last blocks: curl ${first}/devnet/reorg -d '{"depth": 2}'`,
    ...(controlUrl === null ? [] : controlLines(`${controlUrl}/control`)),
    "",
    "Or as flags:",
    `  ${flags.write.map(shellWord).join(" ")}`,
    "",
    "Ctrl-C ends it.",
  ];
  for (const line of lines) await output.line(line);
}

/** A word as a POSIX shell takes it. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function controlLines(url: string): readonly string[] {
  return [
    "",
    "Make a server misbehave, here the first store, and behave again:",
    "",
    `  curl ${url} -H 'content-type: application/json' -d '{"store": 0, "how": "forge"}'`,
    `  curl ${url} -H 'content-type: application/json' -d '{"store": 0, "how": "honest"}'`,
    "",
    'A store can be honest, freeze, stale, forge, slow:MS or down; a source (such as "source": 0)',
    "can be honest, freeze, hide-after:HEIGHT, lag:HEIGHT, slow:MS or down.",
  ];
}
