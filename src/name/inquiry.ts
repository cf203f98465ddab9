import { encodeHex } from "../bytes/hex.js";
import type { Evidence, Report } from "../chain/evidence.js";
import type { HeaderChain } from "../chain/header-chain.js";
import { askHistory, askOutspend } from "../chain/source-calls.js";
import type { Transaction } from "../chain/transaction.js";
import { askEach, type Panel, type Seat } from "../chain/union.js";
import { limits } from "../limits.js";
import type { HistoryEntry, Outpoint, Outspend } from "../ports.js";
import { exploreBeacon } from "./explore.js";
import { beaconScript } from "./name.js";
import type { Unmined } from "./pending.js";
import type { ResolveInput } from "./resolution.js";
import { candidateRecover, candidateRegister, type Frontier, type FrontierSeal } from "./thread.js";

/** reports - of one source that are looked at beside one another. */
const PARALLEL_REPORTS = 8;

/** What the sources say of one seal. */
interface SealAnswers {
  readonly outpoint: Outpoint;
  readonly bySeat: Map<Seat, Outspend>;
}

/** Something that is reported, by every source that reports it. */
interface Claimed {
  readonly key: string;
  readonly reports: readonly Report[];
  /** Whether a transaction is what it is reported to be, as far as its own bytes tell. */
  readonly fits: (tx: Transaction) => boolean;
  /** Whether bytes that do not fit make the report a lie. */
  readonly mustFit: boolean;
}

const keyOf = (outpoint: Outpoint): string => `${outpoint.txid}:${outpoint.vout}`;

/** What each source says of one name: the history of its beacon and the spends of its seals. Nothing here is proven. */
export class Inquiry {
  readonly #in: ResolveInput;
  readonly #panel: Panel;
  readonly #evidence: Evidence;
  readonly #beaconScript: Uint8Array;
  readonly #history = new Map<Seat, readonly HistoryEntry[]>();
  readonly #seals = new Map<string, SealAnswers>();
  readonly #asked = new Map<string, Promise<Outspend | null>>();
  #beaconStands = false;

  constructor(input: ResolveInput, panel: Panel, evidence: Evidence) {
    this.#in = input;
    this.#panel = panel;
    this.#evidence = evidence;
    this.#beaconScript = beaconScript(input.name, input.network);
  }

  /**
   * To be called once the stored evidence is restored: the block that held the REGISTER when the beacon was asked is
   * still in the chain, and so is all below it.
   */
  noteRestored(): void {
    const { beacon } = this.#in.stored;
    this.#beaconStands = beacon !== null && this.#evidence.isProven(beacon.register);
  }

