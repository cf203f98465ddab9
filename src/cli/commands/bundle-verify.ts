import { encodeBase64 } from "../../bytes/base64.js";
import { getNetwork } from "../../chain/network.js";
import { loadBundleKeeper, verifyBundleWithCache } from "../../client/bundle.js";
import { bundleInvalid } from "../../client/bundle-form.js";
import type { ProvenBundle } from "../../client/verify-bundle.js";
import { limits } from "../../limits.js";
import { systemClock } from "../../runtime/clock.js";
import { addressOfScript } from "../address.js";
import type { Invocation } from "../command.js";
import { loadSettings } from "../config.js";
import { readTxid } from "../expectation.js";
import { readFileAtMost } from "../files.js";
import type { Cell } from "../output.js";
import { createCache } from "../reading.js";
import { readInteger, usageError } from "../usage.js";

/** `hawser verify FILE`. */
export async function run(invocation: Invocation): Promise<number> {
  const { args, output } = invocation;
  const pin = readTxid(args, "pin");
  const proof = await verify(invocation, pin);
  if (pin !== undefined && !proof.registrationPinned) {
    throw bundleInvalid(`the name was registered by ${proof.register}, not by ${pin}`);
  }
  if (output.json) {
    await output.document({ ...proof, record: withText(proof.record), object: withText(proof.object) });
    return 0;
  }
  await output.table(rows(proof));
  await output.note(
    "Later operations may exist, and somebody may have left some out. To know the present state, read it.",
  );
  return 0;
}

async function verify({ args, environment }: Invocation, pin: string | undefined): Promise<ProvenBundle> {
  const settings = await loadSettings(args, environment);
  const network = getNetwork(settings.network);
  const most = args.text("max-bytes") ?? String(limits.bundleMaxBytes);
  const maxBytes = readInteger(most, (expected, got) => usageError("--max-bytes", expected, got), 1);
  const bytes = await readFileAtMost(args.argument("FILE"), maxBytes);
  const cache = createCache(settings.cache);
  try {
    return await verifyBundleWithCache(bytes, await loadBundleKeeper(network, cache, systemClock), {
      name: args.text("name"),
      maxBytes,
      pins: pin === undefined ? [] : [pin],
      minConfirmations: settings.minConfirmations,
    });
  } finally {
    await cache.close();
  }
}

function withText(value: { readonly data: Uint8Array } | null): unknown {
  return value === null ? null : { ...value, data: encodeBase64(value.data) };
}

function rows(proof: ProvenBundle): readonly (readonly Cell[])[] {
  const { name, network, state, register, asOf, profile, record, object } = proof;
  const { status, unsealed, tenure, ownerScript } = state;
  const age = asOf.tipAgeMs === null ? "" : `, ${Math.round(asOf.tipAgeMs / 60_000)} min old`;
  const reserves = [
    asOf.weakStart ? "; weak start" : "",
    asOf.signaturesUnchecked ? "; block signatures not checked" : "",
  ];
  return [
    ["name", name],
    ["complete", { text: "no: a bundle cannot show that nothing was left out", tone: "warn" }],
    ["as of", `block ${asOf.height} (last header ${asOf.tipHeight}${age})${reserves.join("")}`],
    ["status", unsealed === null ? status : `${status}, unsealed`],
    ["registered by", proof.registrationPinned ? `${register}, as pinned` : register],
    ["tenure", tenure ?? "none"],
    ...(ownerScript === null ? [] : [["owner", addressOfScript(ownerScript, network)]]),
    ["profile", profile === null ? "not in it" : (state.profileHash ?? "none")],
    ...(record === null
      ? []
      : [["record", `${record.id}, version ${record.ver}, epoch ${record.route.epoch}, ${record.data.length} bytes`]]),
    ...(object === null ? [] : [["object", `${object.key}, ${object.data.length} bytes`]]),
  ];
}
