import { afterEach, describe, expect, it } from "vitest";
import { fetchHttp } from "../../../src/runtime/http-client.js";
import { expectCode } from "../storage/expect-code.js";
import { reply, serve, type TestServer } from "../storage/serve.js";

const servers: TestServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function answer(status: number, body: string, limits: { maxBytes: number; otherBodyMaxBytes?: number }) {
  const server = await serve((_, response) => {
    reply(response, status, body);
  });
  servers.push(server);
  return fetchHttp({ url: new URL(server.url), shownUrl: server.url, ...limits });
}

const text = ({ bytes }: { readonly bytes: Uint8Array }): string => new TextDecoder().decode(bytes);

describe("fetchHttp: bodies of other statuses", () => {
  it("are dropped unread unless asked for", async () => {
    expect(text(await answer(403, "reason", { maxBytes: 100 }))).toBe("");
    expect(text(await answer(403, "reason", { maxBytes: 0, otherBodyMaxBytes: 6 }))).toBe("reason");
  });

  it("are cut off where they are longer, and are no error", async () => {
    const cut = await answer(503, "x".repeat(300_000), { maxBytes: 0, otherBodyMaxBytes: 100_000 });
    expect([cut.status, cut.bytes.length]).toEqual([503, 100_000]);
  });

  it("do not change the cap of the body that is wanted", async () => {
    const limits = { maxBytes: 5, otherBodyMaxBytes: 100 };
    expect(text(await answer(200, "12345", limits))).toBe("12345");
    await expectCode("NETWORK_TOO_LARGE", answer(200, "123456", limits));
    expect(text(await answer(200, "", { maxBytes: 0, otherBodyMaxBytes: 100 }))).toBe("");
    await expectCode("NETWORK_TOO_LARGE", answer(200, "1", { maxBytes: 0, otherBodyMaxBytes: 100 }));
  });
});
