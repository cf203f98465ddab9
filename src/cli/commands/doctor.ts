import { randomBytes } from "node:crypto";
import { coreOf } from "../../client/reader.js";
import { isHawserError } from "../../errors.js";
import { recordPath } from "../../route/layout.js";
import { systemClock as clock } from "../../runtime/clock.js";
import type { Invocation } from "../command.js";
import { checkCache } from "../doctor/cache.js";
import { checkClock } from "../doctor/clock.js";
import { exitCodeOfLevel, type Finding, Findings, type Level, worstOf } from "../doctor/finding.js";
import type { ProbeAnswer } from "../doctor/http-probe.js";
import { checkHttpSource } from "../doctor/http-source.js";
import { checkSources } from "../doctor/sources.js";
import { checkStore, nameFinding, probeWrites, type StoreCheck } from "../doctor/stores.js";
import type { Tone } from "../output.js";
import { type Reading, withReader } from "../reading.js";
import { parseSourceUrl } from "../source-url.js";

const TONES: Readonly<Record<Level, Tone>> = { ok: "good", warn: "warn", bad: "bad" };

/** `hawser doctor [NAME]`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output, signal } = invocation;
  return withReader(invocation, async (reading) => {
    const findings: Finding[] = [];
    const answers: ProbeAnswer[] = [];
    const tell = async (found: readonly Finding[]): Promise<void> => {
      findings.push(...found);
      if (!output.json) for (const finding of found) await show(invocation, finding);
    };
    await tell(await checkCache(reading.cache, reading.settings.cache, reading.settings.network));
    const sources = await ofSources(invocation, reading);
    answers.push(...sources.answers);
    await tell(sources.findings);
    const named = await ofName(invocation, reading);
    await tell(named.findings);
    for (const { setting, reader, provider } of reading.stores) {
      const writable = provider !== null;
      // Pages read where everybody does; of the other kinds only what is published.
      const webUrl = /^https?:/i.test(setting.url) ? setting.url : (setting.publicBaseUrl ?? null);
      const found = await checkStore({ provider: reader, webUrl, writable, clock, signal, expected: named.expected });
      answers.push(...found.answers);
      await tell(found.findings);
      if (args.isSet("write-probe") && provider !== null) {
        const id = `probe-${randomBytes(8).toString("hex")}`;
        const path = recordPath({ network: reading.settings.network, name: "hawser-doctor", id, epoch: 0 });
        await tell(await probeWrites({ provider, path, clock, signal }));
      }
    }
    if (reading.stores.length === 0) await tell(noStore());
    await tell(checkClock(answers));
    const worst = worstOf(findings);
    if (output.json) await output.document({ worst, findings });
    return exitCodeOfLevel(worst);
  });
}

async function ofSources(
  { signal }: Invocation,
  { settings, reader, sources }: Reading,
): Promise<{ readonly findings: readonly Finding[]; readonly answers: readonly ProbeAnswer[] }> {
  const core = coreOf(reader);
  const { network, minSources, minConfirmations, maxTipAgeMs } = core.parts;
  const storedHeight = await core.chain().then(
    ({ tipHeight }) => tipHeight,
    // That the cache cannot be read is found by its own check.
    () => network.checkpoint.height,
  );
  const input = { sources, network, clock, signal, minSources, minConfirmations, maxTipAgeMs, storedHeight };
  const [byPort, ...web] = await Promise.all([
    checkSources(input),
    ...settings.sources.map(async (setting, i) => {
      const { kind, url } = parseSourceUrl(setting.url);
      return kind === "esplora" ? checkHttpSource(sources[i]?.label ?? url, url, clock, signal) : null;
    }),
  ]);
  return {
    findings: [...byPort, ...web.flatMap((one) => one?.findings ?? [])],
    answers: web.flatMap((one) => one?.answer ?? []),
  };
}

/** Reads the name that was given, and says which of its objects every store should have. */
async function ofName(
  { args }: Invocation,
  { reader, options }: Reading,
): Promise<{ readonly findings: readonly Finding[]; readonly expected: StoreCheck["expected"] }> {
  const name = args.optionalArgument("NAME");
  if (name === undefined) return { findings: [], expected: null };
  try {
    const { name: state, asOf } = await reader.getName(name, options);
    const findings = new Findings("name", name);
    findings.ok("read", `It is ${state.status} as of block ${asOf.height}.`);
    const hash = state.profileHash;
    return { findings: findings.list, expected: hash === null ? null : { hash, what: `the profile of ${name}` } };
  } catch (error) {
    if (!isHawserError(error) || error.outcome === "input" || error.code === "NETWORK_ABORTED") throw error;
    return { findings: nameFinding(name, error), expected: null };
  }
}

function noStore(): readonly Finding[] {
  const findings = new Findings("stores", "none named");
  findings.warn("enough", "Profiles can be had from nowhere.", "Name one with --store URL.");
  return findings.list;
}

async function show({ output }: Invocation, { area, subject, check, level, message, advice }: Finding): Promise<void> {
  await output.table([[{ text: level.padEnd(4), tone: TONES[level] }, `${area} ${subject}: ${check}: ${message}`]]);
  if (advice !== undefined) await output.table([["    ", { text: advice, tone: "dim" }]]);
}
