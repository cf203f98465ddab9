// Writes docs/errors.md and docs/limits.md from the sources, and the worked values of docs/protocol.md from the built
// package. test/package/docs-generated.test.ts imports the same functions and fails when a page is out of date.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { buildIfStale } from "./build-if-stale.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));

/** What the CLI exits with for each outcome of an error. */
export const exitCodes = { input: 2, unknown: 3, wrong: 4, conflict: 5, wallet: 5, bug: 70 };

const subjects = [
  ["INPUT", "What the caller passed"],
  ["NAME", "Names"],
  ["CHAIN", "The chain and its sources"],
  ["PROFILE", "Profiles"],
  ["INDEX", "The index"],
  ["ROUTE", "Routes"],
  ["RECORD", "Mutable records"],
  ["CONTENT", "Immutable data"],
  ["BUNDLE", "Proof bundles"],
  ["STORAGE", "Storage providers"],
  ["NETWORK", "Connections"],
  ["CACHE", "The cache"],
  ["CONFLICT", "Writes that lost a race"],
  ["WALLET", "The wallet"],
  ["BUG", "Defects of hawser"],
];

/**
 * The text of docs/errors.md. `errorsSource` is the text of error-details.ts and errors.ts, `sources` that of all other files under src/, to tell
 * which codes are in use.
 */
export function renderErrors(errorsSource, sources) {
  const file = parse("errors.ts", errorsSource);
  const details = file.statements.find((node) => ts.isInterfaceDeclaration(node) && node.name.text === "ErrorDetails");
  const specs = readSpecs(file);
  const errors = details.members.map((member) => {
    const code = member.name.text;
    const { outcome, retry } = specs.get(code);
    return { code, outcome, retry, meaning: docOf(member), type: typeText(member.type, file) };
  });
  const unused = new Set(
    errors.map(({ code }) => code).filter((code) => !sources.some((text) => text.includes(`"${code}"`))),
  );
  const known = new Set(subjects.map(([prefix]) => prefix));
  const stray = errors.find(({ code }) => !known.has(code.split("_")[0]));
  if (stray !== undefined) throw new Error(`${stray.code} has a prefix that this script does not know`);

  const sections = subjects.map(([prefix, title]) => {
    const rows = errors
      .filter(({ code }) => code.startsWith(`${prefix}_`))
      .map(({ code, outcome, retry, meaning, type }) => {
        const note = unused.has(code) ? " Not raised by this release." : "";
        return `| \`${code}\` | ${outcome} | ${retry} | ${exitCodes[outcome]} | ${cell(meaning + note)} | ${cell(type)} |`;
      });
    return `## ${title}\n\n| code | outcome | retry | exit | meaning | details |\n|---|---|---|---|---|---|\n${rows.join("\n")}\n`;
  });
  return `${generatedFrom("src/error-details.ts and src/errors.ts")}
# Errors

Everything that hawser throws is a \`HawserError\` with one of the ${errors.length} codes below. Decide by \`code\` or \`outcome\`, never
by \`message\`, whose words may change. \`isHawserError(error, code?)\` recognises one also across realms and
duplicate installs; \`toJSON()\` makes plain data of it; \`cause\` holds what lay beneath, where there was something.

| outcome | what it says | CLI exit code |
|---|---|---|
| \`input\` | the call, a file or a setting has to change | ${exitCodes.input} |
| \`unknown\` | it could not be found out; says nothing about what exists | ${exitCodes.unknown} |
| \`wrong\` | what was served is provably wrong or too old | ${exitCodes.wrong} |
| \`conflict\` | another write came first, or stands in the way | ${exitCodes.conflict} |
| \`wallet\` | the wallet refused, cannot pay, or answered wrongly | ${exitCodes.wallet} |
| \`bug\` | a defect in hawser | ${exitCodes.bug} |

The CLI exits with 0 where something was found or done and with 1 where it is proven to be absent; absence is a result
and never an error.

\`retry\` is \`yes\` where the same call may succeed later, \`changed\` where something has to be changed first, and \`no\`
where it never will.

An \`Attempt\` is \`{ label, code, message }\`: the source, provider or URL that was asked, the code that it ended with (or a
short word), and one sentence. A \`ForkProof\` is \`{ network, name, tenure, id, epoch, ver, pubkey, records }\`, with
the two records as they were served (M9 in [the protocol](protocol.md#6-routes-and-mutable-records)).

${sections.join("\n")}`;
}

