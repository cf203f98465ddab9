import type { FoundName, NotFound } from "../../client/results.js";
import type { Invocation } from "../command.js";
import { withReader } from "../reading.js";
import { asOfLine, notFoundLine, sourceRows } from "../verdicts.js";

/** `hawser name show NAME`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  return withReader(invocation, async ({ reader, options }) => {
    const result = await reader.getName(name, options);
    if (output.json) await output.document(result);
    else await describe(invocation, name, result);
    return result.found ? 0 : 1;
  });
}

async function describe({ output }: Invocation, name: string, result: FoundName | NotFound): Promise<void> {
  const { name: state, asOf } = result;
  if (result.found) {
    const { status, tenure, ownerScript, profileHash, changesAtHeight, unsealed } = state;
    await output.table([
      ["name", name],
      ["status", status],
      ["tenure", tenure ?? "none"],
      ["owner script", ownerScript ?? "none"],
      ["profile", profileHash ?? "none"],
      ...(changesAtHeight === null ? [] : [["changes at", `block ${changesAtHeight}, unless the owner acts`]]),
      ...(unsealed === null ? [] : [["unsealed by", `${unsealed.txid} in block ${unsealed.height}`]]),
    ]);
  } else await output.note(notFoundLine("The name", name, result));
  for (const { kind, txid, height } of state.pending) {
    await output.table([
      ["pending", kind ?? "a spend that is no operation", txid, height === null ? "in the mempool" : `block ${height}`],
    ]);
  }
  if (result.found) await output.note(asOfLine(asOf));
  await output.notes(sourceRows(asOf));
}
