import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BitcoinCoreOptions, bitcoinCore } from "../../../../src/chain/sources/bitcoin-core.js";
import { isHawserError } from "../../../../src/errors.js";
import { type CoreDouble, RpcError } from "../../../doubles/core-server.js";
import { expectCode } from "../../storage/expect-code.js";
import { reply, serve } from "../../storage/serve.js";
import { CoreWorld, countOf, serveCore, sourceOf } from "./core-world.js";

const world = new CoreWorld();
const SECRET = "marker-secret";
let double: CoreDouble;
beforeEach(async () => {
  double = await serveCore(world);
});

describe("credentials of bitcoinCore", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "hawser-core-"));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  it("come from a cookie file, which is read again when the server wrote another", async () => {
    const cookieFile = join(directory, ".cookie");
    writeFileSync(cookieFile, `${double.user}:${double.password}\n`);
    const source = bitcoinCore(double.url, { cookieFile });
    expect(source.label).toBe(double.host);
    await source.coinbaseTxid(1);
    double.password = "after-the-restart";
    const error = await expectCode("NETWORK_STATUS", source.coinbaseTxid(1));
    expect(error.details.status).toBe(401);
    writeFileSync(cookieFile, `${double.user}:${double.password}`);
    await source.coinbaseTxid(1);
  });

  it("are asked for once more where they changed between file and server", async () => {
    const cookieFile = join(directory, ".cookie");
    writeFileSync(cookieFile, "reader:of-before");
    double.instead = () => {
      writeFileSync(cookieFile, `${double.user}:${double.password}`);
      double.instead = null;
      return null;
    };
    await bitcoinCore(double.url, { cookieFile, rest: false }).coinbaseTxid(1);
    // Where they did not, the server's word stands.
    const before = double.requests.length;
    await expectCode("NETWORK_STATUS", bitcoinCore(double.url, { user: "reader", password: "wrong-one" }).tip());
    expect(double.requests.length - before).toBe(1);
  });

  it("of a file that cannot be read, or is none, fail with its path", async () => {
    const cookieFile = join(directory, ".cookie");
    const source = bitcoinCore(double.url, { cookieFile });
    const absent = await expectCode("INPUT_FILE_UNUSABLE", source.tip());
    expect(absent.details.path).toBe(cookieFile);
    expect(absent.message).toContain("removes it when it stops");
    for (const text of ["", "no colon", ":password", "user:", `a:${"b".repeat(2_000)}`]) {
      writeFileSync(cookieFile, text);
      await expectCode("INPUT_FILE_UNUSABLE", source.tip());
    }
    expect(double.requests).toEqual([]);
  });

  it("are a user and a password, or a function that gives it", async () => {
    let asked = 0;
    const password = async (): Promise<string> => {
      asked++;
      return double.password;
    };
    const source = bitcoinCore(double.url, { user: double.user, password });
    await source.coinbaseTxid(1);
    expect(asked).toBe(2);
    const failing = (): never => {
      throw new Error(SECRET);
    };
    for (const wrong of [failing, () => 5 as unknown as string]) {
      const error = await expectCode(
        "INPUT_CONFIG_INVALID",
        bitcoinCore(double.url, { user: "a", password: wrong }).tip(),
      );
      expect(JSON.stringify([error, error.message, String(error.cause)])).not.toContain(SECRET);
    }
  });

  it("are needed, and only of one kind", async () => {
    const wrong: readonly unknown[] = [
      {},
      { user: "a" },
      { user: "a:b", password: "c" },
      { user: "", password: "c" },
      { cookieFile: "" },
      { cookieFile: "a", user: "b", password: "c" },
      { cookieFile: 5 },
    ];
    for (const options of wrong) {
      await expectCode("INPUT_CONFIG_INVALID", () => bitcoinCore(double.url, options as BitcoinCoreOptions));
    }
    const options = { user: "a", password: "b" };
    await expectCode("INPUT_INVALID", () => bitcoinCore(double.url, { ...options, scanFrom: -1 }));
    await expectCode("INPUT_INVALID", () => bitcoinCore(double.url, { ...options, rest: "yes" as "auto" }));
    await expectCode("INPUT_INVALID", () => bitcoinCore(double.url, { ...options, network: "testnet" as "testnet4" }));
  });

  it("stand in no URL, label or error, also where the server repeats them", async () => {
    const inUrl = await expectCode("INPUT_URL_INVALID", () => {
      bitcoinCore(`http://reader:${SECRET}@127.0.0.1:1`, { user: "a", password: "b" });
    });
    expect(JSON.stringify([inUrl, inUrl.message])).not.toContain(SECRET);
    const source = sourceOf(double);
    expect(source.label).not.toContain(SECRET);
    const encoded = Buffer.from(`reader:${SECRET}`).toString("base64");
    double.replaced["getblockhash"] = () => {
      throw new RpcError(-1, `you said ${SECRET} and Basic ${encoded}`);
    };
    const repeated = await expectCode("CHAIN_SOURCE_UNABLE", source.coinbaseTxid(1));
    expect(repeated.message).toContain("you said (hidden) and Basic (hidden)");
    double.instead = () => ({ status: 403, body: SECRET });
    const refused = await expectCode("NETWORK_STATUS", source.coinbaseTxid(1));
    expect(JSON.stringify([repeated, refused, refused.message])).not.toContain(SECRET);
    expect(refused.message).toContain("rpcallowip");
  });

  it("are sent to RPC alone, and never after a redirect", async () => {
    const other = await serve((_, response) => {
      reply(response, 200, "{}");
    });
    await sourceOf(double).headers(0, 1);
    const rest = double.requests.filter(({ path }) => path.startsWith("/rest/"));
    expect(rest.length).toBeGreaterThan(0);
    expect(rest.map(({ authorization }) => authorization)).toEqual(rest.map(() => undefined));
    const leading = await serve((_, response) => {
      reply(response, 307, "", { location: other.url });
    });
    await expectCode("NETWORK_STATUS", bitcoinCore(leading.url, { user: "a", password: "b" }).tip());
    expect(other.seen).toEqual([]);
    await Promise.all([leading.close(), other.close()]);
  });
});

