import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { type Devnet, startDevnet } from "../../../../src/devnet/index.js";
import { createReader, type Reader, type Signer, type StorageProvider, type Wallet } from "../../../../src/index.js";
import { memoryStorage } from "../../../../src/storage/memory.js";
import { createWriter, type Writer } from "../../../../src/writer.js";
import { rejectionOf } from "../../mutable/world.js";
import { wrapped } from "../../route/places.js";

interface Called {
  readonly provider: StorageProvider;
  /** The first part of every path that it was asked for or given. */
  readonly folders: Set<string>;
}

/** A provider that keeps one kind, and notes what it is called with. */
function keeping(kind: "record" | "object"): Called {
  const folders = new Set<string>();
  const inner = memoryStorage({ label: `${kind}s`, publicBaseUrl: `https://${kind}s.example` });
  const note = (path: string) => folders.add(path.split("/")[0] ?? "");
  const provider = wrapped(inner, {
    kinds: [kind],
    read: (path, options) => {
      note(path);
      return inner.read(path, options);
    },
    write: (path, body, options) => {
      note(path);
      return inner.write(path, body, options);
    },
    remove: (path, options) => {
      note(path);
      return inner.remove(path, options);
    },
  });
  return { provider, folders };
}

describe("W7: providers that keep one kind", () => {
  let devnet: Devnet;
  let reader: Reader;
  let writer: Writer;
  let wallet: Wallet;
  let signer: Signer;
  const records = keeping("record");
  const objects = keeping("object");
  beforeAll(async () => {
    devnet = await startDevnet({ stores: 0 });
    ({ wallet, signer } = await devnet.fundedWriter());
    const storage = [records.provider, objects.provider];
    reader = devnetReader();
    writer = createWriter({ reader, storage, wallet, signer });
    await writer.registerName("alice");
  });
  afterAll(() => devnet.close());

  const devnetReader = (): Reader => {
    const storage = [records.provider, objects.provider];
    return createReader({ ...devnet.readerOptions(), storage });
  };

  it("M8: a name's data is written, read and deleted without asking one for the other's", async () => {
    const { route } = await writer.putMutable("alice", "settings", utf8("dark"));
    const { key } = await writer.putImmutable("alice", utf8("photo"));
    expect(route.urls).toEqual([`https://records.example/records/regtest/alice/settings@${route.epoch}.json`]);
    const fresh = devnetReader();
    expect(await fresh.getProfile("alice")).toMatchObject({ profile: { storage: ["https://objects.example"] } });
    expect(await fresh.getMutable("alice", "settings")).toMatchObject({
      data: utf8("dark"),
      replicas: [{ label: "records", verdict: "fresh" }],
    });
    expect(await fresh.getImmutable("alice", key)).toMatchObject({ data: utf8("photo"), attempts: [] });
    expect((await writer.deleteMutable("alice", "settings")).removals).toMatchObject([
      { label: "records", removed: 1 },
    ]);
    expect((await writer.deleteImmutable("alice", key)).removals).toMatchObject([{ label: "objects", removed: 1 }]);
    expect([...records.folders]).toEqual(["records"]);
    expect([...objects.folders]).toEqual(["objects"]);
  });

  it("required counts those that keep what is written, before anything is signed or sent", async () => {
    const storage = [records.provider, objects.provider];
    expect(() => createWriter({ reader, storage, wallet, signer, required: 2 })).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID" }),
    );
    const batch = (edit: (list: ReturnType<Writer["batch"]>) => void, only: StorageProvider) => {
      const list = createWriter({ reader, storage: [only], wallet, signer }).batch("alice");
      edit(list);
      return list.plan();
    };
    await rejectionOf("INPUT_INVALID", writer.plan.registerName("bob", { required: 2 }));
    await rejectionOf("INPUT_INVALID", writer.plan.putMutable("alice", "new", utf8("x"), { required: 2 }));
    await rejectionOf("INPUT_INVALID", writer.plan.putImmutable("alice", utf8("x"), { required: 2 }));
    const putRecord = (list: ReturnType<Writer["batch"]>) => list.putMutable("new", utf8("x"));
    await rejectionOf("INPUT_INVALID", batch(putRecord, objects.provider));
    await rejectionOf(
      "INPUT_INVALID",
      batch((list) => list.putImmutable(utf8("x")), records.provider),
    );
  });
});
