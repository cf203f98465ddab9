import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { createSource, type ElectrumSource } from "../../../../src/chain/sources/electrum.js";
import type { ChannelHandler } from "../../../../src/chain/sources/electrum-channel.js";
import { electrumLimits } from "../../../../src/chain/sources/electrum-limits.js";
import { parseElectrumUrl } from "../../../../src/chain/sources/electrum-url.js";
import { FakeClock, settle } from "../../fake-clock.js";
import { expectCode } from "../../storage/expect-code.js";
import { ElectrumWorld } from "./electrum-world.js";

interface Sent {
  readonly id: number;
  readonly method: string;
}

/** One connection of a network that a test plays. */
class Line {
  readonly sent: Sent[] = [];
  held = true;
  closed = false;
  readonly handler: ChannelHandler;

  constructor(handler: ChannelHandler) {
    this.handler = handler;
  }

  /** Answers the last question, or the one with this index. */
  answer(result: unknown, index = -1): void {
    const id = this.sent.at(index)?.id;
    this.handler.onMessage(JSON.stringify({ id, result }));
  }
}

const open: ElectrumSource[] = [];
afterEach(async () => {
  for (const source of open.splice(0)) await source.close();
});

/** A source whose connections, clock and idle timer the test plays. */
function play(connects = true) {
  const clock = new FakeClock();
  const lines: Line[] = [];
  const timers: { readonly ms: number; readonly run: () => void; stopped: boolean }[] = [];
  const attempts: AbortSignal[] = [];
  const source = createSource("played", {
    place: parseElectrumUrl("tcp://a.example:1"),
    tls: undefined,
    clock,
    timer: (ms, run) => {
      const timer = { ms, run, stopped: false };
      timers.push(timer);
      return () => {
        timer.stopped = true;
      };
    },
    open: (_, __, handler, signal) => {
      attempts.push(signal);
      if (!connects)
        return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
      const line = new Line(handler);
      lines.push(line);
      return Promise.resolve({
        send: (message) => void line.sent.push(JSON.parse(message) as Sent),
        hold: (held) => {
          line.held = held;
        },
        close: () => {
          line.closed = true;
        },
      });
    },
  });
  open.push(source);
  return { clock, lines, timers, attempts, source };
}

async function connected(): Promise<ReturnType<typeof play> & { readonly line: Line }> {
  const world = play();
  const rate = world.source.feeRate(1);
  await settle();
  const line = world.lines[0]!;
  line.answer(["software", "1.4"]);
  await settle();
  line.answer(0.00001);
  expect(await rate).toBe(1);
  return { ...world, line };
}

