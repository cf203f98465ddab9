import { createHash } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import {
  exitCodes,
  loadLibrary,
  readSources,
  renderErrors,
  renderLimits,
  renderWorkedValues,
  withWorkedValues,
} from "../../scripts/generate-docs.mjs";
import { exitCodeOf } from "../../src/cli/exit.js";
import { type ErrorCode, errorCodes, HawserError } from "../../src/errors.js";
import { read, root } from "./pages.js";

describe("generated pages", () => {
  const hint = 'run "npm run docs"';

  it("errors.md is what src/errors.ts says", () => {
    expect(read("docs/errors.md"), hint).toBe(
      renderErrors(read("src/error-details.ts") + read("src/errors.ts"), readSources()),
    );
  });

  it("limits.md is what src/limits.ts says", () => {
    expect(read("docs/limits.md"), hint).toBe(renderLimits(read("src/limits.ts")));
  });

  it("the worked values of protocol.md are what the code computes", async () => {
    const library = await loadLibrary((path) => import(pathToFileURL(join(root, "src", `${path}.ts`)).href));
    const page = read("docs/protocol.md");
    expect(page, hint).toBe(withWorkedValues(page, await renderWorkedValues(library)));
  });

  it("exit codes are those of the command line", () => {
    for (const code of Object.keys(errorCodes) as ErrorCode[]) {
      const error = new HawserError(code, "", {} as never);
      expect(exitCodes[error.outcome], code).toBe(exitCodeOf(error));
    }
  });
});

describe("the worked values, by another implementation", () => {
  const sha256 = (...parts: Uint8Array[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();
  const tagged = (tag: string, ...parts: Uint8Array[]): Buffer => {
    const hash = sha256(Buffer.from(tag));
    return sha256(hash, hash, ...parts);
  };
  const hex = (text: string): Buffer => Buffer.from(text, "hex");
  const reversed = (text: string): Buffer => hex(text).reverse();
  const page = read("docs/protocol.md");
  const value = (label: string): string => {
    const [, found] = page.split(`\n${label}\n  `);
    if (found === undefined) throw new Error(`${label} is not among the worked values`);
    return found.slice(0, found.indexOf("\n"));
  };
  const genesis = (network: string): Buffer => {
    const [, hash = ""] = new RegExp(`\\| ${network} \\| \`([0-9a-f]{64})\` \\|`).exec(page) ?? [];
    return reversed(hash);
  };

  it("N2, N3: nid and beacon", () => {
    const nid = tagged("hawser/name", Buffer.from("alice"));
    expect(value("nid")).toBe(nid.toString("hex"));
    for (const [network, delay] of [
      ["mainnet", "02e010"],
      ["testnet4", "02e010"],
      ["signet", "029000"],
      ["regtest", "5a"],
    ] as const) {
      const script = Buffer.concat([hex("20"), nid, hex("75"), hex(delay), hex("b2")]);
      expect(value(`beacon witness script, ${network}`)).toBe(script.toString("hex"));
      expect(value(`beacon output script, ${network}`)).toBe(`0020${sha256(script).toString("hex")}`);
    }
  });

  it("C1, C2, C4: commitment and payloads", () => {
    const owner = hex(value("P2TR owner script (BIP86)"));
    const salt = hex("0001020304050607");
    for (const network of ["mainnet", "testnet4", "signet", "regtest"]) {
      const commitment = tagged("hawser/preorder", genesis(network), hex(value("nid")), salt, sha256(owner));
      expect(value(`commitment, ${network}`)).toBe(commitment.toString("hex"));
    }
    const [commitment, profileHash] = [value("commitment, mainnet"), value("profileHash")];
    expect(value("PREORDER")).toBe(`6a2468777311${commitment}`);
    expect(value("REGISTER")).toBe(`6a3168777312${salt.toString("hex")}${profileHash}616c696365`);
    expect(value("UPDATE")).toBe(`6a2468777313${profileHash}`);
    expect(value("RELEASE")).toBe("6a0468777315");
  });

  it("P2, C10, I1: hashes of profile, keys and object", () => {
    const bytes = Buffer.from(value("bytes, as ASCII"));
    expect(value("profileHash")).toBe(sha256(bytes).toString("hex"));
    expect(value("length")).toBe(String(bytes.length));
    expect(value("path of m:settings")).toBe(sha256(Buffer.from("m:settings")).toString("hex"));
    expect(value("key")).toBe(sha256(Buffer.from("hello world")).toString("hex"));
  });

  it("M4: the record's digest", () => {
    const number = (length: number, amount: number): Buffer => {
      const bytes = Buffer.alloc(length);
      bytes.writeUIntBE(amount, length > 6 ? length - 6 : 0, Math.min(length, 6));
      return bytes;
    };
    const message = Buffer.concat([
      genesis("regtest"),
      hex(value("nid")),
      reversed(value("tenure, display order")),
      number(2, 8),
      Buffer.from("settings"),
      number(4, 104),
      number(8, 1),
      sha256(Buffer.from('{"theme":"dark"}')),
    ]);
    expect(value("message under the tag hawser/record")).toBe(message.toString("hex"));
    expect(value("digest")).toBe(tagged("hawser/record", message).toString("hex"));
  });
});
