/**
 * The books of the store on the main thread: the segments, the index, the control records, and how
 * many bytes of every segment are dead.
 * @module
 */

import { assert } from "../../base/assert.ts";
import { readSafe64 } from "../../base/bytes.ts";
import {
  expireAtAt,
  keyspaceAt,
  kindControl,
  physicalAt,
  readControl,
  rootAt,
  sequenceAt,
} from "../../entry/record.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import { Controls } from "./controls.ts";
import type { SegmentHeader } from "./header.ts";
import type { DecodedHint } from "./hint.ts";
import { expirySeconds, flagsOf, RecordIndex } from "./index.ts";
import { loadRecords, SegmentRecords } from "./loading.ts";
import { Sweep } from "./walk.ts";

export interface Segment {
  readonly header: SegmentHeader;
  readonly headerMac: Buffer;
  readonly path: string;
  closed: boolean;
  /** Bytes of the file, header and padding included. */
  length: number;
  lastMac: Buffer;
  /** Puts, tombstones and control records. */
  records: number;
  /** Bytes of their frames, and of those that nothing needs any more. */
  recordBytes: number;
  deadBytes: number;
  /** Why it was set aside when it was read: not compacted, so that nothing is lost. */
  damage: string | null;
  /** Its successor is durable: the manifest no longer lists it, reads may still go to it. */
  leaving: boolean;
}

export interface LoadedSegment {
  readonly segment: Segment;
  readonly hint: DecodedHint;
}

export class Books {
  readonly segments = new Map<number, Segment>();
  readonly index: RecordIndex;
  readonly controls = new Controls();
  /** The next record's; greater than any on disk. */
  nextSequence = 1;
  private readonly dropSweep: Sweep;

  constructor(loading: boolean) {
    this.index = new RecordIndex(loading);
    this.dropSweep = new Sweep(this.index);
  }

  /** Bytes of all segments' files. */
  get bytes(): number {
    let sum = 0;
    for (const { length } of this.segments.values()) sum += length;
    return sum;
  }

  segment(number: number): Segment {
    const segment = this.segments.get(number);
    assert(segment !== undefined, "a place in a segment that does not exist");
    return segment;
  }

  /** A record there, with a body of `length` bytes, is needed no more. */
  died(segment: number, length: number): void {
    this.segment(segment).deadBytes += frameHeaderBytes + length;
  }

  /** What the index says became dead by its last change. */
  settleDead(): void {
    const { dead } = this.index;
    if (dead.segment !== 0) this.died(dead.segment, dead.length);
  }

  private count(segment: Segment, length: number): void {
    segment.records++;
    segment.recordBytes += frameHeaderBytes + length;
  }

  /** Takes the records of loaded segments in. */
  load(all: readonly LoadedSegment[]): void {
    const read = all.map(({ segment, hint }) => {
      return new SegmentRecords(hint.entries, segment.header.number);
    });
    loadRecords(this.index, read, (segment, length) => this.died(segment, length));
    for (const [at, { segment, hint }] of all.entries()) {
      const { bytes, sequence } = read[at] as SegmentRecords;
      segment.records += hint.records;
      segment.recordBytes += bytes;
      this.nextSequence = Math.max(this.nextSequence, sequence + 1);
      for (const { offset, length, body } of hint.controls)
        this.placeControl(segment, body, 0, length, offset);
    }
  }

  /** All segments are loaded: tombstones that shadow nothing are dead weight from now on. */
  finishLoading(): void {
    this.index.finishLoading();
    new Sweep(this.index).walk(Number.POSITIVE_INFINITY, (_words, at, shard) => {
      this.index.use(shard, at);
      if (this.index.droppable) this.died(this.index.segment, this.index.length);
      return false;
    });
  }

  /** A record of a run, its body at `bodyAt` of the run's memory, lies at this place now. */
  placeRecord(segment: Segment, buffer: Buffer, bodyAt: number, offset: number, length: number) {
    if (buffer[bodyAt] === kindControl) {
      const end = bodyAt + length;
      this.placeControl(segment, buffer.subarray(bodyAt, end), 0, length, offset);
      return;
    }
    this.count(segment, length);
    this.index.place(
      buffer,
      bodyAt + physicalAt,
      segment.header.number,
      offset,
      length,
      buffer.readUInt32BE(bodyAt + keyspaceAt),
      flagsOf(buffer[bodyAt] as number, buffer[bodyAt + rootAt] as number),
      expirySeconds(readSafe64(buffer, bodyAt + expireAtAt)),
      readSafe64(buffer, bodyAt + sequenceAt),
    );
    this.settleDead();
  }

  /** The same for one that the addon has placed. @param deadSegment - 0: nothing died by it. */
  placed(segment: Segment, length: number, deadSegment: number, deadLength: number): void {
    this.count(segment, length);
    if (deadSegment !== 0) this.died(deadSegment, deadLength);
  }

  private placeControl(
    segment: Segment,
    body: Buffer,
    at: number,
    length: number,
    offset: number,
  ): void {
    const record = readControl(body, at, length);
    if (record.sequence >= this.nextSequence) this.nextSequence = record.sequence + 1;
    this.count(segment, length);
    const dead = this.controls.place(record, segment.header.number, offset, length);
    if (dead !== null) this.died(dead.segment, dead.length);
  }

  dropKeyspace(keyspace: number): void {
    const { tally } = this.index;
    if (tally.dropped.has(keyspace)) return;
    tally.dropped.add(keyspace);
    tally.sweeping = true;
    // A drop begins a round of its own: the walk ends once it has met every slot since.
    this.dropSweep.restart();
  }

  /** Of a keyspace that was dropped the last record may have gone from the disk. */
  forgetDropped(): void {
    const { tally } = this.index;
    for (const keyspace of tally.dropped) tally.forget(keyspace);
  }

  /** Takes slots of dropped keyspaces out. @returns True once none is left. */
  sweepDropped(slotsMax: number): boolean {
    const { index } = this;
    if (!index.tally.sweeping) return true;
    const finished = this.dropSweep.walk(slotsMax, (_words, at, shard) => {
      index.use(shard, at);
      if (!index.tally.dropped.has(index.keyspace)) return false;
      if (index.placed && !index.droppable) this.died(index.segment, index.length);
      index.evict();
      return true;
    });
    if (!finished) return false;
    index.tally.sweeping = false;
    this.forgetDropped();
    return true;
  }
}
