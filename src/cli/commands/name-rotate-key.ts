import { encodeHex } from "../../bytes/hex.js";
import type { Invocation } from "../command.js";
import { loadSigner } from "../keys.js";
import type { Cell } from "../output.js";
import { count } from "../text.js";
import { usageError } from "../usage.js";
import { carryOut, operationJson, withWriter } from "../writing.js";

/** `hawser name rotate-key NAME --new-key FILE`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  const path = args.requiredText("new-key");
  const dropped = args.list("drop-record");
  if (dropped !== undefined && args.isSet("drop-records")) {
    throw usageError(
      "--drop-record",
      "none beside --drop-records, which drops all of them",
      JSON.stringify(dropped[0]),
    );
  }
  const dropRecords = dropped?.map((id) => id.replace(/^m:/, "")) ?? args.isSet("drop-records");
  return withWriter(invocation, async (writing) => {
    const { writer, settings, writeOptions } = writing;
    const signer = await loadSigner(invocation, path, settings.network);
    const plan = await writer.plan.rotateKey(name, signer, { ...writeOptions, dropRecords });
    const signerPublicKey = encodeHex(signer.publicKey);
    const ids = plan.affectedIds.map((key) => key.replace(/^m:/, ""));
    const isDropped = (id: string): boolean =>
      typeof dropRecords === "boolean" ? dropRecords : dropRecords.includes(id);
    if (typeof dropRecords !== "boolean") assertKnown(dropRecords, ids);
    const signedAnew = ids.filter((id) => !isDropped(id));
    const droppedIds = ids.filter(isDropped);
    if (plan.transactions.length === 0)
      await output.note(`Going on with the rotation for ${name} that was begun before.`);
    const carried = await carryOut(invocation, writing, plan, {
      rows: [["new key", signerPublicKey], ...list("signed anew", signedAnew), ...list("dropped", droppedIds)],
      json: { signerPublicKey, signedAnew, dropped: droppedIds },
    });
    if (carried === null) return 0;
    if (output.json) {
      const result = { name, signerPublicKey, signedAnew, dropped: droppedIds };
      await output.document({ ...result, ...operationJson(carried) });
      return 0;
    }
    const when = carried.handle.state === "done" ? "now" : "once this is mined";
    await output.line(`The records of ${name} are signed by ${signerPublicKey} ${when}`);
    const next =
      path === settings.keyFile
        ? ""
        : ` Name the new key from now on: --signer-key ${path}, HAWSER_SIGNER_KEY_FILE, or signerKeyFile in the configuration file.`;
    await output.note(`${count(signedAnew.length, "record")} signed anew.${next}`);
    return 0;
  });
}

/** @throws INPUT_INVALID */
function assertKnown(dropped: readonly string[], ids: readonly string[]): void {
  const unknown = dropped.find((id) => !ids.includes(id));
  if (unknown === undefined) return;
  const known = ids.length === 0 ? "there are none" : ids.slice(0, 10).join(", ");
  throw usageError("--drop-record", `ids of records under the present key (${known})`, JSON.stringify(unknown));
}

function list(title: string, items: readonly string[]): readonly (readonly Cell[])[] {
  return items.map((item, index) => [index === 0 ? title : "", item]);
}
