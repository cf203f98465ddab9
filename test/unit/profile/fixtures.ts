import { encodeHex } from "../../../src/bytes/hex.js";
import { sha256 } from "../../../src/crypto/hash.js";
import { type Content, type IndexEntry, immutableEntry, mutableEntry, type Route } from "../../../src/profile/entry.js";
import type { LoadNode } from "../../../src/profile/index-tree.js";
import type { Profile } from "../../../src/profile/profile.js";

export const pubkey = "ab".repeat(32);
export const contentKey = "cd".repeat(32);

export function routeEntry(id: string, route: Partial<Route> = {}): IndexEntry {
  return mutableEntry({ id, urls: [], pubkey: null, epoch: 0, minVer: null, maxAgeMs: null, ...route });
}

export function contentEntry(key: string, content: Partial<Content> = {}): IndexEntry {
  return immutableEntry(key, { size: 0, type: null, name: null, urls: null, ...content });
}

/** Entries `item/0`, `item/1`, ... */
export function routeEntries(count: number, from = 0): readonly IndexEntry[] {
  return Array.from({ length: count }, (_, i) => routeEntry(`item/${from + i}`));
}

export function profileWith(profile: Partial<Profile> = {}): Profile {
  return { name: "alice", pubkey: null, storage: [], about: {}, index: { entries: [] }, ...profile };
}

/** The code and message of what `act` throws; fails when it throws nothing. */
export function caught(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return describeError(error);
  }
  throw new Error("nothing was thrown");
}

/** The code and message of what a promise rejects with. */
export async function rejected(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return describeError(error);
  }
  throw new Error("nothing was thrown");
}

function describeError(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return `${code ?? "no code"}: ${message ?? ""}`;
}

/** Objects by hash, with a log of what was loaded. */
export class NodeStore {
  readonly nodes = new Map<string, Uint8Array>();
  readonly loaded: string[] = [];

  readonly load: LoadNode = async (hash) => {
    this.loaded.push(hash);
    const bytes = this.nodes.get(hash);
    if (bytes === undefined) throw new Error(`node ${hash} is not in the store`);
    return Promise.resolve(bytes);
  };

  readonly write = async (hash: string, bytes: Uint8Array): Promise<void> => {
    this.nodes.set(hash, bytes);
    return Promise.resolve();
  };

  /** Stores bytes, checked or not, and gives their hash. */
  put(bytes: Uint8Array): string {
    const hash = encodeHex(sha256(bytes));
    this.nodes.set(hash, bytes);
    return hash;
  }
}
