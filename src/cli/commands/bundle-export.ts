import { verifyBundleWithReader } from "../../client/bundle.js";
import type { Invocation } from "../command.js";
import { writeFileAtomically } from "../files.js";
import { withReader } from "../reading.js";
import { readInteger, usageError } from "../usage.js";
import { asOfLine, notFoundLine, sourceNotes } from "../verdicts.js";

/** `hawser export NAME --out FILE`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const [name, out] = [args.argument("NAME"), args.requiredText("out")];
  const [id, key] = [args.text("id"), args.text("object")?.replace(/^i:/, "")];
  const height = args.text("from");
  const from =
    height === undefined ? undefined : readInteger(height, (expected, got) => usageError("--from", expected, got), 1);
  return withReader(invocation, async ({ reader, options }) => {
    const result = await reader.exportBundle(name, { ...options, id, key, from });
    if (!result.found) {
      await output.note(notFoundLine([id ?? key, name].filter((part) => part !== undefined).join(" of "), result));
      if (output.json) await output.document(result);
      return 1;
    }
    const { bundle, asOf } = result;
    // Nobody is handed a file that does not prove what was read.
    await verifyBundleWithReader(reader, bundle, { name, maxBytes: bundle.length });
    await writeFileAtomically(out, bundle);
    if (output.json) {
      await output.document({ ...result, bundle: undefined, out, bytes: bundle.length });
      return 0;
    }
    await output.line(`${out} holds a bundle of ${name}, ${bundle.length} bytes`);
    await output.note(asOfLine(asOf));
    await output.notes(sourceNotes(asOf));
    return 0;
  });
}
