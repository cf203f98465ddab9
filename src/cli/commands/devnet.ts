import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Devnet, type MinePolicy, startDevnet } from "../../devnet/devnet.js";
import type { Invocation } from "../command.js";
import { readInteger, usageError } from "../usage.js";

/** `hawser devnet`: runs until it is interrupted. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, signal } = invocation;
  const host = args.text("host");
  if (host === "") throw usageError("--host", "an address to listen on", "nothing");
  const devnet = await startDevnet({
    sources: integer(invocation, "sources", 1, 16) ?? 2,
    stores: integer(invocation, "stores", 0, 16) ?? 3,
    mine: minePolicy(args.text("mine") ?? "on-transaction"),
    control: args.isSet("control"),
    port: integer(invocation, "port", 0, 65_000),
    host,
  });
  try {
    // A chain of its own takes a cache of its own: another devnet's blocks would look like the better chain.
    const cache = await mkdtemp(join(tmpdir(), "hawser-devnet-"));
    try {
      await announce(invocation, devnet, cache);
      await aborted(signal);
    } finally {
      await rm(cache, { recursive: true, force: true });
    }
  } finally {
    await devnet.close();
  }
  return 0;
}

function integer({ args }: Invocation, flag: string, min: number, max: number): number | undefined {
  const text = args.text(flag);
  if (text === undefined) return undefined;
  return readInteger(text, (expected, got) => usageError(`--${flag}`, expected, got), min, max);
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
      cache,
      flags,
    });
    return;
  }
  const [first = ""] = sourceUrls;
  const mine = args.text("mine") ?? "on-transaction";
  await output.line(`A regtest chain at block ${devnet.height()} (mine ${mine}). Everything is gone when it ends.`);
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
    `  export HAWSER_NETWORK=${network} HAWSER_CACHE=${cache}`,
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
    `Mine blocks: curl ${first}/devnet/mine -d '{"blocks": 1}'`,
    ...(controlUrl === null ? [] : controlLines(`${controlUrl}/control`)),
    "",
    "Or as flags:",
    `  ${flags.write.join(" ")}`,
    "",
    "Ctrl-C ends it.",
  ];
  for (const line of lines) await output.line(line);
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
    "can be honest, hide-after:HEIGHT, lag:HEIGHT, slow:MS or down.",
  ];
}
