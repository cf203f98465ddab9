import type { FoundName, FoundProfile, NotFound } from "../../client/results.js";
import type { Invocation } from "../command.js";
import type { Cell } from "../output.js";
import { withReader } from "../reading.js";
import { terminalJson } from "../text.js";
import { asOfLine, notFoundLine, sourceNotes } from "../verdicts.js";

/** `hawser name show NAME`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  return withReader(invocation, async ({ reader, options }) => {
    const result = await (args.isSet("profile") ? reader.getProfile(name, options) : reader.getName(name, options));
    if (output.json) await output.document(result);
    else await describe(invocation, name, result);
    return result.found ? 0 : 1;
  });
}

async function describe(
  { output }: Invocation,
  name: string,
  result: FoundName | FoundProfile | NotFound,
): Promise<void> {
  const { name: state, asOf } = result;
  if (result.found) {
    const { status, tenure, ownerScript, profileHash, changesAtHeight, unsealed } = state;
    await output.table([
      ["name", name],
      ["status", status],
      ["tenure", tenure ?? "none"],
      ["owner script", ownerScript ?? "none"],
      ["profile", profileHash ?? "none"],
      ...("profile" in result ? profileRows(result) : []),
      ...(changesAtHeight === null ? [] : [["changes at", `block ${changesAtHeight}, unless the owner acts`]]),
      ...(unsealed === null ? [] : [["unsealed by", `${unsealed.txid} in block ${unsealed.height}`]]),
      ...state.pending.map(({ kind, txid, height }) => [
        "pending",
        `${kind ?? "a spend that is no operation"} ${txid} ${height === null ? "in the mempool" : `in block ${height}`}`,
      ]),
    ]);
    await output.note(asOfLine(asOf));
  } else if (result.why === "no-name") await output.note(`The name ${name} is ${state.status}, ${asOfLine(asOf)}`);
  else await output.note(notFoundLine(`The profile of ${name}`, result));
  await output.notes(sourceNotes(asOf));
}

function profileRows({ profile }: FoundProfile): readonly (readonly Cell[])[] {
  return [
    ["signing key", profile.pubkey ?? "the owner's"],
    ...profile.storage.map((url, index) => [index === 0 ? "storage" : "", url]),
    ["about", terminalJson(profile.about)],
  ];
}
