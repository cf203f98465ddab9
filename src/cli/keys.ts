import { stat } from "node:fs/promises";
import type { NetworkId } from "../chain/network.js";
import { HawserError, isHawserError } from "../errors.js";
import type { Signer } from "../ports.js";
import { systemRandom } from "../runtime/random.js";
import { decodeKeyFile, type PrivateKeyWallet, privateKeySigner, privateKeyWallet } from "../wallet/private-key.js";
import type { Invocation } from "./command.js";
import type { Settings } from "./config.js";
import { fileUnusable, readFileAtMost } from "./files.js";
import { missingSetting } from "./reading.js";

/** What a run signs with. */
export interface Keys {
  /** Undefined where only a signer's key is named, which suffices to put records to routes that exist. */
  readonly wallet: PrivateKeyWallet | undefined;
  readonly signer: Signer | undefined;
}

const KEY_FILE_MAX_BYTES = 4096;

/**
 * Reads the keys that the settings name: `keyFile` for the wallet, `signerKeyFile` or else `keyFile` for the signer. A
 * command that does not take `--signer-key` signs no record, and nobody's key is read for it.
 *
 * @throws INPUT_CONFIG_INVALID, INPUT_KEY_INVALID, INPUT_FILE_UNUSABLE
 */
export async function loadKeys(invocation: Invocation, settings: Settings): Promise<Keys> {
  const { keyFile, network } = settings;
  const signerKeyFile = invocation.args.declares("signer-key") ? settings.signerKeyFile : undefined;
  if (keyFile === undefined && signerKeyFile === undefined) {
    const reason = 'no key is named ("hawser keygen --out FILE" makes one)';
    throw missingSetting("keyFile", reason, "--key-file FILE, HAWSER_KEY_FILE");
  }
  const own = keyFile === undefined ? undefined : await readKeyFile(invocation, keyFile, network);
  const isOther = signerKeyFile !== undefined && signerKeyFile !== keyFile;
  const signing = isOther ? await readKeyFile(invocation, signerKeyFile, network) : own;
  return {
    wallet: own === undefined ? undefined : privateKeyWallet({ privateKey: own, network, random: systemRandom }),
    signer: signing === undefined ? undefined : privateKeySigner({ privateKey: signing, random: systemRandom }),
  };
}

/**
 * The wallet of the key file, or undefined where none is named.
 *
 * @throws INPUT_KEY_INVALID, INPUT_FILE_UNUSABLE
 */
export async function loadWallet(
  invocation: Invocation,
  { keyFile, network }: Settings,
): Promise<PrivateKeyWallet | undefined> {
  if (keyFile === undefined) return undefined;
  const privateKey = await readKeyFile(invocation, keyFile, network);
  return privateKeyWallet({ privateKey, network, random: systemRandom });
}

/**
 * A signer of records with the key in a file.
 *
 * @throws INPUT_KEY_INVALID, INPUT_FILE_UNUSABLE
 */
export async function loadSigner(invocation: Invocation, path: string, network: NetworkId): Promise<Signer> {
  return privateKeySigner({ privateKey: await readKeyFile(invocation, path, network), random: systemRandom });
}

async function readKeyFile({ output }: Invocation, path: string, network: NetworkId): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFileAtMost(path, KEY_FILE_MAX_BYTES);
  } catch (error) {
    // Whoever types the key itself in place of the file must not find it in a log.
    if (looksLikeKey(path)) throw fileUnusable("the key file (not shown: it looks like a key)", "read", "no such file");
    if (isHawserError(error, "INPUT_TOO_LARGE")) throw fileUnusable(path, "read", "it is too large for a key file");
    throw error;
  }
  const privateKey = decodeOf(path, new TextDecoder().decode(bytes), network);
  const { mode } = await stat(path);
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    await output.warning(`hawser: warning: others may read ${path}; "chmod 600" it.`);
  }
  return privateKey;
}

/** As `decodeKeyFile`, but says which of two files cannot be used. @throws INPUT_KEY_INVALID */
function decodeOf(path: string, text: string, network: NetworkId): Uint8Array {
  try {
    return decodeKeyFile(text, network);
  } catch (error) {
    if (!isHawserError(error, "INPUT_KEY_INVALID")) throw error;
    const { reason } = error.details;
    throw new HawserError("INPUT_KEY_INVALID", `The key in ${path} cannot be used: ${reason}.`, { reason });
  }
}

function looksLikeKey(text: string): boolean {
  return /^(?:(?:0x)?[0-9a-f]{64}|[5KLc9][1-9A-HJ-NP-Za-km-z]{50,51})$/i.test(text.trim());
}
