import { utf8 } from "../bytes/bytes.js";
import { expectCode, expectSame, fail } from "./contract.js";
import { objectAt, readAll, recordAt, recordBody, type StorageCase, store } from "./storage-case.js";

/** Ids of M1 that a file system, a URL or a shell takes for something special. */
const ODD_IDS: readonly string[] = [
  "con",
  "nul/x",
  "x/aux",
  "com1.txt",
  "prn.a.b",
  "~",
  "~root/x",
  "-",
  "--help/-rf",
  ".hidden",
  "...x",
  "_",
  "a.b~c-d_e",
  ".well-known/x",
  "0",
  "index.html",
  "a".repeat(128),
  `${"a/".repeat(63)}a`,
];

/** Paths that are none of the layout's; each would leave it or name something else. */
const FOREIGN_PATHS: readonly string[] = [
  "",
  "/",
  "..",
  "../x",
  "objects",
  "objects/",
  `objects/ab/AB${"01".repeat(31)}`,
  `objects/cd/ab${"01".repeat(31)}`,
  `objects/ab/ab${"01".repeat(31)}/`,
  `objects/../objects/ab/ab${"01".repeat(31)}`,
  `/objects/ab/ab${"01".repeat(31)}`,
  `objects/ab/ab${"01".repeat(31)}\n`,
  `objects/ab/ab${"01".repeat(31)}?x`,
  "records/regtest/alice/settings@5",
  "records/regtest/alice/settings.json",
  "records/regtest/alice/@5.json",
  "records/regtest/alice/../bob@5.json",
  "records/regtest/../alice/x@5.json",
  "records/regtest/alice/./x@5.json",
  "records/regtest/alice//x@5.json",
  "records/regtest/alice/x/@5.json",
  "records/regtest/alice/x.@5.json",
  "records/regtest/alice/x.json/y@5.json",
  "records/regtest/alice/x@05.json",
  "records/regtest/alice/x@4294967296.json",
  "records/regtest/alice/x@-1.json",
  "records/regtest/alice/X@5.json",
  "records/regtest/alice/x%2f@5.json",
  "records/regtest/alice/x\r\nDELE y@5.json",
  "records/regtest/alice/a\\b@5.json",
  "records/regtest/alice/a\0b@5.json",
  "records/regtest/Alice/x@5.json",
  "records/regtest/-alice/x@5.json",
  "records/regtest/xn--alice/x@5.json",
  `records/regtest/${"a".repeat(32)}/x@5.json`,
  `records/regtest/alice/${"a".repeat(129)}@5.json`,
  "records/othernet/alice/x@5.json",
];

/** Which paths there are, and what becomes of them. */
export const pathCases: readonly StorageCase[] = [
  {
    name: "ids of which one is a folder of the other, and epochs of one id, are kept apart",
    needs: "record",
    check: async ({ open }) => {
      const storage = await open();
      const samples = [recordAt("a"), recordAt("a/b"), recordAt("a/b/c"), recordAt("a", 6), recordAt("a", 0)].map(
        (path) => ({ kind: "record" as const, path, bytes: recordBody(60) }),
      );
      for (const sample of samples) await store(storage, sample);
      for (const sample of samples)
        expectSame(`a read of ${sample.path}`, await readAll(storage, sample), sample.bytes);
    },
  },
  {
    name: "every id of M1 can be stored, odd ones too",
    needs: "record",
    check: async ({ open }) => {
      const storage = await open();
      const samples = ODD_IDS.map((id) => ({ kind: "record" as const, path: recordAt(id), bytes: recordBody(60) }));
      for (const sample of samples) {
        expectSame(`a read of ${sample.path} before it is written`, await readAll(storage, sample), null);
        await store(storage, sample);
      }
      for (const sample of samples)
        expectSame(`a read of ${sample.path}`, await readAll(storage, sample), sample.bytes);
    },
  },
  {
    name: "the longest path of all can be stored",
    needs: "record",
    check: async ({ open }) => {
      const storage = await open();
      const path = `records/testnet4/${"a".repeat(31)}/${"b".repeat(128)}@4294967295.json`;
      const sample = { kind: "record", path, bytes: recordBody(60) } as const;
      await store(storage, sample);
      expectSame("the record", await readAll(storage, sample), sample.bytes);
    },
  },
  {
    name: "a path that is none of the layout is refused as INPUT_INVALID, and nothing is sent",
    check: async ({ open }) => {
      const storage = await open();
      for (const path of FOREIGN_PATHS) {
        const what = JSON.stringify(path.length > 60 ? `${path.slice(0, 60)}...` : path);
        const kind = path.includes("objects") ? "object" : "record";
        await expectCode(`a read of ${what}`, "INPUT_INVALID", () => storage.read(path, { kind, maxBytes: 1_000 }));
        await expectCode(`a write of ${what}`, "INPUT_INVALID", () => storage.write(path, utf8("x"), { kind }));
        await expectCode(`a removal of ${what}`, "INPUT_INVALID", () => storage.remove(path));
      }
    },
  },
  {
    name: "urlOf gives a URL that may be published, or null",
    check: async ({ open, kinds }) => {
      const storage = await open();
      const { publicBaseUrl } = storage;
      for (const kind of kinds) {
        const path = kind === "record" ? recordAt("settings") : await objectAt(utf8("hello world"));
        const url: unknown = storage.urlOf(path);
        if (publicBaseUrl !== null) {
          expectSame(`urlOf ${path}`, url, `${publicBaseUrl.replace(/\/$/, "")}/${path}`);
        }
        if (url === null) continue;
        // U1: what it gives is put into profiles and routes as it is.
        const isUrl = typeof url === "string" && /^[a-z][a-z0-9+.-]*:[\x21\x23-\x5b\x5d-\x7e]{1,250}$/.test(url);
        const rest = isUrl ? url.slice(url.indexOf(":") + 1) : "";
        if (!isUrl || url.length > 255 || url.includes("#") || /^\/\/[^/?]*@/.test(rest)) {
          fail(`urlOf ${path}`, "a URL of U1: at most 255 bytes, no user info, no fragment", url);
        }
      }
    },
  },
];
