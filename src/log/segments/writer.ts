/**
 * Group commit: while one durable write is under way, everything appended meanwhile is collected
 * and becomes the next one. One write is in flight at a time, so each frame vouches for all before
 * it. Callbacks run in the order of the appends, each exactly once. Small writes to a quick disk
 * are made on the event loop instead (see pace.ts); their callbacks run in a microtask.
 *
 * A full disk fails the batch and all that waits behind it (an entry never becomes durable while
 * one appended before it is refused), after the place was cut, so that nothing of the batch can be
 * taken for an entry later. Any other failure is final: what is durable is unknown.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import type { Scheduler } from "../../base/ports.ts";
import { type BatchFailure, isDiskFull } from "../../files/batchfile.ts";
import { blockBytes, frameBodyBytesMax, frameHeaderBytes } from "../../files/framing.ts";
import type { AppendDone } from "../log.ts";
import { Batch } from "./batch.ts";
import type { OpenFile, SegmentFiles } from "./files.ts";
import { batchHeaderBytes, entryHeadroom } from "./format.ts";
import type { SegmentLogLimits } from "./limits.ts";
import type { BatchMemory } from "./memory.ts";
import type { Pace } from "./pace.ts";
import type { Prewriter } from "./prewriter.ts";

export interface WriterOptions {
  readonly files: SegmentFiles;
  readonly memory: BatchMemory;
  readonly prewriter: Prewriter;
  readonly pace: Pace;
  readonly limits: SegmentLogLimits;
  readonly scheduler: Scheduler;
  /** Last entry found. */
  readonly last: number;
}

export class BatchWriter {
  /** Last durable entry. */
  last: number;
  /** Set once: nothing is accepted any more. */
  failure: StrongroomError | null = null;
  private readonly options: WriterOptions;
  /** Waiting, in order; the first one is in flight while `writing`. */
  private readonly queue: Batch[] = [];
  private readonly settled: Batch[] = [];
  private writing = false;
  private settling = false;
  private pendingBytes = 0;
  private stopped = false;
  private onIdle: (() => void)[] = [];

  constructor(options: WriterOptions) {
    this.options = options;
    this.last = options.last;
  }

  append(entry: Uint8Array, done: AppendDone): void {
    const refusal = this.refusal(entry.length);
    if (refusal !== null) {
      this.refuse(refusal, done);
      return;
    }
    const { memory, limits } = this.options;
    const lent = memory.claim(entry);
    let batch = this.queue.at(-1);
    const open = batch !== undefined && !(this.writing && this.queue.length === 1);
    if (batch === undefined || !open || !batch.fits(entry.length, limits.batchBytesMax)) {
      batch = new Batch(lent ?? memory.take(entryHeadroom + entry.length));
      this.queue.push(batch);
      batch.add(entry, lent !== null, done);
    } else {
      batch.add(entry, false, done);
      if (lent !== null) memory.give(lent);
    }
    this.pendingBytes += entry.length;
    this.pump();
  }

  private refusal(bytes: number): StrongroomError | null {
    const { entryBytesMax, pendingBytesMax } = this.options.limits;
    if (this.failure !== null) return this.failure;
    if (this.stopped) return new StrongroomError("LOG_CLOSED");
    if (bytes === 0 || bytes > Math.min(entryBytesMax, frameBodyBytesMax - entryHeadroom))
      return new StrongroomError("LOG_ENTRY_SIZE", `${bytes} bytes, at most ${entryBytesMax}`);
    if (this.pendingBytes > 0 && this.pendingBytes + bytes > pendingBytesMax)
      return new StrongroomError("LOG_BUSY", `${this.pendingBytes} bytes wait`);
    return null;
  }

  /** Later, so that no callback runs inside `append`, and in its turn. */
  private refuse(error: StrongroomError, done: AppendDone): void {
    this.queue.push(Batch.failed(done, error));
    void this.options.scheduler.yieldNow().then(() => this.pump());
  }

  /** From now on nothing is accepted; what waits is still written. */
  stop(): void {
    this.stopped = true;
  }

  /** Nothing is being written or waits. Entries may be appended again at once. */
  get idle(): boolean {
    const busy = this.writing || this.queue.length > 0 || this.settled.length > 0;
    return !busy && !this.options.prewriter.busy;
  }

  /**
   * Leaves an active file from before the last `retire` without waiting for an entry.
   * @returns False while something is in flight in it: the next entry then leaves it.
   */
  leaveRetired(): boolean {
    const { files, prewriter } = this.options;
    if (this.writing || prewriter.busy) return false;
    this.guard(() => {
      while (files.activeIsRetired) this.nextFile();
    });
    return true;
  }

  async untilIdle(): Promise<void> {
    while (!this.idle) await new Promise<void>((resolve) => this.onIdle.push(resolve));
  }

