import type { Invocation } from "./command.js";
import { type ConfiguredStore, openStore, type Reading } from "./reading.js";

/**
 * Runs with the store that a flag names: one of the settings, with all that they say of it, or another one.
 *
 * @throws INPUT_CONFIG_INVALID, INPUT_URL_INVALID, INPUT_FILE_UNUSABLE, and what `run` throws
 */
export async function withNamedStore<T>(
  { environment }: Invocation,
  { settings, stores }: Reading,
  place: string,
  writable: boolean,
  run: (store: ConfiguredStore) => Promise<T>,
): Promise<T> {
  const known = stores.find(({ setting }) => trimmed(setting.url) === trimmed(place));
  if (known !== undefined && (!writable || known.provider !== null)) return run(known);
  const setting = { ...(known?.setting ?? { url: place }), writable };
  const store = await openStore(setting, settings, environment, stores);
  try {
    return await run(store);
  } finally {
    await store.close();
  }
}

function trimmed(place: string): string {
  return place.replace(/\/$/, "");
}
