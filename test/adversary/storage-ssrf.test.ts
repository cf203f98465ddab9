import { describe, expect, it } from "vitest";
import { createDial } from "../../src/storage/dial-node.js";
import { parseAllowHosts } from "../../src/storage/host.js";
import { createUrlReader, httpUrlReader } from "../../src/storage/http-url-reader.js";
import { expectCode } from "../unit/storage/expect-code.js";
import { reply, serve } from "../unit/storage/serve.js";

/** Attack: a URL in a profile or route that makes its readers send requests into their own networks. */

const HOSTS: readonly string[] = [
  ...["127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "127.0.0.1.", "0", "0.0.0.0", "localhost"],
  ...["LOCALHOST", "localhost.", "a.localhost", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"],
  ...["[0:0:0:0:0:ffff:7f00:0001]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fd00::1]"],
];

describe("SSRF", () => {
  it("U1: no spelling of a local host is dialled, however the URL continues", async () => {
    const server = await serve((_, response) => {
      reply(response, 200, "local secret");
    });
    const { port } = new URL(server.url);
    const reader = httpUrlReader();
    for (const host of HOSTS) {
      for (const scheme of ["http", "https"]) {
        for (const tail of ["/", "", "?x", "/latest/meta-data/"]) {
          const url = `${scheme}://${host}:${port}${tail}`;
          const error = await expectCode("NETWORK_HOST_REFUSED", () =>
            reader.readUrl(url, { kind: "record", maxBytes: 99 }),
          );
          expect(error.details.url).toBe(url);
        }
      }
    }
    expect(server.seen).toEqual([]);
    await server.close();
  });

  it("U1: a kept connection to an allowed place is not used for another name", async () => {
    const server = await serve((_, response) => {
      reply(response, 200, "local");
    });
    const { port } = new URL(server.url);
    const allowed = parseAllowHosts([server.host]);
    const dial = createDial(allowed, (_hostname, _options, callback) => {
      callback(null, [{ address: "127.0.0.1", family: 4 }]);
    });
    const reader = createUrlReader(dial, allowed);
    const options = { kind: "record", maxBytes: 99 } as const;
    expect(await reader.readUrl(server.url, options)).not.toBeNull();
    await expectCode("NETWORK_HOST_REFUSED", () => reader.readUrl(`https://other.example:${port}/`, options));
    expect(server.seen).toHaveLength(1);
    await server.close();
  });
});
