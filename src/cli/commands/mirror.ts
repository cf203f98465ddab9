import type { StorageProvider, StorageReader } from "../../ports.js";
import type { Invocation } from "../command.js";
import { tellCopied, tellItem } from "../copying.js";
import { integerFlag } from "../integer-flag.js";
import { withNamedStore } from "../named-store.js";
import { missingSetting, type Reading, withReader } from "../reading.js";
import { usageError } from "../usage.js";

/** `hawser mirror NAME --to STORE`, or `--from STORE`, or both. */
export async function run(invocation: Invocation): Promise<number> {
  const { args } = invocation;
  const [to, from] = [args.text("to"), args.text("from")];
  if (to === undefined && from === undefined) {
    throw usageError("--to", "a store to copy to, or with --from one to copy from", "neither");
  }
  return withReader(invocation, (reading) =>
    withTargets(invocation, reading, to, (targets) =>
      withSource(invocation, reading, from, (sources) => mirror(invocation, reading, targets, sources)),
    ),
  );
}

async function mirror(
  invocation: Invocation,
  { reader, options }: Reading,
  to: readonly StorageProvider[],
  from: readonly StorageReader[] | undefined,
): Promise<number> {
  const { args } = invocation;
  const name = args.argument("NAME");
  const maxParallel = integerFlag(invocation, "parallel", 1, 256);
  const resume = !args.isSet("anew");
  const onItem = tellItem(invocation);
  const result = await reader.mirror(name, { ...options, to, from, maxParallel, resume, onItem });
  return tellCopied(invocation, name, result);
}

async function withTargets<T>(
  invocation: Invocation,
  reading: Reading,
  to: string | undefined,
  run: (targets: readonly StorageProvider[]) => Promise<T>,
): Promise<T> {
  if (to === undefined) return run(writableStores(reading));
  return withNamedStore(invocation, reading, to, true, ({ provider }) => run(provider === null ? [] : [provider]));
}

async function withSource<T>(
  invocation: Invocation,
  reading: Reading,
  from: string | undefined,
  run: (sources: readonly StorageReader[] | undefined) => Promise<T>,
): Promise<T> {
  if (from === undefined) return run(undefined);
  return withNamedStore(invocation, reading, from, false, ({ reader }) => run([reader]));
}

/** The stores of the settings that are written to. @throws INPUT_CONFIG_INVALID where there is none */
export function writableStores({ stores }: Reading): readonly StorageProvider[] {
  const writable = stores.flatMap(({ provider }) => (provider === null ? [] : [provider]));
  if (writable.length > 0) return writable;
  throw missingSetting("stores", "no store to write to is named", "--write-store URL, HAWSER_WRITE_STORES");
}
