import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../src/bytes/bytes.js";
import { type Devnet, startDevnet } from "../../src/devnet/index.js";
import type { Writer } from "../../src/writer.js";
import { buildProgram } from "../package/run-cli.js";
import { call, openPage } from "./calls.js";
import { findChromium, launch, launchWithProfile } from "./chromium.js";
import { type Site, startSite } from "./site.js";

const executable = findChromium();

describe.skipIf(executable === null)("in Chromium", () => {
  let devnet: Devnet;
  let writer: Writer;
  let privateKey: readonly number[];
  let site: Site;
  let browser: Browser;
  let context: BrowserContext;
  let servers: { readonly sourceUrls: readonly string[]; readonly storeUrls: readonly string[] };

  const put = (id: string, words: string): Promise<unknown> => writer.putMutable("alice", id, utf8(words));

  beforeAll(async () => {
    buildProgram();
    devnet = await startDevnet({ sources: 2, stores: 1 });
    servers = { sourceUrls: devnet.sourceUrls, storeUrls: devnet.storeUrls };
    const funded = await devnet.fundedWriter();
    writer = funded.writer;
    privateKey = [...funded.privateKey];
    await writer.registerName("alice");
    site = await startSite();
    browser = await launch(executable ?? "");
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await site[Symbol.asyncDispose]();
    await devnet.close();
  });
  // Each has a storage of its own.
  beforeEach(async () => {
    context = await browser.newContext();
  });
  afterEach(async () => {
    devnet.tamper({ store: 0, how: "honest" });
    await context.close();
  });

  describe("reading over HTTP", () => {
    it.each(["bundled", "unbundled"])("a page verifies what the package reads: %s", async (kind) => {
      await put(`read-${kind}`, "hello");
      const page = await openPage(context, `${site.origin}/${kind}`);
      expect(await call(page, "platform")).toEqual({ isWorker: false, hasProcess: false });
      expect(await call(page, "read", { ...servers, id: `read-${kind}` })).toEqual({
        text: "hello",
        ver: 1,
        from: "network",
      });
      expect(await call(page, "read", { ...servers, id: "nothing-here" })).toEqual({ why: "not-in-index" });
      devnet.tamper({ store: 0, how: "forge" });
      expect(await call(page, "read", { ...servers, id: `read-${kind}` })).toMatchObject({ code: "RECORD_UNVERIFIED" });
    });

    it("immutable data", async () => {
      const { key } = await writer.putImmutable("alice", utf8("a picture"), { type: "text/plain" });
      const page = await openPage(context, `${site.origin}/bundled`);
      expect(await call(page, "readImmutable", { ...servers, key })).toEqual({ text: "a picture" });
    });

    it("a worker does the same, and shares the page's floors", async () => {
      await put("worker", "one");
      await put("worker", "two");
      const page = await openPage(context, `${site.origin}/bundled`);
      const inWorker = (name: string, parameters: object = {}): Promise<unknown> =>
        call(page, "inWorker", { call: name, parameters });
      expect(await inWorker("platform")).toEqual({ isWorker: true, hasProcess: false });
      expect(await inWorker("read", { ...servers, id: "worker" })).toMatchObject({ text: "two", ver: 2 });
      devnet.tamper({ store: 0, how: "stale" });
      expect(await call(page, "read", { ...servers, id: "worker" })).toMatchObject({ code: "RECORD_STALE" });
      expect(await inWorker("read", { ...servers, id: "worker" })).toMatchObject({ code: "RECORD_STALE" });
    });
  });

  describe("floors", () => {
    it("M7: survive a reload, and refuse a replay that a browser without them would take", async () => {
      await put("replay", "one");
      await put("replay", "two");
      const page = await openPage(context, `${site.origin}/bundled`);
      expect(await call(page, "read", { ...servers, id: "replay" })).toMatchObject({ text: "two", ver: 2 });
      devnet.tamper({ store: 0, how: "stale" });
      await page.reload();
      expect(await call(page, "read", { ...servers, id: "replay" })).toMatchObject({ code: "RECORD_STALE" });
      const other = await browser.newContext();
      const stranger = await openPage(other, `${site.origin}/bundled`);
      expect(await call(stranger, "read", { ...servers, id: "replay" })).toMatchObject({ text: "one", ver: 1 });
      await other.close();
    });

    it("M7: survive a browser that is killed right after the read", async () => {
      await put("restart", "one");
      await put("restart", "two");
      const directory = mkdtempSync(join(tmpdir(), "hawser-profile-"));
      try {
        const before = await launchWithProfile(executable ?? "", directory);
        const page = await openPage(before, `${site.origin}/bundled`);
        expect(await call(page, "read", { ...servers, id: "restart" })).toMatchObject({ ver: 2 });
        const killed = new Promise((resolve) => before.once("close", resolve));
        const session = await before.browser()?.newBrowserCDPSession();
        expect(session).toBeDefined();
        await session?.send("Browser.crash").catch(() => undefined);
        await killed;
        devnet.tamper({ store: 0, how: "stale" });
        const after = await launchWithProfile(executable ?? "", directory);
        const again = await openPage(after, `${site.origin}/bundled`);
        expect(await call(again, "read", { ...servers, id: "restart" })).toMatchObject({ code: "RECORD_STALE" });
        await after.close();
      } finally {
        rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
      }
    });
  });

  describe("the contract of caches", () => {
    it.each(["bundled", "unbundled"])("this browser's IndexedDB keeps it: %s", async (kind) => {
      const page = await openPage(context, `${site.origin}/${kind}`);
      const told = (await call(page, "contract")) as readonly { readonly name: string; readonly message: unknown }[];
      expect(told.filter(({ message }) => message !== null)).toEqual([]);
      expect(told.length).toBeGreaterThan(30);
    });
  });

  describe("tabs and a worker that race", () => {
    it("M7: lose no update of one entry", async () => {
      const tabs = await Promise.all([1, 2].map(() => openPage(context, `${site.origin}/bundled`)));
      const parameters = { databaseName: "race", key: "count", times: 100 };
      const [first] = tabs;
      const seen = (await Promise.all([
        ...tabs.map((tab) => call(tab, "count", parameters)),
        first === undefined ? [] : call(first, "inWorker", { call: "count", parameters }),
      ])) as readonly (readonly number[])[];
      expect(seen.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    });

    it("W5: never give one version of a record to two data, and report every conflict", async () => {
      await put("duel", "start");
      const tabs = await Promise.all(["left", "right"].map(() => openPage(context, `${site.origin}/bundled`)));
      const outcomes = (
        await Promise.all(
          tabs.map((tab, i) =>
            call(tab, "put", { ...servers, id: "duel", privateKey, times: 10, label: i === 0 ? "left" : "right" }),
          ),
        )
      ).flat() as readonly { readonly ver?: number; readonly text?: string; readonly code?: string }[];
      expect(outcomes).toHaveLength(20);
      const stored = outcomes.filter(({ ver }) => ver !== undefined);
      const failed = outcomes.filter(({ ver }) => ver === undefined);
      expect(failed.map(({ code }) => code).filter((code) => code !== "CONFLICT_RECORD_MOVED")).toEqual([]);
      expect(stored.length).toBeGreaterThan(1);
      const versions = stored.map(({ ver }) => ver);
      expect(new Set(versions).size).toBe(versions.length);
      const newest = stored.reduce((a, b) => ((a.ver ?? 0) > (b.ver ?? 0) ? a : b));
      for (const tab of tabs) {
        expect(await call(tab, "read", { ...servers, id: "duel" })).toMatchObject({
          ver: newest.ver,
          text: newest.text,
        });
      }
    });
  });

  describe("storage that fails", () => {
    it("M7: a frame that is denied IndexedDB is told, and returns nothing", async () => {
      await put("denied", "hello");
      const page = await openPage(context, `${site.origin}/sandboxed`, 1);
      const [, frame] = page.frames();
      if (frame === undefined) throw new Error("no frame");
      const outcome = await call(frame, "read", { ...servers, id: "denied" });
      expect(outcome).toMatchObject({ code: "CACHE_UNAVAILABLE" });
      expect(outcome).toMatchObject({ reason: expect.stringContaining("denies storage") });
    });

    it("M7: a full disk is reported, what was stored stays, and reading goes on when there is space", async () => {
      await put("full", "one");
      const page = await openPage(context, `${site.origin}/bundled`);
      const session = await context.newCDPSession(page);
      // Before the first use: the browser does not ask for the space that is left every time.
      await session.send("Storage.overrideQuotaForOrigin", { origin: site.origin, quotaSize: 1_000_000 });
      expect(await call(page, "read", { ...servers, id: "full" })).toMatchObject({ ver: 1 });
      const filler = { databaseName: "hawser", key: "filler" };
      expect(await call(page, "set", { ...filler, bytes: 1_000 })).toEqual({ stored: 1_000 });
      const outcome = await call(page, "set", { ...filler, bytes: 4_000_000 });
      expect(outcome).toMatchObject({ code: "CACHE_UNAVAILABLE" });
      expect(outcome).toMatchObject({ reason: expect.stringContaining("no space left") });
      expect(await call(page, "size", filler)).toEqual({ bytes: 1_000 });
      expect(await call(page, "keys", { databaseName: "hawser", prefix: "floor/" })).toHaveLength(1);
      await session.send("Storage.overrideQuotaForOrigin", { origin: site.origin });
      expect(await call(page, "set", { ...filler, bytes: 4_000_000 })).toEqual({ stored: 4_000_000 });
      expect(await call(page, "read", { ...servers, id: "full" })).toMatchObject({ ver: 1 });
    });

    it("M7: a read whose floor finds no space gives an error and not the data", async () => {
      await put("floorless", "one");
      const page = await openPage(context, `${site.origin}/bundled`);
      const session = await context.newCDPSession(page);
      await session.send("Storage.overrideQuotaForOrigin", { origin: site.origin, quotaSize: 1 });
      const outcome = await call(page, "read", { ...servers, id: "floorless" });
      expect(outcome).toMatchObject({ code: "CACHE_UNAVAILABLE" });
      expect(outcome).toMatchObject({ reason: expect.stringContaining("no space left") });
    });

    it("M7: site data that is cleared while a page is open is not taken for a new, empty cache", async () => {
      const page = await openPage(context, `${site.origin}/bundled`);
      const entry = { databaseName: "cleared", key: "a", bytes: 10 };
      expect(await call(page, "set", entry)).toEqual({ stored: 10 });
      const session = await context.newCDPSession(page);
      await session.send("Storage.clearDataForOrigin", { origin: site.origin, storageTypes: "indexeddb" });
      for (const name of ["size", "set", "size"] as const) {
        const outcome = await call(page, name, entry);
        expect(outcome).toMatchObject({ code: "CACHE_UNAVAILABLE" });
        expect(outcome).toMatchObject({ reason: expect.stringContaining("deleted while it was in use") });
      }
      await page.reload();
      expect(await call(page, "size", entry)).toEqual({ bytes: null });
    });
  });
});
