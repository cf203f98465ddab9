import { randomBytes } from "node:crypto";
import { getNetwork } from "../dist/chain/network.js";
import { sha256 } from "../dist/crypto/hash.js";
import { verifySchnorr } from "../dist/crypto/schnorr.js";
import { encodeRecord, parseRecord, recordDigest } from "../dist/mutable/record.js";
import { verifyRecord } from "../dist/mutable/verify.js";
import { createPrivateKey, privateKeySigner } from "../dist/wallet/private-key.js";
import { medianPair, ms, table } from "./report.mjs";

const random = { bytes: (length) => new Uint8Array(randomBytes(length)) };
const signer = privateKeySigner({ privateKey: createPrivateKey(random), random });
const context = { network: getNetwork("mainnet"), name: "alice", tenure: "11".repeat(32), id: "settings", epoch: 7 };

const rows = [];
for (const size of [100, 1024, 100 * 1024, 1024 * 1024]) {
  const data = random.bytes(size);
  const digest = recordDigest(context, 1, data);
  const sig = Buffer.from(await signer.sign(digest)).toString("hex");
  const body = encodeRecord({ id: "settings", data, ver: 1, sig });
  const signature = Uint8Array.from(Buffer.from(sig, "hex"));
  const repeat = size > 50_000 ? 5 : 25;
  const many = (call) => () => {
    for (let i = 0; i < repeat; i++) call();
  };
  const [bare, ours] = await medianPair(
    15,
    many(() => {
      if (!verifySchnorr(signature, digest, signer.publicKey)) throw new Error("wrong");
    }),
    many(() => verifyRecord(parseRecord(body), context, signer.publicKey)),
  );
  const [hash] = await medianPair(
    5,
    many(() => sha256(data)),
    () => undefined,
  );
  rows.push([
    `${size} B`,
    ms(bare / repeat),
    ms(hash / repeat),
    ms(ours / repeat),
    `${((ours / bare - 1) * 100).toFixed(1)} %`,
  ]);
}
table(
  "Verifying a record (budget: one signature check + 15 % at 1 KiB)",
  ["data", "bare BIP340 check", "bare SHA-256", "parse + verify", "over bare check"],
  rows,
);
