import { randomBytes } from "node:crypto";
import { hash256 } from "../dist/crypto/hash.js";
import { signSchnorr, verifySchnorr } from "../dist/crypto/schnorr.js";
import { xOnlyPublicKeyOf } from "../dist/crypto/taproot.js";
import { startDevnet } from "../dist/devnet/index.js";
import { verifyBundle, verifyBundleWithReader } from "../dist/index.js";
import { kb, mb, medianPair, ms, table } from "./report.mjs";

// Proof bundles of a name with more and more operations, and of one under a year of headers. `bundle:1000` takes so many
// headers in place of a year's.
const YEAR = 144 * 365;
const UPDATES = [1, 10, 100];
/** Headers that a verifier with headers of its own lacks. */
const MISSING = 6;

const digest = new Uint8Array(randomBytes(32));
const privateKey = new Uint8Array(32).fill(1);
const publicKey = xOnlyPublicKeyOf(privateKey);
const signature = signSchnorr(digest, privateKey, digest);

const headerCount = Number(process.argv[2] ?? YEAR);
const rows = [];
await operations();
await headers();
table(
  "Verifying a proof bundle (bare: double SHA-256 of its headers and transactions, and the check of its record)",
  ["bundle", "headers", "size", "bare", "verified", "over bare"],
  rows,
);
process.exit(0);

/** By operations, from the checkpoint on and for a verifier that holds nearly all headers. */
async function operations() {
  const devnet = await startDevnet();
  const { writer, reader } = await devnet.fundedWriter({ valueSats: 10_000_000n });
  await writer.registerName("alice");
  await writer.putMutable("alice", "settings", new Uint8Array(1024).fill(1));
  let updates = 0;
  for (const step of UPDATES) {
    for (; updates < step; updates++) await writer.updateProfile("alice", { about: { revision: updates } });
    const from = devnet.height() - MISSING + 1;
    const what = `${step} update${step === 1 ? "" : "s"}`;
    await measure(`${what}, from the checkpoint`, await reader.exportBundle("alice"));
    await measure(`${what}, with a record`, await reader.exportBundle("alice", { id: "settings" }));
    const held = await reader.exportBundle("alice", { id: "settings", from });
    // A reader that has read the name has the headers, and has verified them before.
    await measure(`${what}, with a record, headers held`, held, reader);
  }
  await devnet.close();
}

/** With as many headers below the operations as a year brings. */
async function headers() {
  const devnet = await startDevnet();
  for (let left = headerCount; left > 0; left -= 10_000) await devnet.mine(Math.min(left, 10_000));
  const { writer, reader } = await devnet.fundedWriter();
  await writer.registerName("alice");
  await writer.putMutable("alice", "settings", new Uint8Array(1024).fill(1));
  const what = `${headerCount.toLocaleString("en")} headers`;
  await measure(`${what}, with a record`, await reader.exportBundle("alice", { id: "settings" }));
  await devnet.close();
}

async function measure(what, exported, reader) {
  if (!exported.found) throw new Error("not found");
  const { bundle } = exported;
  const json = JSON.parse(Buffer.from(bundle).toString());
  const chain = Uint8Array.from(Buffer.from(json.headers, "hex"));
  const count = chain.length / 80;
  const transactions = json.txs.map(({ raw }) => Uint8Array.from(Buffer.from(raw, "hex")));
  const runs = count > 10_000 ? 5 : 15;
  const [bare, verified] = await medianPair(
    runs,
    () => {
      for (let i = 0; i < count; i++) hash256(chain.subarray(80 * i, 80 * i + 80));
      for (const raw of transactions) hash256(raw);
      if (json.record !== undefined && !verifySchnorr(signature, digest, publicKey)) throw new Error("wrong");
    },
    async () => {
      const proven = await (reader === undefined
        ? verifyBundle(bundle, { network: "regtest" })
        : verifyBundleWithReader(reader, bundle));
      if (proven.name !== "alice" || (proven.record === null) !== (json.record === undefined)) throw new Error("wrong");
    },
  );
  const size = bundle.length < 1e6 ? kb(bundle.length) : mb(bundle.length);
  rows.push([
    what,
    count.toLocaleString("en"),
    size,
    ms(bare),
    ms(verified),
    `${((verified / bare) * 100).toFixed(0)} %`,
  ]);
}
