import { createWriter } from "../../writer.js";
import type { Invocation } from "../command.js";
import { loadWallet } from "../keys.js";
import { withReader } from "../reading.js";
import { count } from "../text.js";

/** `hawser name reserved`. */
export async function run(invocation: Invocation): Promise<number> {
  const { output } = invocation;
  return withReader(invocation, async ({ settings, reader }) => {
    const wallet = await loadWallet(invocation, settings);
    const reserved = await createWriter({ reader, storage: [], wallet }).reservedOutpoints();
    if (output.json) {
      const rows = reserved.map(({ valueSats, ...rest }) => ({
        ...rest,
        valueSats: valueSats === null ? null : String(valueSats),
      }));
      await output.document({ reserved: rows });
      return 0;
    }
    for (const { txid, vout, why, name, valueSats } of reserved) {
      await output.line([`${txid}:${vout}`, why, name, valueSats === null ? "? sat" : `${valueSats} sat`].join("  "));
    }
    const whose = wallet === undefined ? "" : " of this key";
    await output.note(`${count(reserved.length, "output")}${whose} to leave alone, as far as ${settings.cache} knows`);
    return 0;
  });
}
