import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { ElectrumSource } from "../../../../src/chain/sources/electrum.js";
import { electrumLimits } from "../../../../src/chain/sources/electrum-limits.js";
import { type ElectrumDouble, type Misbehaviour, SILENCE } from "../../../doubles/electrum-server.js";
import type { Transport } from "../../../doubles/peer.js";
import { FakeClock } from "../../fake-clock.js";
import { expectCode } from "../../storage/expect-code.js";
import { ElectrumWorld, until } from "./electrum-world.js";

const world = new ElectrumWorld();
afterEach(() => world.close());
afterAll(() => world.close());

/** Misbehaves when it is asked for a fee rate; everything else is answered. */
async function serve(
  transport: Transport,
  act: Misbehaviour,
  clock?: FakeClock,
): Promise<{ readonly double: ElectrumDouble; readonly source: ElectrumSource }> {
  const double = await world.double({ transport });
  double.misbehave = (request, honest, peer) =>
    request.method === "blockchain.estimatefee" ? act(request, honest, peer) : honest();
  return { double, source: world.source(double, { clock }) };
}

/** A misbehaviour that sends a message as it is. */
const saying =
  (text: (id: number) => string): Misbehaviour =>
  ({ id }, _, peer) => {
    peer.send(text(id));
    return SILENCE;
  };

const both: readonly Transport[] = ["tcp", "ws"];

