import { getNetwork } from "../dist/chain/network.js";
import { hash256 } from "../dist/crypto/hash.js";

/** So many regtest headers, a second apart, on top of the genesis block. */
export function mineRegtest(count) {
  const genesis = getNetwork("regtest").checkpoint.header;
  const out = new Uint8Array(80 * count);
  let previous = hash256(Uint8Array.from(Buffer.from(genesis, "hex")));
  for (let i = 0; i < count; i++) {
    const header = out.subarray(80 * i, 80 * i + 80);
    const view = new DataView(header.buffer, header.byteOffset, 80);
    view.setInt32(0, 0x20000000, true);
    header.set(previous, 4);
    view.setUint32(36, i, true);
    view.setUint32(68, 1_600_000_000 + i, true);
    view.setUint32(72, 0x207fffff, true);
    for (let nonce = 0; ; nonce++) {
      view.setUint32(76, nonce, true);
      previous = hash256(header);
      if (previous[31] < 0x7f) break;
    }
  }
  return out;
}
