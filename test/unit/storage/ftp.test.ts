import { afterEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import type { StorageProvider } from "../../../src/ports.js";
import { type FtpOptions, ftp } from "../../../src/storage/ftp.js";
import { FakeClock } from "../fake-clock.js";
import { describeStorageContract, OBJECT_PATH, RECORD_PATH } from "./contract.js";
import { expectCode } from "./expect-code.js";
import { type FtpServer, type FtpServerOptions, serveFtp } from "./ftp-server.js";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(
  serverOptions: FtpServerOptions = {},
  options: FtpOptions = {},
): Promise<{ server: FtpServer; storage: StorageProvider }> {
  const server = await serveFtp(serverOptions);
  const storage = ftp(`ftp://${server.host}/data`, options);
  closing.push(
    () => server.close(),
    async () => storage.close?.(),
  );
  return { server, storage };
}

describeStorageContract("ftp", async () => {
  const server = await serveFtp();
  const storage = ftp(`ftp://${server.host}/data`);
  return {
    storage,
    close: async () => {
      await storage.close?.();
      await server.close();
    },
  };
});

const record = { kind: "record", maxBytes: 1_000 } as const;
const file = `/home/data/${RECORD_PATH}`;
const store = (storage: StorageProvider, text = "x") => storage.write(RECORD_PATH, utf8(text), { kind: "record" });

describe("ftp", () => {
  it.each([
    "http://a.example",
    "ftp://user:marker-secret@a.example/x",
    "ftp://a.example/x?y",
    "ftp://a.example/x#y",
    "ftp://a.example/a%0d%0aDELE%20x",
    "ftp://a.example/a%00",
    "ftp://a.example/a/%2e%2e%2fb",
    "ftp://a.example/%ff",
    "a.example",
  ])("U1: refuses the base %j", async (base) => {
    const error = await expectCode("INPUT_URL_INVALID", () => ftp(base));
    expect(`${JSON.stringify(error)} ${error.message}`).not.toContain("marker-secret");
  });

  it("refuses settings that are none", async () => {
    await expectCode("INPUT_CONFIG_INVALID", () => ftp("ftps://a.example", { secure: "explicit" }));
    await expectCode("INPUT_CONFIG_INVALID", () => ftp("ftp://a.example", { connections: 4 as 3 }));
    await expectCode("INPUT_URL_INVALID", () => ftp("ftp://a.example", { publicBaseUrl: "ftp://a.example" }));
  });

  it("publishes no URL but the one that it is told", () => {
    expect(ftp("ftp://a.example:2121/x/").label).toBe("a.example:2121/x");
    expect(ftp("ftp://a.example").urlOf(OBJECT_PATH)).toBeNull();
    expect(ftp("ftp://a.example", { publicBaseUrl: "https://a.example" }).urlOf(OBJECT_PATH)).toBe(
      `https://a.example/${OBJECT_PATH}`,
    );
  });

  it("section 10: leaves a plain tree below the folder of the login, and stores under another name first", async () => {
    const { server, storage } = await open();
    await store(storage, "one");
    await store(storage, "two");
    expect([...server.files].map(([path, body]) => [path, body.toString()])).toEqual([[file, "two"]]);
    const stored = server.seen.filter((line) => line.startsWith("STOR"));
    for (const line of stored) expect(line).toMatch(/^STOR \/home\/data\/records\/regtest\/alice\/@[0-9a-f]{24}\.tmp$/);
    expect(new Set(stored).size).toBe(2);
    expect(server.seen).toContain(`RNTO ${file}`);
  });

  it("takes a path from the root on after a second slash", async () => {
    const { server } = await open();
    const storage = ftp(`ftp://${server.host}//data`);
    closing.push(async () => storage.close?.());
    await store(storage);
    expect([...server.files.keys()]).toEqual([`/data/${RECORD_PATH}`]);
  });

  it("sends no command that a path ends early", async () => {
    const { server, storage } = await open();
    for (const path of [
      `${RECORD_PATH}\r\nDELE x`,
      "records/regtest/alice/a\nb@5.json",
      "records/regtest/alice/a b@5.json",
    ]) {
      await expectCode("INPUT_INVALID", () => storage.read(path, record));
      await expectCode("INPUT_INVALID", () => storage.write(path, utf8("x"), { kind: "record" }));
      await expectCode("INPUT_INVALID", () => storage.remove(path));
    }
    expect(server.connections()).toBe(0);
  });

  it.each(["STOR 100", "RETR 100"])("takes no broken data connection for a whole body: %s", async (which) => {
    const whole = await open();
    const { server, storage } = which.startsWith("STOR") ? await open({ keeps: 100 }) : whole;
    if (which.startsWith("STOR")) {
      await expectCode("NETWORK_UNREACHABLE", () => store(storage, "y".repeat(200)));
      expect(server.files.size).toBe(0);
      return;
    }
    await store(storage, "y".repeat(200));
    const broken = await open({ keeps: 100 });
    for (const [path, body] of server.files) broken.server.files.set(path, body);
    await expectCode("NETWORK_UNREACHABLE", () => broken.storage.read(RECORD_PATH, record));
  });

  describe("a refusal with 550", () => {
    it.each([
      "550 No such file or directory.",
      `550 ${file}: No such file or directory`,
      "550 The system cannot find the file specified.",
      "550 File not found",
    ])("means absence where it says so: %s", async (absent) => {
      const { server, storage } = await open({ absent });
      expect(await storage.read(RECORD_PATH, record)).toBeNull();
      expect(await storage.remove(RECORD_PATH)).toBe(true);
      expect(server.seen.some((line) => line.startsWith("LIST"))).toBe(false);
    });

    it.each(["550 Permission denied.", "550 Access is denied."])("is none where it says %s", async (absent) => {
      const { storage } = await open({ absent });
      await expectCode("STORAGE_REFUSED", () => storage.read(RECORD_PATH, record));
      await expectCode("STORAGE_REFUSED", () => storage.remove(RECORD_PATH));
    });

    it("means absence where the listing shows it, of the folder or of one above", async () => {
      const { server, storage } = await open();
      expect(await storage.read(RECORD_PATH, record)).toBeNull();
      await store(storage);
      expect(await storage.read("records/regtest/alice/other@5.json", record)).toBeNull();
      expect(await storage.remove("records/regtest/alice/other@5.json")).toBe(true);
      expect(server.seen.filter((line) => line.startsWith("LIST")).length).toBeGreaterThan(2);
    });

    it("is none where the file is listed", async () => {
      const { server, storage } = await open({
        intercept: (command) => (/SIZE|RETR|DELE/.test(command) ? "550 Failed." : null),
      });
      server.folders.add("/home/data").add("/home/data/records").add("/home/data/records/regtest");
      server.folders.add("/home/data/records/regtest/alice");
      server.files.set(file, Buffer.from("x"));
      await expectCode("STORAGE_REFUSED", () => storage.read(RECORD_PATH, record));
      await expectCode("STORAGE_REFUSED", () => storage.remove(RECORD_PATH));
    });

    it("is none where the folder is there and cannot be entered", async () => {
      const { server, storage } = await open({
        intercept: (command, at) => (command === "CWD" && at.endsWith("/alice") ? "550 no" : null),
      });
      for (const path of [
        "/home/data",
        "/home/data/records",
        "/home/data/records/regtest",
        "/home/data/records/regtest/alice",
      ]) {
        server.folders.add(path);
      }
      await expectCode("STORAGE_REFUSED", () => storage.read(RECORD_PATH, record));
    });

    it("is none where the listing is empty, or refused", async () => {
      for (const options of [
        { list: () => [] },
        { list: () => ["total 0"] },
        { intercept: (command: string) => (command === "LIST" ? "550 no" : null) },
      ]) {
        const { storage } = await open(options);
        await expectCode("STORAGE_REFUSED", () => storage.read(RECORD_PATH, record));
      }
    });
  });

  it.each([
    ["PASS", "530 Login incorrect: marker-secret", "STORAGE_REFUSED"],
    ["STOR", "552 full", "STORAGE_FULL"],
    ["STOR", "452 full", "STORAGE_FULL"],
    ["STOR", "451 No space left on device", "STORAGE_FULL"],
    ["STOR", "550 Permission denied: marker-secret", "STORAGE_REFUSED"],
    ["STOR", "502 not implemented", "STORAGE_UNSUPPORTED"],
    ["STOR", "426 broken", "NETWORK_UNREACHABLE"],
    ["STOR", "421 marker-secret", "NETWORK_UNREACHABLE"],
    ["RNTO", "553 not that name", "STORAGE_REFUSED"],
    ["STOR", "599 odd", "NETWORK_STATUS"],
  ] as const)("says what %s with %j means, in words of its own", async (command, reply, code) => {
    const { server, storage } = await open(
      { intercept: (given) => (given === command ? reply : null) },
      { credentials: { username: "u", password: "marker-secret" } },
    );
    const error = await expectCode(code, () => store(storage));
    const shown = `${error.message} ${JSON.stringify(error)} ${String(error.cause)} ${JSON.stringify(storage)}`;
    expect(shown).not.toContain("marker-secret");
    expect(server.files.size).toBe(0);
  });

  it("tells a base that cannot be made", async () => {
    const { server } = await open();
    const storage = ftp(`ftp://${server.host}/no/base`);
    closing.push(async () => storage.close?.());
    await expectCode("STORAGE_GONE", () => store(storage));
  });

  it("logs in again for each connection, with credentials given anew", async () => {
    let turn = 0;
    const { server, storage } = await open({}, { credentials: () => ({ username: `u${++turn}`, password: "p" }) });
    await store(storage);
    await storage.read(RECORD_PATH, record);
    expect(server.connections()).toBe(1);
    await server.dropAll();
    expect((await storage.read(RECORD_PATH, record))?.bytes).toEqual(utf8("x"));
    expect(server.connections()).toBe(2);
    expect(server.seen.filter((line) => line.startsWith("USER"))).toEqual(["USER u1", "USER u2"]);
  });

  it("takes away what an upload left whose connection broke, over another one", async () => {
    const body = new Uint8Array(4_000_000);
    const upload = (storage: StorageProvider) => storage.write(OBJECT_PATH, body, { kind: "object" });
    const { server, storage } = await open({ breaksUploads: true });
    await expectCode("NETWORK_UNREACHABLE", () => upload(storage));
    const temporary = server.seen
      .filter((line) => line.startsWith("STOR "))
      .at(-1)
      ?.slice("STOR ".length);
    expect(server.seen).toContain(`DELE ${temporary}`);
    expect([server.connections(), server.files.size]).toEqual([2, 0]);
    // It is nothing more than a try.
    const stubborn = await open({ breaksUploads: true, intercept: (command) => (command === "DELE" ? "drop" : null) });
    await expectCode("NETWORK_UNREACHABLE", () => upload(stubborn.storage));
    expect(stubborn.server.seen.filter((line) => line.startsWith("DELE "))).toHaveLength(1);
    const closed = await open({ intercept: (command) => (command === "SIZE" ? "silent" : null) });
    const writing = expectCode("NETWORK_UNREACHABLE", () => store(closed.storage));
    while (!closed.server.seen.some((line) => line.startsWith("SIZE "))) await new Promise(setImmediate);
    await closed.storage.close?.();
    await writing;
    expect(closed.server.connections()).toBe(1);
  });

  it("makes a connection again that the server closed unseen, once, and none that broke on the way", async () => {
    let drops = 0;
    const { server, storage } = await open({
      intercept: (command) => (command === "SIZE" && drops-- > 0 ? "drop" : null),
    });
    await store(storage);
    drops = 1;
    expect((await storage.read(RECORD_PATH, record))?.bytes).toEqual(utf8("x"));
    expect(server.connections()).toBe(2);
    drops = 2;
    await expectCode("NETWORK_UNREACHABLE", () => storage.read(RECORD_PATH, record));
    expect(server.connections()).toBe(3);
    const late = await open({ intercept: (command) => (command === "RETR" ? "drop" : null) });
    await store(late.storage);
    await expectCode("NETWORK_UNREACHABLE", () => late.storage.read(RECORD_PATH, record));
    expect(late.server.connections()).toBe(1);
  });

  it("makes no more connections than it may, and waits for its turn unless aborted", async () => {
    const { server, storage } = await open({}, { connections: 1 });
    await store(storage);
    await Promise.all(Array.from({ length: 5 }, () => storage.read(RECORD_PATH, record)));
    expect(server.connections()).toBe(1);
    const caller = new AbortController();
    const first = storage.read(RECORD_PATH, record);
    const second = storage.read(RECORD_PATH, { ...record, signal: caller.signal });
    caller.abort();
    await expectCode("NETWORK_ABORTED", second);
    expect((await first)?.bytes).toEqual(utf8("x"));
    expect((await storage.read(RECORD_PATH, record))?.bytes).toEqual(utf8("x"));
  });

  it.each(["PASS", "SIZE", "RETR"])(
    "gives up a server that is silent after %s, and ends the connection",
    async (silent) => {
      const clock = new FakeClock();
      const { server, storage } = await open(
        { intercept: (command) => (command === silent ? "silent" : null) },
        { clock, progress: { record: { firstByteMs: 1_000, idleMs: 3_000 } } },
      );
      server.files.set(file, Buffer.from("x"));
      const reading = expectCode("NETWORK_TIMEOUT", storage.read(RECORD_PATH, record));
      while (!server.seen.some((line) => line.startsWith(silent)))
        await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 20));
      await clock.advance(3_001);
      expect((await reading).details.timeoutMs).toBe(3_000);
      await storage.close?.();
    },
  );

  it("reads no more than maxBytes where the server hides the size", async () => {
    const { server, storage } = await open({ intercept: (command) => (command === "SIZE" ? "502 no" : null) });
    server.files.set(file, Buffer.alloc(2_000));
    await expectCode("NETWORK_TOO_LARGE", () => storage.read(RECORD_PATH, record));
    expect((await storage.read(RECORD_PATH, { kind: "record", maxBytes: 2_000 }))?.bytes.length).toBe(2_000);
    await expectCode("STORAGE_UNSUPPORTED", () => store(storage));
  });

  it("does not begin to read what is too large", async () => {
    const { server, storage } = await open();
    server.files.set(file, Buffer.alloc(2_000));
    await expectCode("NETWORK_TOO_LARGE", () => storage.read(RECORD_PATH, record));
    expect(server.seen.some((line) => line.startsWith("RETR"))).toBe(false);
    await store(storage);
    expect(server.connections()).toBe(1);
  });

  it("reads no part of a file, and says so", async () => {
    const { server, storage } = await open();
    expect(storage.ranges ?? false).toBe(false);
    await expectCode("STORAGE_UNSUPPORTED", () =>
      storage.read(RECORD_PATH, { ...record, range: { start: 0, end: 1 } }),
    );
    expect(server.connections()).toBe(0);
  });
});
