/**
 * Work for the end of the current callback of the event loop. `process.nextTick` does that at the
 * cost of some microseconds; a turn of the addon's sockets, which comes tens of thousands of times
 * a second, keeps a list instead. Hazard it guards: what one job throws keeps no other from its
 * turn.
 * @module
 */

/** jobs[0, count) are to be done; what stands behind them was. */
const jobs: (() => void)[] = [];
let count = 0;
let inTurn = false;

/** Runs `job` once when this turn, or this callback of the event loop, ends; before other I/O. */
export function whenTurnEnds(job: () => void): void {
  if (inTurn) jobs[count++] = job;
  else process.nextTick(job);
}

/** From here to `endTurn` is a turn. */
export function beginTurn(): void {
  inTurn = true;
}

/** Runs what was asked for, and what that asks for. @throws What a job throws. */
export function endTurn(): void {
  let next = 0;
  try {
    while (next < count) (jobs[next++] as () => void)();
  } finally {
    inTurn = false;
    while (next < count) process.nextTick(jobs[next++] as () => void);
    count = 0;
  }
}
