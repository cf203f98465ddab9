import { encodeBase64 } from "../../bytes/base64.js";
import type { NameState, WatchChange, WatchEvent, WatchResult } from "../../index.js";
import type { Invocation } from "../command.js";
import { integerFlag } from "../integer-flag.js";
import { withReader } from "../reading.js";
import { asOfLine } from "../verdicts.js";

/** `hawser watch NAME [ID]`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const [name, id] = [args.argument("NAME"), args.optionalArgument("ID")];
  const pollIntervalMs = integerFlag(invocation, "poll", 1);
  return withReader(invocation, async ({ reader, options: { signal, timeoutMs, hint, expect } }) => {
    for await (const event of reader.watch(name, { id, signal, timeoutMs, hint, expect, pollIntervalMs })) {
      if (output.json) await output.document(documentOf(event));
      else if (event.type === "failed") {
        const { error, retryInMs } = event;
        await output.warning(`${error.code}: ${error.message} Asking again in ${Math.ceil(retryInMs / 1_000)} s.`);
      } else for (const line of linesOf(event, name, id)) await output.line(line);
    }
    return 0;
  });
}

/** An event as one JSON document: a record's bytes as base64, as `get --json` shows them. */
function documentOf(event: WatchEvent): unknown {
  if (event.type === "failed") return { ...event, error: event.error.toJSON() };
  const { result } = event;
  if (!("data" in result)) return event;
  const { id, sig } = result.record;
  const record = { id, ver: result.ver, sig };
  return { ...event, result: { ...result, data: encodeBase64(result.data), record } };
}

/** A line for each change; for the first state one for the name and one for the record. */
export function linesOf(
  event: Exclude<WatchEvent, { readonly type: "failed" }>,
  name: string,
  id: string | undefined,
): readonly string[] {
  const { result } = event;
  if (event.type === "changed") return event.changes.map((change) => lineOf(change, result, name, id));
  const state = `${name} is ${describe(result.name)}, ${asOfLine(result.asOf)}`;
  return id === undefined ? [state] : [state, recordLine(result, id)];
}

function lineOf(change: WatchChange, result: WatchResult, name: string, id: string | undefined): string {
  switch (change.what) {
    case "block":
      return `block ${change.height} (tip ${change.tipHeight}) ${change.hash}`;
    case "reorganisation":
      return `reorganisation: the blocks from ${change.height} on are not those that were shown`;
    case "operation": {
      const { txid, kind, height, applied } = change;
      const place = height === null ? "in the mempool" : `in block ${height}${applied ? "" : ", not deep enough yet"}`;
      return `${kind ?? "a spend that is no operation"} ${txid} ${place}`;
    }
    case "withdrawn":
      return `${change.kind ?? "a spend that is no operation"} ${change.txid} is gone`;
    case "name":
      return `${name} is ${describe(result.name)} (${change.members.join(", ")} changed)`;
    case "record":
      return recordLine(result, id ?? "the record");
    case "recovered":
      return "reads succeed again";
  }
}

function describe({ status, unsealed, profileHash, ownerScript }: NameState): string {
  const owner = ownerScript === null ? "" : `, owner ${ownerScript}, profile ${profileHash ?? "none"}`;
  return `${status}${unsealed === null ? "" : ", unsealed"}${owner}`;
}

function recordLine(result: WatchResult, id: string): string {
  if (!("ver" in result)) return `${id} is not in the name's index`;
  return `${id} is at version ${result.ver}, epoch ${result.route.epoch}, ${result.data.length} bytes`;
}
