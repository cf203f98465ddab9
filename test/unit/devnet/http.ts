import { afterEach } from "vitest";
import { type Devnet, type DevnetOptions, startDevnet } from "../../../src/devnet/devnet.js";

const running: Devnet[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((devnet) => devnet.close()));
});

/** A devnet that is closed after the test. */
export async function start(options?: DevnetOptions): Promise<Devnet> {
  const devnet = await startDevnet(options);
  running.push(devnet);
  return devnet;
}

/** An answer, its body read. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** The body as JSON. */
  json(): unknown;
}

/** One request. */
export async function ask(url: string | undefined, init?: RequestInit): Promise<Reply> {
  const response = await fetch(url ?? "", init);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const text = new TextDecoder().decode(bytes);
  return { status: response.status, headers: response.headers, bytes, text, json: (): unknown => JSON.parse(text) };
}

/** A POST of JSON. */
export function post(url: string, body: unknown): Promise<Reply> {
  return ask(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}
