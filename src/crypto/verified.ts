declare const verified: unique symbol;

/** A value that passed every check that its type promises. Code which forgot a check does not compile. */
export type Verified<T> = T & { readonly [verified]: true };

/**
 * Marks a value as verified. Only the files that decide trust may import this; `npm run check` enforces the list
 * (`.dependency-cruiser.cjs`).
 */
export function mintVerified<T>(value: T): Verified<T> {
  return value as Verified<T>;
}
