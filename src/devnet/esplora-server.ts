import { encodeHex, isHex } from "../bytes/hex.js";
import type { Json } from "../bytes/json.js";
import { type ChainBlock, scriptHash } from "./chain.js";
import type { ChainView } from "./chain-view.js";
import { blockJson, outspendJson, statsJson, statusJson, transactionJson, unspentJson } from "./esplora-json.js";
import type { WebAnswer, WebRequest } from "./http-server.js";
import { displayHash, feeOf, type KnownTransaction } from "./known-transaction.js";
import { merkleBranch } from "./merkle-branch.js";
import { rpcErrorText } from "./refusal.js";
import { scriptOfAddress } from "./script-kind.js";

const BLOCKS_PER_PAGE = 10;
const TRANSACTIONS_PER_PAGE = 25;
const MOST_PENDING = 50;
const MOST_UNSPENT = 500;
/** sat/vB by target in blocks; regtest has no market, so these are fixed. */
const FEE_ESTIMATES: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Array.from({ length: 25 }, (_, i) => [String(i + 1), i < 6 ? 2.5 : 1.5])),
  "144": 1.2,
  "504": 1,
  "1008": 1,
};

/** Sends a raw transaction to the mempool; gives its txid or throws CHAIN_BROADCAST_REFUSED. */
export type Submit = (raw: Uint8Array) => string;

type Route = (view: ChainView, params: readonly string[]) => WebAnswer;

/** Answers every request as an Esplora server does that sees the chain through `view`. */
export function answerEsplora(view: ChainView, request: WebRequest, submit: Submit): WebAnswer {
  const { method, path } = request;
  if (method === "OPTIONS") return { status: 204, headers: { ...CORS, "access-control-allow-methods": "GET, POST" } };
  const reply =
    method === "POST" && path === "/tx"
      ? broadcast(new TextDecoder().decode(request.body), submit)
      : method === "GET" || method === "HEAD"
        ? get(view, path)
        : notFound(`endpoint does not exist "${path}"`);
  return reply === "destroy"
    ? reply
    : { ...reply, headers: { ...reply.headers, ...CORS, "cache-control": "no-store" } };
}

const CORS = { "access-control-allow-origin": "*" };

function get(view: ChainView, path: string): WebAnswer {
  for (const [pattern, route] of ROUTES) {
    const match = pattern.exec(path);
    if (match !== null) return route(view, match.slice(1));
  }
  return notFound(`endpoint does not exist "${path}"`);
}

const text = (body: string): WebAnswer => ({ status: 200, body });
const json = (body: Json | Readonly<Record<string, number>>): WebAnswer => ({
  status: 200,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});
const binary = (body: Uint8Array): WebAnswer => ({
  status: 200,
  headers: { "content-type": "application/octet-stream" },
  body,
});
const notFound = (body: string): WebAnswer => ({ status: 404, body });
const badRequest = (body: string): WebAnswer => ({ status: 400, body });

/** A route whose first parameter is a block's hash. */
const ofBlock =
  (answer: (view: ChainView, block: ChainBlock, params: readonly string[]) => WebAnswer): Route =>
  (view, [hash = "", ...params]) => {
    if (!isHex(hash, 32)) return badRequest("Invalid hex string");
    const block = view.blockOf(hash);
    return block === null ? notFound("Block not found") : answer(view, block, params);
  };

/** A route whose first parameter is the hash of a block that shows its transactions. */
const ofContent = (
  answer: (block: ChainBlock, txids: readonly string[], params: readonly string[]) => WebAnswer,
): Route =>
  ofBlock((view, block, params) => {
    const transactions = view.transactionsOf(block);
    if (transactions === null) return notFound("Block not found");
    return answer(
      block,
      transactions.map(({ txid }) => txid),
      params,
    );
  });

/** A route whose first parameters are `scripthash` or `address` and its value. */
const ofScript =
  (
    answer: (view: ChainView, hash: string, params: readonly string[], asked: readonly [string, string]) => WebAnswer,
  ): Route =>
  (view, [kind = "", value = "", ...params]) => {
    const hash = kind === "address" ? hashOfAddress(value) : isHex(value, 32) ? value : null;
    return hash === null ? badRequest(`Invalid ${kind}`) : answer(view, hash, params, [kind, value]);
  };

