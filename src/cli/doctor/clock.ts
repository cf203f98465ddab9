import { type Finding, Findings } from "./finding.js";
import { clockAheadMs, type ProbeAnswer } from "./http-probe.js";

/** ms - that servers' clocks and this one may usually be apart. */
const USUAL_SKEW_MS = 30_000;
/** ms - M10: records from further ahead are dropped, and this device's own are dropped by others. */
const MOST_SKEW_MS = 10 * 60_000;

/** Compares this machine's clock with what the servers' `Date` says; the median of them counts. */
export function checkClock(answers: readonly ProbeAnswer[]): readonly Finding[] {
  const findings = new Findings("clock", "this machine");
  const aheads = answers.flatMap((answer) => clockAheadMs(answer) ?? []).sort((a, b) => a - b);
  const median = aheads[Math.floor(aheads.length / 2)];
  if (median === undefined) {
    findings.ok("skew", "No server tells the time; nothing is known against this clock.");
    return findings.list;
  }
  const seconds = Math.round(Math.abs(median) / 1_000);
  const message = `This clock is ${seconds} s ${median > 0 ? "behind" : "ahead of"} that of ${aheads.length} servers.`;
  const advice = "Set it by a time server.";
  if (Math.abs(median) > MOST_SKEW_MS) findings.bad("skew", message, `${advice} Records and headers are judged by it.`);
  else if (Math.abs(median) > USUAL_SKEW_MS) findings.warn("skew", message, advice);
  else findings.ok("skew", message);
  return findings.list;
}
