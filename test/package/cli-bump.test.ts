import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { parseTransaction } from "../../src/chain/transaction.js";
import { checkSigned } from "../../src/plan/check-signed.js";
import { createCoin } from "../../src/plan/coin-selection.js";
import { createPsbt } from "../../src/plan/psbt.js";
import { systemRandom } from "../../src/runtime/random.js";
import { decodeKeyFile, privateKeyWallet } from "../../src/wallet/private-key.js";
import { registerAlice, useCliWorld } from "./cli-world.js";
import { expectFailure, runCli, runJson } from "./run-cli.js";

const world = useCliWorld({ sources: 2, stores: 2, mine: "manual" });
const { file, env } = world;

beforeAll(async () => {
  const miner = setInterval(() => void world.devnet.mine(1), 100);
  await registerAlice(world);
  clearInterval(miner);
}, 60_000);

/** What a source's mempool and chain say of a transaction. */
async function fetchTx(txid: string): Promise<Response> {
  return fetch(`${world.devnet.sourceUrls[0] ?? ""}/tx/${txid}`);
}

describe("what is not mined", { timeout: 120_000 }, () => {
  it("bump: the plan has no effect; the replacement does the same and pays more", async () => {
    const broadcast = ["--wait", "broadcast"];
    const renewed = await runJson(["name", "renew", "alice", "--fee-rate", "1", ...broadcast], 0, env());
    const [first] = renewed.txids;
    const { plan } = await runJson(["bump", "alice", "--fee-rate", "7", "--plan"], 0, env());
    expect(plan).toMatchObject({ cost: { feeSats: "1106" }, transactions: [{}], affectedIds: [] });
    expect((await fetchTx(first)).status).toBe(200);
    const bumped = await runJson(["bump", first, "--fee-rate", "7", ...broadcast], 0, env());
    expect(bumped).toMatchObject({
      operation: renewed.operation,
      txids: [bumped.bump.txid],
      bump: { how: "replacement", operation: renewed.operation },
      cost: { feeSats: "1106" },
    });
    expect((await fetchTx(first)).status).toBe(404);
    expect(await (await fetchTx(bumped.bump.txid)).json()).toMatchObject({ fee: 1106, status: { confirmed: false } });
    const again = await runCli(["bump", renewed.operation, "--fee-rate", "9", ...broadcast], env());
    expect(again.text, again.stderr).toMatch(/^Sent [0-9a-f]{64}\n$/);
    await world.devnet.mine(1);
    const { error } = await runJson(["bump", "alice"], 2, env());
    expect(error).toMatchObject({ code: "INPUT_OPERATION_NOT_PENDING" });
    await expectFailure(["bump"], 2, "INPUT_INVALID", env());
  });

  it("a payment that spends the seal is told, and how to recover once it is mined", async () => {
    // What is at depth leaves the journal.
    await runJson(["resume", "alice"], 0, env());
    const { reserved } = await runJson(["name", "reserved"], 0, env());
    const [{ txid, vout }] = reserved;
    const privateKey = decodeKeyFile(readFileSync(file("owner.key"), "utf8"), "regtest");
    const wallet = privateKeyWallet({ privateKey, network: "regtest", random: systemRandom });
    const [account] = await wallet.accounts();
    if (account === undefined) throw new Error("no account");
    const hex = await (await fetch(`${world.devnet.sourceUrls[0] ?? ""}/tx/${String(txid)}/hex`)).text();
    const coin = createCoin(parseTransaction(new Uint8Array(Buffer.from(hex, "hex"))), vout, account);
    const { psbt } = createPsbt([coin], [{ script: account.script, valueSats: coin.valueSats - 600n }]);
    const [signed] = await wallet.signPsbts([{ psbt, inputs: [0], description: "" }]);
    const payment = await world.devnet.submit(checkSigned({ psbt }, signed ?? new Uint8Array()).raw);

    const shown = await runCli(["name", "show", "alice"], env());
    expect(shown.text).toMatch(/^ {2}status +active$/m);
    expect(shown.text).toMatch(
      new RegExp(`^ {2}pending +a spend that is no operation ${payment} in the mempool$`, "m"),
    );
    expect(shown.stderr).toContain('Once that is mined, its owner can seal it again: "hawser name recover alice".');
    for (const command of [
      ["name", "renew", "alice"],
      ["name", "recover", "alice"],
    ]) {
      const told = await expectFailure(command, 5, "CONFLICT_PENDING", env());
      expect(told).toContain(`is being spent by ${payment}`);
      expect(told).toContain('Once that is mined, "hawser name recover alice" seals it again.');
    }
    await world.devnet.mine(1);
    const miner = setInterval(() => void world.devnet.mine(1), 100);
    expect((await runCli(["name", "recover", "alice"], env())).text).toBe(
      "alice has its seal again and can be changed\n",
    );
    clearInterval(miner);
    expect((await runCli(["get", "alice", "settings", "--quiet"], env())).text).toBe("one");
  });
});
