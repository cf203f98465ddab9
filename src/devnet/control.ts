import { assertInteger, assertString, invalidArgument } from "../bytes/guards.js";
import { decodeHex } from "../bytes/hex.js";
import { isJsonObject, type Json, type JsonObject, parseJson } from "../bytes/json.js";
import { HawserError, isHawserError } from "../errors.js";
import type { Outpoint } from "../ports.js";
import type { WebAnswer, WebRequest } from "./http-server.js";
import type { Reorganisation, UncheckedReorg } from "./reorg.js";
import { scriptOfAddress } from "./script-kind.js";

/** What the endpoints beside the Esplora API act on. */
export interface Controlled {
  height(): number;
  mine(count: number): Promise<number>;
  faucet(script: Uint8Array, valueSats: bigint): Promise<Outpoint>;
  /** @throws INPUT_INVALID, CHAIN_BROADCAST_REFUSED */
  reorg(options: UncheckedReorg): Promise<Reorganisation>;
  /** @throws INPUT_INVALID for members that do not have the documented form. */
  tamper(
    what: { readonly source: unknown; readonly how: unknown } | { readonly store: unknown; readonly how: unknown },
  ): void;
}

const LOOPBACK = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\])(?::\d+)?$/;
const CORS = { "access-control-allow-origin": "*" } as const;

/**
 * Answers `POST /devnet/mine`, `/devnet/faucet`, `/devnet/reorg` and, where `control` is on, `/control`; null for all
 * else.
 *
 * The first three harm nobody and may be called from any web page. `/control` may not: it takes only JSON by its content
 * type, which a page of another origin cannot send without a preflight that is not answered, and only under a loopback
 * host name, against DNS rebinding.
 */
export async function answerControl(
  devnet: Controlled,
  control: boolean,
  request: WebRequest,
): Promise<WebAnswer | null> {
  const { method, path } = request;
  const action = path === "/control" && control ? tamper : ACTIONS.get(path);
  if (action === undefined) return null;
  const cors = action === tamper ? {} : CORS;
  const reply = (status: number, body: JsonObject): WebAnswer => ({
    status,
    headers: { "content-type": "application/json", ...cors },
    body: JSON.stringify(body),
  });
  if (action === tamper) {
    if (!LOOPBACK.test(request.header("host") ?? ""))
      return reply(403, { error: "control is for loopback hosts only" });
    if (!/^application\/json\b/.test(request.header("content-type") ?? "")) {
      return reply(415, { error: "control takes content-type application/json" });
    }
  } else if (method === "OPTIONS") {
    const allowed = { "access-control-allow-methods": "POST", "access-control-allow-headers": "content-type" };
    return { status: 204, headers: { ...CORS, ...allowed } };
  }
  if (method !== "POST") return reply(405, { error: `${path} takes POST` });
  try {
    return reply(200, await action(devnet, bodyOf(request)));
  } catch (error) {
    if (!isHawserError(error)) throw error;
    return reply(400, { error: error.message });
  }
}

type Action = (devnet: Controlled, body: JsonObject) => Promise<JsonObject>;

const ACTIONS: ReadonlyMap<string, Action> = new Map([
  ["/devnet/mine", mine],
  ["/devnet/faucet", faucet],
  ["/devnet/reorg", reorg],
]);

function bodyOf(request: WebRequest): JsonObject {
  const fail = (reason: string): Error => {
    const [argument, expected] = ["body", "a JSON object"];
    return new HawserError("INPUT_INVALID", `${argument}: expected ${expected}, got ${reason}.`, {
      argument,
      expected,
      got: reason,
    });
  };
  const body = parseJson(request.body, { fail });
  if (!isJsonObject(body)) throw invalidArgument("body", "a JSON object", body);
  return body;
}

/** `{"blocks": 3}` → `{"height": 104}` */
async function mine(devnet: Controlled, body: JsonObject): Promise<JsonObject> {
  allow(body, "blocks");
  const blocks = body["blocks"];
  assertInteger("blocks", blocks, 1, 10_000);
  return { height: await devnet.mine(blocks) };
}

/** `{"address": "bcrt1...", "sats": 100000}`, or `"script": "<hex>"` for `address` → `{"txid", "vout", "height"}` */
async function faucet(devnet: Controlled, body: JsonObject): Promise<JsonObject> {
  allow(body, "address", "script", "sats");
  const { address, script, sats } = body;
  if ((address === undefined) === (script === undefined)) {
    throw invalidArgument("body", "exactly one of address and script", body);
  }
  assertInteger("sats", sats, 1);
  let output: Uint8Array;
  if (address === undefined) {
    assertString("script", script);
    output = decodeHex(script, undefined, "script");
  } else {
    assertString("address", address);
    output = scriptOfAddress(address);
  }
  const { txid, vout } = await devnet.faucet(output, BigInt(sats));
  return { txid, vout, height: devnet.height() };
}

/** `{"depth": 2}`, with the members of `ReorgOptions` and transactions in hex → the members of `Reorganisation` */
async function reorg(devnet: Controlled, body: JsonObject): Promise<JsonObject> {
  allow(body, "depth", "blocks", "drop", "transactions", "remine");
  const { transactions, ...rest } = body;
  return { ...(await devnet.reorg({ ...rest, transactions: rawTransactions(transactions) })) };
}

function rawTransactions(hex: Json | undefined): readonly Uint8Array[] | undefined {
  if (hex === undefined) return undefined;
  if (!Array.isArray(hex)) throw invalidArgument("transactions", "array of hex", hex);
  return hex.map((raw: Json) => {
    assertString("transactions", raw);
    return decodeHex(raw, undefined, "transactions");
  });
}

/** `{"source": 0, "how": "hide-after:120"}` or `{"store": 1, "how": "freeze"}` → the same again */
function tamper(devnet: Controlled, body: JsonObject): Promise<JsonObject> {
  allow(body, "source", "store", "how");
  const { source, store, how } = body;
  if ((source === undefined) === (store === undefined)) {
    throw invalidArgument("body", "exactly one of source and store", body);
  }
  devnet.tamper(store === undefined ? { source, how } : { store, how });
  return Promise.resolve(body);
}

function allow(body: JsonObject, ...members: readonly string[]): void {
  for (const member of Object.keys(body)) {
    if (!members.includes(member)) throw invalidArgument("body", `members out of ${members.join(", ")}`, body);
  }
}
