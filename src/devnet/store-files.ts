import { mkdirSync, readdirSync, readFileSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { concatBytes, utf8 } from "../bytes/bytes.js";
import { encodeHex } from "../bytes/hex.js";
import { sha256 } from "../crypto/hash.js";
import { orRefused, removeFile, replaceFile, syncDirectory, TEMPORARY, unusable } from "./durable-file.js";
import type { StoredFile, StoreEntry, StoreKeeper } from "./store.js";

const length = z.int().check(z.gte(0));
const contentType = z.nullable(z.string());
/** The first line of a file; then come the bytes, and the bytes that were there before them. */
const head = z.strictObject({
  path: z.string(),
  contentType,
  length,
  previous: z.nullable(z.strictObject({ contentType, length })),
  /** Of all behind the line. */
  sha256: z.string(),
});

const FILE_NAME = /^[0-9a-f]{64}$/;
const NEW_LINE = 0x0a;

/**
 * A store's files in a directory, each under the SHA-256 of its path: a store takes any path, and no file system does.
 *
 * @param directory - Need not be there.
 */
export class StoreFiles implements StoreKeeper {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @throws INPUT_FILE_UNUSABLE (a file that is damaged; nothing is changed) */
  load(): ReadonlyMap<string, StoreEntry> {
    mkdirSync(this.#directory, { recursive: true });
    const names = readdirSync(this.#directory);
    const files = new Map(
      names.filter((name) => FILE_NAME.test(name)).map((name) => readEntry(join(this.#directory, name), name)),
    );
    // What a process that was killed did not finish, and never said that it had.
    for (const name of names) {
      const target = name.endsWith(TEMPORARY) ? name.slice(0, -TEMPORARY.length) : "";
      if (FILE_NAME.test(target)) unlinkSync(join(this.#directory, name));
    }
    syncDirectory(this.#directory);
    return files;
  }

  keep(path: string, entry: StoreEntry): void {
    const { bytes, contentType, previous } = entry;
    const body = previous === null ? bytes : concatBytes(bytes, previous.bytes);
    const line: z.infer<typeof head> = {
      path,
      contentType,
      length: bytes.length,
      previous: previous === null ? null : { contentType: previous.contentType, length: previous.bytes.length },
      sha256: encodeHex(sha256(body)),
    };
    const file = this.#fileOf(path);
    orRefused(file, () => {
      replaceFile(file, concatBytes(utf8(`${JSON.stringify(line)}\n`), body));
    });
  }

  drop(path: string): void {
    const file = this.#fileOf(path);
    orRefused(file, () => {
      removeFile(file);
    });
  }

  #fileOf(path: string): string {
    return join(this.#directory, nameOf(path));
  }
}

function nameOf(path: string): string {
  return encodeHex(sha256(utf8(path)));
}

function readEntry(file: string, name: string): readonly [string, StoreEntry] {
  const bytes = new Uint8Array(readFileSync(file));
  const at = bytes.indexOf(NEW_LINE);
  const line = parseHead(bytes.subarray(0, Math.max(at, 0)));
  const body = bytes.subarray(at + 1);
  if (
    line === null ||
    nameOf(line.path) !== name ||
    body.length !== line.length + (line.previous?.length ?? 0) ||
    encodeHex(sha256(body)) !== line.sha256
  ) {
    throw unusable(file, "it is damaged; nothing was changed");
  }
  const previous: StoredFile | null =
    line.previous === null ? null : { bytes: body.slice(line.length), contentType: line.previous.contentType };
  return [line.path, { bytes: body.slice(0, line.length), contentType: line.contentType, previous }];
}

function parseHead(bytes: Uint8Array): z.infer<typeof head> | null {
  try {
    return head.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data ?? null;
  } catch {
    return null;
  }
}
