import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { parseTransaction } from "../../src/chain/transaction.js";
import { checkSigned } from "../../src/plan/check-signed.js";
import { createCoin } from "../../src/plan/coin-selection.js";
import { createPsbt } from "../../src/plan/psbt.js";
import { systemRandom } from "../../src/runtime/random.js";
import { decodeKeyFile, privateKeyWallet } from "../../src/wallet/private-key.js";
import { registerAlice, useCliWorld } from "./cli-world.js";
import { expectFailure, runCli, runJson } from "./run-cli.js";

const world = useCliWorld({ sources: 2, stores: 2 });
const { file, env } = world;

interface Keys {
  readonly address: string;
  readonly keyHash: string;
  readonly signerKey: string;
}
let bob: Keys;
let fresh: Keys;
const bobEnv = (): { env: Record<string, string> } => env({ HAWSER_KEY_FILE: file("bob.key") });

beforeAll(async () => {
  await registerAlice(world);
  bob = await keygen("bob.key");
  fresh = await keygen("fresh.key");
  await world.devnet.faucet(bob.address, 1_000_000n);
});

async function keygen(name: string): Promise<Keys> {
  const { addresses, signerPublicKey } = await runJson(["keygen", "--out", file(name), "--network", "regtest"], 0);
  return { address: addresses[0], keyHash: addresses[1], signerKey: signerPublicKey };
}

/** The one seal that a key has, as `name reserved` tells it. */
async function sealOf(keyFile: string): Promise<{ txid: string; vout: number }> {
  const { reserved } = await runJson(["name", "reserved"], 0, env({ HAWSER_KEY_FILE: file(keyFile) }));
  expect(reserved).toEqual([
    { txid: expect.any(String), vout: 1, name: "alice", why: "seal", valueSats: expect.stringMatching(/^\d{4,5}$/) },
  ]);
  return reserved[0];
}

/** Spends an output as a wallet does that does not know what a seal is. */
async function spend(keyFile: string, { txid, vout }: { txid: string; vout: number }): Promise<string> {
  const privateKey = decodeKeyFile(readFileSync(file(keyFile), "utf8"), "regtest");
  const wallet = privateKeyWallet({ privateKey, network: "regtest", random: systemRandom });
  const [account] = await wallet.accounts();
  if (account === undefined) throw new Error("no account");
  const [source = ""] = world.devnet.sourceUrls;
  const raw = Buffer.from(await (await fetch(`${source}/tx/${txid}/hex`)).text(), "hex");
  const coin = createCoin(parseTransaction(new Uint8Array(raw)), vout, account);
  const { psbt } = createPsbt([coin], [{ script: account.script, valueSats: coin.valueSats - 600n }]);
  const [signed] = await wallet.signPsbts([{ psbt, inputs: [0], description: "" }]);
  return world.devnet.submit(checkSigned({ psbt }, signed ?? new Uint8Array()).raw);
}