describe.each(both)("an Electrum connection over %s", (transport) => {
  it.each<[string, (id: number) => string]>([
    ["an id that nothing was asked with", (id) => `{"jsonrpc":"2.0","result":0.001,"id":${id + 1}}`],
    ["the id of an earlier question", () => '{"jsonrpc":"2.0","result":0.001,"id":0}'],
    ["an id that is a string", (id) => `{"jsonrpc":"2.0","result":0.001,"id":"${id}"}`],
    ["no id", () => '{"jsonrpc":"2.0","result":0.001}'],
    ["an error that belongs to nothing", () => '{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"},"id":null}'],
    ["a batch", (id) => `[{"jsonrpc":"2.0","result":0.001,"id":${id}}]`],
    ["what is not JSON", () => "<html>502 Bad Gateway</html>"],
    ["half of an answer", (id) => `{"jsonrpc":"2.0","id":${id},`],
    ["JSON that is too deep", (id) => `{"id":${id},"result":${"[".repeat(20_000)}${"]".repeat(20_000)}}`],
  ])("closes at %s, and the next call connects again", async (_, text) => {
    const { double, source } = await serve(transport, saying(text));
    await expectCode("NETWORK_ANSWER_INVALID", source.feeRate(1));
    await until(() => double.open === 0);
    expect((await source.tip()).height).toBe(world.chain.chain.height);
    expect(double.connections).toBe(2);
  });

  it("closes at invalid UTF-8", async () => {
    const { double, source } = await serve(transport, ({ id }, _, peer) => {
      const text = Buffer.from(`{"id":${id},"result":"x"}`);
      text[text.indexOf("x")] = 0xff;
      peer.binary(text);
      return SILENCE;
    });
    await expectCode("NETWORK_ANSWER_INVALID", source.feeRate(1));
    await until(() => double.open === 0);
  });

  it("reads an answer without a result as no answer, and stays", async () => {
    const { double, source } = await serve(
      transport,
      saying((id) => `{"jsonrpc":"2.0","id":${id}}`),
    );
    await expectCode("NETWORK_ANSWER_INVALID", source.feeRate(1));
    await source.tip();
    expect(double.connections).toBe(1);
  });

  it("takes answers in any order, with notifications among them", async () => {
    const held: (() => void)[] = [];
    const { source } = await serve(transport, async ({ params }, __, peer) => {
      peer.send('{"jsonrpc":"2.0","method":"server.ping","params":["00"]}');
      peer.send('{"jsonrpc":"1.0","id":null,"method":"blockchain.headers.subscribe","params":[]}');
      await new Promise<void>((resolve) => held.push(resolve));
      return Number(params[0]) / 100_000;
    });
    const rates = [1, 2, 3].map((target) => source.feeRate(target));
    await until(() => held.length === 3);
    for (const release of held.reverse()) release();
    expect(await Promise.all(rates)).toEqual([1, 2, 3]);
  });

  it("closes at an answer above the cap, long before it ends", async () => {
    const { double, source } = await serve(transport, ({ id }, _, peer) => {
      peer.send(`{"id":${id},"result":"${"0".repeat(electrumLimits.answerMaxBytes)}"}`);
      return SILENCE;
    });
    const error = await expectCode("NETWORK_TOO_LARGE", source.feeRate(1));
    expect(error.details.maxBytes).toBe(electrumLimits.answerMaxBytes);
    await until(() => double.open === 0);
  });

  it("closes when a server only ever sends what nobody asked for", async () => {
    const { double, source } = await serve(transport, (_, __, peer) => {
      const noise = `{"jsonrpc":"2.0","method":"server.ping","params":["${"0".repeat(10_000)}"]}`;
      for (let i = 0; i < 40; i++) peer.send(noise);
      return SILENCE;
    });
    const error = await expectCode("NETWORK_ANSWER_INVALID", source.feeRate(1));
    expect(error.details.reason).toMatch(/nobody asked/);
    await until(() => double.open === 0);
  });

  it("a server that breaks off is asked once more, and then has not answered", async () => {
    const { double, source } = await serve(transport, (_, __, peer) => {
      peer.destroy();
      return SILENCE;
    });
    await expectCode("NETWORK_UNREACHABLE", source.feeRate(1));
    expect(double.connections).toBe(2);
  });

  it("asks again where the connection was lost while nothing was asked", async () => {
    const { double, source } = await serve(transport, () => 0.00001);
    await source.tip();
    double.drop();
    expect(await source.feeRate(1)).toBe(1);
    expect(double.connections).toBe(2);
  });

  it("a server that closes its half has said all", async () => {
    const { double, source } = await serve(transport, (_, __, peer) => {
      peer.end();
      return SILENCE;
    });
    await expectCode("NETWORK_UNREACHABLE", source.feeRate(1));
    await until(() => double.open === 0);
  });

  it("a silent server has 15 seconds, and its connection is not used again", async () => {
    const clock = new FakeClock();
    const { double, source } = await serve(transport, () => SILENCE, clock);
    const asked = expectCode("NETWORK_TIMEOUT", source.feeRate(1));
    await until(() => double.methods().includes("blockchain.estimatefee"));
    await clock.advance(15_000);
    await asked;
    await until(() => double.open === 0);
    await source.tip();
    expect(double.connections).toBe(2);
  });

  it("an aborted call ends at once; a late answer to it is dropped", async () => {
    let answerLate = (): void => undefined;
    const { double, source } = await serve(transport, async () => {
      await new Promise<void>((resolve) => {
        answerLate = resolve;
      });
      return 1;
    });
    const abort = new AbortController();
    const asked = expectCode("NETWORK_ABORTED", source.feeRate(1, { signal: abort.signal }));
    await until(() => double.methods().includes("blockchain.estimatefee"));
    abort.abort();
    await asked;
    answerLate();
    await source.tip();
    await source.tip();
    expect(double.connections).toBe(1);
    await expectCode("NETWORK_ABORTED", source.feeRate(1, { signal: abort.signal }));
  });

  it("a server of none of its versions, or none at all, is refused", async () => {
    const double = await world.double({ transport });
    for (const version of ["1.3", "1.8", "2.0", "1", "", "1.4; DROP", null]) {
      double.misbehave = () => ["software", version];
      await expectCode("NETWORK_ANSWER_INVALID", world.source(double).tip());
    }
    double.misbehave = () => {
      throw new Error("unsupported protocol version");
    };
    await expectCode("NETWORK_STATUS", world.source(double).tip());
    await until(() => double.open === 0);
    expect(double.methods().every((method) => method === "server.version")).toBe(true);
    double.misbehave = async (request, honest) => {
      const answer = await honest();
      return request.method === "server.version" ? ["software", "1.4.2"] : answer;
    };
    await world.source(double).tip();
  });

  it("a closed port is unreachable", async () => {
    const double = await world.double({ transport });
    const source = world.source(double);
    await double.close();
    const error = await expectCode("NETWORK_UNREACHABLE", source.tip());
    expect(error.details).toMatchObject({ url: expect.stringContaining("127.0.0.1"), reason: "ECONNREFUSED" });
  });

  it("a closed source asks nobody", async () => {
    const double = await world.double({ transport });
    const source = world.source(double);
    await source.tip();
    await source.close();
    await until(() => double.open === 0);
    await expectCode("NETWORK_UNREACHABLE", source.tip());
    await source[Symbol.asyncDispose]();
    expect(double.connections).toBe(1);
  });
});