  /** Runs `work`, which changes files, and turns its failure into a coded one. */
  guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof StrongroomError) throw error;
      if (isDiskFull(error)) {
        this.options.files.releaseFree();
        throw new StrongroomError("LOG_DISK_FULL", "", { cause: error });
      }
      this.failure ??= new StrongroomError("LOG_WRITE_FAILED", "", { cause: error });
      throw this.failure;
    }
  }

  /** Takes the next steps there are: refusals, a write, telling that all is done. */
  pump(): void {
    while (!this.writing && this.queue[0]?.error != null) this.settled.push(this.queue.shift()!);
    this.settle();
    if (this.writing) return;
    const batch = this.queue[0];
    if (batch === undefined) this.tellIdle();
    else if (batch.error !== null) this.pump();
    else this.begin(batch);
  }

  private begin(batch: Batch): void {
    let open: OpenFile | null;
    try {
      open = this.guard(() => this.placeFor(batch.fileBytes));
    } catch (error) {
      this.failAll(error as StrongroomError);
      return;
    }
    if (open !== null) this.write(open, batch);
  }

  /** The active file with room for `bytes` more; null: to be asked again when a write is done. */
  private placeFor(bytes: number): OpenFile | null {
    const { files, prewriter, limits } = this.options;
    if (files.active === null) files.start(this.last);
    const active = files.active!;
    const end = active.record.end + bytes;
    const full = end > limits.fileBytes && active.record.end > blockBytes;
    if (prewriter.busy && (full || files.activeIsRetired || end > active.written)) return null;
    while (files.activeIsRetired) this.nextFile();
    if (full && files.active === active) this.tryNextFile();
    return files.active;
  }

  private nextFile(): void {
    this.options.files.prepare(this.last);
    this.options.files.advance(this.last);
  }

  /** The size of a file is a wish: where there is no room for a next one, the active one grows. */
  private tryNextFile(): void {
    try {
      this.nextFile();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
  }

  private write(open: OpenFile, batch: Batch): void {
    const { record } = open;
    const data = batch.seal(record.seed, record.end, this.last + 1);
    this.writing = true;
    open.written = Math.max(open.written, record.end + data.length);
    const done = (failure: BatchFailure | null): void => {
      this.writing = false;
      // After a failed sync a later success proves nothing about the writes before it.
      if (this.failure !== null) this.failAll(this.failure);
      else if (failure === null) this.written(open, batch);
      else if (failure.full) this.cut(open, failure.cause);
      else this.fatal(failure.cause);
    };
    const { pace } = this.options;
    if (pace.onLoop(data.length)) pace.measure(() => open.file.writeOnLoop(data, record.end, done));
    else open.file.write(data, record.end, done);
  }

  private written(open: OpenFile, batch: Batch): void {
    const { memory } = this.options;
    open.record.end += batch.fileBytes;
    open.record.usage.add(batch.buffer!, frameHeaderBytes + batchHeaderBytes, batch.count);
    this.last += batch.count;
    this.pendingBytes -= batch.entryBytes;
    this.queue.shift();
    this.settled.push(batch);
    if (this.queue.length > 0 && this.queue[0]!.error === null) this.startNext();
    memory.give(batch.buffer!);
    this.settle();
    this.lookAhead(open);
    this.pump();
  }

  /** Keeps the disk busy before the callbacks of the batch before run. */
  private startNext(): void {
    const active = this.options.files.active!;
    const batch = this.queue[0]!;
    // On the loop it would hold up those that are to be told.
    if (this.options.pace.likesLoop(batch.fileBytes)) return;
    const end = active.record.end + batch.fileBytes;
    const simple = end <= Math.min(active.written, this.options.limits.fileBytes);
    if (simple && !this.options.files.activeIsRetired) this.write(active, batch);
  }

  /** What can be done before it is needed: the next file, blocks to write over. */
  private lookAhead(open: OpenFile): void {
    const { files, prewriter, limits } = this.options;
    if (open !== files.active || this.failure !== null) return;
    if (open.record.end * 2 > limits.fileBytes && files.prepared === null && !open.blocked)
      this.prepareNext(open);
    if (this.failure !== null) return;
    prewriter.extend(open, (failure) => {
      if (failure !== null && !failure.full) this.fatal(failure.cause);
      this.pump();
    });
  }

  private prepareNext(open: OpenFile): void {
    try {
      this.options.files.prepare(this.last);
    } catch (error) {
      open.blocked = true;
      if (!isDiskFull(error)) this.fatal(error as Error);
    }
  }

  /** The disk was full: makes sure that nothing of the batch can be taken for an entry. */
  private cut(open: OpenFile, cause: Error): void {
    try {
      open.file.truncate(open.record.end);
      open.written = open.record.end;
      this.options.files.releaseFree();
    } catch (error) {
      this.fatal(error as Error);
      return;
    }
    this.failAll(new StrongroomError("LOG_DISK_FULL", "", { cause }));
  }

  /** Fails everything: at once, or when the write in flight has come back. */
  private fatal(cause: Error): void {
    this.failure ??= new StrongroomError("LOG_WRITE_FAILED", "", { cause });
    if (!this.writing) this.failAll(this.failure);
  }

  private failAll(error: StrongroomError): void {
    for (const batch of this.queue) {
      if (batch.error !== null) continue;
      batch.error = error;
      this.pendingBytes -= batch.entryBytes;
      this.options.memory.give(batch.buffer!);
    }
    this.pump();
  }

  private settle(): void {
    if (this.settling) return;
    this.settling = true;
    try {
      for (let batch = this.settled.shift(); batch !== undefined; batch = this.settled.shift())
        batch.settle();
    } finally {
      this.settling = false;
    }
  }

  private tellIdle(): void {
    if (!this.idle || this.onIdle.length === 0) return;
    const waiting = this.onIdle;
    this.onIdle = [];
    for (const resolve of waiting) resolve();
  }
}
