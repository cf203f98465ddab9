import type { AuditedItem, AuditedReplica, AuditVerdict } from "../../index.js";
import type { Invocation } from "../command.js";
import { labelOf } from "../copying.js";
import { integerFlag } from "../integer-flag.js";
import type { Cell, Tone } from "../output.js";
import { withReader } from "../reading.js";
import { asOfLine, notFoundLine } from "../verdicts.js";

const TONES: Readonly<Record<AuditVerdict, Tone>> = {
  present: "good",
  behind: "warn",
  missing: "warn",
  wrong: "bad",
  forked: "bad",
  unknown: "warn",
};
const VERDICTS = Object.keys(TONES) as readonly AuditVerdict[];
/** What is not a store of the settings: the name's own URLs, of which there may be any number. */
const OTHERS = "other URLs";
const NAME_WIDTH = 24;

/** `hawser status NAME`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const name = args.argument("NAME");
  const prefix = args.text("prefix");
  const maxParallel = integerFlag(invocation, "parallel", 1, 256);
  const onlyFaults = args.isSet("faults");
  return withReader(invocation, async ({ reader, stores, options }) => {
    const result = await reader.audit(name, { ...options, prefix, maxParallel });
    if (!result.found) {
      await output.note(notFoundLine(`The data of ${name}`, result));
      if (output.json) await output.document(result);
      return 1;
    }
    const labels = stores.map((store) => store.reader.label);
    const summary = new Summary(labels);
    if (!output.json) await output.table([header(labels)]);
    for await (const item of result.items) {
      const isFault = summary.add(item);
      if (onlyFaults && !isFault) continue;
      if (output.json) await output.document(item);
      else for (const row of rowsOf(item, labels)) await output.table([row]);
    }
    output.endProgress();
    const { asOf } = result;
    if (output.json) await output.document({ kind: "summary", name, ...summary.json(), asOf });
    else {
      await output.line();
      await output.table(summary.rows());
    }
    await output.note(`${name} ${asOfLine(asOf)}`);
    return summary.exitCode;
  });
}

/** Counts verdicts by store, and how bad it is. */
class Summary {
  #items = 0;
  #skipped = 0;
  #wrong = false;
  #unknown = false;
  #lacking = false;
  readonly #labels: readonly string[];
  readonly #counts = new Map<string, Record<AuditVerdict, number>>();

  constructor(labels: readonly string[]) {
    this.#labels = labels;
    for (const label of labels) this.#countOf(label);
  }

  /** Whether anything is other than it should be. */
  add({ replicas, skipped }: AuditedItem): boolean {
    this.#items++;
    if (skipped !== null) this.#skipped++;
    for (const { label, verdict } of replicas) {
      this.#countOf(this.#labels.includes(label) ? label : OTHERS)[verdict]++;
      if (verdict === "wrong" || verdict === "forked") this.#wrong = true;
      if (verdict === "unknown") this.#unknown = true;
      if (verdict === "missing" || verdict === "behind") this.#lacking = true;
    }
    const isHeld = replicas.some(({ verdict }) => verdict === "present");
    if (!isHeld || skipped !== null) this.#unknown = true;
    return skipped !== null || !isHeld || replicas.some(({ verdict }) => verdict !== "present");
  }

  /** 4 wrong data, 3 something could not be found out or is nowhere, 1 something is missing somewhere, 0 all is there. */
  get exitCode(): number {
    if (this.#wrong) return 4;
    if (this.#unknown) return 3;
    return this.#lacking ? 1 : 0;
  }

  rows(): readonly (readonly Cell[])[] {
    return [...this.#counts].map(([label, counts]) => [
      label,
      ...VERDICTS.map((verdict): Cell => {
        const text = `${counts[verdict]} ${verdict}`;
        return { text, tone: counts[verdict] === 0 ? "dim" : TONES[verdict] };
      }),
    ]);
  }

  json(): object {
    const replicas = [...this.#counts].map(([label, counts]) => ({ label, ...counts }));
    return { items: this.#items, skipped: this.#skipped, replicas };
  }

  #countOf(label: string): Record<AuditVerdict, number> {
    const known = this.#counts.get(label);
    if (known !== undefined) return known;
    const counts = { present: 0, behind: 0, missing: 0, wrong: 0, forked: 0, unknown: 0 };
    this.#counts.set(label, counts);
    return counts;
  }
}

/** Columns have fixed widths: a line is printed when its item is known, and a name may have a million of them. */
function widthOf(label: string): number {
  return Math.max(8, label.length);
}

function header(labels: readonly string[]): readonly Cell[] {
  return ["".padEnd(NAME_WIDTH), ...labels.map((label) => label.padEnd(widthOf(label)))];
}

/** A line for the stores, and one for each URL of the name's own that is not as it should be, or could not be asked. */
function rowsOf(item: AuditedItem, labels: readonly string[]): readonly (readonly Cell[])[] {
  const left = [...item.replicas];
  const cells = labels.map((label): Cell => {
    const at = left.findIndex((replica) => replica.label === label);
    const [replica] = at < 0 ? [] : left.splice(at, 1);
    const text = verdictOf(replica).padEnd(widthOf(label));
    return replica === undefined ? text : { text, tone: TONES[replica.verdict] };
  });
  const rows: (readonly Cell[])[] = [[labelOf(item).padEnd(NAME_WIDTH), ...cells]];
  for (const replica of left) {
    rows.push([
      "".padEnd(NAME_WIDTH),
      { text: verdictOf(replica).padEnd(8), tone: TONES[replica.verdict] },
      replica.label,
    ]);
  }
  if (item.skipped !== null) rows.push(["".padEnd(NAME_WIDTH), `${item.skipped.code}: ${item.skipped.message}`]);
  return rows;
}

function verdictOf(replica: AuditedReplica | undefined): string {
  if (replica === undefined) return "-";
  const { verdict, ver } = replica;
  return ver === null || verdict === "present" ? verdict : `${verdict} ${ver}`;
}
