import type { ProgressEvent } from "../../ports.js";
import type { Invocation } from "../command.js";
import { MAX_TIMEOUT_MS } from "../config-file.js";
import { integerFlag } from "../integer-flag.js";
import { withReader } from "../reading.js";
import { count } from "../text.js";

/** `hawser headers sync`. */
export async function run(invocation: Invocation): Promise<number> {
  const { output, signal } = invocation;
  // Not that of the configuration, which is meant for reads.
  const timeoutMs = integerFlag(invocation, "timeout", 1, MAX_TIMEOUT_MS);
  // Also where stderr is no terminal: this may take minutes.
  const onEvent = (event: ProgressEvent): void => {
    output.progress({ ...event, stage: "sync" });
  };
  return withReader(invocation, async ({ reader }) => {
    const result = await reader.syncHeaders({ signal, timeoutMs, onEvent });
    if (output.json) {
      await output.document(result);
      return 0;
    }
    const { height, hash, tipAgeMs, added, from, sources, headerSources } = result;
    await output.line(`block ${height} ${hash}`);
    await output.note(
      `${count(added, "header")} on top of block ${from}; the newest block is ${Math.round(tipAgeMs / 60_000)} min old`,
    );
    await output.notes([
      ...headerSources.map(({ label, headers, failure }) => {
        return [label, count(headers, "header"), failure === null ? "" : `${failure.code}: ${failure.message}`];
      }),
      ...sources.map(({ label, verdict, headers }) => {
        return [label, headers === 0 ? "" : count(headers, "header"), verdict];
      }),
    ]);
    return 0;
  });
}
