import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { FakeClock } from "../fake-clock.js";
import { RECORD_PATH } from "./contract.js";
import { expectCode } from "./expect-code.js";
import { at, record, s3Servers, write } from "./s3-opened.js";
import { fault } from "./s3-server.js";
import { reply, type TestServer } from "./serve.js";

const { service } = s3Servers();

describe("s3: the clock", () => {
  const HOUR_MS = 3_600_000;
  const serverMs = Date.parse("2026-03-04T05:06:07Z");
  /** A service that refuses signatures 15 minutes from its time, and says its time as `tell` does. */
  const strict = (tell: (iso: string) => { more?: string; headers?: Record<string, string> }): Promise<TestServer> =>
    service({
      instead: ({ headers }, response) => {
        const time = String(headers["x-amz-date"]).replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5");
        if (Math.abs(Date.parse(time) - serverMs) <= 900_000) return false;
        const { more = "", headers: own = {} } = tell(new Date(serverMs).toISOString());
        reply(response, 403, fault("RequestTimeTooSkewed", more), { date: "", ...own });
        return true;
      },
    });

  it.each([HOUR_MS, -HOUR_MS])(
    "signs once more by the service's own time, and by that from then on: %d",
    async (ms) => {
      const server = await strict((iso) => ({ more: `<ServerTime>${iso}</ServerTime>` }));
      const storage = at(server, { clock: new FakeClock(serverMs + ms) });
      expect(await write(storage)).toBe("stored");
      expect(server.seen).toHaveLength(2);
      expect((await storage.read(RECORD_PATH, record))?.bytes).toEqual(utf8("x"));
      expect(server.seen).toHaveLength(3);
      expect((await storage.presign({ method: "GET", path: RECORD_PATH, expiresSeconds: 60 })).url).toContain(
        "X-Amz-Date=20260304T050607Z",
      );
    },
  );

  it("learns anew after this machine's clock was set right", async () => {
    const server = await strict((iso) => ({ more: `<ServerTime>${iso}</ServerTime>` }));
    const clock = new FakeClock(serverMs + HOUR_MS);
    const storage = at(server, { clock });
    await write(storage);
    clock.jumpTo(serverMs);
    expect(await write(storage)).toBe("stored");
    expect(server.seen).toHaveLength(4);
  });

  it("takes the Date header of a service that says it in no other way, unless a cache kept it", async () => {
    const date = new Date(serverMs).toUTCString();
    const bare = await strict(() => ({ headers: { date } }));
    expect(await write(at(bare, { clock: new FakeClock(serverMs + HOUR_MS) }))).toBe("stored");
    const cached = await strict(() => ({ headers: { date, age: "0" } }));
    const error = await expectCode(
      "STORAGE_CLOCK_SKEW",
      write(at(cached, { clock: new FakeClock(serverMs + HOUR_MS) })),
    );
    expect(error.details.skewMs).toBeNull();
    expect(cached.seen).toHaveLength(1);
  });

  it.each(["", "<ServerTime>yesterday</ServerTime>", "<ServerTime>2026-99-99T00:00:00Z</ServerTime>"])(
    "is STORAGE_CLOCK_SKEW where the service does not say its time: %j",
    async (more) => {
      const server = await strict(() => ({ more }));
      const error = await expectCode("STORAGE_CLOCK_SKEW", write(at(server, { clock: new FakeClock(0) })));
      expect(error.details.skewMs).toBeNull();
    },
  );

  it("signs once more only once, and not for a time that is a day away", async () => {
    const never = await service({
      instead: (_, response) => {
        reply(
          response,
          403,
          fault("RequestTimeTooSkewed", `<ServerTime>${new Date(serverMs).toISOString()}</ServerTime>`),
        );
        return true;
      },
    });
    const near = await expectCode("STORAGE_CLOCK_SKEW", write(at(never, { clock: new FakeClock(serverMs - 1_000) })));
    expect([near.details.skewMs, never.seen.length]).toEqual([1_000, 2]);
    const far = await expectCode(
      "STORAGE_CLOCK_SKEW",
      write(at(never, { clock: new FakeClock(serverMs - 25 * HOUR_MS) })),
    );
    expect([far.details.skewMs, never.seen.length]).toEqual([25 * HOUR_MS, 3]);
  });
});
