import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { workOfBits } from "../dist/chain/header.js";
import { HeaderChain } from "../dist/chain/header-chain.js";
import { getNetwork } from "../dist/chain/network.js";
import { hash256 } from "../dist/crypto/hash.js";
import { mineRegtest } from "./mine-regtest.mjs";
import { medianPair, ms, table } from "./report.mjs";

// Real headers 1 to 1,111 where the independent vectors lie beside the checkout, else a regtest chain made here.
const nowMs = Date.now();
const cases = [];
try {
  const bytes = readFileSync(
    fileURLToPath(new URL("../../shared/vectors/headers/mainnet_headers_from_1.bin", import.meta.url)),
  );
  const mainnet = getNetwork("mainnet");
  const network = {
    ...mainnet,
    minimumWork: 0n,
    protocolStart: 0,
    checkpoint: {
      height: 0,
      hash: mainnet.genesisHash,
      chainWork: workOfBits(0x1d00ffff),
      nextBits: 0x1d00ffff,
      weakStart: false,
      header: null,
    },
  };
  cases.push(["mainnet rules, real headers", network, new Uint8Array(bytes)]);
} catch {
  console.log("The independent vectors are not beside this checkout: real headers are left out.");
}
cases.push(["regtest rules, made here", getNetwork("regtest"), mineRegtest(20_000)]);

const rows = [];
for (const [name, network, headers] of cases) {
  const count = headers.length / 80;
  const repeat = Math.ceil(20_000 / count);
  const [bare, ours] = await medianPair(
    9,
    () => {
      for (let r = 0; r < repeat; r++) for (let i = 0; i < count; i++) hash256(headers.subarray(80 * i, 80 * i + 80));
    },
    () => {
      for (let r = 0; r < repeat; r++) {
        const { accepted } = HeaderChain.fromCheckpoint(network).extend(network.checkpoint.height + 1, headers, nowMs);
        if (accepted !== count) throw new Error(`accepted ${accepted} of ${count}`);
      }
    },
  );
  const rate = (seconds) => Math.round((count * repeat) / seconds).toLocaleString("en");
  rows.push([name, rate(bare), rate(ours), `${((ours / bare) * 100).toFixed(0)} %`, ms(ours)]);
}
table(
  "Verifying headers (budget: 150,000 headers/s)",
  ["chain", "bare double SHA-256 /s", "verified /s", "time over bare", "per 20,000"],
  rows,
);
