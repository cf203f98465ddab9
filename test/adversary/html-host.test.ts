import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { type Devnet, startDevnet } from "../../src/devnet/index.js";
import { createReader, type Reader } from "../../src/index.js";
import { http } from "../../src/storage/http.js";
import { memoryStorage } from "../../src/storage/memory.js";
import { createWriter } from "../../src/writer.js";
import { expectCode } from "../unit/storage/expect-code.js";
import { reply, serve, type TestServer } from "../unit/storage/serve.js";

/** Parked domains, captive portals and single-page applications have a page with status 200 for every path. */
describe("P6: a host that answers every path with a page", () => {
  const store = memoryStorage();
  let devnet: Devnet;
  let host: TestServer;
  let key: string;

  beforeAll(async () => {
    devnet = await startDevnet({ stores: 0 });
    host = await serve((_, response) => {
      reply(response, 200, "<!doctype html><title>Welcome</title>", { "content-type": "text/html" });
    });
    const { wallet, signer } = await devnet.fundedWriter();
    const reader = createReader({ ...devnet.readerOptions(), storage: [store] });
    const writer = createWriter({ reader, storage: [store], wallet, signer });
    await writer.registerName("alice");
    await writer.putMutable("alice", "settings", utf8("dark"));
    key = (await writer.putImmutable("alice", utf8("for ever"))).key;
    await reader.close();
  });
  afterAll(async () => {
    await host.close();
    await devnet.close();
  });

  const reading = async (
    storage: Parameters<typeof createReader>[0]["storage"],
    run: (reader: Reader) => Promise<void>,
  ) => {
    const reader = createReader({ ...devnet.readerOptions(), storage });
    await run(reader);
    await reader.close();
  };

  it("gives neither a value nor an absence", () =>
    reading([http(host.url)], async (reader) => {
      await expectCode("PROFILE_UNAVAILABLE", () => reader.getMutable("alice", "settings"));
      await expectCode("PROFILE_UNAVAILABLE", () => reader.getMutable("alice", "nothing"));
      await expectCode("PROFILE_UNAVAILABLE", () => reader.getImmutable("alice", key));
    }));

  it("costs nothing but its verdict where another one is honest", () =>
    reading([http(host.url, { label: "page" }), store], async (reader) => {
      const settings = await reader.getMutable("alice", "settings");
      expect(settings.found && settings.data).toEqual(utf8("dark"));
      const page = settings.found ? settings.replicas.find(({ label }) => label === "page") : undefined;
      expect(page?.verdict).toBe("unverified");
      const nothing = await reader.getMutable("alice", "nothing");
      expect(nothing.found).toBe(false);
      const found = await reader.getImmutable("alice", key);
      expect(found.found && found.data).toEqual(utf8("for ever"));
    }));
});
