import * as z from "zod/mini";
import { isHex } from "../../bytes/hex.js";
import type { JsonObject } from "../../bytes/json.js";
import type { IndexEntry } from "../../profile/entry.js";
import type { AuditedItem } from "../audited.js";
import type { ExportedBundle } from "../export-bundle.js";
import type { FoundMirror, MirroredItem } from "../mirrored.js";
import type { FoundImmutable, FoundList, FoundMutable, FoundName, FoundProfile, NotFound } from "../results.js";
import type { ProvenBundle } from "../verify-bundle.js";

/** What `list` found, once its entries were iterated: an iterator cannot be sent. */
export interface ListedEntries extends Omit<FoundList, "entries"> {
  readonly entries: readonly IndexEntry[];
}

/** What the reads of a reader, and the verifiers of bundles, give. */
export interface Results {
  readonly name: FoundName | NotFound;
  readonly profile: FoundProfile | NotFound;
  readonly mutable: FoundMutable | NotFound;
  readonly immutable: FoundImmutable | NotFound;
  readonly list: ListedEntries | NotFound;
  /** One item of `audit`: an iterator cannot be sent. */
  readonly audited: AuditedItem;
  /** One item of `mirror` or `repair`. */
  readonly mirrored: MirroredItem;
  /** Of `mirror` and `repair`. */
  readonly mirror: FoundMirror | NotFound;
  /** Of `exportBundle`. */
  readonly export: ExportedBundle | NotFound;
  /** Of `verifyBundle` and `verifyBundleWithReader`. */
  readonly bundle: ProvenBundle;
}

