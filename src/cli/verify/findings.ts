/**
 * What `verify` has counted and what it found damaged.
 * @module
 */
import { isAbsolute, relative } from "node:path";
import { StrongroomError } from "../../base/errors.ts";

/** One place that does not open, or does not fit the rest. */
export interface Damage {
  /** Relative to the data directory. */
  readonly path: string;
  /** Offset in the file, -1 if it concerns the whole. */
  readonly offset: number;
  /** `[CODE] …`, without data. */
  readonly problem: string;
}

/** What was opened, by kind ("records", "log entries", …). */
export interface VerifyResult {
  readonly counts: Readonly<Record<string, number>>;
  readonly damage: readonly Damage[];
}

export class Findings implements VerifyResult {
  readonly counts: Record<string, number> = {};
  readonly damage: Damage[] = [];
  private readonly dataDir: string;

  constructor(dataDir: string) {
    this.dataDir = dataDir;
  }

  count(what: string, many = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + many;
  }

  /** Runs `check`; what it throws is damage at this place. @returns undefined then. */
  attempt<T>(path: string, check: () => T, offset = -1): T | undefined {
    try {
      return check();
    } catch (error) {
      this.add(path, offset, error);
      return undefined;
    }
  }

  /** What keeps the parts of the directory from going together, with what to do about it. */
  addWhole(error: unknown): void {
    const problem = error instanceof StrongroomError ? error.explain() : problemOf(error);
    this.damage.push({ path: ".", offset: -1, problem });
  }

  /** @throws `error` itself if it is neither ours nor the file system's: then it is a bug. */
  add(path: string, offset: number, error: unknown): void {
    const place = isAbsolute(path) || path.startsWith(this.dataDir);
    const where = place ? relative(this.dataDir, path) || "." : path;
    this.damage.push({ path: where, offset, problem: problemOf(error) });
  }
}

function problemOf(error: unknown): string {
  if (error instanceof StrongroomError) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code !== "string") throw error;
  return `[VERIFY_DAMAGED] ${code}`;
}
