/**
 * The clock that entries are stamped by, unless it is hours away from where it should be. Hazard:
 * machine time never goes back. One entry under a clock that is hours ahead expires for good what
 * should live; one that is hours behind keeps alive for hours what should be gone.
 *
 * On a single node nobody else knows the time. What is known: when the last commit was, and, while
 * the process runs, how long ago by the count since the machine's start, which no step of the wall
 * clock changes and which goes on while the machine sleeps. Over a restart even that is gone: a
 * clock that is ahead may be a node that was off, so there a day is believed, elsewhere an hour.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { Clock } from "../base/ports.ts";

const hourMs = 3_600_000;
/** Before the last commit, at any time; past what the machine's own count says, while it runs. */
export const clockStepMsMax = hourMs;
/** Past the last commit, at the first entry of a process. */
export const clockGapMsMax = 24 * hourMs;
/** Steps forward of less than this need no second look. */
const glanceMs = 10_000;

export interface ClockGuardDeps {
  readonly clock: Clock;
  /** Greatest timestamp applied, ms; 0: there is none. */
  readonly machineMs: () => number;
  /** The operator says that the clock is right. */
  readonly trusted: () => boolean;
  /** Told once when it begins to refuse. */
  readonly alarm: (event: string, detail: string) => void;
}

export class ClockGuard implements Clock {
  private readonly deps: ClockGuardDeps;
  /** Last looked at and believed; 0: never. */
  private seenMs = 0;
  /** A moment that was believed, on both clocks. */
  private wallMs = 0;
  private bootMs = 0;
  private alarmed = false;

  constructor(deps: ClockGuardDeps) {
    this.deps = deps;
  }

  monotonicMs(): number {
    return this.deps.clock.monotonicMs();
  }
  sinceBootMs(): number {
    return this.deps.clock.sinceBootMs();
  }

  /** @throws StrongroomError NODE_CLOCK_AHEAD, NODE_CLOCK_BEHIND. */
  nowMs(): number {
    const now = this.deps.clock.nowMs();
    if (now < this.seenMs || now - this.seenMs >= glanceMs) this.look(now);
    this.seenMs = now;
    return now;
  }

  /** True if an entry would be stamped now. */
  get sound(): boolean {
    try {
      this.nowMs();
      return true;
    } catch {
      return false;
    }
  }

  private look(now: number): void {
    const { clock, trusted, alarm } = this.deps;
    const boot = clock.sinceBootMs();
    const problem = trusted() ? null : this.problem(now, boot);
    if (problem !== null) {
      // Nothing is believed without a look until the clock is where it should be.
      this.seenMs = Number.POSITIVE_INFINITY;
      if (!this.alarmed) alarm("clock", problem.message);
      this.alarmed = true;
      throw problem;
    }
    this.alarmed = false;
    this.wallMs = now;
    this.bootMs = boot;
  }

  private problem(now: number, boot: number): StrongroomError | null {
    const last = this.deps.machineMs();
    if (last === 0) return null;
    if (last - now > clockStepMsMax)
      return new StrongroomError("NODE_CLOCK_BEHIND", by(last - now));
    const ahead =
      this.wallMs === 0
        ? now - last > clockGapMsMax
        : // A step that ends near the last commit does no harm.
          now - this.wallMs - (boot - this.bootMs) > clockStepMsMax && now - last > clockStepMsMax;
    return ahead ? new StrongroomError("NODE_CLOCK_AHEAD", by(now - last)) : null;
  }
}

function by(ms: number): string {
  return `by ${(ms / hourMs).toFixed(1)} hours`;
}