/** A route whose first parameter is a txid. */
const ofTxid =
  (answer: (view: ChainView, txid: string, params: readonly string[]) => WebAnswer): Route =>
  (view, [txid = "", ...params]) =>
    isHex(txid, 32) ? answer(view, txid, params) : badRequest("Invalid hex string");

/** A route whose first parameter is the txid of a transaction that the server must know. */
const ofTransaction = (answer: (view: ChainView, known: KnownTransaction) => WebAnswer): Route =>
  ofTxid((view, txid) => {
    const seen = view.transaction(txid);
    return seen === null ? notFound("Transaction not found") : answer(view, seen.known);
  });

const SCRIPT = "/(scripthash|address)/([^/]+)";

const ROUTES: readonly (readonly [RegExp, Route])[] = [
  [/^\/blocks\/tip\/height$/, (view) => text(String(view.height))],
  [/^\/blocks\/tip\/hash$/, (view) => text(view.blockAt(view.height)?.hash ?? "")],
  [/^\/blocks(?:\/(\d{1,9}))?\/?$/, blocks],
  [
    /^\/block-height\/(\d{1,9})$/,
    (view, [height]) => {
      const block = view.blockAt(Number(height));
      return block === null ? notFound("Block not found") : text(block.hash);
    },
  ],
  [/^\/block\/([^/]+)$/, ofBlock((_, block) => json(blockJson(block)))],
  [/^\/block\/([^/]+)\/header$/, ofBlock((_, block) => text(encodeHex(block.header)))],
  [/^\/block\/([^/]+)\/status$/, blockStatus],
  [/^\/block\/([^/]+)\/raw$/, ofContent((block) => binary(block.raw))],
  [/^\/block\/([^/]+)\/txids$/, ofContent((_, txids) => json(txids))],
  [/^\/block\/([^/]+)\/txid\/(\d{1,9})$/, ofContent((_, txids, [position]) => blockTxid(txids, Number(position)))],
  [/^\/block\/([^/]+)\/txs(?:\/(\d{1,9}))?$/, ofBlock(blockTransactions)],
  [
    new RegExp(`^${SCRIPT}$`),
    ofScript((view, hash, _, [kind, value]) => json({ [kind]: value, ...statsJson(view, hash) })),
  ],
  [
    new RegExp(`^${SCRIPT}/txs$`),
    ofScript((view, hash) => json([...pendingPage(view, hash), ...minedPage(view, hash)])),
  ],
  [new RegExp(`^${SCRIPT}/txs/mempool$`), ofScript((view, hash) => json(pendingPage(view, hash)))],
  [
    new RegExp(`^${SCRIPT}/txs/chain(?:/([^/]+))?$`),
    ofScript((view, hash, [last]) => json(minedPage(view, hash, last))),
  ],
  [new RegExp(`^${SCRIPT}/utxo$`), ofScript(unspent)],
  [/^\/tx\/([^/]+)$/, ofTxid(transaction)],
  [/^\/tx\/([^/]+)\/hex$/, ofTransaction((_, { raw }) => text(encodeHex(raw)))],
  [/^\/tx\/([^/]+)\/raw$/, ofTransaction((_, { raw }) => binary(raw))],
  [/^\/tx\/([^/]+)\/status$/, ofTxid((view, txid) => json(statusJson(view.transaction(txid)?.block ?? null)))],
  [/^\/tx\/([^/]+)\/merkle-proof$/, ofTxid(merkleProof)],
  [
    /^\/tx\/([^/]+)\/outspend\/(\d{1,9})$/,
    ofTxid((view, txid, [vout]) => json(outspendJson(view.spendOf(txid, Number(vout))))),
  ],
  [
    /^\/tx\/([^/]+)\/outspends$/,
    ofTransaction((view, { tx, txid }) => json(tx.outs.map((_, vout) => outspendJson(view.spendOf(txid, vout))))),
  ],
  [/^\/mempool$/, mempool],
  [/^\/mempool\/txids$/, (view) => json(view.pending().map(({ txid }) => txid))],
  [/^\/fee-estimates$/, () => json(FEE_ESTIMATES)],
];

