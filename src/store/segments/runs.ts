/**
 * The memory of runs. A flush follows another all day long, so one run's memory is kept for the
 * next: fresh pages would have to be cleared by the kernel. Of what a large run has touched only as
 * much is kept as ordinary ones need.
 * @module
 */
import { type RunMemory, SegmentRun } from "./run.ts";

/** Touched memory above this is kept only while runs use it. */
const keptBytesMax = 64 * 1024 * 1024;

export class Runs {
  private readonly memory: RunMemory;
  private readonly bytesMin: number;
  private kept: SegmentRun | null = null;

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
    if (kept !== null && kept.buffer.length >= wanted) return kept;
    // Growing while records are added would copy them; what is too small is given up instead.
    kept?.giveUp();
    return new SegmentRun(this.memory, wanted);
  }

  /** Takes a run back. What it holds is sealed, or was overwritten. */
  give(run: SegmentRun): void {
    const { used } = run;
    run.reset();
    // Without the addon shared memory waits for the garbage collector: it is not changed each time.
    const fits = run.keep(Math.max(used, keptBytesMax)) || used * 4 >= run.touched;
    if (this.kept === null && fits) this.kept = run;
    else run.giveUp();
  }
}
