import { encodeHex } from "../../bytes/hex.js";
import { systemRandom } from "../../runtime/random.js";
import { createPrivateKey, encodeKeyFile, privateKeySigner, privateKeyWallet } from "../../wallet/private-key.js";
import type { Invocation } from "../command.js";
import { loadNetwork } from "../config.js";
import { writeNewSecret } from "../files.js";

/** `hawser keygen --out FILE`. */
export async function run({ args, environment, output }: Invocation): Promise<number> {
  const path = args.requiredText("out");
  const network = await loadNetwork(args, environment);
  const privateKey = createPrivateKey(systemRandom);
  const { addresses } = privateKeyWallet({ privateKey, network, random: systemRandom });
  const signerKey = encodeHex(privateKeySigner({ privateKey, random: systemRandom }).publicKey);
  await writeNewSecret(path, encodeKeyFile({ privateKey, network }));
  if (output.json) {
    await output.document({ keyFile: path, network, addresses, signerPublicKey: signerKey });
    return 0;
  }
  await output.line(
    `A key for ${network} is in ${path}. Whoever has this file has its names and coins: keep a safe copy.`,
  );
  await output.table([
    ...addresses.map((address, index) => [index === 0 ? "fund (owns names)" : "or fund", address]),
    ["signs records as", signerKey],
  ]);
  return 0;
}
