import type { FoundName, FoundProfile, NameState, NotFound } from "../../client/results.js";
import { addressOfScript } from "../address.js";
import type { Invocation } from "../command.js";
import type { Cell } from "../output.js";
import { type Reading, withReader } from "../reading.js";
import { terminalJson } from "../text.js";
import { asOfLine, notFoundLine, sourceNotes } from "../verdicts.js";

/** `hawser name show NAME`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  return withReader(invocation, async (reading) => {
    const { reader, options } = reading;
    const result = await (args.isSet("profile") ? reader.getProfile(name, options) : reader.getName(name, options));
    if (output.json) await output.document(result);
    else await describe(invocation, reading, name, result);
    return result.found ? 0 : 1;
  });
}

async function describe(
  { output }: Invocation,
  { settings }: Reading,
  name: string,
  result: FoundName | FoundProfile | NotFound,
): Promise<void> {
  const { name: state, asOf } = result;
  if (result.found) {
    const { status, tenure, ownerScript, profileHash, changesAtHeight, unsealed } = state;
    await output.table([
      ["name", name],
      ["status", unsealed === null ? status : `${status}, unsealed`],
      ["tenure", tenure ?? "none"],
      ...(ownerScript === null ? [] : [["owner", addressOfScript(ownerScript, settings.network)]]),
      ["owner script", ownerScript ?? "none"],
      ["profile", profileHash ?? "none"],
      ...("profile" in result ? profileRows(result) : []),
      ...(changesAtHeight === null ? [] : [["changes at", changeOf(state, changesAtHeight)]]),
      ...(unsealed === null ? [] : [["unsealed by", `${unsealed.txid} in block ${unsealed.height}`]]),
      ...state.pending.map(({ kind, txid, height }) => [
        "pending",
        `${kind ?? "a spend that is no operation"} ${txid} ${height === null ? "in the mempool" : `in block ${height}`}`,
      ]),
    ]);
    const next = nextStep(name, state);
    if (next !== null) await output.note(next);
    await output.note(asOfLine(asOf));
  } else if (result.why === "no-name") {
    const until = state.changesAtHeight === null ? "" : ` and can be registered from block ${state.changesAtHeight} on`;
    await output.note(`The name ${name} is ${state.status}${until}, ${asOfLine(asOf)}`);
    for (const { kind, txid, height } of state.pending) {
      const where = height === null ? "in the mempool" : `in block ${height}`;
      await output.note(`Pending: ${kind ?? "a spend that is no operation"} ${txid} ${where}`);
    }
    if (state.status === "free" && state.pending.length === 0) {
      await output.note(`"hawser name register ${name}" registers it.`);
    }
  } else await output.note(notFoundLine(`The profile of ${name}`, result));
  await output.notes(sourceNotes(asOf));
}

/** What the clock does next (C9). */
function changeOf({ status, unsealed }: NameState, height: number): string {
  const act = unsealed === null ? "it is renewed" : "it is recovered";
  if (status === "grace") return `block ${height}: free to anybody unless ${act} before`;
  return `block ${height}: grace unless ${act} before`;
}

/** What the owner should do, or null where there is nothing to do. */
function nextStep(name: string, { status, unsealed, pending }: NameState): string | null {
  if (pending.some(({ kind, height }) => kind === null && height === null)) {
    return `Once that is mined, its owner can seal it again: "hawser name recover ${name}".`;
  }
  if (pending.length > 0) return null;
  if (unsealed !== null) return `Its owner can seal it again: "hawser name recover ${name}".`;
  return status === "grace" ? `Its owner should renew it now: "hawser name renew ${name}".` : null;
}

function profileRows({ profile }: FoundProfile): readonly (readonly Cell[])[] {
  return [
    ["signing key", profile.pubkey ?? "the owner's"],
    ...profile.storage.map((url, index) => [index === 0 ? "storage" : "", url]),
    ["about", terminalJson(profile.about)],
  ];
}
