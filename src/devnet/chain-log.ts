import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync } from "node:fs";
import { concatBytes, equalBytes, utf8 } from "../bytes/bytes.js";
import { Cursor, CursorError } from "../bytes/cursor.js";
import { decodeHex, encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import { orRefused, replaceFile, unusable, writeWhole } from "./durable-file.js";

/** What one step of the devnet did to its chain and mempool. */
export interface ChainChange {
  /** The height that the chain was cut back to; its own where nothing was taken off. */
  readonly forkHeight: number;
  /** Raw blocks that were added on top. */
  readonly blocks: readonly Uint8Array[];
  /** txids that left the mempool. */
  readonly left: readonly string[];
  /** Raw transactions that joined the end of the mempool. */
  readonly joined: readonly Uint8Array[];
}

/** What a log holds, all changes applied. */
export interface LoggedChain {
  /** Raw blocks above genesis. */
  readonly blocks: readonly Uint8Array[];
  /** Raw transactions of the mempool by txid, parents before children. */
  readonly waiting: ReadonlyMap<string, Uint8Array>;
  /** Bytes at the end that belong to a change whose writing was cut short. */
  readonly tornBytes: number;
}

/** The format's version stands in the first line. */
const MAGIC = utf8("hawser devnet 1\n");
const MAGIC_FORM = /^hawser devnet ([1-9][0-9]{0,5})\n/;
const CHECK_BYTES = 4;
const HEAD_BYTES = 4 + CHECK_BYTES;
const SUM_BYTES = 8;

/** Whether bytes begin as a log of any version does. */
export function isChainLog(bytes: Uint8Array): boolean {
  return versionOf(bytes) !== undefined;
}

function versionOf(bytes: Uint8Array): string | undefined {
  return MAGIC_FORM.exec(new TextDecoder("latin1").decode(bytes.subarray(0, 32)))?.[1];
}

/** An append-only file of changes. Each is on disk before {@link ChainLog.append} returns, whole or not at all. */
export class ChainLog {
  readonly #file: string;
  readonly #handle: number;
  #size: number;
  /** Whether a failed write may have left bytes behind the last whole change. */
  #littered: boolean;

  private constructor(file: string, handle: number, size: number, littered: boolean) {
    this.#file = file;
    this.#handle = handle;
    this.#size = size;
    this.#littered = littered;
  }

  /** Makes a log whose first change is there from the start. */
  static create(file: string, first: ChainChange): ChainLog {
    const bytes = concatBytes(MAGIC, frameOf(first));
    replaceFile(file, bytes);
    return new ChainLog(file, openSync(file, "r+"), bytes.length, false);
  }

  /**
   * Opens a log and changes nothing. What a crash left of the last change is passed over; any other damage is an error.
   *
   * @throws INPUT_FILE_UNUSABLE
   */
  static open(file: string, txidOf: (raw: Uint8Array) => string | null): { log: ChainLog; logged: LoggedChain } {
    // A Buffer's slices are no copies, whatever those expect who take a Uint8Array.
    const bytes = new Uint8Array(readFileSync(file));
    const version = versionOf(bytes);
    if (version === undefined) throw unusable(file, "it is not a devnet's chain");
    if (version !== "1") throw unusable(file, `it has format ${version}, and this version of hawser knows only 1`);
    const { changes, end } = readFrames(file, bytes);
    const blocks: Uint8Array[] = [];
    const waiting = new Map<string, Uint8Array>();
    for (const { forkHeight, blocks: added, left, joined } of changes) {
      if (forkHeight > blocks.length)
        throw unusable(file, "it is damaged: a change stands on blocks that are not there");
      blocks.length = forkHeight;
      for (const raw of added) blocks.push(raw);
      for (const txid of left) waiting.delete(txid);
      for (const raw of joined) {
        const txid = txidOf(raw);
        if (txid === null) throw unusable(file, "it is damaged: what should be a transaction is none");
        waiting.set(txid, raw);
      }
    }
    const tornBytes = bytes.length - end;
    return {
      log: new ChainLog(file, openSync(file, "r+"), end, tornBytes > 0),
      logged: { blocks, waiting, tornBytes },
    };
  }

  /** Cuts off what is left of a change whose writing was cut short. @throws STORAGE_REFUSED */
  trim(): void {
    if (!this.#littered) return;
    orRefused(this.#file, () => {
      ftruncateSync(this.#handle, this.#size);
      fsyncSync(this.#handle);
      this.#littered = false;
    });
  }

  /** @throws STORAGE_REFUSED; the log is then as it was */
  append(change: ChainChange): void {
    const frame = frameOf(change);
    this.trim();
    orRefused(this.#file, () => {
      this.#littered = true;
      writeWhole(this.#handle, frame, this.#size);
      fsyncSync(this.#handle);
      this.#littered = false;
      this.#size += frame.length;
    });
  }

  close(): void {
    closeSync(this.#handle);
  }
}

function frameOf({ forkHeight, blocks, left, joined }: ChainChange): Uint8Array {
  const payload = concatBytes(
    u32(forkHeight),
    ...listOf(blocks),
    u32(left.length),
    ...left.map((txid) => decodeHex(txid, 32)),
    ...listOf(joined),
  );
  const length = u32(payload.length);
  return concatBytes(length, sha256(length).subarray(0, CHECK_BYTES), payload, sumOf(payload));
}

function listOf(items: readonly Uint8Array[]): readonly Uint8Array[] {
  return [u32(items.length), ...items.flatMap((item) => [u32(item.length), item])];
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function sumOf(payload: Uint8Array): Uint8Array {
  return sha256(payload).subarray(0, SUM_BYTES);
}

/**
 * The whole changes, and where the last of them ends. A crash can leave the last one short, or its bytes zero, or its
 * sum wrong at the very end of the file. A wrong length is never taken for that, since all behind it would be lost.
 */
function readFrames(
  file: string,
  bytes: Uint8Array,
): { readonly changes: readonly ChainChange[]; readonly end: number } {
  const damaged = (at: number): Error => unusable(file, `it is damaged at byte ${at}; nothing in it was changed`);
  const changes: ChainChange[] = [];
  let end = MAGIC.length;
  while (end < bytes.length) {
    const rest = bytes.subarray(end);
    if (rest.length < HEAD_BYTES || rest.every((byte) => byte === 0)) break;
    const head = rest.subarray(0, 4);
    if (!equalBytes(sha256(head).subarray(0, CHECK_BYTES), rest.subarray(4, HEAD_BYTES))) throw damaged(end);
    const length = new Cursor(head).u32();
    const size = HEAD_BYTES + length + SUM_BYTES;
    if (size > rest.length) break;
    const payload = rest.subarray(HEAD_BYTES, HEAD_BYTES + length);
    if (!equalBytes(sumOf(payload), rest.subarray(HEAD_BYTES + length, size))) {
      if (size === rest.length) break;
      throw damaged(end);
    }
    const change = parseChange(payload);
    if (change === null) throw damaged(end);
    changes.push(change);
    end += size;
  }
  // The first change was there before the file had its name.
  if (changes.length === 0) throw damaged(end);
  return { changes, end };
}

function parseChange(payload: Uint8Array): ChainChange | null {
  const cursor = new Cursor(payload);
  const list = (item: () => Uint8Array): readonly Uint8Array[] => Array.from({ length: cursor.u32() }, item);
  const sized = (): Uint8Array => cursor.take(cursor.u32()).slice();
  try {
    const forkHeight = cursor.u32();
    const blocks = list(sized);
    const left = list(() => cursor.take(32)).map(encodeHex);
    const joined = list(sized);
    return cursor.remaining === 0 ? { forkHeight, blocks, left, joined } : null;
  } catch (error) {
    if (error instanceof CursorError) return null;
    throw error;
  }
}
