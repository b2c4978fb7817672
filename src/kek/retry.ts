/**
 * Calls to services that hold KEKs: each attempt and all of them together are bounded in time,
 * failures that may pass are tried again after exponential backoff with full jitter. Hazards: a
 * service that accepts and never answers; and nodes that fail together, come back together and
 * bring the service down again.
 * @module
 */
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import type { Clock, Random, Scheduler } from "../base/ports.ts";

export interface RetryLimits {
  /** Of one attempt, answer included. */
  readonly attemptMsMax: number;
  /** Of a call with all its attempts and pauses. */
  readonly callMsMax: number;
  readonly attemptsMax: number;
  /** The first pause is drawn from 0..this, each further one from twice as much. */
  readonly pauseMsMin: number;
  readonly pauseMsMax: number;
  /** After a call that failed for want of an answer none is made for so long. */
  readonly restMs: number;
}

export const retryLimits: RetryLimits = {
  attemptMsMax: 5000,
  callMsMax: 15_000,
  attemptsMax: 4,
  pauseMsMin: 100,
  pauseMsMax: 2000,
  restMs: 1000,
};

export interface RetryDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** For time limits. */
  readonly scheduler: Scheduler;
  /** For pauses: keeps the process alive, since in one nothing else may do so. */
  readonly patience: Scheduler;
  readonly limits: RetryLimits;
}

/** A failure, said in our terms. */
export interface Failure {
  readonly error: StrongroomError;
  /** As the service asks; it is obeyed up to `pauseMsMax`. */
  readonly retryAfterMs?: number;
}

/** One try of a call. The signal fires when its time is over: nobody waits for it any more. */
export interface Attempt {
  readonly signal: AbortSignal;
}

/** Makes the calls to one service. */
export class Caller {
  readonly #name: string;
  readonly #deps: RetryDeps;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #lastReason = "";

  /** @param name - Of the KEK, for messages. */
  constructor(name: string, deps: RetryDeps) {
    this.#name = name;
    this.#deps = deps;
  }

  /**
   * @param work - One attempt; may be run several times.
   * @throws What `judge` makes of the last failure: KEK_UNAVAILABLE if it may pass.
   */
  async call<T>(
    work: (attempt: Attempt) => Promise<T>,
    judge: (error: unknown) => Failure,
  ): Promise<T> {
    const { clock, limits, patience } = this.#deps;
    const start = clock.monotonicMs();
    if (start < this.#restUntilMs)
      throw new StrongroomError("KEK_UNAVAILABLE", `${this.#lastReason}, a moment ago`);
    for (let tries = 1; ; tries++) {
      const left = Math.max(start + limits.callMsMax - clock.monotonicMs(), 1);
      try {
        return await this.#attempt(work, Math.min(limits.attemptMsMax, left));
      } catch (error) {
        const failure = isStrongroomError(error)
          ? { error: error as StrongroomError }
          : judge(error);
        if (!failure.error.retryable) throw failure.error;
        const pause = this.#pause(tries, failure.retryAfterMs);
        const over = clock.monotonicMs() - start + pause >= limits.callMsMax;
        if (tries >= limits.attemptsMax || over) throw this.#exhausted(failure.error, tries);
        await patience.delay(pause);
      }
    }
  }

  async #attempt<T>(work: (attempt: Attempt) => Promise<T>, msMax: number): Promise<T> {
    const controller = new AbortController();
    let settled = false;
    const late = this.#deps.scheduler.delay(msMax).then(() => {
      if (!settled) controller.abort();
      throw new StrongroomError("KEK_UNAVAILABLE", `no answer within ${Math.round(msMax)} ms`);
    });
    // Both go on after the race: what they still throw concerns nobody.
    late.catch(() => {});
    const answer = work({ signal: controller.signal });
    answer.catch(() => {});
    try {
      return await Promise.race([answer, late]);
    } finally {
      settled = true;
    }
  }

  /** Full jitter: anything between nothing and the exponential bound, but not before it may be. */
  #pause(tries: number, retryAfterMs = 0): number {
    const { limits, random } = this.#deps;
    const bound = Math.min(limits.pauseMsMin * 2 ** (tries - 1), limits.pauseMsMax);
    const drawn = (random.bytes(4).readUInt32BE() / 2 ** 32) * bound;
    return Math.max(drawn, Math.min(retryAfterMs, limits.pauseMsMax));
  }

  #exhausted(error: StrongroomError, tries: number): StrongroomError {
    const { clock, limits } = this.#deps;
    this.#restUntilMs = clock.monotonicMs() + limits.restMs;
    const reason = error.message.slice(error.code.length + 3);
    this.#lastReason = `${this.#name}: ${reason}`;
    const detail = `${this.#lastReason}, tried ${tries} times`;
    return new StrongroomError(error.code, detail, { cause: error });
  }
}
