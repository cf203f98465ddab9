import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { OBJECT_PATH, RECORD_PATH } from "./contract.js";
import { expectCode } from "./expect-code.js";
import { at, record, s3Servers, write } from "./s3-opened.js";
import { CREDENTIALS, fault } from "./s3-server.js";
import { type TestServer } from "./serve.js";

const { answering, service } = s3Servers();

describe("s3: what answers to a read mean", () => {
  const read = (server: TestServer): Promise<unknown> => at(server).read(RECORD_PATH, record);

  it.each([
    ["the key's absence", fault("NoSuchKey")],
    ["nothing", ""],
    ["white space", "\n"],
  ])("a 404 that says %s is absence", async (_, body) => {
    expect(await read(await answering(404, body))).toBeNull();
  });

  it.each([
    ["a page of a proxy", "<html><body>404 Not Found</body></html>"],
    ["another code", fault("NoSuchUpload")],
    ["a code twice", fault("NoSuchKey", "<Code>NoSuchKey</Code>")],
    ["garbage", "\u0000\u00ff<Error><Code>NoSuchKey"],
  ])("P6: a 404 with %s leaves it unknown", async (_, body) => {
    await expectCode("NETWORK_STATUS", read(await answering(404, body)));
  });

  it("a missing bucket is STORAGE_GONE", async () => {
    const server = await answering(404, fault("NoSuchBucket"));
    for (const run of [() => read(server), () => write(at(server)), () => at(server).remove(RECORD_PATH)]) {
      expect((await expectCode("STORAGE_GONE", run)).details.reason).toBe("NoSuchBucket");
    }
  });

  it.each([
    [403, fault("AccessDenied"), "AccessDenied"],
    [403, fault("SignatureDoesNotMatch"), "SignatureDoesNotMatch"],
    [403, fault("Unheard"), "Unheard"],
    [400, fault("ExpiredToken"), "ExpiredToken"],
    [400, fault("AuthorizationHeaderMalformed"), "AuthorizationHeaderMalformed"],
    [301, fault("PermanentRedirect"), "PermanentRedirect"],
    [404, fault("XAdminUserNotFound"), "XAdminUserNotFound"],
    [403, "<html>403</html>", "status 403"],
    [401, "", "status 401"],
  ])("status %d with %j is STORAGE_REFUSED: %s", async (status, body, reason) => {
    const server = await answering(status, body);
    for (const run of [() => read(server), () => write(at(server)), () => at(server).remove(RECORD_PATH)]) {
      const error = await expectCode("STORAGE_REFUSED", run);
      expect(error.details.reason).toBe(reason);
      expect(inspect(error, { depth: 9 })).not.toContain("marker-key-id");
    }
  });

  it.each([
    [503, fault("SlowDown"), "SlowDown"],
    [429, "", "no answer of S3 to this request"],
    [500, fault("InternalError"), "InternalError"],
    [502, `<html>${"x".repeat(200_000)}</html>`, "no answer of S3 to this request"],
    [400, fault("RequestTimeout"), "RequestTimeout"],
    [204, "", "no answer of S3 to this request"],
    [206, "x", "no answer of S3 to this request"],
    [410, "", "no answer of S3 to this request"],
    [416, fault("InvalidRange"), "InvalidRange"],
  ])("status %d is NETWORK_STATUS with the code and Retry-After", async (status, body, reason) => {
    const server = await answering(status, body, { "retry-after": "7" });
    const error = await expectCode("NETWORK_STATUS", read(server));
    expect(error.details).toMatchObject({ status, reason, retryAfterMs: 7_000 });
  });

  it("takes no stored text for an error", async () => {
    const text = fault("NoSuchBucket");
    const server = await answering(200, text, { etag: '"t"' });
    expect(await read(server)).toEqual({ bytes: utf8(text), tag: '"t"' });
    const skewed = await answering(200, fault("RequestTimeTooSkewed"));
    await read(skewed);
    expect(skewed.seen).toHaveLength(1);
  });

  it("a body that breaks off is no value, and neither is its beginning", async () => {
    const server = await service({
      instead: (_, response) => {
        response.writeHead(200, { "content-length": "100", etag: '"t"' });
        response.write("only this");
        setTimeout(() => response.destroy(), 5);
        return true;
      },
    });
    await expectCode("NETWORK_UNREACHABLE", read(server));
  });

  it("shows no part of the credentials that a server returns as its code", async () => {
    const token = "MarkerTokenAbc";
    const server = await answering(403, fault(token));
    const storage = at(server, { credentials: { ...CREDENTIALS, sessionToken: token } });
    const error = await expectCode("STORAGE_REFUSED", storage.read(RECORD_PATH, record));
    expect(error.details.reason).toBe("status 403");
    const echo = await answering(403, fault("markerkeyid"));
    const own = { accessKeyId: "markerkeyid", secretAccessKey: "s" };
    const other = await expectCode("STORAGE_REFUSED", at(echo, { credentials: own }).read(RECORD_PATH, record));
    expect(other.details.reason).toBe("status 403");
  });

  it("cuts a range out of the whole, and takes no other part for it", async () => {
    const part = { kind: "object", maxBytes: 3, range: { start: 1, end: 4 } } as const;
    const whole = await answering(200, "0123456789", { etag: '"t"' });
    expect(await at(whole).read(OBJECT_PATH, part)).toEqual({ bytes: utf8("123"), tag: '"t"' });
    const none = await answering(416, fault("InvalidRange"));
    expect((await at(none).read(OBJECT_PATH, part))?.bytes).toEqual(new Uint8Array(0));
    for (const range of ["bytes 0-2/10", "bytes 1-2/10", "bytes 2-4/10", "bytes 1-3"]) {
      const wrong = await answering(206, "123", { "content-range": range });
      await expectCode("NETWORK_ANSWER_INVALID", at(wrong).read(OBJECT_PATH, part));
    }
    for (const bad of [
      { start: -1, end: 2 },
      { start: 3, end: 2 },
      { start: 0, end: 0.5 },
    ]) {
      await expectCode("INPUT_INVALID", at(none).read(OBJECT_PATH, { ...part, range: bad }));
    }
  });
});

