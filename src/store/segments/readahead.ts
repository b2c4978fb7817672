/**
 * Records that will be asked for soon, read by one call and opened by another. What a segment holds
 * at an offset never changes, so an opened record stays right until its segment is forgotten or
 * others are foreseen. Nothing is refused here: what cannot be read, checked or opened is left to
 * the single read, which says why.
 * @module
 */
import { getU32 } from "../../base/bytes.ts";
import { type Disk, type DiskFile, readRow } from "../../base/ports.ts";
import { kindPut, recordHeaderBytes, sealedPutOverhead } from "../../entry/record.ts";
import { frameHeaderBytes, frameIsWhole } from "../../files/framing.ts";
import type { Primitives } from "../../platform/primitives.ts";
import { type RecordOpener, RecordsOpener } from "../../sealed/record.ts";

/** Records that are foreseen at most. */
export const aheadMax = 16;
const memoryBytes = 128 * 1024;
/** A longer record is read alone: it costs what its bytes cost. */
const recordBytesMax = 16 * 1024;

/** A segment that is open for reading; without an opener it is clear. */
export interface OpenSegment {
  readonly number: number;
  readonly file: DiskFile;
  readonly opener: RecordOpener | null;
  readonly seed: number;
}

export class ReadAhead {
  /** Where the opened records lie: `at` is the beginning of a record's header. */
  readonly memory = Buffer.allocUnsafeSlow(memoryBytes);
  readonly at = new Uint32Array(aheadMax);
  readonly bodyStart = new Uint32Array(aheadMax);
  readonly bodyEnd = new Uint32Array(aheadMax);
  readonly compressed = new Uint8Array(aheadMax);
  private readonly disk: Disk;
  private readonly opener: RecordsOpener;
  private readonly segments: OpenSegment[] = [];
  private readonly files: DiskFile[] = [];
  private readonly rows = new Uint32Array(aheadMax * readRow);
  private readonly length = new Uint32Array(aheadMax);
  /** Number of the record in `opener`; -1: it is not opened there. */
  private readonly order = new Int32Array(aheadMax);
  private readonly whole = new Uint8Array(aheadMax);
  /** Records that are foreseen. */
  count = 0;
  private used = 0;
  /** Until `run`, nothing is found. */
  private ready = false;
  /** The record that was asked for last. */
  private met = 0;

  constructor(disk: Disk, primitives: Primitives) {
    this.disk = disk;
    this.opener = new RecordsOpener(primitives, aheadMax);
  }

  /** What was foreseen before is forgotten. */
  begin(): void {
    this.count = this.used = this.met = 0;
    this.ready = false;
  }

  /** Adds the record of `length` bytes whose frame begins at `offset`. */
  add(segment: OpenSegment, offset: number, length: number): void {
    const n = this.count;
    const bytes = frameHeaderBytes + length;
    if (n === aheadMax || bytes > recordBytesMax || this.used + bytes > memoryBytes) return;
    const row = n * readRow;
    this.segments[n] = segment;
    this.files[n] = segment.file;
    this.rows[row + 1] = this.used;
    this.rows[row + 2] = bytes;
    this.rows[row + 3] = offset;
    this.length[n] = length;
    this.used += bytes;
    this.count = n + 1;
  }

  /** Reads and opens all of them. @returns how many were opened under a key. */
  run(): number {
    const { count, memory, rows } = this;
    this.disk.readMany(this.files, memory, rows, count);
    let sealed = 0;
    for (let n = 0; n < count; n++) {
      this.order[n] = -1;
      this.whole[n] = this.check(n) ? 1 : 0;
      if (this.order[n] !== -1) sealed++;
    }
    if (sealed > 0) this.opener.openAll(memory);
    for (let n = 0; n < count; n++)
      if (this.order[n] !== -1 && !this.opener.opened(this.order[n] as number)) this.whole[n] = 0;
    this.ready = true;
    return sealed;
  }

  /** Whether frame `n` is a put of the right length; a sealed one is added to the opener. */
  private check(n: number): boolean {
    const { memory, rows } = this;
    const row = n * readRow;
    const frame = rows[row + 1] as number;
    const length = this.length[n] as number;
    const at = frame + frameHeaderBytes;
    this.at[n] = at;
    if (rows[row + 4] !== rows[row + 2] || getU32(memory, frame) !== length) return false;
    if (memory[at] !== kindPut || length < recordHeaderBytes) return false;
    const { opener, seed } = this.segments[n] as OpenSegment;
    if (opener === null) {
      this.bodyStart[n] = at + recordHeaderBytes;
      this.bodyEnd[n] = at + length;
      this.compressed[n] = 0;
      return frameIsWhole(memory, frame, length, seed, rows[row + 3] as number);
    }
    if (length < sealedPutOverhead) return false;
    try {
      opener.check(memory, at, length);
    } catch {
      return false;
    }
    this.bodyStart[n] = opener.bodyStart;
    this.bodyEnd[n] = opener.bodyEnd;
    this.compressed[n] = opener.compressed ? 1 : 0;
    this.order[n] = this.opener.add(opener, at, length);
    return true;
  }

  /** The segment of record `n` if reading it had to wait for the disk, or -1. */
  waitedFor(n: number): number {
    return this.rows[n * readRow] === 1 ? (this.segments[n] as OpenSegment).number : -1;
  }

  /** The number of an opened record, or -1. Mostly they are asked for in order. */
  find(segment: number, offset: number, length: number): number {
    if (!this.ready) return -1;
    const { count } = this;
    for (let step = 0, n = this.met; step < count; step++, n = n + 1 === count ? 0 : n + 1) {
      if (this.rows[n * readRow + 3] !== offset || this.whole[n] === 0) continue;
      if (this.length[n] !== length || this.segments[n]?.number !== segment) continue;
      this.met = n;
      return n;
    }
    return -1;
  }

  /** Forgets and zeroes everything. */
  clear(): void {
    this.begin();
    this.memory.fill(0);
    this.segments.length = 0;
    this.files.length = 0;
  }
}
