import { HawserError } from "../../errors.js";

/** The refusal of JSON that is no message of hawser. `reason` continues "What was to be decoded ...". */
export function jsonInvalid(reason: string): HawserError<"INPUT_JSON_INVALID"> {
  return new HawserError("INPUT_JSON_INVALID", `What was to be decoded ${reason}.`, { reason });
}