/** The text of docs/limits.md. */
export function renderLimits(limitsSource) {
  const file = parse("limits.ts", limitsSource);
  const declaration = file.statements.find(ts.isVariableStatement).declarationList.declarations[0];
  const object = ts.isAsExpression(declaration.initializer)
    ? declaration.initializer.expression
    : declaration.initializer;
  const rows = object.properties.map((property) => {
    const name = property.name.text;
    const [, unit, reason] = /^(.*?) - (.*)$/s.exec(docOf(property)) ?? [];
    if (unit === undefined) throw new Error(`The comment of ${name} is not "unit - reason"`);
    return `| \`${name}\` | ${grouped(evaluate(property.initializer, file))} | ${unit} | ${cell(reason)} |`;
  });
  return `${generatedFrom("src/limits.ts")}
# Limits

Every cap and default of the library. \`limits\` of \`hawser\` holds the same values. Where a step such as U1 is named, the
[protocol](protocol.md) fixes the limit; the others belong to this implementation, and some can be changed by an option.

| name | value | unit | what it bounds |
|---|---|---|---|
${rows.join("\n")}
`;
}

/** The text of the section "Worked values" of docs/protocol.md. `library` has the modules that compute them. */
export async function renderWorkedValues(library) {
  const { bytes, hex, hash, schnorr, network, name, operation, record, entry, profile, key, layout, wallet } = library;
  const show = hex.encodeHex;
  const alice = name.parseName("alice");
  const privateKey = new Uint8Array(32).fill(1);
  const salt = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);
  const random = { bytes: (length) => new Uint8Array(length) };
  const owner = wallet.privateKeyWallet({ privateKey, network: "mainnet", random });
  const signer = wallet.privateKeySigner({ privateKey, random });
  const { networks } = network;
  const ids = ["mainnet", "testnet4", "signet", "regtest"];

  const [p2tr, p2wpkh] = await owner.accounts();
  const ownerScript = p2tr.script;
  const commitments = ids.map((id) => {
    const terms = { network: networks[id], name: alice, salt, ownerScript };
    return [id, show(operation.preorderCommitment(terms))];
  });
  const commitment = hex.decodeHex(commitments[0][1]);

  const picture = bytes.utf8("hello world");
  const pictureKey = key.contentKey(picture);
  const route = {
    id: "settings",
    urls: ["https://data.example/s.json"],
    pubkey: null,
    epoch: 104,
    minVer: null,
    maxAgeMs: null,
  };
  const content = { size: picture.length, type: "text/plain", name: null, urls: null };
  const entries = [entry.mutableEntry(route), entry.immutableEntry(pictureKey, content)];
  entries.sort((a, b) => (entry.keyPath(a.key) < entry.keyPath(b.key) ? -1 : 1));
  const profileBytes = profile.encodeProfile({
    name: "alice",
    pubkey: show(signer.publicKey),
    storage: ["https://data.example/"],
    about: { kind: "person" },
    index: { entries },
  });
  const profileHash = hash.sha256(profileBytes);

  const payloads = [
    ["PREORDER", { kind: "preorder", commitment }],
    ["REGISTER", { kind: "register", salt, profileHash, name: "alice" }],
    ["UPDATE", { kind: "update", profileHash }],
    ["RELEASE", { kind: "release" }],
  ].map(([title, payload]) => [title, show(operation.payloadScript(operation.encodePayload(payload)))]);

  const tenure = show(Uint8Array.from({ length: 32 }, (_, i) => i));
  const data = bytes.utf8('{"theme":"dark"}');
  const context = { network: networks.regtest, name: "alice", tenure, id: "settings", epoch: 104 };
  const message = bytes.concatBytes(
    network.genesisInternal(networks.regtest),
    name.nameId(alice),
    hex.reversed(hex.decodeHex(tenure)),
    bytes.uintBE(8, 2),
    bytes.utf8("settings"),
    bytes.uintBE(104, 4),
    bytes.uintBE(1, 8),
    hash.sha256(data),
  );
  const digest = record.recordDigest(context, 1, data);
  if (show(hash.taggedHash("hawser/record", message)) !== show(digest))
    throw new Error("M4's layout on this page is wrong");
  const signature = await signer.sign(digest);
  if (!schnorr.verifySchnorr(signature, digest, signer.publicKey)) throw new Error("The signature does not verify");
  const body = new TextDecoder().decode(record.encodeRecord({ id: "settings", data, ver: 1, sig: show(signature) }));

  const block = (rows) => `\`\`\`text\n${rows.map(([label, value]) => `${label}\n  ${value}`).join("\n")}\n\`\`\`\n`;
  return [
    "**N2, N3: the name `alice`**\n",
    block([
      ["nid", show(name.nameId(alice))],
      ...ids.flatMap((id) => [
        [`beacon witness script, ${id}`, show(name.beaconWitnessScript(alice, networks[id]))],
        [`beacon output script, ${id}`, show(name.beaconScript(alice, networks[id]))],
      ]),
    ]),
    "**C3, C4: owner and commitment** (the owner script is the P2TR one)\n",
    block([
      ["P2TR owner script (BIP86)", show(p2tr.script)],
      ["P2WPKH owner script", show(p2wpkh.script)],
      ...commitments.map(([id, value]) => [`commitment, ${id}`, value]),
    ]),
    "**C1, C2: scripts of vout 0** (mainnet's commitment; the profile hash is the one below)\n",
    block(payloads),
    "**P1 to P5, C10: a profile** with one route and one immutable object\n",
    block([
      ["bytes, as ASCII", new TextDecoder().decode(profileBytes)],
      ["length", String(profileBytes.length)],
      ["profileHash", show(profileHash)],
      ["path of m:settings", entry.keyPath("m:settings")],
      [`path of i:${pictureKey}`, entry.keyPath(`i:${pictureKey}`)],
    ]),
    "**I1, section 10: an object and where it lies**\n",
    block([
      ["data, as ASCII", "hello world"],
      ["key", pictureKey],
      ["path", layout.objectPath(pictureKey)],
    ]),
    "**M3, M4, section 10: a record** on regtest\n",
    block([
      ["tenure, display order", tenure],
      ["id, epoch, ver", "settings, 104, 1"],
      ["data, as ASCII", '{"theme":"dark"}'],
      ["message under the tag hawser/record", show(message)],
      ["digest", show(digest)],
      ["public key of the signer", show(signer.publicKey)],
      ["sig", show(signature)],
      ["body", body],
      ["path", layout.recordPath({ network: "regtest", name: "alice", id: "settings", epoch: 104 })],
    ]),
  ].join("\n");
}

