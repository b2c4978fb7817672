/**
 * What the store writes goes past the kernel's cache. To be read record by record it must be in
 * there; but reading it back takes disk and processor from those who write, and much of it is dead
 * before anybody asks for it. So it is read back when some records of it were read from the disk,
 * or when little has been flushed for a while; and no longer than one of both is so.
 *
 * One reader from front to back gets it in large folios (Linux readahead), which are found with
 * fewer misses of the processor's cache than the single pages of posix_fadvise.
 * @module
 */
import type { Segment } from "./books.ts";
import type { RunExecutor } from "./runwriter.ts";

/** Records read from the disk after which everything is read into the cache. */
const readsMax = 64;
/** It is read without being asked for when flushes have written no more than this meanwhile. */
const quietMs = 1000;
const quietBytes = 8 * 1024 * 1024;
/**
 * Read by one job: others wait for it. The next one is begun in a turn of the event loop, and turns
 * are long while readers wait for the disk.
 */
const stepBytes = 32 * 1024 * 1024;

/** Part of a file. */
interface Range {
  readonly path: string;
  from: number;
  to: number;
}

export class Warmer {
  /** Much was flushed in the last second: who can wait should. */
  busy = false;
  private readonly executor: RunExecutor;
  /** By the segment's number: what the cache was not given yet. */
  private readonly cold = new Map<number, Range>();
  private reads = 0;
  /** Bytes that flushes have written in this life. */
  private readonly flushed: () => number;
  private flushedBefore = 0;
  private sinceMs = 0;
  private under: Promise<void> | null = null;
  private stopped = false;

  constructor(executor: RunExecutor, flushed: () => number) {
    this.executor = executor;
    this.flushed = flushed;
  }

  /** The segment gains what stands behind its length, up to `to`. */
  wrote({ header, path, length }: Segment, to: number): void {
    const range = this.cold.get(header.number);
    if (range === undefined) this.cold.set(header.number, { path, from: length, to });
    else range.to = to;
  }

  /** The file goes. */
  forget(number: number): void {
    this.cold.delete(number);
  }

  /** True if parts of the segment are on the disk alone. */
  isCold(number: number): boolean {
    return this.cold.has(number);
  }

  /** A record is about to be read. */
  met(number: number, offset: number): void {
    if (this.cold.size === 0) return;
    const range = this.cold.get(number);
    if (range === undefined || offset < range.from || offset >= range.to) return;
    this.reads++;
    if (this.reads >= readsMax) this.begin();
  }

  /** To be called now and then. @param nowMs - Monotonic. */
  tick(nowMs: number): void {
    if (nowMs - this.sinceMs < quietMs) return;
    const flushed = this.flushed();
    this.busy = flushed - this.flushedBefore > quietBytes;
    if (!this.busy) this.begin();
    this.flushedBefore = flushed;
    this.sinceMs = nowMs;
  }

  private begin(): void {
    if (this.cold.size === 0 || this.stopped || this.under !== null) return;
    this.reads = 0;
    this.under = this.run().finally(() => {
      this.under = null;
    });
  }

  /** The newest segments first: most of them lives. Whatever comes of a job: reads then wait. */
  private async run(): Promise<void> {
    let flushedBefore = this.flushed();
    while (this.cold.size > 0 && !this.stopped) {
      const number = Math.max(...this.cold.keys());
      const range = this.cold.get(number) as Range;
      const { path, from } = range;
      const to = Math.min(range.to, from + stepBytes);
      range.from = to;
      if (to === range.to) this.cold.delete(number);
      await this.executor.run({ type: "warm", path, from, to });
      if (this.reads >= readsMax) {
        this.reads = 0;
        flushedBefore = this.flushed();
      } else if (this.flushed() - flushedBefore > quietBytes) return;
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.under;
  }
}
