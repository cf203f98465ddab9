import { dirname, resolve } from "node:path";
import { utf8 } from "../bytes/bytes.js";
import { isJsonObject, parseJson } from "../bytes/json.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { Batch } from "../writer.js";
import type { Invocation } from "./command.js";
import { readFileAtMost } from "./files.js";
import { assertNoKeyFile, readInput } from "./input.js";

/** bytes - of the file that lists the changes of a batch. */
const MAX_BYTES = 256 * 1024 * 1024;

/** Adds one change to a batch. */
export type BatchChange = (batch: Batch) => void;

/**
 * Reads the changes of a batch, one JSON object a line. Files that they name are read when the batch needs them.
 *
 * @throws INPUT_INVALID, INPUT_FILE_UNUSABLE, INPUT_TOO_LARGE
 */
export async function readBatch(invocation: Invocation, path: string): Promise<readonly BatchChange[]> {
  const text = new TextDecoder("utf-8", { fatal: false }).decode(await readInput(invocation, path, MAX_BYTES));
  const directory = path === "-" ? process.cwd() : dirname(resolve(path));
  return text.split("\n").flatMap((line, at) => (line.trim() === "" ? [] : [parseChange(line, at + 1, directory)]));
}

function parseChange(line: string, number: number, directory: string): BatchChange {
  const fail = (expected: string, got: string): HawserError<"INPUT_INVALID"> => {
    const argument = `line ${number}`;
    const message = `${argument} of the batch: expected ${expected}, got ${got}.`;
    return new HawserError("INPUT_INVALID", message, { argument, expected, got });
  };
  const json = parseJson(utf8(line), { fail: (reason) => fail("a JSON object", reason) });
  if (!isJsonObject(json)) throw fail("a JSON object", "something else");
  const kinds = ["put", "add", "delete"].filter((kind) => json[kind] !== undefined);
  if (kinds.length !== 1)
    throw fail('one of "put", "add" and "delete"', kinds.length === 0 ? "none" : kinds.join(", "));
  const text = (member: string): string => {
    const value = json[member];
    if (typeof value !== "string" || value === "") throw fail(`a text for "${member}"`, typeof value);
    return value;
  };
  const optionalText = (member: string) => (json[member] === undefined ? undefined : text(member));
  const only = (...members: readonly string[]): void => {
    const unknown = Object.keys(json).find((member) => !members.includes(member));
    if (unknown !== undefined) throw fail(`no members but ${members.join(", ")}`, JSON.stringify(unknown.slice(0, 80)));
  };
  const file = (member: string, maxBytes: number) => {
    const path = resolve(directory, text(member));
    return async () => assertNoKeyFile(path, await readFileAtMost(path, maxBytes));
  };
  if (json["delete"] !== undefined) {
    only("delete", "keepCopies");
    const key = text("delete");
    const options = { keepCopies: json["keepCopies"] === true };
    return (batch) => {
      if (key.startsWith("i:")) batch.deleteImmutable(key.slice(2), options);
      else batch.deleteMutable(key.replace(/^m:/, ""), options);
    };
  }
  if (json["add"] !== undefined) {
    only("add", "type", "fileName");
    const data = file("add", limits.objectMaxBytes);
    const labels = { type: optionalText("type"), fileName: optionalText("fileName") };
    return (batch) => batch.putImmutable(data, labels);
  }
  only("put", "file", "text", "delegate");
  const id = text("put");
  const given = ["file", "text"].filter((member) => json[member] !== undefined);
  if (given.length !== 1) throw fail('one of "file" and "text"', given.length === 0 ? "none" : "both");
  if (json["text"] !== undefined && typeof json["text"] !== "string") throw fail('a text for "text"', "something else");
  const data = typeof json["text"] === "string" ? utf8(json["text"]) : file("file", limits.recordDataMaxBytes);
  const options = { delegate: json["delegate"] === true };
  return (batch) => batch.putMutable(id, data, options);
}