describe("the life of a name", { timeout: 120_000 }, () => {
  it("name renew: the plan has no effect, the renewal moves the end of the term", async () => {
    const before = (await runJson(["name", "show", "alice"], 0, env())).name.changesAtHeight;
    const height = world.devnet.height();
    const { plan } = await runJson(["name", "renew", "alice", "--plan"], 0, env());
    expect(plan).toMatchObject({ cost: { bondSats: "0" }, transactions: [{}], affectedIds: [] });
    expect(world.devnet.height()).toBe(height);
    const renewed = await runJson(["name", "renew", "alice"], 0, env());
    expect(renewed).toMatchObject({ name: "alice", state: "done", txids: [expect.any(String)] });
    expect(renewed.changesAtHeight).toBeGreaterThan(before);
    const { text } = await runCli(["name", "renew", "alice"], env());
    const shown = (await runJson(["name", "show", "alice"], 0, env())).name;
    expect(text).toBe(`alice is renewed: it is active up to block ${shown.changesAtHeight - 1}\n`);
    expect((await runCli(["get", "alice", "settings", "--quiet"], env())).text).toBe("one");
    await expectFailure(["name", "renew", "alice"], 5, "WALLET_NOT_OWNER", bobEnv());
    await expectFailure(["name", "recover", "alice"], 2, "NAME_SEALED", env());
  });

  it("name rotate-key: the owner's key stays, records are signed by the new one and put with --signer-key", async () => {
    const rotate = ["name", "rotate-key", "alice", "--new-key", file("fresh.key")];
    const planned = await runCli([...rotate, "--plan"], env());
    expect(planned.text).toMatch(new RegExp(`^ {2}new key +${fresh.signerKey}\n {2}signed anew +settings$`, "m"));
    expect((await runJson([...rotate, "--plan", "--drop-records"], 0, env())).plan).toMatchObject({
      signerPublicKey: fresh.signerKey,
      signedAnew: [],
      dropped: ["settings"],
    });
    const rotated = await runJson(rotate, 0, env());
    expect(rotated).toMatchObject({ state: "done", signerPublicKey: fresh.signerKey, signedAnew: ["settings"] });
    expect((await runJson(["name", "show", "alice", "--profile"], 0, env())).profile.pubkey).toBe(fresh.signerKey);
    expect((await runCli(["get", "alice", "settings", "--quiet"], env())).text).toBe("one");
    await expectFailure(rotate, 2, "INPUT_KEY_INVALID", env());

    // The key file alone signs as before, and is refused: for a known record, and for a new one.
    const put = ["put", "alice", "settings"];
    const refused = await expectFailure(put, 2, "ROUTE_KEY_MISMATCH", { ...env(), input: "two" });
    expect(refused).toContain("--signer-key");
    await expectFailure(["put", "alice", "other"], 2, "ROUTE_KEY_MISMATCH", { ...env(), input: "x" });
    expect((await runJson([...put, "--signer-key", file("fresh.key")], 0, { ...env(), input: "two" })).ver).toBe(2);
    const own = env({ HAWSER_SIGNER_KEY_FILE: file("fresh.key") });
    const other = await runJson(["put", "alice", "other"], 0, { ...own, input: "x" });
    expect(other).toMatchObject({ ver: 1, txids: [expect.any(String)] });
    expect((await runJson(["get", "alice", "other"], 0, env())).route.pubkey).toBe(null);
    const delegate = ["put", "alice", "bobs", "--signer-key", file("bob.key")];
    expect(await expectFailure(delegate, 2, "ROUTE_KEY_MISMATCH", env())).toContain("--delegate");
    await runJson([...delegate, "--delegate"], 0, { ...env(), input: "y" });
    expect((await runJson(["get", "alice", "bobs"], 0, env())).route.pubkey).toBe(bob.signerKey);
  });

  it("a signer without a wallet puts what needs no transaction, and is told what it lacks for the rest", async () => {
    const signerOnly = env({ HAWSER_KEY_FILE: "", HAWSER_SIGNER_KEY_FILE: file("fresh.key") });
    expect((await runJson(["put", "alice", "settings"], 0, { ...signerOnly, input: "three" })).ver).toBe(3);
    const stderr = await expectFailure(["put", "alice", "new"], 2, "INPUT_CONFIG_INVALID", signerOnly);
    expect(stderr).toContain("--key-file");
    expect(await expectFailure(["name", "renew", "alice"], 2, "INPUT_CONFIG_INVALID", signerOnly)).toContain(
      "--key-file",
    );
    // A command that signs no record reads no signer's key.
    const lost = env({ HAWSER_SIGNER_KEY_FILE: file("nowhere.key") });
    await runJson(["name", "renew", "alice", "--plan"], 0, lost);
    await expectFailure(["put", "alice", "settings"], 2, "INPUT_FILE_UNUSABLE", lost);
  });

  it("name transfer: nothing without --yes where nobody can be asked; the plan shows what goes over and what ends", async () => {
    const transfer = ["name", "transfer", "alice", bob.address];
    expect(await expectFailure(transfer, 2, "INPUT_INVALID", env())).toContain("--yes");
    const height = world.devnet.height();
    const planned = await runCli([...transfer, "--plan", "--keep", "m:settings"], env());
    expect(planned.exitCode, planned.stderr).toBe(0);
    expect(planned.text).toMatch(new RegExp(`^ {2}new owner +${bob.address}$`, "m"));
    expect(planned.text).toMatch(/^ {2}goes over +m:settings\n {2}ends +m:(?:bobs|other)\n +m:(?:bobs|other)\n/m);
    expect(planned.text).toContain("--pubkey");
    const { plan } = await runJson([...transfer, "--plan"], 0, env());
    expect(plan).toMatchObject({ keeps: [], irreversible: true, to: { address: bob.address } });
    expect([...plan.ends].sort()).toEqual(["m:bobs", "m:other", "m:settings"]);
    expect(world.devnet.height()).toBe(height);
  });

  it("name transfer --keep: the new owner has the name and puts the kept record anew; the rest has ended", async () => {
    const flags = ["--keep", "m:settings", "--pubkey", bob.signerKey, "--yes"];
    const moved = await runJson(["name", "transfer", "alice", bob.address, ...flags], 0, env());
    expect(moved).toMatchObject({ name: "alice", state: "done", to: { address: bob.address } });
    const shown = await runJson(["name", "show", "alice", "--profile"], 0, env());
    expect(shown).toMatchObject({
      name: { ownerScript: moved.to.script },
      profile: { pubkey: bob.signerKey, about: {} },
    });
    expect((await runCli(["name", "show", "alice"], env())).text).toMatch(
      new RegExp(`^ {2}owner +${bob.address}$`, "m"),
    );
    expect((await runJson(["get", "alice", "settings"], 3, env())).error.code).toBe("RECORD_UNAVAILABLE");
    expect((await runJson(["get", "alice", "other"], 1, env())).why).toBe("not-in-index");
    const mine = await expectFailure(["name", "renew", "alice"], 5, "WALLET_NOT_OWNER", env());
    expect(mine).toContain(bob.address);
    const put = await runJson(["put", "alice", "settings"], 0, { ...bobEnv(), input: "of bob" });
    expect(put).toMatchObject({ txids: [], ver: 1 });
    expect((await runCli(["get", "alice", "settings", "--quiet"], env())).text).toBe("of bob");
    await runJson(["put", "alice", "new"], 0, { ...bobEnv(), input: "x" });
  });

  it("name recover: after the seal was spent by another wallet, the name is told to be unsealed and sealed again", async () => {
    const txid = await spend("bob.key", await sealOf("bob.key"));
    const { text, stderr } = await runCli(["name", "show", "alice"], env());
    expect(text).toMatch(/^ {2}status +active, unsealed$/m);
    expect(text).toContain(`unsealed by   ${txid} in block`);
    expect(stderr).toContain('"hawser name recover alice"');
    expect((await runCli(["get", "alice", "settings", "--quiet"], env())).text).toBe("of bob");
    expect(await expectFailure(["name", "renew", "alice"], 5, "NAME_UNSEALED", bobEnv())).toContain(
      "hawser name recover alice",
    );
    await expectFailure(["name", "recover", "alice"], 5, "WALLET_NOT_OWNER", env());
    const { plan } = await runJson(["name", "recover", "alice", "--plan"], 0, bobEnv());
    expect(plan.cost).toMatchObject({ bondSats: "1000", beaconSats: "330" });
    expect((await runCli(["name", "recover", "alice"], bobEnv())).text).toBe(
      "alice has its seal again and can be changed\n",
    );
    expect((await runJson(["name", "show", "alice"], 0, env())).name.unsealed).toBe(null);
    expect((await runCli(["get", "alice", "new", "--quiet"], env())).text).toBe("x");
    await sealOf("bob.key");
  });

  it("name transfer without --keep leaves no profile; the next owner begins anew", async () => {
    const moved = await runCli(["name", "transfer", "alice", fresh.keyHash, "--yes"], bobEnv());
    expect(moved.text, moved.stderr).toBe(`alice belongs to ${fresh.keyHash} now\n`);
    expect((await runJson(["get", "alice", "settings"], 1, env())).why).toBe("no-profile");
    await world.devnet.faucet(fresh.keyHash, 100_000n);
    const freshEnv = env({ HAWSER_KEY_FILE: file("fresh.key") });
    expect((await runJson(["put", "alice", "settings"], 0, { ...freshEnv, input: "of fresh" })).ver).toBe(1);
    expect((await runCli(["get", "alice", "settings", "--quiet"], env())).text).toBe("of fresh");
  });

  it("in grace it is told to be renewed, and until when", async () => {
    const { changesAtHeight } = (await runJson(["name", "show", "alice"], 0, env())).name;
    await world.devnet.mine(changesAtHeight - world.devnet.height());
    const { text, stderr } = await runCli(["name", "show", "alice"], env());
    expect(text).toMatch(/^ {2}status +grace$/m);
    expect(text).toMatch(
      new RegExp(`^ {2}changes at +block ${Number(changesAtHeight) + 20}: free to anybody unless`, "m"),
    );
    expect(stderr).toContain('"hawser name renew alice"');
  });

  it("name release: the bond comes back, and the name is free after the cooldown", async () => {
    const freshEnv = env({ HAWSER_KEY_FILE: file("fresh.key") });
    await expectFailure(["name", "release", "alice"], 2, "INPUT_INVALID", freshEnv);
    const planned = await runCli(["name", "release", "alice", "--plan"], freshEnv);
    expect(planned.text).toMatch(/^Cost: \d+ sat in fees, and \d+ sat of the seal come back\n/);
    const released = await runJson(["name", "release", "alice", "--pay-to", bob.address, "--yes"], 0, freshEnv);
    expect(released).toMatchObject({ name: "alice", state: "done", freeAtHeight: world.devnet.height() + 5 });
    const tx = await fetch(`${world.devnet.sourceUrls[0] ?? ""}/tx/${String(released.txids[0])}`);
    expect(await tx.json()).toMatchObject({ vout: [{ value: 0 }, { scriptpubkey_address: bob.address }] });
    const shown = await runCli(["name", "show", "alice"], env());
    expect([shown.exitCode, shown.text]).toEqual([1, ""]);
    expect(shown.stderr).toContain(`is released and can be registered from block ${String(released.freeAtHeight)} on`);
    for (const word of ["renew", "recover"]) {
      await expectFailure(["name", word, "alice"], 2, "NAME_NOT_REGISTERED", freshEnv);
    }
    await world.devnet.mine(5);
    expect((await runCli(["name", "show", "alice"], env())).stderr).toContain('"hawser name register alice"');
    expect((await runJson(["name", "reserved"], 0, freshEnv)).reserved).toEqual([]);
  });
});