describe("the connection of an Electrum source", () => {
  it("holds a Node process while something is asked, and not when it is idle", async () => {
    const { source, line } = await connected();
    expect(line.held).toBe(false);
    const rate = source.feeRate(1);
    await settle();
    expect(line.held).toBe(true);
    line.answer(0.00001);
    await rate;
    expect(line.held).toBe(false);
  });

  it("is closed when nobody asked for a while, and made again when somebody does", async () => {
    const { source, line, lines, timers } = await connected();
    const idle = timers.at(-1)!;
    expect(idle.ms).toBe(electrumLimits.idleMs);
    const rate = source.feeRate(1);
    await settle();
    expect(idle.stopped).toBe(true);
    line.answer(0.00001);
    await rate;
    timers.at(-1)?.run();
    expect(line.closed).toBe(true);
    const again = source.feeRate(1);
    await settle();
    expect(lines).toHaveLength(2);
    expect(lines[1]?.sent[0]?.method).toBe("server.version");
    lines[1]?.answer(["software", "1.4"]);
    await settle();
    lines[1]?.answer(0.00002);
    expect(await again).toBe(2);
  });

  it("is not closed while a longer call goes on, and once for all calls at the same time", async () => {
    const { source, line, timers } = await connected();
    const before = timers.length;
    const rates = [source.feeRate(1), source.feeRate(2)];
    await settle();
    line.answer(0.00001, 2);
    await rates[0];
    expect(timers).toHaveLength(before);
    line.answer(0.00001, 3);
    await rates[1];
    expect(timers).toHaveLength(before + 1);
  });

  it("has at most 16 questions under way; the next go when answers come", async () => {
    const { source, line } = await connected();
    const rates = Array.from({ length: 20 }, () => source.feeRate(1));
    await settle();
    expect(line.sent).toHaveLength(2 + electrumLimits.maxInFlight);
    line.answer(0.00001, 2);
    await settle();
    expect(line.sent).toHaveLength(3 + electrumLimits.maxInFlight);
    for (let i = 3; i < 22; i++) {
      await settle();
      line.answer(0.00001, i);
    }
    await Promise.all(rates);
  });

  it("a question that was given up before its turn is never sent", async () => {
    const { source, line } = await connected();
    const rates = Array.from({ length: 16 }, () => source.feeRate(1));
    const abort = new AbortController();
    const late = expectCode("NETWORK_ABORTED", source.feeRate(9, { signal: abort.signal }));
    await settle();
    abort.abort();
    await late;
    for (let i = 2; i < 18; i++) line.answer(0.00001, i);
    await Promise.all(rates);
    await settle();
    expect(line.sent).toHaveLength(18);
  });

  it("is given up when too many questions that nobody waits for stay unanswered", async () => {
    const { source, line } = await connected();
    for (let i = 0; i <= electrumLimits.maxAbandoned; i++) {
      expect(line.closed).toBe(false);
      const abort = new AbortController();
      const asked = expectCode("NETWORK_ABORTED", source.feeRate(1, { signal: abort.signal }));
      await settle();
      abort.abort();
      await asked;
    }
    expect(line.closed).toBe(true);
  });

  it("is given up with a call that had no byte for 5 seconds, and not with one whose connection lives", async () => {
    const { source, line, clock } = await connected();
    const giveUp = async (): Promise<void> => {
      const abort = new AbortController();
      const asked = expectCode("NETWORK_ABORTED", source.feeRate(1, { signal: abort.signal }));
      await settle();
      await clock.advance(electrumLimits.silenceMs - 1);
      line.handler.onMessage('{"method":"server.ping","params":[]}');
      await clock.advance(electrumLimits.silenceMs - 1);
      abort.abort();
      await asked;
    };
    await giveUp();
    expect(line.closed).toBe(false);
    const abort = new AbortController();
    const asked = expectCode("NETWORK_ABORTED", source.feeRate(1, { signal: abort.signal }));
    await settle();
    await clock.advance(electrumLimits.silenceMs);
    abort.abort();
    await asked;
    expect(line.closed).toBe(true);
  });

  it("is no longer tried when nobody waits for it", async () => {
    const { source, attempts } = play(false);
    const aborts = [new AbortController(), new AbortController()];
    const asked = aborts.map(({ signal }) => expectCode("NETWORK_ABORTED", source.feeRate(1, { signal })));
    await settle();
    expect(attempts).toHaveLength(1);
    aborts[0]?.abort();
    await settle();
    expect(attempts[0]?.aborted).toBe(false);
    aborts[1]?.abort();
    await Promise.all(asked);
    await settle();
    expect(attempts[0]?.aborted).toBe(true);
  });

  it("that nobody can make is given up after 15 seconds, and by close", async () => {
    const { source, clock } = play(false);
    const late = expectCode("NETWORK_TIMEOUT", source.feeRate(1));
    await clock.advance(15_000);
    await late;
    const closed = play(false);
    const asked = expectCode("NETWORK_ABORTED", closed.source.feeRate(1));
    await settle();
    await closed.source.close();
    await asked;
  });

  it("an answer within the cap of another question but above its own is too large", async () => {
    const { source, line } = await connected();
    const history = source.history(Uint8Array.of(0x51));
    const rate = expectCode("NETWORK_TOO_LARGE", source.feeRate(1));
    await settle();
    expect(line.handler.maxMessageBytes).toBe(electrumLimits.listMaxBytes);
    line.answer("0".repeat(electrumLimits.answerMaxBytes), 3);
    await rate;
    line.answer([], 2);
    expect(await history).toEqual([]);
    expect(line.handler.maxMessageBytes).toBe(electrumLimits.answerMaxBytes);
  });
});

describe("a process that asked an Electrum server", () => {
  it("ends by itself, with the connections still open", async () => {
    await using world = new ElectrumWorld();
    const urls = [(await world.double()).url, (await world.double({ transport: "ws" })).url];
    const worker = fileURLToPath(new URL("electrum-worker.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", worker, ...urls]);
    const held = JSON.parse(stdout) as readonly string[];
    expect(held.filter((resource) => /tcp|tls|timeout/i.test(resource))).toEqual([]);
  });
});
