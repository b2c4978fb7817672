/**
 * What the store writes goes past the kernel's cache. To be read record by record it must be in
 * there; but reading it back takes disk and processor from those who write, and much of it is dead
 * before anybody asks for it. So it is read back when some records of it were read from the disk,
 * or when little has been flushed for a while; and no longer than one of both is so.
 *
 * What the cache was given the kernel may take away again: for other files, for the bound of a
 * container, or since nobody has used it for a while. Records are then read from the disk one at a
 * time, while everybody waits. Some such reads of a segment have it read back whole, as long as the
 * store may have its place in memory; each time it happens again soon, it takes twice as many.
 *
 * One reader from front to back gets it in large folios (Linux readahead), which are found with
 * fewer misses of the processor's cache than the single pages of posix_fadvise.
 * @module
 */
import type { Books, Segment } from "./books.ts";
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

/** The same for a segment of which the kernel has taken something away, the first time. */
const missesMin = 32;
/** After so long without a miss the next time is the first time again. */
const calmMs = 60_000;
/** Of the memory of the machine or the container, what the store may have to be read back. */
const memoryShareMax = 1 / 2;

/** Part of a file. */
interface Range {
  readonly path: string;
  from: number;
  to: number;
}

/** What the kernel took away from a segment. */
interface Loss {
  /** Records read from the disk since it was read back. */
  misses: number;
  /** So many have it read back. */
  enough: number;
  /** Monotonic: when it was. */
  givenMs: number;
}

export class Warmer {
  /** Much was flushed in the last second: who can wait should. */
  busy = false;
  private readonly executor: RunExecutor;
  /** By the segment's number: what the cache was not given yet. */
  private readonly cold = new Map<number, Range>();
  /** By the segment's number. */
  private readonly lost = new Map<number, Loss>();
  private reads = 0;
  private readonly books: Pick<Books, "bytes" | "segments">;
  /** Bytes that flushes have written in this life. */
  private readonly flushed: () => number;
  private readonly memoryBytes: number;
  private flushedBefore = 0;
  private nowMs = 0;
  private sinceMs = 0;
  private under: Promise<void> | null = null;
  private stopped = false;

  /** @param memoryBytes - That there are; without, nothing is read back for want of it. */
  constructor(
    executor: RunExecutor,
    books: Pick<Books, "bytes" | "segments">,
    flushed: () => number,
    memoryBytes = 0,
  ) {
    this.executor = executor;
    this.books = books;
    this.flushed = flushed;
    this.memoryBytes = memoryBytes;
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
    this.lost.delete(number);
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

  /** A record was read from the disk. */
  missed(number: number): void {
    // Of what the cache was not given yet, `met` counts.
    if (this.cold.has(number)) return;
    let loss = this.lost.get(number);
    if (loss === undefined) {
      loss = { misses: 0, enough: missesMin, givenMs: 0 };
      this.lost.set(number, loss);
    }
    if (loss.misses === 0 && this.nowMs - loss.givenMs > calmMs) loss.enough = missesMin;
    loss.misses++;
    if (loss.misses < loss.enough) return;
    loss.misses = 0;
    loss.enough *= 2;
    loss.givenMs = this.nowMs;
    const segment = this.books.segments.get(number);
    if (segment === undefined || this.books.bytes > this.memoryBytes * memoryShareMax) return;
    this.cold.set(number, { path: segment.path, from: 0, to: segment.length });
    this.begin();
  }

  /** To be called now and then. @param nowMs - Monotonic. */
  tick(nowMs: number): void {
    this.nowMs = nowMs;
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
