import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Independent data that lies beside a checkout; see README, "Tests". */
export const sharedVectors = fileURLToPath(new URL("../../../shared/vectors/", import.meta.url));

/** Whether the data is there. In CI it must be: its absence fails instead of skipping. */
export function hasSharedVectors(): boolean {
  if (existsSync(sharedVectors)) return true;
  if (process.env["CI"] !== undefined)
    throw new Error("The independent vectors are missing, and CI must not skip them.");
  return false;
}