describe("JSON-RPC of bitcoinCore", () => {
  const source = (): ReturnType<typeof sourceOf> => sourceOf(double, { rest: false });
  const answer = (body: unknown, status = 200): void => {
    double.instead = () => ({ status, body: typeof body === "string" ? body : JSON.stringify(body) });
  };
  const idIn = (body: string): number => (JSON.parse(body) as { readonly id: number }).id;

  it("takes a batch's answers in any order", async () => {
    double.instead = (_, body, right) =>
      body.startsWith("[") ? { body: JSON.stringify((JSON.parse(right) as unknown[]).reverse()) } : null;
    expect(await source().headers(0, 3)).toHaveLength(240);
    expect(await source().outspend(world.coin, world.script)).toMatchObject({ txid: world.mined });
  });

  it("takes no answer to another question", async () => {
    const hash = world.chain.tip.hash;
    for (const id of ["1", null, undefined, 0, 999, 1.5]) {
      answer({ jsonrpc: "2.0", result: hash, id });
      await expectCode("NETWORK_ANSWER_INVALID", source().coinbaseTxid(1));
    }
    double.instead = (_, body) => ({ body: JSON.stringify({ jsonrpc: "2.0", result: hash, id: idIn(body) + 1 }) });
    await expectCode("NETWORK_ANSWER_INVALID", source().coinbaseTxid(1));
  });

  it("takes no batch with an answer twice, too few, or of another shape", async () => {
    type Replies = Record<string, unknown>[];
    const changes: readonly ((replies: Replies) => unknown)[] = [
      (replies) => replies.slice(1),
      (replies) => [...replies, replies[0]],
      (replies) => [replies[0], replies[0]],
      (replies) => replies[0],
      () => [],
      () => [null, null],
      () => [[], []],
      (replies) => replies.map((one) => ({ ...one, id: 7_777 })),
      (replies) => replies.map(({ id }) => ({ id })),
      (replies) => replies.map(({ id }) => ({ id, error: "no" })),
      (replies) => replies.map(({ id }) => ({ id, error: { code: "x" } })),
    ];
    for (const change of changes) {
      double.instead = (_, body, right) =>
        body.startsWith("[") ? { body: JSON.stringify(change(JSON.parse(right) as Replies)) } : null;
      await expectCode("NETWORK_ANSWER_INVALID", source().outspend(world.coin, world.script));
    }
  });

  it("tells pages of HTML, refusals and other statuses from answers", async () => {
    const cases: readonly (readonly [number, string, "NETWORK_ANSWER_INVALID" | "NETWORK_STATUS"])[] = [
      [200, "<html>It works!</html>", "NETWORK_ANSWER_INVALID"],
      [200, "", "NETWORK_ANSWER_INVALID"],
      [200, "\ufffd", "NETWORK_ANSWER_INVALID"],
      [200, "null", "NETWORK_ANSWER_INVALID"],
      [200, "[]", "NETWORK_ANSWER_INVALID"],
      [502, "<html>Bad gateway</html>", "NETWORK_STATUS"],
      [500, "<html>Error</html>", "NETWORK_STATUS"],
      [500, '{"result":"00"}', "NETWORK_STATUS"],
      [403, "", "NETWORK_STATUS"],
      [401, "", "NETWORK_STATUS"],
      [404, "", "NETWORK_STATUS"],
      [503, "Work queue depth exceeded", "NETWORK_STATUS"],
    ];
    for (const [status, body, code] of cases) {
      answer(body, status);
      const error = await expectCode(code, source().tip());
      if (isHawserError(error, "NETWORK_STATUS")) expect(error.details.status).toBe(status);
    }
    answer("x".repeat(200_000));
    await expectCode("NETWORK_ANSWER_INVALID", source().tip());
    double.instead = () => "destroy";
    await expectCode("NETWORK_UNREACHABLE", source().tip());
  });

  it("bounds what a server may send, and how long it may take", async () => {
    answer(`"${"0".repeat(4 * 1024 * 1024)}"`);
    await expectCode("NETWORK_TOO_LARGE", source().tip());
    await expectCode("NETWORK_TOO_LARGE", source().outspend(world.coin, world.script));
    double.instead = () => "hang";
    const controller = new AbortController();
    const hanging = source();
    // More than are sent at a time: those that wait for their turn end, too.
    const calls = Promise.all(
      Array.from({ length: 12 }, () => expectCode("NETWORK_ABORTED", hanging.tip({ signal: controller.signal }))),
    );
    await expect.poll(() => double.requests.length).toBeGreaterThanOrEqual(8);
    controller.abort();
    await calls;
    expect(double.requests.length).toBeLessThanOrEqual(12);
    double.instead = null;
    expect((await hanging.tip()).height).toBe(world.chain.height);
  });

  it("says that the server is still starting", async () => {
    for (const version of [27, 31]) {
      double.features.version = version;
      double.features.warmup = true;
      const error = await expectCode("CHAIN_SOURCE_UNABLE", sourceOf(double).tip());
      expect(error.message).toContain("still starting: Loading block index");
      await expectCode("CHAIN_SOURCE_UNABLE", sourceOf(double).outspend(world.coin, world.script));
      double.features.warmup = false;
      await sourceOf(double).tip();
    }
  });

  it("asks for a method that is missing once, and again after the server was started anew", async () => {
    double.features.version = 28;
    const asked = source();
    await asked.unspent(world.script);
    await asked.unspent(world.script);
    expect(countOf(double, "getdescriptoractivity")).toBe(1);
    double.features.version = 31;
    double.instead = () => "destroy";
    await expectCode("NETWORK_UNREACHABLE", asked.tip());
    double.instead = null;
    await asked.unspent(world.script);
    expect(countOf(double, "getdescriptoractivity")).toBe(2);
  });
});
