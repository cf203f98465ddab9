import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeBase64 } from "../../bytes/base64.js";
import { equalBytes, utf8 } from "../../bytes/bytes.js";
import type { SourceVerdict } from "../../chain/union.js";
import { abortedError } from "../../deadline.js";
import { type Devnet, type FundedWriter, startDevnet } from "../../devnet/index.js";
import type { ReplicaVerdict } from "../../mutable/select.js";
import type { Invocation } from "../command.js";
import { type RecordAnswer, readFileAnswer, readRecordAnswer, readRefusal } from "../demo/answers.js";
import { type Answer, runHawser } from "../demo/other-process.js";
import { createPicture } from "../demo/picture.js";
import { Stage } from "../demo/stage.js";
import { replicaRows, sourceRows } from "../verdicts.js";

const NAME = "alice";
const FIRST = '{"theme":"dark","port":1}';
const SECOND = '{"theme":"light","port":2}';
const NOTE = '{"text":"anchored in the block that source 2 hides"}';

/** Everything that the steps share. */
interface World {
  readonly stage: Stage;
  readonly devnet: Devnet;
  readonly owner: FundedWriter;
  /** Runs `hawser WORDS` in another process with the reader's flags and prints it. */
  readonly read: (...words: readonly string[]) => Promise<Answer>;
  readonly directory: string;
}

