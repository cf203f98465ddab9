import { utf8 } from "../bytes/bytes.js";
import { encodeHex } from "../bytes/hex.js";
import type { Network } from "../chain/network.js";
import { sha256 } from "../crypto/hash.js";
import { HawserError, isHawserError } from "../errors.js";
import { limits } from "../limits.js";
import { isName, type Name } from "../name/name.js";
import { type DataId, idFault } from "../profile/id.js";
import { decodeFloor, encodeFloor, type Floor } from "./floor.js";

/** What a floor is the floor of, within a network. */
export interface FloorPlace {
  readonly name: Name;
  /** txid of the PREORDER, display order. */
  readonly tenure: string;
  readonly id: DataId;
}

/** A floor and its place. */
export interface PlacedFloor extends FloorPlace {
  readonly floor: Floor;
}

const FORMAT = "hawser-floors-1";

/**
 * Floors as text for another device: a line with format, network and checksum, and then a line for each floor,
 * `name/tenure/id {"epoch":...}`.
 */
export function encodeFloors(network: Network, floors: readonly PlacedFloor[]): Uint8Array {
  const decoder = new TextDecoder();
  const lines = floors.map(
    ({ name, tenure, id, floor }) => `${name}/${tenure}/${id} ${decoder.decode(encodeFloor(floor))}\n`,
  );
  const body = lines.join("");
  return utf8(`${FORMAT} ${network.id} ${sumOf(network, body)}\n${body}`);
}

/**
 * The floors in bytes that {@link encodeFloors} made. Everything is judged before anything is given.
 *
 * @throws INPUT_FLOORS_INVALID
 */
export function decodeFloors(network: Network, bytes: Uint8Array): readonly PlacedFloor[] {
  if (bytes.length > limits.floorsMaxBytes) throw invalid(`more than ${limits.floorsMaxBytes} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid("not valid UTF-8");
  }
  const [, networkId, sum] = /^hawser-floors-1 ([a-z0-9]{1,32}) ([0-9a-f]{64})\n/.exec(text) ?? [];
  if (networkId === undefined || sum === undefined) throw invalid("not floors that this version of hawser exports");
  if (networkId !== network.id) throw invalid(`floors of ${networkId}, expected ${network.id}`);
  const body = text.slice(text.indexOf("\n") + 1);
  // Accidents only: whoever can change the floors can change this as well.
  if (sumOf(network, body) !== sum) throw invalid("the checksum does not fit");
  return body.split("\n").slice(0, -1).map(decodeLine);
}

/** The place in `name/tenure/id`, or null if it is none. */
export function parseFloorPlace(text: string): FloorPlace | null {
  const [, name = "", tenure = "", id = ""] = /^([^/]+)\/([0-9a-f]{64})\/(.+)$/.exec(text) ?? [];
  return isName(name) && idFault(id) === null ? { name, tenure, id: id as DataId } : null;
}

function decodeLine(line: string, index: number): PlacedFloor {
  const fail = (reason: string): HawserError => invalid(`line ${index + 2}: ${reason}`);
  const [, key = "", floor = ""] = /^([^ ]+) (.+)$/.exec(line) ?? [];
  const place = parseFloorPlace(key);
  if (place === null) throw fail("not a floor");
  try {
    return { ...place, floor: decodeFloor(utf8(floor), key) };
  } catch (error) {
    throw isHawserError(error, "CACHE_CORRUPT") ? fail(error.details.reason) : error;
  }
}

function sumOf(network: Network, body: string): string {
  return encodeHex(sha256(utf8(`${FORMAT} ${network.id}\n${body}`)));
}

function invalid(reason: string): HawserError<"INPUT_FLOORS_INVALID"> {
  return new HawserError("INPUT_FLOORS_INVALID", `The floors cannot be taken over: ${reason}.`, { reason });
}
