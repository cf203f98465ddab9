import { assertBytes, invalidArgument } from "../../bytes/guards.js";
import { HawserError } from "../../errors.js";
import { parseContentKey } from "../../immutable/key.js";
import { limits } from "../../limits.js";
import { immutableKey, mutableKey } from "../../profile/entry.js";
import { parseId } from "../../profile/id.js";
import type { NewRouteOptions } from "./new-route.js";

/** Data to store, or what gives it: then it is asked for twice, to be hashed and to be stored, and is not kept. */
export type BatchData = Uint8Array | (() => Uint8Array | Promise<Uint8Array>);

/** Labels of immutable data in the index. */
export interface ContentLabels {
  /** Media type, 1 to 127 bytes; a label that readers must not trust. */
  readonly type?: string | undefined;
  /** File name, 1 to 255 bytes; a label, never a path. */
  readonly fileName?: string | undefined;
}

/** How an entry is deleted. */
export interface DeleteEditOptions {
  /** Leaves the copies in storage where they are; the entry leaves the index all the same. Default false. */
  readonly keepCopies?: boolean | undefined;
}

/** One change of what a name holds. */
export type Edit =
  | { readonly kind: "putMutable"; readonly id: string; readonly data: BatchData; readonly options: NewRouteOptions }
  | { readonly kind: "putImmutable"; readonly data: BatchData; readonly options: ContentLabels }
  | { readonly kind: "delete"; readonly key: string; readonly options: DeleteEditOptions };

/** Collects edits and refuses two of one key: they have no order, so neither could be said to win. */
export class EditList {
  readonly #edits: Edit[] = [];
  readonly #keys = new Set<string>();

  get edits(): readonly Edit[] {
    return this.#edits;
  }

  /** @throws INPUT_ID_INVALID, INPUT_TOO_LARGE, INPUT_INVALID */
  putMutable(givenId: string, data: BatchData, options: NewRouteOptions): void {
    const id = parseId(givenId);
    assertGiven(data, limits.recordDataMaxBytes);
    this.#add(mutableKey(id), { kind: "putMutable", id, data, options });
  }

  /** @throws INPUT_TOO_LARGE, INPUT_INVALID */
  putImmutable(data: BatchData, options: ContentLabels): void {
    assertGiven(data, limits.objectMaxBytes);
    // The same bytes twice are one object; a contradiction with a delete shows once they are hashed.
    this.#edits.push({ kind: "putImmutable", data, options });
  }

  /** @throws INPUT_ID_INVALID, INPUT_INVALID */
  deleteMutable(id: string, options: DeleteEditOptions): void {
    const key = mutableKey(parseId(id));
    this.#add(key, { kind: "delete", key, options });
  }

  /** @throws INPUT_INVALID */
  deleteImmutable(givenKey: string, options: DeleteEditOptions): void {
    const key = immutableKey(parseContentKey(givenKey).key);
    this.#add(key, { kind: "delete", key, options });
  }

  #add(key: string, edit: Edit): void {
    if (this.#keys.has(key)) throw invalidArgument("batch", "one change a key", key);
    this.#keys.add(key);
    this.#edits.push(edit);
  }
}

/** The bytes that an edit stores. @throws INPUT_TOO_LARGE, INPUT_INVALID, and what the caller's function throws */
export async function dataOf(data: BatchData, maxBytes: number): Promise<Uint8Array> {
  const bytes: unknown = typeof data === "function" ? await data() : data;
  assertBytes("data", bytes);
  assertSize(bytes, maxBytes);
  return bytes;
}

function assertGiven(data: BatchData, maxBytes: number): void {
  if (typeof data === "function") return;
  assertBytes("data", data);
  assertSize(data, maxBytes);
}

function assertSize({ length }: Uint8Array, maxBytes: number): void {
  if (length <= maxBytes) return;
  const details = { what: "data", bytes: length, maxBytes };
  throw new HawserError("INPUT_TOO_LARGE", `Data has at most ${maxBytes} bytes, got ${length}.`, details);
}
