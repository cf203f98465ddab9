import { afterEach, describe, expect, it } from "vitest";
import { electrum } from "../../../../src/chain/sources/electrum.js";
import { makeCertificate } from "../../../doubles/certificate.js";
import type { Transport } from "../../../doubles/peer.js";
import { expectCode } from "../../storage/expect-code.js";
import { ElectrumWorld } from "./electrum-world.js";

const world = new ElectrumWorld();
afterEach(() => world.close());
const made = makeCertificate();
const secure: readonly Transport[] = ["tls", "wss"];

it("openssl makes the certificates of these tests", () => {
  if (process.env["CI"] !== undefined) expect(made).not.toBeNull();
});

describe.skipIf(made === null).each(secure)("an Electrum connection over %s", (transport) => {
  const certificate = made!;

  it("refuses a certificate that the system does not trust, and sends nothing", async () => {
    const double = await world.double({ transport, certificate });
    const error = await expectCode("NETWORK_UNREACHABLE", world.source(double).tip());
    expect(error.details.reason).toBe("DEPTH_ZERO_SELF_SIGNED_CERT");
    expect(double.seen).toEqual([]);
  });

  it("accepts one of an authority that the caller names, for the right host only", async () => {
    const double = await world.double({ transport, certificate });
    const tip = await world.source(double, { tls: { ca: [certificate.cert] } }).tip();
    expect(tip.height).toBe(world.chain.chain.height);
    const elsewhere = double.url.replace("127.0.0.1", "127.0.0.2");
    await expectCode("NETWORK_UNREACHABLE", world.source({ url: elsewhere }, { tls: { ca: certificate.cert } }).tip());
  });

  it("accepts the one that is pinned, with or without colons, and no other", async () => {
    const double = await world.double({ transport, certificate });
    const { fingerprint256 } = certificate;
    for (const pin of [fingerprint256, fingerprint256.replaceAll(":", "").toLowerCase()]) {
      await world.source(double, { tls: { fingerprint256: pin } }).tip();
    }
    const asked = double.seen.length;
    const source = world.source(double, { tls: { fingerprint256: "00".repeat(32) } });
    const error = await expectCode("NETWORK_UNREACHABLE", source.tip());
    expect(error.details.reason).toMatch(/^its certificate is not the pinned one but [0-9a-f]{64}$/);
    expect(double.seen).toHaveLength(asked);
  });
});

describe("the tls option", () => {
  it("is refused where nothing would come of it", async () => {
    const pin = { fingerprint256: "00".repeat(32) };
    for (const url of ["tcp://a.example:1", "ws://a.example"]) {
      await expectCode("INPUT_INVALID", () => electrum(url, { tls: pin }));
    }
    const wrong = ["", "00".repeat(31), `${"00".repeat(31)}0g`, "00:".repeat(32)];
    for (const fingerprint256 of wrong) {
      await expectCode("INPUT_INVALID", () => electrum("tls://a.example:1", { tls: { fingerprint256 } }));
    }
    await expectCode("INPUT_INVALID", () => electrum("tls://a.example:1", { tls: { ...pin, ca: "x" } }));
  });
});
