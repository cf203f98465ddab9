import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { concatBytes } from "../../src/bytes/bytes.js";
import { bitcoinCore } from "../../src/chain/sources/bitcoin-core.js";
import { electrum } from "../../src/chain/sources/electrum.js";
import { headerFile } from "../../src/chain/sources/header-file.js";
import { addressOf } from "../../src/devnet/script-kind.js";
import { createReader, type Reader, type ReaderOptions, verifyHeaders } from "../../src/index.js";
import { ALL_INDEXES, type Bitcoind, startBitcoind } from "./daemons/bitcoind.js";
import { type ElectrumX, startElectrumX } from "./daemons/electrumx.js";
import { Person } from "./node-world.js";
import { Opened } from "./opened.js";

/** More than two chunks, and a history that is too long for ElectrumX. */
const BLOCKS = 4_100;

async function exported(reader: Reader): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of reader.exportHeaders()) pieces.push(piece);
  return concatBytes(...pieces);
}

describe("a chain of 4,100 blocks that pay to one script", () => {
  const open = new Opened();
  let core: Bitcoind;
  let electrumX: ElectrumX;
  let tipHash: string;
  let script: Uint8Array;

  beforeAll(async () => {
    const { account } = await Person.create();
    script = account.script;
    core = open.use(await startBitcoind({ args: ALL_INDEXES }));
    for (let left = BLOCKS; left > 0; left -= 200) {
      await core.rpc.call("generatetoaddress", Math.min(200, left), addressOf(account.script) ?? "");
    }
    tipHash = await core.rpc.call("getbestblockhash");
    // 350,000 bytes are the least that it takes; at 99 bytes an entry it lists 3,535.
    electrumX = open.use(await startElectrumX({ rpc: core.rpc, env: { MAX_SEND: "350000" } }));
  });

  afterAll(() => open.close());

  const reader = (options: Pick<ReaderOptions, "sources"> & Partial<ReaderOptions>): Reader =>
    createReader({ network: "regtest", ...options });

  it("V1: are the same from Bitcoin Core by REST and by RPC, from ElectrumX, and from the file made of them", async () => {
    const { user, password, url } = core.rpc;
    const byElectrum = open.use(electrum(electrumX.tcpUrl));
    const all: Uint8Array[] = [];
    for (const source of [
      bitcoinCore(url, { user, password, rest: true }),
      bitcoinCore(url, { user, password, rest: false }),
      byElectrum,
    ]) {
      const from = reader({ sources: [source] });
      expect(await from.syncHeaders({ timeoutMs: 120_000 })).toMatchObject({ height: BLOCKS, hash: tipHash });
      all.push(await exported(from));
    }
    const [first = new Uint8Array()] = all;
    expect(first).toHaveLength(BLOCKS * 80);
    for (const other of all) expect(Buffer.compare(other, first)).toBe(0);
    expect(verifyHeaders(first, { network: "regtest" })).toMatchObject({ height: BLOCKS, hash: tipHash });

    const dir = await mkdtemp(join(tmpdir(), "hawser-headers-"));
    try {
      const path = join(dir, "headers.bin");
      await writeFile(path, first.subarray(0, 4_050 * 80));
      const headerSources = [headerFile(path, { network: "regtest" })];
      const from = reader({ sources: [byElectrum], headerSources });
      expect(await from.syncHeaders({ timeoutMs: 120_000 })).toMatchObject({ height: BLOCKS, hash: tipHash });
      expect(Buffer.compare(await exported(from), first)).toBe(0);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it("V5: make a history that ElectrumX does not list, which is no answer", async () => {
    const source = open.use(electrum(electrumX.wsUrl));
    await expect(source.history(script)).rejects.toMatchObject({ outcome: "unknown" });
    const other = (await Person.create()).account.script;
    expect(await source.history(other)).toEqual([]);
  });
});