const hex = (length?: number): z.ZodMiniCustom<string> => z.custom<string>((value: unknown) => isHex(value, length));
const count = z.custom<number>((value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0);
const bytes = z.custom<Uint8Array>((value: unknown) => value instanceof Uint8Array);
const text = z.string();
const texts = z.array(text);
const from = z.enum(["network", "cache"]);

const place = z.strictObject({ txid: hex(32), height: count });
const state = {
  status: z.enum(["free", "active", "grace", "released"]),
  unsealed: z.nullable(place),
  tenure: z.nullable(hex(32)),
  ownerScript: z.nullable(hex()),
  ownerKey: z.nullable(hex(32)),
  profileHash: z.nullable(hex(32)),
  changesAtHeight: z.nullable(count),
};
const pending = z.strictObject({
  txid: hex(32),
  kind: z.nullable(text),
  height: z.nullable(count),
  reportedBy: texts,
});
const name = z.strictObject({ ...state, pending: z.array(pending) });
const block = {
  height: count,
  hash: hex(32),
  time: count,
  tipHeight: count,
  weakStart: z.boolean(),
  signaturesUnchecked: z.boolean(),
};
const verdict = z.enum(["agreed", "behind", "withheld", "lied", "other-chain", "other-network", "unreachable"]);
const reason = z.strictObject({ code: text, message: text, restsForMs: z.optional(count) });
const asOf = z.strictObject({
  ...block,
  tipAgeMs: count,
  partial: z.boolean(),
  sources: z.array(z.strictObject({ label: text, verdict, reason: z.optional(reason) })),
});
const read = { found: z.literal(true), name, asOf, from };

const route = z.strictObject({
  id: text,
  urls: texts,
  pubkey: z.nullable(hex(32)),
  epoch: count,
  minVer: z.nullable(count),
  maxAgeMs: z.nullable(count),
});
const content = z.strictObject({
  size: count,
  type: z.nullable(text),
  name: z.nullable(text),
  urls: z.nullable(texts),
});
const entry = z.union([
  z.strictObject({ kind: z.literal("mutable"), key: text, route }),
  z.strictObject({ kind: z.literal("immutable"), key: text, content }),
]);
const node = z.union([
  z.strictObject({ entries: z.array(entry) }),
  z.strictObject({ children: z.array(z.nullable(hex(32))) }),
]);
const profile = z.strictObject({
  name: text,
  pubkey: z.nullable(hex(32)),
  storage: texts,
  about: z.custom<JsonObject>((value: unknown) => isJson(value) && typeof value === "object" && !Array.isArray(value)),
  index: node,
});
const recordMembers = { id: text, data: bytes, ver: count, sig: hex(64) };
const replica = z.strictObject({
  label: text,
  verdict: z.enum(["fresh", "behind", "unverified", "forked", "future", "refused", "unreachable", "absent"]),
  ver: z.nullable(count),
  reason: z.nullable(text),
});
const attempt = z.strictObject({ label: text, code: text, message: text });

const notFound = z.strictObject({
  found: z.literal(false),
  why: z.enum(["no-name", "no-profile", "not-in-index"]),
  name,
  asOf,
  from,
});

const auditedReplica = z.strictObject({
  label: text,
  url: z.nullable(text),
  public: z.boolean(),
  verdict: z.enum(["present", "behind", "missing", "wrong", "forked", "unknown"]),
  ver: z.nullable(count),
  attempt: z.nullable(attempt),
});
const pathOrNone = z.nullable(text);
const audited = {
  path: pathOrNone,
  replicas: z.array(auditedReplica),
  skipped: z.nullable(z.strictObject({ code: text, message: text })),
};
const mirrored = {
  path: pathOrNone,
  outcomes: z.array(
    z.strictObject({
      label: text,
      outcome: z.enum(["stored", "held", "moved", "failed", "unavailable"]),
      attempt: z.nullable(attempt),
    }),
  ),
};
const nodeAt = { kind: z.literal("node"), hash: hex(32), prefix: text };
const profileAt = { kind: z.literal("profile"), hash: hex(32) };
const objectAt = { kind: z.literal("object"), key: text };
const recordAt = { kind: z.literal("record"), id: text, epoch: count };
const mirrorCount = z.strictObject({
  label: text,
  stored: count,
  held: count,
  moved: count,
  failed: count,
  unavailable: count,
  bytes: count,
});

/** What a value of each kind looks like. */
export const resultShapes = {
  name: z.union([z.strictObject(read), notFound]),
  profile: z.union([z.strictObject({ ...read, profile }), notFound]),
  mutable: z.union([
    z.strictObject({
      ...read,
      data: bytes,
      ver: count,
      record: z.strictObject(recordMembers),
      route,
      replicas: z.array(replica),
    }),
    notFound,
  ]),
  immutable: z.union([
    z.strictObject({ ...read, data: bytes, key: text, content, attempts: z.array(attempt) }),
    notFound,
  ]),
  list: z.union([z.strictObject({ ...read, entries: z.array(entry) }), notFound]),
  audited: z.union([
    z.strictObject({ ...profileAt, ...audited }),
    z.strictObject({ ...nodeAt, ...audited }),
    z.strictObject({ ...recordAt, newestVer: z.nullable(count), ...audited }),
    z.strictObject({ ...objectAt, ...audited }),
  ]),
  mirrored: z.union([
    z.strictObject({ ...profileAt, ...mirrored }),
    z.strictObject({ ...nodeAt, ...mirrored }),
    z.strictObject({ ...recordAt, ver: z.nullable(count), ...mirrored }),
    z.strictObject({ ...objectAt, ...mirrored }),
  ]),
  mirror: z.union([
    z.strictObject({
      ...read,
      profileHash: hex(32),
      complete: z.boolean(),
      resumed: z.boolean(),
      providers: z.array(mirrorCount),
    }),
    notFound,
  ]),
  export: z.union([z.strictObject({ ...read, bundle: bytes }), notFound]),
  bundle: z.strictObject({
    complete: z.literal(false),
    registrationPinned: z.boolean(),
    network: z.enum(["mainnet", "testnet4", "signet", "regtest"]),
    name: text,
    register: hex(32),
    state: z.strictObject(state),
    asOf: z.strictObject({ ...block, tipAgeMs: z.nullable(count) }),
    profile: z.nullable(profile),
    record: z.nullable(z.strictObject({ ...recordMembers, route })),
    object: z.nullable(z.strictObject({ key: text, data: bytes, content })),
  }),
} satisfies { readonly [Kind in keyof Results]: z.ZodMiniType<Results[Kind]> };

/** What the strict JSON of profiles holds, without a limit of its own: what it is in was decoded with one. */
function isJson(value: unknown): boolean {
  if (value === null || typeof value === "boolean" || typeof value === "string") return true;
  if (typeof value === "number") return Number.isSafeInteger(value);
  if (Array.isArray(value)) return value.every(isJson);
  return typeof value === "object" && !(value instanceof Uint8Array) && Object.values(value).every(isJson);
}
