import { encodeHex } from "../bytes/hex.js";
import type { Evidence, Report } from "../chain/evidence.js";
import type { HeaderChain } from "../chain/header-chain.js";
import { askHistory, askOutspend } from "../chain/source-calls.js";
import type { Transaction } from "../chain/transaction.js";
import { askEach, type Panel, type Seat } from "../chain/union.js";
import { limits } from "../limits.js";
import type { HistoryEntry, HistoryMark, Outpoint, Outspend } from "../ports.js";
import { BeaconAnswers } from "./beacon-answers.js";
import { exploreBeacon } from "./explore.js";
import { beaconScript } from "./name.js";
import type { Unmined } from "./pending.js";
import { byTxid, isMined, isPlace, spends } from "./reports.js";
import type { ResolveInput } from "./resolution.js";
import { candidateRecover, candidateRegister, type Frontier, type FrontierSeal } from "./thread.js";

/** reports - of one source that are looked at beside one another. */
const PARALLEL_REPORTS = 8;
/** Nobody has named a height yet. */
const UNPLACED = { height: 0 } as const;

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
  readonly #beacon: BeaconAnswers;
  readonly #hints: Set<string>;
  readonly #prefetched = new Set<string>();
  readonly #seals = new Map<string, SealAnswers>();
  readonly #asked = new Map<string, Promise<Outspend | null>>();
  #beaconStands = false;

  constructor(input: ResolveInput, panel: Panel, evidence: Evidence) {
    this.#in = input;
    this.#panel = panel;
    this.#evidence = evidence;
    this.#beaconScript = beaconScript(input.name, input.network);
    this.#beacon = new BeaconAnswers(evidence);
    // What the reader stored may have been moved by a reorganisation: then it is as good as a hint, and no better.
    this.#hints = new Set([input.hint, input.stored.beacon?.register].filter((txid) => txid !== undefined));
  }

  /**
   * To be called once the stored evidence is restored: the block that held the REGISTER when the beacon was asked is
   * still in the chain, and so is all below it.
   */
  noteRestored(): void {
    const { beacon } = this.#in.stored;
    this.#beaconStands = beacon !== null && this.#evidence.isProven(beacon.register);
  }

  /** Asks, of every seat given, for what is not known of the beacon's history and could change the thread. */
  async askBeacon(seats: readonly Seat[], frontier: Frontier | null): Promise<void> {
    const open = seats.filter((seat) => frontier === null || !this.knowsBeacon(seat, frontier));
    // V8: of a name that is held and sealed, what came into the beacon later means nothing, however much it is.
    const upTo = frontier === null || frontier.ended ? null : frontier.beacon;
    await askEach(
      this.#panel,
      open,
      // A source that cannot stop at a place may still be able to tell everything.
      async (seat) => (await this.#askHistory(seat, upTo)) || (upTo !== null && (await this.#askHistory(seat, null))),
    );
  }

  /**
   * Asks each source for the beacon's history up to the last REGISTER or RECOVER of a thread that no source was asked
   * about before. Only of a thread that goes on: what is asked beside the tip tells nothing about newer blocks.
   */
  async askUnaskedBeacon({ ended, beacon }: Frontier): Promise<void> {
    if (ended || beacon === null || beacon.txid === this.#in.stored.beacon?.register) return;
    await askEach(this.#panel, this.#panel.seats, (seat) => this.#askHistory(seat, beacon));
  }

  /**
   * Asks each source for the beacon's history up to a hinted transaction, by the source's own word of where that is
   * (V8). Nothing is believed of it before it is proven there.
   *
   * @returns whether the hint is worth it, as far as the transaction's own bytes tell
   */
  async askBeaconUpTo(hint: string): Promise<boolean> {
    const tx = await this.#evidence.transaction(hint, this.#panel.seats);
    if (tx === null || !this.#isCandidate(tx)) return false;
    this.#prefetched.add(hint);
    await askEach(this.#panel, this.#panel.seats, async (seat) => {
      const height = await this.#evidence.claimedHeight({ ...UNPLACED, txid: hint, seat });
      if (height === null) return false;
      this.#follow(seat, [{ txid: hint, height }]);
      return this.#askHistory(seat, { txid: hint, height });
    });
    return true;
  }

  /**
   * Proves the transactions that the beacon may be read up to, each once, wherever a source finds them: the hint, and
   * what was stored. One that is nothing, or nothing of this name, changes nothing.
   */
  async proveHints(chain: HeaderChain): Promise<void> {
    const hints = [...this.#hints];
    this.#hints.clear();
    await Promise.all(
      hints.map(async (txid) => {
        const tx = await this.#evidence.transaction(txid, this.#panel.seats);
        if (tx !== null && this.#isCandidate(tx)) await this.#evidence.search(chain, txid, UNPLACED.height);
      }),
    );
  }

  /** Whether a hint is left that could show more of the thread to sources that do not know the beacon (V8). */
  wantsHints(seats: readonly Seat[], frontier: Frontier): boolean {
    const isHeld = frontier.beacon !== null && !frontier.ended;
    return this.#hints.size > 0 && !isHeld && seats.some((seat) => !seat.gone && !this.knowsBeacon(seat, frontier));
  }

  async #askHistory(seat: Seat, upTo: HistoryMark | null): Promise<boolean> {
    const entries = await askHistory(this.#panel, seat, this.#beaconScript, upTo ?? undefined);
    if (entries !== null) this.#beacon.add(seat, { entries, upTo });
    return entries !== null;
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
    for (const [seat, entries] of this.#beacon.entries) this.#follow(seat, entries);
  }

  #follow(seat: Seat, entries: readonly HistoryEntry[]): void {
    const { name, network } = this.#in;
    const [evidence, prefetched] = [this.#evidence, this.#prefetched];
    exploreBeacon({ name, network, evidence, inquiry: this, seat, entries, prefetched });
  }

  /**
   * V5: beacon entries that are not above the last REGISTER or RECOVER of a live and sealed tenure need not be asked
   * again within a day.
   */
  knowsBeacon(seat: Seat, frontier: Frontier): boolean {
    if (this.#beacon.covers(seat, frontier)) return true;
    const { beacon } = this.#in.stored;
    const checkedAtMs = beacon?.checkedAtMs.get(seat.label);
    if (!this.#beaconStands || checkedAtMs === undefined || frontier.ended) return false;
    // Said of one operation, it tells nothing about the beacon below a later one, which another may have come before.
    if (frontier.beacon?.txid !== beacon?.register) return false;
    const ageMs = this.#in.clock.nowMs() - checkedAtMs;
    return ageMs >= 0 && ageMs < limits.beaconAbsenceMaxAgeMs;
  }

  /** Whether what was stored of the beacon is about the chain that is read. */
  get beaconStands(): boolean {
    return this.#beaconStands;
  }

  /** Whether the seat gave, in this read, all of the beacon's history that could change the thread. */
  gaveHistory(seat: Seat, frontier: Frontier): boolean {
    return this.#beacon.covers(seat, frontier);
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
    const reports = this.#beacon.entries.flatMap(([seat, entries]) =>
      entries.flatMap(({ txid, height }) => {
        // C5: nothing below the checkpoint is an operation, and nothing there can be proven.
        if (height === null || height <= chain.baseHeight || !isPlace(seat, chain, height)) return [];
        return this.#evidence.isProven(txid) ? [] : [{ txid, height, seat }];
      }),
    );
    const fits = (tx: Transaction): boolean => this.#isCandidate(tx);
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
    for (const { tx, height: minedAt } of this.#evidence.proven) {
      if (minedAt > height) continue;
      if (this.#isCandidate(tx)) {
        for (const seat of this.#beacon.without(tx.txid, minedAt)) seat.withheld = true;
      }
      for (const { outpoint } of tx.inputs) {
        for (const [seat, spend] of this.#seals.get(keyOf(outpoint))?.bySeat ?? []) {
          if (!isMined(seat, spend, chain)) seat.withheld = true;
        }
      }
    }
  }

  #isCandidate(tx: Transaction): boolean {
    const { name, network } = this.#in;
    return candidateRegister(tx, name, network) || candidateRecover(tx, name, network);
  }

  #sealAnswers(outpoint: Outpoint): SealAnswers {
    const key = keyOf(outpoint);
    const answers = this.#seals.get(key) ?? { outpoint, bySeat: new Map<Seat, Outspend>() };
    this.#seals.set(key, answers);
    return answers;
  }
}
