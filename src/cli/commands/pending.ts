import { createWriter, type PendingWrite } from "../../writer.js";
import type { Invocation } from "../command.js";
import type { Cell } from "../output.js";
import { withReader } from "../reading.js";
import { count } from "../text.js";

/** `hawser pending [NAME]`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.optionalArgument("NAME");
  return withReader(invocation, async ({ settings, reader }) => {
    const writes = await createWriter({ reader, storage: [] }).pending(name);
    if (output.json) await output.document({ pending: writes });
    else await output.table(writes.map((write) => [write.name, ...pendingCells(write)]));
    await output.note(`${count(writes.length, "write")} not finished, as far as ${settings.cache} knows`);
    return 0;
  });
}

/** What a pending write is, in three cells. */
export function pendingCells({ kind, state, affectedIds, affectedCount, txids }: PendingWrite): readonly Cell[] {
  const [first = ""] = affectedIds;
  const about = affectedCount > 1 ? `${first} and ${affectedCount - 1} more` : first;
  const how = state === "interrupted" ? "nothing sent; make it again" : (txids.at(-1) ?? "");
  return [kind, about, how];
}
