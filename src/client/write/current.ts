import { readCurrent } from "../../mutable/current.js";
import { assertRouteKey } from "../../mutable/put.js";
import type { CurrentOptions, SelectedCurrent } from "../../mutable/select-current.js";
import type { Route } from "../../profile/entry.js";
import type { WriteOptions } from "./plan.js";
import type { NameBase } from "./position.js";
import { surveyInput } from "./put.js";
import { isRouteDeep } from "./touching.js";
import type { WriterCore } from "./writer-core.js";

/**
 * The record of a route as the start of a change, for a signer that may put the next one.
 *
 * @throws ROUTE_KEY_MISMATCH before anything is asked, and as `readCurrent`
 */
export async function currentRecord(
  core: WriterCore,
  base: NameBase,
  route: Route,
  { dangerAllowExpired, ...options }: WriteOptions & CurrentOptions,
): Promise<SelectedCurrent> {
  const input = surveyInput(core, base, route, options);
  assertRouteKey(route, input.publicKey, core.signer());
  return readCurrent({ ...input, dangerAllowExpired, deferFloor: !(await isRouteDeep(core, base, route)) });
}
