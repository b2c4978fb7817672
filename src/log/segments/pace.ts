/**
 * Whether a durable write is made on the event loop or handed to a thread. Handing over costs two
 * changes of threads, which for a small write on a quick disk is more than the write itself; while
 * the loop writes it serves nobody. So the loop writes only what is small, while what came before
 * it was small too (few clients wait, and there is little else to do), and only as long as such
 * writes were quick: a slow disk is met on the loop once in many writes.
 * @module
 */
import type { Clock } from "../../base/ports.ts";

/** Larger writes, and those in a stream of larger ones, are handed over. */
const loopBytesMax = 64 * 1024;
/** Bound for the mean time of a write on the loop. Handing over takes about 0.05 ms of it. */
const loopMsMax = 0.5;
/** A single write counts as this at most: one that stands out tells little of the disk. */
const writeMsMax = 2;
/** Writes handed over after the disk was found to be slow; doubled each time it still is. */
const restWritesMin = 64;
const restWritesMax = 4096;
/** So many writes on the loop end a series of rests. */
const soundWrites = 64;
/** Shares of the newest write in the means. */
const sizeShare = 1 / 8;
const msShare = 1 / 16;

export class Pace {
  private readonly clock: Clock | null;
  private meanBytes = 0;
  private meanMs = 0;
  private rest = 0;
  private restNext = restWritesMin;
  private sound = 0;

  /** @param clock - null: everything is handed over. */
  constructor(clock: Clock | null) {
    this.clock = clock;
  }

  /** Whether a write of `bytes` would be made on the event loop now. */
  likesLoop(bytes: number): boolean {
    return (
      this.clock !== null && this.rest === 0 && Math.max(bytes, this.meanBytes) <= loopBytesMax
    );
  }

  /** Counts a write of `bytes`. @returns whether it is to be made on the event loop. */
  onLoop(bytes: number): boolean {
    this.meanBytes += (bytes - this.meanBytes) * sizeShare;
    if (this.likesLoop(bytes)) return true;
    this.rest = Math.max(0, this.rest - 1);
    return false;
  }

  /** Makes a write on the loop, and judges by its time where the next ones are made. */
  measure(write: () => void): void {
    const begin = this.clock?.monotonicMs() ?? 0;
    write();
    const ms = (this.clock?.monotonicMs() ?? 0) - begin;
    this.meanMs += (Math.min(ms, writeMsMax) - this.meanMs) * msShare;
    if (this.meanMs > loopMsMax) this.slow();
    else if (++this.sound >= soundWrites) this.restNext = restWritesMin;
  }

  private slow(): void {
    this.rest = this.restNext;
    this.restNext = Math.min(this.restNext * 2, restWritesMax);
    this.sound = 0;
    // So that a few writes tell whether it still is.
    this.meanMs = loopMsMax / 2;
  }
}
