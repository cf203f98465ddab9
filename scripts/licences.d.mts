/** A package that an installation brings with it. */
export interface LicensedPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, where the lock file has one. */
  readonly licence?: string | undefined;
  readonly optional: boolean;
}
/** What of a package-lock.json decides. */
export interface LockFile {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly version?: string | undefined;
        readonly license?: string | undefined;
        readonly dependencies?: Readonly<Record<string, string>> | undefined;
        readonly optionalDependencies?: Readonly<Record<string, string>> | undefined;
        readonly devDependencies?: Readonly<Record<string, string>> | undefined;
      }
    >
  >;
}
/** Whether an SPDX expression leaves a choice of allowed licences. */
export function isAllowed(licence: string | undefined): boolean;
/** The packages that an installation brings with it, in the order of their names. */
export function runtimePackages(lock: LockFile): readonly LicensedPackage[];
/** The packages whose licence is missing or not allowed, a sentence each. */
export function findProblems(packages: readonly LicensedPackage[]): readonly string[];
/** The text of docs/licences.md. */
export function renderLicences(packages: readonly LicensedPackage[]): string;