describe("wrong use of what changes a name", () => {
  const away = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
  const usage: readonly (readonly [string[], string])[] = [
    [["name", "renew"], "INPUT_INVALID"],
    [["name", "renew", "nobody"], "NAME_NOT_REGISTERED"],
    [["name", "renew", "nobody", "--yes"], "INPUT_INVALID"],
    [["name", "transfer", "nobody"], "INPUT_INVALID"],
    [["name", "transfer", "nobody", away, "--yes"], "INPUT_INVALID"],
    [["name", "transfer", "nobody", "0014aa", "--yes"], "INPUT_INVALID"],
    [["name", "transfer", "nobody", `0014${"aa".repeat(20)}`, "--keep", "settings", "--yes"], "INPUT_INVALID"],
    [["name", "transfer", "nobody", `0014${"aa".repeat(20)}`, "--pubkey", "aa", "--yes"], "INPUT_KEY_INVALID"],
    [["name", "transfer", "nobody", `0014${"aa".repeat(20)}`, "--about", "/nowhere", "--yes"], "INPUT_FILE_UNUSABLE"],
    [["name", "release"], "INPUT_INVALID"],
    [["name", "release", "nobody", "--pay-to", away, "--yes"], "INPUT_INVALID"],
    [["name", "recover", "no_name"], "NAME_INVALID"],
    [["name", "rotate-key", "nobody"], "INPUT_INVALID"],
    [["name", "rotate-key", "nobody", "--new-key", "/nowhere"], "INPUT_FILE_UNUSABLE"],
    [["name", "rotate-key", "nobody", "--new-key", "x", "--drop-records", "--drop-record", "a"], "INPUT_INVALID"],
    [["name", "reserved", "alice"], "INPUT_INVALID"],
    [["name", "reserved", "--key-file", "/nowhere"], "INPUT_FILE_UNUSABLE"],
  ];
  it.concurrent.each(usage)("%j is %s", async (args, code) => {
    await expectFailure(args, 2, code, bobEnv());
  });

  it("of a name that one has: to oneself, an entry or record that is not there, a broken key file", async () => {
    await runJson(["name", "register", "carol"], 0, bobEnv());
    const self = await expectFailure(["name", "transfer", "carol", bob.address, "--yes"], 2, "INPUT_INVALID", bobEnv());
    expect(self).toContain(`TO: expected another owner than the present one of carol, got ${bob.address}.`);
    const keep = ["name", "transfer", "carol", fresh.address, "--keep", "m:none", "--yes"];
    await expectFailure(keep, 2, "ROUTE_MISSING", bobEnv());
    const rotate = ["name", "rotate-key", "carol", "--new-key"];
    const dropped = await expectFailure(
      [...rotate, file("fresh.key"), "--drop-record", "none"],
      2,
      "INPUT_INVALID",
      bobEnv(),
    );
    expect(dropped).toContain("there are none");
    writeFileSync(file("broken.key"), "not a key", { mode: 0o600 });
    expect(await expectFailure([...rotate, file("broken.key")], 2, "INPUT_KEY_INVALID", bobEnv())).toContain(
      "broken.key",
    );
    await expectFailure([...rotate, file("bob.key")], 2, "INPUT_KEY_INVALID", bobEnv());
  });
});
