import { randomBytes } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type HawserError, isHawserError } from "../../src/errors.js";
import { contentKey } from "../../src/immutable/key.js";
import type { StorageProvider, StoredKind } from "../../src/ports.js";
import { objectPath } from "../../src/route/layout.js";

export const RECORD_PATH = "records/regtest/alice/settings@5.json";
const MAX_BYTES = 1_000_000;

const kindOf = (path: string): StoredKind => (path.startsWith("objects/") ? "object" : "record");

/** Stores a body. */
export function write(storage: StorageProvider, path: string, body: Uint8Array): Promise<unknown> {
  return storage.write(path, body, { kind: kindOf(path) });
}

/** What is there, or null. */
export async function read(storage: StorageProvider, path: string): Promise<Uint8Array | null> {
  return (await storage.read(path, { kind: kindOf(path), maxBytes: MAX_BYTES }))?.bytes ?? null;
}

/** Paths at which something else is read. The assertions of vitest take seconds for that many bytes. */
export async function differing(
  storage: StorageProvider,
  bodies: ReadonlyMap<string, Uint8Array>,
): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const [path, body] of bodies) {
    const found = await read(storage, path);
    if (found === null || !Buffer.from(found).equals(body)) paths.push(path);
  }
  return paths;
}

/** The error of a write that does not fit, or null where it did. */
export async function refusal(storage: StorageProvider, path: string, body: Uint8Array): Promise<HawserError | null> {
  try {
    await write(storage, path, body);
    return null;
  } catch (error) {
    if (!isHawserError(error)) throw error;
    return error;
  }
}

/** Code of an error, and its status or reason. */
export function told({ code, details }: HawserError): string {
  const { reason, status } = details as { readonly reason?: string; readonly status?: number };
  return `${code} ${status ?? reason ?? ""}`;
}

/** An object that nobody has, and its path. */
export function newObject(bytes: number): readonly [string, Uint8Array] {
  const body = new Uint8Array(randomBytes(bytes));
  return [objectPath(contentKey(body)), body];
}

/** Files below a folder with their sizes. */
export async function filesBelow(folder: string): Promise<ReadonlyMap<string, number>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(
    paths.map(async (path) => [path.slice(folder.length + 1), (await stat(path)).size] as const),
  );
  return new Map(sizes);
}
