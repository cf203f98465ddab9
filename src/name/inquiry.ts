import { encodeHex } from "../bytes/hex.js";
import type { Evidence, Report } from "../chain/evidence.js";
import type { HeaderChain } from "../chain/header-chain.js";
import { ask, type Panel, type Seat } from "../chain/union.js";
import { HawserError } from "../errors.js";
import { limits } from "../limits.js";
import type { HistoryEntry, Outpoint, Outspend } from "../ports.js";
import { beaconScript } from "./name.js";
import type { ResolveInput } from "./resolution.js";
import { candidateRecover, candidateRegister, type Frontier, type FrontierSeal } from "./thread.js";

/** transactions - fetched beside one another. */
const PARALLEL_FETCHES = 8;
/** entries - of a beacon's history that are followed before it is known that they matter. */
const EXPLORED_ENTRIES = 8;
/** operations - that are followed on one source's word before any of them is proven. */
const EXPLORED_SPENDS = 256;

/** Whether a source calls an output spent, and whether it was asked before it had named its tip. */
interface SpendAnswer {
  readonly spend: Outspend;
  readonly early: boolean;
}

const keyOf = (outpoint: Outpoint): string => `${outpoint.txid}:${outpoint.vout}`;

/** What each source says of one name: the history of its beacon and the spends of its seals. Nothing here is proven. */
export class Inquiry {
  readonly #in: ResolveInput;
  readonly #panel: Panel;
  readonly #evidence: Evidence;
  readonly #beaconScript: Uint8Array;
  readonly #history = new Map<Seat, readonly HistoryEntry[]>();
  readonly #spends = new Map<string, Map<Seat, SpendAnswer>>();
  readonly #asked = new Map<string, Promise<Outspend | null>>();
  readonly #explored = new Set<string>();
  /** Beacon entries that are no REGISTER or RECOVER of this name; their raw bytes say so, so no proof is needed. */
  readonly #foreign = new Set<string>();
  /** Spends of seals that are not mined, or above the best chain's tip. */
  readonly unmined = new Set<string>();

  constructor(input: ResolveInput, panel: Panel, evidence: Evidence) {
    this.#in = input;
    this.#panel = panel;
    this.#evidence = evidence;
    this.#beaconScript = beaconScript(input.name, input.network);
  }

