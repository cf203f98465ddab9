import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** How a server is started. */
export interface DaemonStart {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Resolves once it answers; called again until then. */
  readonly ready: () => Promise<unknown>;
}

const START_MS = 120_000;
const STOP_MS = 30_000;

/** A server of its own process, and what it printed last. */
export class Daemon implements AsyncDisposable {
  readonly #child: ChildProcess;
  #printed = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#printed = (this.#printed + chunk.toString()).slice(-20_000);
      });
    }
  }

  static async start({ program, args, env = {}, ready }: DaemonStart): Promise<Daemon> {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    const daemon = new Daemon(child);
    // However this process ends, its servers do not outlive it.
    const kill = (): void => void child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.off("exit", kill));
    const failed = new Promise<never>((_, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        reject(new Error(`${program} ended with ${code ?? signal}:\n${daemon.#printed}`));
      });
    });
    failed.catch(() => undefined);
    const deadlineMs = Date.now() + START_MS;
    for (;;) {
      const error = await Promise.race([
        ready().then(
          () => null,
          (cause: unknown) => cause,
        ),
        failed,
      ]);
      if (error === null) return daemon;
      if (Date.now() > deadlineMs) {
        child.kill("SIGKILL");
        throw new Error(`${program} did not answer:\n${daemon.#printed}`, { cause: error });
      }
      await sleep(100);
    }
  }

  get printed(): string {
    return this.#printed;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await exited;
    clearTimeout(timer);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Ports that are free now. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return address.port;
  });
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

/** Asks until the answer is there; for what a server does in its own time. */
export async function eventually<T>(what: string, ask: () => Promise<T | null | false>): Promise<T> {
  const deadlineMs = Date.now() + START_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== false) return answer;
    if (Date.now() > deadlineMs) throw new Error(`waited in vain for ${what}`);
    await sleep(50);
  }
}