describe("s3: what answers to a write mean", () => {
  it.each([
    ["a page of a proxy", 200, "<!doctype html><title>Log in</title>", { etag: '"page"' }],
    ["no ETag", 200, "", {}],
    ["another document", 200, "<Result/>", { etag: '"t"' }],
  ])("a 200 with %s is no proof that anything was stored", async (_, status, body, headers) => {
    const server = await answering(status, body, headers);
    await expectCode("NETWORK_ANSWER_INVALID", write(at(server)));
  });

  it("an error with status 200 is an error", async () => {
    const server = await answering(200, fault("InternalError"), { etag: '"t"' });
    const error = await expectCode("NETWORK_STATUS", write(at(server)));
    expect(error.details.reason).toBe("InternalError");
    await expectCode("NETWORK_STATUS", at(server).remove(RECORD_PATH));
    const denied = await answering(200, fault("AccessDenied"));
    await expectCode("STORAGE_REFUSED", at(denied).remove(RECORD_PATH));
  });

  it.each([
    [403, fault("QuotaExceeded"), "QuotaExceeded"],
    [507, fault("XMinioStorageFull"), "XMinioStorageFull"],
    [400, fault("EntityTooLarge"), "EntityTooLarge"],
    [413, "<html>", "status 413"],
    [507, "", "status 507"],
  ])("status %d with %j is STORAGE_FULL", async (status, body, reason) => {
    const error = await expectCode("STORAGE_FULL", write(at(await answering(status, body))));
    expect(error.details.reason).toBe(reason);
  });

  it.each([202, 204, 301, 409, 412])("status %d without a condition is NETWORK_STATUS", async (status) => {
    await expectCode("NETWORK_STATUS", write(at(await answering(status, ""))));
  });

  it.each([
    [412, fault("PreconditionFailed")],
    [412, ""],
    [409, fault("ConditionalRequestConflict")],
    [409, fault("OperationAborted")],
    [409, ""],
  ])("W5: status %d with %j means that the condition did not hold", async (status, body) => {
    const storage = at(await answering(status, body));
    expect(await write(storage, { ifAbsent: true })).toBe("moved");
    expect(await write(storage, { ifTag: '"t"' })).toBe("moved");
  });

  it("W5: what is not there has no tag, but a missing bucket is not a missing key", async () => {
    for (const body of [fault("NoSuchKey"), ""]) {
      const storage = at(await answering(404, body));
      expect(await write(storage, { ifTag: '"t"' })).toBe("moved");
      await expectCode("NETWORK_STATUS", write(storage, { ifAbsent: true }));
    }
    await expectCode("STORAGE_GONE", write(at(await answering(404, fault("NoSuchBucket"))), { ifTag: '"t"' }));
    await expectCode("NETWORK_STATUS", write(at(await answering(404, "<html>")), { ifTag: '"t"' }));
    await expectCode("NETWORK_STATUS", write(at(await answering(409, fault("BucketBusy"))), { ifTag: '"t"' }));
  });

  it("a service that knows no conditions says so", async () => {
    const storage = at(await answering(501, fault("NotImplemented")));
    const error = await expectCode("STORAGE_UNSUPPORTED", write(storage, { ifAbsent: true }));
    expect(error.details.operation).toBe("conditional write");
    expect((await expectCode("STORAGE_UNSUPPORTED", write(storage))).details.operation).toBe("write");
  });

  it("removes what is not there, and takes no page for a removal", async () => {
    for (const [status, body] of [
      [204, ""],
      [200, ""],
      [404, fault("NoSuchKey")],
      [404, ""],
    ] as const) {
      expect(await at(await answering(status, body)).remove(RECORD_PATH)).toBe(true);
    }
    await expectCode("NETWORK_ANSWER_INVALID", at(await answering(200, "<html>")).remove(RECORD_PATH));
    await expectCode("NETWORK_STATUS", at(await answering(404, "<html>")).remove(RECORD_PATH));
    await expectCode("NETWORK_STATUS", at(await answering(202, "")).remove(RECORD_PATH));
  });
});
