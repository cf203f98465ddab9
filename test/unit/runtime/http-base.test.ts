import { describe, expect, it } from "vitest";
import { assertSameOrigin, parseHttpBase, resolveHeaders } from "../../../src/runtime/http-base.js";
import { expectCode } from "../storage/expect-code.js";

describe("parseHttpBase", () => {
  it.each([
    ["https://data.example", "https://data.example/", "data.example"],
    ["https://data.example/", "https://data.example/", "data.example"],
    ["https://data.example:444/a/b/", "https://data.example:444/a/b/", "data.example:444/a/b"],
    ["http://127.0.0.1:3000/api", "http://127.0.0.1:3000/api/", "127.0.0.1:3000/api"],
  ])("%s", (given, href, label) => {
    expect(parseHttpBase(given)).toMatchObject({ href, label });
  });

  it.each([
    "",
    "data.example",
    "ftp://data.example",
    "file:///etc",
    "https://",
    "https://user@data.example",
    "https://user:marker-secret@data.example",
    "https://:marker-secret@data.example",
    "https://data.example?x",
    "https://data.example/?token=marker-secret",
    "https://data.example/#x",
    "https://data.example/ ",
    "https://data.example\\x",
    "https://data.example/ü",
  ])("refuses %j and shows no secret", async (given) => {
    const error = await expectCode("INPUT_URL_INVALID", () => parseHttpBase(given));
    expect(JSON.stringify(error)).not.toContain("marker-secret");
  });
});

describe("assertSameOrigin", () => {
  const base = parseHttpBase("https://data.example/x");
  it("lets only the origin itself pass", async () => {
    assertSameOrigin(base, new URL("https://data.example/other"));
    for (const next of [
      "http://data.example/x",
      "https://data.example:8443/x",
      "https://a.example/",
      "https://u:p@data.example/",
    ]) {
      await expectCode("NETWORK_HOST_REFUSED", () => {
        assertSameOrigin(base, new URL(next));
      });
    }
  });
});

describe("resolveHeaders", () => {
  it("takes an object, a function, or nothing", async () => {
    expect(await resolveHeaders(undefined, "GET")).toBeUndefined();
    expect(await resolveHeaders({ "X-Key": "1" }, "GET")).toEqual({ "x-key": "1" });
    expect(await resolveHeaders(({ method }) => ({ "X-Method": method }), "PUT")).toEqual({ "x-method": "PUT" });
    expect(await resolveHeaders(async () => ({}), "GET")).toEqual({});
  });

  it("never shows a value that is refused, nor what the function threw", async () => {
    const bad = await expectCode(
      "INPUT_CONFIG_INVALID",
      resolveHeaders({ authorization: "marker-secret\n" + "\0" }, "GET"),
    );
    const thrown = await expectCode(
      "INPUT_CONFIG_INVALID",
      resolveHeaders(() => {
        throw new Error("marker-secret");
      }, "GET"),
    );
    for (const error of [bad, thrown]) {
      expect(`${JSON.stringify(error)}${String(error.stack)}${String(error.cause)}`).not.toContain("marker-secret");
    }
  });
});
