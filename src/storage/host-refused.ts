import { HawserError } from "../errors.js";

/** The error for a place that readers may not go to (U1). */
export function hostRefused(url: string, reason: string): HawserError<"NETWORK_HOST_REFUSED"> {
  return new HawserError("NETWORK_HOST_REFUSED", `${url} is off limits for a reader: ${reason}.`, { url, reason });
}
