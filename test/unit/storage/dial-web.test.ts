import { afterEach, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { createDial } from "../../../src/storage/dial-web.js";
import { createUrlReader } from "../../../src/storage/http-url-reader.js";
import { expectCode } from "./expect-code.js";
import { reply, serve, type TestServer } from "./serve.js";

const servers: TestServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const record = { kind: "record", maxBytes: 1_000 } as const;

it("U1: in a web runtime the place that answered is judged, since it follows redirects by itself", async () => {
  const hidden = await serve((_, response) => {
    reply(response, 200, "local secret");
  });
  const server = await serve((request, response) => {
    if (request.path === "/in") reply(response, 200, "x");
    else reply(response, 302, "", { location: request.path === "/out" ? `${hidden.url}/` : "/in" });
  });
  servers.push(hidden, server);
  const reader = createUrlReader(createDial(), new Set([server.host]));
  expect(await reader.readUrl(`${server.url}/moved`, record)).toEqual(utf8("x"));
  await expectCode("NETWORK_HOST_REFUSED", () => reader.readUrl(`${server.url}/out`, record));
});

it("U1: a redirect that the runtime hides is refused where each place must be judged", async () => {
  const opaque = Object.defineProperty(new Response("local secret"), "type", { value: "opaqueredirect" });
  const dial = { fetch: () => Promise.resolve(opaque), showsRedirects: true };
  const reader = createUrlReader(dial, new Set());
  const error = await expectCode("NETWORK_HOST_REFUSED", () => reader.readUrl("https://a.example/", record));
  expect(error.details.reason).toContain("hides");
});
