/**
 * A KEK service that is out of reach when a node starts is waited for, with backoff and an alarm,
 * for it is usually back before anybody could do better; what it refuses for good refuses the
 * start. Hazard: a node that waits and cannot be stopped.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { Scheduler } from "../base/ports.ts";

const waitMsMin = 200;
const waitMsMax = 10_000;

export interface KekWaiting {
  readonly scheduler: Scheduler;
  /** Says something to the operator. No keys, no user data. */
  readonly alarm: (event: string, detail: string) => void;
  /** True once the node is asked to stop. */
  readonly stopping: () => boolean;
}

/**
 * Runs `work` until it succeeds or fails for good. Each run begins from nothing.
 * @param waiting - Without it a failure that may pass is told at once.
 * @throws what `work` throws; NODE_STOPPING.
 */
export async function waitForKek<T>(work: () => Promise<T>, waiting?: KekWaiting): Promise<T> {
  for (let wait = waitMsMin; ; wait = Math.min(wait * 2, waitMsMax)) {
    try {
      return await work();
    } catch (error) {
      const passes = error instanceof StrongroomError && error.retryable;
      if (!passes || waiting === undefined) throw error;
      waiting.alarm("kek-unavailable", `the start waits: ${error.message}`);
      await pause(wait, waiting);
    }
  }
}

async function pause(ms: number, { scheduler, stopping }: KekWaiting): Promise<void> {
  for (let left = ms; left > 0 && !stopping(); left -= waitMsMin)
    await scheduler.delay(Math.min(left, waitMsMin));
  if (stopping()) throw new StrongroomError("NODE_STOPPING");
}
