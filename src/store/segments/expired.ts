/**
 * How many bytes of each segment have expired: they count as dead although no change has said so.
 * Counted every so often, in steps, by the durable commit's time.
 * @module
 */
import type { Scheduler } from "../../base/ports.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import { isLiveRoot, type RecordIndex } from "./index.ts";
import { wordExpiry, wordFlags, wordLength, wordSegment } from "./shard.ts";
import { Sweep } from "./walk.ts";

const sweepSlots = 4096;
/** Flushes between two rounds. */
const sweepEvery = 64;

export class ExpiredBytes {
  private readonly index: RecordIndex;
  private readonly sweep: Sweep;
  private found = new Map<number, number>();
  private sinceSweep = 0;

  constructor(index: RecordIndex) {
    this.index = index;
    this.sweep = new Sweep(index);
  }

  of(segment: number): number {
    return this.found.get(segment) ?? 0;
  }

  /** Called with every flush. */
  tick(): void {
    this.sinceSweep++;
  }

  /** Counts anew if it is time. @param nowMs - Of the durable commit. */
  async find(nowMs: number, scheduler: Scheduler, stopping: () => boolean): Promise<void> {
    if (this.index.expiring === 0 || this.sinceSweep < sweepEvery) return;
    this.sinceSweep = 0;
    const found = new Map<number, number>();
    this.sweep.restart();
    const count = (words: Uint32Array, at: number): boolean => {
      const expiry = words[at + wordExpiry] as number;
      if (expiry === 0 || expiry > nowMs / 1000 || !isLiveRoot(words[at + wordFlags] as number))
        return false;
      const segment = words[at + wordSegment] as number;
      const bytes = frameHeaderBytes + (words[at + wordLength] as number);
      found.set(segment, (found.get(segment) ?? 0) + bytes);
      return false;
    };
    while (!stopping() && !this.sweep.walk(sweepSlots, count)) await scheduler.yieldNow();
    this.found = found;
  }
}
