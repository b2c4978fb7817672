/**
 * The embedded log engine: one directory of recycled files, one durable write a batch.
 * @module
 */
import { assert } from "../../base/assert.ts";
import type { LogIndex } from "../../base/brand.ts";
import { isStrongroomError, StrongroomError } from "../../base/errors.ts";
import type { Clock, Disk, Scheduler } from "../../base/ports.ts";
import { blockBytes } from "../../files/framing.ts";
import type { AppendDone, LogEntry, ReplicatedLog } from "../log.ts";
import { SegmentFiles } from "./files.ts";
import type { LogIdentity } from "./format.ts";
import { type SegmentLogLimits, segmentLogDefaults } from "./limits.ts";
import { BatchMemory } from "./memory.ts";
import { Pace } from "./pace.ts";
import { Prewriter } from "./prewriter.ts";
import { readEntries } from "./reader.ts";
import { surveyLog } from "./survey.ts";
import { type LogKeyUsage, usageOfFiles } from "./usage.ts";
import { BatchWriter } from "./writer.ts";

/** Between two looks at a file that is being written. */
const leaveMs = 2;

export interface SegmentLogOptions extends LogIdentity {
  readonly disk: Disk;
  /** Holds nothing but this log. Whoever opens the log holds the lock on the data directory. */
  readonly directory: string;
  readonly scheduler: Scheduler;
  /** Tells how quick the disk is. Without it no write is made on the event loop. */
  readonly clock?: Clock;
  readonly limits?: Partial<SegmentLogLimits>;
}

/**
 * Reads the whole log once and judges it; changes nothing on disk (see `start`).
 * @throws LOG_*, FILE_*, FORMAT_*: the log is not what was acknowledged.
 */
export function openSegmentLog(options: SegmentLogOptions): SegmentLog {
  return new SegmentLog(options);
}

export class SegmentLog implements ReplicatedLog {
  readonly limits: SegmentLogLimits;
  private readonly disk: Disk;
  private readonly files: SegmentFiles;
  private readonly scheduler: Scheduler;
  private readonly memory: BatchMemory;
  private readonly writer: BatchWriter;
  private truncating: Promise<void> = Promise.resolve();
  private closing: Promise<void> | null = null;

  constructor(options: SegmentLogOptions) {
    const { disk, directory, scheduler } = options;
    const identity = { cluster: options.cluster, group: options.group };
    const limits = { ...segmentLogDefaults, ...options.limits };
    assert(limits.fileBytes >= 2 * blockBytes, "a file of the log has room for a batch");
    const survey = surveyLog(disk, directory, identity);
    this.disk = disk;
    this.scheduler = scheduler;
    this.limits = limits;
    this.files = new SegmentFiles({ disk, directory, identity, limits, scheduler, survey });
    this.memory = new BatchMemory(disk, limits.batchBytesMax);
    const prewriter = new Prewriter(disk, limits.fileBytes);
    const { files, memory } = this;
    const pace = new Pace(options.clock ?? null);
    const { last } = survey;
    this.writer = new BatchWriter({ files, memory, prewriter, pace, limits, scheduler, last });
  }

  get first(): LogIndex {
    return this.files.firstIndex as LogIndex;
  }

  get last(): LogIndex {
    return this.writer.last as LogIndex;
  }

  get bytes(): number {
    return this.files.bytes;
  }

  /** How batches are written: past the page cache or through it; null before the start. */
  get direct(): boolean | null {
    return this.files.active === null ? null : this.files.active.file.direct;
  }

  /** True while a file is kept that may hold bytes from before the last `retireFiles`. */
  get holdsRetiredFiles(): boolean {
    return this.files.holdsRetired;
  }

  async start(): Promise<void> {
    this.begin();
  }

  private begin(): void {
    if (this.writer.failure !== null) throw this.writer.failure;
    if (this.files.active === null) this.writer.guard(() => this.files.start(this.writer.last));
  }

  append(entry: Uint8Array, done: AppendDone): void {
    this.writer.append(entry, done);
  }

  allocate(bytes: number): Buffer {
    return this.memory.lend(bytes);
  }

  *read(from: LogIndex, to?: LogIndex): Generator<LogEntry> {
    if (from < this.first)
      throw new StrongroomError("LOG_TRUNCATED", `entry ${from}; the first is ${this.first}`);
    const end = Math.min(to ?? this.last, this.last);
    yield* readEntries(this.disk, this.files.list, from, end);
  }

  async readIndex(): Promise<LogIndex> {
    return this.last;
  }

  truncate(before: LogIndex): Promise<void> {
    const once = () => this.truncateOnce(before);
    const work = this.truncating.then(once).catch((error: unknown) => {
      // The free files were given up meanwhile, which may be the room that was missing.
      if (isStrongroomError(error, "LOG_DISK_FULL")) return once();
      throw error;
    });
    this.truncating = work.catch(() => {});
    return work;
  }

  private async truncateOnce(before: LogIndex): Promise<void> {
    this.begin();
    await this.guarded(this.files.truncate(Math.min(before, this.last + 1), this.writer.last));
  }

  /** As the writer's guard, for what takes its time. */
  private async guarded(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.writer.guard(() => {
        throw error;
      });
    }
  }

  get fileCount(): number {
    return this.files.list.length;
  }

  /** Entries under each key, and the files with them; counted, not read. */
  usage(): LogKeyUsage[] {
    return usageOfFiles(this.files.list);
  }

  /**
   * Takes every file out whose entries are all below `before`, the active one included: when it
   * resolves, each file that exists was made after the call (or holds an entry from `before` on),
   * and none was written over.
   * @throws as `truncate`.
   */
  async clear(before: LogIndex): Promise<void> {
    await this.retireFiles();
    while (!this.writer.leaveRetired() && this.files.activeIsRetired)
      await this.scheduler.delay(leaveMs);
    await this.truncate(before);
  }

  /**
   * After a log key was retired: once it resolves no file that existed at the call is ever written
   * over again, the free ones are deleted, the next entry goes into a fresh file. The rest goes
   * with truncation (`holdsRetiredFiles` tells when).
   */
  retireFiles(): Promise<void> {
    const work = this.truncating.then(() => {
      this.begin();
      return this.guarded(this.files.retire(() => this.writer.last));
    });
    this.truncating = work.catch(() => {});
    return work;
  }

  /** The same, but the free files are deleted later: it takes no longer than a manifest. */
  forbidReuse(): void {
    this.begin();
    this.writer.guard(() => this.files.forbidReuse(this.writer.last));
    // One that cannot be deleted now goes with the next start.
    this.truncating = this.truncating.then(() => this.files.deleteRetired()).catch(() => {});
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    this.writer.stop();
    await this.writer.untilIdle();
    await this.truncating;
    try {
      if (this.files.active !== null && this.writer.failure === null)
        this.writer.guard(() => this.files.finish(this.writer.last));
    } finally {
      this.files.close();
    }
  }
}
