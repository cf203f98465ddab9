import type { FoundMirror, MirrorCount, MirroredItem, NotFound } from "../index.js";
import type { Invocation } from "./command.js";
import type { Cell, Tone } from "./output.js";
import { count } from "./text.js";
import { asOfLine, notFoundLine } from "./verdicts.js";

/** Tells of each item of a mirror or repair: all of them with `--json`, else what did not go as it should. */
export function tellItem({ output }: Invocation): (item: MirroredItem) => Promise<void> {
  return async (item) => {
    if (output.json) {
      await output.document(item);
      return;
    }
    for (const { label, outcome, attempt } of item.outcomes) {
      if (outcome === "stored" || outcome === "held") continue;
      const reason = attempt === null ? "" : `: ${attempt.code}: ${attempt.message}`;
      await output.warning(`hawser: ${outcome}: ${labelOf(item)} at ${label}${reason}`);
    }
  };
}

/** The outcome of a mirror or repair. @returns the exit code */
export async function tellCopied(
  { output }: Invocation,
  name: string,
  result: FoundMirror | NotFound,
): Promise<number> {
  output.endProgress();
  if (!result.found) {
    await output.note(notFoundLine(`The data of ${name}`, result));
    if (output.json) await output.document(result);
    return 1;
  }
  const { complete, resumed, providers, asOf, profileHash } = result;
  if (output.json) await output.document({ kind: "summary", name, profileHash, complete, resumed, providers, asOf });
  else await output.table(providers.map(rowOf));
  const from = resumed ? ", from where an earlier run was cut off" : "";
  await output.note(`${complete ? "Complete" : "Not complete"}${from}; ${name} ${asOfLine(asOf)}`);
  return complete ? 0 : 3;
}

function rowOf({ label, stored, held, moved, failed, unavailable, bytes }: MirrorCount): readonly Cell[] {
  const part = (amount: number, word: string, tone: Tone): Cell => {
    const text = `${amount} ${word}`;
    return amount === 0 ? { text, tone: "dim" } : { text, tone };
  };
  return [
    label,
    part(stored, "stored", "good"),
    part(held, "held", "good"),
    part(moved, "moved", "warn"),
    part(failed, "failed", "bad"),
    part(unavailable, "unavailable", "bad"),
    count(bytes, "byte"),
  ];
}

/** What an item is called, in a word or two. Hashes are shown whole with `--json` only. */
export function labelOf(
  item:
    | { readonly kind: "profile" }
    | { readonly kind: "node"; readonly prefix: string }
    | { readonly kind: "record"; readonly id: string }
    | { readonly kind: "object"; readonly key: string },
): string {
  switch (item.kind) {
    case "profile":
      return "profile";
    case "node":
      return `node ${item.prefix}`;
    case "record":
      return `m:${item.id}`;
    case "object":
      return `i:${item.key.slice(0, 8)}...`;
  }
}