/** `hawser demo`. */
export async function run({ output, signal }: Invocation): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "hawser-demo-"));
  try {
    await using devnet = await startDevnet({ sources: 2, stores: 3 });
    const stage = new Stage(output, signal);
    const flags = readerFlags(devnet);
    const read = async (...words: readonly string[]): Promise<Answer> => {
      await stage.command(words);
      return runHawser({ directory, signal }, [...words, ...flags]);
    };
    await stage.headline("hawser demo: a name on Bitcoin, data anywhere, a reader that trusts no server");
    await showServers(stage, devnet);
    const world: World = { stage, devnet, owner: await devnet.fundedWriter(), read, directory };
    await register(world);
    const picture = await publish(world);
    await readBack(world, picture);
    await update(world);
    await attack(world);
    await freeze(world);
    await output.line();
    await stage.headline(`All ${stage.checks} expectations held: what was read was proven, the replay was refused.`);
    await output.line("Next: hawser devnet runs such a chain for you; hawser --help lists the commands.");
    return 0;
  } catch (error) {
    throw signal.aborted ? abortedError("The demo", error) : error;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The reader knows where the chain is, and one store to begin with; the other stores it learns from the owner's routes. */
function readerFlags(devnet: Devnet): readonly string[] {
  const [firstStore = ""] = devnet.storeUrls;
  return [
    ...["--network", "regtest", "--cache", "reader-cache", "--store", firstStore],
    ...devnet.sourceUrls.flatMap((url) => ["--source", url]),
    ...devnet.storeUrls.flatMap((url) => ["--allow-host", new URL(url).host]),
  ];
}

async function showServers(stage: Stage, devnet: Devnet): Promise<void> {
  await stage.step("A chain and its servers");
  await stage.say("A regtest chain of real blocks, two sources that tell of it, three stores.");
  await stage.table([
    ...devnet.sourceUrls.map((url, index) => [`source ${index + 1}`, url]),
    ...devnet.storeUrls.map((url, index) => [`store ${index + 1}`, url]),
  ]);
}

async function register({ stage, devnet, owner }: World): Promise<void> {
  await stage.step(`The owner registers ${NAME}`);
  const plan = await owner.writer.plan.registerName(NAME, { about: { home: "the demo of hawser" } });
  const { feeSats, bondSats, reserveSats } = plan.cost;
  await stage.say(`Costs ${feeSats} sat in fees, a bond of ${bondSats} sat, and ${reserveSats} sat for later fees.`);
  const handle = await plan.run();
  await handle.wait();
  await stage.table(handle.txids.map((txid, index) => [index === 0 ? "PREORDER" : "REGISTER", txid]));
  await stage.expect(handle.state === "done", `${NAME} is registered, at block ${devnet.height()}`, handle.state);
}

async function publish({
  stage,
  owner,
  directory,
}: World): Promise<{ readonly bytes: Uint8Array; readonly key: string }> {
  await stage.step("The owner publishes a record and a picture");
  const record = await owner.writer.putMutable(NAME, "settings", utf8(FIRST));
  await stage.expect(record.record.ver === 1, `record settings has version 1: ${FIRST}`, record.record.ver);
  const path = join(directory, "anchor.png");
  await writeFile(path, createPicture());
  const bytes = new Uint8Array(await readFile(path));
  const { key, providers } = await owner.writer.putImmutable(NAME, bytes, {
    type: "image/png",
    fileName: "anchor.png",
  });
  await stage.say(`anchor.png, ${bytes.length} bytes, has the key ${key}`);
  const held = providers.filter(({ outcome }) => outcome === "stored").length;
  await stage.expect(held === 3, "all three stores hold both; the chain holds one hash over the index", providers);
  return { bytes, key };
}

async function readBack({ stage, read, directory }: World, picture: { bytes: Uint8Array; key: string }): Promise<void> {
  await stage.step("Another process reads both, over HTTP alone");
  await stage.say(
    "Its other flags: --network regtest, --source for each source, --store for store 1, --allow-host for each store, " +
      "and one --cache that it keeps. From the routes it learns that the other stores hold the data too.",
  );
  await stage.say(
    "It checks proof of work, Merkle proofs, the name's operations, the path in the index, the signature and the hash.",
  );
  const settings = await record(await read("get", NAME, "settings"), stage);
  await stage.expect(settings.text === FIRST, "the record is the one that was put, byte for byte", settings.text);
  const answer = await read("cat", NAME, picture.key, "--out", "copy.png");
  await stage.expect(
    answer.exitCode === 0,
    "the picture's bytes hash to the key that the index holds",
    answer.document,
  );
  const copy = new Uint8Array(await readFile(join(directory, readFileAnswer(answer.document).out)));
  await stage.expect(
    equalBytes(copy, picture.bytes),
    `it is the same picture, ${picture.bytes.length} bytes`,
    copy.length,
  );
}

async function update({ stage, owner, read }: World): Promise<void> {
  await stage.step("The owner puts the record again, without a transaction");
  const put = await owner.writer.putMutable(NAME, "settings", utf8(SECOND));
  await stage.expect(
    put.txids.length === 0 && put.record.ver === 2,
    `settings has version 2: ${SECOND}`,
    put.record.ver,
  );
  const settings = await record(await read("get", NAME, "settings"), stage);
  await stage.expect(
    settings.text === SECOND && settings.answer.ver === 2,
    "the reader has version 2, and remembers that",
    settings,
  );
}

async function attack({ stage, devnet, owner, read }: World): Promise<void> {
  await stage.step("One source hides the newest block's update, one store is stale, one forges");
  const height = devnet.height();
  devnet.tamper({ source: 1, how: `hide-after:${height}` });
  await owner.writer.putMutable(NAME, "note", utf8(NOTE));
  devnet.tamper({ store: 1, how: "stale" });
  devnet.tamper({ store: 2, how: "forge" });
  await stage.say(`The owner's UPDATE is in block ${devnet.height()}; source 2 denies all after block ${height}.`);
  await stage.say("Store 2 serves what each file held before; store 3 forges all data.");

  const settings = await record(await read("get", NAME, "settings"), stage);
  await show(stage, devnet, settings.answer);
  await stage.expect(settings.text === SECOND, "the answer is right: version 2", settings.text);
  const { replicas, asOf } = settings.answer;
  await expectReplicas(stage, devnet, replicas, ["fresh", "behind", "unverified"]);
  await expectSources(stage, devnet, asOf.sources, ["agreed", "withheld"]);
  await stage.expect(asOf.height === devnet.height(), `it was read as of block ${asOf.height}, the hidden one`, asOf);

  const note = await record(await read("get", NAME, "note"), stage);
  await stage.expect(note.text === NOTE, "what the hidden update published can be read", note.text);
}

async function freeze({ stage, devnet, read }: World): Promise<void> {
  await stage.step("All three stores turn stale");
  for (const store of [0, 1, 2]) devnet.tamper({ store, how: "stale" });
  await stage.say("The owner did sign version 1, but the reader's cache knows of version 2.");
  const answer = await read("get", NAME, "settings");
  await stage.expect(answer.exitCode === 4, "the reader refuses, with exit code 4", answer);
  const { code, message, details } = readRefusal(answer.document);
  await stage.say(`${code}: ${message}`);
  await stage.table(details.attempts.map((attempt) => [storeName(devnet, attempt.label), attempt.message]));
  const { got, floor } = details;
  await stage.expect(
    code === "RECORD_STALE" && got.ver === 1 && floor.ver === 2 && details.attempts.length === 3,
    "it is RECORD_STALE: version 1 was served, version 2 is known",
    details,
  );
}

/** @throws BUG_UNREACHABLE when the other process did not find the record */
async function record(answer: Answer, stage: Stage): Promise<{ readonly text: string; readonly answer: RecordAnswer }> {
  await stage.expect(answer.exitCode === 0, "the reader found it and could verify it (exit code 0)", answer);
  const found = readRecordAnswer(answer.document);
  return { text: new TextDecoder().decode(decodeBase64(found.data) ?? new Uint8Array()), answer: found };
}

async function show(stage: Stage, devnet: Devnet, { replicas, asOf }: RecordAnswer): Promise<void> {
  const replicaTable = replicaRows(replicas.map((one) => ({ ...one, label: storeName(devnet, one.label) })));
  const named = asOf.sources.map((one) => ({ ...one, label: sourceName(devnet, one.label) }));
  const sourceTable = sourceRows({ sources: named });
  await stage.table([...replicaTable, ...sourceTable]);
}

async function expectReplicas(
  stage: Stage,
  devnet: Devnet,
  replicas: RecordAnswer["replicas"],
  expected: readonly ReplicaVerdict["verdict"][],
): Promise<void> {
  const got = replicas.map(({ label, verdict }) => `${storeName(devnet, label)} is ${verdict}`).sort();
  const wanted = expected.map((verdict, index) => `store ${index + 1} is ${verdict}`);
  await stage.expect(got.join(", ") === wanted.join(", "), wanted.join(", "), got);
}

async function expectSources(
  stage: Stage,
  devnet: Devnet,
  sources: RecordAnswer["asOf"]["sources"],
  expected: readonly SourceVerdict[],
): Promise<void> {
  const got = sources.map(({ label, verdict }) => `${sourceName(devnet, label)}: ${verdict}`).sort();
  const wanted = expected.map((verdict, index) => `source ${index + 1}: ${verdict}`);
  await stage.expect(got.join(", ") === wanted.join(", "), wanted.join(", "), got);
}

function storeName({ storeUrls }: Devnet, label: string): string {
  return `store ${1 + storeUrls.findIndex((url) => label.includes(new URL(url).host))}`;
}

function sourceName({ sourceUrls }: Devnet, label: string): string {
  return `source ${1 + sourceUrls.findIndex((url) => label.includes(new URL(url).host))}`;
}