function blocks(view: ChainView, [start]: readonly (string | undefined)[]): WebAnswer {
  const from = start === undefined ? view.height : Number(start);
  if (view.blockAt(from) === null) return notFound("Block not found");
  const page = Array.from({ length: BLOCKS_PER_PAGE }, (_, i) => view.blockAt(from - i));
  return json(page.filter((block) => block !== null).map(blockJson));
}

/** A block that a reorganisation removed, or that never was, is in no best chain; it is not "not found" here. */
function blockStatus(view: ChainView, [hash = ""]: readonly string[]): WebAnswer {
  if (!isHex(hash, 32)) return badRequest("Invalid hex string");
  const block = view.blockOf(hash);
  if (block === null) return json({ in_best_chain: false, height: null, next_best: null });
  const next = view.blockAt(block.height + 1)?.hash ?? null;
  return json({ in_best_chain: true, height: block.height, next_best: next });
}

function blockTxid(txids: readonly string[], position: number): WebAnswer {
  const txid = txids[position];
  return txid === undefined ? notFound("tx index out of range") : text(txid);
}

function blockTransactions(view: ChainView, block: ChainBlock, [start]: readonly (string | undefined)[]): WebAnswer {
  const transactions = view.transactionsOf(block);
  const from = Number(start ?? 0);
  if (transactions === null) return notFound("Block not found");
  if (from >= transactions.length) return notFound("start index out of range");
  if (from % TRANSACTIONS_PER_PAGE !== 0) {
    return badRequest(`start index must be a multipication of ${TRANSACTIONS_PER_PAGE}`);
  }
  return json(transactions.slice(from, from + TRANSACTIONS_PER_PAGE).map((known) => transactionJson({ known, block })));
}

function pendingPage(view: ChainView, hash: string): readonly Json[] {
  return view.pendingHistory(hash).slice(0, MOST_PENDING).map(transactionJson);
}

/** The next 25 mined transactions after `last`; none when `last` is not in the history, as the real servers do. */
function minedPage(view: ChainView, hash: string, last?: string): readonly Json[] {
  const history = view.history(hash);
  const at = last === undefined ? -1 : history.findIndex(({ known }) => known.txid === last);
  if (last !== undefined && at === -1) return [];
  return history.slice(at + 1, at + 1 + TRANSACTIONS_PER_PAGE).map(transactionJson);
}

function unspent(view: ChainView, hash: string): WebAnswer {
  const coins = unspentJson(view, hash);
  return coins.length > MOST_UNSPENT ? badRequest("Too many history entries") : json(coins);
}

function transaction(view: ChainView, txid: string): WebAnswer {
  const seen = view.transaction(txid);
  return seen === null ? notFound("Transaction not found") : json(transactionJson(seen));
}

function merkleProof(view: ChainView, txid: string): WebAnswer {
  const block = view.transaction(txid)?.block ?? null;
  if (block === null) return notFound("Transaction not found or is unconfirmed");
  const position = block.transactions.findIndex((known) => known.txid === txid);
  const leaves = block.transactions.map(({ tx }) => tx.getHash());
  return json({ block_height: block.height, merkle: merkleBranch(leaves, position).map(displayHash), pos: position });
}

function mempool(view: ChainView): WebAnswer {
  const pending = view.pending();
  return json({
    count: pending.length,
    vsize: pending.reduce((sum, { tx }) => sum + tx.virtualSize(), 0),
    total_fee: pending.reduce((sum, known) => sum + Number(feeOf(known)), 0),
    fee_histogram: pending.map((known) => [Number(feeOf(known)) / known.tx.virtualSize(), known.tx.virtualSize()]),
  });
}

function broadcast(hex: string, submit: Submit): WebAnswer {
  try {
    const trimmed = hex.trim().toLowerCase();
    return text(submit(isHex(trimmed) ? Uint8Array.from(Buffer.from(trimmed, "hex")) : new Uint8Array(0)));
  } catch (error) {
    const reason = rpcErrorText(error);
    if (reason === null) throw error;
    return badRequest(reason);
  }
}

function hashOfAddress(address: string): string | null {
  try {
    return scriptHash(scriptOfAddress(address));
  } catch {
    return null;
  }
}
