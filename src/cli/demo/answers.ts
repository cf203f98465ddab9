import * as z from "zod/mini";
import { unreachable } from "../../bytes/guards.js";
import type { JsonObject } from "../../bytes/json.js";

const source = z.object({
  label: z.string(),
  verdict: z.enum(["agreed", "behind", "withheld", "lied", "other-chain", "other-network", "unreachable"]),
});
const replica = z.object({
  label: z.string(),
  verdict: z.enum(["fresh", "behind", "unverified", "forked", "future", "refused", "unreachable", "absent"]),
  ver: z.nullable(z.number()),
  reason: z.nullable(z.string()),
});
const version = z.object({ epoch: z.number(), ver: z.number() });
const asOf = z.object({ height: z.number(), sources: z.array(source) });

const record = z.object({ data: z.string(), ver: z.number(), asOf, replicas: z.array(replica) });
const file = z.object({ out: z.string(), asOf });
const refusal = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    details: z.object({
      got: version,
      floor: version,
      attempts: z.array(z.object({ label: z.string(), code: z.string(), message: z.string() })),
    }),
  }),
});

/** What the demo uses of `hawser get --json`. */
export type RecordAnswer = z.infer<typeof record>;

export function readRecordAnswer(document: JsonObject): RecordAnswer {
  return parse(record, document);
}

/** What the demo uses of `hawser cat --json --out`. */
export function readFileAnswer(document: JsonObject): z.infer<typeof file> {
  return parse(file, document);
}

/** What the demo uses of a refusal for staleness. */
export function readRefusal(document: JsonObject): z.infer<typeof refusal>["error"] {
  return parse(refusal, document).error;
}

function parse<T>(schema: z.ZodMiniType<T>, document: JsonObject): T {
  const parsed = schema.safeParse(document);
  return parsed.success
    ? parsed.data
    : unreachable(`the other process answered ${JSON.stringify(document).slice(0, 600)}`);
}
