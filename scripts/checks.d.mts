/** A check of a reader, what removes it, and the test that fails then. */
export interface Check {
  readonly step: string;
  readonly check: string;
  readonly source: string;
  readonly remove: string;
  readonly put: string;
  readonly test: string;
  readonly name: string;
  readonly list: string;
}
/** Every step of sections 2 to 7 of the protocol, and U1, in its order. */
export const steps: readonly string[];
/** Steps that no reader checks, with the reason. */
export const unchecked: Readonly<Record<string, string>>;
/** Every entry of test/checks, and the lists that cannot be loaded. */
export function loadChecks(): Promise<{ readonly entries: readonly Check[]; readonly problems: readonly string[] }>;
/** What is wrong with the entries, one sentence each. */
export function findProblems(entries: readonly Check[]): readonly string[];
/** The text of docs/checks.md. */
export function renderTable(entries: readonly Check[]): string;
/** Whether `--only WHAT` means an entry. */
export function isMeant(entry: Check, what: string): boolean;
