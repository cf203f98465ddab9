import { afterAll, beforeAll, expect, it } from "vitest";
import { utf8 } from "../../../../src/bytes/bytes.js";
import { encodeHex } from "../../../../src/bytes/hex.js";
import { networks } from "../../../../src/chain/network.js";
import { parseRecord, recordDigest } from "../../../../src/mutable/record.js";
import { parseName } from "../../../../src/name/name.js";
import { type Author, atEveryCall, type Fault, faultModes, type Gate, WriteWorld } from "./world.js";

let world: WriteWorld;

beforeAll(async () => {
  world = await WriteWorld.start();
  world.mineOnPoll();
});
afterAll(() => world.devnet.close());

const LONG = { timeout: 300_000 };

interface Owned {
  readonly name: string;
  readonly author: Author;
  readonly tenure: string;
}

/** A name for each step: the run is the same each time, so that its n-th call is the same in every step. */
async function owner(name: string): Promise<Owned> {
  const author = await world.author(2_000_000n);
  await world.showHeaders(author);
  const { tenure } = await author.writer.registerName(name);
  return { name, author, tenure };
}

/** Everything that one author's programs signed and stored as records. */
class Records {
  readonly signed = new Set<string>();
  /** `path ver` and the data that were stored under it. */
  readonly stored = new Map<string, Set<string>>();

  readonly gate: Gate = async ({ port, method, args }, run) => {
    if (port === "signer") this.signed.add(encodeHex(args[0] as Uint8Array));
    if (port === "store" && method === "write" && String(args[0]).startsWith("records/")) {
      const { ver, data } = parseRecord(args[1] as Uint8Array);
      const key = `${String(args[0])} ${ver}`;
      this.stored.set(key, (this.stored.get(key) ?? new Set()).add(encodeHex(data)));
    }
    return run();
  };

  /** This gate, with a fault behind it: what never reached the fault was never signed. */
  with(fault: Fault): Gate {
    return (call, run) => fault.gate(call, () => this.gate(call, run));
  }

  /** No two data under one version, neither stored nor signed. */
  assertSingle(name: string, tenure: string, id: string, all: readonly Uint8Array[]): void {
    expect([...this.stored.values()].filter((data) => data.size > 1)).toEqual([]);
    for (const key of this.stored.keys()) {
      const [, epoch, version] = /@(\d+)\.json (\d+)$/.exec(key) ?? [];
      const context = { network: networks.regtest, name: parseName(name), tenure, id, epoch: Number(epoch) };
      const digests = all.map((data) => encodeHex(recordDigest(context, Number(version), data)));
      expect(digests.filter((digest) => this.signed.has(digest)).length).toBeLessThanOrEqual(1);
    }
  }
}

it.each(faultModes)(
  "W3: a change of the profile that is disturbed (%s) at any call is there after the next",
  LONG,
  async (mode) => {
    await atEveryCall(mode, async (fault, at) => {
      const { name, author } = await owner(`profile-${mode}-${at}`);
      const updates = await author.count("update");
      const first = author.start({ gate: fault.gate }).writer.updateProfile(name, { about: { at } });
      const done = await first.then(() => true).catch(() => false);
      if (done) expect(await world.reader().getProfile(name)).toMatchObject({ profile: { about: { at } } });

      await author.writer.updateProfile(name, { about: { at } });
      expect(await world.reader().getProfile(name)).toMatchObject({ profile: { about: { at } } });
      expect(await author.journal()).toEqual([]);
      expect((await author.count("update")) - updates).toBeLessThanOrEqual(2);
    });
  },
);

it.each(faultModes)(
  "W3: a first put of an id that is disturbed (%s) at any call takes one transaction and no version twice",
  LONG,
  async (mode) => {
    await atEveryCall(mode, async (fault, at) => {
      const { name, author, tenure } = await owner(`fresh-${mode}-${at}`);
      const id = `id-${at}`;
      const updates = await author.count("update");
      const [one, two] = [utf8(`one ${at}`), utf8(`two ${at}`)];
      const records = new Records();
      const first = author.start({ gate: records.with(fault) }).writer.putMutable(name, id, one);
      const done = await first.then(() => true).catch(() => false);
      if (done) expect(await world.reader().getMutable(name, id)).toMatchObject({ data: one });

      await author.start({ gate: records.gate }).writer.putMutable(name, id, two);
      // Readers that know the earlier record and those that know nothing see the same.
      expect(await author.start().reader.getMutable(name, id)).toMatchObject({ data: two });
      expect(await world.reader().getMutable(name, id)).toMatchObject({ data: two });
      expect(await author.journal()).toEqual([]);
      expect((await author.count("update")) - updates).toBe(1);
      records.assertSingle(name, tenure, id, [one, two]);
    });
  },
);

it.each(faultModes)(
  "W5: a put to a route that exists, disturbed (%s) at any call, loses nothing and uses no version twice",
  LONG,
  async (mode) => {
    const name = `again-${mode}`;
    const id = "notes";
    const { author, tenure } = await owner(name);
    await author.writer.putMutable(name, id, utf8("zero"));
    const updates = await author.count("update");
    await atEveryCall(mode, async (fault, at) => {
      const [one, two] = [utf8(`one ${at}`), utf8(`two ${at}`)];
      const records = new Records();
      const first = author.start({ gate: records.with(fault) }).writer.putMutable(name, id, one);
      const ver = await first.then(({ record }) => record.ver).catch(() => 0);
      if (ver > 0) expect(await world.reader().getMutable(name, id)).toMatchObject({ data: one, ver });

      const second = await author.start({ gate: records.gate }).writer.putMutable(name, id, two);
      expect(second.record.ver).toBeGreaterThan(ver);
      expect(await author.start().reader.getMutable(name, id)).toMatchObject({ data: two });
      records.assertSingle(name, tenure, id, [one, two]);
    });
    expect(await author.count("update")).toBe(updates);
  },
);

it.each(faultModes)(
  "W3: a put of immutable data that is disturbed (%s) at any call takes one transaction",
  LONG,
  async (mode) => {
    await atEveryCall(mode, async (fault, at) => {
      const { name, author } = await owner(`object-${mode}-${at}`);
      const data = utf8(`${mode} ${at}`);
      const updates = await author.count("update");
      const options = { type: "text/plain", fileName: `${at}.txt` };
      const first = author.start({ gate: fault.gate }).writer.putImmutable(name, data, options);
      const done = await first.catch(() => null);
      if (done !== null) expect(await world.reader().getImmutable(name, done.key)).toMatchObject({ data });

      const { key } = await author.writer.putImmutable(name, data, options);
      const found = await world.reader().getImmutable(name, key);
      expect(found).toMatchObject({ data, content: { type: "text/plain", name: `${at}.txt`, size: data.length } });
      expect(await author.journal()).toEqual([]);
      expect((await author.count("update")) - updates).toBe(1);
    });
  },
);
