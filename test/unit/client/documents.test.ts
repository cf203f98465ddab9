import { beforeEach, describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { decodeHex } from "../../../src/bytes/hex.js";
import { memoryCache } from "../../../src/cache/memory.js";
import { networks } from "../../../src/chain/network.js";
import { cachedNodeLoader, cachedProfile, loadProfile, nodeLoader } from "../../../src/client/documents.js";
import { ReaderCore, type Session } from "../../../src/client/reader-core.js";
import { contentKey } from "../../../src/immutable/key.js";
import type { Cache, ChainSource, StorageReader } from "../../../src/ports.js";
import { encodeProfile } from "../../../src/profile/profile.js";
import { joinBase, objectPath } from "../../../src/route/layout.js";
import { systemClock } from "../../../src/runtime/clock.js";
import { serves, urlsWith } from "../route/places.js";
import { expectCode } from "../storage/expect-code.js";
import { profileOf } from "./reader-world.js";

const node = utf8("an index node");
const hash = contentKey(node);
const profile = profileOf("alice", { storage: ["https://places.example/base"] });
const profileBytes = encodeProfile(profile);
const profileHash = decodeHex(contentKey(profileBytes));

describe("documents", () => {
  let cache: Cache;
  let urls: ReturnType<typeof urlsWith>;
  beforeEach(() => {
    cache = memoryCache();
    urls = urlsWith({});
  });

  const coreOver = (storage: readonly StorageReader[]): ReaderCore =>
    new ReaderCore({
      network: networks.regtest,
      sources: [{ label: "none" } as ChainSource],
      storage,
      urlReader: urls,
      cache,
      clock: systemClock,
      minSources: 1,
      minConfirmations: 1,
      maxTipAgeMs: null,
    });
  const inSession = <T>(core: ReaderCore, run: (session: Session) => Promise<T>): Promise<T> =>
    core.run("The test", {}, run);
  const loadNode = (core: ReaderCore, given = hash): Promise<Uint8Array> =>
    inSession(core, (session) => nodeLoader(core, session, profile)(given));
  /** Puts bytes under an object's key, with a right checksum. */
  const poison = (core: ReaderCore, given: string, value: Uint8Array): Promise<void> =>
    core.parts.cache.update(`object/${given}`, () => ({ value, result: undefined }));

  it("P3: a node comes from the network once, and from the cache from then on", async () => {
    expect(await loadNode(coreOver([serves("a", node)]))).toEqual(node);
    expect(await loadNode(coreOver([]))).toEqual(node);
    expect(urls.asked).toEqual([]);
  });

  it("P3: other bytes than the hash says are not taken from a provider, and not kept", async () => {
    const core = coreOver([serves("liar", utf8("something else")), serves("empty", null)]);
    const error = await expectCode("INDEX_UNAVAILABLE", loadNode(core));
    expect(error.details.hash).toBe(hash);
    expect(error.details.attempts.map(({ label }) => label)).toEqual([
      "liar",
      "empty",
      joinBase("https://places.example/base", objectPath(hash)),
    ]);
    expect(await cache.keys("")).toEqual([]);
  });

  it("P3: other bytes than the hash says are not taken from the cache either, and are replaced", async () => {
    const core = coreOver([serves("a", node)]);
    await poison(core, hash, utf8("something else"));
    await expectCode("INDEX_UNAVAILABLE", cachedNodeLoader(core)(hash));
    expect(await loadNode(core)).toEqual(node);
    expect(await cachedNodeLoader(core)(hash)).toEqual(node);
  });

  it("P1: a node is looked for under the profile's storage, the profile is not", async () => {
    urls = urlsWith({ [joinBase("https://places.example/base", objectPath(hash))]: node });
    const core = coreOver([]);
    expect(await loadNode(core)).toEqual(node);
    urls.asked.length = 0;
    const load = inSession(core, (session) => loadProfile(core, session, "alice", profileHash));
    const error = await expectCode("PROFILE_UNAVAILABLE", load);
    expect(error.details).toEqual({ profileHash: contentKey(profileBytes), attempts: [] });
    expect(urls.asked).toEqual([]);
  });

  it("P3: a node above 256 KiB is not taken", async () => {
    const large = new Uint8Array(256 * 1024 + 1);
    await expectCode("INDEX_UNAVAILABLE", loadNode(coreOver([serves("a", large)]), contentKey(large)));
    const most = new Uint8Array(256 * 1024);
    expect(await loadNode(coreOver([serves("a", most)]), contentKey(most))).toEqual(most);
  });

  it("P1: a profile above 256 KiB is not taken", async () => {
    const large = new Uint8Array(256 * 1024 + 1);
    const core = coreOver([serves("a", large)]);
    const load = inSession(core, (session) => loadProfile(core, session, "alice", decodeHex(contentKey(large))));
    const error = await expectCode("PROFILE_UNAVAILABLE", load);
    expect(error.details.attempts.map(({ code }) => code)).toEqual(["NETWORK_TOO_LARGE"]);
  });

  it("P1: other bytes than the anchored hash says are not taken for the profile, from a provider or the cache", async () => {
    const other = encodeProfile(profileOf("alice"));
    const lying = coreOver([serves("liar", other)]);
    const load = (core: ReaderCore): Promise<unknown> =>
      inSession(core, (session) => loadProfile(core, session, "alice", profileHash));
    const error = await expectCode("PROFILE_UNAVAILABLE", load(lying));
    expect(error.details.attempts).toMatchObject([{ label: "liar", code: "CONTENT_UNVERIFIED" }]);
    await poison(lying, contentKey(profileBytes), other);
    await expectCode("PROFILE_UNAVAILABLE", load(lying));
    expect(await load(coreOver([serves("a", profileBytes)]))).toEqual({ value: profile, from: "network" });
  });

  it("P1: loadProfile says where the profile came from, and tells its listener", async () => {
    const core = coreOver([serves("a", profileBytes)]);
    const stages: string[] = [];
    const load = (): Promise<unknown> =>
      core.run("The test", { onEvent: ({ stage }) => stages.push(stage) }, (session) =>
        loadProfile(core, session, "alice", profileHash),
      );
    expect(await load()).toEqual({ value: profile, from: "network" });
    expect(await load()).toEqual({ value: profile, from: "cache" });
    expect(stages).toEqual(["profile", "profile"]);
  });

  it("P1: a profile of another name is refused from the network and from the cache", async () => {
    const core = coreOver([serves("a", profileBytes)]);
    for (let i = 0; i < 2; i++) {
      const load = inSession(core, (session) => loadProfile(core, session, "bob", profileHash));
      await expectCode("PROFILE_INVALID", load);
    }
    // As a guess it is none.
    expect(await cachedProfile(core, "bob", profileHash)).toBeNull();
    expect(await cachedProfile(core, "alice", profileHash)).toEqual(profile);
  });

  it("P3: cachedProfile asks nobody, and takes no other bytes than the hash says", async () => {
    const core = coreOver([serves("a", profileBytes)]);
    expect(await cachedProfile(core, "alice", profileHash)).toBeNull();
    await poison(core, contentKey(profileBytes), encodeProfile(profileOf("alice")));
    expect(await cachedProfile(core, "alice", profileHash)).toBeNull();
    await cache.close();
    await expectCode("CACHE_UNAVAILABLE", cachedProfile(core, "alice", profileHash));
  });
});
