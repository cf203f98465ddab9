import { type Bencoded, decodeBencode, encodeBencode } from "./dht-bencode.js";

/** Who sent a message, or is to get one: an IPv4 address and a UDP port. */
export interface DhtPeer {
  readonly address: string;
  readonly port: number;
}

/** An answer to a query, built anew from what was understood of it. */
export interface DhtAnswer {
  /** Of the query that it answers, hex. */
  readonly transaction: string;
  /** False for an error (BEP5), such as 301 and 302 of BEP44. */
  readonly isResponse: boolean;
  readonly bytes: Uint8Array;
}

/** bytes - of one node in a list: id, IPv4 address, port. */
const NODE_BYTES = 26;
/** bytes - tokens are some 4 to 20. */
const TOKEN_MAX_BYTES = 128;
/** bytes - BEP44. */
const VALUE_MAX_BYTES = 1_000;

/**
 * An answer with nothing in it but members of the right kind, encoded anew; null for everything else. Programs that read
 * messages of the DHT take members for what they should be, and a message made for it ends their process.
 *
 * @param isAllowed - Judges the addresses of the nodes that an answer names (U1); the others are left out.
 */
export function sanitizeDhtAnswer(datagram: Uint8Array, isAllowed: (address: string) => boolean): DhtAnswer | null {
  const message = decodeBencode(datagram);
  if (!(message instanceof Map)) return null;
  const members = message as ReadonlyMap<string, Bencoded>;
  const transaction = bytesOf(members.get("t"), 2, 2);
  const kind = bytesOf(members.get("y"), 1, 1);
  if (transaction === null || kind === null) return null;
  const isResponse = kind[0] === RESPONSE;
  if (!isResponse && kind[0] !== ERROR) return null;
  const content = isResponse ? responseOf(members.get("r"), isAllowed) : errorOf(members.get("e"));
  if (content === null) return null;
  const answer = new Map<string, Bencoded>([
    ["t", transaction],
    ["y", kind],
    [isResponse ? "r" : "e", content],
  ]);
  return { transaction: toHex(transaction), isResponse, bytes: encodeBencode(answer) };
}

/** A query of our own, for what has to be known of it. */
export interface DhtQuery {
  readonly transaction: string;
  /** What a `get` looks for, hex; null for other queries. */
  readonly target: string | null;
  readonly bytes: Uint8Array;
}

/** A query that is sent, marked as one of a node that others need not remember (BEP43); null for what is none. */
export function markDhtQuery(datagram: Uint8Array): DhtQuery | null {
  const message = decodeBencode(datagram);
  if (!(message instanceof Map)) return null;
  const members = message as ReadonlyMap<string, Bencoded>;
  const transaction = bytesOf(members.get("t"), 2, 2);
  const name = bytesOf(members.get("q"), 1, 32);
  const content = members.get("a");
  if (transaction === null || name === null || !(content instanceof Map)) return null;
  const isGet = String.fromCharCode(...name) === "get";
  const target = isGet ? bytesOf((content as ReadonlyMap<string, Bencoded>).get("target"), 20, 20) : null;
  return {
    transaction: toHex(transaction),
    target: target === null ? null : toHex(target),
    bytes: encodeBencode(new Map([...members, ["ro", 1]])),
  };
}

const RESPONSE = 0x72;
const ERROR = 0x65;

function responseOf(
  value: Bencoded | undefined,
  isAllowed: (address: string) => boolean,
): ReadonlyMap<string, Bencoded> | null {
  if (!(value instanceof Map)) return null;
  const given = value as ReadonlyMap<string, Bencoded>;
  const id = bytesOf(given.get("id"), 20, 20);
  if (id === null) return null;
  const kept = new Map<string, Bencoded>([["id", id]]);
  const token = bytesOf(given.get("token"), 1, TOKEN_MAX_BYTES);
  if (token !== null) kept.set("token", token);
  const nodes = bytesOf(given.get("nodes"), 0, 100 * NODE_BYTES);
  if (nodes !== null) kept.set("nodes", allowedNodes(nodes, isAllowed));
  const item = [
    ["k", bytesOf(given.get("k"), 32, 32)],
    ["seq", sequenceOf(given.get("seq"))],
    ["sig", bytesOf(given.get("sig"), 64, 64)],
    ["v", bytesOf(given.get("v"), 0, VALUE_MAX_BYTES)],
  ] as const;
  // An item that lacks a part is none.
  if (item.some(([, part]) => part === null)) return kept;
  for (const [name, part] of item) if (part !== null) kept.set(name, part);
  return kept;
}

function errorOf(value: Bencoded | undefined): readonly Bencoded[] | null {
  if (!Array.isArray(value)) return null;
  const [code] = value as readonly Bencoded[];
  return typeof code === "number" ? [code, new Uint8Array(0)] : null;
}

function allowedNodes(nodes: Uint8Array, isAllowed: (address: string) => boolean): Uint8Array {
  const kept: number[] = [];
  for (let at = 0; at + NODE_BYTES <= nodes.length; at += NODE_BYTES) {
    const node = nodes.subarray(at, at + NODE_BYTES);
    const port = ((node[24] ?? 0) << 8) | (node[25] ?? 0);
    if (port > 0 && isAllowed(node.subarray(20, 24).join("."))) kept.push(...node);
  }
  return Uint8Array.from(kept);
}

function bytesOf(value: Bencoded | undefined, min: number, max: number): Uint8Array | null {
  return value instanceof Uint8Array && value.length >= min && value.length <= max ? value : null;
}

function sequenceOf(value: Bencoded | undefined): number | null {
  return typeof value === "number" && value >= 0 ? value : null;
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
