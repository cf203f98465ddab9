/** Prints a table of columns that line up. */
export function table(title: string, head: readonly string[], rows: readonly (readonly (string | number)[])[]): void;
export function ms(seconds: number): string;
export function kb(bytes: number): string;
