import { utf8 } from "../../bytes/bytes.js";
import type { NetworkId } from "../../chain/network.js";
import { isHawserError } from "../../errors.js";
import type { Cache } from "../../ports.js";
import { type Finding, Findings } from "./finding.js";

const PROBE_KEY = "doctor/probe";

/** Whether the cache opens, keeps what is written, and knows floors. */
export async function checkCache(cache: Cache, place: string, network: NetworkId): Promise<readonly Finding[]> {
  const findings = new Findings("cache", place);
  try {
    const value = utf8("hawser doctor");
    await cache.update(PROBE_KEY, () => ({ value, result: undefined }));
    const kept = await cache.get(PROBE_KEY);
    await cache.update(PROBE_KEY, () => ({ value: null, result: undefined }));
    const isKept = kept !== null && new TextDecoder().decode(kept) === "hawser doctor";
    if (isKept) findings.ok("writable", "It opens, and keeps what is written.");
    else findings.bad("writable", "It does not give back what was written.", "Use another one: --cache DIR.");
    if (cache.durable) findings.ok("durable", "What it holds outlives this process.");
    else {
      const advice = "Name a directory with --cache DIR: without one old data can be replayed after a restart.";
      findings.warn("durable", "It forgets everything when the process ends.", advice);
    }
    const floors = (await cache.keys(`floor/${network}/`)).length;
    findings.ok(
      "floors",
      floors === 0 ? "It holds no floors: nothing was read with it yet." : `It holds ${floors} floors.`,
    );
  } catch (error) {
    if (!isHawserError(error)) throw error;
    const advice = "Look at the directory, its rights and the space; --cache DIR takes another.";
    findings.bad("writable", `${error.code}: ${error.message}`, advice);
  }
  return findings.list;
}
