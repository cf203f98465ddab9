import { readAbout } from "../about.js";
import type { Invocation } from "../command.js";
import { carryOut, operationJson, withWriter } from "../writing.js";

/** `hawser name register NAME`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  const about = await readAbout(invocation);
  return withWriter(invocation, async (writing) => {
    const plan = await writing.writer.plan.registerName(name, {
      ...writing.writeOptions,
      about,
      force: args.isSet("force"),
    });
    if (plan.transactions.length === 0)
      await output.note(`Going on with the registration of ${name} that was begun before.`);
    const carried = await carryOut(invocation, writing, plan);
    if (carried === null) return 0;
    const { tenure, state } = carried.handle;
    if (output.json) await output.document({ name, tenure, ...operationJson(carried) });
    else if (state === "done") await output.line(`${name} is registered, tenure ${tenure}`);
    else
      await output.line(`${name} is being registered, tenure ${tenure}: run this without --wait to send its REGISTER`);
    return 0;
  });
}
