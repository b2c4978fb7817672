/**
 * The memory of runs. A flush follows another all day long, so one run's memory is kept for the
 * next: fresh pages would have to be cleared by the kernel. Memory that large runs have touched is
 * given up once they are no longer large.
 * @module
 */
import { type RunMemory, SegmentRun } from "./run.ts";

/** Touched memory above this is kept only while a quarter of it is used each time. */
const keptBytesMax = 64 * 1024 * 1024;

export class Runs {
  private readonly memory: RunMemory;
  private readonly bytesMin: number;
  private kept: SegmentRun | null = null;
  private readonly taken = new Set<SegmentRun>();

  /** @param bytesMin - Room of every run; pages that none reaches take no memory. */
  constructor(memory: RunMemory, bytesMin: number) {
    this.memory = memory;
    this.bytesMin = bytesMin;
  }

  /** An empty run with room for `bytes`. */
  take(bytes: number): SegmentRun {
    const wanted = Math.max(bytes, this.bytesMin);
    const { kept } = this;
    this.kept = null;
    // Growing while records are added would copy them; what is too small is given up instead.
    const fits = kept !== null && kept.buffer.length >= wanted;
    if (!fits) kept?.giveUp();
    const run = fits ? kept : new SegmentRun(this.memory, wanted);
    this.taken.add(run);
    return run;
  }

  /** Takes a run back. What it holds is sealed, or was overwritten. */
  give(run: SegmentRun): void {
    this.taken.delete(run);
    const used = run.bytes;
    run.reset();
    const fitting = run.touched <= keptBytesMax || used * 4 >= run.touched;
    if (this.kept === null && fitting) this.kept = run;
    else run.giveUp();
  }

  /** Bytes of memory that runs have touched and still hold. */
  get bytes(): number {
    let sum = this.kept?.touched ?? 0;
    for (const run of this.taken) sum += Math.max(run.touched, run.bytes);
    return sum;
  }
}