const BEGIN = "<!-- begin worked values -->";
const END = "<!-- end worked values -->";

/** A page with the text between its two markers replaced. */
export function withWorkedValues(page, text) {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error("The markers of the worked values are missing");
  return `${before}${BEGIN}\n\n${text}\n${END}${after}`;
}

/** Loads the modules that {@link renderWorkedValues} needs; `load` takes a path below src/ without its extension. */
export async function loadLibrary(load) {
  const modules = {
    bytes: "bytes/bytes",
    hex: "bytes/hex",
    hash: "crypto/hash",
    schnorr: "crypto/schnorr",
    network: "chain/network",
    name: "name/name",
    operation: "name/operation",
    record: "mutable/record",
    entry: "profile/entry",
    profile: "profile/profile",
    key: "immutable/key",
    layout: "route/layout",
    wallet: "wallet/private-key",
  };
  const loaded = await Promise.all(Object.entries(modules).map(async ([as, path]) => [as, await load(path)]));
  return Object.fromEntries(loaded);
}

/** The text of every file under src/ but those that define the errors. */
export function readSources(directory = join(root, "src")) {
  return readdirSync(directory, { recursive: true })
    .filter((path) => path.endsWith(".ts") && !/^error(s|-details)\.ts$/.test(path))
    .map((path) => readFileSync(join(directory, path), "utf8"));
}

function parse(fileName, text) {
  return ts.createSourceFile(fileName, text, ts.ScriptTarget.ES2022, true);
}

function readSpecs(file) {
  const statement = file.statements.find(
    (node) => ts.isVariableStatement(node) && node.declarationList.declarations[0].name.text === "errorCodes",
  );
  return new Map(
    statement.declarationList.declarations[0].initializer.properties.map((property) => {
      const [outcome, retry] = property.initializer.arguments.map((argument) => argument.text);
      return [property.name.text, { outcome, retry }];
    }),
  );
}

function docOf(node) {
  const text = node.jsDoc?.at(-1)?.comment;
  if (typeof text !== "string") throw new Error(`${node.name.text} has no doc comment of plain text`);
  return text.replace(/\s+/g, " ");
}

function typeText(type, file) {
  const text = type
    .getText(file)
    .replace(/\breadonly /g, "")
    .replace(/\s+/g, " ");
  return `\`${text.replace(/;? }/g, " }")}\``;
}

/** The value of a literal, or of a product of literals. */
function evaluate(node, file) {
  if (ts.isNumericLiteral(node)) return Number(node.text);
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.AsteriskToken) {
    return evaluate(node.left, file) * evaluate(node.right, file);
  }
  throw new Error(`Cannot evaluate ${node.getText(file)}`);
}

function grouped(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

function cell(text) {
  return text.replace(/\|/g, "\\|").trim();
}

function generatedFrom(path) {
  return `<!-- Generated by "npm run docs" from ${path}. Edit there. -->\n`;
}

async function main() {
  const read = (path) => readFileSync(join(root, path), "utf8");
  writeFileSync(
    join(root, "docs/errors.md"),
    renderErrors(read("src/error-details.ts") + read("src/errors.ts"), readSources()),
  );
  writeFileSync(join(root, "docs/limits.md"), renderLimits(read("src/limits.ts")));
  buildIfStale();
  const library = await loadLibrary((path) => import(pathToFileURL(join(root, "dist", `${path}.js`)).href));
  writeFileSync(
    join(root, "docs/protocol.md"),
    withWorkedValues(read("docs/protocol.md"), await renderWorkedValues(library)),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
