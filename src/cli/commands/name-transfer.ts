import { encodeHex } from "../../bytes/hex.js";
import type { FoundProfile } from "../../client/results.js";
import { isHawserError } from "../../errors.js";
import { readAbout } from "../about.js";
import { type Place, readPlace } from "../address.js";
import type { Invocation } from "../command.js";
import { assertConfirmable, confirm } from "../confirm.js";
import type { Cell } from "../output.js";
import { usageError } from "../usage.js";
import { carryOut, operationJson, type PlanNotes, type Writing, withWriter } from "../writing.js";

/** `hawser name transfer NAME TO`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const [name, to] = [args.argument("NAME"), args.argument("TO")];
  assertConfirmable(invocation);
  const about = await readAbout(invocation);
  const keep = [...new Set(args.list("keep") ?? [])];
  const noKey = keep.find((key) => !/^[mi]:/.test(key));
  if (noKey !== undefined) {
    throw usageError(
      "--keep",
      "a key as hawser list prints it, such as m:settings",
      JSON.stringify(noKey.slice(0, 80)),
    );
  }
  return withWriter(invocation, async (writing) => {
    const { writer, settings, writeOptions } = writing;
    const owner = readPlace(to, settings.network, (expected, got) => usageError("TO", expected, got));
    const pubkey = args.text("pubkey");
    const plan = await writer.plan
      .transferName(name, owner.script, { ...writeOptions, keep, pubkey, about })
      .catch((error: unknown) => {
        if (!isHawserError(error, "INPUT_INVALID") || error.details.argument !== "to") throw error;
        throw usageError("TO", error.details.expected, owner.address);
      });
    const isBegun = plan.transactions.length === 0;
    if (isBegun) await output.note(`Going on with the transfer of ${name} to ${owner.address} that was begun before.`);
    // What was signed before goes on as it is.
    const notes = isBegun ? undefined : await handover(writing, { name, owner, keep, pubkey });
    if (notes !== undefined && !args.isSet("plan")) {
      const titles = plan.transactions.map(({ description }) => description);
      await confirm(invocation, { name, verb: "transfer", titles, rows: notes.rows });
    }
    const carried = await carryOut(invocation, writing, plan, notes);
    if (carried === null) return 0;
    const { address, script } = owner;
    if (output.json) {
      await output.document({ name, to: { address, script: encodeHex(script) }, ...operationJson(carried) });
    } else if (carried.handle.state === "done") await output.line(`${name} belongs to ${address} now`);
    else await output.line(`${name} is being transferred to ${address}`);
    return 0;
  });
}

/** What the new owner gets and what ends, in the words of a person and as JSON. */
async function handover(
  { reader, options }: Writing,
  {
    name,
    owner,
    keep,
    pubkey,
  }: {
    readonly name: string;
    readonly owner: Place;
    readonly keep: readonly string[];
    readonly pubkey: string | undefined;
  },
): Promise<PlanNotes> {
  const ends = await endingKeys(() => reader.getProfile(name, options), keep);
  const keepsRecords = keep.some((key) => key.startsWith("m:"));
  const script = encodeHex(owner.script);
  const rows: (readonly Cell[])[] = [
    ["new owner", owner.address],
    ["", `script ${script}`],
    ...list("goes over", keep.length === 0 ? ["nothing but the name itself"] : keep),
    ...list("ends", ends ?? ["all that is not kept"]),
  ];
  if (keepsRecords) {
    rows.push(["", "The data of a kept record does not go over: the new owner has to put it again."]);
    rows.push(["signing key", pubkey ?? "the new owner's own"]);
    if (pubkey === undefined) {
      rows.push(["", 'For an owner with a key file, give --pubkey what keygen printed as "signs records as".']);
    }
  }
  rows.push(["", "Only the new owner can act on the name afterwards, or give it back."]);
  const json = { to: { address: owner.address, script }, keeps: keep, ends, irreversible: true };
  return { rows, json };
}

function list(title: string, items: readonly string[]): readonly (readonly Cell[])[] {
  return items.map((item, index) => [index === 0 ? title : "", item]);
}

/** The keys of the present index that are not kept; null where they are too many to tell, or nobody serves them. */
async function endingKeys(
  getProfile: () => Promise<FoundProfile | { readonly found: false }>,
  keep: readonly string[],
): Promise<readonly string[] | null> {
  try {
    const result = await getProfile();
    if (!result.found) return ["nothing"];
    const { index } = result.profile;
    if (!("entries" in index)) return null;
    const keys = index.entries.map(({ key }) => key).filter((key) => !keep.includes(key));
    return keys;
  } catch {
    // A transfer needs no profile from anybody.
    return null;
  }
}
