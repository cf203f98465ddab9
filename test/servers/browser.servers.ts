import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { AwsClient } from "aws4fetch";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StoredKind } from "../../src/ports.js";
import { type PresignRequest, s3 } from "../../src/storage/s3.js";
import { storageContract } from "../../src/testing/index.js";
import { call, openPage } from "../browser/calls.js";
import { findChromium, launch } from "../browser/chromium.js";
import { type Site, startSite } from "../browser/site.js";
import { blocksOf } from "../package/pages.js";
import { buildProgram } from "../package/run-cli.js";
import { startApache } from "./daemons/apache.js";
import { startKubo } from "./daemons/kubo.js";
import { startNginx } from "./daemons/nginx.js";
import type { S3Service } from "./daemons/s3-service.js";
import { startVersitygw } from "./daemons/versitygw.js";
import { Opened } from "./opened.js";

const WRONG = "marker-of-a-wrong-secret";
const STOPPED = "http://127.0.0.1:1";
const executable = findChromium();
const program = fileURLToPath(new URL("storage-program.mjs", import.meta.url));

/** What the page is told of a server: options by which it opens a provider, and providers that must fail. */
interface Setup {
  readonly server: object;
  readonly refused?: object | undefined;
  readonly stopped?: object | undefined;
}

const opened = new Opened();
let site: Site;
let browser: Browser | undefined;
let page: Page;
beforeAll(async () => {
  if (executable === null) return;
  buildProgram();
  site = opened.use(await startSite(program));
  browser = await launch(executable);
  const context = await browser.newContext();
  page = await openPage(context, `${site.origin}/bundled`);
});
afterAll(async () => {
  await browser?.close();
  await opened.close();
});

/** Settings as a guide gives them, for the origin of the pages under test. */
function documented(guide: string, language: string): readonly string[] {
  const blocks = blocksOf(`docs/guides/${guide}`, language).map(({ code }) => code);
  expect(blocks.join("\n")).toContain("https://alice.example");
  return blocks.map((code) => code.replaceAll("https://alice.example", site.origin));
}

/** The one block of JSON in a guide. */
function documentedJson(guide: string): unknown {
  const [block = "", ...others] = documented(guide, "json");
  expect(others).toEqual([]);
  return JSON.parse(block);
}

/** The contract in the page, of a provider as `storage-program.mjs` opens it by its kind. */
function describeInPage(
  what: string,
  kind: string,
  fails: readonly ("refused" | "stopped")[],
  start: () => Promise<Setup>,
  kinds?: readonly StoredKind[],
): void {
  describe.skipIf(executable === null)(`in Chromium, the contract of providers over ${what}`, () => {
    let setup: Setup;
    beforeAll(async () => {
      setup = await start();
      expect(Object.keys(setup).slice(1).sort()).toEqual([...fails].sort());
    });
    const never = (): never => {
      throw new Error("opened outside of the page");
    };
    const failing = (name: (typeof fails)[number]) => (fails.includes(name) ? never : undefined);
    const cases = storageContract({
      open: never,
      openRefused: failing("refused"),
      openStopped: failing("stopped"),
      kinds,
    });
    it.each(cases.map(({ name }) => name))("%s", async (name) => {
      expect(await call(page, "check", { name, kind, kinds, secrets: [WRONG], ...setup })).toBe("");
    });
  });
}

describeInPage("nginx, by PUT and DELETE", "http", ["stopped"], async () => {
  const [http = "", location = ""] = documented("browser.md", "nginx");
  const { url } = opened.use(await startNginx({ directives: { http, location } }));
  return { server: { url }, stopped: { url: STOPPED } };
});

describeInPage("Apache's mod_dav", "webdav", ["refused", "stopped"], async () => {
  const { url, username, password } = opened.use(
    await startApache({ rules: documented("browser.md", "apache").join() }),
  );
  const credentials = { username, password };
  const wrong = { username, password: WRONG };
  return {
    server: { url, credentials, staged: true },
    refused: { url, credentials: wrong },
    stopped: { url: STOPPED, credentials },
  };
});

/** A bucket of versitygw that everybody may read, with the CORS rules of the guide. */
async function startBucket(furtherHeaders: readonly string[]): Promise<S3Service> {
  const service = opened.use(await startVersitygw());
  const [rule] = documentedJson("s3.md") as [Readonly<Record<string, readonly string[]>>];
  const cors = Object.entries({ ...rule, AllowedHeaders: [...(rule["AllowedHeaders"] ?? []), ...furtherHeaders] })
    .flatMap(([name, values]) => values.map((value) => [name.replace(/s$/, ""), value]))
    .map(([element, value]) => `<${element}>${value}</${element}>`);
  await configure(service, "cors", `<CORSConfiguration><CORSRule>${cors.join("")}</CORSRule></CORSConfiguration>`);
  const everybody = { Effect: "Allow", Principal: "*" };
  const Resource = `arn:aws:s3:::${service.bucket}`;
  // Without the second of them a key that is absent is refused instead.
  const Statement = [
    { ...everybody, Action: "s3:GetObject", Resource: `${Resource}/*` },
    { ...everybody, Action: "s3:ListBucket", Resource },
  ];
  await configure(service, "policy", JSON.stringify({ Version: "2012-10-17", Statement }));
  return service;
}

async function configure(service: S3Service, setting: "cors" | "policy", body: string): Promise<void> {
  const { endpoint, bucket, credentials } = service;
  const { accessKeyId, secretAccessKey } = credentials;
  const client = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "us-east-1" });
  const headers = { "content-md5": createHash("md5").update(body).digest("base64") };
  const answer = await client.fetch(`${endpoint}/${bucket}?${setting}`, { method: "PUT", headers, body });
  expect(answer.ok, await answer.text()).toBe(true);
}

describeInPage("signed uploads to versitygw", "presigned", [], async () => {
  const { endpoint, bucket, credentials } = await startBucket([]);
  const sign = (_: unknown, prefix: string, request: Omit<PresignRequest, "expiresSeconds">) =>
    s3({ endpoint, bucket, credentials, prefix, conditional: true }).presign({ ...request, expiresSeconds: 60 });
  await page.exposeBinding("hawserSign", sign);
  return { server: { url: `${endpoint}/${bucket}`, conditional: true } };
});

// What it refuses, or a bucket that is missing, has no CORS headers: a page cannot see what the service says.
describeInPage("versitygw", "s3", ["stopped"], async () => {
  const { endpoint, bucket, credentials } = await startBucket(["authorization", "range", "x-amz-*"]);
  const server = { endpoint, bucket, credentials };
  return { server, stopped: { ...server, endpoint: STOPPED } };
});

/** A Kubo node that pages may use, as the guide sets it up. */
async function startNode(): Promise<{ readonly url: string; readonly gatewayUrl: string }> {
  const node = await startKubo({ settings: { "API.HTTPHeaders": documentedJson("browser.md") } });
  opened.use({ [Symbol.asyncDispose]: () => node.stop() });
  return { url: node.apiUrl, gatewayUrl: node.gatewayUrl };
}

describeInPage(
  "Kubo's RPC",
  "kubo",
  ["stopped"],
  async () => {
    const server = await startNode();
    return { server, stopped: { ...server, url: STOPPED } };
  },
  ["object"],
);

describeInPage("Kubo's gateway", "ipfs", [], async () => ({ server: await startNode() }), ["object"]);
