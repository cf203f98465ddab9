import { floorKey } from "./floor.js";
import { raiseFloor } from "./floor-cache.js";
import { type CurrentOptions, type SelectedCurrent, selectCurrent } from "./select-current.js";
import { type SurveyInput, surveyRecord } from "./survey.js";

/** A read of a record that is to be changed. */
export interface ReadCurrentInput extends SurveyInput, CurrentOptions {
  /** As for `putRecord`: leaves the floor alone. Default false. */
  readonly deferFloor?: boolean | undefined;
}

/**
 * Reads the record that a change starts from. Unless it is forked, it is durably kept as the floor before it is returned
 * (M7).
 *
 * @throws as `selectCurrent`; NETWORK_ABORTED, CACHE_UNAVAILABLE, CACHE_CORRUPT
 */
export async function readCurrent(input: ReadCurrentInput): Promise<SelectedCurrent> {
  const { context, cache, clock, deferFloor = false } = input;
  const selected = selectCurrent(input, await surveyRecord(input), clock.nowMs(), input);
  const { current, newest } = selected;
  if (!deferFloor && !current.forked) {
    const { ver, sig } = newest.record;
    await raiseFloor(cache, floorKey(context), { epoch: context.epoch, ver, sha256: newest.sha256, sig });
  }
  return selected;
}
