import { type ErrorCode, isHawserError } from "../errors.js";
import type { StorageProvider } from "../ports.js";
import { type ContractCase, contractCase, fail, rejectionOf } from "./contract.js";
import { objectAt, recordAt, recordBody } from "./storage-case.js";

/** Providers over a server that does not do what is asked; each is left out where it is not given. */
export interface FailingProviders {
  /** With credentials that the server does not accept. */
  readonly openRefused?: (() => StorageProvider | Promise<StorageProvider>) | undefined;
  /** Over a bucket, container or account that the server does not have. */
  readonly openGone?: (() => StorageProvider | Promise<StorageProvider>) | undefined;
  /** Over a port on which nothing listens. */
  readonly openStopped?: (() => StorageProvider | Promise<StorageProvider>) | undefined;
  /** What must not show: passwords, keys, tokens. */
  readonly secrets?: readonly string[] | undefined;
}

interface Failure {
  readonly name: string;
  readonly open: (() => StorageProvider | Promise<StorageProvider>) | undefined;
  readonly reads: readonly ErrorCode[];
  readonly writes: readonly ErrorCode[];
}

/** How a provider fails. What could not be found out is never "absent", and nothing is "stored" that was refused. */
export function errorCases(failing: FailingProviders): readonly ContractCase[] {
  const failures: readonly Failure[] = [
    {
      name: "wrong credentials are STORAGE_REFUSED, and never absence",
      open: failing.openRefused,
      // A place that everybody may read says nothing of credentials; one that does not may say it by a status alone.
      reads: ["STORAGE_REFUSED", "NETWORK_STATUS"],
      writes: ["STORAGE_REFUSED"],
    },
    {
      name: "a bucket, container or account that is not there is STORAGE_GONE, and never absence",
      open: failing.openGone,
      reads: ["STORAGE_GONE"],
      writes: ["STORAGE_GONE"],
    },
    {
      name: "a server that is not there is NETWORK_UNREACHABLE, and never absence",
      open: failing.openStopped,
      reads: ["NETWORK_UNREACHABLE"],
      writes: ["NETWORK_UNREACHABLE"],
    },
  ];
  return failures.flatMap(({ name, open, reads, writes }) =>
    open === undefined
      ? []
      : [contractCase(name, async () => checkFailure(await open(), reads, writes, failing.secrets ?? []))],
  );
}

async function checkFailure(
  storage: StorageProvider,
  reads: readonly ErrorCode[],
  writes: readonly ErrorCode[],
  secrets: readonly string[],
): Promise<void> {
  const kind = storage.kinds?.[0] ?? "record";
  const body = recordBody(60);
  const path = kind === "record" ? recordAt("settings") : await objectAt(body);
  const expectOneOf = async (what: string, codes: readonly ErrorCode[], run: () => Promise<unknown>): Promise<void> => {
    const { error } = await rejectionOf(what, `a HawserError ${codes.join(" or ")}`, run);
    if (!codes.some((code) => isHawserError(error, code))) fail(what, `a HawserError ${codes.join(" or ")}`, error);
    expectNoSecret(what, error, secrets);
  };
  try {
    await expectOneOf("a read", reads, () => storage.read(path, { kind, maxBytes: 1_000 }));
    await expectOneOf("a write", writes, async () => {
      await storage.open?.();
      return storage.write(path, body, { kind });
    });
    expectNoSecret("the provider", storage, secrets);
    expectNoSecret("its label", storage.label, secrets);
  } finally {
    await storage.close?.();
  }
}

/** A log has the message, the details and the causes of an error. */
function expectNoSecret(what: string, value: unknown, secrets: readonly string[]): void {
  const texts: string[] = [];
  for (let one: unknown = value, depth = 0; one !== undefined && depth < 5; depth++) {
    texts.push(one instanceof Error ? one.message : "", JSON.stringify(one));
    one = one instanceof Error ? one.cause : undefined;
  }
  const shown = secrets.find((secret) => texts.some((text) => text.includes(secret)));
  if (shown !== undefined) fail(`${what}, printed`, "none of the secrets", "one of them");
}
