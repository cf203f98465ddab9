import { describe, expect, it } from "vitest";
import { utf8 } from "../../../src/bytes/bytes.js";
import { objectReplicas, recordReplicas } from "../../../src/route/replicas.js";
import { readerThat, serves, urlsWith } from "./places.js";

const path = "records/regtest/alice/settings@7.json";
const options = { kind: "record", maxBytes: 100 } as const;

describe("which replicas are asked", () => {
  it("M8: a record is asked of every provider and every URL, configured providers first", async () => {
    const urlReader = urlsWith({ "https://b.example/r": utf8("b") });
    const storage = [serves("disk", utf8("a")), serves("memory", null)];
    const replicas = recordReplicas({ storage, urlReader, path, urls: ["https://b.example/r"] });
    expect(replicas.map(({ label }) => label)).toEqual(["disk", "memory", "https://b.example/r"]);
    expect(await Promise.all(replicas.map((replica) => replica.read(options)))).toEqual([
      { bytes: utf8("a"), tag: null },
      null,
      { bytes: utf8("b"), tag: null },
    ]);
  });

  it("M8: a URL is asked once, and a provider that publishes it in its place", () => {
    const provider = readerThat("a", async () => null, "https://a.example");
    const urls = [`https://a.example/${path}`, "https://b.example/r", "https://b.example/r"];
    const replicas = recordReplicas({ storage: [provider, provider], urlReader: urlsWith({}), path, urls });
    expect(replicas.map(({ label }) => label)).toEqual(["a", "https://b.example/r"]);
  });

  it("M8: a URL is asked beside a provider's server that is not the provider's path", () => {
    const provider = readerThat("a", async () => null, "https://a.example");
    const urls = ["https://a.example/elsewhere.json"];
    expect(recordReplicas({ storage: [provider], urlReader: urlsWith({}), path, urls })).toHaveLength(2);
  });

  it("M8: a provider is asked only for the kinds that it keeps, and does not stand for URLs of the others", () => {
    const base = "https://a.example";
    const records = { ...readerThat("records", async () => null, base), kinds: ["record"] as const };
    const objects = { ...readerThat("objects", async () => null, base), kinds: ["object"] as const };
    const nothing = { ...serves("nothing", null), kinds: [] };
    const storage = [records, objects, nothing, serves("both", null)];
    const places = { storage, urlReader: urlsWith({}), path, urls: [] };
    const labels = (replicas: readonly { readonly label: string }[]) => replicas.map(({ label }) => label);
    expect(labels(recordReplicas(places))).toEqual(["records", "both"]);
    expect(labels(objectReplicas({ ...places, bases: [] }))).toEqual(["objects", "both"]);
    const urls = [`${base}/${path}`];
    expect(labels(recordReplicas({ ...places, storage: [objects], urls }))).toEqual(urls);
  });

  it("U1: lists a URL that nothing opens, and does not open it", () => {
    const urls = ["ftp://a.example/r", "https://b.example/r"];
    const opens = (urlReader: ReturnType<typeof urlsWith> | null) =>
      recordReplicas({ storage: [], urlReader, path, urls }).map((replica) => replica.opens);
    expect(opens(urlsWith({}))).toEqual([false, true]);
    expect(opens(null)).toEqual([false, false]);
  });

  it("U1: a URL is skipped, and no more, when an implementation chokes on it", () => {
    const urlReader = {
      ...urlsWith({}),
      opens: (url: string) => new URL(url).protocol === "https:",
    };
    const provider = {
      ...serves("a", null),
      urlOf: () => {
        throw new TypeError("no URL");
      },
    };
    const replicas = recordReplicas({
      storage: [provider],
      urlReader,
      path,
      urls: ["https://[", "https://b.example/"],
    });
    expect(replicas.map(({ opens }) => opens)).toEqual([true, false, true]);
  });

  it("P1: an object is looked for also under the profile's storage", () => {
    const replicas = objectReplicas({
      storage: [serves("a", null)],
      urlReader: urlsWith({}),
      path: "objects/ab/cd",
      urls: ["https://b.example/o"],
      bases: ["https://c.example", "https://d.example/x/"],
    });
    expect(replicas.map(({ label }) => label)).toEqual([
      "a",
      "https://b.example/o",
      "https://c.example/objects/ab/cd",
      "https://d.example/x/objects/ab/cd",
    ]);
  });
});