  /** Asks, of every seat given, for the beacon's history where it is not known. */
  async askBeacon(seats: readonly Seat[], frontier: Frontier | null): Promise<void> {
    await Promise.all(
      seats.map(async (seat) => {
        if (this.#history.has(seat) || (frontier !== null && this.knowsBeacon(seat, frontier))) return;
        const answer = await ask(this.#panel, seat, (source, signal) => source.history(this.#beaconScript, { signal }));
        if (answer === null) return;
        if (answer.value.length <= limits.historyMaxEntries) {
          this.#history.set(seat, answer.value);
          return;
        }
        // V5, V8: too long to be looked at is no answer.
        const reason = `a history of ${answer.value.length} entries`;
        const details = { url: seat.label, reason };
        seat.failure = new HawserError("NETWORK_ANSWER_INVALID", `${seat.label} reported ${reason}.`, details);
      }),
    );
  }

  /**
   * Asks, of every seat given, for the spends of these seals where they are not known.
   *
   * @param early - whether the sources have not named their tips yet
   */
  async askSeals(seats: readonly Seat[], seals: readonly FrontierSeal[], early = false): Promise<void> {
    await Promise.all(seals.flatMap((seal) => seats.map((seat) => this.#askSpend(seat, seal, early))));
  }

  async #askSpend(seat: Seat, { outpoint, script }: FrontierSeal, early: boolean): Promise<Outspend | null> {
    const outpointKey = keyOf(outpoint);
    const answers = this.#spends.get(outpointKey) ?? new Map<Seat, SpendAnswer>();
    this.#spends.set(outpointKey, answers);
    // Servers that look an output up by its script answer for that script alone, so a guess at it is a question apart.
    const key = `${this.#panel.seats.indexOf(seat)}/${outpointKey}/${encodeHex(script)}`;
    let asked = this.#asked.get(key);
    if (asked === undefined) {
      asked = ask(this.#panel, seat, (source, signal) => source.outspend(outpoint, script, { signal })).then(
        (answer) => {
          if (answer === null) this.#asked.delete(key);
          return answer?.value ?? null;
        },
      );
      this.#asked.set(key, asked);
    }
    const spend = await asked;
    if (spend !== null && !answers.has(seat)) answers.set(seat, { spend, early });
    return spend;
  }

  /** Forgets the absences that were told before the block that is read was known; a spend stays a spend. */
  forgetEarlyAbsences(): void {
    this.#asked.clear();
    for (const answers of this.#spends.values()) {
      for (const [seat, { spend, early }] of answers) if (early && !spend.spent) answers.delete(seat);
    }
  }

  /**
   * Follows what the beacon's history names before the headers are known, so that it travels beside them: a REGISTER,
   * its PREORDER, and the spends of its seal from one operation to the next. Nothing is believed before it is proven,
   * and what fails here is asked again.
   */
  explore(): void {
    for (const [seat, entries] of this.#history) {
      for (const { txid, height } of entries.slice(0, EXPLORED_ENTRIES)) {
        if (height !== null) this.#exploreEntry({ txid, height, seat }).catch(() => undefined);
      }
    }
  }

  async #exploreEntry(report: Report): Promise<void> {
    const { name, network } = this.#in;
    const { txid, height, seat } = report;
    this.#prefetch(report);
    const tx = await this.#evidence.transaction(txid, [seat]);
    const first = tx?.inputs[0];
    const seal = tx?.outputs[1];
    if (tx === null || first === undefined || seal === undefined || !candidateRegister(tx, name, network)) return;
    this.#prefetch({ txid: first.outpoint.txid, height, seat });
    await this.#followSpends(seat, { outpoint: { txid, vout: 1 }, script: seal.script });
  }

  /** One source's word for the spends of a seal, the next seal taken to be its spender's vout 1 under the same script. */
  async #followSpends(seat: Seat, start: FrontierSeal): Promise<void> {
    let seal = start;
    for (let step = 0; step < EXPLORED_SPENDS; step++) {
      const spend = await this.#askSpend(seat, seal, false);
      if (spend?.spent !== true || spend.height === null) return;
      this.#prefetch({ txid: spend.txid, height: spend.height, seat });
      seal = { outpoint: { txid: spend.txid, vout: 1 }, script: seal.script };
    }
  }

  #prefetch(report: Report): void {
    if (this.#explored.has(report.txid)) return;
    this.#explored.add(report.txid);
    this.#evidence.prefetch(report);
  }

  /** V5: beacon entries older than the REGISTER of a live and sealed tenure need not be asked again within a day. */
  knowsBeacon(seat: Seat, frontier: Frontier): boolean {
    if (this.#history.has(seat)) return true;
    const { beacon } = this.#in.stored;
    const checkedAtMs = beacon?.checkedAtMs.get(seat.label);
    if (beacon === null || checkedAtMs === undefined || frontier.ended) return false;
    if (!this.#evidence.isProven(beacon.register)) return false;
    const ageMs = this.#in.clock.nowMs() - checkedAtMs;
    return ageMs >= 0 && ageMs < limits.beaconAbsenceMaxAgeMs;
  }

  /** Whether the seat gave the beacon's history in this read. */
  gaveHistory(seat: Seat): boolean {
    return this.#history.has(seat);
  }

  /** Whether the seat answered every absence on which the union rests (V5). */
  answeredAll(seat: Seat, frontier: Frontier, tipHeight: number): boolean {
    return (
      this.knowsBeacon(seat, frontier) &&
      frontier.seals.every(({ outpoint }) => {
        const spent = this.#spends.get(keyOf(outpoint))?.get(seat)?.spend;
        return spent !== undefined && (!spent.spent || spent.height === null || spent.height > tipHeight);
      })
    );
  }

  /** The mined spends of seals that sources report. Above the best chain's tip nothing can be proven yet. */
  sealReports(chain: HeaderChain): readonly Report[] {
    const reports: Report[] = [];
    for (const answers of this.#spends.values()) {
      for (const [seat, { spend: spent }] of answers) {
        if (!spent.spent) continue;
        if (spent.height === null || spent.height > chain.tipHeight) this.unmined.add(spent.txid);
        else reports.push({ txid: spent.txid, height: spent.height, seat });
      }
    }
    return reports;
  }

  /** The beacon's entries that may be a REGISTER or RECOVER of this name, by their raw bytes. */
  async beaconReports(chain: HeaderChain): Promise<readonly Report[]> {
    const { name, network } = this.#in;
    const open: Report[] = [];
    for (const [seat, entries] of this.#history) {
      for (const { txid, height } of entries) {
        if (height === null || height > chain.tipHeight) continue;
        if (!this.#foreign.has(txid) && !this.#evidence.isProven(txid)) open.push({ txid, height, seat });
      }
    }
    const reports: Report[] = [];
    for (let i = 0; i < open.length; i += PARALLEL_FETCHES) {
      await Promise.all(
        open.slice(i, i + PARALLEL_FETCHES).map(async (report) => {
          const tx = await this.#evidence.transaction(report.txid, [report.seat]);
          if (tx !== null && !candidateRegister(tx, name, network) && !candidateRecover(tx, name, network)) {
            this.#foreign.add(report.txid);
          } else reports.push(report);
        }),
      );
    }
    return reports;
  }

  /** Marks the sources that left out what another one proved at a height that both reach. */
  judgeOmissions(height: number): void {
    const { name, network } = this.#in;
    for (const entry of this.#evidence.proven) {
      if (entry.height > height) continue;
      const { tx } = entry;
      if (candidateRegister(tx, name, network) || candidateRecover(tx, name, network)) {
        for (const [seat, entries] of this.#history) {
          if (seat.reach >= entry.height && !entries.some(({ txid }) => txid === tx.txid)) seat.withheld = true;
        }
      }
      for (const { outpoint } of tx.inputs) {
        for (const [seat, { spend }] of this.#spends.get(keyOf(outpoint)) ?? []) {
          if (seat.reach >= entry.height && !spend.spent) seat.withheld = true;
        }
      }
    }
  }
}