  /** Asks, of every seat given, for the beacon's history where it is not known. */
  async askBeacon(seats: readonly Seat[], frontier: Frontier | null): Promise<void> {
    const open = seats.filter((seat) => frontier === null || !this.knowsBeacon(seat, frontier));
    await askEach(this.#panel, open, async (seat) => {
      const entries = this.#history.get(seat) ?? (await askHistory(this.#panel, seat, this.#beaconScript));
      if (entries !== null) this.#history.set(seat, entries);
      return entries !== null;
    });
  }

  /** Asks, of every seat given, for the spends of these seals where they are not known. */
  async askSeals(seats: readonly Seat[], seals: readonly FrontierSeal[]): Promise<void> {
    await askEach(this.#panel, seats, async (seat) => {
      const spends = await Promise.all(
        seals.map(async (seal) => {
          const { bySeat } = this.#sealAnswers(seal.outpoint);
          const spend = bySeat.get(seat) ?? (await this.askSpend(seat, seal));
          if (spend !== null) bySeat.set(seat, spend);
          return spend;
        }),
      );
      return !spends.includes(null);
    });
  }

  /** What one source says of one output; asked once. It is not taken down yet, since the output may be no seal. */
  async askSpend(seat: Seat, { outpoint, script }: FrontierSeal): Promise<Outspend | null> {
    // A server that looks outputs up by script calls one under any other script unspent: that is a question apart.
    const key = `${this.#panel.seats.indexOf(seat)}/${keyOf(outpoint)}/${encodeHex(script)}`;
    let asked = this.#asked.get(key);
    if (asked === undefined) {
      asked = askOutspend(this.#panel, seat, outpoint, script);
      this.#asked.set(key, asked);
    }
    const spend = await asked;
    if (spend === null) this.#asked.delete(key);
    return spend;
  }

  /** Forgets the absences that were told so far; a mined spend stays one. */
  forgetAbsences(): void {
    this.#asked.clear();
    for (const { bySeat } of this.#seals.values()) {
      for (const [seat, spend] of bySeat) if (!spend.spent || spend.height === null) bySeat.delete(seat);
    }
  }

  /** Follows what the beacon's history names before the headers are known, so that it travels beside them. */
  explore(): void {
    const { name, network } = this.#in;
    const prefetched = new Set<string>();
    for (const [seat, entries] of this.#history) {
      exploreBeacon({ name, network, evidence: this.#evidence, inquiry: this, seat, entries, prefetched });
    }
  }

  /** V5: beacon entries older than the REGISTER of a live and sealed tenure need not be asked again within a day. */
  knowsBeacon(seat: Seat, frontier: Frontier): boolean {
    if (this.#history.has(seat)) return true;
    const { beacon } = this.#in.stored;
    const checkedAtMs = beacon?.checkedAtMs.get(seat.label);
    if (!this.#beaconStands || checkedAtMs === undefined || frontier.ended) return false;
    // Said of one REGISTER, it tells nothing about the beacon below a later one, which another may have come before.
    if (frontier.register !== beacon?.register) return false;
    const ageMs = this.#in.clock.nowMs() - checkedAtMs;
    return ageMs >= 0 && ageMs < limits.beaconAbsenceMaxAgeMs;
  }

  /** Whether what was stored of the beacon is about the chain that is read. */
  get beaconStands(): boolean {
    return this.#beaconStands;
  }

  /** Whether the seat gave the beacon's history in this read. */
  gaveHistory(seat: Seat): boolean {
    return this.#history.has(seat);
  }

  /** Whether the seat answered every absence on which the union rests (V5). */
  answeredAll(seat: Seat, frontier: Frontier, chain: HeaderChain): boolean {
    return (
      this.knowsBeacon(seat, frontier) &&
      frontier.seals.every(({ outpoint }) => {
        const spend = this.#sealAnswers(outpoint).bySeat.get(seat);
        return spend !== undefined && !isMined(seat, spend, chain);
      })
    );
  }

  /**
   * Proves what the sources reported (V4). Each source's reports are a row of their own, so that one that reports much,
   * slowly or wrongly holds up nothing but itself.
   */
  async prove(chain: HeaderChain): Promise<void> {
    const running = new Map<string, Promise<void>>();
    const claims = [...this.#sealClaims(chain), ...this.#beaconClaims(chain)];
    await askEach(this.#panel, this.#panel.seats, async (seat) => {
      const own = claims.filter(({ reports }) => reports.some((report) => report.seat === seat));
      for (let i = 0; i < own.length && seat.lies < limits.sourceMaxLies && !seat.gone; i += PARALLEL_REPORTS) {
        await Promise.all(
          own.slice(i, i + PARALLEL_REPORTS).map((claim) => {
            const proving = running.get(claim.key) ?? this.#proveClaim(chain, claim);
            running.set(claim.key, proving);
            return proving;
          }),
        );
      }
      return true;
    });
  }

  async #proveClaim(chain: HeaderChain, { reports, fits, mustFit }: Claimed): Promise<void> {
    const txid = reports[0]?.txid ?? "";
    const tx = await this.#evidence.transaction(
      txid,
      reports.map(({ seat }) => seat),
    );
    if (tx === null || fits(tx)) await this.#evidence.prove(chain, txid, reports);
    else if (mustFit) for (const { seat } of reports) seat.lies++;
  }

  /** The mined spends of seals that sources report. */
  #sealClaims(chain: HeaderChain): readonly Claimed[] {
    return [...this.#seals.values()].flatMap(({ outpoint, bySeat }) => {
      const reports = [...bySeat].flatMap(([seat, spend]) =>
        isMined(seat, spend, chain) ? [{ txid: spend.txid, height: spend.height, seat }] : [],
      );
      const fits = (tx: Transaction): boolean => spends(tx, outpoint);
      return byTxid(reports).map((same) => {
        return { key: `${keyOf(outpoint)}/${same[0]?.txid ?? ""}`, reports: same, fits, mustFit: true };
      });
    });
  }

  /** The mined entries of the beacon that are not proven yet. Entries for other purposes are nothing, and no lie. */
  #beaconClaims(chain: HeaderChain): readonly Claimed[] {
    const { name, network } = this.#in;
    const reports = [...this.#history].flatMap(([seat, entries]) =>
      entries.flatMap(({ txid, height }) => {
        // C5: nothing below the checkpoint is an operation, and nothing there can be proven.
        if (height === null || height <= chain.baseHeight || !isPlace(seat, chain, height)) return [];
        return this.#evidence.isProven(txid) ? [] : [{ txid, height, seat }];
      }),
    );
    const fits = (tx: Transaction): boolean =>
      candidateRegister(tx, name, network) || candidateRecover(tx, name, network);
    return byTxid(reports).map((same) => ({ key: same[0]?.txid ?? "", reports: same, fits, mustFit: false }));
  }

  /**
   * Transactions that are said to spend an open seal without being mined in the best chain. Only those whose bytes some
   * source shows: what is left is still nobody's proof, since signatures are not checked here.
   */
  async unminedSpends(frontier: Frontier, chain: HeaderChain): Promise<readonly Unmined[]> {
    const found = new Map<string, Unmined>();
    await Promise.all(
      frontier.seals.map(async ({ outpoint }) => {
        const reports = [...this.#sealAnswers(outpoint).bySeat].flatMap(([seat, spend]) =>
          spend.spent && !isMined(seat, spend, chain) ? [{ txid: spend.txid, height: 0, seat }] : [],
        );
        for (const same of byTxid(reports)) {
          const txid = same[0]?.txid ?? "";
          const tx = await this.#evidence.transaction(
            txid,
            same.map(({ seat }) => seat),
          );
          if (tx === null || !spends(tx, outpoint)) continue;
          found.set(txid, { tx, reportedBy: same.map(({ seat }) => seat.label) });
        }
      }),
    );
    return [...found.values()];
  }

  /** Marks the sources that left out what another one proved at or below `height`. */
  judgeOmissions(chain: HeaderChain, height: number): void {
    const { name, network } = this.#in;
    for (const { tx, height: minedAt } of this.#evidence.proven) {
      if (minedAt > height) continue;
      if (candidateRegister(tx, name, network) || candidateRecover(tx, name, network)) {
        for (const [seat, entries] of this.#history) {
          if (!entries.some(({ txid }) => txid === tx.txid)) seat.withheld = true;
        }
      }
      for (const { outpoint } of tx.inputs) {
        for (const [seat, spend] of this.#seals.get(keyOf(outpoint))?.bySeat ?? []) {
          if (!isMined(seat, spend, chain)) seat.withheld = true;
        }
      }
    }
  }

  #sealAnswers(outpoint: Outpoint): SealAnswers {
    const key = keyOf(outpoint);
    const answers = this.#seals.get(key) ?? { outpoint, bySeat: new Map<Seat, Outspend>() };
    this.#seals.set(key, answers);
    return answers;
  }
}

/**
 * Whether what a source says of a height can be about the best chain: not above its tip, where nothing can be proven
 * yet, and not in a block in which the source is known to follow another branch. Two honest sources may differ in the
 * last blocks, and then neither lies.
 */
function isPlace(seat: Seat, chain: HeaderChain, height: number): boolean {
  if (height > chain.tipHeight) return false;
  return height > seat.reach || seat.chain?.hashAt(height) === chain.hashAt(height);
}

function isMined(
  seat: Seat,
  spend: Outspend,
  chain: HeaderChain,
): spend is { readonly spent: true; readonly txid: string; readonly height: number } {
  return spend.spent && spend.height !== null && isPlace(seat, chain, spend.height);
}

function spends(tx: Transaction, { txid, vout }: Outpoint): boolean {
  return tx.inputs.some(({ outpoint }) => outpoint.txid === txid && outpoint.vout === vout);
}

/** Reports of one transaction together. */
function byTxid(reports: readonly Report[]): readonly (readonly Report[])[] {
  const groups = new Map<string, Report[]>();
  for (const report of reports) {
    const group = groups.get(report.txid);
    if (group === undefined) groups.set(report.txid, [report]);
    else group.push(report);
  }
  return [...groups.values()];
}
