import { afterEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { webdav } from "../../../src/storage/webdav.js";
import { FakeClock } from "../fake-clock.js";
import { describeStorageContract, OBJECT_PATH, RECORD_PATH } from "./contract.js";
import { type DavServerOptions, serveDav } from "./dav-server.js";
import { expectCode } from "./expect-code.js";
import { reply, serve, type TestServer } from "./serve.js";

const servers: TestServer[] = [];
async function dav(options: DavServerOptions = {}): ReturnType<typeof serveDav> {
  const server = await serveDav(options);
  servers.push(server);
  return server;
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

for (const [name, options] of [
  ["webdav with conditional writes", { conditional: true }],
  ["webdav without conditional writes", {}],
  ["webdav with staged writes", { staged: true }],
] as const) {
  describeStorageContract(name, async () => {
    const server = await serveDav();
    return { storage: webdav(`${server.url}/base`, options), close: () => server.close() };
  });
}

const record = { kind: "record", maxBytes: 1_000 } as const;

describe("webdav", () => {
  it.each(["ftp://a.example", "https://user:marker-secret@a.example", "https://a.example/?x"])(
    "U1: refuses the base %j",
    async (base) => {
      const error = await expectCode("INPUT_URL_INVALID", () => webdav(base));
      expect(JSON.stringify(error)).not.toContain("marker-secret");
      await expectCode("INPUT_URL_INVALID", () => webdav("https://a.example", { publicBaseUrl: base }));
    },
  );

  it("publishes the base, or what it is told to", () => {
    expect(webdav("https://a.example/x/").urlOf(OBJECT_PATH)).toBe(`https://a.example/x/${OBJECT_PATH}`);
    expect(webdav("https://a.example/x/").label).toBe("a.example/x");
    const other = webdav("https://a.example", { publicBaseUrl: "https://cdn.example", label: "mine" });
    expect([other.label, other.urlOf(OBJECT_PATH)]).toEqual(["mine", `https://cdn.example/${OBJECT_PATH}`]);
    expect(webdav("https://a.example", { publicBaseUrl: null }).urlOf(OBJECT_PATH)).toBeNull();
  });

  it.each([404, 409])("makes the folders that are missing, the base included, after status %d", async (noParent) => {
    const server = await dav({ noParent });
    const storage = webdav(`${server.url}/a/b`);
    expect(await storage.read(RECORD_PATH, record)).toBeNull();
    expect(await storage.write(RECORD_PATH, utf8("x"), { kind: "record" })).toBe("stored");
    expect([...server.files.keys()]).toEqual([`/a/b/${RECORD_PATH}`]);
    const before = server.seen.length;
    await storage.write("records/regtest/alice/other@5.json", utf8("x"), { kind: "record" });
    expect(server.seen.slice(before).map(({ method }) => method)).toEqual(["PUT"]);
  });
});
