import { afterEach, describe, expect, it } from "vitest";
import { createCheckedLookup, createDial, type Resolve } from "../../../src/storage/dial-node.js";
import { parseAllowHosts } from "../../../src/storage/host.js";
import { createUrlReader } from "../../../src/storage/http-url-reader.js";
import { expectCode } from "./expect-code.js";
import { reply, serve, type TestServer } from "./serve.js";

const servers: TestServer[] = [];
async function start(...parameters: Parameters<typeof serve>): Promise<TestServer> {
  const server = await serve(...parameters);
  servers.push(server);
  return server;
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const record = { kind: "record", maxBytes: 1_000 } as const;

/** A resolver with fixed answers that notes what it was asked. */
function resolver(answers: Readonly<Record<string, readonly string[]>>): { resolve: Resolve; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    resolve: (hostname, _, callback) => {
      asked.push(hostname);
      const found = answers[hostname];
      if (found === undefined) callback(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }), []);
      else
        callback(
          null,
          found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
        );
    },
  };
}

describe("the address that is dialled", () => {
  it.each(["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1", "fe80::1%eth0"])(
    "U1: a public name that resolves to %s is refused, and nothing is dialled",
    async (address) => {
      const server = await start((_, response) => {
        reply(response, 200, "x");
      });
      const { port } = new URL(server.url);
      const { resolve, asked } = resolver({ "rebind.example": [address] });
      const reader = createUrlReader(createDial(new Set(), resolve), new Set());
      const error = await expectCode("NETWORK_HOST_REFUSED", () =>
        reader.readUrl(`https://rebind.example:${port}/`, record),
      );
      expect(error.details.reason).toContain("resolves to");
      expect(asked).toEqual(["rebind.example"]);
      expect(server.seen).toEqual([]);
    },
  );

  it("U1: one private address among public ones refuses the name", async () => {
    const { resolve } = resolver({ "mixed.example": ["93.184.216.34", "192.168.0.1"] });
    const reader = createUrlReader(createDial(new Set(), resolve), new Set());
    await expectCode("NETWORK_HOST_REFUSED", () => reader.readUrl("https://mixed.example/", record));
  });

  it("U1: a name that resolves to nothing, or not at all, is unreachable or refused", async () => {
    const { resolve } = resolver({ "empty.example": [] });
    const reader = createUrlReader(createDial(new Set(), resolve), new Set());
    await expectCode("NETWORK_HOST_REFUSED", () => reader.readUrl("https://empty.example/", record));
    const error = await expectCode("NETWORK_UNREACHABLE", () => reader.readUrl("https://unknown.example/", record));
    expect(error.details.reason).toBe("ENOTFOUND");
  });

  it("U1: a literal address is judged by the connector too", async () => {
    const dial = createDial(new Set());
    for (const url of ["https://127.0.0.1:4433/", "https://[::1]:4433/"]) {
      await expect(dial.fetch(new Request(url))).rejects.toMatchObject({ cause: { code: "NETWORK_HOST_REFUSED" } });
    }
  });

  it("U1: hands the socket exactly the addresses that were judged, from one resolution", () => {
    const { resolve, asked } = resolver({ "a.example": ["93.184.216.34", "2606:4700::1111"] });
    const lookup = createCheckedLookup(resolve);
    const answers: unknown[] = [];
    lookup("a.example", { all: true }, (...answer) => answers.push(answer));
    lookup("a.example", {}, (...answer) => answers.push(answer));
    expect(answers).toEqual([
      [
        null,
        [
          { address: "93.184.216.34", family: 4 },
          { address: "2606:4700::1111", family: 6 },
        ],
      ],
      [null, "93.184.216.34", 4],
    ]);
    expect(asked).toHaveLength(2);
  });

  it("U1: an allowed host and port is dialled wherever its name leads, another port of it is not", async () => {
    const server = await start((_, response) => {
      reply(response, 200, "x");
    });
    const { port } = new URL(server.url);
    // localhost is resolved by the system.
    const allowed = parseAllowHosts([`localhost:${port}`]);
    const reader = createUrlReader(createDial(allowed), allowed);
    expect(await reader.readUrl(`http://localhost:${port}/`, record)).not.toBeNull();
    await expectCode("NETWORK_HOST_REFUSED", () => reader.readUrl("http://localhost:1/", record));
    await expectCode("NETWORK_HOST_REFUSED", () => reader.readUrl("https://localhost:1/", record));
  });

  it("U1: an allowed IPv6 address is dialled", async ({ skip }) => {
    let server: TestServer;
    try {
      server = await start((_, response) => {
        reply(response, 200, "x");
      }, "::1");
    } catch {
      skip("this machine has no IPv6 loopback");
      return;
    }
    const allowed = parseAllowHosts([server.host]);
    expect(await createUrlReader(createDial(allowed), allowed).readUrl(server.url, record)).not.toBeNull();
  });
});
