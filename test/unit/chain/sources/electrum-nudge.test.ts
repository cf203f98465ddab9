import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, expect, it, vi } from "vitest";
import { electrum } from "../../../../src/chain/sources/electrum.js";
import type { Clock } from "../../../../src/ports.js";

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A clock of which short delays end when the test says so, and long ones never. */
class StepClock implements Clock {
  readonly #waiting: (() => void)[] = [];

  nowMs(): number {
    return 0;
  }

  delay(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => {
        reject(new Error("over"));
      });
      if (ms < 1_000) this.#waiting.push(resolve);
    });
  }

  /** Ends the delays under way, and gives what follows from that time to be sent. */
  async step(): Promise<void> {
    for (const end of this.#waiting.splice(0)) end();
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  }
}

interface Options {
  readonly version: string;
  /** bytes - below which answers are kept back after the first one; and each packet is filled up to it. */
  readonly packetBytes: number;
  /** bytes - that each later packet is filled up to. Default: `packetBytes`. */
  readonly filledBytes?: number;
  /** Whether anything but the handshake and nudges is answered at all. */
  readonly isSilent?: boolean;
}

/** A server of the least that a question about a fee needs, which sends as ElectrumX 2.0.0 does over TCP. */
async function startServer({ version, packetBytes, filledBytes = packetBytes, isSilent = false }: Options) {
  const clock = new StepClock();
  let heard: () => void = () => undefined;
  const question = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const methods: string[] = [];
  const server = createServer((socket) => {
    let kept = "";
    const answer = (id: number, result: unknown): void => {
      // What is filled up is the last one, here the answer that was kept back.
      kept = `${JSON.stringify({ jsonrpc: "2.0", id, result })}\n${kept}`;
      if (methods.length > 1 && kept.length < packetBytes) return;
      const wholeBytes = methods.length > 1 ? filledBytes : packetBytes;
      const padding = " ".repeat(Math.max(0, wholeBytes - kept.length));
      socket.write(`${kept.slice(0, -2)}${padding}}\n`);
      kept = "";
    };
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      for (const line of chunk.toString().trim().split("\n")) {
        const { id, method, params } = JSON.parse(line) as { id: number; method: string; params: unknown[] };
        methods.push(method);
        if (method === "server.version") answer(id, ["a server", version]);
        else if (method === "server.ping") answer(id, { data: "0".repeat(Number(params[0])) });
        else if (method === "blockchain.block.headers") answer(id, { count: 7, hex: "0".repeat(1_120), max: 2_016 });
        else {
          heard();
          if (!isSilent) answer(id, 0.00001);
        }
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const source = electrum(`tcp://127.0.0.1:${address.port}`, { clock });
  closing.push(async () => {
    await source.close();
    await once(server.close(), "close");
  });
  return { source, methods, clock, question };
}

it.each([
  ["1.7", "server.ping"],
  ["1.6", "blockchain.block.headers"],
  ["1.4", "blockchain.block.headers"],
])("has a server of %s that keeps small answers back send them, by %s", async (version, nudge) => {
  const { source, methods, clock, question } = await startServer({ version, packetBytes: 1_024 });
  const asked = source.feeRate(2);
  await question;
  await clock.step();
  expect(await asked).toBe(1);
  expect(methods).toEqual(["server.version", "blockchain.estimatefee", nudge]);
});

it.each([
  [131_072, true],
  [262_144, false],
])("takes an answer in a packet that is filled up to %i bytes: %s", async (filledBytes, isTaken) => {
  // 64 KiB are the most of such an answer; the next power of two but one would be more than padding explains.
  const { source, clock, question } = await startServer({ version: "1.7", packetBytes: 1_024, filledBytes });
  const asked = source.feeRate(2).catch((error: unknown) => error);
  await question;
  await clock.step();
  if (isTaken) expect(await asked).toBe(1);
  else expect(await asked).toMatchObject({ code: "NETWORK_TOO_LARGE" });
});

it("asks a server that answers at once nothing more", async () => {
  const { source, methods, clock, question } = await startServer({ version: "1.6", packetBytes: 0 });
  const asked = source.feeRate(2);
  await question;
  await clock.step();
  await asked;
  expect(new Set(methods)).toEqual(new Set(["server.version", "blockchain.estimatefee"]));
});

it("nudges a server that never answers three times, and no more", async () => {
  const { source, methods, clock, question } = await startServer({
    version: "1.7",
    packetBytes: 1_024,
    isSilent: true,
  });
  const over = new AbortController();
  const asked = source.feeRate(2, { signal: over.signal });
  asked.catch(() => undefined);
  await question;
  const pings = (): number => methods.filter((method) => method === "server.ping").length;
  await vi.waitFor(async () => {
    await clock.step();
    expect(pings()).toBe(3);
  });
  for (let i = 0; i < 10; i++) await clock.step();
  expect(pings()).toBe(3);
  over.abort();
  await expect(asked).rejects.toMatchObject({ code: "NETWORK_ABORTED" });
});
