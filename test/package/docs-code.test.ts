import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { indexedDbCache } from "../../src/cache/indexed-db.js";
import { networks } from "../../src/chain/network.js";
import { type Devnet, startDevnet } from "../../src/devnet/index.js";
import { HawserError } from "../../src/errors.js";
import { createReader } from "../../src/index.js";
import { encodeRecord, recordDigest } from "../../src/mutable/record.js";
import type { StorageProvider, Wallet } from "../../src/ports.js";
import { systemRandom } from "../../src/runtime/random.js";
import { memoryStorage } from "../../src/storage/memory.js";
import type { PresignedRequest } from "../../src/storage/s3.js";
import { createPrivateKey, privateKeySigner, privateKeyWallet } from "../../src/wallet/private-key.js";
import { createWriter } from "../../src/writer.js";
import { dhtKeys } from "../unit/storage/dht-keys.js";
import { root } from "./pages.js";
import {
  entryPoints,
  removeSamples,
  runSample,
  type Sample,
  type SampleRun,
  samples,
  writeSamples,
} from "./samples.js";

beforeAll(writeSamples);
afterAll(removeSamples);

const text = (bytes: Uint8Array | null | undefined): string => new TextDecoder().decode(bytes ?? new Uint8Array());
const path = `objects/ab/${"ab".repeat(32)}`;
const bytes = (words: string): Uint8Array => new TextEncoder().encode(words);

