import { equalBytes, utf8 } from "../bytes/bytes.js";
import { canonicalJson, encodeJson, isJsonObject, type Json, type JsonObject, parseJson } from "../bytes/json.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import { type IndexNode, nodeToJson, readNode } from "./index-node.js";
import { type Fail, readHex32, readMembers, readUrls } from "./members.js";

/** The document that a name's operations anchor by its hash (P1). */
export interface Profile {
  readonly name: string;
  /** x-only key of the routes that have none, hex; null: the owner's (M2). */
  readonly pubkey: string | null;
  /** Base URLs where objects of this name lie: 0 to 16 untrusted hints. */
  readonly storage: readonly string[];
  /** The owner's own JSON. */
  readonly about: JsonObject;
  /** The root of the index. */
  readonly index: IndexNode;
}

const BEGINNING = utf8('{"hawser":1,');

/**
 * The profile in these exact bytes, checked by P1 to P5. The caller has compared their hash.
 *
 * @param bytes - at most 256 KiB
 * @param name - the name that was asked for
 * @throws PROFILE_INVALID, PROFILE_UNSUPPORTED
 */
export function parseProfile(bytes: Uint8Array, name: string): Profile {
  if (bytes.length > limits.profileMaxBytes) {
    throw profileInvalid(`it is ${bytes.length} bytes, at most ${limits.profileMaxBytes} are allowed`);
  }
  assertVersion(bytes);
  return readProfile(bytes, name, profileInvalid);
}

/**
 * The one byte form of a profile, refused where a reader would refuse it.
 *
 * @throws INPUT_INVALID, INPUT_TOO_LARGE
 */
export function encodeProfile(profile: Profile): Uint8Array {
  checkAbout(profile.about, 1, profileRefused);
  const aboutBytes = utf8(canonicalJson(profile.about)).length;
  if (aboutBytes > limits.aboutMaxBytes) {
    throw new HawserError(
      "INPUT_TOO_LARGE",
      `about is ${aboutBytes} bytes, at most ${limits.aboutMaxBytes} are allowed.`,
      { what: "about", bytes: aboutBytes, maxBytes: limits.aboutMaxBytes },
    );
  }
  const bytes = utf8(profileText(profile));
  readProfile(bytes, profile.name, profileRefused);
  return bytes;
}

/**
 * P5: a later version is told apart before its form is judged, so it may differ in everything but the member `hawser`.
 * Other spellings of 1 stay texts here: `1.0` is not the digit 1.
 */
function assertVersion(bytes: Uint8Array): void {
  if (equalBytes(bytes.subarray(0, BEGINNING.length), BEGINNING)) return;
  const readNumber = (text: string): Json => (Number(text) === 1 && text !== "1" ? text : Number(text));
  const json = parseJson(bytes, { fail: profileInvalid, maxDepth: 256, readNumber });
  if (!isJsonObject(json) || !Object.hasOwn(json, "hawser")) throw profileInvalid("it has no member hawser");
  const version = json["hawser"] ?? null;
  if (version === 1) return;
  const shown = encodeJson(version).slice(0, 32);
  throw new HawserError("PROFILE_UNSUPPORTED", `The profile is of version ${shown}; this reader knows version 1.`, {
    version: shown,
  });
}

function readProfile(bytes: Uint8Array, name: string, fail: Fail): Profile {
  const members = readMembers(
    parseJson(bytes, { fail }),
    "the profile",
    ["hawser", "name", "pubkey?", "storage", "about", "index"],
    fail,
  );
  // P1: the profile of one name must not answer for another.
  if (members["name"] !== name) throw fail("it is the profile of another name");
  const pubkey = "pubkey" in members ? readHex32(members["pubkey"], "pubkey", fail) : null;
  const storage = readUrls(members["storage"], "storage", { min: 0, storage: true }, fail);
  const about = readAbout(members["about"], fail);
  const index = readNode(members["index"], "", fail);
  const profile: Profile = { name, pubkey, storage, about, index };
  // P5: with two byte forms, two writers of one state would anchor two hashes.
  if (!equalBytes(utf8(profileText(profile)), bytes)) throw fail("it is not in its one byte form");
  return profile;
}

function readAbout(json: Json | undefined, fail: Fail): JsonObject {
  if (!isJsonObject(json)) throw fail("about is not an object");
  checkAbout(json, 1, fail);
  const size = utf8(canonicalJson(json)).length;
  if (size > limits.aboutMaxBytes) {
    throw fail(`about is ${size} bytes, at most ${limits.aboutMaxBytes} are allowed`);
  }
  return json;
}

/**
 * P5: what `about` may hold; the JSON reader refuses lone surrogates. `level` is 1 for `about` itself. Also stops at the
 * cycles that a caller's object may have.
 */
function checkAbout(value: unknown, level: number, fail: Fail): void {
  if (value === null || typeof value === "boolean" || typeof value === "string") return;
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw fail("about has a number that is no safe integer");
  } else if (typeof value === "object" && isPlain(value)) {
    if (level > limits.aboutMaxDepth) throw fail(`about is nested deeper than ${limits.aboutMaxDepth}`);
    if (Array.isArray(value)) {
      // Array.from, unlike forEach, also visits the holes of a sparse array.
      for (const item of Array.from(value as unknown[])) checkAbout(item, level + 1, fail);
      return;
    }
    for (const item of Object.values(value)) checkAbout(item, level + 1, fail);
  } else {
    throw fail(`about has a value that JSON does not know (${typeof value})`);
  }
}

/** Whether an object is an array or a plain one: a `Date` or a `Map` would be written as something else. */
function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function profileText(profile: Profile): string {
  const { name, pubkey, storage, about, index } = profile;
  const head = encodeJson({ hawser: 1, name, ...(pubkey === null ? {} : { pubkey }), storage });
  // The parts are joined as text because `about` alone has sorted members.
  return `${head.slice(0, -1)},"about":${canonicalJson(about)},"index":${encodeJson(nodeToJson(index))}}`;
}

function profileInvalid(reason: string): HawserError<"PROFILE_INVALID"> {
  return new HawserError("PROFILE_INVALID", `The profile is not valid: ${reason}.`, { reason });
}

function profileRefused(reason: string): HawserError<"INPUT_INVALID"> {
  return new HawserError("INPUT_INVALID", `The profile cannot be written: ${reason}.`, {
    argument: "profile",
    expected: "a profile that a reader accepts",
    got: reason,
  });
}
