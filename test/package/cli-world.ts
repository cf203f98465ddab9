import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { type Devnet, type DevnetOptions, startDevnet } from "../../src/devnet/index.js";
import { encodeKeyFile } from "../../src/wallet/private-key.js";
import { buildProgram } from "./run-cli.js";

/** A devnet and a directory of one test file's own. */
export interface CliWorld {
  readonly devnet: Devnet;
  readonly directory: string;
  /** A path in the directory. */
  file(name: string): string;
  /** The environment of somebody who has set everything up; the key lies in `owner.key`. */
  env(extra?: Readonly<Record<string, string>>): { readonly env: Record<string, string> };
  /** Each source as a flag. */
  sourceFlags(): readonly string[];
}

/** Builds the program, starts the devnet before the tests of this file and stops it after them. */
export function useCliWorld(options: DevnetOptions = { sources: 2, stores: 2, control: true }): CliWorld {
  let devnet: Devnet | null = null;
  let directory = "";
  beforeAll(async () => {
    buildProgram();
    directory = mkdtempSync(join(tmpdir(), "hawser-cli-test-"));
    devnet = await startDevnet(options);
  });
  afterAll(async () => {
    await devnet?.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const world: CliWorld = {
    get devnet() {
      if (devnet === null) throw new Error("the devnet runs in tests only");
      return devnet;
    },
    get directory() {
      return directory;
    },
    file: (name) => join(directory, name),
    env: (extra = {}) => ({ env: { ...environmentOf(world.devnet, world), ...extra } }),
    sourceFlags: () => world.devnet.sourceUrls.flatMap((url) => ["--source", url]),
  };
  return world;
}

/** As {@link CliWorld.env}, for a devnet that a test has started itself. */
export function environmentOf(devnet: Devnet, { file }: CliWorld, cache = "cache"): Record<string, string> {
  return {
    HAWSER_NETWORK: "regtest",
    HAWSER_SOURCES: devnet.sourceUrls.join(","),
    HAWSER_WRITE_STORES: devnet.storeUrls.join(","),
    HAWSER_CACHE: file(cache),
    HAWSER_KEY_FILE: file("owner.key"),
  };
}

/** Registers alice with version 1 of settings ("one") in this process; her key is then in `owner.key`. */
export async function registerAlice({ devnet, file }: CliWorld): Promise<void> {
  const { writer, privateKey } = await devnet.fundedWriter();
  writeFileSync(file("owner.key"), encodeKeyFile({ privateKey, network: "regtest" }), { mode: 0o600 });
  await writer.registerName("alice");
  await writer.putMutable("alice", "settings", new TextEncoder().encode("one"));
}
