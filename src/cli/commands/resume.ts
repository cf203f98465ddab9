import type { ResumedWrite } from "../../writer.js";
import type { Invocation } from "../command.js";
import { exitCodeOf } from "../exit.js";
import type { Cell, Tone } from "../output.js";
import { count } from "../text.js";
import { withWriter } from "../writing.js";
import { pendingCells } from "./pending.js";

const TONES: Readonly<Record<ResumedWrite["outcome"], Tone>> = {
  done: "good",
  waiting: "warn",
  interrupted: "warn",
  failed: "bad",
};

/** `hawser resume [NAME]`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.optionalArgument("NAME");
  return withWriter(invocation, async ({ writer, writeOptions }) => {
    const resumed = await writer.resume({ ...writeOptions, name });
    output.endProgress();
    if (output.json) {
      await output.document({
        resumed: resumed.map(({ error, ...write }) => ({ ...write, error: error?.toJSON() ?? null })),
      });
    } else await output.table(resumed.map(row));
    for (const { error } of resumed)
      if (error !== null) await output.warning(`hawser: ${error.code}: ${error.message}`);
    const left = resumed.filter(({ outcome }) => outcome !== "done").length;
    await output.note(`${count(resumed.length - left, "write")} finished, ${left} left`);
    return Math.max(0, ...resumed.map(({ error }) => (error === null ? 0 : exitCodeOf(error))));
  });
}

function row(write: ResumedWrite): readonly Cell[] {
  const { name, outcome } = write;
  return [name, { text: outcome, tone: TONES[outcome] }, ...pendingCells(write)];
}
