import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { objectPath } from "../../../src/route/layout.js";
import { type S3Storage, type S3StorageOptions } from "../../../src/storage/s3.js";
import { expectCode } from "./expect-code.js";
import { at, s3Servers, write } from "./s3-opened.js";
import { BUCKET, fault } from "./s3-server.js";
import { reply, type TestServer } from "./serve.js";

const { service } = s3Servers();

describe("s3: what conditions a service keeps", () => {
  const probing = (server: TestServer, options: Partial<S3StorageOptions> = {}): S3Storage =>
    at(server, { conditional: undefined, ...options });

  it("is found out by open, once, and leaves nothing behind", async () => {
    const server = await service();
    const storage = probing(server);
    expect(storage.conditional).toBe(false);
    await expectCode("STORAGE_UNSUPPORTED", write(storage, { ifAbsent: true }));
    expect(server.seen).toEqual([]);
    await Promise.all([storage.open?.(), storage.open?.()]);
    await storage.open?.();
    expect(storage.conditional).toBe(true);
    expect(server.seen.map(({ method }) => method)).toEqual(["PUT", "PUT", "GET", "PUT", "PUT", "PUT", "DELETE"]);
    // A valid object at its own path, wherever the probe is cut off.
    const { path = "", body } = server.seen[0] ?? {};
    expect(path).toBe(
      `/${BUCKET}/${objectPath(
        createHash("sha256")
          .update(body ?? "")
          .digest("hex"),
      )}`,
    );
    const other = probing(server);
    await other.open?.();
    expect(server.seen[7]?.path).not.toBe(path);
  });

  it.each(["ignores", 400, 501] as const)("a service that has none (%s) is not conditional", async (conditions) => {
    const server = await service({ conditions });
    const storage = probing(server);
    await storage.open?.();
    expect(storage.conditional).toBe(false);
    const written = server.seen.filter(({ method }) => method === "DELETE").map(({ path }) => path);
    expect(written).toHaveLength(conditions === "ignores" ? 1 : 0);
    await expectCode("STORAGE_UNSUPPORTED", write(storage, { ifAbsent: true }));
    expect(await write(storage)).toBe("stored");
  });

  // The requests of a probe: create, create again, read, replace by a wrong tag, by the right one, where nothing is.
  it.each([
    ["refuses to create", 1, 412, fault("PreconditionFailed"), 0],
    ["creates twice", 2, 200, "", 1],
    ["serves no tag", 3, 200, "x", 1],
    ["replaces by any tag", 4, 200, "", 1],
    ["never replaces", 5, 412, "", 1],
    ["replaces what is not there", 6, 200, "", 2],
  ])("a service that %s is not conditional", async (_, step, status, body, removals) => {
    let count = 0;
    const server = await service({
      instead: ({ method }, response) => {
        count++;
        if (count !== step) return false;
        reply(response, status, body, method === "PUT" && status === 200 ? { etag: '"x"' } : {});
        return true;
      },
    });
    const storage = probing(server);
    await storage.open?.();
    expect(storage.conditional).toBe(false);
    expect(server.seen.filter(({ method }) => method === "DELETE")).toHaveLength(removals);
  });

  it.each([
    [503, fault("SlowDown"), "NETWORK_STATUS"],
    [400, fault("RequestTimeout"), "NETWORK_STATUS"],
    [403, fault("AccessDenied"), "STORAGE_REFUSED"],
    [404, fault("NoSuchBucket"), "STORAGE_GONE"],
  ] as const)("a probe that fails with status %d is tried again by the next open", async (status, body, code) => {
    let isDown = true;
    const server = await service({
      instead: (_, response) => {
        if (isDown) reply(response, status, body);
        return isDown;
      },
    });
    const storage = probing(server);
    await expectCode(code, storage.open?.() ?? Promise.resolve());
    expect(storage.conditional).toBe(false);
    isDown = false;
    await storage.open?.();
    expect(storage.conditional).toBe(true);
  });

  it("who waits for a probe that another caller gave up starts his own", async () => {
    const caller = new AbortController();
    const server = await service({
      instead: () => {
        if (caller.signal.aborted) return false;
        setImmediate(() => {
          caller.abort();
        });
        return true;
      },
    });
    const storage = probing(server);
    const first = expectCode("NETWORK_ABORTED", storage.open?.({ signal: caller.signal }) ?? Promise.resolve());
    const second = storage.open?.();
    await first;
    await second;
    expect(storage.conditional).toBe(true);
    await expectCode("NETWORK_ABORTED", storage.open?.({ signal: caller.signal }) ?? Promise.resolve());
  });

  it("is taken from the caller who knows", async () => {
    const server = await service({ conditions: "ignores" });
    const known = at(server, { conditional: true });
    await known.open?.();
    expect(known.conditional).toBe(true);
    const none = at(server, { conditional: false });
    await none.open?.();
    expect(none.conditional).toBe(false);
    expect(server.seen).toEqual([]);
  });
});
