import { equalBytes } from "../../bytes/bytes.js";
import { encodeHex } from "../../bytes/hex.js";
import { sha256 } from "../../crypto/hash.js";
import { withDeadline } from "../../deadline.js";
import { HawserError, isHawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { Clock, StorageProvider, StorageReader } from "../../ports.js";
import { objectPath, recordPath } from "../../route/layout.js";
import { type Finding, Findings } from "./finding.js";
import { isOpenToPages, lists, type ProbeAnswer, probeHttp } from "./http-probe.js";

/** An object that nobody can have: the hash is no hash of anything known. */
const NOTHING_PATH = objectPath("00".repeat(32));
/** The same for a place of records alone. */
const NO_RECORD_PATH = recordPath({ network: "regtest", name: "hawser-doctor", id: "nothing", epoch: 0 });

/** What the checks of one store need. */
export interface StoreCheck {
  readonly provider: StorageReader;
  /** Where web pages would read it; null for a store without a server of its own. */
  readonly webUrl: string | null;
  readonly writable: boolean;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** SHA-256 of an object that should be there, such as a name's profile, and what it is. */
  readonly expected: { readonly hash: string; readonly what: string } | null;
}

/** Whether a store can be read, by this program and by web pages, and what it says of writing. */
export async function checkStore(
  check: StoreCheck,
): Promise<{ readonly findings: readonly Finding[]; readonly answers: readonly ProbeAnswer[] }> {
  const findings = new Findings("stores", check.provider.label);
  const holds = await checkReads(check, findings);
  const answers = check.webUrl === null ? [] : await checkPages(check, check.webUrl, holds, findings);
  return { findings: findings.list, answers };
}

/** Gives the path of an object that it holds, or null. */
async function checkReads(check: StoreCheck, findings: Findings): Promise<string | null> {
  const { expected } = check;
  const keepsObjects = check.provider.kinds?.includes("object") !== false;
  try {
    if ((await read(check, keepsObjects ? NOTHING_PATH : NO_RECORD_PATH)) === null)
      findings.ok("reachable", "It answers, and tells what is absent.");
    else {
      const advice = "It has to answer 404 for what it does not have; a page in its place counts as wrong data.";
      findings.bad("reachable", "It gives bytes for an object that cannot exist.", advice);
    }
    if (expected === null || !keepsObjects) return null;
    const path = objectPath(expected.hash);
    const bytes = await read(check, path);
    if (bytes === null) {
      findings.warn(
        "holds",
        `It does not have ${expected.what}.`,
        "Copy the name's files there, or write to it as well.",
      );
      return null;
    }
    if (encodeHex(sha256(bytes)) !== expected.hash) {
      findings.bad(
        "holds",
        `It serves other bytes for ${expected.what}.`,
        "Its copy is damaged or forged: store it again.",
      );
    } else findings.ok("holds", `It has ${expected.what}.`);
    return path;
  } catch (error) {
    if (!isHawserError(error) || check.signal?.aborted === true) throw error;
    findings.bad("reachable", `${error.code}: ${error.message}`, "Look at its URL and its server.");
    return null;
  }
}

async function read({ provider, clock, signal }: StoreCheck, path: string): Promise<Uint8Array | null> {
  const options = { clock, timeoutMs: limits.objectTimeoutMs, signal, what: provider.label };
  const stored = await withDeadline(options, (inner) =>
    provider.read(path, {
      maxBytes: limits.objectMaxBytes,
      kind: path.startsWith("objects/") ? "object" : "record",
      signal: inner,
    }),
  );
  return stored?.bytes ?? null;
}

/** CORS, ETags and conditional writes, as far as headers tell. */
async function checkPages(
  { clock, signal, writable }: StoreCheck,
  webUrl: string,
  holds: string | null,
  findings: Findings,
): Promise<readonly ProbeAnswer[]> {
  const base = webUrl.endsWith("/") ? webUrl : `${webUrl}/`;
  const answer = await probeHttp({ url: `${base}${holds ?? NOTHING_PATH}` }, clock, signal);
  if (answer === null) return [];
  if (!isOpenToPages(answer)) {
    const message = `It sends no Access-Control-Allow-Origin with status ${answer.status}: web pages cannot read it.`;
    findings.warn("CORS", message, "Let its server send Access-Control-Allow-Origin: *, with 404 too.");
  } else findings.ok("CORS", "Web pages can read it.");
  if (!lists(answer.headers, "access-control-expose-headers", "etag")) {
    const advice = "Let its server send Access-Control-Expose-Headers: ETag; writers in browsers need it.";
    findings.warn("ETag exposure", "Web pages cannot see its ETags.", advice);
  } else findings.ok("ETag exposure", "Web pages can see its ETags.");
  if (holds !== null) {
    const etag = answer.headers.get("etag");
    if (etag === null || etag.startsWith("W/")) {
      const message = etag === null ? "It sends no ETag." : "Its ETags are weak.";
      findings.warn("ETag", message, "Without strong ETags two writers can overwrite one another.");
    } else findings.ok("ETag", "It sends strong ETags.");
  }
  if (!writable) return [answer];
  const headers = {
    "access-control-request-method": "PUT",
    "access-control-request-headers": "content-type,if-match,if-none-match",
  };
  const preflight = await probeHttp({ url: `${base}${NOTHING_PATH}`, method: "OPTIONS", headers }, clock, signal);
  const isAllowed =
    preflight !== null &&
    preflight.status < 300 &&
    isOpenToPages(preflight) &&
    lists(preflight.headers, "access-control-allow-methods", "PUT") &&
    ["if-match", "if-none-match"].every((name) => lists(preflight.headers, "access-control-allow-headers", name));
  if (isAllowed) findings.ok("preflight", "Web pages may write to it conditionally.");
  else {
    const advice = "Let OPTIONS allow PUT, DELETE and the headers Content-Type, If-Match and If-None-Match.";
    findings.warn("preflight", "Web pages may not write to it conditionally.", advice);
  }
  return [answer];
}

/** What a write probe needs. */
export interface WriteProbe {
  readonly provider: StorageProvider;
  /** A record's path that nobody uses. */
  readonly path: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** Writes at a path that nobody uses, changes it under conditions, and removes it again. */
export async function probeWrites(probe: WriteProbe): Promise<readonly Finding[]> {
  const { provider, path } = probe;
  const findings = new Findings("stores", provider.label);
  const first = new TextEncoder().encode('{"hawser-doctor":1}');
  const second = new TextEncoder().encode('{"hawser-doctor":2}');
  const bounded = <T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const { clock, signal } = probe;
    return withDeadline({ clock, timeoutMs: limits.objectTimeoutMs, signal, what: provider.label }, run);
  };
  const stored = (): ReturnType<StorageProvider["read"]> =>
    bounded((signal) => provider.read(path, { maxBytes: 1_024, kind: "record", signal }));
  if (provider.kinds?.includes("record") === false) {
    findings.ok("write", "Not tried: it keeps objects alone, and removing one may touch what others keep there.");
    return findings.list;
  }
  try {
    await bounded(async (signal) => provider.open?.({ signal }));
    await bounded((signal) => provider.write(path, first, { kind: "record", signal }));
    const found = await stored();
    if (found === null || !equalBytes(found.bytes, first)) {
      findings.bad(
        "write",
        "What was written cannot be read back.",
        "Look at the public URL and at caches in between.",
      );
    } else findings.ok("write", "What is written can be read back.");
    if (provider.conditional) await probeConditions(probe, found?.tag ?? null, second, bounded, findings);
    else {
      const advice =
        'Where a server of HTTP or WebDAV honours If-Match, say so: "conditional": true in its setting. S3 was asked itself.';
      findings.warn("conditional", "Its writes are not conditional; two writers can overwrite one another.", advice);
    }
  } catch (error) {
    if (!isHawserError(error) || probe.signal?.aborted === true) throw error;
    findings.bad("write", `${error.code}: ${error.message}`, "Look at its rights and at what methods it takes.");
  }
  try {
    const isGone = await bounded((signal) => provider.remove(path, { signal }));
    if (isGone && (await stored()) === null) findings.ok("remove", "What was written is removed again.");
    else
      findings.warn("remove", `It keeps ${path}.`, "Deleted data stays there; remove it by hand where that matters.");
  } catch (error) {
    if (!isHawserError(error)) throw error;
    findings.warn("remove", `${error.code}: ${error.message}`, `Remove ${path} by hand.`);
  }
  return findings.list;
}

async function probeConditions(
  { provider, path }: WriteProbe,
  tag: string | null,
  body: Uint8Array,
  bounded: <T>(run: (signal: AbortSignal) => Promise<T>) => Promise<T>,
  findings: Findings,
): Promise<void> {
  const advice = 'Take "conditional": true out of its setting, or use a server that answers 412.';
  const write = (condition: { readonly ifAbsent: true } | { readonly ifTag: string }): Promise<string> =>
    bounded((signal) => provider.write(path, body, { kind: "record", condition, signal }));
  if (tag === null) {
    findings.bad("conditional", "It gives no tag for what it holds.", advice);
    return;
  }
  const refused = await write({ ifAbsent: true });
  const taken = await write({ ifTag: tag });
  const stale = await write({ ifTag: tag });
  if (refused === "moved" && taken === "stored" && stale === "moved") {
    findings.ok("conditional", "It honours conditions.");
  } else findings.bad("conditional", "It does not honour conditions: one writer can overwrite another.", advice);
}

/** The finding for a name that cannot be read. */
export function nameFinding(name: string, error: unknown): readonly Finding[] {
  if (!isHawserError(error)) throw error;
  const findings = new Findings("name", name);
  findings.bad("read", `${error.code}: ${error.message}`, adviceFor(error));
  return findings.list;
}

function adviceFor({ outcome }: HawserError): string {
  return outcome === "unknown"
    ? "See what is wrong with the sources and stores."
    : "docs/errors.md tells what it means.";
}
