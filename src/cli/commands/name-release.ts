import { readPlace } from "../address.js";
import type { Invocation } from "../command.js";
import { assertConfirmable, confirm } from "../confirm.js";
import { type FailValue, usageError } from "../usage.js";
import { carryOut, operationJson, withWriter } from "../writing.js";

/** `hawser name release NAME`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  assertConfirmable(invocation);
  return withWriter(invocation, async (writing) => {
    const { writer, reader, options, settings, writeOptions } = writing;
    const fail: FailValue = (expected, got) => usageError("--pay-to", expected, got);
    const to = args.text("pay-to");
    const payTo = to === undefined ? undefined : readPlace(to, settings.network, fail).script;
    const plan = await writer.plan.releaseName(name, { ...writeOptions, payTo });
    const titles = plan.transactions.map(({ description }) => description);
    const rows = [
      [`From its block on nobody owns ${name}, and nothing that was published under it can be read any more.`],
      ["Anybody can register it again a while later, and what you do not delete stays in your stores."],
    ];
    // What was signed before goes on as it is.
    if (plan.transactions.length > 0 && !args.isSet("plan")) {
      await confirm(invocation, { name, verb: "release", titles, rows });
    }
    if (plan.transactions.length === 0)
      await output.note(`Going on with the release of ${name} that was begun before.`);
    const carried = await carryOut(invocation, writing, plan, { rows, json: { irreversible: true } });
    if (carried === null) return 0;
    const isDone = carried.handle.state === "done";
    const freeAtHeight = isDone ? (await reader.getName(name, options)).name.changesAtHeight : null;
    if (output.json) await output.document({ name, freeAtHeight, ...operationJson(carried) });
    else if (!isDone) await output.line(`${name} is being released`);
    else if (freeAtHeight === null) await output.line(`${name} is released`);
    else await output.line(`${name} is released; it can be registered again from block ${freeAtHeight} on`);
    return 0;
  });
}
