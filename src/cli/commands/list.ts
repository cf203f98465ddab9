import type { IndexEntry } from "../../profile/entry.js";
import type { Invocation } from "../command.js";
import { withReader } from "../reading.js";
import { count } from "../text.js";
import { asOfLine, notFoundLine } from "../verdicts.js";

/** `hawser list NAME`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  const prefix = args.text("prefix");
  return withReader(invocation, async ({ reader, options }) => {
    const result = await reader.list(name, { ...options, prefix });
    if (!result.found) {
      await output.note(notFoundLine(`The index of ${name}`, result));
      if (output.json) await output.document(result);
      return 1;
    }
    let entries = 0;
    for await (const entry of result.entries) {
      entries++;
      if (output.json) await output.document(entry);
      else await output.line(row(entry).join("  "));
    }
    const which = `${entries === 1 ? "entry" : "entries"} ${prefix === undefined ? "" : `beginning with ${prefix} `}`;
    await output.note(`${entries} ${which}in the index of ${name}, ${asOfLine(result.asOf)}`);
    return 0;
  });
}

function row(entry: IndexEntry): readonly string[] {
  if (entry.kind === "mutable") return [entry.key, `epoch ${entry.route.epoch}`, count(entry.route.urls.length, "URL")];
  const { size, type, name } = entry.content;
  return [entry.key, count(size, "byte"), ...[type, name].filter((label) => label !== null)];
}
