/** What the CLI exits with for each outcome of an error. */
export const exitCodes: Readonly<Record<string, number>>;
/** The text of docs/errors.md. */
export function renderErrors(errorsSource: string, sources: readonly string[]): string;
/** The text of docs/limits.md. */
export function renderLimits(limitsSource: string): string;
/** Loads the modules that compute the worked values; `load` takes a path below src/ without its extension. */
export function loadLibrary(load: (path: string) => Promise<unknown>): Promise<object>;
/** The worked values of docs/protocol.md. */
export function renderWorkedValues(library: object): Promise<string>;
/** A page with the text between its two markers replaced. */
export function withWorkedValues(page: string, text: string): string;
/** The text of every file under src/ but errors.ts. */
export function readSources(): readonly string[];