describe("an Electrum connection over tcp", () => {
  it("puts an answer together that comes in single bytes", async () => {
    const { source } = await serve("tcp", async ({ id }, _, peer) => {
      for (const byte of Buffer.from(`{"jsonrpc":"2.0","result":0.00002,"id":${id}}\n`)) {
        peer.raw(Uint8Array.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      return SILENCE;
    });
    expect(await source.feeRate(1)).toBe(2);
  });

  it("a drip that never ends takes no longer than 15 seconds", async () => {
    const clock = new FakeClock();
    const { double, source } = await serve(
      "tcp",
      ({ id }, _, peer) => {
        peer.raw(`{"jsonrpc":"2.0","id":${id},"result":"`);
        return SILENCE;
      },
      clock,
    );
    const asked = expectCode("NETWORK_TIMEOUT", source.feeRate(1));
    await until(() => double.methods().includes("blockchain.estimatefee"));
    for (let second = 0; second < 15; second++) {
      await clock.advance(1_000);
    }
    await asked;
    await until(() => double.open === 0);
  });

  it("stops reading a line without an end", async () => {
    let sent = 0;
    const { double, source } = await serve("tcp", async (_, __, peer) => {
      while (double.open > 0) {
        peer.raw("0".repeat(16_384));
        sent += 16_384;
        await new Promise((resolve) => setImmediate(resolve));
      }
      return SILENCE;
    });
    await expectCode("NETWORK_TOO_LARGE", source.feeRate(1));
    await until(() => double.open === 0);
    // What lay in the buffers of the sockets comes on top.
    expect(sent).toBeLessThan(16 * 1024 * 1024);
  });

  it("a too large answer to one question does not cost the others theirs", async () => {
    const double = await world.double();
    const source = world.source(double);
    await source.tip();
    let flooded = false;
    double.misbehave = (request, honest, peer) => {
      if (request.method === "blockchain.estimatefee" && flooded) return 0.00003;
      if (request.method === "blockchain.scripthash.get_history") {
        flooded = true;
        peer.raw("0".repeat(electrumLimits.listMaxBytes + 1));
      }
      return request.method === "server.version" ? honest() : SILENCE;
    };
    const rate = source.feeRate(1);
    await expectCode("NETWORK_TOO_LARGE", source.history(Uint8Array.of(0x51)));
    expect(await rate).toBe(3);
    expect(double.connections).toBe(2);
  });

  it.each(both)("a large transaction gets through %s", async (transport) => {
    const raw = "01".repeat(3_900_000);
    const double = await world.double({ transport });
    double.misbehave = (request, honest) => (request.method === "blockchain.transaction.get" ? raw : honest());
    expect(await world.source(double).transaction("ab".repeat(32))).toHaveLength(3_900_000);
  });
});
