import { isJsonObject, type JsonObject, parseJson } from "../../bytes/json.js";
import { HawserError } from "../../errors.js";
import { limits } from "../../limits.js";
import type { Invocation } from "../command.js";
import { readFileAtMost } from "../files.js";
import { carryOut, operationJson, withWriter } from "../writing.js";

/** `hawser name register NAME`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  const aboutPath = args.text("about");
  const about = aboutPath === undefined ? undefined : await readAbout(aboutPath);
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
    else await output.line(`${name} is being registered, tenure ${tenure}: run this again to send its REGISTER`);
    return 0;
  });
}

async function readAbout(path: string): Promise<JsonObject> {
  const fail = (reason: string): HawserError => {
    return new HawserError("INPUT_FILE_UNUSABLE", `${path} cannot be used as about: ${reason}.`, { path, reason });
  };
  const about = parseJson(await readFileAtMost(path, limits.aboutMaxBytes), { fail });
  if (!isJsonObject(about)) throw fail("not a JSON object");
  return about;
}
