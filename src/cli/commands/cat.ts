import { encodeBase64 } from "../../bytes/base64.js";
import type { Invocation } from "../command.js";
import { deliver } from "../deliver.js";
import { withReader } from "../reading.js";
import { usageError } from "../usage.js";
import { asOfLine, notFoundLine, sourceNotes } from "../verdicts.js";

/** `hawser cat NAME KEY`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  // "hawser list" prints keys of the index, which begin with their kind.
  const [name, key] = [args.argument("NAME"), args.argument("KEY").replace(/^i:/, "")];
  // A CID (I3) is what else may name data; what it is worth, the library says.
  if (!/^(?:[0-9a-f]{64}|b[a-z2-7]+)$/.test(key)) {
    throw usageError("KEY", "64 lower-case hex digits, as add and list print them", JSON.stringify(key.slice(0, 80)));
  }
  return withReader(invocation, async ({ reader, options }) => {
    const result = await reader.getImmutable(name, key, options);
    if (!result.found) {
      await output.note(notFoundLine(`${key} of ${name}`, result));
      if (output.json) await output.document(result);
      return 1;
    }
    const { data, content, asOf, attempts } = result;
    const out = await deliver(invocation, data);
    if (output.json) {
      await output.document({ ...result, data: undefined, ...(out === null ? { data: encodeBase64(data) } : { out }) });
      return 0;
    }
    const labels = [content.name, content.type].filter((label) => label !== null).join(", ");
    await output.note(
      `${key} of ${name}: ${data.length} bytes${labels === "" ? "" : ` (${labels})`}, ${asOfLine(asOf)}`,
    );
    const failed = attempts.map(({ label, code, message }) => ["replica", label, code, message]);
    await output.notes([...failed, ...sourceNotes(asOf)]);
    return 0;
  });
}