describe("code in the documentation", () => {
  it("compiles against what the package exports", { timeout: 120_000 }, () => {
    const config = ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path));
    const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
    const paths = Object.fromEntries([...entryPoints].map(([name, source]) => [name, [join(root, source)]]));
    const program = ts.createProgram(
      samples.map(({ file }) => file),
      { ...options, paths: { ...options.paths, ...paths }, noUnusedLocals: false, noEmit: true },
    );
    const problems = samples.flatMap(({ file, where }) => {
      const source = program.getSourceFile(file);
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      return found.map(({ messageText, start = 0 }) => {
        const line = source?.getLineAndCharacterOfPosition(start).line ?? 0;
        return `${where} + ${line}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
      });
    });
    expect(problems).toEqual([]);
  });

  it("of the README runs in the oldest Node as it stands", () => {
    const [quickStart, ...others] = samples.filter(({ isWhole, page }) => isWhole && page === "README.md");
    expect(others).toEqual([]);
    const { diagnostics = [], outputText } = ts.transpileModule(quickStart?.code ?? "", {
      fileName: "try.mjs",
      reportDiagnostics: true,
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, allowJs: true },
    });
    expect(diagnostics.map(({ messageText }) => messageText)).toEqual([]);
    // Syntax that is newer than the target would have been rewritten with helpers.
    expect(outputText).not.toContain("__");
  });

  it.each(samples.filter(({ isWhole }) => isWhole))(
    "runs and prints what it says: $where",
    { timeout: 120_000 },
    async (sample) => {
      const said = [...sample.code.matchAll(/\/\/ prints (.*)$/gm)].map(([, words]) => words);
      const { printed } = await runSample(sample, new Map());
      expect(printed).toEqual(said);
      expect(said.length).toBeGreaterThan(0);
    },
  );
});

/** What a sample that cannot stand alone must do, once servers of a devnet stand for those that it names. */
interface Use {
  readonly page: string;
  /** Words that are in this sample of the page and in no other. */
  readonly has: string;
  readonly check: (run: SampleRun, world: World) => Promise<void> | void;
}

interface World {
  readonly devnet: Devnet;
}

const uses: readonly Use[] = [
  {
    page: "README.md",
    has: 'lmdbCache("/var/lib/my-app/hawser")',
    check: ({ printed }) => {
      expect(printed).toEqual([]);
    },
  },
  {
    page: "docs/sources.md",
    has: 'electrum("wss://b.example:50004")',
    // Sources connect with the first question.
    check: ({ printed }) => {
      expect(printed).toEqual([]);
    },
  },
  {
    page: "docs/sources.md",
    has: "fingerprint256",
    // Sources connect with the first question.
    check: ({ printed }) => {
      expect(printed).toEqual([]);
    },
  },
  {
    page: "docs/sources.md",
    has: "headerSources: [headerFile(",
    // Sources connect with the first question.
    check: ({ printed }) => {
      expect(printed).toEqual([]);
    },
  },
  {
    page: "docs/guides/node.md",
    has: "proven absent:",
    check: ({ printed }, { devnet }) => {
      expect(printed).toEqual([`1 16 ${devnet.height()}`]);
    },
  },
  {
    page: "docs/guides/node.md",
    has: "verifyForkProof",
    check: async ({ exported }) => {
      const signer = privateKeySigner({ privateKey: createPrivateKey(systemRandom), random: systemRandom });
      const place = { name: "alice", tenure: "11".repeat(32), id: "settings", epoch: 3 };
      const signed = async (word: string): Promise<string> => {
        const data = bytes(word);
        const digest = recordDigest({ network: networks.regtest, ...place }, 7, data);
        const sig = Buffer.from(await signer.sign(digest)).toString("hex");
        return text(encodeRecord({ id: place.id, data, ver: 7, sig }));
      };
      const records: readonly [string, string] = [await signed("one"), await signed("two")];
      const pubkey = Buffer.from(signer.publicKey).toString("hex");
      const proof = { network: "regtest", ...place, ver: 7, pubkey, records };
      const fork = new HawserError("RECORD_FORKED", "Two data.", { proof, attempts: [] });
      expect(exported.forkIn(fork)).toEqual(proof);
      expect(exported.forkIn(new Error("another"))).toBeNull();
    },
  },
  {
    page: "docs/guides/browser.md",
    has: "show(element",
    check: async ({ exported }) => {
      const element = { textContent: "" };
      await exported.show(element);
      expect(element.textContent).toBe("a sailor");
      // The floor is where the page says it is.
      expect(await indexedDbCache().keys("floor/regtest/alice/")).toHaveLength(1);
    },
  },
  {
    page: "docs/guides/browser.md",
    has: "function keepCache",
    check: async ({ exported }) => {
      for (const granted of [true, false]) {
        vi.stubGlobal("navigator", { storage: { persist: async () => granted } });
        expect(await exported.keepCache()).toBe(granted);
      }
      // Pages without TLS do not have it.
      vi.stubGlobal("navigator", {});
      expect(await exported.keepCache()).toBe(false);
    },
  },
  {
    page: "docs/guides/browser.md",
    has: "importFloors",
    check: async ({ exported }, { devnet }) => {
      const [before, after] = [createReader(devnet.readerOptions()), createReader(devnet.readerOptions())];
      await before.getMutable("alice", "bio");
      const file = new Blob([await exported.saveFloors(before)]);
      expect(await exported.takeFloors(after, file)).toBe(1);
      expect(await exported.takeFloors(after, file)).toBe(0);
    },
  },
  {
    page: "docs/guides/browser.md",
    has: "hawser/json",
    check: async ({ exported }, { devnet }) => {
      const reader = createReader(devnet.readerOptions());
      // As the messages of an extension travel.
      const send = async ({ name, id }: { readonly name: string; readonly id: string }): Promise<unknown> =>
        JSON.parse(JSON.stringify(await exported.answer(reader, name, id)));
      expect(text(await exported.ask(send, "alice", "bio"))).toBe("a sailor");
      expect(await exported.ask(send, "alice", "none")).toBeNull();
      await expect(exported.ask(send, "Alice", "bio")).rejects.toMatchObject({ code: "NAME_INVALID" });
      const forged = async (): Promise<unknown> => ({ result: { found: true, data: "forged" } });
      await expect(exported.ask(forged, "alice", "bio")).rejects.toMatchObject({ code: "INPUT_JSON_INVALID" });
    },
  },
  {
    page: "docs/guides/providers.md",
    has: "mirror = http(",
    check: async ({ exported }, { devnet }) => {
      const mirror = exported.mirror as StorageProvider;
      const origin = exported.origin as StorageProvider;
      expect(await origin.write(path, bytes("x"), { kind: "object", condition: { ifAbsent: true } })).toBe("stored");
      expect(await origin.write(path, bytes("y"), { kind: "object", condition: { ifAbsent: true } })).toBe("moved");
      expect(text((await mirror.read(path, { maxBytes: 9, kind: "object" }))?.bytes)).toBe("x");
      expect(origin.urlOf(path)).toBe(`https://cdn.example/data/${path}`);
      expect(mirror.urlOf(path)).toBe(`${devnet.storeUrls[0] ?? ""}/${path}`);
    },
  },
  {
    page: "docs/guides/providers.md",
    has: "diskStorage(",
    check: async ({ exported }) => {
      const disk = exported.disk as StorageProvider;
      expect(await disk.write(path, bytes("x"), { kind: "object" })).toBe("stored");
      expect(text((await disk.read(path, { maxBytes: 9, kind: "object" }))?.bytes)).toBe("x");
      expect(disk.urlOf(path)).toBe(`https://alice.example/hawser/${path}`);
    },
  },
  {
    page: "docs/guides/webdav-ftp.md",
    has: "webdav(",
    check: async ({ exported }) => {
      const share = exported.share as StorageProvider;
      expect(share.urlOf(path)).toBe(`https://www.example/alice/${path}`);
      expect(share.conditional).toBe(false);
    },
  },
  {
    page: "docs/guides/webdav-ftp.md",
    has: "ftp(",
    check: async ({ exported }) => {
      const host = exported.host as StorageProvider;
      expect(host.urlOf(path)).toBe(`https://www.example/hawser/${path}`);
      expect(host.label).toBe("ftp.example/www/hawser");
    },
  },
  {
    page: "docs/guides/s3.md",
    has: "export const amazon",
    check: ({ exported }) => {
      const [amazon, r2] = [exported.amazon as StorageProvider, exported.r2 as StorageProvider];
      expect(amazon.label).toBe("alice-data.s3.eu-central-1.amazonaws.com");
      expect(amazon.urlOf(path)).toBe(`https://data.alice.example/${path}`);
      expect(r2.label).toBe("0123456789abcdef.r2.cloudflarestorage.com/alice-data/hawser");
      expect(r2.urlOf(path)).toBe(`https://data.alice.example/hawser/${path}`);
    },
  },
  {
    page: "docs/guides/s3.md",
    has: "export const uploads",
    check: ({ exported }) => {
      const uploads = exported.uploads as StorageProvider;
      expect([uploads.conditional, uploads.urlOf(path)]).toEqual([true, `https://data.alice.example/${path}`]);
    },
  },
  {
    page: "docs/guides/s3.md",
    has: "export function sign",
    check: async ({ exported }) => {
      const signed = (await exported.sign({ method: "PUT", path, condition: { ifAbsent: true } })) as PresignedRequest;
      expect(new URL(signed.url).searchParams.get("X-Amz-Expires")).toBe("300");
      expect(signed.headers).toMatchObject({ "if-none-match": "*" });
    },
  },
  {
    page: "docs/guides/ipfs-dht-gaia.md",
    has: "ipfsGateway(",
    check: ({ exported }) => {
      expect((exported.node as StorageProvider).urlOf(path)).toMatch(/^https:\/\/gateway\.example\/ipfs\/bafkrei/);
    },
  },
  {
    page: "docs/guides/ipfs-dht-gaia.md",
    has: "dht({",
    check: async ({ exported }) => {
      const records = exported.records as StorageProvider;
      expect(records.urlOf("records/regtest/alice/bio@5.json")).toMatch(/^dht:[0-9a-f]{64}\/records\/regtest\/alice\//);
      await records.close?.();
    },
  },
  {
    page: "docs/guides/ipfs-dht-gaia.md",
    has: "gaia({",
    check: ({ exported }) => {
      expect((exported.bucket as StorageProvider).label).toContain("hub.example");
    },
  },
  {
    page: "docs/guides/replicas.md",
    has: "storagePolicy",
    // Nothing is asked before the first read.
    check: ({ printed }) => {
      expect(printed).toEqual([]);
    },
  },
  { page: "docs/guides/wallets.md", has: "extensionWallet", check: checkExtensionWallet },
];

async function checkExtensionWallet({ exported }: SampleRun, { devnet }: World): Promise<void> {
  const wallet = privateKeyWallet({
    privateKey: createPrivateKey(systemRandom),
    network: "regtest",
    random: systemRandom,
  });
  const [account] = await wallet.accounts();
  if (account === undefined) throw new Error("no account");
  let declines = false;
  const extension = {
    signPsbt: async (hex: string, { toSignInputs }: { toSignInputs: { index: number }[] }): Promise<string> => {
      if (declines) throw new Error("no");
      const inputs = toSignInputs.map(({ index }) => index);
      const [signed] = await wallet.signPsbts([{ psbt: Buffer.from(hex, "hex"), inputs, description: "" }]);
      return Buffer.from(signed ?? []).toString("hex");
    },
  };
  await devnet.faucet(account.script, 200_000n);
  const reader = createReader(devnet.readerOptions());
  const writer = createWriter({
    reader,
    storage: [memoryStorage()],
    wallet: exported.extensionWallet(extension, account) as Wallet,
    pollIntervalMs: 50,
  });
  const { state } = await writer.registerName("bob");
  expect(state).toBe("done");
  declines = true;
  await expect(writer.registerName("carol")).rejects.toMatchObject({ code: "WALLET_REFUSED" });
  await reader.close();
}

describe("code that names servers, against a devnet", () => {
  const directory = mkdtempSync(join(tmpdir(), "hawser-docs-"));
  let world: World;
  let places: ReadonlyMap<string, string>;

  beforeAll(async () => {
    const devnet = await startDevnet({ sources: 2, stores: 1 });
    world = { devnet };
    const { writer } = await devnet.fundedWriter();
    await writer.registerName("alice");
    await writer.putMutable("alice", "settings", bytes('{"theme":"dark"}'));
    await writer.putMutable("alice", "bio", bytes("a sailor"));
    const [source = "", other = ""] = devnet.sourceUrls;
    const [store = ""] = devnet.storeUrls;
    places = new Map([
      ["https://a.example/api", source],
      ["https://b.example/api", other],
      ["https://data.example/hawser", store],
      ["https://mirror.example/data", store],
      ["https://upload.example/data", store],
      ['network: "mainnet"', 'network: "regtest"'],
      ["/var/lib/my-app/hawser", join(directory, "cache")],
      ["/srv/www/hawser", join(directory, "www")],
    ]);
    vi.stubGlobal("freshToken", () => Promise.resolve("token"));
    vi.stubGlobal("freshKeys", () => Promise.resolve({ accessKeyId: "AKID", secretAccessKey: "secret" }));
    for (const [name, key] of Object.entries(dhtKeys("docs"))) vi.stubGlobal(name, key);
    vi.stubGlobal("indexedDB", new IDBFactory());
    vi.stubGlobal("IDBKeyRange", IDBKeyRange);
  });

  afterAll(async () => {
    vi.unstubAllGlobals();
    await world.devnet.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const others = samples.filter(({ isWhole }) => !isWhole);
  const useOf = (sample: Sample): Use[] =>
    uses.filter(({ page, has }) => page === sample.page && sample.code.includes(has));

  it("is all of the code that does not stand alone", () => {
    expect(others.filter((sample) => useOf(sample).length !== 1).map(({ where }) => where)).toEqual([]);
    expect(others).toHaveLength(uses.length);
  });

  it.each(others)("does what the page says: $where", async (sample) => {
    const [use] = useOf(sample);
    await use?.check(await runSample(sample, places), world);
  });
});
