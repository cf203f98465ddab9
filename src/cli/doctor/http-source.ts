import type { Clock } from "../../ports.js";
import { type Finding, Findings } from "./finding.js";
import { isOpenToPages, type ProbeAnswer, probeHttp } from "./http-probe.js";

/** What a web server of a source says beside the protocol: whether pages may use it, and what time it has. */
export async function checkHttpSource(
  label: string,
  baseUrl: string,
  clock: Clock,
  signal?: AbortSignal,
): Promise<{ readonly findings: readonly Finding[]; readonly answer: ProbeAnswer | null }> {
  const findings = new Findings("sources", label);
  const answer = await probeHttp({ url: `${baseUrl.replace(/\/$/, "")}/blocks/tip/height` }, clock, signal);
  // That it is out of reach is found by the port's own check.
  if (answer === null) return { findings: [], answer };
  if (isOpenToPages(answer)) findings.ok("CORS", "Web pages can use it.");
  else {
    const advice = "For use in browsers its server has to send Access-Control-Allow-Origin: *.";
    findings.warn("CORS", "Web pages cannot use it.", advice);
  }
  return { findings: findings.list, answer };
}
