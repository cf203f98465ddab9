import { afterEach, describe, expect, it } from "vitest";
import { electrumLimits } from "../../../../src/chain/sources/electrum-limits.js";
import type { ElectrumProtocol } from "../../../doubles/electrum-methods.js";
import { type ElectrumDouble, SILENCE } from "../../../doubles/electrum-server.js";
import { TestKey } from "../../devnet/wallet.js";
import { FakeClock } from "../../fake-clock.js";
import { expectCode } from "../../storage/expect-code.js";
import { ElectrumWorld, until } from "./electrum-world.js";

const world = new ElectrumWorld();
afterEach(() => world.close());

/** Watches a key's script; `changes` counts what it says. */
async function watch(double: ElectrumDouble, clock = new FakeClock(), onChange?: () => void) {
  const key: TestKey = world.key();
  const source = world.source(double, { clock });
  const abort = new AbortController();
  const seen = { changes: 0 };
  const done = source.watch(
    [key.p2tr],
    () => {
      seen.changes++;
      onChange?.();
    },
    { signal: abort.signal },
  );
  done.catch(() => undefined);
  const subscribed = (): number =>
    double.methods().filter((method) => /(?:hash|pubkey)\.subscribe/.test(method)).length;
  await until(() => subscribed() === 1);
  await clock.advance(0);
  return { key, source, abort, seen, done, clock, subscribed };
}

const double = (protocol: ElectrumProtocol = "1.6"): Promise<ElectrumDouble> => world.double({ protocol });

describe("watch of an Electrum source", () => {
  it.each<ElectrumProtocol>(["1.4", "1.6", "1.7"])(
    "protocol %s: tells of a block and of a script's new history",
    async (protocol) => {
      const server = await double(protocol);
      const { key, seen, abort, done } = await watch(server);
      expect(seen.changes).toBe(0);
      world.chain.mine(1);
      await server.notify();
      await until(() => seen.changes === 1);
      world.chain.fund(key.p2tr);
      await server.notify();
      await until(() => seen.changes >= 2);
      abort.abort();
      await done;
      // Nothing is left of it.
      await until(() => server.open === 0);
    },
  );

  it("does not tell of other notifications, and of a burst once", async () => {
    const server = await double();
    const { seen, abort, done } = await watch(server);
    server.broadcast('{"jsonrpc":"2.0","method":"server.ping","params":[]}');
    for (let i = 0; i < 5; i++)
      server.broadcast('{"jsonrpc":"2.0","method":"blockchain.headers.subscribe","params":[{}]}');
    await until(() => seen.changes > 0);
    expect(seen.changes).toBeLessThan(5);
    abort.abort();
    await done;
  });

  it("asks for a sign of life after a quiet minute", async () => {
    const server = await double();
    const { clock, abort, done } = await watch(server);
    await clock.advance(electrumLimits.pingMs);
    await until(() => server.methods().includes("server.ping"));
    expect(server.connections).toBe(1);
    abort.abort();
    await done;
  });

  it("connects again after a lost connection, and tells what changed meanwhile", async () => {
    const server = await double();
    const { clock, seen, abort, done, subscribed } = await watch(server);
    world.chain.mine(1);
    server.drop();
    await until(() => clock.pending > 0 && server.open === 0);
    await clock.advance(electrumLimits.backoffMs);
    await until(() => subscribed() === 2 && seen.changes === 1);
    // Nothing changed since.
    server.drop();
    await until(() => server.open === 0);
    await clock.advance(0);
    await clock.advance(electrumLimits.backoffMs);
    await until(() => subscribed() === 3);
    await clock.advance(0);
    expect(seen.changes).toBe(1);
    abort.abort();
    await done;
  });

  it("a server that answers no sign of life is left, and tried again", async () => {
    const server = await double();
    const { clock, abort, done, subscribed } = await watch(server);
    server.misbehave = (request, honest) => (request.method === "server.ping" ? SILENCE : honest());
    await clock.advance(electrumLimits.pingMs);
    await until(() => server.methods().includes("server.ping"));
    await clock.advance(15_000);
    await until(() => server.open === 0);
    await clock.advance(electrumLimits.backoffMs);
    await until(() => subscribed() === 2);
    abort.abort();
    await done;
  });

  it("fails after several attempts in a row, each later than the last", async () => {
    const server = await double();
    const { clock, done } = await watch(server);
    await server.close();
    const started = clock.nowMs();
    const ended = { yet: false };
    const failure = expectCode("NETWORK_UNREACHABLE", done).then(() => {
      ended.yet = true;
    });
    while (!ended.yet) {
      await clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await failure;
    expect(clock.nowMs() - started).toBeGreaterThanOrEqual(31 * electrumLimits.backoffMs);
  });

  it("fails at once where the server breaks the protocol", async () => {
    const server = await double();
    const { done } = await watch(server);
    server.broadcast('{"jsonrpc":"2.0","id":77,"result":null}');
    await expectCode("NETWORK_ANSWER_INVALID", done);
    expect(server.connections).toBe(1);
  });

  it("fails with what onChange throws, and when the source is closed", async () => {
    const server = await double();
    const bad = await watch(server, new FakeClock(), () => {
      throw new RangeError("mine");
    });
    server.broadcast('{"jsonrpc":"2.0","method":"blockchain.headers.subscribe","params":[]}');
    await expect(bad.done).rejects.toThrow(RangeError);
    await until(() => server.open === 0);

    const other = await double();
    const closed = await watch(other);
    await closed.source.close();
    await expectCode("NETWORK_UNREACHABLE", closed.done);
  });

  it("ends at once where its signal is aborted already, or while it connects", async () => {
    const server = await double();
    const source = world.source(server);
    await source.watch([], () => undefined, { signal: AbortSignal.abort() });
    expect(server.connections).toBe(0);
    server.misbehave = () => SILENCE;
    const abort = new AbortController();
    const done = source.watch([], () => undefined, { signal: abort.signal });
    await until(() => server.seen.length === 1);
    abort.abort();
    await done;
    await until(() => server.open === 0);
  });
});
