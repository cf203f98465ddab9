import { encodeBase64 } from "../../bytes/base64.js";
import type { Invocation } from "../command.js";
import { deliver } from "../deliver.js";
import { withReader } from "../reading.js";
import { readInteger, usageError } from "../usage.js";
import { asOfLine, notFoundLine, replicaNotes, sourceNotes } from "../verdicts.js";

/** `hawser get NAME ID`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const [name, id] = [args.argument("NAME"), args.argument("ID")];
  const [minVersion, maxVersion] = [integer(invocation, "min-version"), integer(invocation, "max-version")];
  const replicas = integer(invocation, "replicas");
  return withReader(invocation, async ({ reader, options }) => {
    const result = await reader.getMutable(name, id, { ...options, minVersion, maxVersion, replicas });
    if (!result.found) {
      await output.note(notFoundLine(`${id} of ${name}`, result));
      if (output.json) await output.document(result);
      return 1;
    }
    const { data, record, ver, route, asOf } = result;
    const out = await deliver(invocation, data);
    if (output.json) {
      const { id: recordId, sig } = record;
      const content = out === null ? { data: encodeBase64(data) } : { out };
      await output.document({ ...result, data: undefined, ...content, record: { id: recordId, ver, sig } });
      return 0;
    }
    await output.note(
      `${id} of ${name}: version ${ver}, epoch ${route.epoch}, ${data.length} bytes, ${asOfLine(asOf)}`,
    );
    await output.notes([...replicaNotes(result.replicas), ...sourceNotes(asOf)]);
    return 0;
  });
}

function integer({ args }: Invocation, flag: string): number | undefined {
  const text = args.text(flag);
  if (text === undefined) return undefined;
  return readInteger(text, (expected, got) => usageError(`--${flag}`, expected, got), 1);
}
