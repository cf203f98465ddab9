import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { lmdbCache } from "../../src/cache/lmdb.js";
import { type Devnet, startDevnet } from "../../src/devnet/index.js";
import { createReader, type Reader } from "../../src/index.js";
import type { StorageProvider } from "../../src/ports.js";
import { diskStorage } from "../../src/storage/disk.js";
import { http } from "../../src/storage/http.js";
import { createWriter } from "../../src/writer.js";
import type { HammerSettings, HammerStep } from "./hammer-worker.js";

const program = fileURLToPath(new URL("hammer-worker.ts", import.meta.url));

/** A process and what it said so far. */
interface Hammer {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly said: HammerStep[];
  readonly ended: Promise<void>;
}

function startHammer(settings: HammerSettings, onStep: (step: HammerStep) => void): Hammer {
  const child = spawn(process.execPath, ["--import", "tsx", program, JSON.stringify(settings)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  // A process that was killed reads no more.
  child.stdin.on("error", () => undefined);
  const said: HammerStep[] = [];
  const read = async (): Promise<void> => {
    for await (const line of createInterface({ input: child.stdout })) {
      // The last line of a process that was killed may be cut short.
      if (!line.endsWith("}")) continue;
      const step = JSON.parse(line) as HammerStep;
      said.push(step);
      onStep(step);
    }
  };
  return { process: child, said, ended: read() };
}

const stepsOf = <K extends HammerStep["step"]>(said: readonly HammerStep[], kind: K) =>
  said.filter((step): step is Extract<HammerStep, { step: K }> => step.step === kind);

describe("processes that share one LMDB cache and hammer one id", () => {
  let devnet: Devnet;
  let directory: string;
  let privateKey: string;
  let hammers: Hammer[];

  beforeEach(async () => {
    devnet = await startDevnet({ sources: 1, stores: 2 });
    directory = mkdtempSync(join(tmpdir(), "hawser-hammer-"));
    hammers = [];
  });
  afterEach(async () => {
    for (const hammer of hammers) hammer.process.kill("SIGKILL");
    await Promise.all(hammers.map(({ ended }) => ended));
    await devnet.close();
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  });

  const open = (store: string): StorageProvider =>
    store.startsWith("http:") ? http(store, { writable: true, conditional: true }) : diskStorage(store);
  const cache = (): string => join(directory, "cache");
  const start = (
    label: string,
    stores: readonly string[],
    times: number,
    onStep: (step: HammerStep) => void,
  ): Hammer => {
    const { sourceUrls } = devnet;
    const hammer = startHammer({ label, cache: cache(), sourceUrls, stores, privateKey, times }, onStep);
    hammers.push(hammer);
    return hammer;
  };

  async function registerAlice(stores: readonly string[]): Promise<void> {
    const funded = await devnet.fundedWriter();
    privateKey = Buffer.from(funded.privateKey).toString("hex");
    const storage = stores.map(open);
    const reader = createReader({ ...devnet.readerOptions(), storage });
    const writer = createWriter({ reader, storage, wallet: funded.wallet, signer: funded.signer });
    await writer.registerName("alice");
    await writer.putMutable("alice", "duel", utf8("start"));
    await reader.close();
  }

  /** Each process for itself saw floors, reads and its own versions rise only, and whatever failed was a conflict. */
  function expectConsistent(): void {
    for (const { said } of hammers) {
      let floor = 0;
      let own = 0;
      for (const step of said) {
        if (step.step === "failed")
          expect(step.what === "put" ? step.code : `${step.what}: ${step.code}`, step.message).toMatch(/^CONFLICT_/);
        if (step.step === "put") {
          expect(step.ver).toBeGreaterThan(own);
          expect(step.ver).toBeGreaterThanOrEqual(floor);
          own = step.ver;
        }
        // M7: never lower than what this process has seen or was told is stored.
        if (step.step === "read" || step.step === "floor")
          expect(step.ver).toBeGreaterThanOrEqual(Math.max(floor, own));
        if (step.step === "read" || step.step === "floor") floor = step.ver;
      }
    }
    const all = hammers.flatMap(({ said }) => said);
    // W5: a version is the same data wherever it is seen.
    const texts = new Map<number, string>();
    for (const step of [...stepsOf(all, "put"), ...stepsOf(all, "read")]) {
      expect(step.text, `version ${step.ver}`).toBe(texts.get(step.ver) ?? step.text);
      texts.set(step.ver, step.text);
    }
    const versions = stepsOf(all, "put").map(({ ver }) => ver);
    expect(new Set(versions).size).toBe(versions.length);
  }

  /** What a reader reads now, with the shared cache and with an empty one. */
  async function readBoth(
    stores: readonly string[],
  ): Promise<readonly { readonly ver: number; readonly text: string }[]> {
    const storage = stores.map(open);
    const readers: readonly Reader[] = [
      createReader({ ...devnet.readerOptions(), storage }),
      createReader({ ...devnet.readerOptions(), storage, cache: lmdbCache(cache()) }),
    ];
    const results = await Promise.all(readers.map((reader) => reader.getMutable("alice", "duel")));
    for (const reader of readers) await reader.close();
    return results.map((result) => {
      if (!result.found) return expect.fail(result.why);
      return { ver: result.ver, text: new TextDecoder().decode(result.data) };
    });
  }

  it.each(["HTTP", "disk"])(
    "M7, W5: %s: no floor and no acknowledged version is lost, and every put that lost says so",
    async (kind) => {
      const stores = kind === "HTTP" ? devnet.storeUrls : [join(directory, "store")];
      await registerAlice(stores);
      const [processes, times] = [3, 12];
      let ready = 0;
      for (let i = 0; i < processes; i++) {
        start(`process ${i}`, stores, times, ({ step }) => {
          if (step !== "ready") return;
          ready += 1;
          if (ready === processes) for (const hammer of hammers) hammer.process.stdin.write("go\n");
        });
      }
      await Promise.all(hammers.map(({ ended }) => ended));
      expectConsistent();
      const all = hammers.flatMap(({ said }) => said);
      const [attempts, acknowledged] = [stepsOf(all, "putting"), stepsOf(all, "put")];
      const conflicts = stepsOf(all, "failed");
      expect(attempts).toHaveLength(processes * times);
      expect(acknowledged.length + conflicts.length).toBe(attempts.length);
      // They did get into each other's way, and not only that.
      for (const { said } of hammers) expect(stepsOf(said, "put").length).toBeGreaterThan(0);
      expect(conflicts.length).toBeGreaterThan(0);
      const newest = acknowledged.reduce((a, b) => (a.ver > b.ver ? a : b));
      for (const read of await readBoth(stores)) expect(read).toEqual({ ver: newest.ver, text: newest.text });
    },
  );

  it("M7, W5: one that is killed again and again costs the others nothing", async () => {
    const stores = [devnet.storeUrls[0] ?? "", join(directory, "store")];
    await registerAlice(stores);
    let kills = 4;
    let victim: Hammer | null = null;
    let steps = 0;
    const startVictim = (): void => {
      const hammer = start(`victim ${kills}`, stores, 1_000, ({ step }) => {
        if (step === "ready") hammer.process.stdin.write("go\n");
      });
      victim = hammer;
    };
    const onStep = ({ step }: HammerStep): void => {
      if (step === "ready") for (const hammer of hammers) hammer.process.stdin.write("go\n");
      // By the pace of another process: in the victim that is anywhere.
      const puts = victim === null ? 0 : stepsOf(victim.said, "putting").length;
      steps += 1;
      if (victim === null || puts < 2 || steps % 7 !== kills) return;
      victim.process.kill("SIGKILL");
      kills -= 1;
      victim = null;
      if (kills > 0) startVictim();
      else for (const hammer of hammers) hammer.process.stdin.write("stop\n");
    };
    startVictim();
    const steady = [0, 1].map((i) => start(`steady ${i}`, stores, 1_000, onStep));
    await Promise.all(steady.map(({ ended }) => ended));
    expect(kills).toBe(0);
    await Promise.all(hammers.map(({ ended }) => ended));
    expectConsistent();
    const all = hammers.flatMap(({ said }) => said);
    const newest = stepsOf(all, "put").reduce((a, b) => (a.ver > b.ver ? a : b));
    const highest = Math.max(...[...stepsOf(all, "read"), ...stepsOf(all, "floor")].map(({ ver }) => ver));
    const [fresh, cached] = await readBoth(stores);
    // A put that was cut off may have been stored without anybody to say so.
    expect(fresh?.ver).toBeGreaterThanOrEqual(Math.max(newest.ver, highest));
    expect(cached).toEqual(fresh);
    if (fresh?.ver === newest.ver) expect(fresh.text).toBe(newest.text);
    else expect(stepsOf(all, "putting").map(({ text }) => text)).toContain(fresh?.text);
  });
});
