import { describe, expect, it } from "vitest";
import { concatBytes } from "../../../src/bytes/bytes.js";
import { parseHeader } from "../../../src/chain/header.js";
import { networks } from "../../../src/chain/network.js";
import { verifyHeaders } from "../../../src/chain/verify-header-bytes.js";
import { expectCode } from "../storage/expect-code.js";
import { GENESIS_TIME_SEC, genesisHeaders, headerOf, mineHeader, mineRegtest, mineRun } from "./mining.js";

const run = mineRegtest(30);
const tip = parseHeader(headerOf(run, 29));
const network = "regtest";

describe("verifyHeaders", () => {
  it("V1: tells the tip and the work of headers that hold", () => {
    const expected = {
      network,
      start: 1,
      height: 30,
      hash: tip.hash,
      time: tip.timeSec,
      work: (2n * 31n).toString(16),
      weakStart: false,
      signaturesUnchecked: false,
    };
    expect(verifyHeaders(run, { network })).toEqual(expected);
    expect(verifyHeaders(concatBytes(genesisHeaders.regtest, run), { network, start: 0 })).toEqual(expected);
  });

  it("V1: refuses the first header that breaks a rule, and one that is cut off", async () => {
    const bad = mineHeader({ previousHash: tip.hash, timeSec: tip.timeSec + 600, miss: true });
    const details = { height: 31 };
    const verify = (bytes: Uint8Array, nowMs?: number) => () => verifyHeaders(bytes, { network, nowMs });
    expect(await expectCode("CHAIN_HEADER_INVALID", verify(concatBytes(run, bad)))).toMatchObject({ details });
    expect(await expectCode("CHAIN_HEADER_INVALID", verify(concatBytes(run, bad.subarray(0, 79))))).toMatchObject({
      details,
    });
    await expectCode("CHAIN_HEADER_INVALID", verify(run, (GENESIS_TIME_SEC + 600) * 1000));
    await expectCode("CHAIN_HEADER_INVALID", verify(concatBytes(run, run)));
  });

  it("V1: refuses what does not build on the checkpoint", async () => {
    const foreign = mineRun({ previousHash: "22".repeat(32), timeSec: GENESIS_TIME_SEC, count: 3 });
    await expectCode("CHAIN_WORK_INSUFFICIENT", () => verifyHeaders(foreign, { network }));
    await expectCode("CHAIN_WORK_INSUFFICIENT", () =>
      verifyHeaders(concatBytes(genesisHeaders.signet, run), { network, start: 0 }),
    );
    await expectCode("CHAIN_WORK_INSUFFICIENT", () => verifyHeaders(run, { network: "mainnet" }));
    await expectCode("CHAIN_WORK_INSUFFICIENT", () => verifyHeaders(run, { network: "testnet4" }));
  });

  it("refuses nothing at all, headers that begin above the checkpoint, and other arguments", async () => {
    await expectCode("INPUT_INVALID", () => verifyHeaders(new Uint8Array(0), { network }));
    await expectCode("INPUT_INVALID", () => verifyHeaders(genesisHeaders.regtest, { network, start: 0 }));
    await expectCode("INPUT_INVALID", () => verifyHeaders(run.subarray(80), { network, start: 2 }));
    await expectCode("INPUT_INVALID", () => verifyHeaders(run, { network, start: -1 }));
    await expectCode("INPUT_INVALID", () => verifyHeaders(run, { network, nowMs: Number.NaN }));
    await expectCode("INPUT_INVALID", () => verifyHeaders("00" as unknown as Uint8Array, { network }));
    await expectCode("INPUT_INVALID", () => verifyHeaders(run, { network: "bitcoin" as "mainnet" }));
  });

  it("V1: every other network has its checkpoint in the way of headers that begin elsewhere", async () => {
    for (const { id, checkpoint } of Object.values(networks)) {
      await expectCode("INPUT_INVALID", () => verifyHeaders(run, { network: id, start: checkpoint.height + 2 }));
    }
  });
});
