/** `ok`: as it should be. `warn`: works, with a weakness. `bad`: does not work, or would mislead. */
export type Level = "ok" | "warn" | "bad";

/** What one check found. */
export interface Finding {
  readonly area: "sources" | "stores" | "cache" | "clock" | "name";
  /** The label of what was checked. */
  readonly subject: string;
  /** One or two words, the same in every run. */
  readonly check: string;
  readonly level: Level;
  /** One sentence. */
  readonly message: string;
  /** What to change; absent where nothing is to be changed. */
  readonly advice?: string | undefined;
}

/** Makes the findings of one subject. */
export class Findings {
  readonly list: Finding[] = [];
  readonly #area: Finding["area"];
  readonly #subject: string;

  constructor(area: Finding["area"], subject: string) {
    this.#area = area;
    this.#subject = subject;
  }

  ok(check: string, message: string): void {
    this.#add({ check, level: "ok", message });
  }

  warn(check: string, message: string, advice: string): void {
    this.#add({ check, level: "warn", message, advice });
  }

  bad(check: string, message: string, advice: string): void {
    this.#add({ check, level: "bad", message, advice });
  }

  #add(finding: Omit<Finding, "area" | "subject">): void {
    this.list.push({ area: this.#area, subject: this.#subject, ...finding });
  }
}

const RANKS: Readonly<Record<Level, number>> = { ok: 0, warn: 1, bad: 3 };

/** The worst level; `ok` where nothing was found. */
export function worstOf(findings: readonly Finding[]): Level {
  return findings.reduce<Level>((worst, { level }) => (RANKS[level] > RANKS[worst] ? level : worst), "ok");
}

/** The exit code: 0 all well, 1 something is weak, 3 something does not work. */
export function exitCodeOfLevel(level: Level): number {
  return RANKS[level];
}
